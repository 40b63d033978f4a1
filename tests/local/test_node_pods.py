"""Pods on the pocket cluster's node, as real processes: they start, are probed, fail, are restarted and are told about as on a real one."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.nodes import NAMESPACE, Node

PROBE = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1}
PORTS = [{"name": "http", "containerPort": 8000}]


@pytest.fixture
def node() -> Iterator[Node]:
    found = Node()
    yield found
    found.close()


def test_a_pod_gets_its_environment_and_volumes_and_becomes_ready(node: Node) -> None:
    node.secret("store", word='it\'s $(SECRET) "quoted"')
    node.claim("data")
    node.run(
        "web",
        {
            "image": "web:1",
            "ports": PORTS,
            "env": [{"name": "ANSWER", "valueFrom": {"secretKeyRef": {"name": "store", "key": "word"}}}],
            "readinessProbe": PROBE,
        },
    )
    node.until(lambda: node.ready("web"), "the pod is ready")
    status = node.pod("web")["status"]
    with urllib.request.urlopen(f"http://{status['podIP']}:8000/", timeout=10) as answer:
        assert answer.read() == b'it\'s $(SECRET) "quoted"'
    assert status["phase"] == "Running"
    assert {item["type"]: item["status"] for item in status["conditions"]} == dict.fromkeys(
        ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
    )
    assert {"Pulled", "Created", "Started"} <= {reason for reason, _ in node.events("web")}


def test_mounted_paths_lead_to_the_volume_wherever_the_pod_says_them(node: Node) -> None:
    node.claim("data")
    volumes = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "words", "secret": {"secretName": "words"}},
    ]
    node.secret("words", greeting="hello")
    mounts = [
        {"name": "data", "mountPath": "/data"},
        {"name": "scratch", "mountPath": "/tmp"},
        {"name": "words", "mountPath": "/words", "readOnly": True},
    ]
    write = {"name": "first", "image": "sh:1", "args": ["-c", 'echo kept >"$FILE"; echo passed >/tmp/note'], "volumeMounts": mounts}
    write["env"] = [{"name": "FILE", "value": "/data/file"}]
    node.sh(
        "reader",
        'echo "$(cat /data/file) $(cat /tmp/note) $(cat /words/greeting) $HOME"; echo x/data /database; sleep 60',
        {"volumeMounts": mounts, "env": [{"name": "HOME", "value": "/tmp"}]},
        initContainers=[write],
        volumes=volumes,
    )
    node.until(lambda: "database" in node.log("reader") if node.container("reader").get("started") else False, "it has said all")
    first, second = node.log("reader").splitlines()
    assert first.split()[:3] == ["kept", "passed", "hello"]
    assert first.split()[3].startswith(str(node.folder / "r"))
    assert second == "x/data /database"


def test_a_mount_below_the_image_is_found_in_its_working_folder(node: Node) -> None:
    (node.root / "static").mkdir()
    (node.root / "static" / "own").touch()
    node.run(
        "links",
        {
            "image": "web:1",
            "command": ["bash", "-c", "ls static web.py; touch static/mine; sleep 60"],
            "volumeMounts": [{"name": "media", "mountPath": "/app/static"}],
        },
        volumes=[{"name": "media", "emptyDir": {}}],
    )
    node.until(lambda: node.container("links").get("started") and "static:" in node.log("links"), "it has listed its folder")
    assert node.log("links").split() == ["web.py", "static:"]
    assert sorted(path.name for path in (node.root / "static").iterdir()) == ["own"]


def test_a_service_is_reached_by_its_name(node: Node) -> None:
    service = node.create("Service", {"metadata": {"name": "db"}, "spec": {"ports": [{"port": 5432}], "selector": {"app": "db"}}})
    url = {"name": "URL", "value": "postgres://me@db:5432/x"}
    node.sh("client", 'echo "$URL"; sleep 60', {"env": [url]})
    node.until(lambda: node.container("client").get("started") and node.log("client"), "it has said its URL")
    assert node.log("client") == f"postgres://me@{service['spec']['clusterIP']}:5432/x\n"


def test_a_container_that_ends_is_restarted_at_once_then_later_and_later(node: Node) -> None:
    node.sh("crash", "echo run; exit 3")
    node.until(lambda: node.waits("crash").get("reason") == "CrashLoopBackOff", "it is held back")
    status = node.container("crash")
    assert status["restartCount"] == 1
    uid = node.pod("crash")["metadata"]["uid"]
    assert node.waits("crash")["message"] == f"back-off 0s restarting failed container=main pod=crash_{NAMESPACE}({uid})"
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["lastState"]["terminated"]["reason"] == "Error"
    assert not node.ready("crash")
    node.until(lambda: node.container("crash")["restartCount"] >= 3, "it is tried again")
    assert node.said("crash", "BackOff", "Back-off restarting failed container main in pod crash_")
    assert node.log("crash", previous=True) == "run\n"


def test_a_program_that_is_not_there_is_said_to_be_missing(node: Node) -> None:
    node.run("odd", {"image": "sh:1", "command": ["no-such-program"]})
    node.until(lambda: node.container("odd").get("lastState"), "its start has failed")
    last = node.container("odd")["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (128, "StartError")
    assert 'exec: "no-such-program": executable file not found in $PATH' in last["message"]


def test_a_container_that_fails_its_liveness_probe_is_killed_and_started_again(node: Node) -> None:
    probe = {"exec": {"command": ["bash", "-c", "test -e /tmp/alive"]}, "periodSeconds": 1, "failureThreshold": 2}
    node.sh("sick", "[ -e /tmp/once ] && touch /tmp/alive; touch /tmp/once; exec sleep 60", {"livenessProbe": probe})
    node.until(lambda: node.container("sick").get("restartCount") == 1 and node.ready("sick"), "it was restarted")
    assert node.said("sick", "Unhealthy", "Liveness probe failed")
    assert node.said("sick", "Killing", "Container main failed liveness probe, will be restarted")
    assert node.container("sick")["lastState"]["terminated"]["exitCode"] == 143


def test_readiness_comes_and_goes_without_a_restart(node: Node) -> None:
    status = node.root / "status"
    probe = {**PROBE, "failureThreshold": 1}
    node.run("web", {"image": "web:1", "ports": PORTS, "env": [{"name": "STATUS", "value": "status"}], "readinessProbe": probe})
    node.until(lambda: node.ready("web"), "it is ready")
    status.write_text("503")
    node.until(lambda: not node.ready("web"), "it is not ready any more")
    assert node.said("web", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
    status.write_text("204")
    node.until(lambda: node.ready("web"), "it is ready again")
    assert node.container("web")["restartCount"] == 0


def test_a_startup_probe_holds_the_others_back(node: Node) -> None:
    startup = {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 1, "failureThreshold": 30}
    mount = {"volumeMounts": [{"name": "t", "mountPath": "/tmp"}]}
    liveness = {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 1, "failureThreshold": 1}
    node.sh("slow", "sleep 2; touch /tmp/up; exec sleep 60", {"startupProbe": startup, "livenessProbe": liveness, **mount},
            volumes=[{"name": "t", "emptyDir": {}}])  # fmt: skip
    node.until(lambda: node.container("slow").get("state", {}).get("running"), "it runs")
    assert node.container("slow")["started"] is False
    node.until(lambda: node.ready("slow"), "it has started")
    assert node.container("slow")["restartCount"] == 0


def test_an_unknown_image_waits_until_the_catalogue_has_it(node: Node) -> None:
    node.run("later", {"image": "nginx:1.27"})
    node.until(lambda: node.waits("later").get("reason") == "ImagePullBackOff", "it waits for its image")
    assert 'image "nginx:1.27" is not in the catalogue of this pocket cluster (known: docker.io/library/' in node.waits("later")["message"]
    assert node.said("later", "Failed", "Error: ErrImagePull")
    assert node.pod("later")["status"]["phase"] == "Pending"
    node.offer({"docker.io/library/nginx:1.27": {"command": ["sleep", "60"]}})
    node.until(lambda: node.ready("later"), "it runs")


def test_a_missing_secret_is_waited_for(node: Node) -> None:
    node.sh("poor", "sleep 60", {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]})
    node.until(lambda: node.waits("poor").get("message") == 'secret "s" not found', "it says what is missing")
    assert node.waits("poor")["reason"] == "CreateContainerConfigError"
    node.secret("s", other="1")
    node.until(lambda: node.waits("poor").get("message") == f"couldn't find key k in Secret {NAMESPACE}/s", "it says which key")
    node.store.patch("Secret", NAMESPACE, "s", {"stringData": {"k": "1"}}, form="merge", manager="test")
    node.until(lambda: node.ready("poor"), "it runs")


@pytest.mark.parametrize(
    ("name", "spec", "container", "event"),
    [
        ("host-path", {"volumes": [{"name": "v", "hostPath": {"path": "/etc"}}]}, {}, "FailedMount"),
        ("host-network", {"hostNetwork": True}, {}, "Failed"),
        ("privileged", {}, {"securityContext": {"privileged": True}}, "Failed"),
        ("nfs", {"volumes": [{"name": "v", "nfs": {"server": "a", "path": "/b"}}]}, {}, "FailedMount"),
        ("init-killer", {}, {"livenessProbe": {"exec": {"command": ["kill", "-9", "1"]}}}, "Failed"),
    ],
)
def test_what_needs_a_real_node_never_runs_and_says_why(node: Node, name: str, spec: Any, container: Any, event: str) -> None:
    node.sh(name, "sleep 60", container, **spec)
    node.until(lambda: node.waits(name).get("message"), "it says why it waits")
    assert node.waits(name)["reason"] == "CreateContainerConfigError"
    assert node.said(name, event)
    assert node.processes() == []
    assert node.pod(name)["status"]["phase"] == "Pending"
    node.store.delete("Pod", NAMESPACE, name)
    node.until(lambda: node.gone(name), "it can be deleted")


def test_a_deleted_pod_gets_its_grace(node: Node) -> None:
    node.claim("data")
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    node.sh(
        "polite",
        "trap 'echo said goodbye >/data/note; exit 0' TERM; echo up; while :; do sleep 0.1; done",
        {"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        volumes=volumes,
        terminationGracePeriodSeconds=20,
    )
    node.until(lambda: node.container("polite").get("started") and node.log("polite"), "it has set its trap")
    node.store.delete("Pod", NAMESPACE, "polite")
    node.until(lambda: node.gone("polite"), "it is gone")
    node.until(lambda: not node.processes(), "its processes are gone")
    notes = list((node.folder / "state" / "volumes" / NAMESPACE).glob("*/note"))
    assert [note.read_text() for note in notes] == ["said goodbye\n"]


def test_who_ignores_its_grace_is_killed_with_its_children(node: Node) -> None:
    node.sh("stubborn", "trap '' TERM; setsid sleep 300 & echo up; while :; do sleep 0.1; done", terminationGracePeriodSeconds=1)
    node.until(lambda: node.container("stubborn").get("started") and node.log("stubborn"), "it runs")
    assert node.processes()
    node.store.delete("Pod", NAMESPACE, "stubborn")
    node.until(lambda: node.gone("stubborn"), "it is gone")
    assert node.processes() == []


def test_a_deletion_by_force_ends_the_processes_before_a_successor_starts(node: Node) -> None:
    node.sh("twin", "trap '' TERM; echo first; while :; do sleep 0.1; done")
    node.until(lambda: node.container("twin").get("started") and node.log("twin"), "the first runs")
    first = node.processes()
    node.store.delete("Pod", NAMESPACE, "twin", grace_seconds=0)
    node.sh("twin", "echo second; sleep 60")
    node.until(lambda: node.container("twin").get("started"), "the second runs")
    assert not set(first) & set(node.processes())


def test_hooks_run_and_none_may_signal_process_one(node: Node) -> None:
    lifecycle = {
        "postStart": {"exec": {"command": ["bash", "-c", "echo $WORD >/tmp/started"]}},
        "preStop": {"exec": {"command": ["bash", "-c", "kill -INT 1"]}},
    }
    mount = {"volumeMounts": [{"name": "t", "mountPath": "/tmp"}], "env": [{"name": "WORD", "value": "hooked"}]}
    script = "while [ ! -e /tmp/started ]; do sleep 0.05; done; cat /tmp/started; exec sleep 60"
    node.sh("hooks", script, {"lifecycle": lifecycle, **mount}, volumes=[{"name": "t", "emptyDir": {}}])
    node.until(lambda: node.ready("hooks") and node.log("hooks") == "hooked\n", "its first hook has run")
    node.store.delete("Pod", NAMESPACE, "hooks")
    node.until(lambda: node.gone("hooks"), "it is gone")
    assert node.said("hooks", "FailedPreStopHook", "process 1")


def test_two_pods_have_the_same_port_on_addresses_of_their_own(node: Node) -> None:
    for name in ("one", "two"):
        node.run(name, {"image": "web:1", "ports": PORTS, "env": [{"name": "ANSWER", "value": name}], "readinessProbe": PROBE})
    node.until(lambda: node.ready("one") and node.ready("two"), "both are ready")
    for name in ("one", "two"):
        with urllib.request.urlopen(f"http://{node.pod(name)['status']['podIP']}:8000/", timeout=10) as answer:
            assert answer.read() == name.encode()


@pytest.mark.parametrize(
    ("policy", "code", "phase"), [("Never", 0, "Succeeded"), ("Never", 4, "Failed"), ("OnFailure", 0, "Succeeded"), ("OnFailure", 1, "")]
)
def test_pods_that_run_their_course(node: Node, policy: str, code: int, phase: str) -> None:
    node.sh("job", f"[ -e /tmp/tried ] && exit 0; touch /tmp/tried; exit {code}",
            {"volumeMounts": [{"name": "t", "mountPath": "/tmp"}]},
            restartPolicy=policy, volumes=[{"name": "t", "emptyDir": {}}])  # fmt: skip
    wanted = phase or "Succeeded"
    node.until(lambda: node.pod("job")["status"]["phase"] == wanted, f"it has {wanted}")
    assert node.container("job")["restartCount"] == (0 if phase else 1)
    assert node.container("job")["state"]["terminated"]["exitCode"] == (code if phase else 0)


def test_a_container_far_beyond_its_memory_is_killed(node: Node) -> None:
    hoard = "import time\nheld = b'x' * (80 << 20)\ntime.sleep(300)"
    node.run("greedy", {"image": "python:1", "args": ["-c", hoard], "resources": {"limits": {"memory": "16Mi"}}})
    node.until(lambda: node.container("greedy").get("lastState"), "it was ended")
    last = node.container("greedy")["lastState"]["terminated"]
    assert (last["reason"], last["exitCode"]) == ("OOMKilled", 137)


def test_logs_are_followed_until_the_container_ends(node: Node) -> None:
    node.sh("talker", "for i in 1 2 3; do echo line $i; sleep 0.3; done", restartPolicy="Never")
    node.until(lambda: node.container("talker").get("state", {}).get("running"), "it runs")
    assert node.log("talker", follow=True) == "line 1\nline 2\nline 3\n"
    node.until(lambda: node.pod("talker")["status"]["phase"] == "Succeeded", "it has ended")
    assert node.log("talker", tail=2) == "line 2\nline 3\n"
    assert node.log("talker", tail=0) == ""
    assert node.log("talker", limit_bytes=8) == "line 1\nl"


def test_the_folder_of_a_deleted_claim_goes_and_no_other(node: Node) -> None:
    volumes = node.folder / "state" / "volumes" / NAMESPACE
    mounts = {"volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in ("one", "two")]}
    claims = {name: node.claim(name)["metadata"]["uid"] for name in ("one", "two")}
    node.sh("user", "touch /one/a /two/a; sleep 60", mounts,
            volumes=[{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims])  # fmt: skip
    node.until(lambda: all((volumes / uid / "a").exists() for uid in claims.values()), "both are written to")
    node.store.delete("PersistentVolumeClaim", NAMESPACE, "one")
    node.store.delete("Pod", NAMESPACE, "user")
    node.until(lambda: not (volumes / claims["one"]).exists(), "its folder is gone")
    assert (volumes / claims["two"] / "a").exists()
    assert node.gone("user")


def test_a_stopped_node_keeps_its_pods_and_starts_them_again(node: Node) -> None:
    node.sh("stays", "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done")
    node.until(lambda: node.ready("stays") and node.log("stays"), "it runs")
    node.stop()
    assert node.processes() == []
    assert not node.ready("stays")
    assert node.container("stays")["state"]["terminated"]["exitCode"] == 0
    node.start()
    node.until(lambda: node.ready("stays"), "it runs again")
    assert node.container("stays")["restartCount"] == 1
