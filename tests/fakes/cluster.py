"""A cluster for tests: the port `Cluster` on localcluster's object store, with controllers that a test cranks by hand.

Answers are those of a real API server (the contract suite compares the two); pods are states that `settle` and `break_pod` write. What a
caller gets is his own copy. Nothing happens by itself: without `settle()` no pod runs, no volume binds, no namespace ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import orjson

from app.domain.errors import ClusterError, Conflict, Gone, ObjectNotFound, Rejected, Transient
from app.domain.manifests import FIELD_MANAGER, LiveObject, Manifest, ObjectKey
from app.ports import Page, WatchEvent
from localcluster.errors import ApiError
from localcluster.objects import Store
from localcluster.strategy import Surroundings
from tests.fakes.controllers import Controllers
from tests.fakes.kubelet import Failure, FailureReason

Call = tuple[str, ObjectKey]
Predicate = Callable[[str, ObjectKey], bool]
T = TypeVar("T")


class Ticking:
    """A clock that moves one second per look: times differ, runs don't."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._next = start

    def __call__(self) -> datetime:
        self._next += timedelta(seconds=1)
        return self._next


@dataclass(slots=True)
class _Injection:
    predicate: Predicate
    error: Exception | Callable[[], Exception]
    times: int | None
    after: bool


def translate(error: ApiError) -> ClusterError:
    """As the Kubernetes adapter does."""
    data: dict[str, Any] = {"status": error.code, "reason": error.reason}
    # An apply that names another uid is answered as an invalid change of it.
    stale_uid = error.code == 422 and any(cause.field == "metadata.uid" for cause in error.causes)
    if error.code == 409 or stale_uid:
        return Conflict(error.message, **data)
    if error.code == 404:
        return ObjectNotFound(error.message, **data)
    if error.code == 410:
        return Gone(error.message, **data)
    if error.code in (408, 425, 429, 500, 502, 503, 504):
        return Transient(error.message, **data)
    return Rejected(error.message, **data)


