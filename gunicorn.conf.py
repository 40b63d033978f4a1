"""Hooks of the web server, read from the folder it starts in: what the web's processes count is added up by files in a folder of theirs.

The folder, of PROMETHEUS_MULTIPROC_DIR or a temporary one, is emptied at start and removed at the end; no other program may use it. Without
STOREYARD_METRICS_TOKEN nothing is counted and there is none. Not for `--preload`: the application must not be loaded before the hook ran.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def on_starting(_server: Any) -> None:
    """Before the first process is forked; not again at a reload, which must not lose what was counted."""
    if not os.environ.get("STOREYARD_METRICS_TOKEN"):
        return
    folder = Path(os.environ.get(_FOLDER) or tempfile.mkdtemp(prefix="storeyard-web-metrics-"))
    os.environ[_FOLDER] = str(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink()


def child_exit(_server: Any, worker: Any) -> None:
    if _FOLDER in os.environ:
        from app.bootstrap import forget_metrics  # noqa: PLC0415 - after the folder is set

        forget_metrics(worker.pid)


def on_exit(_server: Any) -> None:
    if _FOLDER in os.environ:
        shutil.rmtree(os.environ[_FOLDER], ignore_errors=True)
