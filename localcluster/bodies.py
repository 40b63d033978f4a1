"""Bodies on their way into the store: decoded and defaulted, their owners chosen, refused, or found to change nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localcluster import apply as ssa
from localcluster import defaults, marshal
from localcluster.errors import ApiError, Cause
from localcluster.schema import Kind

Body = dict[str, Any]


def decode(kind: Kind, body: Mapping[str, Any], *, applied: str | None = None) -> Body:
    """Canonical and defaulted. A body that is no such object: 400, or 500 where it was `applied` (to this namespace/name)."""
    try:
        new = marshal.decode(kind, body)
    except marshal.DecodeError as error:
        gvk = f"/{kind.api_version}" if not kind.group else kind.api_version
        if applied is not None:
            raise ApiError.internal(
                f"failed to convert new object ({applied}; {gvk}, Kind={kind.name}) to proper version: unable to convert unstructured "
                f"object to {gvk}, Kind={kind.name}: {error}"
            ) from error
        version = kind.api_version.rpartition("/")[2]
        raise ApiError.bad_request(f'{kind.name} in version "{version}" cannot be handled as a {kind.name}: {error}') from error
    defaults.apply_defaults(kind, new)
    return marshal.decode(kind, new)


def check_growth(kind: Kind, live: Body, new: Body, *, expandable: Callable[[], bool]) -> None:
    """A claim grows only where its class allows (an admission plugin's rule)."""
    if kind.name != "PersistentVolumeClaim" or live["spec"]["resources"] == new["spec"]["resources"] or expandable():
        return
    why = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
    raise ApiError.forbidden(kind, live["metadata"]["name"], why)


def managed_of(live: Mapping[str, Any]) -> ssa.Managed:
    """Who owns what in a stored object."""
    return ssa.read(live["metadata"].get("managedFields"))


def chosen(live: Body, entries: Any) -> ssa.Managed:
    """The bookkeeping that an update goes on from: the client's, if it sends any; `[]` or `[{}]` wipes it."""
    if ssa.is_reset(entries):
        return {}
    try:
        return ssa.read(entries) or managed_of(live)
    except (ValueError, AttributeError, TypeError):
        return managed_of(live)


def refuse(kind: Kind, name: str, causes: list[Cause]) -> None:
    """ApiError 422, if there is anything wrong."""
    if causes:
        raise ApiError.invalid(kind, name, causes)


def timeless(body: Body) -> Body:
    """The object without the times of its managedFields: a write that changes nothing else is none."""
    entries = [{name: value for name, value in entry.items() if name != "time"} for entry in body["metadata"].get("managedFields") or ()]
    return {**body, "metadata": {**body["metadata"], "managedFields": entries}}
