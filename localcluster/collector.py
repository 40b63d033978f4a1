"""The two controllers without which deletion means nothing: the garbage collector and the namespace's finalizer. One round per call.

An object all of whose owners are gone is deleted; foreground and orphan deletion are carried out. A namespace that is being deleted loses
its content, says what still holds it, and goes when it is empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from localcluster.errors import ApiError
from localcluster.marshal import timestamp
from localcluster.objects import Store
from localcluster.schema import KINDS

Body = Mapping[str, Any]
MANAGER = "kube-controller-manager"


def collect(store: Store, namespace: str = "") -> bool:
    """One round, over all or the one namespace; whether anything changed. Call it until it says no."""
    before = store.version
    everything = list(_objects(store, namespace))
    uids = {body["metadata"]["uid"] for _, body in everything}
    for kind, body in everything:
        owners = body["metadata"].get("ownerReferences") or ()
        if owners and all(owner["uid"] not in uids and _is_gone(store, body, owner) for owner in owners):
            _delete(store, kind, body)
    for kind, body in everything:
        finalizers = body["metadata"].get("finalizers") or ()
        if "foregroundDeletion" in finalizers:
            _foreground(store, kind, body, everything)
        if "orphan" in finalizers:
            _orphan(store, kind, body, everything)
    for home in store.all("Namespace"):
        if "deletionTimestamp" in home["metadata"] and namespace in ("", home["metadata"]["name"]):
            _empty_namespace(store, home)
    return store.version != before


def _objects(store: Store, namespace: str) -> Iterator[tuple[str, Body]]:
    for kind in KINDS:
        for body in store.all(kind, namespace):
            yield kind, body


def _delete(store: Store, kind: str, body: Body, **options: Any) -> None:
    if "deletionTimestamp" in body["metadata"]:
        return
    try:
        store.delete(kind, body["metadata"].get("namespace", ""), body["metadata"]["name"], uid=body["metadata"]["uid"], **options)
    except ApiError as error:
        if error.code not in (404, 409):  # gone meanwhile, or another of its name
            raise


def _is_gone(store: Store, body: Body, owner: Body) -> bool:
    """Asked for by name, as an owner may be younger than the list. Of a kind that isn't known here nothing can be said."""
    kind, namespace = KINDS.get(owner["kind"]), body["metadata"].get("namespace", "")
    if kind is None or kind.group != owner["apiVersion"].rpartition("/")[0] or (kind.namespaced and not namespace):
        return False
    try:
        found = store.get(kind.name, namespace if kind.namespaced else "", owner["name"])
    except ApiError as error:
        if error.code != 404:
            raise
        return True
    return found["metadata"]["uid"] != owner["uid"]


def _dependants(body: Body, everything: list[tuple[str, Body]]) -> Iterator[tuple[str, Body, Body]]:
    for kind, other in everything:
        for owner in other["metadata"].get("ownerReferences") or ():
            if owner["uid"] == body["metadata"]["uid"]:
                yield kind, other, owner


def _foreground(store: Store, kind: str, body: Body, everything: list[tuple[str, Body]]) -> None:
    blocking = False
    for child_kind, child, owner in _dependants(body, everything):
        _delete(store, child_kind, child, propagation="Foreground")
        blocking = blocking or bool(owner.get("blockOwnerDeletion"))
    if not blocking:
        drop_finalizer(store, kind, body, "foregroundDeletion")


def _orphan(store: Store, kind: str, body: Body, everything: list[tuple[str, Body]]) -> None:
    for child_kind, child, _ in _dependants(body, everything):
        meta = child["metadata"]
        kept = [owner for owner in meta["ownerReferences"] if owner["uid"] != body["metadata"]["uid"]]
        _edit(store, child_kind, child, {"ownerReferences": kept or None})
    drop_finalizer(store, kind, body, "orphan")


def drop_finalizer(store: Store, kind: str, body: Body, finalizer: str) -> None:
    """Take one finalizer off; the object goes with its last. One that has changed meanwhile is left for the next round."""
    kept = [name for name in body["metadata"].get("finalizers") or () if name != finalizer]
    _edit(store, kind, body, {"finalizers": kept or None})


def _edit(store: Store, kind: str, body: Body, changes: Mapping[str, Any]) -> None:
    meta = body["metadata"]
    patch = {"metadata": {**changes, "uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}}
    try:
        store.patch(kind, meta.get("namespace", ""), meta["name"], patch, form="merge", manager=MANAGER)
    except ApiError as error:
        # A lost race, or gone; uid: another of its name.
        if error.code not in (404, 409, 422):
            raise


def _empty_namespace(store: Store, namespace: Body) -> None:
    name = namespace["metadata"]["name"]
    for kind, body in _content(store, name):
        _delete(store, kind, body)
    left = list(_content(store, name))
    try:
        if left:
            status = {"status": {"conditions": _conditions(store, namespace, left)}}
            store.patch("Namespace", "", name, status, form="merge", manager=MANAGER, subresource="status")
        elif namespace["spec"].get("finalizers"):
            store.finalize_namespace(name)
    except ApiError as error:
        if error.code != 404:  # its last finalizer was taken off meanwhile
            raise


def _content(store: Store, namespace: str) -> Iterator[tuple[str, Body]]:
    for kind, info in KINDS.items():
        if info.namespaced:
            for body in store.all(kind, namespace):
                yield kind, body


def _conditions(store: Store, namespace: Body, left: list[tuple[str, Body]]) -> list[dict[str, Any]]:
    """What still holds the namespace, in the words that people know from kubectl."""
    finalizers = Counter(name for _, body in left for name in body["metadata"].get("finalizers") or ())
    kinds = Counter(KINDS[kind].resource for kind, _ in left)
    holding = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(finalizers.items()))
    remaining = ", ".join(f"{resource}. has {count} resource instances" for resource, count in sorted(kinds.items()))
    found = [
        ("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered"),
        ("NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
        ("NamespaceDeletionContentFailure", "False", "ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        ("NamespaceContentRemaining", "True", "SomeResourcesRemain", f"Some resources are remaining: {remaining}"),
    ]
    if holding:
        message = f"Some content in the namespace has finalizers remaining: {holding}"
        found.append(("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", message))
    else:
        found.append(("NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers", "All content-preserving finalizers finished"))
    known = {condition["type"]: condition for condition in namespace["status"].get("conditions") or ()}
    now = timestamp(store.now())
    return [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": known[kind]["lastTransitionTime"] if known.get(kind, {}).get("status") == status else now,
        }
        for kind, status, reason, message in found
    ]
