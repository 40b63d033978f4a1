"""Who may call which route. Every route declares one rule; a test walks the URL map and demands it, and a route without one answers nobody.

The tenant is the session's, never the request's: what is another's is looked for among one's own rows, and so is not found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar, cast

from flask import Flask, current_app, g, request
from flask.typing import ResponseReturnValue

from app.domain.errors import Forbidden
from app.domain.people import Role
from app.web.current import current
from app.web.htmx import redirect_to

View = TypeVar("View", bound=Callable[..., Any])
_MARK = "__storeyard_rule__"


class Who(Enum):
    ANYBODY = "anybody"
    SIGNED_IN = "signed in"
    MEMBER_OF_TENANT = "member of the tenant"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Rule:
    """`role` is the least one, of members of the tenant."""

    who: Who
    role: Role | None = None


def public(view: View) -> View:
    """For anybody; the view asks for no session unless it needs to know."""
    return _declare(view, Rule(Who.ANYBODY))


def person(view: View) -> View:
    """For whoever is signed in, with or without a tenant."""
    return _declare(view, Rule(Who.SIGNED_IN))


def requires(role: Role) -> Callable[[View], View]:
    """For those who have at least this role in the session's tenant."""
    return lambda view: _declare(view, Rule(Who.MEMBER_OF_TENANT, role))


def operators(view: View) -> View:
    """For operators of the platform; use cases are told that the operator asks, in no tenant's name."""
    return _declare(view, Rule(Who.OPERATOR))


def _declare(view: View, rule: Rule) -> View:
    if hasattr(view, _MARK):
        raise ValueError(f"{view.__name__} declares two rules")
    setattr(view, _MARK, rule)
    return view


def rule_of(app: Flask, endpoint: str) -> Rule | None:
    """What the endpoint's view declares."""
    return cast("Rule | None", getattr(app.view_functions.get(endpoint), _MARK, None))


def enforce() -> ResponseReturnValue | None:
    """Before each view: None lets it run, an answer is the way to what is missing (a log-in, a tenant). Raises Forbidden."""
    if request.endpoint is None:
        return None  # no such address: the error is under way
    rule = rule_of(current_app, request.endpoint)
    if rule is None:
        raise RuntimeError(f"{request.endpoint} declares no rule")
    if rule.who is Who.ANYBODY:
        return None
    session = current.session
    if session is None:
        flask_login: Any = current_app
        return cast("ResponseReturnValue", flask_login.login_manager.unauthorized())
    if rule.who is Who.OPERATOR:
        if not session.user.operator:
            raise Forbidden("This page is for operators of the platform.", action=request.endpoint)
        g.as_operator = True
    if rule.who is Who.MEMBER_OF_TENANT:
        if session.tenant is None:
            return redirect_to("auth.home")
        current.demand(rule.role or Role.OWNER)
    return None
