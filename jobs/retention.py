"""Removal of records past their time."""

from __future__ import annotations

from app.services.retention import retention
from jobs.runtime import services


def run() -> None:
    retention(services())
