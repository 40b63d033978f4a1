"""Log lines: who, what and for which job, from the job to each call of the cluster; and never a secret."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from cryptography.fernet import Fernet
from redis import Redis
from structlog.contextvars import bind_contextvars, get_contextvars

from app.adapters.jinja import JinjaRenderer
from app.adapters.rq import RqWakeQueue
from app.bootstrap import configure_logging
from app.config import Settings
from app.models import ReconcileRun
from app.ports import NullMetrics
from app.services.context import Services
from app.services.create_store import create_store
from app.services.delete_store import delete_store
from app.services.masking import MASK, hide
from app.services.measured_cluster import MeasuredCluster
from app.services.reconcile_store import Origin, reconcile_store
from app.services.reveal_credentials import reveal_credentials
from app.services.snapshots import load_store
from app.services.suspend_store import suspend_store
from app.services.sweep import sweep
from jobs.worker import run_worker
from tests.factories import MERCHANT, make_id, make_store, make_tenant
from tests.fakes.cluster import FakeCluster

Capture = Callable[[str], io.StringIO]


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def platform(services: Services, cluster: FakeCluster) -> Services:
    measured = MeasuredCluster(cluster, NullMetrics())
    return replace(services, renderer=JinjaRenderer(None, services.profile), cluster=lambda _: measured)


@pytest.fixture
def capture(monkeypatch: pytest.MonkeyPatch) -> Iterator[Capture]:
    """The program's own logging at level debug, in either form, into a text that tests can read."""
    config, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def start(form: str) -> io.StringIO:
        text = io.StringIO()
        monkeypatch.setattr(sys, "stderr", text)
        base = {
            "DATABASE_URL": "postgresql:///x",
            "QUEUE_URL": "unix:///x",
            "VAULT_KEYS": Fernet.generate_key().decode(),
            "LOG_LEVEL": "debug",
        }
        forget_loggers()
        configure_logging(Settings.from_env({f"STOREYARD_{name}": value for name, value in {**base, "LOG_FORMAT": form}.items()}))
        return text

    yield start
    forget_loggers()
    structlog.configure(**config)
    root.handlers[:] = handlers
    root.setLevel(level)
    hide(())


def forget_loggers() -> None:
    """A module's logger keeps the configuration it was first used with."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("app.", "jobs.")) and hasattr(module, "log"):
            vars(module.log).pop("bind", None)


def secrets_of(platform: Services, store_id: str) -> list[str]:
    with platform.sessions.platform("a test looks") as session:
        loaded = load_store(session, store_id, vault=platform.vault, now=platform.clock.now())
    assert loaded is not None
    return [value for value in loaded.snapshot.secrets.values() if "@" not in value]


def lines(text: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.getvalue().splitlines()]


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_stores_whole_life_is_logged_without_a_secret(form: str, platform: Services, cluster: FakeCluster, capture: Capture) -> None:
    text = capture(form)
    tenant = make_tenant(platform)
    store = create_store(platform, MERCHANT, tenant_id=tenant.id, slug="acme")
    secrets = secrets_of(platform, store.id)
    assert len(secrets) >= 4
    assert all(len(secret) >= 12 for secret in secrets)

    def work() -> None:
        for _ in range(2):
            reconcile_store(platform, store.id, Origin("a-job", "a-worker"))
            cluster.settle()

    work()
    reveal_credentials(platform, MERCHANT, tenant_id=tenant.id, store_id=store.id)
    cluster.edit(cluster.objects("Secret", store.namespace)[0].key, {"data": None})
    sweep(platform)
    work()
    cluster.break_pod(store.namespace, "backend", log=f"cannot connect with password {secrets[0]}")
    work()
    suspend_store(platform, MERCHANT, tenant_id=tenant.id, store_id=store.id)
    work()
    delete_store(platform, MERCHANT, tenant_id=tenant.id, store_id=store.id)
    work()
    logged = text.getvalue()
    assert logged.count("cluster call") > 80
    assert logged.count("pass recorded") >= 8
    assert [secret for secret in secrets if secret in logged] == []


def test_an_unforeseen_error_that_quotes_a_secret_is_masked_in_the_log_and_in_the_record(
    platform: Services, cluster: FakeCluster, capture: Capture
) -> None:
    text, store = capture("json"), make_store(platform)
    secrets = secrets_of(platform, store.id)
    cluster.fail_on(lambda *_: True, RuntimeError(f"cannot use {secrets[0]}"))
    with pytest.raises(RuntimeError):
        reconcile_store(platform, store.id)
    crash = next(line for line in lines(text) if line["event"] == "pass crashed")
    assert MASK in crash["exception"]
    with platform.sessions.platform("a test looks") as session:
        recorded = session.query(ReconcileRun).one().error
    assert recorded == f"RuntimeError: cannot use {MASK}"
    assert secrets[0] not in text.getvalue()


def test_every_line_of_a_pass_says_for_whom_down_to_the_calls_made_in_threads(
    platform: Services, cluster: FakeCluster, capture: Capture
) -> None:
    text, store = capture("json"), make_store(platform)
    reconcile_store(platform, store.id, Origin("a-job", "a-worker"))
    told = [line for line in lines(text) if line["event"] in ("cluster call", "pass recorded")]
    assert sum(line.get("verb") == "apply" for line in told) == 18
    run_ids = {line["run_id"] for line in told}
    assert len(run_ids) == 1
    expected = {"store_id": store.id, "tenant_id": store.tenant_id, "generation": 1, "job_id": "a-job", "worker": "a-worker"}
    for line in told:
        assert line.items() >= expected.items(), line
    assert get_contextvars() == {}


def test_libraries_lines_belong_to_the_pass_as_well(platform: Services, cluster: FakeCluster, capture: Capture) -> None:
    text, store = capture("json"), make_store(platform)
    warn = logging.getLogger("urllib3.connectionpool").warning
    cluster.fail_on(lambda *_: bool(warn("Retrying after %s", "a broken connection")), RuntimeError("never raised"), times=None)
    reconcile_store(platform, store.id)
    told = [line for line in lines(text) if line["event"].startswith("Retrying")]
    assert told
    assert {line["store_id"] for line in told} == {store.id}


def test_a_warm_worker_begins_every_job_with_nothing_of_the_one_before(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []

    def job(store_id: str) -> None:
        seen.append({"argument": store_id, **get_contextvars()})
        bind_contextvars(left_behind=store_id)
        hide([store_id])
        raise RuntimeError("whatever happens")

    monkeypatch.setattr("jobs.reconcile.run", job)
    first, second = make_id(), make_id()
    with Redis.from_url(valkey_url) as redis:
        queue = RqWakeQueue(redis)
        queue.wake(first, urgent=True)
        queue.wake(second, urgent=False)
        run_worker(redis, burst=True)
        failed = b" ".join(redis.dump(key) or b"" for key in redis.scan_iter("rq:results:*"))
    assert [entry["argument"] for entry in seen] == [first, second]
    assert all("left_behind" not in entry for entry in seen)
    assert seen[0]["job_id"] != seen[1]["job_id"] == f"reconcile-{second}"
    assert len({entry["worker"] for entry in seen}) == 1
    assert get_contextvars() == {}
    assert first.encode() not in failed
