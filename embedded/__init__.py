"""`make up`: the whole of Storeyard on one Linux machine, as processes under one supervisor.

PostgreSQL, Valkey and Caddy come from their wheels, Medusa is built once from `docker/medusa/build`, and where STOREYARD_KUBECONFIG names
no cluster, the pocket cluster (`python -m localcluster`) takes its place. This package starts all of them as commands and imports none
of them. It needs nothing but the standard library, so that it can say what is missing on a machine where nothing else works.

Everything lives in one state folder (`.storeyard/`, or STOREYARD_STATE); sockets in a short folder below /tmp. Locks are flocks and
leftovers are found in /proc by their environment, so that a SIGKILL of anything is no obstacle to the next start.
"""
