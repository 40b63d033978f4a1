"""People at a shell. A password is never an argument, which all processes of a machine may read: it comes by standard input, or is
generated and printed once."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import click

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import json_option
from app.cli.output import ago, print_json, print_table, say
from app.domain.people import PASSWORD_MAX, PASSWORD_MIN, Role
from app.services.change_role import change_role
from app.services.create_user import create_user
from app.services.set_password import set_password
from app.services.user_queries import find_user, list_users
from app.services.views import NewUserView, UserView

# Bytes; far above the longest password, so that what is longer is refused by the rule.
_STDIN_MAX = 4096

email_argument = click.argument("email", metavar="EMAIL")
role_choice = click.Choice([role.value for role in Role])
password_option = click.option(
    "--password-stdin", is_flag=True, help=f"Read the password, {PASSWORD_MIN} to {PASSWORD_MAX} characters, from standard input."
)


@click.command("create", context_settings=SETTINGS)
@email_argument
@click.option("--name", help="What people call them; the part before the @ by default.")
@click.option("--operator", is_flag=True, help="They run the platform: every tenant is theirs to see and to change.")
@click.option("--tenant", "-t", metavar="TENANT", help="The tenant, by slug or id, that they act for.")
@click.option("--role", type=role_choice, help="In what role they act for the tenant.")
@password_option
@json_option
@pass_cli
def create(cli: Cli, email: str, name: str | None, operator: bool, tenant: str | None, role: str | None, password_stdin: bool) -> None:
    """Create an account.

    Without --password-stdin a password is generated and printed, this once. An address has one account; one more is refused, with exit
    code 1 and the error code name_taken.

    \b
    Examples:
      storeyard user create mia@example.com --tenant acme --role owner
      storeyard user create ops@example.com --operator --name "Night shift" --json
      storeyard user create mia@example.com --password-stdin < secret.txt
    """
    if (tenant is None) != (role is None):
        raise click.UsageError("Give --tenant and --role together.")
    owner = None if tenant is None else cli.find_tenant(tenant)
    made = create_user(
        cli.services,
        cli.actor,
        email=email,
        name=name,
        operator=operator,
        tenant_id=None if owner is None else owner.id,
        role=Role(role or Role.VIEWER),
        password=_password(password_stdin),
    )
    if cli.as_json:
        document = {"user": _identity(made.user), "tenant": None if owner is None else owner.slug, "role": role}
        print_json({**document, "password": made.password})
        return
    say(f"User {made.user.email} is there ({made.user.id}): {_roles(made.user) or 'no role yet'}.")
    _say_password(made)


@click.command("list", context_settings=SETTINGS)
@click.option("--tenant", "-t", metavar="TENANT", help="Those who act for this tenant, by slug or id.")
@json_option
@pass_cli
def list_(cli: Cli, tenant: str | None) -> None:
    """List accounts.

    \b
    Examples:
      storeyard user list
      storeyard user list --tenant acme --json
    """
    users = list_users(cli.services, tenant_id=None if tenant is None else cli.tenant_id(tenant))
    if cli.as_json:
        print_json({"users": [asdict(user) for user in users]})
        return
    if not users:
        say("There are no users. `storeyard user create EMAIL` makes one.")
        return
    now = cli.services.clock.now()
    print_table(
        ("USER", "ROLES", "PASSWORD SET", "CREATED", "ID", "NAME"),
        [(user.email, _roles(user), ago(user.password_set_at, now), ago(user.created_at, now), user.id, user.name) for user in users],
    )


@click.command("set-password", context_settings=SETTINGS)
@email_argument
@password_option
@json_option
@pass_cli
def set_password_(cli: Cli, email: str, password_stdin: bool) -> None:
    """Set a new password.

    Without --password-stdin it is generated and printed, this once. The former one is void.

    \b
    Examples:
      storeyard user set-password mia@example.com
      storeyard user set-password mia@example.com --password-stdin < secret.txt
    """
    user = find_user(cli.services, email)
    changed = set_password(cli.services, cli.actor, user_id=user.id, password=_password(password_stdin))
    if cli.as_json:
        print_json({"user": _identity(changed.user), "password": changed.password})
        return
    say(f"The password of {changed.user.email} is set.")
    _say_password(changed)


@click.command("role", context_settings=SETTINGS)
@email_argument
@click.option("--tenant", "-t", metavar="TENANT", required=True, help="The tenant by slug or id.")
@click.option("--role", type=role_choice, help="The role from now on.")
@click.option("--remove", is_flag=True, help="No role any more, instead.")
@json_option
@pass_cli
def role_(cli: Cli, email: str, tenant: str, role: str | None, remove: bool) -> None:
    """Give, change or take away a role in a tenant.

    An owner may do everything for the tenant, a member all with its stores, a viewer looks on. The last owner stays one.

    \b
    Examples:
      storeyard user role mia@example.com --tenant acme --role member
      storeyard user role mia@example.com --tenant acme --remove
    """
    if (role is not None) == remove:
        raise click.UsageError("Give --role or --remove.")
    owner = cli.find_tenant(tenant)
    user = find_user(cli.services, email)
    changed = change_role(cli.services, cli.actor, tenant_id=owner.id, user_id=user.id, role=None if role is None else Role(role))
    if cli.as_json:
        print_json({"user": _identity(changed), "tenant": owner.slug, "role": role})
    elif remove:
        say(f"User {changed.email} has no role in {owner.slug} any more.")
    else:
        say(f"User {changed.email} is {role} of {owner.slug}.")


def _password(from_stdin: bool) -> str | None:
    """One line from standard input, without its end; None where none is to be read."""
    if not from_stdin:
        return None
    text = sys.stdin.buffer.read(_STDIN_MAX)
    try:
        return text.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        # Not chained: the cause holds what was read.
        raise click.UsageError("The password on standard input is not UTF-8 text, or too long.") from None


def _say_password(made: NewUserView) -> None:
    if made.password is not None:
        say(f"  Password  {made.password}")
        say("It is shown this once: only its hash is kept.")


def _roles(user: UserView) -> str:
    roles = [f"{membership.role.value} of {membership.tenant}" for membership in user.memberships]
    return ", ".join((["operator"] if user.operator else []) + roles)


def _identity(user: UserView) -> dict[str, Any]:
    return {"id": user.id, "email": user.email, "name": user.name, "operator": user.operator}
