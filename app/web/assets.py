"""Static files, named by what is in them: a browser keeps a file for a year, and a changed one has another address."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, Response, request, url_for

from app.web.htmx import add_global
from app.web.tenancy import public

FOLDER = Path(__file__).parent / "static"
_YEAR = 31_536_000


@cache
def version(name: str) -> str:
    """Twelve characters of the file's hash. Raises FileNotFoundError: a template names a file that is not there."""
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]


def asset(name: str) -> str:
    return url_for("static", filename=name, v=version(name))


def install(app: Flask) -> None:
    add_global(app, "asset", asset)
    public(app.view_functions["static"])
    app.after_request(_keep)


def _keep(response: Response) -> Response:
    if request.endpoint == "static" and response.status_code < 400:
        response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable" if "v" in request.args else "no-cache"
    return response
