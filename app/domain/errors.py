"""Every error a person or a script can meet, with its data.

Two families. *Domain errors* say that an intent cannot be taken; the edge translates them once. *Cluster errors* say what an API server
answered; only the Kubernetes adapter builds them, and the reconciler decides on their class alone.
"""

from __future__ import annotations

from typing import Any, ClassVar


class StoreyardError(Exception):
    """Base of all. `code` is stable and documented; `data` is safe to show (never a secret)."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class InvalidIntent(StoreyardError):
    """A field of a request breaks a rule. data: field, rule."""

    code = "invalid_intent"

    def __init__(self, message: str, *, field: str, **data: Any) -> None:
        super().__init__(message, field=field, **data)


class QuotaExceeded(StoreyardError):
    """A tenant's or the platform's limit would be passed. data: scope, resource, limit, used, requested."""

    code = "quota_exceeded"


class NameTaken(StoreyardError):
    """The tenant already has a store of that slug, the host is another store's, or the e-mail another user's. data: slug, host or email."""

    code = "name_taken"


class NotFound(StoreyardError):
    """Unknown, or somebody else's: the caller cannot tell which. data: what, id."""

    code = "not_found"


class Ambiguous(StoreyardError):
    """A slug names stores of several tenants. data: slug, candidates."""

    code = "ambiguous"


class Forbidden(StoreyardError):
    """The actor may not do this. data: action."""

    code = "forbidden"


class SwitchedOff(Forbidden):
    """The operator has switched this off for everybody, for the time being. data: action, switch, reason."""

    code = "switched_off"


class Outdated(StoreyardError):
    """The change was asked for of an intent that is no longer the present one. data: asked, generation."""

    code = "outdated"


class IdempotencyMismatch(StoreyardError):
    """The key was used before with another request. data: key."""

    code = "idempotency_mismatch"


class LogInRefused(StoreyardError):
    """E-mail address and password do not belong together. Which of them is wrong, or unknown, is not said."""

    code = "log_in_refused"


class TooManyAttempts(StoreyardError):
    """Wait before the next attempt. data: what (app.domain.throttle.Throttled), seconds."""

    code = "too_many_attempts"


class LinkInvalid(StoreyardError):
    """A link that was sent by mail is used, too old, taken back or incomplete: which, nobody can tell."""

    code = "link_invalid"


class SignUpsOff(StoreyardError):
    """This installation takes no new accounts but invited ones."""

    code = "sign_ups_off"


class LeaseLost(StoreyardError):
    """Another worker holds the store now: whatever this one learned is void. data: store_id."""

    code = "lease_lost"


class TemplateError(StoreyardError):
    """A template of an engine's release cannot be rendered. data: file, line."""

    code = "template_error"


class UnknownEngine(InvalidIntent):
    """No such engine or release. data: field, known."""

    code = "unknown_engine"


class VaultError(StoreyardError):
    """A stored secret cannot be opened with the keys at hand. data: key_id."""

    code = "vault_error"


class UnscopedQuery(StoreyardError):
    """A tenant's table was queried without saying for whom: a bug, never an answer."""

    code = "unscoped_query"


class ClusterError(StoreyardError):
    """Base of what an API server may answer. data: status, reason, where known."""

    code = "cluster_error"


class Transient(ClusterError):
    """Try again later: 429, 5xx, time-out, connection. `retry_after` in seconds where the server named it."""

    code = "cluster_transient"

    def __init__(self, message: str, *, retry_after: float | None = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.retry_after = retry_after


class Conflict(ClusterError):
    """409: the object is not what we last saw (or exists already). Observe again now."""

    code = "cluster_conflict"


class Rejected(ClusterError):
    """400, 401, 403, 422: asking again as it is will not help."""

    code = "cluster_rejected"


class Gone(ClusterError):
    """410: a watch or a page token is too old. List again."""

    code = "cluster_gone"


class ObjectNotFound(ClusterError):
    """404 to a write: the object, or the namespace it belongs to, is not there."""

    code = "cluster_not_found"
