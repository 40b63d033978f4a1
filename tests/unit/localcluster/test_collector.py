"""Owners and namespaces at their end."""

from __future__ import annotations

from typing import Any

import pytest

from localcluster.collector import collect
from localcluster.errors import ApiError
from localcluster.objects import Store
from tests.unit.localcluster.shapes import NAMESPACE, config_map, new_store


def settle(store: Store) -> None:
    while collect(store):
        pass


def names(store: Store) -> list[str]:
    return [body["metadata"]["name"] for body in store.list("ConfigMap").items]


def family(store: Store, **options: Any) -> str:
    """An owner and its child; the owner's uid."""
    owner = store.create("ConfigMap", config_map(name="owner"), namespace=NAMESPACE, manager="m")
    uid = owner["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, **options}
    store.create("ConfigMap", config_map(name="child", ownerReferences=[reference]), namespace=NAMESPACE, manager="m")
    return uid


def test_in_the_background_the_owner_goes_first() -> None:
    store = new_store()
    family(store)
    store.delete("ConfigMap", NAMESPACE, "owner")
    assert names(store) == ["child"]
    settle(store)
    assert names(store) == []


def test_in_the_foreground_the_owner_waits_for_those_that_block_it() -> None:
    store = new_store()
    family(store, blockOwnerDeletion=True)
    store.patch("ConfigMap", NAMESPACE, "child", {"metadata": {"finalizers": ["example.test/hold"]}}, form="merge", manager="m")
    store.delete("ConfigMap", NAMESPACE, "owner", propagation="Foreground")
    settle(store)
    assert names(store) == ["child", "owner"]
    store.patch("ConfigMap", NAMESPACE, "child", {"metadata": {"finalizers": None}}, form="merge", manager="m")
    settle(store)
    assert names(store) == []


def test_orphans_stay_without_their_owner() -> None:
    store = new_store()
    family(store)
    store.delete("ConfigMap", NAMESPACE, "owner", propagation="Orphan")
    settle(store)
    assert names(store) == ["child"]
    assert "ownerReferences" not in store.get("ConfigMap", NAMESPACE, "child")["metadata"]


def test_a_child_with_a_living_owner_stays() -> None:
    store = new_store()
    family(store)
    second = store.create("ConfigMap", config_map(name="second"), namespace=NAMESPACE, manager="m")
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "gone"},
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "second", "uid": second["metadata"]["uid"]},
    ]
    store.patch("ConfigMap", NAMESPACE, "child", {"metadata": {"ownerReferences": references}}, form="merge", manager="m")
    settle(store)
    assert "child" in names(store)


def test_a_namespace_with_its_own_finalizer_outlives_its_content() -> None:
    store = new_store()
    store.create("ConfigMap", config_map(), namespace=NAMESPACE, manager="m")
    store.patch("Namespace", "", NAMESPACE, {"metadata": {"finalizers": ["example.test/hold"]}}, form="merge", manager="m")
    store.delete("Namespace", "", NAMESPACE)
    settle(store)
    assert names(store) == []
    assert store.get("Namespace", "", NAMESPACE)["spec"] == {}
    store.patch("Namespace", "", NAMESPACE, {"metadata": {"finalizers": None}}, form="merge", manager="m")
    with pytest.raises(ApiError):
        store.get("Namespace", "", NAMESPACE)


def test_collecting_what_is_settled_writes_nothing() -> None:
    store = new_store()
    store.create("ConfigMap", config_map(finalizers=["example.test/hold"]), namespace=NAMESPACE, manager="m")
    store.delete("Namespace", "", NAMESPACE)
    settle(store)
    assert collect(store) is False
