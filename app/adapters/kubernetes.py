"""The `Cluster` port on a Kubernetes API server.

Calls go straight to a connection pool (app.adapters.kube_access), JSON in and out: the official client's typed models cost a multiple of
that per write, and far more per list.
An answer is believed only if it is whole JSON, of the kind and name that was asked for, and not larger than `MAX_ANSWER`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import orjson
import urllib3

from app.adapters.kube_access import Access, open_access
from app.domain.errors import ClusterError, Conflict, Gone, ObjectNotFound, Rejected, Transient
from app.domain.manifests import FIELD_MANAGER, KINDS, LiveObject, Manifest, ObjectKey
from app.ports import Page, WatchEvent

CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 7.0
POOL_SIZE = 32
MAX_ANSWER = 64 * 1024 * 1024

_JSON = "application/json"
_APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"

_UNREADABLE = ("failed to create typed patch object", "failed to convert new object")
_RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    remaining: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct):
    kind: str
    metadata: _ListMeta
    items: list[dict[str, Any]] | None = None


class _Status(msgspec.Struct, rename="camel"):
    """The parts of a `Status` that are kept. Its details can quote values, so they are dropped."""

    message: str = ""
    reason: str = ""
    code: int = 0


_decode_list = msgspec.json.Decoder(_List).decode
_decode_status = msgspec.json.Decoder(_Status).decode


class KubernetesCluster:
    """Thread-safe; not to be shared across a fork."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._pool, self._host = access.pool, access.host

    @classmethod
    def from_kubeconfig(cls, path: str | None, *, context: str | None = None) -> KubernetesCluster:
        """With a kubeconfig, or without one with the service account of the pod that this process runs in.

        Raises Rejected where neither can be read.
        """
        return cls(open_access(path, context=context, connections=POOL_SIZE))

    def close(self) -> None:
        """Close the pool's connections."""
        self._pool.clear()

    # What the port asks for.

    def version(self) -> str:
        answer = self._call("GET", "/version")
        return str(answer.get("gitVersion", "unknown"))

    def get(self, key: ObjectKey) -> LiveObject | None:
        try:
            return self._object(key, self._call("GET", _path(key), what=key))
        except ObjectNotFound:
            return None

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> LiveObject:
        key = manifest.key
        query = {"fieldManager": FIELD_MANAGER, **_dry(dry_run)}
        return self._object(key, self._call("POST", _path(key, collection=True), query, manifest.body, what=key))

    def apply(
        self,
        manifest: Manifest,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        dry_run: bool = False,
    ) -> LiveObject:
        key, body = manifest.key, manifest.body
        if uid or resource_version:
            preconditions = {"uid": uid, "resourceVersion": resource_version}
            body = {**body, "metadata": {**body["metadata"], **{name: value for name, value in preconditions.items() if value}}}
        query = {"fieldManager": FIELD_MANAGER, "force": "true", **_dry(dry_run)}
        return self._object(key, self._call("PATCH", _path(key), query, body, content_type=_APPLY, what=key))

    def patch(self, key: ObjectKey, operations: Sequence[Mapping[str, Any]]) -> LiveObject:
        query = {"fieldManager": FIELD_MANAGER}
        return self._object(key, self._call("PATCH", _path(key), query, list(operations), content_type=_JSON_PATCH, what=key))

    def delete(self, key: ObjectKey, *, uid: str | None = None, resource_version: str | None = None) -> bool:
        preconditions = {name: value for name, value in (("uid", uid), ("resourceVersion", resource_version)) if value}
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if preconditions:
            options["preconditions"] = preconditions
        try:
            self._call("DELETE", _path(key), body=options, what=key)
        except ObjectNotFound:
            return False
        return True

    def list_page(
        self,
        kind: str,
        *,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        limit: int = 500,
        after: str = "",
    ) -> Page:
        query = {"limit": str(limit), **_selectors(labels, fields)}
        if after:
            query["continue"] = after
        raw = self._raw("GET", _path(ObjectKey(kind, namespace or "", ""), collection=True), query, what=kind)
        try:
            answer = _decode_list(raw)
        except msgspec.MsgspecError as error:
            raise Transient(f"The answer to a list of {kind} is not a list: {error}") from error
        if answer.kind != f"{kind}List":
            raise Transient(f"Asked for a list of {kind}, the API server answered a {answer.kind}.")
        items = tuple(LiveObject.of({"apiVersion": KINDS[kind].api_version, "kind": kind, **item}) for item in answer.items or ())
        return Page(items, answer.metadata.resource_version, answer.metadata.remaining)

    def watch(
        self,
        kind: str,
        *,
        labels: Mapping[str, str] | None = None,
        resource_version: str,
        timeout: float = 300,
    ) -> Iterator[WatchEvent]:
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, int(timeout))),
            **_selectors(labels, None),
        }
        path = _path(ObjectKey(kind, "", ""), collection=True)
        with _open(self._pool, "GET", self._url(path, query), self._headers(), None, timeout + READ_TIMEOUT, stream=True) as response:
            if response.status != 200:
                raise _error(response.status, response.headers, response.read(MAX_ANSWER), kind)
            for line in _lines(response):
                yield _event(kind, line)

    def last_log_line(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> str | None:
        query = {"container": container, "tailLines": "1", "limitBytes": "2000", "previous": str(previous).lower()}
        path = f"{_path(ObjectKey('Pod', namespace, pod))}/log"
        try:
            text = self._raw("GET", path, query, what=ObjectKey("Pod", namespace, pod)).decode(errors="replace").strip()
        except (Rejected, ObjectNotFound, Transient):
            return None
        return text.splitlines()[-1][:500] if text else None

    def may(self, verb: str, kind: str, *, namespace: str | None = None) -> bool:
        info = KINDS[kind]
        group = info.api_version.rpartition("/")[0]
        attributes = {"verb": verb, "group": group, "resource": info.plural, **({"namespace": namespace} if namespace else {})}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self._call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)
        return bool((answer.get("status") or {}).get("allowed"))

    # How it is asked.

    def _object(self, key: ObjectKey, body: Mapping[str, Any]) -> LiveObject:
        answered = LiveObject.of(body) if body.get("kind") in KINDS else None
        if answered is None or answered.key != key:
            raise Transient(f"Asked for {key}, the API server answered {body.get('kind')}/{(body.get('metadata') or {}).get('name')}.")
        return answered

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        content_type: str = _JSON,
        what: object = "",
    ) -> dict[str, Any]:
        raw = self._raw(method, path, query, body, content_type=content_type, what=what)
        try:
            answer = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise Transient(f"The API server's answer to {method} {what or path} is not JSON: {error}") from error
        if not isinstance(answer, dict):
            raise Transient(f"The API server's answer to {method} {what or path} is not an object.")
        return answer

    def _raw(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        content_type: str = _JSON,
        what: object = "",
    ) -> bytes:
        headers = self._headers()
        data = None
        if body is not None:
            data = orjson.dumps(body)
            headers["Content-Type"] = content_type
        with _open(self._pool, method, self._url(path, query), headers, data, READ_TIMEOUT) as response:
            try:
                answer = response.read(MAX_ANSWER + 1, cache_content=False)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise Transient(f"The API server broke off its answer to {method} {what or path}: {error}") from error
            if len(answer) > MAX_ANSWER:
                response.close()
                raise Transient(f"The API server's answer to {method} {what or path} is larger than {MAX_ANSWER} bytes.")
            if response.status >= 300:
                raise _error(response.status, response.headers, answer, what)
            return answer

    def _url(self, path: str, query: Mapping[str, str] | None) -> str:
        return f"{self._host}{path}?{urlencode(query)}" if query else f"{self._host}{path}"

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": _JSON, "User-Agent": "storeyard"}
        self._access.authorize(headers)
        return headers


