"""Changing what is wanted of a store."""

from __future__ import annotations

import sys
from typing import Any

import click

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import json_option, store_argument, tenant_option, wait_options, yes_option
from app.cli.progress import finish
from app.domain.plans import PLANS
from app.services.change_plan import change_plan
from app.services.delete_store import delete_store
from app.services.restart_store import restart_store
from app.services.resume_store import resume_store
from app.services.rotate_credentials import rotate_credentials
from app.services.suspend_store import suspend_store
from app.services.views import StoreView
from app.services.wait import Wish


@click.command("plan", context_settings=SETTINGS)
@store_argument
@click.argument("plan", metavar="PLAN")
@tenant_option
@wait_options(600)
@json_option
@pass_cli
def plan(cli: Cli, store: str, plan: str, tenant: str | None, wait: bool, timeout: float) -> None:
    """Give a store another size.

    PLAN is starter, standard or performance. A plan with a smaller disk is refused: a volume cannot shrink.

    \b
    Examples:
      storeyard store plan bakery standard
      storeyard store plan bakery performance --tenant acme --wait
    """
    found = cli.find_store(store, tenant)
    changed = change_plan(cli.services, cli.actor, tenant_id=found.tenant_id, store_id=found.id, plan=plan)
    size = PLANS[changed.plan]
    said = f"has the plan {changed.plan}: {size.cpu} millicores, {size.memory} MiB of memory, {size.disk} GiB of disk"
    _finish(cli, found, changed, said, wait, timeout)


@click.command("suspend", context_settings=SETTINGS)
@store_argument
@tenant_option
@wait_options(120)
@json_option
@pass_cli
def suspend(cli: Cli, store: str, tenant: str | None, wait: bool, timeout: float) -> None:
    """Stop a store and keep its data.

    It still counts towards the quota: its room is kept for it.

    \b
    Examples:
      storeyard store suspend bakery
      storeyard store suspend bakery --tenant acme --wait
    """
    found = cli.find_store(store, tenant)
    changed = suspend_store(cli.services, cli.actor, tenant_id=found.tenant_id, store_id=found.id)
    _finish(cli, found, changed, "is to stop; its data is kept", wait, timeout)


@click.command("resume", context_settings=SETTINGS)
@store_argument
@tenant_option
@wait_options(300)
@json_option
@pass_cli
def resume(cli: Cli, store: str, tenant: str | None, wait: bool, timeout: float) -> None:
    """Start a suspended store again.

    \b
    Examples:
      storeyard store resume bakery
      storeyard store resume bakery --tenant acme --wait
    """
    found = cli.find_store(store, tenant)
    changed = resume_store(cli.services, cli.actor, tenant_id=found.tenant_id, store_id=found.id)
    _finish(cli, found, changed, "is to run", wait, timeout)


@click.command("restart", context_settings=SETTINGS)
@store_argument
@tenant_option
@wait_options(300)
@json_option
@pass_cli
def restart(cli: Cli, store: str, tenant: str | None, wait: bool, timeout: float) -> None:
    """Give a store new pods.

    The shop server and the storefront are replaced; the database goes on. The shop answers from its cache for the seconds that the
    server takes to start.

    \b
    Examples:
      storeyard store restart bakery
      storeyard store restart bakery --tenant acme --wait
    """
    found = cli.find_store(store, tenant)
    changed = restart_store(cli.services, cli.actor, tenant_id=found.tenant_id, store_id=found.id)
    _finish(cli, found, changed, "is to get new pods", wait, timeout)


@click.command("rotate-credentials", context_settings=SETTINGS)
@store_argument
@tenant_option
@wait_options(300)
@json_option
@pass_cli
def rotate(cli: Cli, store: str, tenant: str | None, wait: bool, timeout: float) -> None:
    """Replace a store's passwords.

    The database's password, the admin's and the keys that sign sessions are made anew: whoever is signed in to the shop or its admin signs
    in again. A Job sets the passwords, then the shop restarts with them; until then the old ones work.

    \b
    Examples:
      storeyard store rotate-credentials bakery
      storeyard store rotate-credentials bakery --tenant acme --wait
    """
    found = cli.find_store(store, tenant)
    changed = rotate_credentials(cli.services, cli.actor, tenant_id=found.tenant_id, store_id=found.id)
    _finish(cli, found, changed, "is to get new credentials", wait, timeout)


@click.command("delete", context_settings=SETTINGS)
@store_argument
@tenant_option
@yes_option
@wait_options(120)
@json_option
@pass_cli
def delete(cli: Cli, store: str, tenant: str | None, yes: bool, wait: bool, timeout: float) -> None:
    """Delete a store and all its data.

    This cannot be undone: products, orders and customers go with it. Asks first; a script says --yes.

    \b
    Examples:
      storeyard store delete bakery
      storeyard store delete bakery --tenant acme --yes --wait
    """
    found = cli.find_store(store, tenant)
    if not yes:
        confirm(cli, f"Delete {found.slug} of {cli.tenant_slug(found.tenant_id)} ({found.url}) with all its data?")
    changed = delete_store(cli.services, cli.actor, tenant_id=found.tenant_id, store_id=found.id)
    _finish(cli, found, changed, "is to be removed with all its data; its name is free again", wait, timeout)


def confirm(cli: Cli, question: str) -> None:
    """Ask the person at the terminal; where there is none, --yes must have been said."""
    if cli.as_json or not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nobody is at a terminal to answer: say --yes.")
    click.confirm(question, abort=True, err=True)


def _finish(cli: Cli, before: StoreView, changed: StoreView, said: str, wait: bool, timeout: float) -> None:
    owner = cli.tenant_slug(changed.tenant_id)
    already = changed.generation == before.generation
    lines = [f"Store {changed.slug} of {owner} {said}{' (nothing had to be changed)' if already else ''}."]
    document: dict[str, Any] = {**changed.as_dict(), "tenant": owner}
    finish(cli, document, Wish.of(changed), slug=changed.slug, wait=wait, timeout=timeout, lines=lines)
