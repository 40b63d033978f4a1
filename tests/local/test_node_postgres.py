"""A store's database as its template describes it, run by the pocket cluster with the wheel's PostgreSQL."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from app.adapters.jinja import JinjaRenderer
from embedded import programs
from embedded.catalogue import wrap_postgres
from localcluster.node.process import Account, environment, scan
from tests.golden.stores import PROFILE, SECRETS, snapshot
from tests.local.nodes import Node, until

OBJECTS = {("Namespace", None), ("Secret", "store"), ("PersistentVolumeClaim", "database"), ("Service", "database")}


@pytest.fixture
def node() -> Iterator[Node]:
    account = Account.named(programs.ensure_system_user()) if os.geteuid() == 0 else None
    found = Node(account=account)
    home = programs.lend_postgres(found.folder) if account else programs.postgres_home()
    wrap_postgres(found.folder / "programs", home)
    image = next(body for body in bodies() if body["kind"] == "StatefulSet")["spec"]["template"]["spec"]["containers"][0]["image"]
    found.offer({image: {"path": [str(found.folder / "programs")], "workdir": "/", "command": ["postgres"]}})
    yield found
    found.close()


def bodies() -> list[dict[str, Any]]:
    """A store's manifests."""
    return [dict(manifest.body) for manifest in JinjaRenderer(None, PROFILE).render(snapshot())]


@pytest.fixture
def namespace(node: Node) -> str:
    """Of a store whose database is there, and nothing else of it."""
    for body in bodies():
        kind, name = body["kind"], body["metadata"]["name"]
        if (kind, name) in OBJECTS or (kind, None) in OBJECTS or kind == "StatefulSet":
            node.store.apply(kind, body["metadata"].get("namespace", ""), name, body, manager="test")
    return str(snapshot().namespace)


def pod(node: Node, namespace: str) -> dict[str, Any]:
    return next(iter(node.store.all("Pod", namespace)), {})


def ready(node: Node, namespace: str, restarts: int = 0) -> bool:
    status = pod(node, namespace).get("status") or {}
    good = any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions") or ())
    return good and status["containerStatuses"][0]["restartCount"] >= restarts


def ask(node: Node, namespace: str, question: str) -> Any:
    address = pod(node, namespace)["status"]["podIP"]
    with psycopg.connect(
        host=address, port=5432, user="medusa", dbname="medusa", password=SECRETS["database_password"], connect_timeout=10
    ) as connection:
        cursor = connection.execute(question)
        return cursor.fetchone() if cursor.description else None


def server(node: Node) -> int:
    """The process of the database's container itself."""
    processes = scan()
    own = os.getpid()
    return next(pid for pid in node.processes() if processes[pid].parent == own and "STOREYARD_CONTAINER" in environment(pid))


def log(node: Node, namespace: str, **options: Any) -> str:
    return b"".join(node.kubelet.logs.read(namespace, "database-0", "postgres", **options)).decode()


def test_the_templates_database_runs_is_killed_is_stopped_and_keeps_what_it_holds(node: Node, namespace: str) -> None:
    node.until(lambda: ready(node, namespace), "the database is ready")
    ask(node, namespace, "create table kept as select 42 as answer")
    assert ask(node, namespace, "select datcollate from pg_database where datname = 'medusa'") == ("C.UTF-8",)

    os.kill(server(node), signal.SIGKILL)
    node.until(lambda: ready(node, namespace, restarts=1), "it is back")
    assert ask(node, namespace, "select answer from kept") == (42,)
    last = pod(node, namespace)["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (last["exitCode"], last["signal"]) == (137, 9)
    assert "database system was not properly shut down" in log(node, namespace)

    node.stop()
    assert node.processes() == []
    assert "received fast shutdown request" in log(node, namespace)
    assert "database system is shut down" in log(node, namespace)
    node.start()
    node.until(lambda: ready(node, namespace, restarts=2), "it runs again after a restart of the node")
    assert ask(node, namespace, "select answer from kept") == (42,)

    uid = pod(node, namespace)["metadata"]["uid"]
    node.store.delete("Pod", namespace, "database-0")
    until(lambda: ready(node, namespace) and pod(node, namespace)["metadata"]["uid"] != uid, "another pod takes its place")
    assert ask(node, namespace, "select answer from kept") == (42,)
