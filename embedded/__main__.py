"""`python -m embedded up|down|status|logs|clean`; the Makefile's targets of these names."""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said rather than shown as a syntax error's traceback
    sys.exit("Python 3.11 or newer is needed: this is {}.{}. `PYTHON=python3.11 make up` names another.".format(*sys.version_info[:2]))

import argparse
import os
import signal

from embedded.down import clean, down
from embedded.logs import follow
from embedded.places import Places
from embedded.screen import Screen
from embedded.status import status
from embedded.up import up


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    screen = Screen()
    if options.command == "up":
        # As Ctrl-C: what was begun is put away.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        return up(os.environ, screen)
    places = Places.from_environment(os.environ)
    if options.command == "down":
        return down(places, screen)
    if options.command == "status":
        return status(places, screen, as_json=options.json)
    if options.command == "clean":
        return clean(places, screen, force=options.force)
    return _logs(places, options)


def _logs(places: Places, options: argparse.Namespace) -> int:
    known = sorted(path.stem for path in places.logs.glob("*.log"))
    if unknown := [name for name in options.parts if name not in known]:
        sys.stderr.write(f"There is no log of {', '.join(unknown)}. There are: {', '.join(known) or 'none yet'}.\n")
        return 1
    try:
        for line in follow(places.logs, options.parts, lines=options.lines, forever=not options.no_follow):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m embedded", description="Storeyard on this machine. State: .storeyard, or $STOREYARD_STATE."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start everything; prepare it the first time")
    commands.add_parser("down", help="stop everything; stores and data stay")
    commands.add_parser("status", help="what runs").add_argument("--json", action="store_true")
    logs = commands.add_parser("logs", help="show and follow logs")
    logs.add_argument("parts", nargs="*", metavar="PART", help="such as worker-1; all by default")
    logs.add_argument("--lines", type=int, default=20, metavar="N", help="of each log at first")
    logs.add_argument("--no-follow", action="store_true")
    commands.add_parser("clean", help="remove the state folder").add_argument("--force", action="store_true", help="without asking")
    return parser


if __name__ == "__main__":
    # `make logs | head` ends without a traceback.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
