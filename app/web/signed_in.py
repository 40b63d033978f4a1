"""Who is signed in, by Flask-Login: looked for by the cookie's token, at the first question of a request.

A browser's session is a row (app.services.auth_sessions), so it can be revoked; Flask's own signed cookie holds nothing of it, and neither
Flask-Login's session keys nor its "remember me" cookie are in use.
"""

from __future__ import annotations

from flask import Flask, Request, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin

from app.services.account_views import CurrentSession
from app.services.auth_sessions import find_session
from app.web.current import current
from app.web.htmx import redirect_path
from app.web.security import page_to_come_back_to


class SignedIn(UserMixin):
    """A person in one of their sessions."""

    def __init__(self, session: CurrentSession) -> None:
        self.session = session

    def get_id(self) -> str:
        return self.session.user.id


def install(app: Flask) -> None:
    # Error pages must not ask the database who looks at them: `current_user` is no variable of every template.
    manager = LoginManager(app, add_context_processor=False)
    # Another application's "remember me" cookie of the default name on the same host would be read before ours.
    app.config.update(SESSION_PROTECTION=None, REMEMBER_COOKIE_NAME=f"{app.config['LOGIN_COOKIE']}_unused")

    @manager.request_loader
    def load(request: Request) -> SignedIn | None:  # pyright: ignore[reportUnusedFunction]
        token = request.cookies.get(app.config["LOGIN_COOKIE"], "")
        session = find_session(current.services, current.visitor, token) if token else None
        return None if session is None else SignedIn(session)

    @manager.unauthorized_handler
    def unauthorized() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        return redirect_path(url_for("auth.log_in", next=page_to_come_back_to()))
