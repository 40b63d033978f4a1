"""The scheduler's process."""

from __future__ import annotations

from app.services.schedule import run_scheduler
from jobs.runtime import run_until_stopped


def main() -> None:
    run_until_stopped("scheduler started", run_scheduler)


if __name__ == "__main__":
    main()
