"""The platform's own page: what is switched off and why, what is done about drift, limits and plans."""

from __future__ import annotations

from datetime import timedelta

from flask import request
from flask.typing import ResponseReturnValue

from app.domain.errors import InvalidIntent
from app.domain.plans import PLANS
from app.domain.quotas import RESOURCES, Amount
from app.domain.stores import DriftMode
from app.services.change_quota import change_quota
from app.services.pause_reconciling import pause_platform, unpause_platform
from app.services.platform_page import platform_page
from app.services.set_drift_mode import set_platform_drift_mode
from app.services.switches import Switch, switch
from app.web.admin import blueprint, deeds, figures
from app.web.admin.stores import MODES, PAUSES
from app.web.admin.tenant import LIMITS, wanted_limit
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import page, redirect_to
from app.web.portal.plans import gives
from app.web.tenancy import operators


@blueprint.get("/platform")
@operators
def platform() -> ResponseReturnValue:
    return _show()


@blueprint.post("/platform/new-stores")
@operators
def new_stores() -> ResponseReturnValue:
    return _switch("no_new_stores", "No new stores are made until you allow them again.", "Stores can be made again.")


@blueprint.post("/platform/read-only")
@operators
def read_only() -> ResponseReturnValue:
    return _switch("read_only", "Tenants can change nothing until you allow it again.", "Tenants can change their stores again.")


def _switch(name: Switch, on: str, off: str) -> ResponseReturnValue:
    form = Form.read(name)
    wanted = request.form.get("do") == "on"
    try:
        switch(current.services, current.actor, name=name, reason=form[name] if wanted else None)
    except InvalidIntent as error:
        form.refuse(error, reason=name)
        return _show(form, status=422)
    current.flash("success", on if wanted else off)
    return redirect_to("admin.platform")


@blueprint.post("/platform/pause")
@operators
def pause_all() -> ResponseReturnValue:
    form = Form.read("minutes", "pause_reason")
    if form["minutes"] not in dict(PAUSES):
        form.errors["minutes"] = "Choose for how long."
        return _show(form, status=422)
    until = current.now + timedelta(minutes=int(form["minutes"]))
    try:
        pause_platform(current.services, current.actor, until=until, reason=form["pause_reason"])
    except InvalidIntent as error:
        form.refuse(error, reason="pause_reason")
        return _show(form, status=422)
    current.flash("success", "The reconciler leaves all stores alone until then.")
    return redirect_to("admin.platform")


@blueprint.post("/platform/unpause")
@operators
def unpause_all() -> ResponseReturnValue:
    unpause_platform(current.services, current.actor)
    current.flash("success", "The reconciler looks after all stores again.")
    return redirect_to("admin.platform")


@blueprint.post("/platform/mode")
@operators
def mode_of_all() -> ResponseReturnValue:
    form = Form.read("mode")
    if form["mode"] not in list(DriftMode):
        form.errors["mode"] = "Choose one of them."
        return _show(form, status=422)
    set_platform_drift_mode(current.services, current.actor, mode=DriftMode(form["mode"]))
    current.flash("success", "What is done about drift is changed.")
    return redirect_to("admin.platform")


@blueprint.post("/platform/limits")
@operators
def platform_limits() -> ResponseReturnValue:
    """Set them or, with `do=preview`, say what they would mean."""
    form = Form.read(*LIMITS)
    limits, expires_at = figures.typed_limits(form), figures.typed_moment(form, "expires_at")
    if request.form.get("do") == "preview":
        return _show(form, block="effect")
    form.demand(reason="Say why: it is kept in the history.")
    if form.errors:
        return _show(form, status=422)
    try:
        change_quota(current.services, current.actor, tenant_id=None, reason=form["reason"], expires_at=expires_at, **limits)
    except InvalidIntent as error:
        form.refuse(error)
        return _show(form, status=422)
    current.flash("success", "The platform's limits are set.")
    return redirect_to("admin.platform")


def _show(typed: Form | None = None, *, status: int = 200, block: str | None = None) -> ResponseReturnValue:
    """The page, the fields of `typed` as they were typed and all others as they are."""
    about = platform_page(current.services)
    state, quota, policy = about.state, about.quota, current.services.policy
    form = Form.of(
        {name: figures.plain(name, about.own[name]) for name in RESOURCES},
        reason="", expires_at=figures.moment_field(about.expires_at), minutes="60", pause_reason="", mode=state.drift_mode.value,
        no_new_stores=state.no_new_stores, read_only=state.read_only,
    )  # fmt: skip
    if typed is not None:
        form.values.update(typed.values)
        form.errors, form.problem = typed.errors, typed.problem
    readable = not any(form.errors.get(name) for name in RESOURCES)
    wanted: Amount = wanted_limit(form, policy.platform_quota) if readable else quota.limit
    return page(
        "admin/platform.html",
        block=block,
        status=status,
        about=about,
        state=state,
        quota=quota,
        form=form,
        paused=state.paused_until is not None and state.paused_until > current.now,
        pauses=PAUSES,
        modes=MODES,
        default=policy.platform_quota,
        tenant_default=policy.tenant_quota,
        effects=figures.effects(quota.used, quota.limit, wanted),
        room=figures.room(quota.used, wanted),
        changed=wanted != quota.limit,
        plans=[(plan, gives(plan), about.plans.get(name, 0)) for name, plan in PLANS.items()],
        resources=RESOURCES,
        figures=figures,
        history=[deeds.deed(entry) for entry in about.history],
    )
