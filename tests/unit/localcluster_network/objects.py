"""Services, pods and Ingresses for the tests of the network."""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]


def service(name: str = "web", *, port: int = 80, target: int | str = 8080, address: str = "127.96.0.1", **spec: Any) -> Body:
    ports = [{"name": "main", "port": port, "targetPort": target, "protocol": "TCP"}]
    return {
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"type": "ClusterIP", "clusterIP": address, "selector": {"app": name}, "ports": ports, **spec},
    }


def pod(
    address: str = "127.64.0.1", *, app: str = "web", ready: bool = True, leaving: bool = False, phase: str = "Running", port: int = 8080
) -> Body:
    return {
        "metadata": {
            "name": f"{app}-{address}",
            "namespace": "shop",
            "labels": {"app": app, "tier": "any"},
            **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if leaving else {}),
        },
        "spec": {"containers": [{"name": "side"}, {"name": "main", "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}]}]},
        "status": {
            "phase": phase,
            **({"podIP": address} if address else {}),
            "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def ingress(*rules: Body, name: str = "shop", created: str = "2026-01-01T00:00:00Z", default: Body | None = None) -> Body:
    meta = {"name": name, "namespace": "shop", "uid": f"uid-of-{name}", "creationTimestamp": created}
    return {"metadata": meta, "spec": {"rules": list(rules), **({"defaultBackend": default} if default else {})}}


def rule(host: str, *paths: tuple[str, str, str]) -> Body:
    """Each path with its type and Service."""
    return {"host": host, "http": {"paths": [{"path": path, "pathType": kind, "backend": backend(name)} for path, kind, name in paths]}}


def backend(name: str, port: int | str = 80) -> Body:
    return {"service": {"name": name, "port": {"number": port} if isinstance(port, int) else {"name": port}}}
