"""A store's own pages: how it is now, and what happened to it. Shown is what was recorded, with its time: no page asks the cluster."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.typing import ResponseReturnValue

from app.domain.people import Role
from app.domain.plans import plan_named
from app.services.reveal_credentials import reveal_credentials
from app.services.store_page import StorePage, store_history, store_page
from app.services.store_resources import store_resources
from app.services.wait import Wish, progress_of
from app.web.current import current
from app.web.htmx import fragment, is_htmx, page
from app.web.portal import blueprint, plans, words
from app.web.portal.resources import resources
from app.web.tenancy import requires


@blueprint.get("/<ulid:store_id>")
@requires(Role.VIEWER)
def show(store_id: str) -> ResponseReturnValue:
    about = store_page(current.services, tenant_id=current.tenant_id, store_id=store_id)
    return page("portal/show.html", block="live", revealed=None, **head_of(about), **_overview(about))


@blueprint.get("/<ulid:store_id>/activity")
@requires(Role.VIEWER)
def activity(store_id: str) -> ResponseReturnValue:
    history = store_history(current.services, tenant_id=current.tenant_id, store_id=store_id)
    return page("portal/activity.html", block="live", history=history, events=history.page.events, **head_of(history.page, "activity"))


@blueprint.post("/<ulid:store_id>/credentials")
@requires(Role.OWNER)
def credentials(store_id: str) -> ResponseReturnValue:
    """Shown for this one answer: it is stored nowhere on its way."""
    revealed = reveal_credentials(current.services, current.actor, tenant_id=current.tenant_id, store_id=store_id)
    about = store_page(current.services, tenant_id=current.tenant_id, store_id=store_id)
    shown: dict[str, Any] = {"revealed": revealed, **head_of(about)}
    if is_htmx():
        return _unkept(fragment("portal/show.html", "credentials", **shown))
    return _unkept(page("portal/show.html", **shown, **_overview(about)))


@blueprint.get("/<ulid:store_id>/credentials")
@requires(Role.OWNER)
def hidden(store_id: str) -> ResponseReturnValue:
    """The same card with nothing in it; where a browser reloads the page that showed them, the store's page."""
    about = store_page(current.services, tenant_id=current.tenant_id, store_id=store_id)
    shown: dict[str, Any] = {"revealed": None, **head_of(about)}
    if is_htmx():
        return _unkept(fragment("portal/show.html", "credentials", **shown))
    return page("portal/show.html", **shown, **_overview(about))


def head_of(about: StorePage, tab: str = "show") -> dict[str, Any]:
    """What stands above each of a store's pages."""
    store = about.store
    return {
        "about": about,
        "tab": tab,
        "store": store,
        "pill": words.pill(store),
        "closed": words.closed_because(store),
        "admin_url": store.url + about.engine.admin_path,
        "moving": words.in_motion(store, about.platform, now=current.now),
        "pause": words.pause_of(store, about.platform, now=current.now),
        "problem": words.problem_of(store),
        "plan": plan_named(store.plan),
        "words": words,
    }


def _overview(about: StorePage) -> dict[str, Any]:
    store = about.store
    elapsed = max(0.0, (current.now - (store.deletion_requested_at or store.provisioning_since)).total_seconds())
    progress = progress_of(store, about.engine, Wish.of(store), elapsed=elapsed)
    facts = words.facts(store, about.engine)
    plan = plan_named(store.plan)
    held = store_resources(current.services, tenant_id=current.tenant_id, store_id=store.id)
    kept = resources(held, plan, about.engine)
    return {"progress": progress, "facts": facts, "gives": plans.gives(plan), "events": about.events, "resources": kept}


def _unkept(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
