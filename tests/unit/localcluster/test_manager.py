"""The loop that runs the controllers: it wakes, it waits, and it does not die."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from localcluster.controllers import manager as managers
from localcluster.controllers.desk import Desk
from localcluster.controllers.manager import Manager
from localcluster.errors import ApiError
from localcluster.objects import Store
from localcluster.schema import KINDS
from tests.unit.localcluster.shapes import deployment

Body = dict[str, Any]


@pytest.fixture
def store() -> Store:
    store = Store(now=lambda: datetime.now(UTC))
    for name in ("one", "two"):
        store.create("Namespace", {"metadata": {"name": name}}, manager="tests")
    store.create("Node", {"metadata": {"name": "local"}, "status": {"allocatable": {"memory": "1Gi"}}}, manager="tests")
    return store


@contextmanager
def running(store: Store) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=Manager(store).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.01)


def pods(store: Store, namespace: str) -> list[Body]:
    return list(store.all("Pod", namespace))


def test_it_works_on_what_is_there_and_on_what_comes(store: Store) -> None:
    store.create("Deployment", deployment(), namespace="one", manager="tests")
    with running(store):
        eventually(lambda: any(pod["spec"].get("nodeName") for pod in pods(store, "one")))
        store.create("Deployment", deployment(), namespace="two", manager="tests")
        eventually(lambda: any(pod["spec"].get("nodeName") for pod in pods(store, "two")))
        store.delete("Namespace", "", "one")
        for pod in pods(store, "one"):
            store.delete("Pod", "one", pod["metadata"]["name"], grace_seconds=0)
        eventually(lambda: "one" not in {body["metadata"]["name"] for body in store.all("Namespace")})


def test_it_comes_to_rest(store: Store) -> None:
    store.create("Deployment", deployment(), namespace="one", manager="tests")
    with running(store):
        eventually(lambda: any(pod["spec"].get("nodeName") for pod in pods(store, "one")))

        def still() -> bool:
            before = store.version
            time.sleep(0.3)
            return store.version == before

        eventually(still)


def test_what_is_due_later_is_looked_at_then(store: Store) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "i"}]}}
    store.create(
        "Job", {"metadata": {"name": "job"}, "spec": {"template": template, "activeDeadlineSeconds": 1}}, namespace="one", manager="tests"
    )
    with running(store):
        eventually(lambda: store.get("Job", "one", "job")["status"].get("conditions"))
    assert store.get("Job", "one", "job")["status"]["conditions"][0]["reason"] == "DeadlineExceeded"


def test_one_object_that_cannot_be_worked_on_stops_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = threading.Event()
    broken.set()
    break_on_bad(monkeypatch, broken)
    for name in ("bad", "good"):
        store.create("Deployment", deployment(name=name), namespace="one", manager="tests")
    with caplog.at_level(logging.ERROR), running(store):
        eventually(lambda: [pod for pod in pods(store, "one") if pod["metadata"]["name"].startswith("good-")])
        assert not [pod for pod in pods(store, "one") if pod["metadata"]["name"].startswith("bad-")]
        broken.clear()
        eventually(lambda: [pod for pod in pods(store, "one") if pod["metadata"]["name"].startswith("bad-")])
    assert "controllers: Deployment bad in namespace one: no sense" in caplog.text


def break_on_bad(monkeypatch: pytest.MonkeyPatch, broken: threading.Event) -> None:
    """The Deployment controller fails on `bad` as long as it is broken."""

    def controller(desk: Desk, body: Body) -> None:
        if body["metadata"]["name"] == "bad" and broken.is_set():
            raise ValueError("no sense")
        managers.deployments.deployment(desk, body)

    controllers = tuple((kind, controller if kind == "Deployment" else work, ending) for kind, work, ending in managers._CONTROLLERS)
    monkeypatch.setattr(managers, "_CONTROLLERS", controllers)


def test_a_conflict_is_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    update, refused = store.update, threading.Event()

    def once(kind: str, namespace: str, name: str, body: Body, **options: Any) -> Body:
        if kind == "Deployment" and not refused.is_set():
            refused.set()
            raise ApiError.modified(KINDS["Deployment"], name)
        return update(kind, namespace, name, body, **options)

    monkeypatch.setattr(store, "update", once)
    store.create("Deployment", deployment(), namespace="one", manager="tests")
    with running(store):
        eventually(lambda: store.get("Deployment", "one", "web")["status"].get("observedGeneration"))
    assert refused.is_set()
    assert caplog.text == ""


def test_settle_raises_what_a_controller_raises(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = threading.Event()
    broken.set()
    break_on_bad(monkeypatch, broken)
    store.create("Deployment", deployment(name="bad"), namespace="one", manager="tests")
    with pytest.raises(ValueError, match="no sense"):
        Manager(store).settle(5)


def test_every_namespace_is_furnished(store: Store) -> None:
    Manager(store).settle(5, "one")
    assert store.get("ServiceAccount", "one", "default")
    assert store.get("ConfigMap", "one", "kube-root-ca.crt")["data"]
    assert not list(store.all("ServiceAccount", "two"))
