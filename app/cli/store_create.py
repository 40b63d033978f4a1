"""`storeyard store create`."""

from __future__ import annotations

import click

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import given, json_option, settings_options, wait_options
from app.cli.progress import finish
from app.domain.plans import PLANS
from app.services.create_store import create_store
from app.services.wait import Wish


@click.command("create", context_settings=SETTINGS)
@click.argument("slug")
@click.option("--tenant", "-t", required=True, metavar="TENANT", help="Whose store it is: the tenant's slug or id.")
@click.option("--name", help="What people call the store; the slug by default.")
@click.option("--plan", default="starter", show_default=True, help=f"Its size: {', '.join(PLANS)}.")
@settings_options
@click.option("--engine", default="medusa", show_default=True, help="The shop software.")
@click.option("--release", help="A release of the engine; the newest by default.")
@click.option("--idempotency-key", metavar="KEY", help="Repeating the command with the same key creates nothing new and answers the same.")
@wait_options(300)
@json_option
@pass_cli
def create(
    cli: Cli,
    slug: str,
    tenant: str,
    name: str | None,
    plan: str,
    engine: str,
    release: str | None,
    idempotency_key: str | None,
    wait: bool,
    timeout: float,
    **settings: str | None,
) -> None:
    """Create a store.

    SLUG is its name in its address: 2 to 40 lower-case letters, digits and dashes.

    \b
    Examples:
      storeyard store create bakery --tenant acme --wait
      storeyard store create bakery --tenant acme --plan standard --name "Acme Shop" --accent '#0b6e8a'
      storeyard store create bakery --tenant acme --idempotency-key order-4711 --json
    """
    owner = cli.find_tenant(tenant)
    made = create_store(
        cli.services,
        cli.actor,
        tenant_id=owner.id,
        slug=slug,
        name=name,
        engine=engine,
        release=release,
        plan=plan,
        settings=given(settings),
        idempotency_key=idempotency_key,
    )
    admin_url = made.url + cli.engine_of(made).admin_path
    lines = [
        f"Store {made.slug} of {owner.slug} {'was created before, by this key' if made.replayed else 'is created'} ({made.id}).",
        f"  Shop     {made.url}",
        f"  Admin    {admin_url}",
        f"  Sign in  storeyard store credentials {made.slug} --tenant {owner.slug}",
    ]
    if not wait:
        lines.append(f"It is being set up; `storeyard store show {made.slug} --tenant {owner.slug}` tells how far it is.")
    document = {**made.as_dict(), "tenant": owner.slug, "admin_url": admin_url, "replayed": made.replayed}
    finish(cli, document, Wish.of(made), slug=made.slug, wait=wait, timeout=timeout, lines=lines)
