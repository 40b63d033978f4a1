"""An invite's page: for who has no account a short form, for who is signed in one button, for who has an account the way to the log-in."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from app.domain.errors import InvalidIntent, NameTaken
from app.services.accept_invite import accept_as_new, accept_invite, find_invite
from app.web.auth import blueprint
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import page, redirect_to
from app.web.security import remember
from app.web.tenancy import public


@blueprint.get("/invites/<secret:token>")
@public
def show_invite(token: str) -> ResponseReturnValue:
    _ = current.session  # the page differs for who is signed in
    offer = find_invite(current.services, token)
    return page("auth/invite.html", form=Form.of(name="", password=""), offer=offer, token=token)


@blueprint.post("/invites/<secret:token>")
@public
def take_invite(token: str) -> ResponseReturnValue:
    form = Form.read("name", "password")
    session = current.session
    try:
        if session is not None:
            joined = accept_invite(current.services, current.visitor, session, token=token)
            current.become(joined)
            response = redirect_to("auth.home")
        else:
            logged_in = accept_as_new(current.services, current.visitor, token=token, name=form["name"], password=form["password"])
            joined = logged_in.session
            response = remember(redirect_to("auth.home"), logged_in)
    except (InvalidIntent, NameTaken) as error:
        form.refuse(error)
        return page("auth/invite.html", block="content", status=422, form=form, offer=find_invite(current.services, token), token=token)
    if joined.tenant is not None:
        current.flash("success", f"You are now part of {joined.tenant.name}.")
    return response
