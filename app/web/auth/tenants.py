"""For which tenant one works: the first page after a log-in, the switcher, and operators who act as a tenant."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from app.services.act_as import act_as, stop_acting
from app.services.switch_tenant import switch_tenant
from app.web.auth import blueprint
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import page, redirect_to
from app.web.look import has_page
from app.web.tenancy import operators, person


@blueprint.get("/")
@person
def home() -> ResponseReturnValue:
    """On to where one's work is; a page of its own only for who has to choose a tenant or has none."""
    session = current.signed_in
    if session.tenant is not None and has_page("stores.index"):
        return redirect_to("stores.index")
    if session.tenant is None and session.user.operator and not current.tenants and has_page("admin.index"):
        return redirect_to("admin.index")
    return page("auth/home.html")


@blueprint.post("/tenant")
@person
def switch() -> ResponseReturnValue:
    session = switch_tenant(current.services, current.signed_in, tenant_id=Form.read("tenant")["tenant"])
    current.become(session)
    if session.tenant is not None:
        current.flash("info", f"You now work for {session.tenant.name}.")
    return redirect_to("auth.home")


@blueprint.post("/acting")
@operators
def act() -> ResponseReturnValue:
    """Act as a tenant, for a reason that the tenant's audit shows."""
    form = Form.read("tenant", "reason")
    session = act_as(current.services, current.visitor, current.signed_in, tenant_id=form["tenant"], reason=form["reason"])
    current.become(session)
    return redirect_to("auth.home")


@blueprint.post("/acting/stop", endpoint="stop_acting")
@person
def stop_acting_now() -> ResponseReturnValue:
    tenant = current.acting.tenant if current.acting else None
    current.become(stop_acting(current.services, current.visitor, current.signed_in))
    if tenant is not None:
        current.flash("info", f"You no longer act as {tenant.name}.")
    return redirect_to("admin.index" if has_page("admin.index") else "auth.home")
