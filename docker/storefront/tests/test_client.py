from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from storefront.client import BackendAway, Limited, NotFound, Refused, StoreApi

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler, now: Callable[[], float] = lambda: 0.0) -> StoreApi:
    return StoreApi("http://backend:9000", "pk_0123456789abcdef", transport=httpx.MockTransport(handler), now=now)


def failing(times: int, error: type[httpx.TransportError]) -> tuple[Handler, list[str]]:
    calls: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        if len(calls) <= times:
            raise error("no", request=request)
        return httpx.Response(200, json={"ok": True})

    return handle, calls


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError])
def test_reading_is_tried_once_more_when_the_connection_breaks(error: type[httpx.TransportError]) -> None:
    handle, calls = failing(1, error)
    assert client(handle).get("/store/regions") == {"ok": True}
    assert len(calls) == 2


def test_writing_is_not_repeated_once_it_may_have_arrived() -> None:
    handle, calls = failing(1, httpx.RemoteProtocolError)
    with pytest.raises(BackendAway):
        client(handle).post("/store/carts", {})
    assert len(calls) == 1


def test_writing_is_repeated_when_no_connection_was_made() -> None:
    handle, calls = failing(1, httpx.ConnectError)
    assert client(handle).post("/store/carts", {}) == {"ok": True}
    assert len(calls) == 2


def test_a_timeout_is_not_tried_again() -> None:
    handle, calls = failing(1, httpx.ReadTimeout)
    with pytest.raises(BackendAway):
        client(handle).get("/store/regions")
    assert len(calls) == 1


def test_after_a_failure_calls_fail_at_once_for_a_moment() -> None:
    clock = [0.0]
    handle, calls = failing(2, httpx.ConnectError)
    api = client(handle, lambda: clock[0])
    for _ in range(3):
        with pytest.raises(BackendAway):
            api.get("/store/regions")
    assert len(calls) == 2
    clock[0] = 5.0
    assert api.get("/store/regions") == {"ok": True}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b'{"type": "unknown_error"}', BackendAway), (502, b"<html>", BackendAway), (200, b"<html>", BackendAway),
        (200, b"[]", BackendAway),
        (404, b'{"type": "not_found"}', NotFound), (400, b'{"type": "invalid_data", "message": "no"}', Refused),
        (429, b'{"message": "slow"}', Limited),
    ],
)  # fmt: skip
def test_bad_answers_become_errors(status: int, body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        client(lambda _: httpx.Response(status, content=body)).get("/store/regions")


def test_a_refusal_keeps_medusas_code_and_words() -> None:
    answer = {"code": "insufficient_inventory", "type": "not_allowed", "message": "Some variant does not have the required inventory"}
    with pytest.raises(Refused) as raised:
        client(lambda _: httpx.Response(400, json=answer)).post("/store/carts/c/line-items", {})
    assert raised.value.out_of_stock
    assert not raised.value.completed


def test_the_key_is_sent_and_the_visitors_address_where_it_is_given() -> None:
    seen: list[httpx.Headers] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, json={})

    client(handle).get("/store/order-lookup", client_address="203.0.113.9")
    client(handle).get("/store/regions")
    assert seen[0]["x-publishable-api-key"] == "pk_0123456789abcdef"
    assert seen[0]["x-forwarded-for"] == "203.0.113.9"
    assert "x-forwarded-for" not in seen[1]
