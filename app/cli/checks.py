"""`storeyard orphans` and `storeyard doctor`: what an operator asks when something seems wrong."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from app.cli.failures import EXIT_ERROR
from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import json_option
from app.cli.output import clean, print_json, print_table, say
from app.services.doctor import Check, Outcome, examine
from app.services.orphans import find_orphans

_KINDS = {
    "namespace_without_row": "namespace, no store",
    "row_without_namespace": "store, no namespace",
}
_MARKS = {Outcome.OK: "✓", Outcome.WARNING: "!", Outcome.FAILED: "✗", Outcome.SKIPPED: "-"}


@click.command("orphans", context_settings=SETTINGS)
@json_option
@pass_cli
def orphans(cli: Cli) -> None:
    """Namespaces without a store, and stores without their namespace.

    Reports, and changes nothing. A namespace that is not needed: kubectl delete namespace NAME.

    \b
    Examples:
      storeyard orphans
      storeyard orphans --json
    """
    found = find_orphans(cli.services)
    if cli.as_json:
        print_json({"orphans": [asdict(orphan) for orphan in found]})
        return
    if not found:
        say("No orphans.")
        return
    print_table(
        ("WHAT", "NAMESPACE", "STORE", "SINCE"),
        [(_KINDS[orphan.kind], orphan.namespace, orphan.store_id, orphan.since) for orphan in found],
    )


@click.command("doctor", context_settings=SETTINGS)
@json_option
@pass_cli
def doctor(cli: Cli) -> None:
    """Check everything that Storeyard needs, and say how to mend it.

    Database and schema, queue, cluster (reachable, version, permissions, storage), vault keys, templates, scheduler and workers. Changes
    nothing. Exit code 1 if anything fails.

    \b
    Examples:
      storeyard doctor
      storeyard doctor --json
    """
    checks = examine(cli.services, cluster_name=cli.cluster_name)
    failed = [check for check in checks if check.outcome is Outcome.FAILED]
    if cli.as_json:
        print_json({"healthy": not failed, "checks": [asdict(check) for check in checks]})
    else:
        _print(checks)
        warned = sum(check.outcome is Outcome.WARNING for check in checks)
        say("Everything is in order." if not failed and not warned else f"{len(failed)} failed, {warned} to look at.")
    if failed:
        raise click.exceptions.Exit(EXIT_ERROR)


def _print(checks: tuple[Check, ...]) -> None:
    colors = {Outcome.OK: "green", Outcome.WARNING: "yellow", Outcome.FAILED: "red", Outcome.SKIPPED: None}
    widest = max(len(check.name) for check in checks)
    for check in checks:
        mark = click.style(_MARKS[check.outcome], fg=colors[check.outcome]) if sys.stdout.isatty() else _MARKS[check.outcome]
        click.echo(f"{mark} {check.name:{widest}}  {clean(check.detail)}")
        if check.fix:
            click.echo(f"  {'':{widest}}  → {clean(check.fix)}")
