"""The list of stores: searched, filtered, paged by plain links; kept fresh while one of its stores is on its way."""

from __future__ import annotations

from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from app.domain.people import Role
from app.domain.plans import PLANS
from app.services.store_list import Show, StoreList, list_page
from app.web.current import current
from app.web.htmx import page
from app.web.portal import blueprint, words
from app.web.tenancy import requires


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    search = request.args.get("q", "").replace("\x00", "").strip()
    show = _show(request.args.get("show", ""))
    found = list_page(
        current.services, tenant_id=current.tenant_id, search=search, show=show, page=request.args.get("page", 1, type=int) or 1
    )
    return page(
        "portal/index.html",
        block="rows",
        found=found,
        search=search,
        show=show,
        shows=_choices(found, search, show),
        links=_links(found, search, show),
        moving=any(words.in_motion(store, found.platform, now=current.now) for store in found.stores),
        plans=PLANS,
        words=words,
    )


_TITLES = {
    Show.ALL: "All",
    Show.OPEN: "Ready",
    Show.MOVING: "In progress",
    Show.ATTENTION: "Need attention",
    Show.SUSPENDED: "Suspended",
}


def _show(text: str) -> Show:
    return Show(text) if text in list(Show) else Show.ALL


def _address(search: str, show: Show, page_number: int = 1) -> str:
    given: dict[str, Any] = {
        "q": search or None,
        "show": None if show is Show.ALL else show.value,
        "page": None if page_number == 1 else page_number,
    }
    return url_for("stores.index", **{name: value for name, value in given.items() if value is not None})


def _choices(found: StoreList, search: str, show: Show) -> list[tuple[str, str, bool]]:
    """The filters as tabs: address, text with its count, whether it is the present one."""
    return [(_address(search, kind), f"{title} {found.counts[kind]}", kind is show) for kind, title in _TITLES.items()]


def _links(found: StoreList, search: str, show: Show) -> dict[str, str | None]:
    return {
        "here": _address(search, show, found.page),
        "previous": _address(search, show, found.page - 1) if found.page > 1 else None,
        "next": _address(search, show, found.page + 1) if found.page < found.pages else None,
    }
