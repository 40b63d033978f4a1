"""Quotas at a shell."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import click

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import DURATION, MOMENT, json_option
from app.cli.output import at, iso, print_json, print_table, say
from app.domain.quotas import RESOURCES
from app.services.change_quota import change_quota
from app.services.quota_queries import all_quotas, override_history, platform_quota, tenant_quota
from app.services.views import OverrideView, QuotaView

PLATFORM = "platform"
_TITLES = {"stores": "Stores", "cpu": "CPU (millicores)", "memory": "Memory (MiB)", "disk": "Disk (GiB)"}

LIMIT = click.IntRange(0)
tenant_choice = click.option("--tenant", "-t", metavar="TENANT", help="A tenant's, by slug or id.")
platform_choice = click.option("--platform", is_flag=True, help="The platform's own: what all tenants together may hold.")


@click.command("show", context_settings=SETTINGS)
@tenant_choice
@platform_choice
@json_option
@pass_cli
def show(cli: Cli, tenant: str | None, platform: bool) -> None:
    """Show use and limits.

    Of all tenants and the platform, or of the one asked for, then with the history of its limits. A * marks what is used beyond its limit:
    nothing is taken away, growth is refused.

    \b
    Examples:
      storeyard quota show
      storeyard quota show --tenant acme --json
      storeyard quota show --platform
    """
    if tenant is not None and platform:
        raise click.UsageError("Ask for --tenant or for --platform, not both.")
    if tenant is not None:
        owner = cli.find_tenant(tenant)
        _print_one(cli, tenant_quota(cli.services, tenant_id=owner.id), override_history(cli.services, tenant_id=owner.id))
    elif platform:
        _print_one(cli, platform_quota(cli.services), ())
    else:
        _print_all(cli, [*all_quotas(cli.services), platform_quota(cli.services)])


@click.command("set", context_settings=SETTINGS)
@tenant_choice
@platform_choice
@click.option("--stores", type=LIMIT, metavar="N", help="How many stores.")
@click.option("--cpu", type=LIMIT, metavar="MILLICORES", help="CPU that stores are guaranteed; 1000 are one core.")
@click.option("--memory", type=LIMIT, metavar="MIB", help="Memory that stores may use.")
@click.option("--disk", type=LIMIT, metavar="GIB", help="Disk that stores claim.")
@click.option("--default", is_flag=True, help="Back to the default, instead of limits.")
@click.option("--reason", required=True, help="Why; kept in the history.")
@click.option("--for", "duration", type=DURATION, metavar="DURATION", help="How long it holds: 12h, 30d. For good, if left out.")
@click.option("--expires", type=MOMENT, metavar="TIME", help="Until when it holds instead (ISO 8601).")
@json_option
@pass_cli
def set_(
    cli: Cli,
    tenant: str | None,
    platform: bool,
    stores: int | None,
    cpu: int | None,
    memory: int | None,
    disk: int | None,
    default: bool,
    reason: str,
    duration: timedelta | None,
    expires: datetime | None,
) -> None:
    """Set a tenant's or the platform's limits.

    What is set replaces earlier limits as a whole; what is left out is the default again. A limit below what is in use takes nothing away:
    growth is refused until there is room.

    \b
    Examples:
      storeyard quota set --tenant acme --stores 20 --disk 400 --reason "campaign" --for 30d
      storeyard quota set --tenant acme --default --reason "campaign is over"
      storeyard quota set --platform --stores 500 --reason "cluster is full"
    """
    if (tenant is not None) == platform:
        raise click.UsageError("Say whose limits: --tenant TENANT or --platform.")
    limits = {"stores": stores, "cpu": cpu, "memory": memory, "disk": disk}
    if default == any(value is not None for value in limits.values()):
        raise click.UsageError("Give at least one of --stores, --cpu, --memory, --disk; or --default alone.")
    changed = change_quota(
        cli.services,
        cli.actor,
        tenant_id=None if tenant is None else cli.tenant_id(tenant),
        reason=reason,
        **limits,
        expires_at=_expiry(cli, duration, expires),
    )
    _print_one(cli, changed, ())


def _expiry(cli: Cli, duration: timedelta | None, expires: datetime | None) -> datetime | None:
    if duration is not None and expires is not None:
        raise click.UsageError("Give --for or --expires, not both.")
    if duration is None:
        return expires
    try:
        return cli.services.clock.now() + duration
    except OverflowError:
        raise click.UsageError("That is beyond the calendar. Leave --for out to set limits for good.") from None


def _print_one(cli: Cli, view: QuotaView, history: tuple[OverrideView, ...]) -> None:
    if cli.as_json:
        print_json({**_document(view), **({"history": [asdict(entry) for entry in history]} if view.tenant else {})})
        return
    say(f"Quota of {_whose(view)}")
    rows = [(_TITLES[name], getattr(view.used, name), getattr(view.limit, name), "over" if name in view.over else "") for name in RESOURCES]
    print_table(("RESOURCE", "USED", "LIMIT", "STATE"), [(title, used, limit, state or "ok") for title, used, limit, state in rows])
    now = cli.services.clock.now()
    override = view.override
    if override is not None:
        expired = override.expires_at is not None and override.expires_at <= now
        until = "for good" if override.expires_at is None else f"{'ended' if expired else 'until'} {at(override.expires_at, now)}"
        say(f"Set by {override.actor_name} {at(override.created_at, now)}, {until}: {override.reason}")
    if len(history) > 1:
        say()
        print_table(
            ("SET", "BY", "UNTIL", *(name.upper() for name in RESOURCES), "REASON"),
            [
                (
                    iso(entry.created_at),
                    entry.actor_name,
                    iso(entry.superseded_at) or iso(entry.expires_at),
                    *(getattr(entry, name) for name in RESOURCES),
                    entry.reason,
                )
                for entry in history
            ],
        )


def _print_all(cli: Cli, views: list[QuotaView]) -> None:
    if cli.as_json:
        *tenants, platform = views
        print_json({"tenants": [_document(view) for view in tenants], PLATFORM: _document(platform)})
        return
    print_table(
        ("WHO", *(_TITLES[name].upper() for name in RESOURCES)),
        [(_whose(view), *(_use(view, name) for name in RESOURCES)) for view in views],
    )


def _use(view: QuotaView, name: str) -> str:
    return f"{getattr(view.used, name)} of {getattr(view.limit, name)}{' *' if name in view.over else ''}"


def _whose(view: QuotaView) -> str:
    return "the platform" if view.tenant is None else view.tenant.slug


def _document(view: QuotaView) -> dict[str, Any]:
    return {
        "tenant": None if view.tenant is None else {"id": view.tenant.id, "slug": view.tenant.slug},
        "used": view.used.as_dict(),
        "limit": view.limit.as_dict(),
        "over": list(view.over),
        "override": None if view.override is None else asdict(view.override),
    }
