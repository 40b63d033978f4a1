"""Tenants at a shell."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import click

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import json_option
from app.cli.output import ago, print_json, print_table, say
from app.services.create_tenant import create_tenant
from app.services.queries import list_stores, list_tenants


@click.command("create", context_settings=SETTINGS)
@click.argument("slug")
@click.option("--name", help="What people call the tenant; the slug by default.")
@json_option
@pass_cli
def create(cli: Cli, slug: str, name: str | None) -> None:
    """Create a tenant.

    SLUG is its short name: 2 to 40 lower-case letters, digits and dashes.

    \b
    Examples:
      storeyard tenant create acme
      storeyard tenant create acme --name "Acme Ltd." --json
    """
    made = create_tenant(cli.services, cli.actor, slug=slug, name=name)
    if cli.as_json:
        print_json(asdict(made))
        return
    say(f"Tenant {made.slug} is there ({made.id}).")
    say(f"A first store: storeyard store create SLUG --tenant {made.slug}")


@click.command("list", context_settings=SETTINGS)
@json_option
@pass_cli
def list_(cli: Cli) -> None:
    """List all tenants.

    \b
    Examples:
      storeyard tenant list
      storeyard tenant list --json
    """
    tenants = list_tenants(cli.services)
    stores = Counter(store.tenant_id for store in list_stores(cli.services))
    if cli.as_json:
        print_json({"tenants": [{**asdict(tenant), "stores": stores[tenant.id]} for tenant in tenants]})
        return
    if not tenants:
        say("There are no tenants. `storeyard tenant create SLUG` makes one.")
        return
    now = cli.services.clock.now()
    print_table(
        ("TENANT", "STORES", "CREATED", "STATE", "ID", "NAME"),
        [
            (tenant.slug, stores[tenant.id], ago(tenant.created_at, now), "frozen" if tenant.frozen else "active", tenant.id, tenant.name)
            for tenant in tenants
        ],
    )
