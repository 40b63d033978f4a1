"""One tenant: what it uses, its limits with their effect before they are set, its history, and what an operator may do to it."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from app.domain.errors import InvalidIntent
from app.domain.plans import PLANS
from app.domain.quotas import RESOURCES, Amount, cost
from app.services.change_quota import change_quota
from app.services.freeze_tenant import freeze_tenant, unfreeze_tenant
from app.services.tenant_page import tenant_page
from app.services.views import OverrideView, QuotaView
from app.web.admin import blueprint, deeds, figures
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import page, redirect_to
from app.web.tenancy import operators

LIMITS = (*RESOURCES, "reason", "expires_at")


@blueprint.get("/tenants/<ulid:tenant_id>")
@operators
def tenant(tenant_id: str) -> ResponseReturnValue:
    return _show(tenant_id)


@blueprint.post("/tenants/<ulid:tenant_id>/limits")
@operators
def set_limits(tenant_id: str) -> ResponseReturnValue:
    """Set them or, with `do=preview`, say what they would mean."""
    form = Form.read(*LIMITS)
    limits, expires_at = figures.typed_limits(form), figures.typed_moment(form, "expires_at")
    if request.form.get("do") == "preview":
        return _show(tenant_id, form, block="effect")
    form.demand(reason="Say why: it is kept in the history.")
    if form.errors:
        return _show(tenant_id, form, status=422)
    try:
        after = change_quota(current.services, current.actor, tenant_id=tenant_id, reason=form["reason"], expires_at=expires_at, **limits)
    except InvalidIntent as error:
        form.refuse(error)
        return _show(tenant_id, form, status=422)
    current.flash(
        "success", "The limits are set." if not after.over else "The limits are set. Nothing is stopped; nothing new can be made."
    )
    return redirect_to("admin.tenant", tenant_id=tenant_id)


@blueprint.post("/tenants/<ulid:tenant_id>/freeze")
@operators
def freeze(tenant_id: str) -> ResponseReturnValue:
    form = Form.read("frozen_reason")
    try:
        frozen = freeze_tenant(current.services, current.actor, tenant_id=tenant_id, reason=form["frozen_reason"])
    except InvalidIntent as error:
        form.refuse(error, reason="frozen_reason")
        return _show(tenant_id, freeze_form=form, status=422)
    current.flash("success", f"{frozen.name} is frozen. Its stores keep running.")
    return redirect_to("admin.tenant", tenant_id=tenant_id)


@blueprint.post("/tenants/<ulid:tenant_id>/unfreeze")
@operators
def unfreeze(tenant_id: str) -> ResponseReturnValue:
    after = unfreeze_tenant(current.services, current.actor, tenant_id=tenant_id)
    current.flash("success", f"{after.name} may make stores again.")
    return redirect_to("admin.tenant", tenant_id=tenant_id)


def _show(
    tenant_id: str, form: Form | None = None, *, freeze_form: Form | None = None, status: int = 200, block: str | None = None
) -> ResponseReturnValue:
    about = tenant_page(current.services, tenant_id=tenant_id)
    quota = about.quota
    default = current.services.policy.tenant_quota
    previewed = form is not None and not any(form.errors.get(name) for name in (*RESOURCES, "expires_at"))
    wanted = wanted_limit(form, default) if form is not None and previewed else quota.limit
    return page(
        "admin/tenant.html",
        block=block,
        status=status,
        about=about,
        quota=quota,
        tenant=quota.tenant,
        form=form or limits_form(quota),
        freeze_form=freeze_form or Form.of(frozen_reason=""),
        default=default,
        effects=figures.effects(quota.used, quota.limit, wanted),
        room=figures.room(quota.used, wanted),
        changed=wanted != quota.limit,
        override=in_force(quota.override),
        costs={name: cost(plan) for name, plan in PLANS.items()},
        plans=PLANS,
        resources=RESOURCES,
        figures=figures,
        history=[deeds.deed(entry) for entry in about.history],
    )


def limits_form(quota: QuotaView) -> Form:
    """The limits in force: what is not set is empty, and so the default."""
    own = in_force(quota.override)
    values: dict[str, Any] = {name: figures.plain(name, None if own is None else getattr(own, name)) for name in RESOURCES}
    return Form.of(values, reason="", expires_at=figures.moment_field(None if own is None else own.expires_at))


def in_force(override: OverrideView | None) -> OverrideView | None:
    """The override, unless it has expired or sets nothing."""
    if override is None or (override.expires_at is not None and override.expires_at <= current.now):
        return None
    return None if all(getattr(override, name) is None for name in RESOURCES) else override


def wanted_limit(form: Form, default: Amount) -> Amount:
    """What the form's limits come to. Fields that cannot be read count as empty."""
    typed = figures.typed_limits(form)
    values: dict[str, int] = {}
    for name in RESOURCES:
        value = typed[name]
        values[name] = getattr(default, name) if value is None else value
    return Amount(**values)
