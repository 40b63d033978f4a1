"""The cluster: reachable, new enough, and what a worker may do there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.domain.errors import ClusterError, Rejected
from app.domain.manifests import KINDS
from app.ports import Cluster, list_all
from app.reconcile.observe import OBSERVED_KINDS
from app.services.context import Services
from app.services.doctor.checks import REACH, Check, Late, Outcome, one_line, skipped, within
from app.services.sweep import SWEPT_KINDS

# Pod Security admission, on which the isolation of stores stands, is stable since 1.25. Source: Kubernetes documentation.
OLDEST_KUBERNETES = (1, 25)

_READ = ("get", "list", "watch")
_WRITE = ("create", "patch", "delete")
# Kinds that are looked at and never made.
_ONLY_READ = ("Pod", "Event", "StorageClass")
# Foreign objects of these are removed, and their like is never made.
_ONLY_REMOVED = ("RoleBinding", "DaemonSet", "Job", "CronJob")


def check_cluster(services: Services, name: str) -> Iterator[Check]:
    # One row, one cluster now; its id makes no difference to who is asked.
    try:
        cluster, version = within(REACH, lambda: _reach(services))
    except ClusterError as error:
        yield Check("cluster", Outcome.FAILED, f"{name}: {error.message}", _REACH_CLUSTER)
    except Late:
        yield Check("cluster", Outcome.FAILED, f"{name}: no answer within {REACH} s.", _REACH_CLUSTER)
    else:
        yield Check("cluster", Outcome.OK, f"Reached by {name}")
        yield _kubernetes(version)
        for check_name, check in (("permissions", _permissions), ("storage", _storage)):
            try:
                yield check(services, cluster)
            except ClusterError as error:
                yield Check(
                    check_name, Outcome.FAILED, error.message, "Give the credentials the rights that the worker needs, then try again."
                )
        return
    yield from skipped(("kubernetes", "permissions", "storage"), "The cluster cannot be reached.")


_REACH_CLUSTER = (
    "Check that the API server runs and that STOREYARD_KUBECONFIG (and STOREYARD_KUBE_CONTEXT) lead to it "
    "(kubectl --kubeconfig FILE version). "
    "In a pod leave STOREYARD_KUBECONFIG unset."
)


def _reach(services: Services) -> tuple[Cluster, str]:
    try:
        cluster = services.cluster("")
    except ClusterError:
        raise
    except Exception as error:
        # A file that is no kubeconfig ends in whatever the client's parser stumbles over.
        raise Rejected(f"It cannot be used: {type(error).__name__}: {one_line(error)}") from error
    return cluster, cluster.version()


def _kubernetes(version: str) -> Check:
    match = re.match(r"v?(\d+)\.(\d+)", version)
    oldest = ".".join(map(str, OLDEST_KUBERNETES))
    if match is None:
        return Check("kubernetes", Outcome.WARNING, f"Unknown version {version}", f"Storeyard needs Kubernetes {oldest} or newer.")
    if (int(match[1]), int(match[2])) < OLDEST_KUBERNETES:
        return Check("kubernetes", Outcome.FAILED, f"Kubernetes {version}", f"Upgrade the cluster to Kubernetes {oldest} or newer.")
    return Check("kubernetes", Outcome.OK, f"Kubernetes {version}")


def needed_permissions() -> tuple[tuple[str, str], ...]:
    """(verb, kind) for everything that a worker, the sweep and the doctor ask of an API server, in all namespaces."""
    kinds = {"Namespace", *SWEPT_KINDS, *OBSERVED_KINDS, *_ONLY_READ}
    pairs: list[tuple[str, str]] = []
    for kind in KINDS:
        if kind not in kinds:
            continue
        pairs.extend((verb, kind) for verb in _READ)
        if kind in _ONLY_REMOVED:
            pairs.append(("delete", kind))
        elif kind not in _ONLY_READ:
            pairs.extend((verb, kind) for verb in _WRITE)
    return tuple(pairs)


def _permissions(services: Services, cluster: Cluster) -> Check:
    pairs = needed_permissions()
    allowed = list(services.executor.map(lambda pair: cluster.may(*pair), pairs))
    refused: dict[str, list[str]] = {}
    for (verb, kind), granted in zip(pairs, allowed, strict=True):
        if not granted:
            refused.setdefault(KINDS[kind].plural, []).append(verb)
    if not refused:
        return Check("permissions", Outcome.OK, f"All {len(pairs)} that a worker needs")
    missing = "; ".join(f"{plural}: {', '.join(verbs)}" for plural, verbs in refused.items())
    plural, verbs = next(iter(refused.items()))
    fix = (
        f"Bind a ClusterRole that allows these to the credentials in use. To check: kubectl auth can-i {verbs[0]} {plural} --all-namespaces"
    )
    return Check("permissions", Outcome.FAILED, f"Not allowed: {missing}", fix)


def _storage(services: Services, cluster: Cluster) -> Check:
    classes = {item.key.name: item for item in list_all(cluster, "StorageClass")}
    wanted = services.profile.storage_class
    names = ", ".join(sorted(classes)) or "none"
    if wanted is not None and wanted not in classes:
        fix = f"Set STOREYARD_STORAGE_CLASS to one of: {names}; or leave it out for the default."
        return Check("storage", Outcome.FAILED, f"There is no storage class {wanted!r}.", fix)
    default = "storageclass.kubernetes.io/is-default-class"
    chosen = wanted or next((name for name, item in classes.items() if item.annotations.get(default) == "true"), None)
    if chosen is None:
        fix = (
            f"Set STOREYARD_STORAGE_CLASS to one of: {names}." if classes else "Install a storage provisioner: stores keep data in volumes."
        )
        return Check("storage", Outcome.FAILED, "No storage class is the default.", fix)
    growing = "volumes can grow" if classes[chosen].body.get("allowVolumeExpansion") else "volumes cannot grow: larger plans are refused"
    return Check("storage", Outcome.OK, f"Class {chosen}; {growing}")
