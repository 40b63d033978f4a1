"""The filters of the log as an address carries them: read, checked, and written into links again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import request

from app.domain.naming import is_id
from app.services.audit_log import AuditFilter
from app.web.forms import Form

NAMES = ("who", "store", "kind", "since", "until", "q")
YEARS = range(2000, 2101)
LONGEST = 100
ID_MAX = 2**63 - 1
_KIND = re.compile(r"[a-z_]{1,40}(?:\.[a-z_]{1,40})?")


@dataclass(frozen=True, slots=True)
class Asked:
    """`form` is what was typed, with what is wrong; `wanted` what is looked for. `any`: whether something is filtered at all."""

    form: Form
    wanted: AuditFilter
    before: int | None

    @property
    def any(self) -> bool:
        return any(self.form.values.values())

    def link(self, **changed: object) -> dict[str, Any]:
        """The arguments of an address that filters as this one does."""
        given = {**self.form.values, **changed}
        return {name: value for name, value in given.items() if value not in ("", None)}


def read() -> Asked:
    """An address is typed by people too: what makes no sense in it filters nothing, and is said beside its field."""
    form = Form({name: " ".join(request.args.get(name, "").replace("\x00", "").split())[:LONGEST] for name in NAMES})
    since, until = (_day(form, name) for name in ("since", "until"))
    if since is not None and until is not None and since > until:
        form.errors["until"] = "The last day is before the first."
        since = until = None
    store, kind = form["store"], form["kind"]
    if store and not is_id(store):
        form.values["store"] = store = ""
    if kind and not _KIND.fullmatch(kind):
        form.values["kind"] = kind = ""
    wanted = AuditFilter(actor_id=form["who"], store_id=store, action=kind, since=since, until=until, text=form["q"])
    before = request.args.get("before", type=int)
    return Asked(form, wanted, before if before is not None and 0 <= before <= ID_MAX else None)


def _day(form: Form, name: str) -> date | None:
    if not form[name]:
        return None
    try:
        day = date.fromisoformat(form[name])
    except ValueError:
        day = None
    if day is None or day.year not in YEARS:
        form.errors[name] = "Write a day as 2026-11-25."
        return None
    return day
