"""A cluster around another: one place where every call passes, for fences, circuits, counters and fault injection in tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from app.domain.manifests import LiveObject, Manifest, ObjectKey
from app.ports import Cluster, Page, WatchEvent

T = TypeVar("T")


class InterceptedCluster:
    """Passes every call on through `around`, which a subclass overrides."""

    def __init__(self, inner: Cluster) -> None:
        self.inner = inner

    def around(self, verb: str, target: ObjectKey | str, call: Callable[[], T]) -> T:  # noqa: ARG002
        """Do the call. `verb` is the port's method, `target` an object or a kind."""
        return call()

    def version(self) -> str:
        return self.around("version", "", self.inner.version)

    def get(self, key: ObjectKey) -> LiveObject | None:
        return self.around("get", key, lambda: self.inner.get(key))

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> LiveObject:
        return self.around("create", manifest.key, lambda: self.inner.create(manifest, dry_run=dry_run))

    def apply(
        self, manifest: Manifest, *, uid: str | None = None, resource_version: str | None = None, dry_run: bool = False
    ) -> LiveObject:
        return self.around(
            "apply",
            manifest.key,
            lambda: self.inner.apply(manifest, uid=uid, resource_version=resource_version, dry_run=dry_run),
        )

    def patch(self, key: ObjectKey, operations: Sequence[Mapping[str, Any]]) -> LiveObject:
        return self.around("patch", key, lambda: self.inner.patch(key, operations))

    def delete(self, key: ObjectKey, *, uid: str | None = None, resource_version: str | None = None) -> bool:
        return self.around("delete", key, lambda: self.inner.delete(key, uid=uid, resource_version=resource_version))

    def list_page(
        self,
        kind: str,
        *,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        limit: int = 500,
        after: str = "",
    ) -> Page:
        return self.around(
            "list",
            kind,
            lambda: self.inner.list_page(kind, namespace=namespace, labels=labels, fields=fields, limit=limit, after=after),
        )

    def watch(
        self, kind: str, *, labels: Mapping[str, str] | None = None, resource_version: str, timeout: float = 300
    ) -> Iterator[WatchEvent]:
        return self.around("watch", kind, lambda: self.inner.watch(kind, labels=labels, resource_version=resource_version, timeout=timeout))

    def last_log_line(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> str | None:
        key = ObjectKey("Pod", namespace, pod)
        return self.around("log", key, lambda: self.inner.last_log_line(namespace, pod, container, previous=previous))

    def may(self, verb: str, kind: str, *, namespace: str | None = None) -> bool:
        return self.around("may", kind, lambda: self.inner.may(verb, kind, namespace=namespace))
