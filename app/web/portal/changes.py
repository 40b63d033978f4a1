"""Changes of a store. Every form carries the generation it was made from: the later of two people sees what the earlier one did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from app.domain.errors import Forbidden, InvalidIntent, Outdated, QuotaExceeded
from app.domain.people import Role
from app.domain.plans import plan_named
from app.domain.settings import SETTINGS, shop_settings
from app.services.change_plan import change_plan
from app.services.change_settings import change_settings
from app.services.delete_store import delete_store
from app.services.quota_queries import tenant_quota
from app.services.rename_store import rename_store
from app.services.request_reconcile import request_reconcile
from app.services.restart_store import restart_store
from app.services.resume_store import resume_store
from app.services.rotate_credentials import rotate_credentials
from app.services.store_page import changes_since, store_page
from app.services.suspend_store import suspend_store
from app.services.views import StoreView
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import page, redirect_to
from app.web.portal import blueprint, plans, words
from app.web.portal.store import head_of
from app.web.tenancy import requires

NOT_A_GENERATION, GENERATION_MAX = 0, 2**31 - 1


@blueprint.get("/<ulid:store_id>/settings")
@requires(Role.MEMBER)
def settings(store_id: str) -> ResponseReturnValue:
    return _show(store_id)


@blueprint.post("/<ulid:store_id>/name")
@requires(Role.MEMBER)
def rename(store_id: str) -> ResponseReturnValue:
    form = Form.read("name")
    return _change(store_id, form, lambda asked: rename_store(**asked, name=form["name"]), "The store has its new name.")


@blueprint.post("/<ulid:store_id>/look")
@requires(Role.MEMBER)
def look(store_id: str) -> ResponseReturnValue:
    form = Form.read(*SETTINGS)
    return _change(store_id, form, lambda asked: change_settings(**asked, settings=form.values), "Saved. The shop shows it in a moment.")


@blueprint.post("/<ulid:store_id>/plan")
@requires(Role.MEMBER)
def plan(store_id: str) -> ResponseReturnValue:
    form = Form.read("plan")
    return _change(
        store_id, form, lambda asked: change_plan(**asked, plan=form["plan"]), "Saved. The store is being moved to its new plan."
    )


@blueprint.post("/<ulid:store_id>/suspend")
@requires(Role.MEMBER)
def suspend(store_id: str) -> ResponseReturnValue:
    return _change(
        store_id, Form.of(), lambda asked: suspend_store(**asked), "The store is being suspended. Its data is kept.", to="stores.show"
    )


@blueprint.post("/<ulid:store_id>/resume")
@requires(Role.MEMBER)
def resume(store_id: str) -> ResponseReturnValue:
    return _change(store_id, Form.of(), lambda asked: resume_store(**asked), "The store is being resumed.", to="stores.show")


@blueprint.post("/<ulid:store_id>/restart")
@requires(Role.MEMBER)
def restart(store_id: str) -> ResponseReturnValue:
    return _change(store_id, Form.of(), lambda asked: restart_store(**asked), "The store is being restarted.", to="stores.show")


@blueprint.post("/<ulid:store_id>/rotate")
@requires(Role.OWNER)
def rotate(store_id: str) -> ResponseReturnValue:
    said = "The store is getting new credentials. The page tells when they are in force."
    return _change(store_id, Form.of(), lambda asked: rotate_credentials(**asked), said, to="stores.show")


@blueprint.post("/<ulid:store_id>/check")
@requires(Role.MEMBER)
def check(store_id: str) -> ResponseReturnValue:
    """No change of intent, hence no generation."""
    request_reconcile(current.services, current.actor, tenant_id=current.tenant_id, store_id=store_id)
    current.flash("success", "The store is being looked at now.")
    return redirect_to("stores.show", store_id=store_id)


@blueprint.get("/<ulid:store_id>/delete")
@requires(Role.OWNER)
def delete(store_id: str) -> ResponseReturnValue:
    """The question, as a page of its own."""
    return _ask(store_id, Form.of(confirm=""))


@blueprint.post("/<ulid:store_id>/delete")
@requires(Role.OWNER)
def do_delete(store_id: str) -> ResponseReturnValue:
    form = Form.read("confirm")
    about = store_page(current.services, tenant_id=current.tenant_id, store_id=store_id, events=0)
    if " ".join(form["confirm"].split()) not in (about.store.name, about.store.slug):
        form.errors["confirm"] = f"Type {about.store.name} to delete this store. Nothing has been deleted."
        return _ask(store_id, form, status=422)
    try:
        delete_store(**_asked(store_id))
    except Outdated as error:
        return _ask(store_id, form, status=409, done=_done_since(store_id, error))
    current.flash("success", f"{about.store.name} is being deleted.")
    return redirect_to("stores.show", store_id=store_id)


def _change(
    store_id: str, form: Form, act: Callable[[Mapping[str, Any]], StoreView], said: str, *, to: str = "stores.settings"
) -> ResponseReturnValue:
    """Ask for a change and go back to where one was; a refusal is shown where it was asked for, with what was typed."""
    asked = _asked(store_id)
    try:
        after = act(asked)
    except Outdated as error:
        return _show(store_id, form, status=409, done=_done_since(store_id, error))
    except QuotaExceeded as error:
        form.errors["plan"] = error.message
        return _show(store_id, form, status=409)
    except (InvalidIntent, Forbidden) as error:
        form.refuse(error)
        return _show(store_id, form, status=403 if isinstance(error, Forbidden) else 422)
    current.flash("success" if after.generation != asked["asked_of"] else "info", said if after.generation != asked["asked_of"] else _SAME)
    return redirect_to(to, store_id=store_id)


_SAME = "There was nothing to change."


def _asked(store_id: str) -> dict[str, Any]:
    """A form without a readable generation, or with one that no column holds, is as one of a generation long past."""
    asked_of = request.form.get("generation", NOT_A_GENERATION, type=int)
    asked_of = asked_of if 0 <= asked_of <= GENERATION_MAX else NOT_A_GENERATION
    named = {"services": current.services, "actor": current.actor, "tenant_id": current.tenant_id}
    return {**named, "store_id": store_id, "asked_of": asked_of}


def _done_since(store_id: str, error: Outdated) -> list[words.Done]:
    entries = changes_since(current.services, tenant_id=current.tenant_id, store_id=store_id, generation=int(error.data["asked"]))
    return [words.deed(entry) for entry in entries if entry.action != "store.create"]


def _show(store_id: str, typed: Form | None = None, *, status: int = 200, done: list[words.Done] | None = None) -> ResponseReturnValue:
    """The settings, the fields of `typed` as they were typed and all others as they are."""
    about = store_page(current.services, tenant_id=current.tenant_id, store_id=store_id, events=0)
    quota = tenant_quota(current.services, tenant_id=current.tenant_id)
    store, present = about.store, plan_named(about.store.plan)
    chosen = shop_settings(store.id, store.name, store.settings)
    form = Form.of(
        name=store.name, plan=store.plan, accent=chosen.accent, tagline=chosen.tagline, announcement=chosen.announcement,
        initial=str(store.settings.get("initial", "")),
    )  # fmt: skip
    if typed is not None:
        form.values.update(typed.values)
        form.errors, form.problem = typed.errors, typed.problem
    return page(
        "portal/settings.html",
        status=status,
        form=form,
        done=done,
        cards=plans.cards(quota, present=present),
        bars=plans.bars(quota),
        usual_initial=shop_settings(store.id, store.name, {}).initial,
        **head_of(about, "settings"),
    )


def _ask(store_id: str, form: Form, *, status: int = 200, done: list[words.Done] | None = None) -> ResponseReturnValue:
    about = store_page(current.services, tenant_id=current.tenant_id, store_id=store_id, events=0)
    return page("portal/delete.html", status=status, form=form, done=done, **head_of(about, "settings"))
