"""The pocket cluster as a process of its own: killed, stopped, and started again; and what it says where it cannot start."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcluster.node.process import kill_leftovers
from tests.local.nodes import SECONDS, images, marked, until

CLAIM = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
SCRIPT = "echo start >>/data/starts; setsid sleep 600 & exec sleep 600"


class Pocket:
    """`python -m localcluster` with folders of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sy-", dir="/tmp"))
        (self.folder / "images").mkdir()
        self.catalogue = self.folder / "catalogue.json"
        self.catalogue.write_text(json.dumps({"images": images(self.folder / "images")}), encoding="utf-8")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        process = self.launch(*more)
        until(lambda: process.poll() is not None or self.answers(), "it answers", self.output)
        assert process.poll() is None, self.output()
        return process

    def launch(self, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "error", "-m", "localcluster", "--state", self.folder / "state", "--runtime", self.folder / "r",
                   "--catalogue", self.catalogue, "--port", str(self.port), *more]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._processes.append(process)
        return process

    def output(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(SECONDS)
        kill_leftovers(f"{self.folder}/")
        subprocess.run(["rm", "-rf", self.folder], check=True)

    def answers(self) -> bool:
        try:
            return bool(self.ask("GET", "/api/v1/namespaces/default/serviceaccounts")["items"])
        except (OSError, KeyError, http.client.HTTPException):
            return False

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        config = yaml.safe_load((self.folder / "state" / "kubeconfig").read_text(encoding="utf-8"))
        authority = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=ssl.create_default_context(cadata=authority), timeout=10)
        headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def status(self) -> Any:
        """Of the pod's container; empty where there is none."""
        pod = self.ask("GET", "/api/v1/namespaces/default/pods/keeper")
        return ((pod.get("status") or {}).get("containerStatuses") or [{}])[0]

    def runs(self, restarts: int) -> bool:
        status = self.status()
        return bool(status.get("ready")) and status["restartCount"] == restarts

    def starts(self) -> int:
        """How often the pod's container has begun, by what its volume holds."""
        return sum(path.read_text().count("start") for path in (self.folder / "state" / "volumes").glob("*/*/starts"))


@pytest.fixture
def pocket() -> Iterator[Pocket]:
    found = Pocket()
    yield found
    found.close()


def make_pod(pocket: Pocket) -> None:
    pocket.ask("POST", "/api/v1/namespaces/default/persistentvolumeclaims", CLAIM)
    container = {"name": "main", "image": "sh:1", "args": ["-c", SCRIPT], "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    spec = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 5}
    pocket.ask("POST", "/api/v1/namespaces/default/pods", {"metadata": {"name": "keeper"}, "spec": spec})


def test_a_killed_cluster_starts_its_pods_again_with_their_data_and_leaves_no_orphan(pocket: Pocket) -> None:
    process = pocket.start()
    make_pod(pocket)
    until(lambda: pocket.runs(0) and pocket.starts() == 1, "the pod runs", pocket.output)
    before = set(marked(pocket.folder))
    assert before
    uid = pocket.ask("GET", "/api/v1/namespaces/default/pods/keeper")["metadata"]["uid"]

    process.send_signal(signal.SIGKILL)
    process.wait(SECONDS)
    pocket.start()
    until(lambda: pocket.runs(1), "the pod runs again", pocket.output)
    assert pocket.starts() == 2
    assert not before & set(marked(pocket.folder))
    assert pocket.ask("GET", "/api/v1/namespaces/default/pods/keeper")["metadata"]["uid"] == uid
    last = pocket.status()["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (255, "Unknown")


def test_a_stopped_cluster_ends_its_pods_and_keeps_their_objects(pocket: Pocket) -> None:
    process = pocket.start()
    make_pod(pocket)
    until(lambda: pocket.runs(0), "the pod runs", pocket.output)
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0, pocket.output()
    assert marked(pocket.folder) == []
    assert "Traceback" not in pocket.output()
    pocket.start()
    until(lambda: pocket.runs(1), "the pod runs again", pocket.output)
    assert pocket.status()["lastState"]["terminated"]["exitCode"] == 143


def test_a_taken_port_is_named_with_the_way_out(pocket: Pocket) -> None:
    with socket.create_server(("127.0.0.1", pocket.port)):
        assert pocket.launch().wait(SECONDS) == 3
    assert f"port {pocket.port} of 127.0.0.1 cannot be had" in pocket.output()
    assert "--port" in pocket.output()


def test_a_state_folder_serves_one_cluster_at_a_time(pocket: Pocket) -> None:
    pocket.start()
    assert pocket.launch("--port", "0").wait(SECONDS) == 4
    assert "in use by another pocket cluster" in pocket.output()


def test_an_unknown_user_is_said_to_be_unknown(pocket: Pocket) -> None:
    assert pocket.launch("--user", "no-such-user-here").wait(SECONDS) == 5
    assert "there is no user no-such-user-here" in pocket.output()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run pods as somebody else")
def test_a_state_folder_that_the_user_cannot_enter_is_refused(pocket: Pocket) -> None:
    pocket.folder.chmod(0o700)
    assert pocket.launch("--user", "nobody").wait(SECONDS) == 5
    assert f"the user nobody cannot enter {pocket.folder}" in pocket.output()
