"""The web app: pages, health for whoever runs it, and the command line as `flask storeyard`."""

from __future__ import annotations

import hmac

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.middleware.proxy_fix import ProxyFix

from app.bootstrap import build_services, metrics_text
from app.cli.root import build_root
from app.config import Settings
from app.models.session import Sessions, database_url, engine_options
from app.models.session import install as scope_sessions
from app.services.context import Services
from app.services.doctor import schema_revisions
from app.web import install, live
from app.web.tenancy import public


def create_app(settings: Settings | None = None) -> Flask:
    """From the environment where no settings are given. Raises ConfigError; connects to nothing."""
    settings = settings or Settings.from_env()
    app = _new_app()
    services = build_services(settings, measured=settings.metrics_token is not None, sessions=_sessions(app, settings))
    install(app, services, key=settings.vault_keys[0])
    live.size(app, settings.web_threads)
    if settings.trusted_proxies:
        # Else every visitor would have the proxy's address, and one's wrong passwords would lock out all.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0)  # type: ignore[method-assign]
    _register_health(app, services)
    if settings.metrics_token is not None:
        _register_metrics(app, settings.metrics_token)
    app.cli.add_command(build_root(services))
    return app


def create_portal(services: Services, *, key: str) -> Flask:
    """The pages alone, on these services. `key` is a secret that all processes of the installation share."""
    app = _new_app()
    install(app, services, key=key)
    return app


def _new_app() -> Flask:
    return Flask(__name__, template_folder="web/templates", static_folder="web/static")


def _sessions(app: Flask, settings: Settings) -> Sessions:
    """On the engine of Flask-SQLAlchemy. Use cases open their own transactions on it, each in a tenant's scope; `db.session`, of a
    `flask shell`, has none until it is given one, and then every statement for tenants' rows raises.
    """
    app.config.update(SQLALCHEMY_DATABASE_URI=database_url(settings.database_url), SQLALCHEMY_ENGINE_OPTIONS=engine_options())
    db = SQLAlchemy(app, disable_autonaming=True)
    scope_sessions(db.session)
    with app.app_context():
        return Sessions(db.engine)


def _register_health(app: Flask, services: Services) -> None:
    @app.get("/healthz")
    @public
    def healthz() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        """The process lives."""
        return jsonify(status="ok")

    @app.get("/readyz")
    @public
    def readyz() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        """Requests can be served: the database answers, and its schema is this program's. Says no more than that: anybody may ask."""
        try:
            present, needed = schema_revisions(services)
        except SQLAlchemyError:
            return jsonify(status="unavailable", reason="database"), 503
        if present != needed:
            return jsonify(status="unavailable", reason="schema"), 503
        return jsonify(status="ok")


def _register_metrics(app: Flask, token: str) -> None:
    @app.get("/metrics")
    @public
    def metrics() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        """What this web counted, for who knows the token: the portal's address is everybody's."""
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
            return jsonify(status="unauthorized"), 401, {"WWW-Authenticate": "Bearer"}
        text, content_type = metrics_text()
        return Response(text, content_type=content_type)
