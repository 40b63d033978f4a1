"""The real kubectl as an outside client of the pocket cluster: what it prints, and how it ends.

On the API server in this process, with all controllers and a node that says of every pod that it runs. kubectl is the development
environment's own, or that of STOREYARD_TEST_KUBECTL or the PATH.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.pocket import Pocket, controllers_and_node

SECONDS = 60


def find_kubectl() -> str | None:
    own = Path(sys.executable).parent / "kubectl"
    return os.environ.get("STOREYARD_TEST_KUBECTL") or (str(own) if own.exists() else shutil.which("kubectl"))


KUBECTL = find_kubectl()
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl in the environment, in STOREYARD_TEST_KUBECTL or in the PATH")

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {tier: front}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "example.test/web:1", env: [{name: A, value: "1"}]}]}
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: red}\n"


class Lines:
    """A log of five lines; one that is followed gets a sixth."""

    def read(
        self, namespace: str, pod: str, container: str, *, previous: bool, tail: int | None, follow: bool, limit_bytes: int | None
    ) -> Iterator[bytes]:
        lines = [f"{'old' if previous else 'new'} {container} {number}\n".encode() for number in range(5)]
        yield b"".join(lines if tail is None else lines[-tail:])
        if follow:
            yield b""
            yield b"the last\n"


@pytest.fixture(scope="module")
def pocket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pocket]:
    with Pocket(tmp_path_factory.mktemp("kubectl"), logs=Lines(), work=controllers_and_node) as running:
        yield running


class Kubectl:
    """In a namespace of its own, without a home folder to keep anything in."""

    def __init__(self, pocket: Pocket, namespace: str, home: Path) -> None:
        self.namespace = namespace
        self._command = [str(KUBECTL), "--kubeconfig", str(pocket.kubeconfig), "-n", namespace]
        self._environment = {"HOME": str(home), "PATH": os.environ["PATH"], "KUBECTL_KUBERC": "false"}

    def __call__(self, *arguments: str, text: str = "", code: int = 0, editor: str = "") -> str:
        """What it prints, errors included."""
        environment = {**self._environment, **({"KUBE_EDITOR": editor} if editor else {})}
        done = subprocess.run(
            [*self._command, *arguments], input=text, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False
        )
        output = done.stdout + done.stderr
        assert done.returncode == code, output
        return output

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*self._command, *arguments], stdout=subprocess.PIPE, text=True, env=self._environment)


@pytest.fixture
def kubectl(pocket: Pocket, tmp_path: Path, request: pytest.FixtureRequest) -> Kubectl:
    namespace = re.sub(r"[^a-z]+", "-", request.node.name.removeprefix("test_"))[:50].strip("-")
    pocket.store.create("Namespace", {"metadata": {"name": namespace}}, manager="test")
    return Kubectl(pocket, namespace, tmp_path)


def rows(table: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in table.splitlines()]


@pytest.fixture
def web(kubectl: Kubectl) -> Kubectl:
    kubectl("apply", "--server-side", "-f", "-", text=DEPLOYMENT)
    kubectl("rollout", "status", "deployment/web", f"--timeout={SECONDS}s")
    return kubectl


def test_it_finds_out_what_there_is(kubectl: Kubectl) -> None:
    resources = kubectl("api-resources")
    assert re.search(r"deployments\s+deploy\s+apps/v1\s+true\s+Deployment", resources)
    assert "Server Version: v1." in kubectl("version")
    assert "is running at https://127.0.0.1" in kubectl("cluster-info")
    assert kubectl("get", "--raw", "/readyz") == "ok"
    assert "doesn't have a resource type" in kubectl("get", "nosuch", code=1)


def test_it_prints_tables_with_its_own_columns(web: Kubectl) -> None:
    header, row = rows(web("get", "deployments", "-o", "wide"))
    assert header == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"]
    assert row[:4] + row[5:] == ["web", "2/2", "2", "2", "main", "example.test/web:1", "app=web"]
    pods = rows(web("get", "pods", "-l", "app=web"))
    assert [pod[1:4] for pod in pods[1:]] == [["1/1", "Running", "0"]] * 2
    everywhere = web("get", "pods", "-A", "--sort-by=.metadata.name")
    assert everywhere.count(web.namespace) >= 2
    assert "deployment.apps/web" in web("get", "all")
    assert "No resources found" in web("get", "secrets")
    assert 'pods "none" not found' in web("get", "pod", "none", code=1)


def test_it_prints_objects(web: Kubectl) -> None:
    shown = yaml.safe_load(web("get", "deployment", "web", "-o", "yaml"))
    assert (shown["kind"], shown["spec"]["replicas"], shown["status"]["readyReplicas"]) == ("Deployment", 2, 2)
    assert web("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}") == "example.test/web:1"


def test_it_watches(kubectl: Kubectl) -> None:
    watching = kubectl.start("get", "configmaps", "--watch", "--field-selector=metadata.name=settings")
    try:
        kubectl("create", "-f", "-", text=CONFIG)
        assert watching.stdout is not None
        reader = threading.Timer(SECONDS, watching.kill)
        reader.start()
        assert watching.stdout.readline().split() == ["NAME", "DATA", "AGE"]
        assert watching.stdout.readline().split()[:2] == ["settings", "1"]
        kubectl("patch", "configmap", "settings", "-p", '{"data": {"size": "L"}}')
        assert watching.stdout.readline().split()[:2] == ["settings", "2"]
        reader.cancel()
    finally:
        watching.kill()
        watching.communicate()


def test_it_describes(web: Kubectl) -> None:
    pod = rows(web("get", "pods"))[1][0]
    uid = web("get", "pod", pod, "-o", "jsonpath={.metadata.uid}")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "pulled"},
        "involvedObject": {"kind": "Pod", "namespace": web.namespace, "name": pod, "uid": uid},
        "reason": "Pulled",
        "message": "Container image already present on machine",
        "type": "Normal",
    }
    web("create", "-f", "-", text=yaml.safe_dump(event))
    assert "Container image already present" in web("describe", "pod", pod)
    assert "2 desired | 2 updated | 2 total | 2 available" in web("describe", "deployment", "web")
    assert re.search(r"Status:\s+Active", web("describe", "namespace", web.namespace))
    assert "Container image already present" in web("events")


def test_it_applies_server_side_and_is_told_of_conflicts(kubectl: Kubectl) -> None:
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", "-", text=CONFIG)
    other = CONFIG.replace("red", "blue")
    conflict = kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", text=other, code=1)
    assert 'conflict with "kubectl": .data.colour' in conflict
    kubectl("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", text=other)
    assert kubectl("get", "configmap", "settings", "-o", "jsonpath={.data.colour}") == "blue"


def test_it_applies_the_old_way_and_shows_the_difference(kubectl: Kubectl) -> None:
    assert "created" in kubectl("apply", "-f", "-", text=DEPLOYMENT)
    changed = DEPLOYMENT.replace("replicas: 2", "replicas: 1").replace('{name: A, value: "1"}', '{name: B, value: "2"}')
    assert "+  replicas: 1" in kubectl("diff", "-f", "-", text=changed, code=1)
    assert "configured" in kubectl("apply", "-f", "-", text=changed)
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].env[*].name}") == "B"
    assert "unchanged" in kubectl("apply", "-f", "-", text=changed)


def test_misspelt_fields_are_refused_or_warned_of(kubectl: Kubectl) -> None:
    wrong = CONFIG.replace("\ndata:", "\ndatum:")
    assert 'unknown field "datum"' in kubectl("create", "-f", "-", text=wrong, code=1)
    assert 'Warning: unknown field "datum"' in kubectl("create", "--validate=warn", "-f", "-", text=wrong)
    assert "is invalid" in kubectl("create", "-f", "-", text=CONFIG.replace("settings", "Not_Good"), code=1)
    assert "dry run" in kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", text=CONFIG)


def test_it_waits_scales_and_rolls_out(web: Kubectl) -> None:
    assert "condition met" in web("wait", "--for=condition=Available", "deployment/web", f"--timeout={SECONDS}s")
    web("scale", "deployment/web", "--replicas=3")
    assert "successfully rolled out" in web("rollout", "status", "deployment/web", f"--timeout={SECONDS}s")
    assert "condition met" in web("wait", "--for=jsonpath={.status.readyReplicas}=3", "deployment/web", f"--timeout={SECONDS}s")
    assert "Expected replicas to be 7" in web("scale", "deployment/web", "--current-replicas=7", "--replicas=1", code=1)
    web("set", "image", "deployment/web", "main=example.test/web:2")
    web("rollout", "status", "deployment/web", f"--timeout={SECONDS}s")
    assert len(rows(web("rollout", "history", "deployment/web"))) >= 4
    web("rollout", "undo", "deployment/web")
    web("rollout", "restart", "deployment/web")
    web("rollout", "status", "deployment/web", f"--timeout={SECONDS}s")
    assert web("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}") == "example.test/web:1"
    assert "timed out" in web("wait", "--for=condition=Nonsense", "deployment/web", "--timeout=1s", code=1)


def test_it_patches_labels_and_edits(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", text=CONFIG)
    kubectl("patch", "configmap", "settings", "--type=merge", "-p", '{"data": {"a": "1"}}')
    kubectl("patch", "configmap", "settings", "--type=json", "-p", '[{"op": "remove", "path": "/data/a"}]')
    kubectl("label", "configmap", "settings", "x=y")
    kubectl("annotate", "configmap", "settings", "note=this")
    assert "edited" in kubectl("edit", "configmap", "settings", editor="sed -i s/red/green/")
    shown = yaml.safe_load(kubectl("get", "configmap", "settings", "-o", "yaml", "--show-managed-fields"))
    assert shown["data"] == {"colour": "green"}
    assert (shown["metadata"]["labels"], shown["metadata"]["annotations"]) == ({"x": "y"}, {"note": "this"})
    managers = {entry["manager"] for entry in shown["metadata"]["managedFields"]}
    assert {"kubectl-create", "kubectl-label", "kubectl-annotate", "kubectl-edit"} <= managers
    assert "replaced" in kubectl("replace", "-f", "-", text=CONFIG)


def test_it_reads_logs(web: Kubectl) -> None:
    pod = rows(web("get", "pods"))[1][0]
    assert web("logs", pod) == "".join(f"new main {number}\n" for number in range(5))
    assert web("logs", pod, "-c", "main", "--tail=1", "--previous") == "old main 4\n"
    assert web("logs", "--follow", pod).endswith("new main 4\nthe last\n")
    assert "new main 0" in web("logs", "deployment/web")
    assert "container none is not valid" in web("logs", pod, "-c", "none", code=1)


def test_it_deletes_and_waits_for_the_end(web: Kubectl) -> None:
    web("delete", "pods", "-l", "app=web", f"--timeout={SECONDS}s")
    web("rollout", "status", "deployment/web", f"--timeout={SECONDS}s")
    assert "deleted" in web("delete", "deployment", "web", f"--timeout={SECONDS}s", "--cascade=foreground")
    deadline = time.monotonic() + SECONDS
    while "No resources found" not in web("get", "pods,replicasets"):
        assert time.monotonic() < deadline, "the pods are still there"
    web("create", "-f", "-", text=CONFIG)
    web("delete", "-f", "-", text=CONFIG)
    assert "not found" in web("delete", "configmap", "settings", code=1)
    assert "deleted" in web("delete", "namespace", web.namespace, f"--timeout={SECONDS}s")
    assert "not found" in web("get", "namespace", web.namespace, code=1)


def test_it_does_not_get_in_without_the_token(kubectl: Kubectl) -> None:
    refused = kubectl("--token=wrong", "get", "pods", code=1)
    assert "Unauthorized" in refused or "must be logged in" in refused
