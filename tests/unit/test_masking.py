"""The guard behind the rule that secrets are not logged."""

from __future__ import annotations

import json
from contextvars import copy_context

import pytest

from app.services.masking import MASK, hide, masked

CASES = (
    ("as it is", "hunter2-hunter2", "no hunter2-hunter2 here, hunter2-hunter2", f"no {MASK} here, {MASK}"),
    ("as JSON writes it", 'quo"te\\slash', json.dumps({"password": 'quo"te\\slash'}), f'{{"password": "{MASK}"}}'),
    ("too short to be one", "admin", "the admin", "the admin"),
)  # fmt: skip


@pytest.mark.parametrize(("reason", "secret", "text", "shown"), CASES, ids=[case[0] for case in CASES])
def test_secrets_at_hand_are_masked(reason: str, secret: str, text: str, shown: str) -> None:
    def inside() -> str:
        hide([secret])
        return masked(text)

    assert copy_context().run(inside) == shown, reason
    assert masked(text) == text, "another context has other secrets"


def test_a_secret_within_another_leaves_no_rest_of_it() -> None:
    def inside() -> str:
        hide(["abcdef", "abcdefghij"])
        return masked("abcdefghij")

    assert copy_context().run(inside) == MASK
