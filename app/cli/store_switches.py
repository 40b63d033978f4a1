"""How the reconciler treats one store: pauses, and what is done about drift."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import DURATION, MOMENT, json_option, store_argument, tenant_option
from app.cli.output import at, print_json, say
from app.domain.stores import DriftMode
from app.services.pause_reconciling import pause_reconciling, unpause_reconciling
from app.services.set_drift_mode import set_drift_mode
from app.services.views import StoreView

MODES = {
    DriftMode.REPAIR: "drift is put right",
    DriftMode.OBSERVE: "drift is recorded and left as it is",
    DriftMode.OFF: "drift is not looked for",
}

for_option = click.option("--for", "duration", type=DURATION, metavar="DURATION", help="How long: 30m, 2h, 1d.")
until_option = click.option("--until", type=MOMENT, metavar="TIME", help="Until when instead (ISO 8601).")
reason_option = click.option("--reason", required=True, help="Why; shown to whoever wonders.")
mode_argument = click.argument("mode", type=click.Choice([mode.value for mode in DriftMode]), metavar="MODE")


def end_of(cli: Cli, duration: timedelta | None, until: datetime | None) -> datetime:
    """The end of a pause. Exactly one of the two must be given."""
    if (duration is None) == (until is None):
        raise click.UsageError("A pause ends by itself: give either --for (such as --for 2h) or --until.")
    if until is not None:
        return until
    try:
        return cli.services.clock.now() + (duration or timedelta())
    except OverflowError:
        raise click.UsageError("That pause would end beyond the calendar. Give a shorter one.") from None


@click.command("pause", context_settings=SETTINGS)
@store_argument
@tenant_option
@for_option
@until_option
@reason_option
@json_option
@pass_cli
def pause(cli: Cli, store: str, tenant: str | None, duration: timedelta | None, until: datetime | None, reason: str) -> None:
    """Hold the reconciler off a store for a while.

    What is asked for meanwhile is taken, and acted on afterwards.

    \b
    Examples:
      storeyard store pause bakery --for 2h --reason "restoring a backup by hand"
      storeyard store pause bakery --until 2027-01-31T18:00:00Z --reason "case 4711"
    """
    end = end_of(cli, duration, until)
    found = cli.find_store(store, tenant)
    changed = pause_reconciling(cli.services, cli.actor, tenant_id=found.tenant_id, store_id=found.id, until=end, reason=reason)
    _finish(cli, changed, f"is left alone until {at(changed.paused_until, cli.services.clock.now())}")


@click.command("unpause", context_settings=SETTINGS)
@store_argument
@tenant_option
@json_option
@pass_cli
def unpause(cli: Cli, store: str, tenant: str | None) -> None:
    """Let the reconciler at a store again.

    \b
    Examples:
      storeyard store unpause bakery
      storeyard store unpause bakery --tenant acme
    """
    found = cli.find_store(store, tenant)
    changed = unpause_reconciling(cli.services, cli.actor, tenant_id=found.tenant_id, store_id=found.id)
    _finish(cli, changed, "is looked after again")


@click.command("mode", context_settings=SETTINGS)
@store_argument
@mode_argument
@tenant_option
@json_option
@pass_cli
def mode(cli: Cli, store: str, mode: str, tenant: str | None) -> None:
    """Say what is done about drift of a store.

    MODE is repair (put it right), observe (record it, change nothing) or off (do not even compare). What is asked for by people is done in
    all three. The platform may be stricter: `storeyard platform show`.

    \b
    Examples:
      storeyard store mode bakery observe
      storeyard store mode bakery repair --tenant acme
    """
    found = cli.find_store(store, tenant)
    changed = set_drift_mode(cli.services, cli.actor, tenant_id=found.tenant_id, store_id=found.id, mode=DriftMode(mode))
    _finish(cli, changed, f"is in mode {mode}: {MODES[changed.drift_mode]}")


def _finish(cli: Cli, changed: StoreView, said: str) -> None:
    cli.note_failed_wakes()
    owner = cli.tenant_slug(changed.tenant_id)
    if cli.as_json:
        document: dict[str, Any] = {**changed.as_dict(), "tenant": owner}
        print_json(document)
        return
    say(f"Store {changed.slug} of {owner} {said}.")
