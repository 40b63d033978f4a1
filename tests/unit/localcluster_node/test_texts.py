"""What is decided from texts alone: names of images, variables, paths, and commands that must not run."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from localcluster.node.catalogue import Catalogue, normalise
from localcluster.node.environment import ConfigError, command_line, declared, expand, field_value, resource_value
from localcluster.node.paths import PathMap, inside, link_tree
from localcluster.node.refusals import refusal, signals_init

POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"a/b": "c"}, "annotations": {}},
    "spec": {"nodeName": "local"},
    "status": {"podIP": "127.64.0.1", "hostIP": "127.0.0.1"},
}


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("postgres", "docker.io/library/postgres:latest"),
        ("postgres:15", "docker.io/library/postgres:15"),
        ("storeyard/medusa:2", "docker.io/storeyard/medusa:2"),
        ("docker.io/storeyard/medusa:2", "docker.io/storeyard/medusa:2"),
        ("localhost/x", "localhost/x:latest"),
        ("shop:5000/x:1", "shop:5000/x:1"),
        ("shop:5000/x", "shop:5000/x:latest"),
        ("x@sha256:ab", "docker.io/library/x@sha256:ab"),
    ],
)
def test_images_are_named_as_a_node_names_them(name: str, full: str) -> None:
    assert normalise(name) == full


def test_the_catalogue_is_read_again_when_it_changes_and_a_broken_one_takes_nothing_away(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    catalogue = Catalogue(file)
    assert catalogue.find("x") is None
    assert str(file) in catalogue.missing("x")
    file.write_text(json.dumps({"images": {"x:1": {"root": "/r", "mount": "/app/", "stop_signal": "SIGINT"}}}))
    image = catalogue.find("docker.io/library/x:1")
    assert image is not None
    assert (image.mount, image.root, image.stop_signal.name) == ("/app", Path("/r"), "SIGINT")
    file.write_text('{"images": {"x:1": {"ro')
    assert catalogue.find("x:1") is not None
    assert "cannot be read" in catalogue.missing("y")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$(A) $(B)", "1 $(B)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("$()", "$()"),
    ],
)
def test_variables_are_expanded_by_the_rules_of_kubernetes(text: str, value: str) -> None:
    assert expand(text, {"A": "1"}) == value


def lookup(kind: str, name: str) -> Any:
    objects = {
        ("Secret", "s"): {"data": {"k": base64.b64encode(b"$(A)").decode()}},
        ("ConfigMap", "m"): {"data": {"x": "1", "A": "lost"}, "binaryData": {"y": base64.b64encode(b"2").decode()}},
    }
    return objects.get((kind, name))


def test_an_environment_is_made_of_all_its_sources() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "m"}, "prefix": ""}, {"secretRef": {"name": "gone", "optional": True}}],
        "env": [
            {"name": "A", "value": "a"},
            {"name": "B", "value": "$(A)$(LATER)$(x)"},
            {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "s", "key": "no", "optional": True}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "LATER", "value": "late"},
        ],
    }
    assert declared(container, POD, lookup) == {
        "x": "1", "y": "2", "A": "a", "B": "a$(LATER)$(x)", "S": "$(A)", "IP": "127.64.0.1", "LATER": "late",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({"secretKeyRef": {"name": "gone", "key": "k"}}, 'secret "gone" not found'),
        ({"secretKeyRef": {"name": "s", "key": "no"}}, "couldn't find key no in Secret n/s"),
        ({"configMapKeyRef": {"name": "m", "key": "no"}}, "couldn't find key no in ConfigMap n/m"),
        ({"configMapKeyRef": {"name": "gone", "key": "k"}}, 'configmap "gone" not found'),
    ],
)
def test_a_reference_that_leads_nowhere_is_told_in_the_kubelets_words(reference: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        declared({"env": [{"name": "X", "valueFrom": reference}]}, POD, lookup)
    assert str(caught.value) == words


def test_fields_and_resources_can_be_referred_to() -> None:
    assert field_value(POD, "metadata.labels['a/b']") == "c"
    assert field_value(POD, "metadata.labels") == 'a/b="c"'
    container = {"resources": {"limits": {"memory": "512Mi", "cpu": "1500m"}}}
    assert resource_value(container, {"resource": "limits.memory", "divisor": "1Mi"}) == "512"
    assert resource_value(container, {"resource": "limits.cpu"}) == "2"
    with pytest.raises(ConfigError):
        field_value(POD, "spec.containers")


def test_a_command_replaces_the_images_and_arguments_follow_either() -> None:
    assert command_line({"args": ["$(A)"]}, ["run"], {"A": "1"}) == ["run", "1"]
    assert command_line({"command": ["mine"], "args": ["$$(A)"]}, ["run"], {"A": "1"}) == ["mine", "$(A)"]


PATHS = PathMap({"/tmp": Path("/r/1/tmp"), "/data": Path("/v/7"), "/data/in": Path("/v/8")})


@pytest.mark.parametrize(
    ("text", "real"),
    [
        ("/tmp", "/r/1/tmp"),
        ("--dir=/data/x", "--dir=/v/7/x"),
        ("/data/in/x /data/inner", "/v/8/x /v/7/inner"),
        ("/database /data-2 /data.old", "/database /data-2 /data.old"),
        ("x/data $HOME/tmp ${HOME}/tmp ~/tmp $(pwd)/tmp", "x/data $HOME/tmp ${HOME}/tmp ~/tmp $(pwd)/tmp"),
        ("file:///data/x http://data/tmp", "file:///v/7/x http://data/tmp"),
        ("a:/tmp:'/data';\"/tmp\"", "a:/r/1/tmp:'/v/7';\"/r/1/tmp\""),
        ("/data//tmp", "/v/7//tmp"),
    ],
)
def test_paths_are_replaced_whole_and_nowhere_else(text: str, real: str) -> None:
    assert PATHS.replace(text) == real


def test_a_folder_of_links_has_the_mounts_in_their_places(tmp_path: Path) -> None:
    root, media, place = tmp_path / "root", tmp_path / "media", tmp_path / "place"
    for folder in (root / "a" / "b", root / "static", media):
        folder.mkdir(parents=True)
    (root / "a" / "file").touch()
    link_tree(place, root, {"static": media, "a/b": media, "new/deep": media})
    assert (place / "static").resolve() == media
    assert (place / "a" / "b").resolve() == media
    assert (place / "new" / "deep").resolve() == media
    assert (place / "a" / "file").resolve() == root / "a" / "file"
    with pytest.raises(ValueError, match="without"):
        inside(root, "../x")


@pytest.mark.parametrize(
    ("argv", "hits"),
    [
        (["bash", "-c", "kill -INT 1"], True),
        (["kill", "1"], True),
        (["/bin/kill", "-s", "TERM", "1"], True),
        (["sh", "-c", "sleep 1; kill -- 1 && echo"], True),
        (["sh", "-c", "kill -9 -1"], True),
        (["sh", "-c", "x=$(kill 1)"], True),
        (["sh", "-c", 'kill -INT "$(head -n 1 "$PGDATA/postmaster.pid")"'], False),
        (["sh", "-c", "kill -1 1234"], False),
        (["sh", "-c", "kill -s 1 77; echo 1"], False),
        (["sh", "-c", "skill 1; killer 1"], False),
        (["sh", "-c", "kill 11"], False),
    ],
)
def test_commands_that_would_signal_the_machines_first_process(argv: list[str], hits: bool) -> None:
    assert signals_init(argv) is hits


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"hostPID": True}, "hostPID"),
        ({"volumes": [{"name": "v", "csi": {}}]}, "kind csi are not supported"),
        ({"volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {}}]}}]}, "kind serviceAccountToken"),
        ({"containers": [{"name": "c", "ports": [{"containerPort": 1, "hostPort": 1}]}]}, "hostPort"),
        ({"initContainers": [{"name": "i", "securityContext": {"privileged": True}}]}, 'container "i": '),
        ({"containers": [{"name": "c", "livenessProbe": {"grpc": {"port": 1}}}]}, "gRPC"),
    ],
)
def test_what_needs_isolation_is_refused_in_plain_words(spec: Any, words: str) -> None:
    found = refusal({"spec": {"containers": [{"name": "c"}], **spec}})
    assert found is not None
    assert words in found.message


def test_what_a_store_asks_for_is_not_refused() -> None:
    spec = {
        "containers": [{"name": "c", "securityContext": {"capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}}],
        "volumes": [{"name": name, kind: {}} for name, kind in (("a", "emptyDir"), ("b", "persistentVolumeClaim"), ("c", "secret"))],
    }
    assert refusal({"spec": spec}) is None
