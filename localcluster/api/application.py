"""From a request to its answer: who asks, what for, and whose work it is. Errors become `Status` objects here and nowhere else."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping

from localcluster.api.discovery import Discovery
from localcluster.api.logs import Logs
from localcluster.api.openapi import document, index
from localcluster.api.resources import Resources
from localcluster.api.reviews import API_VERSION as REVIEWS
from localcluster.api.reviews import review
from localcluster.api.routes import locate, split
from localcluster.api.wire import Request, Response, dump, plain, refusal
from localcluster.errors import ApiError
from localcluster.objects import Store

LOG = logging.getLogger(__name__)

# The minor version decides what clients expect; the patch says that it is none of the project's releases.
VERSION = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.0+storeyard.pocket",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "python",
    "platform": "linux/amd64",
}
_HEALTH = frozenset({"healthz", "livez", "readyz"})


class Application:
    """Thread-safe: all state is the store's."""

    def __init__(self, store: Store, token: str, logs: Logs | None) -> None:
        self._expected = f"Bearer {token}".encode()
        self._resources = Resources(store, logs)
        self._discovery = Discovery()

    def knows(self, authorization: str) -> bool:
        """Whether this header's value shows the token; how long it takes does not depend on how much of it is right."""
        return hmac.compare_digest(authorization.encode("utf-8", "replace"), self._expected)

    def answer(self, request: Request, *, allowed: bool) -> Response:
        try:
            return self._answer(request, allowed=allowed)
        except ApiError as error:
            return refusal(error)
        except Exception as error:
            LOG.exception("%s /%s crashed", request.method, "/".join(request.segments))
            return refusal(ApiError(500, "InternalError", f"Internal error occurred: {type(error).__name__}: {error}"))

    def _answer(self, request: Request, *, allowed: bool) -> Response:
        segments = request.segments
        if request.method == "GET" and segments:
            if segments[0] in _HEALTH:
                return plain(200, "ok")
            if segments == ("version",):
                return Response(200, dump(VERSION))
        if not allowed:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        if segments[:1] == ("openapi",):
            return self._described(request)
        if segments[:2] == ("apis", REVIEWS.partition("/")[0]) and len(segments) > 3:
            return review(request)
        found = split(segments)
        if found is None or not found[1]:
            return self._discovered(request)
        return self._resources.answer(request, locate(*found))

    def _discovered(self, request: Request) -> Response:
        response = self._discovery.answer(request)
        if response is None:
            return plain(404, "404 page not found\n")
        if request.method != "GET":
            raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        return response

    def _described(self, request: Request) -> Response:
        rest = request.segments[1:]
        documents: Mapping[bool, Callable[[], bytes | None]] = {True: index, False: lambda: document("/".join(rest[1:]))}
        body = documents[rest == ("v3",)]() if rest[:1] == ("v3",) and request.method == "GET" else None
        return plain(404, "404 page not found\n") if body is None else Response(200, body)
