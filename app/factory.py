"""The web app, so far without pages: health for whoever runs it, and the command line as `flask storeyard`."""

from __future__ import annotations

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from app.bootstrap import build_services
from app.cli.root import build_root
from app.config import Settings
from app.services.context import Services
from app.services.doctor import schema_revisions


def create_app(settings: Settings | None = None) -> Flask:
    """From the environment where no settings are given. Raises ConfigError; connects to nothing."""
    services = build_services(settings or Settings.from_env())
    app = Flask(__name__)
    app.extensions["storeyard"] = services
    _register_health(app, services)
    app.cli.add_command(build_root(services))
    return app


def _register_health(app: Flask, services: Services) -> None:
    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        """The process lives."""
        return jsonify(status="ok")

    @app.get("/readyz")
    def readyz() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        """Requests can be served: the database answers, and its schema is this program's. Says no more than that: anybody may ask."""
        try:
            present, needed = schema_revisions(services)
        except SQLAlchemyError:
            return jsonify(status="unavailable", reason="database"), 503
        if present != needed:
            return jsonify(status="unavailable", reason="schema"), 503
        return jsonify(status="ok")
