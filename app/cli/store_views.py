"""Looking at stores."""

from __future__ import annotations

import click

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import json_option, store_argument, tenant_option
from app.cli.output import ago, at, print_fields, print_json, print_table, say
from app.domain.stores import Phase
from app.services.queries import list_stores
from app.services.reveal_credentials import reveal_credentials
from app.services.views import StoreView

phase_option = click.option(
    "--phase", type=click.Choice([phase.value for phase in Phase], case_sensitive=False), help="Only stores in this phase."
)


@click.command("list", context_settings=SETTINGS)
@click.option("--tenant", "-t", metavar="TENANT", help="Only this tenant's, by slug or id.")
@phase_option
@click.option("--all", "everything", is_flag=True, help="Deleted stores as well.")
@json_option
@pass_cli
def list_(cli: Cli, tenant: str | None, phase: str | None, everything: bool) -> None:
    """List stores.

    \b
    Examples:
      storeyard store list
      storeyard store list --tenant acme --phase Degraded
      storeyard store list --all --json
    """
    found = list_stores(
        cli.services,
        tenant_id=None if tenant is None else cli.tenant_id(tenant),
        phase=None if phase is None else Phase(phase),
        include_gone=everything,
    )
    if cli.as_json:
        print_json({"stores": [{**store.as_dict(), "tenant": cli.tenant_slug(store.tenant_id)} for store in found]})
        return
    if not found:
        say(
            "There are no such stores."
            if tenant or phase
            else "There are no stores. `storeyard store create SLUG --tenant TENANT` makes one."
        )
        return
    now = cli.services.clock.now()
    print_table(
        ("STORE", "TENANT", "PHASE", "PLAN", "CREATED", "SEEN", "ID", "URL"),
        [
            (
                store.slug,
                cli.tenant_slug(store.tenant_id),
                _phase(store, cli),
                store.plan,
                ago(store.created_at, now),
                ago(store.observed_at, now),
                store.id,
                store.url,
            )
            for store in found
        ],
    )


@click.command("show", context_settings=SETTINGS)
@store_argument
@tenant_option
@json_option
@pass_cli
def show(cli: Cli, store: str, tenant: str | None) -> None:
    """Show all that is known of a store.

    \b
    Examples:
      storeyard store show bakery
      storeyard store show bakery --tenant acme --json
    """
    found = cli.find_store(store, tenant)
    owner = cli.tenant_slug(found.tenant_id)
    admin_url = found.url + cli.engine_of(found).admin_path
    if cli.as_json:
        print_json({**found.as_dict(), "tenant": owner, "admin_url": admin_url})
        return
    now = cli.services.clock.now()
    print_fields(
        {
            "Store": f"{found.slug} ({found.name})" if found.name != found.slug else found.slug,
            "Id": found.id,
            "Tenant": owner,
            "Phase": _phase(found, cli),
            "Shop": found.url,
            "Admin": admin_url,
            "Plan": found.plan,
            "Engine": f"{found.engine} {found.release}",
            "Namespace": found.namespace,
            "Wanted": f"{found.desired_state} ({_generation(found)})",
            "Drift": f"mode {found.drift_mode}",
            "Created": at(found.created_at, now),
            "First ready": at(found.first_ready_at, now),
            "Delete asked": at(found.deletion_requested_at, now),
            "Gone": at(found.gone_at, now),
            "Last look": at(found.observed_at, now) or "not yet",
            "Next look": None if found.gone_at else at(found.next_reconcile_at, now),
            "Paused": f"until {at(found.paused_until, now)}: {found.paused_reason}"
            if found.paused_until and found.paused_until > now
            else None,
            "Quarantined": at(found.quarantined_at, now),
            "Failures": found.failure_count or None,
        }
    )
    if found.conditions:
        say()
        print_table(
            ("CONDITION", "STATUS", "SINCE", "REASON", "MESSAGE"),
            [(c.type, c.status, ago(c.last_transition_at, now), c.reason, c.message) for c in found.conditions],
        )


@click.command("credentials", context_settings=SETTINGS)
@store_argument
@tenant_option
@json_option
@pass_cli
def credentials(cli: Cli, store: str, tenant: str | None) -> None:
    """Show how to sign in to a store's admin.

    Prints secrets. That you looked is written to the audit log.

    \b
    Examples:
      storeyard store credentials bakery
      storeyard store credentials bakery --tenant acme --json
    """
    found = cli.find_store(store, tenant)
    shown = reveal_credentials(cli.services, cli.actor, tenant_id=found.tenant_id, store_id=found.id)
    if cli.as_json:
        secrets = {name: value for name, _, value in shown.entries}
        print_json({"store_id": shown.store_id, "url": shown.url, "admin_url": shown.admin_url, "credentials": secrets})
        return
    print_fields({"Shop": shown.url, "Admin": shown.admin_url, **{title: value for _, title, value in shown.entries}})


def _phase(store: StoreView, cli: Cli) -> str:
    """With what else an operator must know at a glance."""
    now = cli.services.clock.now()
    if store.quarantined_at is not None:
        return f"{store.phase} (quarantined)"
    if store.paused_until is not None and store.paused_until > now:
        return f"{store.phase} (paused)"
    return str(store.phase)


def _generation(store: StoreView) -> str:
    """How far the reconciler is with what people asked for."""
    if store.generation == store.observed_generation:
        return f"generation {store.generation}"
    return f"generation {store.generation}; {store.observed_generation} is applied"
