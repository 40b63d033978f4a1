"""The hub of live updates: who hears what, from where on, and when a stream ends."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator

import pytest

from app.ports import News
from app.web import hub as module
from app.web import stream as stream_module
from app.web.hub import PER_PERSON, REPLAYED, Hub, Listener, Refused, Stream
from app.web.stream import WAITING
from tests.fakes.live import FakeLive

OURS, THEIRS = "01OURS", "01THEIRS"
MIA = Listener("session-1", "mia", OURS)
BEN = Listener("session-2", "ben", THEIRS)
ROOT = Listener("session-3", "root", None)


def store(tenant_id: str, store_id: str = "01STORE") -> News:
    return News("store", tenant_id, store_id)


@pytest.fixture
def live() -> FakeLive:
    return FakeLive()


@pytest.fixture
def make(live: FakeLive) -> Iterator[Callable[..., Hub]]:
    made: list[Hub] = []

    def hub(*, limit: int = 200, standing: Callable[[Collection[Listener]], Collection[Listener]] = lambda all_of: all_of) -> Hub:
        made.append(Hub(live, standing, limit=limit))
        return made[-1]

    yield hub
    for one in made:
        one.close()
    live.fail(down=True)


@pytest.fixture
def hub(make: Callable[..., Hub]) -> Hub:
    return make()


def until(what: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def heard_by(stream: Stream) -> list[tuple[str, str, str]]:
    """Event, data and id of all that waits in the stream. Waits for the first."""
    text = next(stream).decode()
    while not stream._queue.empty():
        text += next(stream).decode()
    messages = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n") if block]
    return [(message["event"], message["data"], message["id"]) for message in messages]


def told(hub: Hub, live: FakeLive) -> None:
    until(lambda: hub.position == (live.told[-1].id if live.told else "0-0"))


def test_a_stream_begins_with_its_place_and_hears_its_tenants_news_alone(hub: Hub, live: FakeLive) -> None:
    mine, theirs, all_of = (hub.open(who, "0-0") for who in (MIA, BEN, ROOT))
    assert [heard_by(stream) for stream in (mine, theirs, all_of)] == [[("hello", "{}", "0-0")]] * 3
    for news in (store(OURS), store(THEIRS), News("tenant", OURS), News("platform")):
        live.publish(news)
    told(hub, live)
    assert heard_by(mine) == [("store", '{"store":"01STORE"}', "1-0"), ("tenant", "{}", "3-0"), ("platform", "{}", "4-0")]
    assert heard_by(theirs) == [("store", '{"store":"01STORE"}', "2-0"), ("platform", "{}", "4-0")]
    assert [(event, data) for event, data, _ in heard_by(all_of)] == [
        ("store", '{"store":"01STORE","tenant":"01OURS"}'),
        ("store", '{"store":"01STORE","tenant":"01THEIRS"}'),
        ("tenant", '{"tenant":"01OURS"}'),
        ("platform", "{}"),
    ]


def test_a_stream_is_resumed_where_it_was_left(hub: Hub, live: FakeLive) -> None:
    for number in range(4):
        live.publish(store(OURS, f"01STORE{number}"))
        live.publish(store(THEIRS))
    told_by_id = [event for event in heard_by(hub.open(MIA, "3-0")) if event[0] != "hello"]
    assert [data for _, data, _ in told_by_id] == ['{"store":"01STORE2"}', '{"store":"01STORE3"}']


def test_news_of_before_the_process_began_are_resumed_too(make: Callable[..., Hub], live: FakeLive) -> None:
    live.publish(store(OURS, "01BEFORE"))
    live.publish(store(OURS, "01MISSED"))
    assert [data for _, data, _ in heard_by(make().open(MIA, "1-0"))] == ["{}", '{"store":"01MISSED"}']


@pytest.mark.parametrize(
    ("since", "why"),
    [(None, "nothing was heard yet"), ("", "the page was loaded before anybody listened"), ("999-0", "it was never told"),
     ("1-0", "it is too old"), ("1'; DROP", "it is no id"), ("9" * 400, "it is no id")],
)  # fmt: skip
def test_a_stream_that_cannot_be_resumed_begins_with_a_reset(hub: Hub, live: FakeLive, since: str | None, why: str) -> None:
    for number in range(REPLAYED + 5):
        live.publish(store(OURS, f"01S{number}"))
    hub.start()
    told(hub, live)
    assert [event for event, _, _ in heard_by(hub.open(MIA, since))] == ["hello", "reset"], why


def test_more_than_is_worth_telling_is_a_reset(hub: Hub, live: FakeLive) -> None:
    for number in range(WAITING + 1):
        live.publish(store(OURS, f"01S{number}"))
    assert [event for event, _, _ in heard_by(hub.open(MIA, "1-0"))] == ["hello", *["store"] * WAITING]
    live.publish(store(OURS))
    told(hub, live)
    assert [event for event, _, _ in heard_by(hub.open(MIA, "1-0"))] == ["hello", "reset"]


def test_a_slow_reader_is_told_to_look_at_everything_and_holds_up_nobody(hub: Hub, live: FakeLive) -> None:
    slow, quick = hub.open(MIA, "0-0"), hub.open(MIA, "0-0")
    count = 0
    for number in range(WAITING * 2):
        live.publish(store(OURS, f"01S{number}"))
        told(hub, live)
        count += sum(event == "store" for event, _, _ in heard_by(quick))
    assert count == WAITING * 2
    assert slow._queue.qsize() <= WAITING
    assert heard_by(slow) == [("reset", "{}", f"{WAITING * 2}-0")]
    live.publish(store(OURS, "01LATER"))
    assert heard_by(slow) == [("store", '{"store":"01LATER"}', f"{WAITING * 2 + 1}-0")]


def test_the_same_news_at_once_are_told_once(hub: Hub, live: FakeLive) -> None:
    for _ in range(50):
        live.publish(store(OURS))
    assert heard_by(hub.open(MIA, "2-0"))[1:] == [("store", '{"store":"01STORE"}', "50-0")]


def test_there_are_no_more_streams_than_allowed_and_a_place_is_given_back(make: Callable[..., Hub]) -> None:
    hub = make(limit=2)
    first, _ = hub.open(MIA, None), hub.open(BEN, None)
    with pytest.raises(Refused) as refused:
        hub.open(ROOT, None)
    assert refused.value.retry_after > 0
    first.close()
    first.close()
    assert len(hub) == 1
    hub.open(ROOT, None)


def test_one_person_cannot_take_all_places(hub: Hub) -> None:
    streams = [hub.open(MIA, None) for _ in range(PER_PERSON)]
    with pytest.raises(Refused):
        hub.open(MIA, None)
    hub.open(BEN, None)
    streams[0].close()
    hub.open(MIA, None)


def test_all_streams_end_when_the_process_stops_and_none_begins(hub: Hub) -> None:
    stream = hub.open(MIA, "0-0")
    heard: list[list[bytes]] = []
    reader = threading.Thread(target=lambda: heard.append(list(stream)))
    reader.start()
    hub.close()
    reader.join(5)
    assert not reader.is_alive()
    with pytest.raises(Refused):
        hub.open(MIA, None)


def test_a_stream_says_that_it_lives(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "KEEP_ALIVE", 0.01)
    stream = hub.open(MIA, "0-0")
    assert re.match(rb"retry: [2-5]\d\d\d\nevent: hello\n", next(stream))
    assert next(stream) == b":\n\n"


def test_streams_end_while_nothing_can_be_heard_and_are_out_of_date_afterwards(hub: Hub, live: FakeLive) -> None:
    live.publish(store(OURS))
    stream = hub.open(MIA, "1-0")
    live.fail(down=True)
    assert [*stream][1:] == [], "it ends"
    stream.close()
    with pytest.raises(Refused):
        hub.open(MIA, "1-0")
    assert hub.position is None
    live.fail(down=False)
    until(lambda: hub.position)
    assert hub.position != "1-0"
    assert [event for event, _, _ in heard_by(hub.open(MIA, "1-0"))] == ["hello", "reset"]
    assert [event for event, _, _ in heard_by(hub.open(MIA, hub.position))] == ["hello"], "who loaded the page since missed nothing"


def test_a_process_that_begins_while_nothing_can_be_heard_refuses(hub: Hub, live: FakeLive) -> None:
    live.fail(down=True)
    with pytest.raises(Refused):
        hub.open(MIA, None)


def test_a_stream_ends_with_its_session(make: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_AGAIN", 0.02)
    monkeypatch.setattr(module, "LOOK_AROUND", 0.01)
    hub = make(standing=lambda all_of: [who for who in all_of if who != MIA])
    hers, his = hub.open(MIA, "0-0"), hub.open(BEN, "0-0")
    assert [*hers][1:] == []
    assert not his._ended


def test_while_nobody_can_say_which_sessions_go_on_streams_do_for_a_while(
    make: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def away(_: Collection[Listener]) -> Collection[Listener]:
        nonlocal asked
        asked += 1
        raise ConnectionError("no database")

    monkeypatch.setattr(module, "ASK_AGAIN", 0.02)
    monkeypatch.setattr(module, "LOOK_AROUND", 0.01)
    hub = make(standing=away)
    stream = hub.open(MIA, "0-0")
    until(lambda: asked > 3)
    assert not stream._ended
    monkeypatch.setattr(module, "TRUST", 0.0)
    until(lambda: stream._ended)


def test_a_reader_that_hung_up_gives_its_place_back(make: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_AROUND", 0.01)
    hub = make(limit=2)
    ours, browser = socket.socketpair()
    gone, stays = hub.open(MIA, "0-0", ours), hub.open(BEN, "0-0")
    browser.close()
    until(lambda: len(hub) == 1)
    assert gone._ended
    assert not stays._ended
    ours.close()


@pytest.mark.parametrize("how", ["in time", "at the end"])
def test_a_reader_that_takes_nothing_any_more_is_cut_off(make: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(module, "LOOK_AROUND", 0.01)
    if how == "in time":
        monkeypatch.setattr(module, "STUCK", 0.02)
    hub = make()
    ours, browser = socket.socketpair()
    stream = hub.open(MIA, "0-0", ours)
    assert next(stream), "which the server now sends, and sends"
    if how == "at the end":
        hub.close()
    browser.settimeout(10)
    assert browser.recv(100) == b""
    for one in (ours, browser):
        one.close()
