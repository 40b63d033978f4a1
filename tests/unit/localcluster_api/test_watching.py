"""Watches: what is sent, when they end, and how they say that a version is of no use any more."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from localcluster.api import watching
from tests.unit.localcluster_api.asking import CM, MAP, Asker


def told(events: Any) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


def test_a_watch_tells_what_there_is_and_then_what_happens() -> None:
    asker = Asker()
    asker.ask("POST", CM, MAP)
    events = asker.lines(f"{CM}?watch=true&timeoutSeconds=20")
    assert next(events)["type"] == "ADDED"
    threading.Timer(0.05, lambda: asker.ask("DELETE", f"{CM}/one")).start()
    assert next(events)["type"] == "DELETED"


def test_initial_events_end_with_a_bookmark_that_says_so() -> None:
    asker = Asker()
    asker.ask("POST", CM, MAP)
    events = asker.lines(
        f"{CM}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=20"
    )
    assert next(events)["object"]["metadata"]["name"] == "one"
    assert next(events)["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_bookmarks_come_in_between_and_at_the_end_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "BOOKMARK_SECONDS", 0.2)
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.1)
    asker = Asker()
    version = asker.store.version
    assert told(asker.lines(f"{CM}?watch=true&timeoutSeconds=1&resourceVersion={version}")) == []
    seen = told(asker.lines(f"{CM}?watch=true&timeoutSeconds=1&resourceVersion={version}&allowWatchBookmarks=true"))
    assert set(seen) == {("BOOKMARK", "")}
    assert len(seen) >= 2


@pytest.mark.parametrize("version", ["1", "99999"])
def test_a_version_that_is_forgotten_or_never_was_is_an_error_event(version: str) -> None:
    asker = Asker()
    asker.ask("POST", CM, MAP)
    asker.store.forget_history()
    (event,) = asker.lines(f"{CM}?watch=true&timeoutSeconds=5&resourceVersion={version}")
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_a_watch_that_falls_behind_is_told_so() -> None:
    asker = Asker()
    asker.ask("POST", CM, MAP)
    events = asker.lines(f"{CM}?watch=true&timeoutSeconds=20")
    next(events)
    for value in ("2", "3"):
        asker.ask("PUT", f"{CM}/one", {**MAP, "data": {"a": value}})
    asker.store.forget_history()
    assert [event["object"].get("code") for event in events] == [410]


def test_a_table_says_its_columns_once() -> None:
    asker = Asker()
    for name in ("a", "b"):
        asker.ask("POST", CM, {"metadata": {"name": name}})
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    events = list(asker.lines(f"{CM}?watch=true&timeoutSeconds=1", accept=accept))
    assert [bool(event["object"]["columnDefinitions"]) for event in events] == [True, False]
    assert [event["object"]["rows"][0]["cells"][0] for event in events] == ["a", "b"]
