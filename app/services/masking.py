"""The secrets of the store at hand, so that no log line and no recorded error of its pass can show one.

Kept in a context variable: it follows the pass into its threads, and holds until the next pass or until a worker clears it. A guard behind
the rule that secrets are not logged at all: it is for texts that nobody here wrote, such as an unforeseen exception's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextvars import ContextVar

MASK = "•••"
# What is shorter is too common a text to be a secret.
SHORTEST = 6

_secrets: ContextVar[tuple[str, ...]] = ContextVar("secrets", default=())


def hide(values: Iterable[str]) -> None:
    """From now on these are masked, in this context and those copied from it. None: forget the former."""
    _secrets.set(tuple(sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True)))


def masked(text: str) -> str:
    """The text without the secrets at hand, whether they stand in it as they are or as JSON writes them."""
    for secret in _secrets.get():
        text = text.replace(secret, MASK)
        if (written := json.dumps(secret)[1:-1]) != secret:
            text = text.replace(written, MASK)
    return text
