"""What happened to a store: events, passes, drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import json_option, limit_option, store_argument, tenant_option
from app.cli.output import ago, brief, iso, print_json, print_table, say
from app.services.queries import store_events, store_runs
from app.services.store_drift import DriftView, store_drift

# Of a run's counts those that are no objects.
_CALLS = ("requests", "writes")


@click.command("events", context_settings=SETTINGS)
@store_argument
@tenant_option
@limit_option
@json_option
@pass_cli
def events(cli: Cli, store: str, tenant: str | None, limit: int) -> None:
    """Show what happened to a store.

    \b
    Examples:
      storeyard store events bakery
      storeyard store events bakery --limit 100 --json
    """
    found = cli.find_store(store, tenant)
    shown = store_events(cli.services, tenant_id=found.tenant_id, store_id=found.id, limit=limit)
    if cli.as_json:
        print_json({"store_id": found.id, "events": [asdict(event) for event in shown]})
        return
    if not shown:
        say("Nothing has happened to this store yet.")
        return
    print_table(
        ("TIME", "TYPE", "STATUS", "REASON", "MESSAGE"),
        [(iso(event.at), event.type, event.data.get("status"), event.reason, event.message) for event in reversed(shown)],
    )


@click.command("runs", context_settings=SETTINGS)
@store_argument
@tenant_option
@limit_option
@json_option
@pass_cli
def runs(cli: Cli, store: str, tenant: str | None, limit: int) -> None:
    """Show the reconciler's passes over a store.

    Passes that found nothing to do leave no record.

    \b
    Examples:
      storeyard store runs bakery
      storeyard store runs bakery --limit 5 --json
    """
    found = cli.find_store(store, tenant)
    shown = store_runs(cli.services, tenant_id=found.tenant_id, store_id=found.id, limit=limit)
    if cli.as_json:
        print_json({"store_id": found.id, "runs": [asdict(run) for run in shown]})
        return
    if not shown:
        say("No pass over this store has been recorded yet.")
        return
    print_table(
        ("STARTED", "GENERATION", "TOOK", "CALLS", "OUTCOME", "CHANGES"),
        [
            (
                iso(run.started_at),
                run.generation,
                "-" if run.duration_ms is None else f"{run.duration_ms} ms",
                run.counts.get("requests"),
                run.outcome,
                run.error or _counts(run.counts),
            )
            for run in reversed(shown)
        ],
    )


@click.command("drift", context_settings=SETTINGS)
@store_argument
@tenant_option
@click.option("--open", "only_open", is_flag=True, help="Only what has not been put right.")
@limit_option
@json_option
@pass_cli
def drift(cli: Cli, store: str, tenant: str | None, only_open: bool, limit: int) -> None:
    """Show what was changed in the cluster by others.

    As the passes recorded it; `storeyard reconcile STORE --diff` compares now.

    \b
    Examples:
      storeyard store drift bakery
      storeyard store drift bakery --open --json
    """
    found = cli.find_store(store, tenant)
    shown = store_drift(cli.services, tenant_id=found.tenant_id, store_id=found.id, only_open=only_open, limit=limit)
    if cli.as_json:
        print_json({"store_id": found.id, "drift": [_entry(entry) for entry in shown]})
        return
    if not shown:
        say("No drift is open." if only_open else "No drift has been found in this store.")
        return
    now = cli.services.clock.now()
    print_table(
        ("FOUND", "OBJECT", "CLASS", "BY", "PUT RIGHT", "FIELD"),
        [
            (
                ago(entry.detected_at, now),
                f"{entry.kind}/{entry.name}",
                entry.drift_class,
                entry.manager,
                ago(entry.repaired_at, now) or "no",
                f"{entry.path}: {brief(entry.before)} → {brief(entry.after)}" if entry.path else "the whole object",
            )
            for entry in reversed(shown)
        ],
    )


def _entry(entry: DriftView) -> dict[str, Any]:
    """With the key that drift has everywhere else in JSON."""
    return {"class" if name == "drift_class" else name: value for name, value in asdict(entry).items()}


def _counts(counts: Mapping[str, Any]) -> str:
    """Such as "14 created", or what else the pass learned."""
    done = [f"{number} {action}" for action, number in counts.items() if action not in _CALLS and action != "unchanged"]
    return ", ".join(done) or "none"
