"""`storeyard quota`: use and limits, overrides with reason and end."""

from __future__ import annotations

import pytest

from app.services.context import Services
from tests.fakes.queue import FakeQueue
from tests.integration.cli import Shell


@pytest.fixture
def shell(services: Services, queue: FakeQueue) -> Shell:
    opened = Shell.open(services, queue)
    opened.ok("tenant", "create", "acme")
    opened.ok("store", "create", "bakery", "--tenant", "acme")
    return opened


def test_use_and_limits_of_everybody(shell: Shell) -> None:
    text = shell.ok("quota", "show")
    assert "1 of 5" in text
    assert "the platform" in text
    document = shell.json("quota", "show")
    assert [entry["tenant"]["slug"] for entry in document["tenants"]] == ["acme"]
    assert document["platform"]["used"]["stores"] == 1


def test_a_tenants_limit_is_set_for_a_while_and_shown_with_its_reason(shell: Shell) -> None:
    changed = shell.json("quota", "set", "--tenant", "acme", "--stores", "20", "--disk", "400", "--reason", "campaign", "--for", "30d")
    assert changed["limit"]["stores"] == 20
    assert changed["override"]["reason"] == "campaign"
    assert changed["override"]["expires_at"] is not None
    text = shell.ok("quota", "show", "--tenant", "acme")
    assert "campaign" in text
    assert "in 30 d" in text


def test_a_limit_below_use_is_marked_and_refuses_growth(shell: Shell) -> None:
    assert shell.json("quota", "set", "--tenant", "acme", "--stores", "0", "--reason", "unpaid")["over"] == ["stores"]
    assert "1 of 0 *" in shell.ok("quota", "show")
    error = shell.json("store", "create", "second", "--tenant", "acme", code=1)["error"]
    assert (error["code"], error["data"]["resource"], error["data"]["limit"]) == ("quota_exceeded", "stores", 0)


def test_the_default_comes_back_and_the_history_stays(shell: Shell) -> None:
    shell.ok("quota", "set", "--tenant", "acme", "--stores", "9", "--reason", "campaign")
    shell.ok("quota", "set", "--tenant", "acme", "--default", "--reason", "campaign is over")
    shown = shell.json("quota", "show", "--tenant", "acme")
    assert shown["limit"]["stores"] == 5
    assert [entry["reason"] for entry in shown["history"]] == ["campaign is over", "campaign"]
    assert "campaign is over" in shell.ok("quota", "show", "--tenant", "acme")


def test_the_platforms_own_limit(shell: Shell) -> None:
    assert shell.json("quota", "set", "--platform", "--stores", "1", "--reason", "full")["limit"]["stores"] == 1
    assert shell.json("quota", "show", "--platform")["tenant"] is None
    assert shell.json("store", "create", "second", "--tenant", "acme", code=1)["error"]["data"]["scope"] == "platform"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("set", "--stores", "1", "--reason", "r"), "--tenant TENANT or --platform"),
        (("set", "--tenant", "acme", "--platform", "--stores", "1", "--reason", "r"), "--tenant TENANT or --platform"),
        (("set", "--tenant", "acme", "--reason", "r"), "at least one"),
        (("set", "--tenant", "acme", "--default", "--stores", "1", "--reason", "r"), "--default alone"),
        (("set", "--tenant", "acme", "--stores", "1"), "--reason"),
        (("set", "--tenant", "acme", "--stores", "1", "--reason", "r", "--for", "1d", "--expires", "2199-01-01"), "not both"),
        (("set", "--tenant", "acme", "--stores", "1", "--reason", "r", "--for", "999999999d"), "beyond the calendar"),
        (("show", "--tenant", "acme", "--platform"), "not both"),
    ],
)
def test_wrong_usage(shell: Shell, args: tuple[str, ...], said: str) -> None:
    assert said in shell.refused("quota", *args, code=2)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--expires", "2020-01-01"), "future"),
        (("--stores", "99999999999"), "at most"),
    ],
)
def test_limits_that_make_no_sense(shell: Shell, args: tuple[str, ...], said: str) -> None:
    assert said in shell.refused("quota", "set", "--tenant", "acme", "--cpu", "1", "--reason", "r", *args)
