"""How a benchmark begins and ends: its options, its refusals, and its figures as JSON or as lines for people."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from app.domain.errors import StoreyardError
from benchmarks.platform import Refused


def run(parser: argparse.ArgumentParser, measure: Callable[[argparse.Namespace], Mapping[str, Any]]) -> int:
    """Measure and print. Figures go to standard output, all else to standard error; 2 where the benchmark cannot run."""
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on standard output")
    options = parser.parse_args()
    note(f"load average before: {_load()}")
    # Asked to end, it still takes away what it made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        figures = measure(options)
    except (Refused, StoreyardError) as refusal:
        print(refusal, file=sys.stderr)
        return 2
    note(f"load average after: {_load()}")
    if options.json:
        print(json.dumps(figures))
    else:
        print_figures(figures)
    return 0


def print_figures(figures: Mapping[str, Any], indent: str = "") -> None:
    width = max(map(len, figures))
    for name, value in figures.items():
        if isinstance(value, Mapping):
            print(f"{indent}{name}")
            print_figures(value, indent + "  ")
        else:
            print(f"{indent}{name:<{width}}  {value}")


def note(text: str) -> None:
    """A word to whoever waits."""
    print(text, file=sys.stderr, flush=True)


def _load() -> str:
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def whole_number(least: int) -> Callable[[str], int]:
    """The type of an option: a whole number, not below `least`."""

    def parse(text: str) -> int:
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} on")
        return int(text)

    return parse


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share * 100) // 100) - 1)]
