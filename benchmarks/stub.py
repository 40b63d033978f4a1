"""A cluster that answers at once from memory, and the worker that works on it: for measuring everything but the API server.

It knows what the platform's own passes need: objects get a uid, a version and our entry in `managedFields`, and workloads are ready as
soon as they are applied. It checks nothing (tests.fakes.cluster does), and each worker has its own.

    python -m benchmarks.stub      (as `python -m jobs.worker`)
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app import bootstrap
from app.domain.manifests import FIELD_MANAGER, LiveObject, Manifest, ObjectKey
from app.ports import Page, WatchEvent
from jobs.worker import main as work

_SERVING = {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1, "phase": "Bound"}


class StubCluster:
    """The `Cluster` port in a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[ObjectKey, LiveObject]] = {}
        self._numbers = itertools.count(1)

    @classmethod
    def from_kubeconfig(cls, path: str | None, *, context: str | None = None) -> StubCluster:  # noqa: ARG003
        return cls()

    def version(self) -> str:
        return "stub"

    def get(self, key: ObjectKey) -> LiveObject | None:
        return self._objects.get(key.namespace or key.name, {}).get(key)

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> LiveObject:  # noqa: ARG002
        return self._put(manifest)

    def apply(
        self, manifest: Manifest, *, uid: str | None = None, resource_version: str | None = None, dry_run: bool = False  # noqa: ARG002
    ) -> LiveObject:  # fmt: skip
        return self._put(manifest)

    def _put(self, manifest: Manifest) -> LiveObject:
        key, number = manifest.key, next(self._numbers)
        known = self.get(key)
        metadata: dict[str, Any] = {
            **manifest.body["metadata"],
            "uid": known.uid if known else f"00000000-0000-0000-0000-{number:012d}",
            "resourceVersion": str(number),
            "generation": 1,
            "managedFields": [{"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:metadata": {}}}],
        }
        live = LiveObject(key, {**manifest.body, "metadata": metadata, "status": _SERVING})
        self._objects.setdefault(key.namespace or key.name, {})[key] = live
        return live

    def patch(self, key: ObjectKey, operations: Sequence[Mapping[str, Any]]) -> LiveObject:
        raise NotImplementedError(f"nobody else writes here, yet {key} was to be patched by {len(operations)} operations")

    def delete(self, key: ObjectKey, *, uid: str | None = None, resource_version: str | None = None) -> bool:  # noqa: ARG002
        if key.kind == "Namespace":
            return self._objects.pop(key.name, None) is not None
        return self._objects.get(key.namespace, {}).pop(key, None) is not None

    def list_page(
        self,
        kind: str,
        *,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,  # noqa: ARG002
        fields: Mapping[str, str] | None = None,  # noqa: ARG002
        limit: int = 500,  # noqa: ARG002
        after: str = "",  # noqa: ARG002
    ) -> Page:
        spaces = [self._objects.get(namespace, {})] if namespace else list(self._objects.values())
        return Page(tuple(live for space in spaces for key, live in space.items() if key.kind == kind), "1", "")

    def watch(
        self, kind: str, *, labels: Mapping[str, str] | None = None, resource_version: str, timeout: float = 300  # noqa: ARG002
    ) -> Iterator[WatchEvent]:  # fmt: skip
        return iter(())

    def last_log_line(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> str | None:  # noqa: ARG002
        return None

    def may(self, verb: str, kind: str, *, namespace: str | None = None) -> bool:  # noqa: ARG002
        return True


def main() -> None:
    bootstrap.KubernetesCluster = StubCluster  # type: ignore[assignment,misc]
    work()


if __name__ == "__main__":
    main()
