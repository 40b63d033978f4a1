"""The commands as a stranger meets them: help with examples everywhere, quick, and documented exit codes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from app.cli.lazy import LazyGroup
from app.cli.root import build_root
from app.domain.naming import check_slug


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, LazyGroup):
        for name, entry in command.entries.items():
            yield from commands(entry.load(), (*path, name))


ALL = list(commands(build_root()))
LEAVES = [(path, command) for path, command in ALL if not isinstance(command, click.Group)]


def test_the_commands_are_those_of_the_manual() -> None:
    assert {" ".join(path) for path, _ in LEAVES} == {
        "tenant create", "tenant list", "user create", "user list", "user set-password", "user role",
        "store create", "store list", "store show", "store credentials", "store events", "store runs", "store drift", "store plan",
        "store settings", "store suspend", "store resume", "store restart", "store delete", "store pause", "store unpause", "store mode",
        "store rotate-credentials",
        "reconcile", "quota show", "quota set", "platform show", "platform pause", "platform unpause", "platform mode",
        "platform new-stores", "platform read-only",
        "orphans", "doctor", "top", "worker", "scheduler", "watcher", "db upgrade", "db current", "vault new-key",
    }  # fmt: skip


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "storeyard" for path, _ in ALL])
def test_every_command_has_help_with_an_example(path: tuple[str, ...], command: click.Command) -> None:
    result = CliRunner().invoke(build_root(), [*path, "--help"], prog_name="storeyard", env={"STOREYARD_DATABASE_URL": ""})
    assert result.exit_code == 0, result.output
    _, _, examples = result.output.partition("Examples:\n")
    first = examples.splitlines()[0].strip()
    assert " ".join(("storeyard", *path)) in first, "the first example is of this very command"


def test_examples_can_be_tried_as_they_are() -> None:
    examples = re.findall(r"storeyard (?:store|tenant) create (\S+)", " ".join(command.help or "" for _, command in ALL))
    assert {check_slug(slug) for slug in examples if slug != "SLUG"} == {"acme", "bakery"}


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "storeyard" for path, _ in ALL])
def test_every_option_is_explained(path: tuple[str, ...], command: click.Command) -> None:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.name} has no help"


@pytest.mark.parametrize("group", [command for _, command in ALL if isinstance(command, LazyGroup)], ids=lambda group: group.name)
def test_a_groups_help_says_of_a_command_what_the_command_says_first(group: LazyGroup) -> None:
    for name, entry in group.entries.items():
        command = entry.load()
        assert command.name == name
        assert (command.help or "").partition("\n")[0] == entry.summary


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_commands_that_print_data_have_json(path: tuple[str, ...], command: click.Command) -> None:
    names = {parameter.name for parameter in command.params}
    assert ("json" in names) == (path[0] not in ("worker", "scheduler", "watcher"))


def test_exit_codes_are_documented() -> None:
    text = CliRunner().invoke(build_root(), ["--help"]).output
    for line in ("0  done", "1  error", "2  wrong usage", "3  a dry run found drift", "4  not ready in time"):
        assert line in text


def test_help_loads_nothing_slow() -> None:
    code = (
        "import sys; sys.argv = ['storeyard', '--help']\n"
        "from app.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "slow = {'sqlalchemy', 'kubernetes', 'redis', 'rq', 'flask', 'jinja2', 'alembic', 'cryptography', 'structlog', 'app.models'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(build_root(), ["--version"])
    assert result.exit_code == 0
    assert result.output.startswith("storeyard 0.")


def test_without_a_command_the_help_is_shown() -> None:
    result = CliRunner().invoke(build_root(), ["store"])
    assert result.exit_code == 2
    assert "Commands:" in result.output
