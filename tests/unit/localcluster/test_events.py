"""Events: repetition does not pile up, and nothing is kept for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from localcluster.controllers import events
from tests.unit.localcluster.workshop import Workshop

Body = dict[str, Any]


@pytest.fixture
def shop() -> Workshop:
    return Workshop(events=False)


@pytest.fixture
def pod(shop: Workshop) -> Body:
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "i"}]}}
    return shop.store.create("Pod", body, namespace="home", manager="tests")


def test_an_event_says_who_what_and_when(shop: Workshop, pod: Body) -> None:
    events.record(shop.store, pod, "Pulled", "it is there", "Normal", "kubelet", host="local", field="spec.containers{main}")
    (event,) = shop.all("Event")
    assert event["metadata"]["name"].startswith("p.")
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": "home",
        "name": "p",
        "uid": pod["metadata"]["uid"],
        "fieldPath": "spec.containers{main}",
    }
    assert (event["reason"], event["message"], event["type"]) == ("Pulled", "it is there", "Normal")
    assert event["source"] == {"component": "kubelet", "host": "local"}
    assert event["count"] == 1
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-01-01T00:00:00Z"


def test_an_equal_event_raises_the_count(shop: Workshop, pod: Body) -> None:
    for _ in range(3):
        shop.now += timedelta(seconds=1)
        events.record(shop.store, pod, "BackOff", "again", "Warning", "kubelet")
    events.record(shop.store, pod, "BackOff", "again", "Warning", "another")
    first, second = sorted(shop.all("Event"), key=lambda event: -event["count"])
    assert (first["count"], first["firstTimestamp"], first["lastTimestamp"]) == (3, "2026-01-01T00:00:01Z", "2026-01-01T00:00:03Z")
    assert second["count"] == 1


def test_many_that_are_alike_become_one(shop: Workshop, pod: Body) -> None:
    for number in range(15):
        events.record(shop.store, pod, "Odd", f"number {number}", "Warning", "kubelet")
    assert len(shop.all("Event")) == 11
    (combined,) = [event for event in shop.all("Event") if event["message"].startswith("(combined")]
    assert combined["message"] == "(combined from similar events): number 14"
    assert combined["count"] == 5


def test_what_nobody_told_for_an_hour_is_forgotten(shop: Workshop, pod: Body) -> None:
    events.record(shop.store, pod, "Old", "once", "Normal", "kubelet")
    events.record(shop.store, pod, "Lasting", "again", "Normal", "kubelet")
    shop.now += timedelta(minutes=40)
    events.record(shop.store, pod, "Lasting", "again", "Normal", "kubelet")
    shop.now += timedelta(minutes=40)
    events.forget(shop.store)
    assert [event["reason"] for event in shop.all("Event")] == ["Lasting"]


def test_an_event_that_cannot_be_kept_fails_nobody(shop: Workshop, pod: Body) -> None:
    shop.store.delete("Namespace", "", "home")
    events.record(shop.store, pod, "Late", "the namespace ends", "Normal", "kubelet")
    assert shop.all("Event") == []


def test_events_of_what_is_in_no_namespace_are_in_the_default_one(shop: Workshop) -> None:
    shop.store.create("Namespace", {"metadata": {"name": "default"}}, manager="tests")
    node = shop.store.get("Node", "", "local")
    events.record(shop.store, node, "Starting", "it is up", "Normal", "kubelet")
    (event,) = shop.store.all("Event", "default")
    assert event["involvedObject"]["name"] == "local"
