"""`storeyard store settings`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import given, json_option, settings_options, store_argument, tenant_option, wait_options
from app.cli.output import print_fields, print_json
from app.cli.progress import finish
from app.domain.settings import shop_settings
from app.services.change_settings import change_settings
from app.services.views import StoreView
from app.services.wait import Wish


@click.command("settings", context_settings=SETTINGS)
@store_argument
@settings_options
@tenant_option
@wait_options(300)
@json_option
@pass_cli
def settings(cli: Cli, store: str, tenant: str | None, wait: bool, timeout: float, **settings: str | None) -> None:
    """Show or change how a shop looks.

    Without an option that changes something, shows what the shop shows. An empty value ('') takes a choice back. A change replaces the
    storefront without a gap.

    \b
    Examples:
      storeyard store settings bakery
      storeyard store settings bakery --accent '#b4235a' --tagline 'Bread since 1903'
      storeyard store settings bakery --announcement ''
    """
    found = cli.find_store(store, tenant)
    wishes = given(settings)
    if not wishes:
        _show(cli, found)
        return
    changed = change_settings(cli.services, cli.actor, tenant_id=found.tenant_id, store_id=found.id, settings=wishes)
    owner = cli.tenant_slug(changed.tenant_id)
    already = " (nothing had to be changed)" if changed.generation == found.generation else ""
    lines = [f"Store {changed.slug} of {owner} has these settings{already}:"]
    lines += [f"  {name.capitalize():12}  {value or '-'}" for name, value in _shown(changed).items()]
    finish(cli, _document(cli, changed), Wish.of(changed), slug=changed.slug, wait=wait, timeout=timeout, lines=lines)


def _show(cli: Cli, store: StoreView) -> None:
    if cli.as_json:
        print_json(_document(cli, store))
        return
    print_fields({name.capitalize(): value or "-" for name, value in _shown(store).items()})


def _document(cli: Cli, store: StoreView) -> dict[str, Any]:
    """`settings` is what was chosen, `shown` what the shop makes of it."""
    return {**store.as_dict(), "tenant": cli.tenant_slug(store.tenant_id), "shown": _shown(store)}


def _shown(store: StoreView) -> dict[str, str]:
    return asdict(shop_settings(store.id, store.name, store.settings))
