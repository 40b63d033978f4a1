"""The API server's answers that are not success: one exception, in the form of a `Status` object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from localcluster.schema import Kind


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that breaks a rule. `reason` as in Status.details.causes, such as FieldValueInvalid."""

    reason: str
    message: str
    field: str

    def as_dict(self) -> dict[str, str]:
        return {"reason": self.reason, "message": self.message, **({"field": self.field} if self.field else {})}


def invalid(field: str, value: Any, why: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {go_value(value)}: {why}", field)


def required(field: str, why: str = "") -> Cause:
    return Cause("FieldValueRequired", f"Required value{': ' + why if why else ''}", field)


def forbidden(field: str, why: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def unsupported(field: str, value: Any, allowed: Sequence[str]) -> Cause:
    options = ", ".join(f'"{option}"' for option in sorted(allowed))
    return Cause("FieldValueNotSupported", f"Unsupported value: {go_value(value)}: supported values: {options}", field)


def go_value(value: Any) -> str:
    """Roughly as Go prints it in a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    return json.dumps(value, separators=(",", ":"))


class ApiError(Exception):
    """What the API server answers: an HTTP code, a reason, a message and causes."""

    def __init__(
        self, code: int, reason: str, message: str, *, details: dict[str, Any] | None = None, causes: Sequence[Cause] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}
        self.causes = tuple(causes)

    def status(self) -> dict[str, Any]:
        """The body of the answer."""
        details = dict(self.details)
        if self.causes:
            details["causes"] = [cause.as_dict() for cause in self.causes]
        body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message}
        if self.reason:
            body["reason"] = self.reason
        if details:
            body["details"] = details
        return {**body, "code": self.code}

    @classmethod
    def bad_request(cls, message: str) -> ApiError:
        return cls(400, "BadRequest", message)

    @classmethod
    def internal(cls, message: str) -> ApiError:
        return cls(500, "", message)

    @classmethod
    def unknown_resource(cls) -> ApiError:
        return cls(404, "NotFound", "the server could not find the requested resource")

    @classmethod
    def not_found(cls, kind: Kind, name: str) -> ApiError:
        return cls(404, "NotFound", f'{kind.resource} "{name}" not found', details=_resource(kind, name))

    @classmethod
    def exists(cls, kind: Kind, name: str, *, deleting: bool) -> ApiError:
        message = f'{kind.resource} "{name}" already exists'
        return cls(409, "AlreadyExists", f"object is being deleted: {message}" if deleting else message, details=_resource(kind, name))

    @classmethod
    def conflict(cls, kind: Kind, name: str, why: str) -> ApiError:
        return cls(409, "Conflict", f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}', details=_resource(kind, name))

    @classmethod
    def precondition(cls, kind: Kind, name: str, why: str) -> ApiError:
        """As `conflict`, but the server names the kind here instead of the resource."""
        details = {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.name}
        title = f"{kind.name}.{kind.group}" if kind.group else kind.name
        return cls(409, "Conflict", f'Operation cannot be fulfilled on {title} "{name}": {why}', details=details)

    @classmethod
    def modified(cls, kind: Kind, name: str) -> ApiError:
        return cls.conflict(kind, name, "the object has been modified; please apply your changes to the latest version and try again")

    @classmethod
    def forbidden(cls, kind: Kind, name: str, why: str, causes: Sequence[Cause] = ()) -> ApiError:
        message = f'{kind.resource} "{name}" is forbidden: {why}'
        return cls(403, "Forbidden", message, details=_resource(kind, name), causes=causes)

    @classmethod
    def invalid(cls, kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
        texts = [f"{cause.field}: {cause.message}" for cause in causes]
        text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        title = f"{kind.name}.{kind.group}" if kind.group else kind.name
        details = {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.name}
        return cls(422, "Invalid", f'{title} "{name}" is invalid: {text}', details=details, causes=causes)

    @classmethod
    def unprocessable(cls) -> ApiError:
        return cls(422, "Invalid", "the server rejected our request due to an error in our request")

    @classmethod
    def expired(cls, message: str) -> ApiError:
        return cls(410, "Expired", message)

    @classmethod
    def apply_conflicts(cls, conflicts: Sequence[tuple[str, str]]) -> ApiError:
        """`conflicts`: who holds a field (as `"manager"`, or `"manager" using v1` for an update), and the field."""
        causes = [Cause("FieldManagerConflict", f"conflict with {who}", field) for who, field in conflicts]
        count = f"{len(causes)} conflict{'s' if len(causes) > 1 else ''}"
        return cls(409, "Conflict", f"Apply failed with {count}: {_by_manager(conflicts)}", causes=causes)


def _by_manager(conflicts: Sequence[tuple[str, str]]) -> str:
    managers = sorted({who for who, _ in conflicts})
    if len(conflicts) == 1:
        return f"conflict with {conflicts[0][0]}: {conflicts[0][1]}"
    return "\n".join(
        line
        for manager in managers
        for line in (f"conflicts with {manager}:", *(f"- {field}" for who, field in conflicts if who == manager))
    )


def _resource(kind: Kind, name: str) -> dict[str, Any]:
    return {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}
