"""A new store: its name suggests an address, which is checked while it is typed. The form's own key makes one store of two clicks."""

from __future__ import annotations

import secrets
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from app.domain.errors import Forbidden, IdempotencyMismatch, InvalidIntent, NameTaken, QuotaExceeded
from app.domain.naming import check_slug
from app.domain.people import Role
from app.services.create_store import create_store
from app.services.quota_queries import tenant_quota
from app.services.slugs import slug_answer, suggest_slug
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import fragment, page, redirect_to
from app.web.portal import blueprint, plans
from app.web.tenancy import requires

LOOK = ("accent", "tagline", "initial", "announcement")
FIELDS = ("name", "slug", "suggested", "plan", "key", *LOOK)


@blueprint.get("/new")
@requires(Role.MEMBER)
def new() -> ResponseReturnValue:
    quota = tenant_quota(current.services, tenant_id=current.tenant_id)
    known: dict[str, object] = {"plan": plans.first_that_fits(quota), "key": _new_key()}
    return _show(Form.of({**dict.fromkeys(FIELDS, ""), **known}))


@blueprint.get("/new/address")
@requires(Role.MEMBER)
def address() -> ResponseReturnValue:
    """The address field while the name is typed (an address of one's own stays), or only what is said of it while it is typed itself."""
    given = {name: request.args.get(name, "").strip() for name in ("name", "slug", "suggested")}
    whole = request.args.get("part") != "note"
    if whole and given["slug"] in ("", given["suggested"]):
        given["slug"] = given["suggested"] = suggest_slug(current.services, tenant_id=current.tenant_id, name=given["name"])
    form = Form.of(given)
    return fragment("portal/new.html", "address" if whole else "address_note", form=form, **_said_of(given["slug"]))


@blueprint.post("")
@requires(Role.MEMBER)
def create() -> ResponseReturnValue:
    form = Form.read(*FIELDS)
    form.values["name"] = form.values["name"].strip()
    slug = form.values["slug"] = form.values["slug"].strip().lower()
    if not form.values["name"]:
        form.errors["name"] = "Give your store a name. Customers see it; you can change it later."
    if not slug and form.values["name"]:
        slug = form.values["slug"] = suggest_slug(current.services, tenant_id=current.tenant_id, name=form.values["name"])
    if form.errors:
        return _show(form, status=422)
    try:
        store = create_store(
            current.services,
            current.actor,
            tenant_id=current.tenant_id,
            slug=slug,
            name=form.values["name"],
            plan=form.values["plan"],
            settings={name: form.values[name] for name in LOOK if form.values[name]},
            idempotency_key=form.values["key"] or None,
        )
    except NameTaken as error:
        form.errors["slug"] = error.message
        return _show(form, status=409)
    except IdempotencyMismatch:
        form.values["key"] = _new_key()
        form.problem = "This form has already made a store, which is in your list. To make another one, press the button once more."
        return _show(form, status=409)
    except QuotaExceeded as error:
        form.errors["plan"] = error.message
        return _show(form, status=409)
    except InvalidIntent as error:
        form.refuse(error)
        return _show(form, status=422)
    except Forbidden as error:  # the account is frozen
        form.problem = error.message
        return _show(form, status=403)
    if not store.replayed:
        current.flash("success", f"{store.name} is on its way.")
    return redirect_to("stores.show", store_id=store.id)


def _show(form: Form, *, status: int = 200) -> ResponseReturnValue:
    quota = tenant_quota(current.services, tenant_id=current.tenant_id)
    return page(
        "portal/new.html",
        status=status,
        form=form,
        cards=plans.cards(quota),
        bars=plans.bars(quota),
        quota=quota,
        room=bool(plans.first_that_fits(quota)),
        look_open=any(form.values[name] or name in form.errors for name in LOOK),
        **_said_of(form.values["slug"]),
    )


def _said_of(slug: str) -> dict[str, Any]:
    """What stands below the address field: the whole address, or why it cannot be had."""
    if not slug:
        return {"address_problem": "", "address_url": "", "address_hint": ""}
    try:
        check_slug(slug)
    except InvalidIntent as error:
        return {"address_problem": error.message, "address_url": "", "address_hint": ""}
    answer = slug_answer(current.services, tenant_id=current.tenant_id, slug=slug)
    if answer.taken:
        return {"address_problem": "You already have a store of this name. Choose another.", "address_url": "", "address_hint": ""}
    hint = "" if answer.host_free else "Somebody else has the short address, so six characters are added to yours."
    return {"address_problem": "", "address_url": answer.url, "address_hint": hint}


def _new_key() -> str:
    return secrets.token_urlsafe(18)
