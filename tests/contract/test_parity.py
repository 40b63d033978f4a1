"""The fake and a real API server, given the same requests, answer alike: values, defaults, generation and every field's owners.

One walk per manifest: made by apply and by hand, applied over, labelled, edited, its bookkeeping wiped. What controllers write is left out.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.domain.managed_fields import ownerships
from app.domain.manifests import LiveObject, Manifest, storable
from app.ports import Cluster
from tests.contract.conftest import KUBECONFIG, Hands, RealHands, World
from tests.fakes.cluster import FakeCluster

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(not KUBECONFIG, reason="STOREYARD_TEST_KUBECONFIG names no API server")]

MANIFESTS = list(yaml.safe_load_all((Path(__file__).parent / "manifests.yaml").read_text(encoding="utf-8")))
CONTROLLERS = {"kube-controller-manager", "kube-scheduler", "kubelet"}


@pytest.fixture(scope="module")
def namespace(real_cluster: tuple[Cluster, RealHands]) -> Iterator[str]:
    cluster, _ = real_cluster
    manifest = Manifest.of({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"contract-parity-{uuid.uuid4().hex[:6]}"}})
    made = cluster.create(manifest)
    yield made.key.name
    cluster.delete(made.key)


def steps(cluster: Cluster, hands: Hands, manifest: Manifest) -> Iterator[tuple[str, LiveObject]]:
    """The answers, each with the name of its step."""
    key = manifest.key
    yield "applied", cluster.apply(manifest)
    yield "applied again", cluster.apply(manifest)
    yield "labelled by hand", hands.edit(key, {"metadata": {"labels": {"hand": "made"}, "annotations": {"hand": "made"}}})
    yield "applied over it", cluster.apply(manifest)
    labelled = Manifest.of({**manifest.body, "metadata": {**manifest.body["metadata"], "labels": {"hand": "ours", "more": "ours"}}})
    yield "applied with labels", cluster.apply(labelled)
    yield "applied without", cluster.apply(manifest)
    yield "wiped", hands.edit(key, [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}])
    yield "labelled while wiped", hands.edit(key, {"metadata": {"labels": {"hand": "again"}}})
    yield "applied after the wipe", cluster.apply(manifest)
    yield "dry run", cluster.apply(labelled, dry_run=True)

    body = {**manifest.body, "metadata": {**manifest.body["metadata"], "name": f"{key.name}-by-hand"}}
    yield "made by hand", hands.add(body)
    yield "adopted", cluster.apply(Manifest.of(body))
    yield "relabelled", cluster.apply(Manifest.of({**body, "metadata": {**body["metadata"], "labels": {"a": "b"}}}))
    yield "unlabelled", cluster.apply(Manifest.of(body))


def comparable(live: LiveObject) -> dict[str, Any]:
    """Without identity, addresses and what controllers wrote."""
    body = storable(live.body)
    meta = body["metadata"]
    meta["annotations"] = {
        name: value for name, value in (meta.get("annotations") or {}).items() if not name.startswith(("deployment.", "pv."))
    }
    if live.key.kind == "Service":
        body["spec"] = {name: value for name, value in body["spec"].items() if name not in ("clusterIP", "clusterIPs")}
    owners = {
        (entry.manager, entry.operation): {leaf for leaf in entry.leaves if leaf.path[:2] != ("metadata", "annotations")}
        for entry in ownerships(live.body)
        if entry.manager not in CONTROLLERS
    }
    return {"body": body, "owners": owners, "generation": live.metadata.get("generation")}


@pytest.mark.parametrize("template", MANIFESTS, ids=[f"{body['kind']}-{body['metadata']['name']}" for body in MANIFESTS])
def test_fake_and_real_answer_alike(real_cluster: tuple[Cluster, RealHands], namespace: str, template: dict[str, Any]) -> None:
    cluster, hands = real_cluster
    fake = FakeCluster()
    fake.create(Manifest.of({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))
    text = yaml.safe_dump(template).replace("HOME", namespace)
    manifest = World(cluster, hands, namespace).manifest(yaml.safe_load(text))
    for (step, real), (_, ours) in zip(steps(cluster, hands, manifest), steps(fake, fake, manifest), strict=True):
        assert comparable(ours) == comparable(real), step
