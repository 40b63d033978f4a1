"""The store and those around it: its keeper is asked before anybody sees a write, it begins anew from what was kept, it wakes others."""

from __future__ import annotations

import errno
import os
import threading
from typing import Any

import pytest

from localcluster.errors import ApiError
from localcluster.objects import Store
from tests.unit.localcluster.shapes import NAMESPACE, Body, Ticking, config_map, new_store


class Notebook:
    """A keeper that writes down what it is told, or refuses."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []
        self.failure: OSError | None = None

    def put(self, kind: str, body: Body) -> None:
        self._note("put", body)

    def drop(self, kind: str, body: Body) -> None:
        self._note("drop", body)

    def _note(self, verb: str, body: Body) -> None:
        if self.failure is not None:
            raise self.failure
        self.lines.append((verb, body["metadata"]["name"], body["metadata"]["resourceVersion"]))


def edit(store: Store, name: str = "settings", value: str = "2", **options: Any) -> Body:
    return store.patch("ConfigMap", NAMESPACE, name, {"data": {"a": value}}, form="merge", manager="m", **options)


def test_the_keeper_is_told_of_every_write_and_of_nothing_else() -> None:
    keeper = Notebook()
    store = new_store(keeper=keeper)
    store.create("ConfigMap", config_map({"a": "1"}), namespace=NAMESPACE, manager="m")
    edit(store)
    edit(store)
    edit(store, value="3", dry_run=True)
    store.delete("ConfigMap", NAMESPACE, "settings", dry_run=True)
    store.delete("ConfigMap", NAMESPACE, "settings")
    assert keeper.lines == [("put", NAMESPACE, "1"), ("put", "settings", "2"), ("put", "settings", "3"), ("drop", "settings", "4")]


@pytest.mark.parametrize("verb", ["create", "patch", "delete"])
def test_what_cannot_be_kept_is_refused_and_seen_by_nobody(verb: str) -> None:
    keeper = Notebook()
    store = new_store(keeper=keeper)
    made = store.create("ConfigMap", config_map({"a": "1"}), namespace=NAMESPACE, manager="m")
    watch = store.watch("ConfigMap", resource_version=store.version)

    def write() -> None:
        match verb:
            case "create":
                store.create("ConfigMap", config_map(name="other"), namespace=NAMESPACE, manager="m")
            case "patch":
                edit(store)
            case _:
                store.delete("ConfigMap", NAMESPACE, "settings")

    keeper.failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ApiError, match=r"the object could not be (written|removed): No space left on device") as caught:
        write()
    assert (caught.value.code, caught.value.reason) == (500, "InternalError")
    assert store.list("ConfigMap").items == (made,)
    assert store.version == made["metadata"]["resourceVersion"]
    assert watch.poll() == []

    keeper.failure = None
    write()
    (event,) = watch.poll()
    assert int(event.object["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


def test_a_restored_store_goes_on_where_the_other_stopped() -> None:
    first = new_store()
    made = first.create("ConfigMap", config_map({"a": "1"}), namespace=NAMESPACE, manager="m")
    store = Store(now=Ticking())
    store.restore([first.get("Namespace", "", NAMESPACE), made], 500)
    assert store.version == "500"
    assert store.list("ConfigMap").items == (made,)
    assert store.list("ConfigMap").resource_version == "500"
    watch = store.watch("ConfigMap", resource_version="500")
    assert edit(store)["metadata"]["resourceVersion"] == "501"
    assert [event.type for event in watch.poll()] == ["MODIFIED"]
    with pytest.raises(ApiError) as caught:
        store.watch("ConfigMap", resource_version="499")
    assert caught.value.reason == "Expired", "events from before are gone"


def test_restoring_replaces_what_there_was() -> None:
    store = new_store()
    store.create("ConfigMap", config_map({"a": "1"}), namespace=NAMESPACE, manager="m")
    page = store.list("ConfigMap", limit=1)
    watch = store.watch("ConfigMap", resource_version=page.resource_version)
    store.restore([], 500)
    assert list(store.all("ConfigMap")) == []
    with pytest.raises(ApiError, match="too old resource version: 2"):
        watch.poll()


def test_waiting_ends_with_a_write_or_with_the_time() -> None:
    store = new_store()
    version = int(store.version)
    assert store.wait(version, 0.01) == version
    assert store.wait(version - 1, 60) == version
    reached: list[int] = []
    waiter = threading.Thread(target=lambda: reached.append(store.wait(version, 60)))
    waiter.start()
    store.create("ConfigMap", config_map(), namespace=NAMESPACE, manager="m")
    waiter.join(60)
    assert reached == [version + 1]


def test_touched_names_the_places_written_in() -> None:
    store = new_store()
    store.create("Namespace", {"metadata": {"name": "other"}}, manager="m")
    start = int(store.version)
    assert store.touched(start) == set()
    store.create("ConfigMap", config_map(), namespace=NAMESPACE, manager="m")
    assert store.touched(start) == {NAMESPACE}
    store.create("Node", {"metadata": {"name": "local"}}, manager="m")
    assert store.touched(start) == {NAMESPACE, ""}
    store.patch("Namespace", "", "other", {"metadata": {"labels": {"a": "b"}}}, form="merge", manager="m")
    assert store.touched(start + 2) == {"other", ""}, "a namespace is a place of its own"
    store.delete("ConfigMap", NAMESPACE, "settings")
    assert store.touched(start + 3) == {NAMESPACE}


@pytest.mark.parametrize("why", ["compacted", "restored", "overflown"])
def test_touched_names_all_places_where_the_history_is_too_short(why: str) -> None:
    store = new_store(history=3)
    store.create("Namespace", {"metadata": {"name": "other"}}, manager="m")
    store.create("ConfigMap", config_map(), namespace=NAMESPACE, manager="m")
    start = int(store.version)
    match why:
        case "compacted":
            edit(store)
            store.forget_history()
        case "restored":
            store.restore([*store.all("Namespace"), *store.all("ConfigMap")], start + 100)
        case _:
            for value in "2345":
                edit(store, value=value)
    assert store.touched(start) == {"", NAMESPACE, "other"}
    assert store.touched(int(store.version)) == set()
