"""`storeyard reconcile`: what a pass would do, and asking for passes."""

from __future__ import annotations

from typing import Any

import click

from app.cli.failures import EXIT_DRIFT, EXIT_ERROR, Failure, failure_of
from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import json_option, tenant_option, wait_options, yes_option
from app.cli.output import clean, print_json, say
from app.cli.plan_output import in_sync, plan_document, print_plan
from app.cli.progress import require_done, timeline, wait_for
from app.cli.store_changes import confirm
from app.cli.store_views import phase_option
from app.domain.errors import StoreyardError
from app.domain.stores import Phase
from app.services.queries import list_stores
from app.services.reconcile_store import preview_store
from app.services.request_reconcile import request_reconcile
from app.services.views import StoreView
from app.services.wait import Wish


@click.command("reconcile", context_settings=SETTINGS)
@click.argument("stores", nargs=-1, metavar="[STORE]...")
@click.option("--all", "everything", is_flag=True, help="All stores of all tenants.")
@tenant_option
@phase_option
@click.option("--dry-run", is_flag=True, help="Compare with the cluster now and print the plan; write nothing. Exit code 3 if not in sync.")
@click.option("--diff", is_flag=True, help="A dry run with the fields: what they are, what they would become. Secrets are digests.")
@wait_options(300)
@yes_option
@json_option
@pass_cli
def reconcile(
    cli: Cli,
    stores: tuple[str, ...],
    everything: bool,
    tenant: str | None,
    phase: str | None,
    dry_run: bool,
    diff: bool,
    wait: bool,
    timeout: float,
    yes: bool,
) -> None:
    """Compare stores with the cluster, and have them put right.

    Without --dry-run a worker is asked to look at each store now, and a quarantine ends. More than one store: asks first, or takes --yes.
    With no STORE named, --tenant and --phase choose.

    \b
    Examples:
      storeyard reconcile bakery --wait
      storeyard reconcile bakery --diff
      storeyard reconcile --all --dry-run --json
      storeyard reconcile --tenant acme --phase Degraded --yes
    """
    chosen = _choose(cli, stores, everything, tenant, phase)
    if dry_run or diff:
        if wait:
            raise click.UsageError("A dry run changes nothing, so there is nothing to wait for: leave out --wait.")
        _preview(cli, chosen, diff=diff)
        return
    if len(chosen) > 1 and not yes:
        confirm(cli, f"Reconcile {len(chosen)} stores?")
    _request(cli, chosen, wait=wait, timeout=timeout)


def _choose(cli: Cli, stores: tuple[str, ...], everything: bool, tenant: str | None, phase: str | None) -> list[StoreView]:
    if stores:
        if everything or phase:
            raise click.UsageError("Name stores, or choose them by --all, --tenant and --phase; not both.")
        found = [cli.find_store(store, tenant) for store in stores]
        return list({store.id: store for store in found}.values())
    if not (everything or tenant or phase):
        raise click.UsageError("Name a store, or say --all, --tenant TENANT or --phase PHASE.")
    if everything and (tenant or phase):
        raise click.UsageError("--all means every store; leave it out where --tenant or --phase choose.")
    return list(
        list_stores(
            cli.services,
            tenant_id=None if tenant is None else cli.tenant_id(tenant),
            phase=None if phase is None else Phase(phase),
        )
    )


def _preview(cli: Cli, stores: list[StoreView], *, diff: bool) -> None:
    """Each store by itself: one that cannot be compared does not hide the others."""
    documents: list[dict[str, Any]] = []
    failures = unequal = 0
    for store in stores:
        tenant = cli.tenant_slug(store.tenant_id)
        try:
            outcome = preview_store(cli.services, store.id)
        except StoreyardError as error:
            if len(stores) == 1:
                raise
            failures += 1
            _report(store, tenant, failure_of(error), documents)
            continue
        unequal += not in_sync(store, outcome)
        if cli.as_json:
            documents.append(plan_document(store, tenant, outcome))
        else:
            print_plan(store, tenant, outcome, diff=diff)
    summary = {"stores": len(stores), "in_sync": len(stores) - unequal - failures, "not_in_sync": unequal, "failed": failures}
    if cli.as_json:
        print_json({"dry_run": True, **summary, "plans": documents})
    elif len(stores) != 1:
        say(f"{len(stores)} stores: {summary['in_sync']} in sync, {unequal} not, {failures} could not be compared. Nothing was changed.")
    if failures or unequal:
        raise click.exceptions.Exit(EXIT_ERROR if failures else EXIT_DRIFT)


def _request(cli: Cli, stores: list[StoreView], *, wait: bool, timeout: float) -> None:
    """Ask for all at once, then follow one after the other: they go on side by side."""
    documents: list[dict[str, Any]] = []
    wishes: list[tuple[StoreView, Wish]] = []
    worst = 0
    for store in stores:
        wish = Wish.look(store, now=cli.services.clock.now())
        try:
            asked = request_reconcile(cli.services, cli.actor, tenant_id=store.tenant_id, store_id=store.id)
        except StoreyardError as error:
            if len(stores) == 1:
                raise
            worst = EXIT_ERROR
            _report(store, cli.tenant_slug(store.tenant_id), failure_of(error), documents)
            continue
        wishes.append((asked, wish))
    cli.note_failed_wakes()
    if not cli.as_json:
        what = f"{wishes[0][0].slug} of {cli.tenant_slug(wishes[0][0].tenant_id)}" if len(wishes) == 1 else f"{len(wishes)} stores"
        say(f"A worker is asked to look at {what}.")
    for store, wish in wishes:
        tenant = cli.tenant_slug(store.tenant_id)
        document = {**store.as_dict(), "tenant": tenant}
        if wait:
            prefix = f"{store.slug} ({tenant}): " if len(stores) > 1 else ""
            progress = wait_for(cli, wish, slug=store.slug, timeout=timeout, prefix=prefix)
            document |= {**progress.store.as_dict(), "timeline": progress.as_dict()}
            try:
                require_done(progress)
            except StoreyardError as error:
                if len(stores) == 1:
                    raise
                failure = failure_of(error)
                worst = max(worst, failure.exit_code if failure else EXIT_ERROR)
                _report(store, tenant, failure, documents)
                continue
            if not cli.as_json:
                say(f"{prefix}{timeline(progress)}")
        documents.append(document)
    if cli.as_json:
        print_json({"dry_run": False, "stores": documents})
    if worst:
        raise click.exceptions.Exit(worst)


def _report(store: StoreView, tenant: str, failure: Failure | None, documents: list[dict[str, Any]]) -> None:
    """An error of one store among several."""
    if failure is None:
        return
    click.echo(clean(f"error: {store.slug} ({tenant}): {failure.message}"), err=True)
    error = {"code": failure.code, "message": failure.message, "data": dict(failure.data)}
    documents.append({"id": store.id, "slug": store.slug, "tenant": tenant, "error": error})
