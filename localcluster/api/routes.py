"""Which resource an address speaks of.

`/api/v1/...` and `/apis/GROUP/VERSION/...`, then `[namespaces/NAMESPACE/]RESOURCE[/NAME[/SUBRESOURCE]]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from localcluster.errors import ApiError
from localcluster.schema import KINDS, Kind


@dataclass(frozen=True, slots=True)
class Target:
    """`name` '' is the collection; `namespace` '' all of them, or a kind that has none."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@cache
def resources() -> Mapping[tuple[str, ...], Kind]:
    """Kinds by API version and plural."""
    return {(kind.api_version, kind.plural): kind for kind in KINDS.values()}


@cache
def versions() -> frozenset[str]:
    return frozenset(kind.api_version for kind in KINDS.values())


def split(segments: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """The API version and what follows it; None for an address outside `/api` and `/apis`, or of no version that is served."""
    if segments[:2] == ("api", "v1"):
        return "v1", segments[2:]
    version = "/".join(segments[1:3])
    if segments[:1] == ("apis",) and len(segments) >= 3 and version in versions():
        return version, segments[3:]
    return None


def locate(api_version: str, rest: tuple[str, ...]) -> Target:
    """ApiError 404 for what is no resource of this version."""
    namespace = ""
    if rest[:1] == ("namespaces",) and len(rest) > 2 and (api_version, rest[2]) in resources():
        namespace, rest = rest[1], rest[2:]
    kind = resources().get((api_version, *rest[:1]))
    if kind is None or len(rest) > 3:
        raise ApiError.unknown_resource()
    name, subresource = (*rest[1:], "", "")[:2]
    # A kind that has no namespaces is not found in one; a single object of one that has them is found nowhere else.
    if kind.namespaced != bool(namespace) and (namespace or name):
        raise ApiError.unknown_resource()
    return Target(kind, namespace, name, subresource)
