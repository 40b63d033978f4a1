"""The page itself, and the team's name."""

from __future__ import annotations

from flask import Response
from flask.typing import ResponseReturnValue

from app.domain.errors import InvalidIntent
from app.domain.people import Role
from app.domain.plans import PLANS
from app.services.account_views import NewInvite
from app.services.invites import list_invites
from app.services.rename_tenant import rename_tenant
from app.services.tenant_usage import tenant_usage
from app.services.user_queries import list_users
from app.services.views import MembershipView, UserView
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import page, redirect_to
from app.web.team import blueprint, usage
from app.web.tenancy import requires

ROLES = (
    (Role.OWNER, "Owner", "Everything: also deletes stores, reads their passwords, and decides who is in the team."),
    (Role.MEMBER, "Member", "Makes stores and changes them, but deletes none."),
    (Role.VIEWER, "Viewer", "Sees all of it and changes nothing."),
)


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    return show()


@blueprint.post("/name")
@requires(Role.OWNER)
def rename() -> ResponseReturnValue:
    form = Form.read("name")
    try:
        rename_tenant(current.services, current.actor, tenant_id=current.tenant_id, name=form["name"])
    except InvalidIntent as error:
        form.refuse(error)
        return show(naming=form, status=422)
    current.flash("success", "The team has its new name.")
    return redirect_to("team.index")


def show(*, naming: Form | None = None, inviting: Form | None = None, made: NewInvite | None = None, status: int = 200) -> Response:
    """The page or, for htmx, its invites. `made`: an invite whose link is shown in this one answer."""
    services, tenant_id = current.services, current.tenant_id
    found = tenant_usage(services, tenant_id=tenant_id)
    answer = page(
        "team/index.html",
        block="invites" if current.may(Role.OWNER) else None,
        status=status,
        naming=naming or Form.of(name=found.quota.tenant.name if found.quota.tenant else ""),
        inviting=inviting or Form.of(email="", role=Role.MEMBER.value),
        invites=list_invites(services, tenant_id=tenant_id) if current.may(Role.OWNER) else (),
        made=made,
        members=members(),
        roles=ROLES,
        role_titles={role: title for role, title, _ in ROLES},
        quota=found.quota,
        bars=usage.bars(found.quota),
        stores=found.stores,
        more=found.more,
        figures=usage.figures,
        plans=PLANS,
    )
    if made is not None:
        answer.headers["Cache-Control"] = "no-store"
    return answer


def members() -> list[tuple[UserView, MembershipView]]:
    """The tenant's people with their role in it: owners first, then by name."""
    people = [(user, user.memberships[0]) for user in list_users(current.services, tenant_id=current.tenant_id) if user.memberships]
    return sorted(people, key=lambda pair: (list(Role).index(pair[1].role), pair[0].name.casefold(), pair[0].email))
