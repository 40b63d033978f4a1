"""The object store: what an API server answers to create, get, list, update, patch, apply, delete and watch.

In memory, safe for threads, deterministic: time and identities come from the functions handed in. Stored objects are never changed in
place, so answers may share parts with the store: callers must not write to them. No authentication, no admission webhooks, no quotas, one
API version per kind.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from localcluster import apply as ssa
from localcluster import defaults, immutable, marshal, validate
from localcluster.bodies import check_growth, chosen, decode, managed_of, refuse, timeless
from localcluster.errors import ApiError, Cause
from localcluster.history import Event, Watch
from localcluster.lifecycle import deletion, finished, graceful
from localcluster.listing import Listing, Pager
from localcluster.memory import Keeper, Memory
from localcluster.requests import PatchForm, check_address, check_apply, check_preconditions, known_kind, patched, selection
from localcluster.schema import KINDS, Kind
from localcluster.strategy import Surroundings, expandable, prepare_create, prepare_update

Body = dict[str, Any]


def counted_uids() -> Callable[[], str]:
    """Identities that are the same in every run."""
    numbers = itertools.count(1)
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012x}"


class Store:
    """All objects of one cluster. Every method raises ApiError, with the code and reason that the API server would answer."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        new_uid: Callable[[], str] | None = None,
        surroundings: Surroundings | None = None,
        history: int = 10_000,
        keeper: Keeper | None = None,
    ) -> None:
        self.now = now
        self._new_uid = new_uid or counted_uids()
        self._around = surroundings or Surroundings()
        self._memory = Memory(history=history, keeper=keeper)
        self._lock = self._memory.lock
        self._pager = Pager()

    # Reading

    @property
    def version(self) -> str:
        """The resourceVersion of the last write."""
        return str(self._memory.version)

    def get(self, kind: str, namespace: str, name: str) -> Body:
        info = known_kind(kind)
        with self._lock:
            return self._memory.live(info, namespace, name)

    def list(
        self, kind: str, *, namespace: str = "", label_selector: str = "", field_selector: str = "", limit: int = 0, token: str = ""
    ) -> Listing:
        """A page; `token` continues a list. Empty namespace: all of them."""
        info = known_kind(kind)
        selected = selection(info, label_selector, field_selector)
        with self._lock:
            if token:
                return self._pager.further(info, token, selected=selected, namespace=namespace, limit=limit)
            objects = self._memory.held(info, namespace)
            return self._pager.first(info, objects, self._memory.version, selected=selected, namespace=namespace, limit=limit)

    def watch(
        self, kind: str, *, namespace: str = "", label_selector: str = "", field_selector: str = "", resource_version: str = ""
    ) -> Watch:
        """Events after a version. Empty or '0': first what there is, as ADDED."""
        info = known_kind(kind)
        selected = selection(info, label_selector, field_selector) or (lambda _: True)
        if resource_version and not resource_version.isdigit():
            raise ApiError.internal(
                f'resourceVersion: Invalid value: "{resource_version}": strconv.ParseUint: parsing "{resource_version}": invalid syntax'
            )
        with self._lock:
            version, first = int(resource_version or 0), []
            if not version:
                version = self._memory.version
                items = self.list(kind, namespace=namespace, label_selector=label_selector, field_selector=field_selector).items
                first = [Event("ADDED", body) for body in items]
            return Watch(self._memory.history, info, namespace=namespace, selected=selected, version=version, first=first)

    def forget_history(self) -> None:
        """As after a compaction: old versions, and continue tokens, are Expired."""
        with self._lock:
            self._memory.history.forget()
            self._pager.forget()

    # Writing

    def create(self, kind: str, body: Mapping[str, Any], *, manager: str, namespace: str = "", dry_run: bool = False) -> Body:
        info = known_kind(kind)
        with self._lock:
            check_address(info, body, namespace, None)
            if (body.get("metadata") or {}).get("resourceVersion"):
                raise ApiError.internal("resourceVersion should not be set on objects to be created")
            new = decode(info, body)
            new["metadata"].pop("managedFields", None)
            self._address(info, new, namespace, (body.get("metadata") or {}).get("name") or self._generated(info, namespace, new))
            managed = ssa.track_update(marshal.empty(info), new, {}, self._write(info, manager))
            return self._add(info, new, managed, dry_run=dry_run)

    def update(
        self, kind: str, namespace: str, name: str, body: Mapping[str, Any], *, manager: str, subresource: str = "", dry_run: bool = False
    ) -> Body:
        """PUT: replaces the object. Its resourceVersion, where given, must be the live one."""
        info = known_kind(kind)
        with self._lock:
            check_address(info, body, namespace, name)
            live = self._memory.live(info, namespace, name)
            uid = (body.get("metadata") or {}).get("uid")
            if uid and uid != live["metadata"]["uid"]:
                raise ApiError.conflict(
                    info, name, f"Precondition failed: UID in precondition: {uid}, UID in object meta: {live['metadata']['uid']}"
                )
            meta = {"name": name, **({"namespace": namespace} if info.namespaced else {}), **(body.get("metadata") or {})}
            return self._replace(info, live, {**body, "metadata": meta}, self._write(info, manager, subresource), dry_run=dry_run)

    def patch(
        self,
        kind: str,
        namespace: str,
        name: str,
        patch: Any,
        *,
        form: PatchForm,
        manager: str,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Body:
        info = known_kind(kind)
        with self._lock:
            live = self._memory.live(info, namespace, name)
            body = patched(info, live, patch, form)
            check_address(info, body, namespace, name)
            return self._replace(info, live, body, self._write(info, manager, subresource), dry_run=dry_run)

    def apply(
        self,
        kind: str,
        namespace: str,
        name: str,
        config: Mapping[str, Any],
        *,
        manager: str,
        force: bool = False,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Body:
        """Server-side apply. `metadata.uid` and `metadata.resourceVersion` in `config` are preconditions."""
        info = known_kind(kind)
        with self._lock:
            check_apply(info, config, namespace, name, manager)
            live = self._memory.find(info, namespace, name)
            write = self._write(info, manager, subresource)
            if live is None:
                return self._apply_new(info, namespace, name, config, write, dry_run=dry_run)
            managed = managed_of(live)
            if not managed:
                managed = ssa.track_update(marshal.empty(info), live, {}, self._write(info, ssa.BEFORE_FIRST_APPLY))
            merged, managed = ssa.apply(live, config, managed, write, force=force)
            new = decode(info, merged, applied=f"{namespace}/{name}")
            return self._store(info, live, new, managed, write, dry_run=dry_run)

    def delete(
        self,
        kind: str,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str = "Background",
        grace_seconds: int | None = None,
        dry_run: bool = False,
    ) -> Body | None:
        """The object as it waits for its end, or None where it is gone at once. Preconditions not met: 409."""
        info = known_kind(kind)
        with self._lock:
            live = self._memory.live(info, namespace, name)
            check_preconditions(info, live, uid, resource_version)
            seconds = graceful(info, live, grace_seconds)
            marked = deletion(info, live, self.now(), propagation=propagation, grace_seconds=seconds)
            if dry_run:
                return live
            if finished(info, marked):
                self._memory.drop(info, live)
                return None
            return live if marked == live else self._memory.put(info, live, marked)

    # How a write is carried out

    def _write(self, kind: Kind, manager: str, subresource: str = "") -> ssa.Write:
        return ssa.Write(kind, manager, marshal.timestamp(self.now()), subresource)

    def _address(self, kind: Kind, body: Body, namespace: str, name: str) -> None:
        body["metadata"].pop("namespace", None)
        if kind.namespaced and namespace:
            body["metadata"]["namespace"] = namespace
        body["metadata"]["name"] = name
        if kind.name == "Namespace":
            defaults.apply_defaults(kind, body)

    def _generated(self, kind: Kind, namespace: str, body: Body) -> str:
        prefix, name = body["metadata"].get("generateName"), ""
        for _ in range(8 if prefix else 0):
            name = f"{prefix}{self._new_uid().replace('-', '')[-5:]}"
            if self._memory.find(kind, namespace, name) is None:
                break
        return name

    def _apply_new(self, kind: Kind, namespace: str, name: str, config: Mapping[str, Any], write: ssa.Write, *, dry_run: bool) -> Body:
        if uid := (config.get("metadata") or {}).get("uid"):
            raise ApiError.conflict(kind, name, f"uid mismatch: the provided object specified uid {uid}, and no existing object was found")
        if write.subresource:
            raise ApiError.not_found(kind, name)
        merged, managed = ssa.apply(marshal.empty(kind), config, {}, write, force=True)
        new = decode(kind, merged, applied=f"{namespace}/{name}")
        self._address(kind, new, namespace, name)
        return self._add(kind, new, managed, dry_run=dry_run)

    def _add(self, kind: Kind, new: Body, managed: ssa.Managed, *, dry_run: bool) -> Body:
        meta, name = new["metadata"], new["metadata"].get("name", "")
        self._check_namespace(kind, meta.get("namespace", ""), name)
        for field in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
            meta.pop(field, None)
        meta["uid"] = self._new_uid()
        meta["creationTimestamp"] = marshal.timestamp(self.now())
        meta["managedFields"] = ssa.write(managed)
        prepare_create(kind, new, self._around, self.all)
        refuse(kind, name, validate.causes(kind, new))
        live = self._memory.find(kind, meta.get("namespace", ""), name)
        if live is not None:
            raise ApiError.exists(kind, name, deleting="deletionTimestamp" in live["metadata"])
        new = marshal.decode(kind, new)
        return new if dry_run else self._memory.put(kind, None, new)

    def _check_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        if not kind.namespaced:
            return
        home = self._memory.find(KINDS["Namespace"], "", namespace)
        if home is None:
            raise ApiError.not_found(KINDS["Namespace"], namespace)
        if "deletionTimestamp" in home["metadata"]:
            cause = Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise ApiError.forbidden(kind, name, why, [cause])

    def _replace(self, kind: Kind, live: Body, body: Mapping[str, Any], write: ssa.Write, *, dry_run: bool) -> Body:
        new = decode(kind, body)
        if not new["metadata"].get("uid"):
            new["metadata"]["uid"] = live["metadata"]["uid"]
        entries = (body.get("metadata") or {}).get("managedFields")
        managed = managed_of(live) if write.subresource else chosen(live, entries)
        if managed:
            managed = ssa.track_update(live, new, managed, write)
        return self._store(kind, live, new, managed, write, dry_run=dry_run)

    def _store(self, kind: Kind, live: Body, new: Body, managed: ssa.Managed, write: ssa.Write, *, dry_run: bool) -> Body:
        meta, version, name = new["metadata"], live["metadata"]["resourceVersion"], live["metadata"]["name"]
        if meta.get("resourceVersion", version) != version:
            if not meta["resourceVersion"].isdigit():
                raise ApiError.internal(f'strconv.ParseUint: parsing "{meta["resourceVersion"]}": invalid syntax')
            raise ApiError.modified(kind, name)
        meta["resourceVersion"] = version
        meta["managedFields"] = ssa.write(managed)
        prepare_update(kind, live, new, write.subresource)
        found = [] if write.subresource else validate.causes(kind, new)
        refuse(kind, name, [*found, *validate.no_new_finalizers(live["metadata"], meta), *immutable.causes(kind, live, new)])
        check_growth(kind, live, new, expandable=lambda: expandable(live, self._around, self.all))
        new = marshal.decode(kind, new)
        if timeless(new) == timeless(live):
            return live
        if dry_run:
            return new
        if finished(kind, new):
            self._memory.drop(kind, live)
            return {**new, "metadata": {**new["metadata"], "resourceVersion": version}}
        return self._memory.put(kind, live, new)

    # For the cluster around it

    def restore(self, objects: Iterable[Body], version: int) -> None:
        """Begin with these objects, as they were stored, in place of all there is. No events: whoever watches from before gets 410."""
        with self._lock:
            self._memory.restore(objects, version)
            self._pager.forget()

    def wait(self, version: int, seconds: float) -> int:
        """Sleep until the store's version is another, `seconds` at most; the version then."""
        with self._lock:
            self._lock.wait_for(lambda: self._memory.version != version, seconds)
            return self._memory.version

    def touched(self, version: int) -> set[str]:
        """The namespaces in which something was written after a version; '' for what is in none. A Namespace counts as both.

        All there are, and '', where the history does not reach back so far.
        """
        with self._lock:
            return self._memory.touched(version)

    def all(self, kind: str, namespace: str = "") -> Iterator[Body]:
        """Every object of a kind, as of now."""
        with self._lock:
            return iter(self._memory.held(known_kind(kind), namespace))

    def finalize_namespace(self, name: str) -> None:
        """Take the server's own finalizer off a namespace that is being deleted; it goes unless others hold it."""
        kind = KINDS["Namespace"]
        with self._lock:
            live = self._memory.live(kind, "", name)
            new = {**live, "spec": {}}
            if finished(kind, new):
                self._memory.drop(kind, live)
            else:
                self._memory.put(kind, live, new)
