"""The watcher on a real API server, with no scheduler beside it: nothing else could find what was changed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.manifests import Manifest, ObjectKey
from tests import servers
from tests.conftest import migrated_database
from tests.e2e.platform import Platform, a_tenant, eventually

FOREIGN = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
}


@pytest.fixture(scope="module")
def watched(postgres: Path) -> Iterator[Platform]:
    if "STOREYARD_TEST_KUBECONFIG" not in os.environ:
        pytest.skip("no STOREYARD_TEST_KUBECONFIG")
    database = migrated_database(postgres, f"watched_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    queue = f"unix://{servers.valkey_socket(servers.want('valkey-watched'))}"
    running = Platform.start(database, queue, parts=("worker", "watcher", "watcher"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def store(watched: Platform) -> Iterator[dict[str, Any]]:
    with a_tenant(watched) as tenant:
        yield watched.json("store", "create", "watched", "--tenant", tenant, "--wait", "--timeout", "240", timeout=260)
        watched.spawn("scheduler", "scheduler")  # a deletion is looked at again in its own time


def drifted(platform: Platform, store: dict[str, Any]) -> set[tuple[str, str]]:
    return {(row["kind"], row["path"]) for row in platform.json("store", "drift", store["id"])["drift"] if row["repaired_at"]}


@pytest.mark.cluster
def test_what_a_hand_changes_is_put_right_and_told(watched: Platform, store: dict[str, Any]) -> None:
    key = ObjectKey("Deployment", store["namespace"], "storefront")
    watched.cluster.patch(key, [{"op": "replace", "path": "/spec/replicas", "value": 2}])
    eventually(lambda: ("Deployment", "spec.replicas") in drifted(watched, store), what="the repair in the record")
    live = watched.look(store, "Deployment", "storefront")
    assert live is not None
    assert live.body["spec"]["replicas"] == 1


@pytest.mark.cluster
def test_what_a_hand_deletes_comes_back(watched: Platform, store: dict[str, Any]) -> None:
    service = watched.look(store, "Service", "backend")
    assert service is not None
    watched.cluster.delete(service.key)
    eventually(
        lambda: [live for live in watched.objects(store, "Service") if live.key == service.key and live.uid != service.uid],
        what="another Service of that name",
    )


@pytest.mark.cluster
def test_a_policy_that_opens_the_store_is_removed_though_it_bears_no_label_of_ours(watched: Platform, store: dict[str, Any]) -> None:
    watched.cluster.create(Manifest.of({**FOREIGN, "metadata": {"name": "open", "namespace": store["namespace"]}}))
    eventually(lambda: watched.look(store, "NetworkPolicy", "open") is None, what="the policy's removal")


@pytest.mark.cluster
def test_when_the_leading_watcher_is_killed_the_other_finds_what_it_missed(watched: Platform, store: dict[str, Any]) -> None:
    with watched.services.sessions.platform("a test looks") as session:
        holder = session.scalar(text("SELECT holder FROM leases WHERE name = 'watcher'"))
    leader = next(process for process in watched.processes if str(holder).endswith(f"-{process.pid}"))
    leader.send_signal(signal.SIGKILL)
    leader.wait()
    key = ObjectKey("Service", store["namespace"], "storefront")
    watched.cluster.patch(key, [{"op": "replace", "path": "/spec/sessionAffinity", "value": "ClientIP"}])
    eventually(lambda: ("Service", "spec.sessionAffinity") in drifted(watched, store), what="the repair by the successor")
