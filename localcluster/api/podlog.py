"""`pods/log`: which container is meant, and its lines from whoever keeps them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from localcluster.api.logs import Logs
from localcluster.api.options import refuse
from localcluster.api.routes import Target
from localcluster.api.wire import TEXT, Query, Request, Response
from localcluster.errors import ApiError, invalid
from localcluster.objects import Store

_UNTIMED = ("sinceSeconds", "sinceTime", "timestamps")
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


def read_log(store: Store, logs: Logs | None, request: Request, target: Target) -> Response:
    """The log, as it grows with `follow`. ApiError 400 for a container that there is not, or that must be chosen among several."""
    query = request.query
    pod = store.get("Pod", target.namespace, target.name)
    container = _container(pod, query.text("container"))
    tail, limit = _lines(query, target.name)
    if any(query.text(name) not in ("", "false") for name in _UNTIMED):
        raise ApiError.bad_request(f"log lines are kept without their times here: {', '.join(_UNTIMED)} are not supported")
    if logs is None or not pod["spec"].get("nodeName"):
        return Response(200, b"", TEXT)
    pieces = logs.read(
        target.namespace,
        target.name,
        container,
        previous=query.flag("previous"),
        tail=tail,
        follow=query.flag("follow"),
        limit_bytes=limit,
    )
    # The first piece shows whether it is refused; after it the answer has begun.
    first = next(pieces, b"")
    return Response(200, itertools.chain([first], pieces), TEXT)


def _lines(query: Query, pod: str) -> tuple[int | None, int | None]:
    tail, limit = query.number("tailLines"), query.number("limitBytes")
    causes = []
    if tail is not None and tail < 0:
        causes.append(invalid("tailLines", tail, "must be greater than or equal to 0"))
    if limit is not None and limit < 1:
        causes.append(invalid("limitBytes", limit, "must be greater than 0"))
    refuse("PodLogOptions", causes, name=pod, group="")
    return tail, limit


def _container(pod: Mapping[str, Any], asked: str) -> str:
    name, spec = pod["metadata"]["name"], pod["spec"]
    main = [each["name"] for each in spec["containers"]]
    known: Sequence[str] = [*(each["name"] for each in spec.get("initContainers") or ()), *main]
    if asked:
        if asked not in known:
            raise ApiError.bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(main) == 1:
        return main[0]
    default = (pod["metadata"].get("annotations") or {}).get(_DEFAULT_CONTAINER, "")
    if default in known:
        return default
    raise ApiError.bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(known)}]")
