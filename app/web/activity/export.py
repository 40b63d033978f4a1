"""The log as CSV (RFC 4180, UTF-8), with the page's filters: read batch by batch while it is sent, so that neither memory nor a transaction
depends on how long it is or how slowly it is read.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response
from flask.typing import ResponseReturnValue

from app.domain.people import Role
from app.services.audit_log import AuditFilter, audit_batches
from app.services.context import Services
from app.services.views import AuditView
from app.web.activity import blueprint, filters, words
from app.web.current import current
from app.web.htmx import redirect_to
from app.web.tenancy import requires

COLUMNS = (
    "time", "person", "kind of actor", "what", "store", "reason", "address",
    "before", "after", "action", "target", "target id", "person id", "request",
)  # fmt: skip
# A cell that begins with one of these is a formula to a spreadsheet. Source: OWASP, "CSV Injection".
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@blueprint.get("/activity.csv", endpoint="csv")
@requires(Role.VIEWER)
def export() -> ResponseReturnValue:
    asked = filters.read()
    if asked.form.errors:
        return redirect_to("activity.index", **asked.link())
    name = f"activity-{current.tenant.slug if current.tenant else ''}-{current.now:%Y-%m-%d}.csv"
    # What the answer needs of the request is taken now: it is written when the request is over.
    answer = Response(_written(current.services, current.tenant_id, asked.wanted), content_type="text/csv; charset=utf-8; header=present")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _written(services: Services, tenant_id: str, wanted: AuditFilter) -> Iterator[bytes]:
    yield _lines([COLUMNS])
    for batch in audit_batches(services, tenant_id=tenant_id, wanted=wanted):
        if batch.entries:
            yield _lines([_cells(entry, batch.store_names) for entry in batch.entries])


def _lines(rows: list[tuple[str, ...]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows([[_harmless(cell) for cell in row] for row in rows])
    return written.getvalue().encode("utf-8", "replace")


def _cells(entry: AuditView, store_names: Mapping[str, str]) -> tuple[str, ...]:
    deed = words.deed(entry, store_names)
    return (
        entry.at.isoformat(), entry.actor_name, entry.actor_kind, deed.text, deed.store, deed.reason, entry.actor_ip or "",
        _json(entry.before), _json(entry.after), entry.action, entry.target_type, entry.target_id, entry.actor_id, entry.request_id or "",
    )  # fmt: skip


def _json(side: Mapping[str, Any] | None) -> str:
    return "" if side is None else json.dumps(side, ensure_ascii=False, sort_keys=True)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
