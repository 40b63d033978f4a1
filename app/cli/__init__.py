"""The `storeyard` command: the same use cases as the web, for operators at a shell. Modules of commands are loaded when they are used."""

from __future__ import annotations


def main() -> None:
    from app.cli.root import build_root  # noqa: PLC0415 - importing the package must cost nothing

    build_root().main(prog_name="storeyard")
