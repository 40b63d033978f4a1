from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from storefront.cache import Cache
from storefront.client import BackendAway, NotFound


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Counts how often it is read; `fails` is raised instead while it is set."""

    def __init__(self) -> None:
        self.reads = 0
        self.fails: Exception | None = None

    def __call__(self) -> int:
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        return self.reads


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def later() -> list[Callable[[], None]]:
    """What the cache would do in the background."""
    return []


@pytest.fixture
def kept(clock: Clock, later: list[Callable[[], None]]) -> Cache:
    return Cache(fresh=10, stale=60, keep=3600, most=2, now=clock, background=later.append)


def test_what_is_fresh_is_not_read_again(kept: Cache, clock: Clock) -> None:
    source = Source()
    assert [kept.get("a", source), kept.get("a", source)] == [1, 1]
    clock.now += 9.9
    assert kept.get("a", source) == 1


def test_what_is_stale_is_given_at_once_and_read_once_behind_the_scenes(kept: Cache, clock: Clock, later: list[Callable[[], None]]) -> None:
    source = Source()
    kept.get("a", source)
    clock.now += 20
    assert [kept.get("a", source) for _ in range(5)] == [1] * 5
    assert (source.reads, len(later)) == (1, 1)
    later.pop()()
    assert kept.get("a", source) == 2


def test_what_is_too_old_is_read_first(kept: Cache, clock: Clock) -> None:
    source = Source()
    kept.get("a", source)
    clock.now += 100
    assert kept.get("a", source) == 2


def test_what_is_too_old_is_given_all_the_same_when_the_backend_is_away(kept: Cache, clock: Clock) -> None:
    source = Source()
    kept.get("a", source)
    clock.now += 100
    source.fails = BackendAway("gone")
    assert kept.get("a", source) == 1
    clock.now += 4000
    with pytest.raises(BackendAway):
        kept.get("a", source)


def test_while_the_backend_is_away_only_the_first_waits(kept: Cache, clock: Clock, later: list[Callable[[], None]]) -> None:
    source = Source()
    kept.get("a", source)
    clock.now += 100
    source.fails = BackendAway("slow")
    kept.get("a", source)
    clock.now += 5
    reads = source.reads
    assert kept.get("a", source) == 1
    assert (source.reads, len(later)) == (reads, 1)
    source.fails = None
    later.pop()()
    assert kept.get("a", source) == reads + 1


def test_a_failed_refresh_is_tried_again_only_after_a_while(kept: Cache, clock: Clock, later: list[Callable[[], None]]) -> None:
    source = Source()
    kept.get("a", source)
    clock.now += 20
    kept.get("a", source)
    source.fails = BackendAway("gone")
    later.pop()()
    assert kept.get("a", source) == 1
    assert later == []
    clock.now += 3
    kept.get("a", source)
    assert len(later) == 1


def test_that_something_is_gone_is_not_hidden_by_an_old_value(kept: Cache, clock: Clock) -> None:
    source = Source()
    kept.get("a", source)
    clock.now += 100
    source.fails = NotFound("a")
    with pytest.raises(NotFound):
        kept.get("a", source)


def test_the_least_recently_used_is_dropped(kept: Cache) -> None:
    sources = {name: Source() for name in "abc"}
    for name in "abac":
        kept.get(name, sources[name])
    kept.get("a", sources["a"])
    kept.get("b", sources["b"])
    assert (sources["a"].reads, sources["b"].reads) == (1, 2)


def test_a_slow_source_is_read_less_often(kept: Cache, clock: Clock, later: list[Callable[[], None]]) -> None:
    def slow() -> int:
        clock.now += 2
        return 1

    kept.get("a", slow)
    clock.now += 30
    kept.get("a", slow)
    assert later == []


def test_of_many_who_miss_one_reads_and_the_others_wait() -> None:
    kept, together, reading, release = Cache(fresh=10), threading.Barrier(8), threading.Event(), threading.Event()
    reads: list[int] = []

    def read() -> int:
        reads.append(1)
        reading.set()
        release.wait(10)
        return 7

    found: list[int] = []

    def ask() -> None:
        together.wait(10)
        found.append(kept.get("a", read))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert reading.wait(10)
    release.set()
    for thread in threads:
        thread.join(10)
    assert (found, len(reads)) == ([7] * 8, 1)


def test_all_who_wait_are_told_of_a_failure(kept: Cache) -> None:
    source = Source()
    source.fails = BackendAway("gone")
    with pytest.raises(BackendAway):
        kept.get("a", source)
    source.fails = None
    assert kept.get("a", source) == 2
