"""The log as a page: filtered by a plain form, older entries by a plain link; htmx swaps the list alone."""

from __future__ import annotations

from dataclasses import dataclass

from flask import url_for
from flask.typing import ResponseReturnValue

from app.domain.people import Role
from app.services.audit_log import AuditChoices, AuditPage, audit_choices, audit_page
from app.services.views import AuditView
from app.web.activity import blueprint, filters, words
from app.web.activity.filters import Asked
from app.web.activity.words import Deed
from app.web.current import current
from app.web.htmx import page
from app.web.tenancy import requires


@dataclass(frozen=True, slots=True)
class Line:
    """`store_href` is "" where the store is not known any more."""

    entry: AuditView
    deed: Deed
    tag: str
    store_href: str
    who_href: str


@blueprint.get("/activity")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    asked = filters.read()
    found = audit_page(current.services, tenant_id=current.tenant_id, wanted=asked.wanted, before=asked.before)
    choices = audit_choices(current.services, tenant_id=current.tenant_id)
    return page(
        "activity/index.html",
        block="entries",
        status=422 if asked.form.errors else 200,
        form=asked.form,
        filtered=asked.any,
        lines=[_line(entry, found, asked) for entry in found.entries],
        looked_back_to=found.looked_back_to,
        people=_people(asked, choices, found),
        stores=_stores(asked, choices, found),
        kinds=words.KINDS,
        kind_known=not asked.form["kind"] or any(asked.form["kind"] in (group, *deeds) for group, _, deeds in words.KINDS),
        older=None if found.older is None else url_for("activity.index", **asked.link(before=found.older)),
        newest=None if asked.before is None else url_for("activity.index", **asked.link()),
        csv_href=url_for("activity.csv", **asked.link()),
    )


def _line(entry: AuditView, found: AuditPage, asked: Asked) -> Line:
    known = entry.target_type == "store" and entry.target_id in found.store_names
    return Line(
        entry,
        words.deed(entry, found.store_names),
        words.actor_tag(entry),
        url_for("stores.show", store_id=entry.target_id) if known else "",
        url_for("activity.index", **asked.link(who=entry.actor_id)),
    )


def _people(asked: Asked, choices: AuditChoices, found: AuditPage) -> list[tuple[str, str]]:
    """The team and, where the filter names somebody else, them: by the name they acted under."""
    who = asked.form["who"]
    if not who or who in dict(choices.people):
        return list(choices.people)
    name = next((entry.actor_name for entry in found.entries if entry.actor_id == who), "Somebody else")
    return [*choices.people, (who, name)]


def _stores(asked: Asked, choices: AuditChoices, found: AuditPage) -> list[tuple[str, str]]:
    store = asked.form["store"]
    if not store or store in dict(choices.stores):
        return list(choices.stores)
    return [*choices.stores, (store, found.store_names.get(store, "A store that is gone"))]
