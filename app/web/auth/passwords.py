"""A forgotten password: a link by mail, and the page that it leads to. Neither page tells whether an address has an account."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from app.domain.errors import InvalidIntent, TooManyAttempts
from app.services.reset_password import check_reset, request_reset
from app.services.reset_password import reset_password as set_anew
from app.web.auth import blueprint
from app.web.auth.refusals import too_many
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import page, redirect_to
from app.web.tenancy import public


@blueprint.get("/forgot")
@public
def forgot() -> ResponseReturnValue:
    return page("auth/forgot.html", form=Form.of(email=""), sent=False)


@blueprint.post("/forgot")
@public
def forgot_now() -> ResponseReturnValue:
    form = Form.read("email")
    try:
        request_reset(current.services, current.visitor, email=form["email"])
    except InvalidIntent as error:
        form.refuse(error)
        return page("auth/forgot.html", block="content", status=422, form=form, sent=False)
    except TooManyAttempts as error:
        form.problem = error.message
        return too_many(error, page("auth/forgot.html", block="content", form=form, sent=False))
    return page("auth/forgot.html", block="content", form=form, sent=True)


@blueprint.get("/reset/<secret:token>")
@public
def reset(token: str) -> ResponseReturnValue:
    email = check_reset(current.services, token)
    return page("auth/reset.html", form=Form.of(password=""), email=email, token=token)


@blueprint.post("/reset/<secret:token>")
@public
def reset_now(token: str) -> ResponseReturnValue:
    form = Form.read("password")
    try:
        set_anew(current.services, current.visitor, token=token, password=form["password"])
    except InvalidIntent as error:
        form.refuse(error)
        email = check_reset(current.services, token)
        return page("auth/reset.html", block="content", status=422, form=form, email=email, token=token)
    current.flash("success", "Your password is changed, and you are logged out everywhere. Log in with the new one.")
    return redirect_to("auth.log_in")
