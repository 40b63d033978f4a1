"""Invites: made, made again, taken back. The link is in the mail, and stands in the answer to who made it, this once."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from app.domain.errors import Forbidden, InvalidIntent, TooManyAttempts
from app.domain.people import Role
from app.services.invites import invite, invite_again, revoke_invite
from app.web.auth.refusals import too_many
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import is_htmx, redirect_to
from app.web.team import blueprint
from app.web.team.index import show
from app.web.tenancy import requires


@blueprint.post("/invites")
@requires(Role.OWNER)
def make_invite() -> ResponseReturnValue:
    form = Form.read("email", "role")
    if form["role"] not in list(Role):
        form.errors["role"] = "Choose a role."
        return show(inviting=form, status=422)
    try:
        made = invite(current.services, current.actor, tenant_id=current.tenant_id, email=form["email"], role=Role(form["role"]))
    except (InvalidIntent, Forbidden) as error:
        form.refuse(error)
        return show(inviting=form, status=403 if isinstance(error, Forbidden) else 422)
    except TooManyAttempts as error:
        form.problem = error.message
        return too_many(error, show(inviting=form))
    return show(made=made)


@blueprint.post("/invites/<ulid:invite_id>/again")
@requires(Role.OWNER)
def renew_invite(invite_id: str) -> ResponseReturnValue:
    form = Form.of(email="", role=Role.MEMBER.value)
    try:
        made = invite_again(current.services, current.actor, tenant_id=current.tenant_id, invite_id=invite_id)
    except (InvalidIntent, Forbidden) as error:
        form.problem = error.message
        return show(inviting=form, status=403 if isinstance(error, Forbidden) else 422)
    except TooManyAttempts as error:
        form.problem = error.message
        return too_many(error, show(inviting=form))
    return show(made=made)


@blueprint.post("/invites/<ulid:invite_id>/revoke")
@requires(Role.OWNER)
def take_back_invite(invite_id: str) -> ResponseReturnValue:
    revoke_invite(current.services, current.actor, tenant_id=current.tenant_id, invite_id=invite_id)
    current.flash("success", "The invite is taken back. Its link no longer works.")
    return show() if is_htmx() else redirect_to("team.index", _anchor="invites")
