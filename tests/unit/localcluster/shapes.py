"""Objects and Hypothesis strategies for the tests of localcluster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from localcluster.objects import Store

Body = dict[str, Any]
NAMESPACE = "home"


class Ticking:
    """One second per look."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


def new_store(**options: Any) -> Store:
    """A store with one namespace."""
    store = Store(now=Ticking(), **options)
    store.create("Namespace", {"metadata": {"name": NAMESPACE}}, manager="tests")
    return store


def config_map(data: Mapping[str, str] | None = None, *, name: str = "settings", **metadata: Any) -> Body:
    body: Body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}
    return body if data is None else {**body, "data": dict(data)}


def deployment(*, name: str = "web", **container: Any) -> Body:
    main = {"name": "main", "image": "example.test/web:1", **container}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [main]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


names = st.sampled_from(["a", "b", "c", "d", "e"])
values = st.sampled_from(["1", "2", "3"])
data = st.dictionaries(names, values, max_size=4)
variable = st.builds(lambda name, value: {"name": name, "value": value}, names, values)
env = st.lists(variable, unique_by=lambda item: item["name"], max_size=4)
ports = st.lists(
    st.builds(
        lambda port, protocol: {"containerPort": port, **({"protocol": protocol} if protocol else {})},
        st.integers(80, 83),
        st.sampled_from(["", "UDP"]),
    ),
    unique_by=lambda item: (item["containerPort"], item.get("protocol", "TCP")),
    max_size=3,
)
quantities = st.sampled_from(["0.5", "500m", "1", "1000m", "0.25"])
containers = st.fixed_dictionaries(
    {},
    optional={
        "env": env.filter(bool),
        "ports": ports.filter(bool),
        "args": st.lists(values, min_size=1, max_size=3),
        "resources": st.builds(lambda cpu: {"limits": {"cpu": cpu}}, quantities),
        "readinessProbe": st.builds(lambda port: {"httpGet": {"port": port, "path": "/"}}, st.integers(80, 83)),
    },
)
deployments = st.builds(
    lambda container, labels: {**deployment(**container), "metadata": {"name": "web", **({"labels": labels} if labels else {})}},
    containers,
    data,
)