class _open:  # noqa: N801  (used as a `with` statement, like open)
    """One exchange; the connection goes back to the pool when the block ends. Connection errors become Transient."""

    def __init__(
        self,
        pool: urllib3.PoolManager,
        method: str,
        url: str,
        headers: Mapping[str, str],
        data: bytes | None,
        read_timeout: float,
        *,
        stream: bool = False,
    ) -> None:
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT, read=read_timeout)
        try:
            self.response = pool.request(
                method, url, body=data, headers=headers, timeout=timeout, retries=False, preload_content=False, pool_timeout=READ_TIMEOUT
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Transient(f"The API server cannot be reached: {_plain(error)}") from error
        self._stream = stream

    def __enter__(self) -> urllib3.BaseHTTPResponse:
        return self.response

    def __exit__(self, *_: object) -> None:
        if self._stream:
            self.response.close()
        self.response.release_conn()


def _plain(error: BaseException) -> str:
    """The cause behind urllib3's wrappers, without addresses of Python objects."""
    reason = getattr(error, "reason", None)
    text = str(reason or error)
    return text.rpartition(">: ")[2] or text


def _path(key: ObjectKey, *, collection: bool = False) -> str:
    info = key.info
    root = f"/api/{info.api_version}" if "/" not in info.api_version else f"/apis/{info.api_version}"
    scope = f"/namespaces/{quote(key.namespace, safe='')}" if info.namespaced and key.namespace else ""
    path = f"{root}{scope}/{info.plural}"
    return path if collection else f"{path}/{quote(key.name, safe='')}"


def _selectors(labels: Mapping[str, str] | None, fields: Mapping[str, str] | None) -> dict[str, str]:
    chosen: dict[str, str] = {}
    if labels:
        chosen["labelSelector"] = ",".join(f"{name}={value}" if value else name for name, value in labels.items())
    if fields:
        chosen["fieldSelector"] = ",".join(f"{name}={value}" for name, value in fields.items())
    return chosen


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _error(status: int, headers: Mapping[str, str], answer: bytes, what: object) -> ClusterError:
    """The one place where an HTTP status becomes an error class."""
    try:
        told = _decode_status(answer)
    except msgspec.MsgspecError:
        told = _Status()
    # A refusal of a Secret may quote it.
    secret = isinstance(what, ObjectKey) and what.kind == "Secret"
    message = f"{what}: {told.reason or status}" if secret else (told.message or f"{what}: the API server answered {status}")
    data: dict[str, Any] = {"status": status, "reason": told.reason}
    if status == 404 and told.reason == "NotFound":
        return ObjectNotFound(message, **data)
    if status == 404:
        # A load balancer's, or that of a server which does not know the kind: it says nothing of the object.
        return Transient(f"{what}: 404, but not in an API server's words", **data)
    # An apply with the uid of an object that was replaced by another is called invalid, not a conflict.
    if status == 409 or (status == 422 and "metadata.uid: Invalid value" in told.message):
        return Conflict(message, **data)
    if status == 410:
        return Gone(message, **data)
    # A new ResourceQuota refuses everything until it has been counted once: it passes by itself.
    # What cannot be read as an object of its kind is answered 500; no later try can be better.
    if status == 500 and told.message.startswith(_UNREADABLE):
        return Rejected(message, **data)
    if status in _RETRYABLE or (status == 403 and "status unknown for quota" in told.message):
        return Transient(message, retry_after=_retry_after(headers), **data)
    return Rejected(message, **data)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After") or ""
    return float(value) if value.isdigit() else None


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    pending = b""
    try:
        for chunk in response.stream(65536):
            *whole, pending = (pending + chunk).split(b"\n")
            yield from (line for line in whole if line)
            if len(pending) > MAX_ANSWER:
                raise Transient("An event of a watch is too large.")
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Transient(f"The watch broke off: {_plain(error)}") from error


def _event(kind: str, line: bytes) -> WatchEvent:
    try:
        event = orjson.loads(line)
        body, type_ = event["object"], event["type"]
        if type_ == "ERROR":
            raise _error(int(body.get("code") or 500), {}, orjson.dumps(body), f"watch of {kind}")
        live = LiveObject.of(body, kind=kind)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise Transient(f"An event of a watch of {kind} is not one: {error}") from error
    return WatchEvent(type_, live, live.resource_version)
