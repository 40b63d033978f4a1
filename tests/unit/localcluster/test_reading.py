"""Lists, selectors and watches of the object store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcluster.errors import ApiError
from localcluster.history import Event, Watch
from localcluster.objects import Store
from localcluster.selectors import labels, matches
from tests.unit.localcluster.shapes import NAMESPACE, config_map, data, new_store


def put(store: Store, name: str, value: str = "x", **metadata: object) -> None:
    store.apply("ConfigMap", NAMESPACE, name, config_map({"v": value}, name=name, **metadata), manager="us", force=True)


def seen(watch: Watch) -> list[tuple[str, str]]:
    return [(event.type, event.object["metadata"]["name"]) for event in watch.poll()]


@given(st.sets(st.sampled_from("abcdefghij")), st.integers(1, 4), data)
def test_pages_of_any_size_add_up_to_the_list(names: set[str], limit: int, meanwhile: dict[str, str]) -> None:
    store = new_store()
    for name in names:
        put(store, name)
    whole = store.list("ConfigMap")
    found: list[str] = []
    token = ""
    while True:
        page = store.list("ConfigMap", limit=limit, token=token)
        found += [body["metadata"]["name"] for body in page.items]
        assert page.resource_version == whole.resource_version
        assert page.remaining in (None, len(names) - len(found))
        for name in meanwhile:
            put(store, name, value=token)
        if not (token := page.next):
            break
    assert found == sorted(names)


def test_a_token_can_be_used_again() -> None:
    store = new_store()
    for name in "abc":
        put(store, name)
    token = store.list("ConfigMap", limit=1).next
    assert store.list("ConfigMap", limit=1, token=token) == store.list("ConfigMap", limit=1, token=token)


@pytest.mark.parametrize("token", ["nonsense", "e30", "!!!!"])
def test_a_token_that_is_none_is_a_bad_request(token: str) -> None:
    with pytest.raises(ApiError) as caught:
        new_store().list("ConfigMap", limit=1, token=token)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("selector", "expected", "reason"),
    [
        ("a=1", ["one"], "equal"),
        ("a==1", ["one"], "the same, in two signs"),
        ("a!=1", ["none", "two"], "absent counts as unequal"),
        ("a", ["one", "two"], "there"),
        ("!a", ["none"], "not there"),
        ("a in (1, 3)", ["one"], "one of"),
        ("a notin (1,3)", ["none", "two"], "none of, or absent"),
        ("a=2,b=y", ["two"], "all must hold"),
        ("a=2,b!=y", [], "all must hold"),
        ("", ["none", "one", "two"], "no condition"),
    ],
)
def test_label_selectors(selector: str, expected: list[str], reason: str) -> None:
    store = new_store()
    put(store, "none")
    put(store, "one", labels={"a": "1"})
    put(store, "two", labels={"a": "2", "b": "y"})
    assert [body["metadata"]["name"] for body in store.list("ConfigMap", label_selector=selector).items] == expected, reason


def test_a_selector_that_is_none_is_a_bad_request() -> None:
    with pytest.raises(ApiError) as caught:
        labels("a===b")
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("selector", "expected", "reason"),
    [
        (None, False, "no selector selects nothing"),
        ({}, True, "an empty one everything"),
        ({"matchLabels": {"a": "1"}}, True, "equal"),
        ({"matchLabels": {"a": "2"}}, False, "unequal"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True, "one of"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False, "none of"),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, True, "absent"),
        ({"matchExpressions": [{"key": "b", "operator": "Exists"}]}, False, "absent"),
    ],
)
def test_selectors_as_objects(selector: dict[str, object] | None, expected: bool, reason: str) -> None:
    assert matches(selector, {"a": "1"}) is expected, reason


def test_pods_are_selected_by_phase_and_node() -> None:
    store = new_store()
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "c", "image": "i"}]}}
    for name in ("a", "b"):
        store.create("Pod", {**pod, "metadata": {"name": name}}, namespace=NAMESPACE, manager="m")
    store.patch("Pod", NAMESPACE, "b", {"status": {"phase": "Running"}}, form="merge", manager="kubelet", subresource="status")
    running = store.list("Pod", field_selector="status.phase=Running,spec.nodeName=").items
    assert [body["metadata"]["name"] for body in running] == ["b"]
    assert len(store.list("Pod", field_selector="status.phase!=Failed").items) == 2


def test_a_watch_without_a_version_begins_with_what_there_is() -> None:
    store = new_store()
    put(store, "one")
    watch = store.watch("ConfigMap")
    put(store, "two")
    assert seen(watch) == [("ADDED", "one"), ("ADDED", "two")]
    assert seen(watch) == []


def test_a_watch_sees_its_namespace_and_kind_only() -> None:
    store = new_store()
    store.create("Namespace", {"metadata": {"name": "other"}}, manager="m")
    watch = store.watch("ConfigMap", namespace=NAMESPACE, resource_version=store.version)
    store.create("ConfigMap", {"metadata": {"name": "far"}}, namespace="other", manager="m")
    store.create("Secret", {"metadata": {"name": "near"}}, namespace=NAMESPACE, manager="m")
    put(store, "near")
    assert seen(watch) == [("ADDED", "near")]


def test_a_bookmark_moves_a_quiet_watch_past_what_is_dropped() -> None:
    store = new_store(history=3)
    put(store, "one")
    watch = store.watch("ConfigMap", label_selector="a=1", resource_version=store.version)
    for number in range(3):
        put(store, "one", value=str(number))
        assert seen(watch) == []
    bookmark = watch.bookmark()
    assert bookmark == Event("BOOKMARK", {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": store.version}})
    put(store, "two", labels={"a": "1"})
    assert seen(watch) == [("ADDED", "two")]


def test_a_watch_that_falls_behind_is_expired() -> None:
    store = new_store(history=3)
    watch = store.watch("ConfigMap", resource_version=store.version)
    for number in range(5):
        put(store, "one", value=str(number))
    with pytest.raises(ApiError) as caught:
        watch.poll()
    assert (caught.value.code, caught.value.reason) == (410, "Expired")


def test_waiting_ends_when_something_happens_or_the_time_is_up() -> None:
    store = new_store()
    watch = store.watch("ConfigMap", resource_version=store.version)
    assert watch.wait(0) is False
    put(store, "one")
    assert watch.wait(0) is True


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["on", "off", "gone"])), max_size=12))
def test_replaying_a_watch_gives_the_selected_objects(steps: list[tuple[str, str]]) -> None:
    store = new_store()
    watch = store.watch("ConfigMap", label_selector="state=on", resource_version=store.version)
    for name, state in steps:
        if state != "gone":
            put(store, name, labels={"state": state})
        elif any(body["metadata"]["name"] == name for body in store.list("ConfigMap").items):
            store.delete("ConfigMap", NAMESPACE, name)
    mirror: dict[str, object] = {}
    for event in watch.poll():
        name = event.object["metadata"]["name"]
        assert (event.type == "ADDED") == (name not in mirror)
        if event.type == "DELETED":
            del mirror[name]
        else:
            mirror[name] = event.object
    assert mirror == {body["metadata"]["name"]: body for body in store.list("ConfigMap", label_selector="state=on").items}
