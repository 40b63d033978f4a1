"""The same limits for all ticked tenants: the effect on each is shown first. The choice is in the address, so that it can be reloaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from app.domain.errors import InvalidIntent
from app.domain.naming import is_id
from app.domain.quotas import RESOURCES, Amount
from app.services.change_quotas import TENANTS_MAX, change_quotas
from app.services.quota_queries import quotas_of
from app.services.views import QuotaView, TenantView
from app.web.admin import blueprint, figures
from app.web.admin.tenant import LIMITS
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import page, redirect_to
from app.web.tenancy import operators


@dataclass(frozen=True, slots=True)
class Line:
    """One tenant with what would change. `state` is the worst of its resources then."""

    tenant: TenantView
    effects: tuple[figures.Effect, ...]
    state: str


@blueprint.get("/tenants/limits")
@operators
def bulk() -> ResponseReturnValue:
    return _show(_chosen(request.args.getlist("tenant")), Form.of(dict.fromkeys(LIMITS, "")))


@blueprint.post("/tenants/limits")
@operators
def set_bulk() -> ResponseReturnValue:
    """Set them or, with `do=preview`, say what they would mean. An empty field leaves each tenant's limit as it is."""
    chosen, form = _chosen(request.form.getlist("tenant")), Form.read(*LIMITS)
    limits = {name: value for name, value in figures.typed_limits(form).items() if value is not None}
    expires_at = figures.typed_moment(form, "expires_at")
    if request.form.get("do") == "preview":
        return _show(chosen, form, block="effect")
    if not limits and not form.errors:
        form.problem = "Give at least one limit."
    form.demand(reason="Say why: it is kept in the history.")
    if form.errors or form.problem:
        return _show(chosen, form, status=422)
    try:
        count = change_quotas(
            current.services, current.actor, tenant_ids=chosen, limits=limits, reason=form["reason"], expires_at=expires_at
        )
    except InvalidIntent as error:
        form.refuse(error)
        return _show(chosen, form, status=422)
    current.flash("success", f"The limits of {count} tenant{'' if count == 1 else 's'} are set.")
    return redirect_to("admin.tenants")


def _chosen(ids: list[str]) -> list[str]:
    return [tenant_id for tenant_id in dict.fromkeys(ids) if is_id(tenant_id)][:TENANTS_MAX]


def _show(chosen: list[str], form: Form, *, status: int = 200, block: str | None = None) -> ResponseReturnValue:
    quotas = quotas_of(current.services, tenant_ids=chosen)
    wanted = {name: value for name, value in figures.typed_limits(form).items() if value is not None}
    lines = [_line(quota, wanted) for quota in quotas if quota.tenant is not None]
    count = {state: sum(line.state == state for line in lines) for state in ("over", "full")}
    shown: dict[str, Any] = {"lines": lines, "chosen": [line.tenant.id for line in lines], "count": count, "wanted": bool(wanted)}
    return page("admin/bulk.html", block=block, status=status, form=form, resources=RESOURCES, figures=figures, **shown)


def _line(quota: QuotaView, wanted: dict[str, int]) -> Line:
    assert quota.tenant is not None  # noqa: S101 - tenants' quotas alone are asked for
    then: Amount = replace(quota.limit, **wanted)
    return Line(quota.tenant, figures.effects(quota.used, quota.limit, then), figures.worst(quota.used, then))
