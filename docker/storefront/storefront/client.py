"""Medusa's Store API over one pool of connections.

Every call has a deadline. Not more calls run at once than `PARALLEL`, so that a slow Medusa leaves threads for pages from the cache; after
a call that found Medusa away, the next ones fail at once for a moment instead of queueing up behind a dead address.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import httpx

Body = dict[str, Any]

PARALLEL = 10
WAIT_FOR_TURN = 3.0
# Node closes idle connections after five seconds; ours are given up before, so that no request is written into a closing one
KEEPALIVE = 4.0
READ = httpx.Timeout(6.0, connect=1.0)
WRITE = httpx.Timeout(30.0, connect=1.0)
SULK = 1.0

log = logging.getLogger(__name__)


class BackendError(Exception):
    """A call to Medusa had no good end."""


class BackendAway(BackendError):
    """Medusa can't be reached, is too slow, or fails by itself. The same call may work later."""


class NotFound(BackendError):
    """Medusa knows no such thing."""


class Refused(BackendError):
    """Medusa says no to this very call: `status` 4xx, its own `code` (or type) and words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    @property
    def completed(self) -> bool:
        """The cart has become an order already. Medusa has no code for it."""
        return "already completed" in self.message

    @property
    def out_of_stock(self) -> bool:
        return self.code == "insufficient_inventory"


class Limited(BackendError):
    """Too many calls: wait `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"wait {retry_after} s")
        self.retry_after = retry_after


class StoreApi:
    """Thread-safe; connections are made when first used. Answers are JSON objects whose numbers are int or Decimal.

    `waited` is told the seconds of every call.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], float] = time.monotonic,
        waited: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._url, self._key, self._transport, self._now, self._waited = url, key, transport, now, waited
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._turns = threading.BoundedSemaphore(PARALLEL)
        self._away_until = 0.0
        self.answered_at: float | None = None  # when Medusa last gave an answer that wasn't a failure of its own

    @property
    def seen(self) -> bool:
        """Whether Medusa has answered since this process started."""
        return self.answered_at is not None

    def answered_within(self, seconds: float) -> bool:
        return self.answered_at is not None and self._now() - self.answered_at < seconds

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, client_address: str = "") -> Body:
        """Raises BackendAway, NotFound, Refused, Limited."""
        return self._call("GET", path, params, None, READ, client_address)

    def post(self, path: str, body: Body, params: Mapping[str, Any] | None = None, *, client_address: str = "") -> Body:
        """Raises BackendAway, NotFound, Refused, Limited."""
        return self._call("POST", path, params, body, WRITE, client_address)

    def delete(self, path: str, params: Mapping[str, Any] | None = None) -> Body:
        """Raises BackendAway, NotFound, Refused, Limited."""
        return self._call("DELETE", path, params, None, WRITE, "")

    def ping(self, seconds: float) -> bool:
        """Whether Medusa and its database answer within so many seconds."""
        try:
            answer = self._connected().get("/ready", timeout=seconds)
        except httpx.HTTPError:
            return False
        if answer.status_code == 200:
            self._answered()
        return answer.status_code == 200

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _call(
        self, method: str, path: str, params: Mapping[str, Any] | None, body: Body | None, timeout: httpx.Timeout, address: str
    ) -> Body:
        if self._now() < self._away_until:
            raise BackendAway("was away a moment ago")
        if not self._turns.acquire(timeout=WAIT_FOR_TURN):
            raise BackendAway("too many calls are waiting")
        began = self._now()
        try:
            request = self._connected().build_request(method, path, params=params, json=body, timeout=timeout)
            if address:
                # Medusa trusts the nearest hop, which we are
                request.headers["X-Forwarded-For"] = address
            return self._answer(self._send(request))
        except httpx.HTTPError as error:
            self._away_until = self._now() + SULK
            log.warning("backend away: %s %s: %s", method, path, type(error).__name__)
            raise BackendAway(type(error).__name__) from error
        finally:
            self._turns.release()
            self._waited(self._now() - began)

    def _send(self, request: httpx.Request) -> httpx.Response:
        """A connection that couldn't be made is tried once more; one that broke midway only for what changes nothing."""
        again = (httpx.ConnectError,) if request.method != "GET" else (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError)
        try:
            return self._connected().send(request)
        except again:
            return self._connected().send(request)

    def _answer(self, response: httpx.Response) -> Body:
        status = response.status_code
        if status >= 500:
            log.warning("backend failed: %s %s: %d", response.request.method, response.request.url.path, status)
            raise BackendAway(f"status {status}")
        body = parse(response.content)
        self._answered()
        if status == 404:
            raise NotFound(response.request.url.path)
        if status == 429:
            wait = response.headers.get("Retry-After", "")
            raise Limited(int(wait) if wait.isdigit() else 60)
        if status >= 400:
            raise Refused(status, str(body.get("code") or body.get("type") or ""), str(body.get("message") or ""))
        return body

    def _answered(self) -> None:
        self.answered_at = self._now()

    def _connected(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(
                    base_url=self._url,
                    headers={"x-publishable-api-key": self._key, "User-Agent": "storefront", "Accept-Encoding": "identity"},
                    limits=httpx.Limits(max_connections=PARALLEL + 2, max_keepalive_connections=PARALLEL, keepalive_expiry=KEEPALIVE),
                    transport=self._transport,
                    # plain http inside the namespace: no certificates to load
                    verify=self._url.startswith("https:"),
                    trust_env=False,
                )
            return self._client


def parse(content: bytes) -> Body:
    """A JSON object with exact numbers. Raises BackendAway for anything else: whoever said that wasn't Medusa."""
    try:
        body = json.loads(content, parse_float=Decimal)
    except ValueError as error:
        raise BackendAway("an answer that is no JSON") from error
    if not isinstance(body, dict):
        raise BackendAway("an answer that is no object")
    return body
