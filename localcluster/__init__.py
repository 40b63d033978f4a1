"""A pocket Kubernetes: one process that keeps objects, serves them over the API, and runs what they say as processes of this machine.

What it is: the part of Kubernetes that Storeyard and kubectl use, near enough that neither can tell. `objects` is the store with the API
server's apply semantics, pure, in memory; `disk` keeps it; `api` serves it; `controllers` make pods of workloads; `node` runs pods;
`network` forwards Services and Ingresses; `cluster` puts them together, `python -m localcluster` starts it.

What it is not: it isolates nothing. Pods are plain processes of one user, on one machine, without containers: they see each other and
everything that the user sees. Network policies, security contexts and CPU limits are kept as objects and not enforced; memory limits are
watched. Images are not pulled: a catalogue says which folder of this machine stands for an image. Linux on x86-64 only. For trying things
out and for tests; production is Kubernetes.

It imports nothing of `app`.
"""
