"""One's own account: name, password, and the places where one is logged in."""

from __future__ import annotations

from flask import Response
from flask.typing import ResponseReturnValue

from app.domain.errors import InvalidIntent, TooManyAttempts
from app.services.auth_sessions import list_sessions, revoke_others, revoke_session
from app.services.change_password import change_password
from app.services.profile import rename_person
from app.web.auth import blueprint
from app.web.auth.refusals import too_many
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import page, redirect_to
from app.web.tenancy import person


@blueprint.get("/account")
@person
def account() -> ResponseReturnValue:
    return _page()


@blueprint.post("/account/profile")
@person
def rename() -> ResponseReturnValue:
    form = Form.read("name")
    try:
        current.become(rename_person(current.services, current.visitor, current.signed_in, name=form["name"]))
    except InvalidIntent as error:
        form.refuse(error)
        return _page(profile=form, status=422)
    current.flash("success", "Your name is changed.")
    return redirect_to("auth.account")


@blueprint.post("/account/password")
@person
def change() -> ResponseReturnValue:
    form = Form.read("old", "password")
    try:
        ended = change_password(current.services, current.visitor, current.signed_in, old=form["old"], new=form["password"])
    except InvalidIntent as error:
        form.refuse(error)
        return _page(passwords=form, status=422)
    except TooManyAttempts as error:
        form.problem = error.message
        return too_many(error, _page(passwords=form))
    elsewhere = f" {_sessions(ended)} elsewhere ended." if ended else ""
    current.flash("success", f"Your password is changed.{elsewhere}")
    return redirect_to("auth.account")


@blueprint.post("/account/sessions/<ulid:session_id>/revoke")
@person
def revoke(session_id: str) -> ResponseReturnValue:
    revoke_session(current.services, current.visitor, current.signed_in, session_id=session_id)
    current.flash("success", "That session is ended.")
    return redirect_to("auth.account", _anchor="sessions")


@blueprint.post("/account/sessions/revoke-others")
@person
def revoke_all_others() -> ResponseReturnValue:
    ended = revoke_others(current.services, current.visitor, current.signed_in)
    current.flash("success", f"{_sessions(ended)} elsewhere ended." if ended else "You are logged in nowhere else.")
    return redirect_to("auth.account", _anchor="sessions")


def _page(*, profile: Form | None = None, passwords: Form | None = None, status: int = 200) -> Response:
    session = current.signed_in
    return page(
        "auth/account.html",
        status=status,
        profile=profile or Form.of(name=session.user.name),
        passwords=passwords or Form.of(old="", password=""),
        sessions=list_sessions(current.services, session),
    )


def _sessions(number: int) -> str:
    return "One session" if number == 1 else f"{number} sessions"
