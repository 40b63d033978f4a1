"""`storeyard platform`: what is switched off for everybody."""

from __future__ import annotations

import pytest

from app.services.context import Services
from tests.fakes.queue import FakeQueue
from tests.integration.cli import Shell


@pytest.fixture
def shell(services: Services, queue: FakeQueue) -> Shell:
    opened = Shell.open(services, queue)
    opened.ok("tenant", "create", "acme")
    return opened


def test_new_stores_are_switched_off_with_a_reason_and_on_again(shell: Shell) -> None:
    assert shell.json("platform", "new-stores", "off", "--reason", "The cluster is full.")["no_new_stores"] == "The cluster is full."
    assert "refused: The cluster is full." in shell.ok("platform", "show")
    refused = shell.json("store", "create", "bakery", "--tenant", "acme", code=1)["error"]
    assert (refused["code"], refused["data"]["switch"]) == ("switched_off", "no_new_stores")
    assert "are made" in shell.ok("platform", "new-stores", "on")
    shell.ok("store", "create", "bakery", "--tenant", "acme")


def test_tenants_changes_are_switched_off_and_an_operators_are_taken(shell: Shell) -> None:
    assert shell.json("platform", "read-only", "on", "--reason", "We move.")["read_only"] == "We move."
    shell.ok("store", "create", "bakery", "--tenant", "acme")
    assert shell.json("platform", "read-only", "off")["read_only"] is None
    assert shell.json("platform", "show")["read_only"] is None


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("new-stores", "off"), "Say why"),
        (("new-stores", "on", "--reason", "r"), "Leave --reason out"),
        (("read-only", "on"), "Say why"),
        (("read-only", "off", "--reason", "r"), "Leave --reason out"),
        (("read-only", "perhaps"), "perhaps"),
    ],
)
def test_what_makes_no_sense_is_said(shell: Shell, args: tuple[str, ...], said: str) -> None:
    result = shell.run("platform", *args)
    assert (result.exit_code, said in result.output) == (2, True)
