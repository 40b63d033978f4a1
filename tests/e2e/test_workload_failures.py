"""F17 on a node that runs containers: what keeps a pod from running is said in plain words; the store is back once the cause is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.domain.manifests import ObjectKey
from tests.e2e.platform import Platform, eventually

pytestmark = pytest.mark.node

CONTAINER = "/spec/template/spec/containers/0"
# Nothing listens: the process lives on and takes no signal's hint, as one that hangs does.
HANGS = ["node", "-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"]
HASTY = {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1, "failureThreshold": 2}
EATS = ["node", "--max-old-space-size=4096", "-e", "const all = []; for (;;) all.push(Buffer.alloc(8 << 20, 1))"]

CAUSES: Mapping[str, tuple[list[dict[str, Any]], str, list[str]]] = {
    "an image that nobody has": (
        [{"op": "replace", "path": f"{CONTAINER}/image", "value": "localhost:1/storeyard/nowhere:1"}],
        "ImageCannotBePulled",
        ["localhost:1/storeyard/nowhere:1", "Check its name, the registry and the pull secret"],
    ),
    "a crash loop": (
        [{"op": "add", "path": f"{CONTAINER}/command", "value": ["sh", "-c", "echo the till is empty; exit 3"]}],
        "Crashed",
        ["exit code 3", "the till is empty"],
    ),
    "more memory than the plan allows": (
        [{"op": "add", "path": f"{CONTAINER}/command", "value": EATS}],
        "OutOfMemory",
        ["more memory than its plan allows", "larger plan"],
    ),
    "a server that hangs": (
        [
            {"op": "add", "path": f"{CONTAINER}/command", "value": HANGS},
            {"op": "replace", "path": f"{CONTAINER}/startupProbe", "value": HASTY},
            {"op": "replace", "path": "/spec/template/spec/terminationGracePeriodSeconds", "value": 1},
        ],
        "NotAnswering",
        ["does not answer its health check", "Look at its log"],
    ),
}


def test_f17_what_keeps_a_pod_from_running_is_said_and_its_end_is_noticed(platform: Platform, tenant: str) -> None:
    """One store for all causes. Drift is only observed meanwhile, or the cause would be put right at once."""
    store = platform.json("store", "create", "trouble", "--tenant", tenant, "--wait")
    order = eventually(lambda: platform.shop(store).place_order(email="before@example.com"), what="an order")
    for cause, (operations, reason, words) in CAUSES.items():
        platform.run("store", "mode", store["id"], "observe")
        platform.cluster.patch(ObjectKey("Deployment", store["namespace"], "backend"), operations)
        said = eventually(lambda reason=reason: _said(platform, store, reason), seconds=150, what=f"{reason} for {cause}")
        assert all(word in said for word in words), said
        assert platform.json("store", "show", store["id"])["phase"] == "Degraded", cause
        platform.run("store", "mode", store["id"], "repair")
        eventually(lambda: platform.json("store", "show", store["id"])["phase"] == "Ready", seconds=90, what=f"Ready after {cause}")
    assert [o["id"] for o in eventually(lambda: platform.admin(store).orders(), what="its orders")] == [order.id]


def _said(platform: Platform, store: Mapping[str, Any], reason: str) -> str:
    """The message of the backend's condition, once it has this reason."""
    platform.run("reconcile", store["id"])
    shown = platform.json("store", "show", store["id"])
    [condition] = [each for each in shown["conditions"] if each["type"] == "BackendReady"]
    return str(condition["message"]) if condition["reason"] == reason else ""
