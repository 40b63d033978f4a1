"""The schema at a shell."""

from __future__ import annotations

import click

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import json_option
from app.cli.output import print_json, say
from app.services import upgrade_schema


@click.command("upgrade", context_settings=SETTINGS)
@json_option
@pass_cli
def upgrade(cli: Cli) -> None:
    """Bring the schema up to this program.

    Safe to repeat, and to run from several machines at once.

    \b
    Examples:
      storeyard db upgrade
      storeyard db upgrade --json
    """
    url = cli.database_url
    before = upgrade_schema.current(url)
    upgrade_schema.upgrade(url)
    after = upgrade_schema.current(url)
    if cli.as_json:
        print_json({"before": before, "current": after, "head": upgrade_schema.head()})
    elif before == after:
        say(f"The schema is up to date ({after}).")
    else:
        say(f"The schema is at {after} now (it was {before or 'not there'}).")


@click.command("current", context_settings=SETTINGS)
@json_option
@pass_cli
def current(cli: Cli) -> None:
    """Show which schema the database has.

    \b
    Examples:
      storeyard db current
      storeyard db current --json
    """
    present, head = upgrade_schema.current(cli.database_url), upgrade_schema.head()
    if cli.as_json:
        print_json({"current": present, "head": head, "up_to_date": present == head})
    elif present == head:
        say(f"{present} (up to date)")
    else:
        say(f"{present or 'no schema yet'}; this program needs {head}: run `storeyard db upgrade`")
