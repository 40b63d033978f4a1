"""The services of this process, built once before the first job."""

from __future__ import annotations

from functools import lru_cache

from app.bootstrap import build_services
from app.config import Settings
from app.services.context import Services


@lru_cache(maxsize=1)
def services() -> Services:
    return build_services(Settings.from_env())
