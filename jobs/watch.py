"""The watcher's process."""

from __future__ import annotations

from app.services.watch import run_watcher
from jobs.runtime import run_until_stopped


def main() -> None:
    run_until_stopped("watcher started", run_watcher)


if __name__ == "__main__":
    main()
