"""How the web server runs, and its hooks; read from the folder it starts in, as the command line's defaults.

Threads wait (streams of live updates do little else), so there are many; they are made when needed. STOREYARD_WEB_THREADS says how many.

What the web's processes count is added up by files in a folder of theirs. It, of PROMETHEUS_MULTIPROC_DIR or a temporary one, is emptied at
start and removed at the end; no other program may use it. Without STOREYARD_METRICS_TOKEN nothing is counted and there is none.
Not for `--preload`: the application must not be loaded before the hooks ran.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_THREADS = "STOREYARD_WEB_THREADS"
# Two thirds of them may be streams: 1,024.
_MANY = "1536"

worker_class = "gthread"
threads = int(os.environ.get(_THREADS, "").strip() or _MANY)
# Else no more than a thousand connections are taken, streams among them.
worker_connections = threads + 1000


def on_starting(_server: Any) -> None:
    """Before the first process is forked; not again at a reload, which must not lose what was counted."""
    if not os.environ.get("STOREYARD_METRICS_TOKEN"):
        return
    folder = Path(os.environ.get(_FOLDER) or tempfile.mkdtemp(prefix="storeyard-web-metrics-"))
    os.environ[_FOLDER] = str(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink()


def post_fork(_server: Any, worker: Any) -> None:
    """The application learns how many threads there are, whoever said it; a thread's memory is kept small before the first is made."""
    os.environ[_THREADS] = str(worker.cfg.threads)
    threading.stack_size(1 << 20)
    _few_arenas()


def post_worker_init(worker: Any) -> None:
    """Streams end when the process is asked to: it waits for them otherwise, and they for it."""
    hub = worker.wsgi.extensions["storeyard.live"]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        _before(number, lambda: threading.Thread(target=hub.close, daemon=True).start())


def _before(number: signal.Signals, action: Any) -> None:
    former: Any = signal.getsignal(number)

    def handle(given: int, frame: FrameType | None) -> None:
        action()
        former(given, frame)

    signal.signal(number, handle)


def _few_arenas() -> None:
    """glibc gives a thread a heap of its own where it can, and rarely takes one back: most of the memory of a thousand threads."""
    try:
        ctypes.CDLL(None).mallopt(-8, 2)  # M_ARENA_MAX of malloc.h
    except (AttributeError, OSError):
        return  # another C library


def child_exit(_server: Any, worker: Any) -> None:
    if _FOLDER in os.environ:
        from app.bootstrap import forget_metrics  # noqa: PLC0415 - after the folder is set

        forget_metrics(worker.pid)


def on_exit(_server: Any) -> None:
    if _FOLDER in os.environ:
        shutil.rmtree(os.environ[_FOLDER], ignore_errors=True)
