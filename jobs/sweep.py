"""The safety net: every store's objects compared by version, in lists over the whole cluster."""

from __future__ import annotations

from app.services.sweep import sweep
from jobs.runtime import services


def run() -> None:
    sweep(services())
