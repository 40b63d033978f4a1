"""How the web's own metrics are read: by who knows the token, from all of its processes together."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from cryptography.fernet import Fernet

from app.config import Settings
from app.factory import create_app

TOKEN = "a-token-of-sixteen-or-more"
ROOT = Path(__file__).parents[2]


def settings(database: str, **more: str) -> Settings:
    base = {"DATABASE_URL": database, "QUEUE_URL": "unix:///nowhere", "VAULT_KEYS": Fernet.generate_key().decode(), **more}
    return Settings.from_env({f"STOREYARD_{name}": value for name, value in base.items()})


def test_the_web_serves_metrics_to_who_knows_the_token_and_has_no_such_page_without_one(database: str) -> None:
    client = create_app(settings(database, METRICS_TOKEN=TOKEN)).test_client()
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 401
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.content_type.partition(";")[0]) == (200, "text/plain")
    assert "storeyard_wakes_failed_total" in answer.text
    assert create_app(settings(database)).test_client().get("/metrics").status_code == 404


SHARED = """
import os, sys
from app.adapters.prometheus import PrometheusMetrics, exposition
metrics = PrometheusMetrics()
if os.fork() == 0:
    metrics.wake_failed()
    os._exit(0)
os.wait()
metrics.wake_failed()
sys.stdout.write(exposition()[0].decode())
"""


def test_processes_that_serve_one_address_are_added_up(tmp_path: Path) -> None:
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", SHARED], env=environment, capture_output=True, text=True, check=True)
    assert re.search(r"^storeyard_wakes_failed_total 2\.0$", done.stdout, re.MULTILINE)


class UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def ask(path: Path) -> tuple[int, str]:
    with closing(UnixConnection(path)) as connection:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_a_web_of_two_processes_serves_one_page_and_leaves_no_folder_behind(database: str, tmp_path: Path) -> None:
    socket_path, folder = tmp_path / "web", tmp_path / "counted"
    folder.mkdir()
    (folder / "counter_1.db").write_bytes(b"left by a start before")
    ours = {"DATABASE_URL": database, "QUEUE_URL": "unix:///nowhere", "VAULT_KEYS": Fernet.generate_key().decode(), "METRICS_TOKEN": TOKEN}
    environment = {**os.environ, **{f"STOREYARD_{name}": value for name, value in ours.items()}, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", f"unix:{socket_path}", "wsgi:app"]
    web = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while len(list(folder.glob("counter_*.db"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        status, text = ask(socket_path)
        assert status == 200
        assert "storeyard_wakes_failed_total 0.0" in text
    finally:
        web.send_signal(signal.SIGTERM)
        web.wait(20)
    assert not folder.exists()
