"""From exceptions to what a person or a script is told."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from app.domain.errors import StoreyardError

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_DRIFT = 3
EXIT_NOT_READY = 4

# Codes whose exit code is not 1.
_EXIT_CODES = {"not_ready": EXIT_NOT_READY}


@dataclass(frozen=True, slots=True)
class Failure:
    """`lines` are for people; `code`, `message` and `data` for scripts. None of it holds a secret."""

    code: str
    message: str
    exit_code: int = EXIT_ERROR
    data: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


def failure_of(error: Exception, *, database_url: str | None = None) -> Failure | None:
    """What to say of a known error; None for one that is a bug."""
    if isinstance(error, StoreyardError):
        return Failure(error.code, error.message, _EXIT_CODES.get(error.code, EXIT_ERROR), error.data)
    if isinstance(error, click.UsageError):
        return _usage(error)
    if isinstance(error, click.ClickException):
        return Failure("error", error.format_message(), error.exit_code)
    return _configuration(error) or _queue(error) or _database(error, database_url)


def _usage(error: click.UsageError) -> Failure:
    command = error.ctx.command_path if error.ctx is not None else "storeyard"
    message = f"{error.format_message().rstrip('.')}. See `{command} --help`."
    return Failure("usage", message, EXIT_USAGE, {"command": command})


# The modules below are slow to load. Who raises their errors has loaded them.


def _configuration(error: Exception) -> Failure | None:
    module = sys.modules.get("app.config")
    if module is None or not isinstance(error, module.ConfigError):
        return None
    problems: list[str] = getattr(error, "problems", [])
    count = "A setting is" if len(problems) == 1 else f"{len(problems)} settings are"
    return Failure("configuration", f"{count} wrong in the environment.", EXIT_USAGE, {"problems": problems}, tuple(problems))


def _queue(error: Exception) -> Failure | None:
    module = sys.modules.get("app.ports")
    if module is None or not isinstance(error, module.QueueUnavailable):
        return None
    return Failure("queue_unavailable", f"{error} Check STOREYARD_QUEUE_URL; `storeyard doctor` says more.")


def _database(error: Exception, url: str | None) -> Failure | None:
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - loaded already

    from app.services.doctor import database_trouble  # noqa: PLC0415 - loads the use cases

    if not isinstance(error, SQLAlchemyError):
        return None
    trouble = database_trouble(error, url)
    return None if trouble is None else Failure(*trouble)
