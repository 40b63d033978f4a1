"""The doctor: everything in order, and each thing that can be wrong with what to do about it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.adapters.jinja import JinjaRenderer
from app.adapters.kubernetes import KubernetesCluster
from app.domain.errors import TemplateError, Transient
from app.domain.manifests import LiveObject
from app.domain.platform import PlatformProfile
from app.models.session import Sessions
from app.ports import Page
from app.services.context import Services
from app.services.doctor import Check, Outcome, examine
from app.services.doctor.cluster import needed_permissions
from app.services.leases import acquire
from app.services.pause_reconciling import pause_platform
from app.services.schedule import LEADER
from tests.factories import OPERATOR, make_store, set_row
from tests.fakes.cluster import FakeCluster
from tests.fakes.queue import FakeQueue
from tests.fakes.vault import FakeVault
from tests.integration.cli import Shell

ORDER = ["database", "schema", "vault", "scheduler", "workers", "queue", "cluster", "kubernetes", "permissions", "storage", "templates"]


class Storing(FakeCluster):
    """With storage classes, which the object store behind the fake does not know: names, and whether each is the default."""

    def __init__(self, classes: dict[str, bool] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._classes = {"fast": True} if classes is None else classes

    def list_page(self, kind: str, **options: Any) -> Page:
        if kind != "StorageClass":
            return super().list_page(kind, **options)
        flag = "storageclass.kubernetes.io/is-default-class"
        bodies = (
            {"kind": kind, "metadata": {"name": name, "annotations": {flag: str(default).lower()}}, "allowVolumeExpansion": True}
            for name, default in self._classes.items()
        )
        return Page(tuple(map(LiveObject.of, bodies)), "1")


@pytest.fixture
def shell(services: Services, queue: FakeQueue) -> Shell:
    opened = Shell.open(services, queue, Storing())
    acquire(opened.services, LEADER, "host-1", ttl=60)
    return opened


def found(services: Services) -> dict[str, Check]:
    return {check.name: check for check in examine(services)}


def only(services: Services, outcome: Outcome) -> list[Check]:
    return [check for check in examine(services) if check.outcome is outcome]


def test_everything_in_order(shell: Shell) -> None:
    make_store(shell.services)
    checks = examine(shell.services)
    assert [check.name for check in checks] == ORDER
    assert {check.name: check.detail for check in checks if check.outcome is not Outcome.OK} == {}
    assert all(check.fix is None for check in checks)
    text_ = shell.ok("doctor")
    assert text_.splitlines()[-1] == "Everything is in order."
    document = shell.json("doctor")
    assert document["healthy"] is True
    assert [check["name"] for check in document["checks"]] == ORDER
    assert {"name", "outcome", "detail", "fix"} == document["checks"][0].keys()


def test_the_doctor_changes_nothing(shell: Shell) -> None:
    examine(shell.services)
    assert shell.cluster.verbs() == []
    assert shell.queue.wakes == []


def test_a_failure_is_exit_code_1_with_its_fix(shell: Shell) -> None:
    shell.queue.down = True
    result = shell.run("doctor")
    assert result.exit_code == 1
    assert "✗ queue" in result.stdout
    assert "→ Start Valkey" in result.stdout
    assert shell.json("doctor", code=1)["healthy"] is False


def break_templates(shell: Shell) -> Services:
    class Broken(JinjaRenderer):
        def render(self, store: Any) -> Any:
            raise TemplateError("medusa/r1/20-database.yaml.j2:7: 'colour' is undefined", file="20-database.yaml.j2", line=7)

    return replace(shell.services, renderer=Broken(None, shell.services.profile))


def break_vault(shell: Shell) -> Services:
    make_store(shell.services)
    return replace(shell.services, vault=FakeVault("another"))


def break_storage(shell: Shell) -> Services:
    return replace(shell.services, profile=PlatformProfile(storage_class="nowhere"))


def break_permissions(shell: Shell) -> Services:
    shell.cluster.denied |= {("delete", "Ingress"), ("patch", "Secret")}
    return shell.services


def break_version(shell: Shell) -> Services:
    old = Storing(server_version="v1.24.17")
    return replace(shell.services, cluster=lambda _: old)


def break_cluster(shell: Shell) -> Services:
    shell.cluster.fail_on(lambda *_: True, Transient("The API server cannot be reached: refused."), times=None)
    return shell.services


def break_later(shell: Shell) -> Services:
    shell.cluster.fail_on(lambda verb, _: verb == "may", Transient("The API server is busy."), times=None)
    return shell.services


def break_kubeconfig(shell: Shell) -> Services:
    def build(_: str) -> Any:
        raise KeyError("clusters")

    return replace(shell.services, cluster=build)


def unknown(shell: Shell) -> Services:
    class Broken(FakeQueue):
        def ping(self) -> str:
            raise RuntimeError("nobody thought of this\nwith more\nthan fits")

    return replace(shell.services, queue=Broken())


@pytest.mark.parametrize(
    ("damage", "name", "detail", "fix"),
    [
        (break_templates, "templates", "20-database.yaml.j2:7: 'colour' is undefined", "Correct the template"),
        (break_vault, "vault", "no key fake-1", "STOREYARD_VAULT_KEYS"),
        (break_storage, "storage", "'nowhere'", "STOREYARD_STORAGE_CLASS"),
        (break_permissions, "permissions", "secrets: patch; ingresses: delete", "kubectl auth can-i patch secrets"),
        (break_version, "kubernetes", "v1.24.17", "1.25"),
        (break_cluster, "cluster", "refused", "STOREYARD_KUBECONFIG"),
        (break_later, "permissions", "busy", "try again"),
        (break_kubeconfig, "cluster", "cannot be used: KeyError", "STOREYARD_KUBECONFIG"),
        (unknown, "queue", "RuntimeError: nobody thought of this with more", "report"),
    ],
)
def test_each_failure_has_a_fix(shell: Shell, damage: Callable[[Shell], Services], name: str, detail: str, fix: str) -> None:
    check = found(damage(shell))[name]
    assert check.outcome is Outcome.FAILED
    assert detail in check.detail
    assert fix in (check.fix or "")


def test_what_stands_on_something_broken_is_skipped(shell: Shell) -> None:
    checks = found(break_cluster(shell))
    assert [name for name, check in checks.items() if check.outcome is Outcome.SKIPPED] == ["kubernetes", "permissions", "storage"]


@pytest.mark.parametrize(
    ("classes", "fix"), [({}, "Install a storage provisioner"), ({"slow": False}, "STOREYARD_STORAGE_CLASS to one of: slow")]
)
def test_a_cluster_without_default_storage(shell: Shell, classes: dict[str, bool], fix: str) -> None:
    bare = Storing(classes)
    check = found(replace(shell.services, cluster=lambda _: bare))["storage"]
    assert (check.outcome, check.detail) == (Outcome.FAILED, "No storage class is the default.")
    assert fix in (check.fix or "")


def test_an_old_schema(shell: Shell) -> None:
    engine = shell.services.sessions.engine
    with engine.begin() as connection:
        head = connection.scalar(text("SELECT version_num FROM alembic_version"))
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    try:
        checks = found(shell.services)
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})
    assert (checks["schema"].outcome, checks["schema"].fix) == (Outcome.FAILED, "Run `storeyard db upgrade`.")
    assert checks["vault"].outcome is Outcome.SKIPPED
    assert checks["cluster"].outcome is Outcome.OK


def test_a_database_out_of_reach(shell: Shell) -> None:
    sessions = Sessions.from_url("postgresql://me:topsecret@127.0.0.1:9/x")
    checks = found(replace(shell.services, sessions=sessions))
    assert checks["database"].outcome is Outcome.FAILED
    assert checks["database"].detail == "127.0.0.1:9/x: Connection refused."
    assert checks["queue"].outcome is Outcome.OK
    assert "topsecret" not in str(checks)


def test_nobody_leads(services: Services, queue: FakeQueue) -> None:
    check = found(Shell.open(services, queue, Storing()).services)["scheduler"]
    assert (check.outcome, check.detail) == (Outcome.WARNING, "No scheduler leads.")
    assert "storeyard scheduler" in (check.fix or "")


def test_nobody_works(shell: Shell) -> None:
    shell.worker = False
    store = make_store(shell.services)
    set_row(shell.services, store.id, next_reconcile_at=shell.services.clock.now() - timedelta(minutes=5))
    check = found(shell.services)["workers"]
    assert (check.outcome, check.detail) == (Outcome.WARNING, "1 stores have been due for over 60 s.")
    assert "storeyard worker" in (check.fix or "")
    result = shell.run("doctor")
    assert result.exit_code == 0, "what may mend itself is no failure"
    assert result.stdout.splitlines()[-1] == "0 failed, 1 to look at."


def test_stores_that_are_quarantined(shell: Shell) -> None:
    store = make_store(shell.services)
    set_row(shell.services, store.id, quarantined_at=shell.services.clock.now())
    assert "quarantined" in found(shell.services)["workers"].detail


def test_a_platform_that_is_paused(shell: Shell) -> None:
    until = shell.services.clock.now() + timedelta(hours=1)
    pause_platform(shell.services, OPERATOR, until=until, reason="node upgrade")
    check = found(shell.services)["workers"]
    assert "node upgrade" in check.detail
    assert "platform unpause" in (check.fix or "")


def test_a_worker_needs_no_more_rights_than_it_uses() -> None:
    needed = needed_permissions()
    assert ("create", "Namespace") in needed
    assert ("delete", "RoleBinding") in needed
    assert ("create", "RoleBinding") not in needed, "else a worker could give itself any right"
    assert ("create", "Pod") not in needed
    assert ("patch", "StorageClass") not in needed


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_kubeconfig_that_leads_nowhere_is_said_within_three_seconds(shell: Shell, silent_server: int, tmp_path: Any) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        f"{{apiVersion: v1, kind: Config, current-context: x, contexts: [{{name: x, context: {{cluster: x, user: x}}}}], "
        f"clusters: [{{name: x, cluster: {{server: 'http://127.0.0.1:{silent_server}'}}}}], users: [{{name: x, user: {{}}}}]}}"
    )
    services = replace(shell.services, cluster=lambda _: KubernetesCluster.from_kubeconfig(str(kubeconfig)))
    begun = time.monotonic()
    checks = {check.name: check for check in examine(services, cluster_name=f"the kubeconfig {kubeconfig}")}
    assert time.monotonic() - begun < 3
    assert checks["cluster"].outcome is Outcome.FAILED
    assert str(kubeconfig) in checks["cluster"].detail
    assert "STOREYARD_KUBECONFIG" in (checks["cluster"].fix or "")


def test_a_file_that_is_no_kubeconfig_is_said(shell: Shell, tmp_path: Any) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("not: [a kubeconfig")
    services = replace(shell.services, cluster=lambda _: KubernetesCluster.from_kubeconfig(str(kubeconfig)))
    assert found(services)["cluster"].outcome is Outcome.FAILED
