"""What the controllers have in common: one namespace of a store, seen and written as controllers do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localcluster.controllers import events
from localcluster.controllers.shapes import MANAGER, alive, annotations_of, controller_of, keep_times, labels_of, parse_time, reference
from localcluster.errors import ApiError
from localcluster.marshal import timestamp
from localcluster.objects import Store
from localcluster.selectors import matches

Body = Mapping[str, Any]
Fits = Callable[[Body], bool]


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between clusters.

    `classes`: storage classes that provision without a StorageClass object; `schedule`: pods are bound to the Node objects;
    `admit`: quotas and limit ranges have a say in the pods that controllers make; `events`: controllers record what they do.
    """

    classes: tuple[str, ...] = ("standard", "local-path")
    provisioner: str = "storeyard.dev/folder"
    ca: str = "-----BEGIN CERTIFICATE-----\n"
    schedule: bool = True
    admit: bool = True
    events: bool = True


class Desk:
    """One namespace. `look_again` is told in how many seconds time alone will have changed something."""

    def __init__(
        self, store: Store, namespace: str, settings: Settings | None = None, look_again: Callable[[float], None] | None = None
    ) -> None:
        self.store = store
        self.namespace = namespace
        self.settings = settings or Settings()
        self._look_again = look_again

    # Reading

    def all(self, kind: str) -> Iterator[Body]:
        return self.store.all(kind, self.namespace)

    def alive(self, kind: str) -> Iterator[Body]:
        return (body for body in self.all(kind) if alive(body))

    def get(self, kind: str, name: str) -> Body:
        return self.store.get(kind, self.namespace, name)

    def find(self, kind: str, name: str) -> Body | None:
        try:
            return self.get(kind, name)
        except ApiError as error:
            if error.code != 404:
                raise
            return None

    def owned(self, kind: str, owner: Body) -> list[Body]:
        """What an owner controls, those that are ending too."""
        uid = owner["metadata"]["uid"]
        return [body for body in self.all(kind) if (controller_of(body) or {}).get("uid") == uid]

    # Time

    def clock(self) -> datetime:
        return self.store.now()

    def now(self) -> str:
        return timestamp(self.store.now())

    def look_again(self, seconds: float) -> None:
        """Time alone will change something then."""
        if self._look_again is not None:
            self._look_again(max(0.0, seconds))

    def left(self, since: str, seconds: float) -> float:
        """How much of `seconds` is left since a time. Asks to look again then; 0 or less: it is over."""
        left = seconds - (self.clock() - parse_time(since)).total_seconds()
        if left > 0:
            self.look_again(left)
        return left

    # Writing

    def ensure(self, kind: str, name: str, body: Body) -> Body:
        found = self.find(kind, name)
        return self.create(kind, {**body, "metadata": {**body.get("metadata", {}), "name": name}}) if found is None else found

    def create(self, kind: str, body: Body) -> Body:
        return self.store.create(kind, body, namespace=self.namespace, manager=MANAGER)

    def patch(self, kind: str, body: Body, patch: Body, *, manager: str = MANAGER) -> Body:
        """A merge patch of the object that `body` is a sight of; ApiError 409 where another has taken its name."""
        meta = {**patch.get("metadata", {}), "uid": body["metadata"]["uid"]}
        full = {**patch, "metadata": meta}
        return self.store.patch(kind, self.namespace, body["metadata"]["name"], full, form="merge", manager=manager)

    def delete(self, kind: str, body: Body, **options: Any) -> None:
        """Nothing, where it is gone or another has its name."""
        try:
            self.store.delete(kind, self.namespace, body["metadata"]["name"], uid=body["metadata"]["uid"], **options)
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    def write_status(
        self,
        kind: str,
        body: Body,
        status: Body,
        *,
        manager: str = MANAGER,
        annotations: Body | None = None,
        exact: bool = False,
    ) -> None:
        """The whole status. Times of what hasn't changed stay unless `exact`; what says the same already is not written."""
        meta = body["metadata"]
        old = body.get("status") or {}
        merged = status if exact else keep_times(old, status)
        noted = {**annotations_of(body), **(annotations or {})}
        if merged == old and noted == annotations_of(body):
            return
        new = {**body, "status": merged, "metadata": {**meta, "annotations": noted}}
        self.store.update(kind, self.namespace, meta["name"], new, manager=manager, subresource="status")

    def record(self, about: Body, reason: str, message: str, *, component: str, warning: bool = False) -> None:
        """An Event; see `events.record`."""
        if self.settings.events:
            events.record(self.store, about, reason, message, "Warning" if warning else "Normal", component)

    def record_again(self, about: Body, reason: str, message: str, *, component: str, warning: bool = True) -> None:
        """An Event of something that goes on: told again in growing intervals, for which the object is looked at again."""
        if not self.settings.events:
            return
        key = (self.store, about, reason, message, "Warning" if warning else "Normal", component)
        if events.attempt_due(*key) <= 0:
            events.record(*key)
        self.look_again(max(1.0, events.attempt_due(*key)))

    # Ownership

    def claim(self, kind: str, owner: Body, selector: Body, *, fits: Fits = lambda _: True) -> list[Body]:
        """What an owner controls, those that are ending too. Orphans that it selects are adopted, what it selects no more is let go."""
        mine: list[Body] = []
        for body in self.all(kind):
            controller, selected = controller_of(body), matches(selector, labels_of(body)) and fits(body)
            if controller is None:
                if selected and alive(body) and alive(owner):
                    mine.append(self._adopt(kind, owner, body))
            elif controller["uid"] == owner["metadata"]["uid"]:
                if selected or not alive(body):
                    mine.append(body)
                else:
                    self._release(kind, owner, body)
        return mine

    def _adopt(self, kind: str, owner: Body, body: Body) -> Body:
        owners = [*(body["metadata"].get("ownerReferences") or ()), reference(owner)]
        return self.patch(kind, body, {"metadata": {"ownerReferences": owners}})

    def _release(self, kind: str, owner: Body, body: Body) -> None:
        owners = [each for each in body["metadata"]["ownerReferences"] if each["uid"] != owner["metadata"]["uid"]]
        self.patch(kind, body, {"metadata": {"ownerReferences": owners or None}})
