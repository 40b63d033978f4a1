"""What a check says, and how long it may take to say it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")

# Seconds until the first word. A server that swallows packets must not keep an operator waiting.
REACH = 2.0


class Outcome(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `detail` is what was found, `fix` what to do about it (None where nothing needs doing)."""

    name: str
    outcome: Outcome
    detail: str
    fix: str | None = None


class Late(Exception):
    """No answer in time."""


def one_line(error: Exception) -> str:
    """What an unknown error says, without what follows its first lines (a driver adds statements with their parameters)."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300]


def skipped(names: Iterable[str], why: str) -> Iterator[Check]:
    return (Check(name, Outcome.SKIPPED, why) for name in names)


def within(seconds: float, call: Callable[[], T]) -> T:
    """The call's answer or error, if it comes in time; else raise Late and leave the call to its own time-outs."""
    return start(call)(seconds)


def start(call: Callable[[], T]) -> Callable[[float], T]:
    """Begin the call in a thread that does not keep the process from ending. Returns how to wait for it."""
    done = threading.Event()
    answer: list[Any] = []
    failure: list[Exception] = []

    def run() -> None:
        try:
            answer.append(call())
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            failure.append(error)
        done.set()

    threading.Thread(target=run, name="doctor", daemon=True).start()

    def wait(seconds: float) -> T:
        if not done.wait(seconds):
            raise Late
        if failure:
            raise failure[0]
        return answer[0]

    return wait