class FakeCluster:
    """See the module's docstring. `calls` lists every call of the port, as (verb, key); a list's or watch's key has no name."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] | None = None,
        server_version: str = "v1.34.4",
        history: int = 10_000,
        expandable_volumes: bool = False,
    ) -> None:
        self.store = Store(now=now or Ticking(), surroundings=Surroundings(expandable=expandable_volumes), history=history)
        self.controllers = Controllers(self.store)
        self.calls: list[Call] = []
        self.denied: set[tuple[str, str]] = set()
        self._server_version = server_version
        self._injections: list[_Injection] = []
        for namespace in ("default", "kube-system"):
            self.store.create("Namespace", {"metadata": {"name": namespace}}, manager="kube-apiserver")

    # The port

    def version(self) -> str:
        return self._do("version", ObjectKey("", "", ""), lambda: self._server_version)

    def get(self, key: ObjectKey) -> LiveObject | None:
        try:
            return self._do("get", key, lambda: _live(self.store.get(key.kind, key.namespace, key.name)))
        except ObjectNotFound:
            return None

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> LiveObject:
        key = manifest.key
        return self._do(
            "create",
            key,
            lambda: _live(
                self.store.create(key.kind, _copy(manifest.body), namespace=key.namespace, manager=FIELD_MANAGER, dry_run=dry_run)
            ),
        )

    def apply(
        self, manifest: Manifest, *, uid: str | None = None, resource_version: str | None = None, dry_run: bool = False
    ) -> LiveObject:
        key, body = manifest.key, _copy(manifest.body)
        for name, value in (("uid", uid), ("resourceVersion", resource_version)):
            if value is not None:
                body["metadata"][name] = value
        return self._do(
            "apply",
            key,
            lambda: _live(self.store.apply(key.kind, key.namespace, key.name, body, manager=FIELD_MANAGER, force=True, dry_run=dry_run)),
        )

    def patch(self, key: ObjectKey, operations: Sequence[Mapping[str, Any]]) -> LiveObject:
        return self._do(
            "patch",
            key,
            lambda: _live(self.store.patch(key.kind, key.namespace, key.name, _copy(list(operations)), form="json", manager=FIELD_MANAGER)),
        )

    def delete(self, key: ObjectKey, *, uid: str | None = None, resource_version: str | None = None) -> bool:
        def work() -> bool:
            self.store.delete(key.kind, key.namespace, key.name, uid=uid, resource_version=resource_version)
            return True

        try:
            return self._do("delete", key, work)
        except ObjectNotFound:
            return False

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
        def work() -> Page:
            page = self.store.list(
                kind, namespace=namespace or "", label_selector=_equal(labels), field_selector=_equal(fields), limit=limit, token=after
            )
            return Page(tuple(_live(body) for body in page.items), page.resource_version, page.next)

        return self._do("list", ObjectKey(kind, namespace or "", ""), work)

    def watch(
        self, kind: str, *, labels: Mapping[str, str] | None = None, resource_version: str, timeout: float = 300
    ) -> Iterator[WatchEvent]:
        """Real time passes while there is nothing to say; a BOOKMARK is the last word."""
        key = ObjectKey(kind, "", "")
        watch = self._do("watch", key, lambda: self.store.watch(kind, label_selector=_equal(labels), resource_version=resource_version))
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            watch.wait(left)
            try:
                events = watch.poll()
            except ApiError as error:
                raise translate(error) from error
            for event in events:
                yield WatchEvent(event.type, _live(event.object), event.object["metadata"]["resourceVersion"])
        bookmark = watch.bookmark().object
        yield WatchEvent("BOOKMARK", LiveObject.of(bookmark), bookmark["metadata"]["resourceVersion"])

    def last_log_line(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> str | None:
        key = ObjectKey("Pod", namespace, pod)
        return self._do("log", key, lambda: self.controllers.log_line(namespace, pod, container, previous=previous))

    def may(self, verb: str, kind: str, *, namespace: str | None = None) -> bool:
        return self._do("may", ObjectKey(kind, namespace or "", ""), lambda: (verb, kind) not in self.denied)

    # What tests do to it

    def fail_on(
        self, predicate: Predicate, error: Exception | Callable[[], Exception], *, times: int | None = 1, after: bool = False
    ) -> None:
        """Raise `error` on calls for which `predicate(verb, key)` holds, `times` times (None: always).

        `after`: the call takes effect first, as when an answer is lost on its way.
        """
        self._injections.append(_Injection(predicate, error, times, after))

    def heal(self) -> None:
        """Forget all injected errors."""
        self._injections.clear()

    def edit(self, key: ObjectKey, patch: Any, *, manager: str = "kubectl-edit", subresource: str = "") -> LiveObject:
        """A change by hand: a list is a JSON patch, a mapping a merge patch. Not in `calls`; errors are localcluster's ApiError."""
        form = "json" if isinstance(patch, list) else "merge"
        body = self.store.patch(key.kind, key.namespace, key.name, _copy(patch), form=form, manager=manager, subresource=subresource)
        return _live(body)

    def add(self, body: Mapping[str, Any], *, manager: str = "kubectl-create") -> LiveObject:
        """An object made by hand. Not in `calls`."""
        namespace = (body.get("metadata") or {}).get("namespace", "")
        return _live(self.store.create(body["kind"], _copy(body), namespace=namespace, manager=manager))

    def remove(self, key: ObjectKey, *, grace_seconds: int | None = None) -> None:
        """A deletion by hand. Not in `calls`."""
        self.store.delete(key.kind, key.namespace, key.name, grace_seconds=grace_seconds)

    def settle(self, namespace: str = "", *, rounds: int = 50) -> None:
        """Let the controllers and the kubelet work, everywhere or in one namespace, until nothing changes any more."""
        self.controllers.settle(rounds, namespace)

    def break_pod(
        self, namespace: str, name: str, *, reason: FailureReason = "CrashLoopBackOff", exit_code: int = 1, log: str = "", message: str = ""
    ) -> None:
        """Have pods fail from now on: the pod `name`, or all of the workload `name`. Settles."""
        self.controllers.failures[namespace, name] = Failure(reason, exit_code, log, message)
        self.settle(namespace)

    def mend_pod(self, namespace: str, name: str) -> None:
        """The opposite of `break_pod`. Settles."""
        self.controllers.failures.pop((namespace, name), None)
        self.settle(namespace)

    def expire(self) -> None:
        """Compact: older versions and page tokens are Gone."""
        self.store.forget_history()

    def objects(self, kind: str, namespace: str = "") -> list[LiveObject]:
        """All objects of a kind, without a call."""
        return [_live(body) for body in self.store.list(kind, namespace=namespace).items]

    def look(self, key: ObjectKey) -> LiveObject | None:
        """An object as it is, without a call."""
        try:
            return _live(self.store.get(key.kind, key.namespace, key.name))
        except ApiError:
            return None

    def verbs(self, *writing: str) -> list[Call]:
        """The calls of these verbs (by default the writing ones)."""
        return [call for call in self.calls if call[0] in (writing or ("create", "apply", "patch", "delete"))]

    def _do(self, verb: str, key: ObjectKey, work: Callable[[], T]) -> T:
        self.calls.append((verb, key))
        late = self._injected(verb, key)
        try:
            result = work()
        except ApiError as error:
            raise translate(error) from error
        if late is not None:
            raise late
        return result

    def _injected(self, verb: str, key: ObjectKey) -> Exception | None:
        """Raises an error that is due before the call; returns one that is due after it."""
        for injection in self._injections:
            if injection.times == 0 or not injection.predicate(verb, key):
                continue
            if injection.times is not None:
                injection.times -= 1
            error = injection.error if isinstance(injection.error, Exception) else injection.error()
            if injection.after:
                return error
            raise error
        return None


def _copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


def _live(body: Mapping[str, Any]) -> LiveObject:
    return LiveObject.of(_copy(body))


def _equal(wanted: Mapping[str, str] | None) -> str:
    return ",".join(f"{name}={value}" if value else name for name, value in (wanted or {}).items())
