"""The list of tenants: use against limits, over, near and frozen ones found by plain links."""

from __future__ import annotations

from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from app.domain.quotas import RESOURCES
from app.services.tenant_list import Filter, Sort, TenantList, list_tenants_page
from app.web.admin import blueprint, figures
from app.web.current import current
from app.web.htmx import page
from app.web.tenancy import operators

_FILTERS = {
    Filter.ALL: "All",
    Filter.OVER: "Over quota",
    Filter.NEAR: "Nearly full",
    Filter.FROZEN: "Frozen",
    Filter.OWN: "Own limits",
}
# Whether the first click on a column shows its greatest values first.
_DESCENDS = {sort: sort is not Sort.NAME for sort in Sort}


@blueprint.get("/tenants")
@operators
def tenants() -> ResponseReturnValue:
    search = request.args.get("q", "").strip()
    which, sort = _one_of(Filter, "show", Filter.ALL), _one_of(Sort, "sort", Sort.FULL)
    descending = request.args.get("order", "down" if _DESCENDS[sort] else "up") == "down"
    number = request.args.get("page", 1, type=int) or 1
    found = list_tenants_page(current.services, search=search, which=which, sort=sort, descending=descending, page=number)
    given: dict[str, Any] = {
        "q": search or None,
        "show": None if which is Filter.ALL else which.value,
        "sort": None if sort is Sort.FULL else sort.value,
        "order": ("down" if descending else "up") if descending != _DESCENDS[sort] else None,
    }
    return page(
        "admin/tenants.html",
        block="rows",
        found=found,
        search=search,
        given={name: value for name, value in given.items() if value is not None and name != "q"},
        filters=[(_address(given, show=None if kind is Filter.ALL else kind.value), text, found.counts[kind], kind is which)
                 for kind, text in _FILTERS.items()],
        columns=_columns(given, sort, descending=descending),
        links=_links(given, found),
        resources=RESOURCES,
        figures=figures,
    )  # fmt: skip


def _one_of(kind: Any, name: str, usual: Any) -> Any:
    text = request.args.get(name, "")
    return kind(text) if text in list(kind) else usual


def _address(given: dict[str, Any], **changed: Any) -> str:
    values = {**given, **changed}
    return url_for("admin.tenants", **{name: value for name, value in values.items() if value is not None})


def _columns(given: dict[str, Any], sort: Sort, *, descending: bool) -> dict[str, tuple[str, str]]:
    """By sort: where a click on the column's head leads, and what it is sorted by now, for `aria-sort`."""
    columns: dict[str, tuple[str, str]] = {}
    for each in Sort:
        down = not descending if each is sort else _DESCENDS[each]
        address = _address(given, sort=each.value, order="down" if down else "up")
        columns[each.value] = (address, ("descending" if descending else "ascending") if each is sort else "")
    return columns


def _links(given: dict[str, Any], found: TenantList) -> dict[str, str | None]:
    return {
        "previous": _address(given, page=found.page - 1) if found.page > 1 else None,
        "next": _address(given, page=found.page + 1) if found.page < found.pages else None,
    }
