"""Events: what happened to an object, and why. Recorded as client-go's recorder does, so that repetition does not pile up.

An equal event (same object, reason, words and component) raises the count of the one that is there. From ten different events of one
reason within ten minutes on, further ones share a single "(combined from similar events)". Recording never fails its caller: an event is
a courtesy. Limits: no rate limit per object, no events.k8s.io.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from localcluster.controllers.shapes import parse_time
from localcluster.errors import ApiError
from localcluster.marshal import timestamp
from localcluster.objects import Store

Body = Mapping[str, Any]

LIFETIME = timedelta(hours=1)
_SIMILAR, _SIMILAR_WITHIN = 10, timedelta(minutes=10)
_MESSAGE_LIMIT = 1024

_log = logging.getLogger(__name__)


def record(
    store: Store,
    about: Body,
    reason: str,
    message: str,
    type: str,  # noqa: A002 - the API's word
    component: str,
    *,
    host: str = "",
    field: str = "",
) -> None:
    """`type` is Normal or Warning; `host` the node that says so; `field` a path in the object, as spec.containers{web}."""
    involved = _involved(about, field)
    group = [involved, reason, type, component, host]
    message = _cut(message)
    try:
        if _repeat(store, _name(about, [*group, message]), involved, message):
            return
        combined = _name(about, [*group, "similar"])
        if _is_one_of_many(store, involved, reason, component):
            message = _cut(f"(combined from similar events): {message}")
            if not _repeat(store, combined, involved, message):
                _create(store, combined, involved, reason, message, type, component, host)
            return
        _create(store, _name(about, [*group, message]), involved, reason, message, type, component, host)
    except ApiError as error:
        _log.debug("an event was not recorded: %s %s/%s: %s", reason, involved["namespace"], involved["name"], error.message)


def attempt_due(store: Store, about: Body, reason: str, message: str, type: str, component: str) -> float:  # noqa: A002
    """In how many seconds a failure that was told before may be told again: each time doubles the wait, up to 15 minutes."""
    name = _name(about, [_involved(about, ""), reason, type, component, "", _cut(message)])
    try:
        event = store.get("Event", _home(about), name)
    except ApiError:
        return 0
    wait = min(5 * 2 ** min(int(event.get("count") or 1), 10), 900)
    return wait - (store.now() - _last(event)).total_seconds()


def forget(store: Store, namespace: str = "") -> None:
    """Delete the events that nobody has told for an hour."""
    oldest = store.now() - LIFETIME
    for event in store.all("Event", namespace):
        if _last(event) < oldest:
            meta = event["metadata"]
            try:
                store.delete("Event", meta["namespace"], meta["name"], resource_version=meta["resourceVersion"])
            except ApiError as error:
                if error.code not in (404, 409):
                    raise


def _cut(message: str) -> str:
    return message if len(message) <= _MESSAGE_LIMIT else message[: _MESSAGE_LIMIT - 3] + "..."


def _last(event: Body) -> datetime:
    return parse_time(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])


def _home(about: Body) -> str:
    return about["metadata"].get("namespace") or "default"


def _involved(about: Body, field: str) -> dict[str, Any]:
    meta = about["metadata"]
    found = {
        "apiVersion": about["apiVersion"],
        "kind": about["kind"],
        "namespace": meta.get("namespace", ""),
        "name": meta["name"],
        "uid": meta["uid"],
        "fieldPath": field,
    }
    return {name: value for name, value in found.items() if value}


def _name(about: Body, key: Any) -> str:
    """The same for equal events, so that one is found without a search."""
    return f"{about['metadata']['name'][:200]}.{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]}"


def _repeat(store: Store, name: str, involved: Body, message: str) -> bool:
    home = involved.get("namespace") or "default"
    try:
        event = store.get("Event", home, name)
        patch = {"count": int(event.get("count") or 1) + 1, "lastTimestamp": timestamp(store.now()), "message": message}
        store.patch("Event", home, name, patch, form="merge", manager=event["source"].get("component") or "events")
    except ApiError as error:
        if error.code != 404:
            raise
        return False
    return True


def _is_one_of_many(store: Store, involved: Body, reason: str, component: str) -> bool:
    since = store.now() - _SIMILAR_WITHIN
    alike = 0
    for event in store.all("Event", involved.get("namespace") or "default"):
        if event["reason"] == reason and event["source"].get("component") == component and _same(event["involvedObject"], involved):
            alike += _last(event) >= since
    return alike >= _SIMILAR


def _same(one: Body, other: Body) -> bool:
    return one.get("uid") == other.get("uid") and one.get("fieldPath") == other.get("fieldPath")


def _create(store: Store, name: str, involved: Body, reason: str, message: str, type_: str, component: str, host: str) -> None:
    home, now = involved.get("namespace") or "default", timestamp(store.now())
    body = {
        "metadata": {"name": name},
        "involvedObject": involved,
        "reason": reason,
        "message": message,
        "type": type_,
        "source": {"component": component, **({"host": host} if host else {})},
        "reportingComponent": component,
        "reportingInstance": host,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    store.create("Event", body, namespace=home, manager=component)
