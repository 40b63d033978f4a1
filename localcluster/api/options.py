"""The options of writes and deletions, from the address or the body, checked as the API server checks them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from localcluster.api.decoding import read_object
from localcluster.api.wire import Query, Request
from localcluster.errors import ApiError, Cause, forbidden, invalid, unsupported
from localcluster.schema import Kind

MAX_MANAGER = 128
_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_PROPAGATIONS = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """`manager` is '' for an apply that names none: the store refuses that."""

    dry_run: bool
    manager: str
    validation: str
    force: bool = False

    def unknown(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Headers that warn of unknown fields; with Strict they are refused by `strict_error`, with Ignore passed over."""
        return [] if self.validation == "Ignore" else [("Warning", f'299 - "unknown field \\"{_printable(name)}\\""') for name in names]


def write_options(
    request: Request, kind: Literal["CreateOptions", "UpdateOptions", "PatchOptions"], *, applies: bool = False
) -> WriteOptions:
    query = request.query
    manager, validation = query.text("fieldManager"), query.text("fieldValidation")
    causes = _dry_run_causes(query.all("dryRun"))
    if kind == "PatchOptions" and not applies and "force" in query.names:
        causes.append(forbidden("force", "may not be specified for non-apply patch"))
    if len(manager.encode()) > MAX_MANAGER:
        causes.append(Cause("FieldValueTooLong", f"Too long: may not be more than {MAX_MANAGER} bytes", "fieldManager"))
    if not manager.isprintable():
        causes.append(invalid("fieldManager", manager, "should only contain printable characters"))
    if validation not in _VALIDATIONS:
        causes.append(unsupported("fieldValidation", validation, _VALIDATIONS))
    refuse(kind, causes)
    if not manager and not applies:
        manager = manager_of(request.headers.get("user-agent", ""))
    return WriteOptions(bool(query.text("dryRun")), manager, validation or "Warn", query.flag("force"))


def manager_of(user_agent: str) -> str:
    """Whom the bookkeeping names where a client doesn't say: its program, without version and remarks."""
    name = "".join(letter for letter in user_agent.partition("/")[0] if letter.isprintable())
    return name.encode()[:MAX_MANAGER].decode(errors="ignore")


def strict_error(kind: Kind, options: WriteOptions, names: Sequence[str], *, patch: bytes | None = None) -> None:
    """ApiError 400 (for a patch 422) where unknown fields are to be refused."""
    if options.validation != "Strict" or not names:
        return
    listed = ", ".join(f'unknown field "{name}"' for name in names)
    why = f"strict decoding error: {listed}"
    if patch is None:
        version = kind.api_version.rpartition("/")[2]
        raise ApiError.bad_request(f'{kind.name} in version "{version}" cannot be handled as a {kind.name}: {why}')
    cause = invalid("patch", patch.decode(errors="replace"), why)
    raise ApiError(422, "Invalid", f' "" is invalid: patch: {cause.message}', causes=[cause])


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    propagation: str
    grace_seconds: int | None
    uid: str | None
    resource_version: str | None
    dry_run: bool


def delete_options(request: Request, kind: Kind) -> DeleteOptions:
    """From the body, where there is one; from the address otherwise."""
    given = _delete_body(request) if request.body.strip() else _delete_query(request.query)
    dry_run, propagation, grace = given.get("dryRun") or [], given.get("propagationPolicy"), given.get("gracePeriodSeconds")
    orphans, preconditions = given.get("orphanDependents"), given.get("preconditions") or {}
    if not isinstance(preconditions, dict) or not isinstance(grace, int | None) or not isinstance(dry_run, list):
        raise ApiError.bad_request("DeleteOptions cannot be handled: json: cannot unmarshal a value into one of its fields")
    causes = _dry_run_causes(dry_run)
    if propagation is not None and orphans is not None:
        causes.append(invalid("propagationPolicy", propagation, "orphanDependents and deletionPropagation cannot be both set"))
    if propagation is not None and propagation not in _PROPAGATIONS:
        options = ", ".join(f'"{each}"' for each in (*_PROPAGATIONS, "nil"))
        message = f'Unsupported value: "{propagation}": supported values: {options}'
        causes.append(Cause("FieldValueNotSupported", message, "propagationPolicy"))
    refuse("DeleteOptions", causes)
    # Jobs keep their pods unless told otherwise, as they always did.
    default = "Orphan" if orphans or (kind.name == "Job" and orphans is None) else "Background"
    return DeleteOptions(
        propagation=propagation or default,
        grace_seconds=None if grace is None else 1 if grace < 0 else grace,
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        dry_run=bool(dry_run),
    )


def _delete_body(request: Request) -> dict[str, Any]:
    body = read_object("DeleteOptions", request.media_type, request.body)
    if body.get("kind", "DeleteOptions") != "DeleteOptions":
        version = body.get("apiVersion", "meta.k8s.io/v1")
        raise ApiError.internal(f'no kind "{body["kind"]}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:110"')
    return body


def _delete_query(query: Query) -> dict[str, Any]:
    found: dict[str, Any] = {"gracePeriodSeconds": query.number("gracePeriodSeconds"), "dryRun": list(query.all("dryRun"))}
    if "orphanDependents" in query.names:
        found["orphanDependents"] = query.flag("orphanDependents")
    return {**found, "propagationPolicy": query.text("propagationPolicy") or None}


def _dry_run_causes(given: Sequence[str]) -> list[Cause]:
    return [unsupported("dryRun", list(given), ["All"])] if any(each != "All" for each in given) else []


def refuse(kind: str, causes: list[Cause], *, name: str = "", group: str = "meta.k8s.io") -> None:
    """ApiError 422 that names what broke the rules of these options."""
    if not causes:
        return
    texts = [f"{cause.field}: {cause.message}" for cause in causes]
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = {**({"name": name} if name else {}), **({"group": group} if group else {}), "kind": kind}
    title = f"{kind}.{group}" if group else kind
    raise ApiError(422, "Invalid", f'{title} "{name}" is invalid: {text}', details=details, causes=causes)


def _printable(text: str) -> str:
    """In a header's quoted string."""
    shown = "".join(letter if letter.isprintable() and letter not in '"\\' else "?" for letter in text)
    return shown.encode().decode("latin-1")
