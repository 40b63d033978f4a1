"""The vault's keys at a shell."""

from __future__ import annotations

import click
from cryptography.fernet import Fernet

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import json_option
from app.cli.output import print_json


@click.command("new-key", context_settings=SETTINGS)
@json_option
@pass_cli
def new_key(cli: Cli) -> None:
    """Print a new key for STOREYARD_VAULT_KEYS.

    It is written nowhere else: keep it. Whoever has it can read all stores' credentials; without it nobody can. To change keys, put the new
    one in front of the old ones, separated by a comma.

    \b
    Examples:
      export STOREYARD_VAULT_KEYS=$(storeyard vault new-key)
      export STOREYARD_VAULT_KEYS="$(storeyard vault new-key),$STOREYARD_VAULT_KEYS"
    """
    key = Fernet.generate_key().decode()
    if cli.as_json:
        print_json({"key": key})
    else:
        click.echo(key)
