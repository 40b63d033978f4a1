"""Signing up, in and out. A log-in always makes a new session, so that nobody can be handed a known one."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from app.domain.errors import InvalidIntent, LogInRefused, NameTaken, TooManyAttempts
from app.services.auth_sessions import log_out as end_session
from app.services.log_in import log_in as open_session
from app.services.sign_up import sign_up as open_account
from app.web.auth import blueprint
from app.web.auth.refusals import too_many
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import page, redirect_path, redirect_to
from app.web.security import forget, local_path, remember
from app.web.tenancy import person, public


@blueprint.get("/login")
@public
def log_in() -> ResponseReturnValue:
    way_on = local_path(request.args.get("next"))
    if current.session is not None:
        return redirect_path(way_on)
    return page("auth/login.html", form=Form.of(email="", password="", next=way_on))


@blueprint.post("/login")
@public
def log_in_now() -> ResponseReturnValue:
    form = Form.read("email", "password", "next")
    way_on = local_path(form["next"])
    if not form.demand(email="Enter your e-mail address.", password="Enter your password."):  # noqa: S106 - a sentence
        return page("auth/login.html", block="content", status=422, form=form)
    try:
        logged_in = open_session(current.services, current.visitor, email=form["email"], password=form["password"])
    except (LogInRefused, InvalidIntent) as error:
        form.problem = error.message
        return page("auth/login.html", block="content", status=422, form=form)
    except TooManyAttempts as error:
        form.problem = error.message
        return too_many(error, page("auth/login.html", block="content", form=form))
    return remember(redirect_path(way_on), logged_in)


@blueprint.get("/signup")
@public
def sign_up() -> ResponseReturnValue:
    if current.session is not None:
        return redirect_to("auth.home")
    return page("auth/signup.html", form=Form.of(shop="", name="", email="", password=""))


@blueprint.post("/signup")
@public
def sign_up_now() -> ResponseReturnValue:
    form = Form.read("shop", "name", "email", "password")
    try:
        logged_in = open_account(
            current.services, current.visitor, email=form["email"], name=form["name"], password=form["password"], shop=form["shop"]
        )
    except (InvalidIntent, NameTaken) as error:
        form.refuse(error)
        return page("auth/signup.html", block="content", status=422, form=form)
    except TooManyAttempts as error:
        form.problem = error.message
        return too_many(error, page("auth/signup.html", block="content", form=form))
    current_shop = logged_in.session.tenant.name if logged_in.session.tenant else "Storeyard"
    response = remember(redirect_to("auth.home"), logged_in)
    current.flash("success", f"Welcome to {current_shop}. Your first store is one form away.")
    return response


@blueprint.post("/logout")
@person
def log_out() -> ResponseReturnValue:
    """Whose session has ended already is led to the log-in as well."""
    end_session(current.services, current.signed_in)
    response = forget(redirect_to("auth.log_in"))
    current.flash("info", "You are logged out.")
    return response
