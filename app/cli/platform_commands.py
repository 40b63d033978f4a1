"""The platform's own switches at a shell."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

import click

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import json_option
from app.cli.output import at, print_fields, print_json, print_table, say
from app.cli.store_switches import MODES, end_of, for_option, mode_argument, reason_option, until_option
from app.domain.stores import DriftMode
from app.services.pause_reconciling import pause_platform, unpause_platform
from app.services.queries import leaders, platform_state, store_totals
from app.services.set_drift_mode import set_platform_drift_mode
from app.services.switches import switch
from app.services.views import PlatformView


@click.command("show", context_settings=SETTINGS)
@json_option
@pass_cli
def show(cli: Cli) -> None:
    """Show the switches, and who leads.

    \b
    Examples:
      storeyard platform show
      storeyard platform show --json
    """
    state, totals, offices = platform_state(cli.services), store_totals(cli.services), leaders(cli.services)
    if cli.as_json:
        counts = {phase.value: count for phase, count in totals.items()}
        print_json({**asdict(state), "stores": counts, "leaders": [asdict(office) for office in offices]})
        return
    now = cli.services.clock.now()
    _print(cli, state)
    say()
    print_table(("PHASE", "STORES"), [(phase, count) for phase, count in totals.items() if count])
    if offices:
        say()
        print_table(
            ("OFFICE", "STATE", "UNTIL", "HOLDER"),
            [(office.name, "held" if office.active else "vacant", at(office.until, now), office.holder) for office in offices],
        )


@click.command("pause", context_settings=SETTINGS)
@for_option
@until_option
@reason_option
@json_option
@pass_cli
def pause(cli: Cli, duration: timedelta | None, until: datetime | None, reason: str) -> None:
    """Hold the reconciler off all stores for a while.

    What is asked for meanwhile is taken, and acted on afterwards.

    \b
    Examples:
      storeyard platform pause --for 30m --reason "node upgrade"
      storeyard platform pause --until 2027-01-31T18:00:00Z --reason "maintenance"
    """
    _print(cli, pause_platform(cli.services, cli.actor, until=end_of(cli, duration, until), reason=reason))


@click.command("unpause", context_settings=SETTINGS)
@json_option
@pass_cli
def unpause(cli: Cli) -> None:
    """Let the reconciler at all stores again.

    \b
    Examples:
      storeyard platform unpause
    """
    _print(cli, unpause_platform(cli.services, cli.actor))


@click.command("mode", context_settings=SETTINGS)
@mode_argument
@json_option
@pass_cli
def mode(cli: Cli, mode: str) -> None:
    """Say what is done about drift of all stores.

    MODE is repair, observe or off. Of this and a store's own mode the stricter holds.

    \b
    Examples:
      storeyard platform mode observe
      storeyard platform mode repair --json
    """
    _print(cli, set_platform_drift_mode(cli.services, cli.actor, mode=DriftMode(mode)))


STATES = click.Choice(["on", "off"])


@click.command("new-stores", context_settings=SETTINGS)
@click.argument("state", type=STATES, metavar="STATE")
@click.option("--reason", help="Why not; shown to whoever wants to make one.")
@json_option
@pass_cli
def new_stores(cli: Cli, state: str, reason: str | None) -> None:
    """Let stores be made, or not for now.

    STATE is on or off; off needs a reason. What exists is not touched.

    \b
    Examples:
      storeyard platform new-stores off --reason "The cluster is full until Monday."
      storeyard platform new-stores on
    """
    _print(cli, switch(cli.services, cli.actor, name="no_new_stores", reason=_reason(reason, wanted=state == "off")))


@click.command("read-only", context_settings=SETTINGS)
@click.argument("state", type=STATES, metavar="STATE")
@click.option("--reason", help="Why; shown to tenants on each page.")
@json_option
@pass_cli
def read_only(cli: Cli, state: str, reason: str | None) -> None:
    """Refuse tenants' changes of stores, or take them again.

    STATE is on or off; on needs a reason. Stores run on and are looked after; operators may change them.

    \b
    Examples:
      storeyard platform read-only on --reason "We move the database until 18:00 UTC."
      storeyard platform read-only off
    """
    _print(cli, switch(cli.services, cli.actor, name="read_only", reason=_reason(reason, wanted=state == "on")))


def _reason(reason: str | None, *, wanted: bool) -> str | None:
    if wanted != (reason is not None):
        raise click.UsageError("Say why, with --reason." if wanted else "Leave --reason out: nothing is refused any more.")
    return reason


def _print(cli: Cli, state: PlatformView) -> None:
    if cli.as_json:
        print_json(asdict(state))
        return
    now = cli.services.clock.now()
    paused = state.paused_until is not None and state.paused_until > now
    print_fields(
        {
            "Drift": f"mode {state.drift_mode}: {MODES[state.drift_mode]}",
            "New stores": "are made" if state.no_new_stores is None else f"refused: {state.no_new_stores}",
            "Tenants' changes": "are taken" if state.read_only is None else f"refused: {state.read_only}",
            "Reconciling": f"paused until {at(state.paused_until, now)}: {state.paused_reason}" if paused else "at work",
        }
    )
