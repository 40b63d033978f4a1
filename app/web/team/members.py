"""One person of the team: their role, and the way out. Leaving is everybody's own."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from app.domain.errors import InvalidIntent, NotFound
from app.domain.people import Role
from app.services.change_role import change_role
from app.services.leave_tenant import leave_tenant
from app.services.views import MembershipView, UserView
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import page, redirect_to
from app.web.team import blueprint
from app.web.team.index import ROLES, members
from app.web.tenancy import person, requires


@blueprint.get("/members/<ulid:user_id>")
@requires(Role.OWNER)
def member(user_id: str) -> ResponseReturnValue:
    return _show(user_id)


@blueprint.post("/members/<ulid:user_id>/role")
@requires(Role.OWNER)
def set_role(user_id: str) -> ResponseReturnValue:
    user, membership = _find(user_id)
    form = Form.read("role")
    if form["role"] not in list(Role):
        form.errors["role"] = "Choose a role."
        return _show(user_id, form, status=422)
    try:
        _change(user_id, Role(form["role"]))
    except InvalidIntent as error:
        form.refuse(error)
        return _show(user_id, form, status=422)
    same = membership.role == form["role"]
    current.flash(
        "info" if same else "success", "There was nothing to change." if same else f"{user.name} is now {_article(form['role'])}."
    )
    return redirect_to("team.index")


@blueprint.post("/members/<ulid:user_id>/remove")
@requires(Role.OWNER)
def remove(user_id: str) -> ResponseReturnValue:
    user, membership = _find(user_id)
    try:
        _change(user_id, None)
    except InvalidIntent as error:
        return _show(user_id, Form({"role": membership.role.value}, problem=error.message), status=422)
    current.flash("success", f"{user.name} is no longer in the team.")
    return redirect_to("team.index" if user_id != current.signed_in.user.id else "auth.home")


@blueprint.get("/leave")
@requires(Role.VIEWER)
def leave() -> ResponseReturnValue:
    """The question, as a page of its own."""
    return page("team/leave.html", problem=None)


@blueprint.post("/leave")
@person
def do_leave() -> ResponseReturnValue:
    """A viewer may as well: hence no rule of the tenant's, which would let members change things and viewers nothing."""
    tenant = current.tenant
    if tenant is None:
        return redirect_to("auth.home")
    try:
        leave_tenant(current.services, current.visitor, current.signed_in, tenant_id=tenant.id)
    except InvalidIntent as error:
        return page("team/leave.html", status=422, problem=error.message)
    current.flash("success", f"You have left {tenant.name}.")
    return redirect_to("auth.home")


def _change(user_id: str, role: Role | None) -> None:
    change_role(current.services, current.actor, tenant_id=current.tenant_id, user_id=user_id, role=role, of_members=True)


def _find(user_id: str) -> tuple[UserView, MembershipView]:
    """Raises NotFound for whoever is not in this team, known elsewhere or not."""
    found = next((pair for pair in members() if pair[0].id == user_id), None)
    if found is None:
        raise NotFound("There is no such person in this team.", what="user", id=user_id)
    return found


def _show(user_id: str, form: Form | None = None, *, status: int = 200) -> ResponseReturnValue:
    user, membership = _find(user_id)
    return page(
        "team/member.html",
        status=status,
        member=user,
        membership=membership,
        me=user.id == current.signed_in.user.id,
        last_owner=membership.role is Role.OWNER and sum(other.role is Role.OWNER for _, other in members()) == 1,
        form=form or Form.of(role=membership.role.value),
        choices=[{"value": role.value, "title": title, "text": text} for role, title, text in ROLES],
    )


def _article(role: str) -> str:
    return f"an {role}" if role == Role.OWNER else f"a {role}"
