"""A whole Storeyard for end-to-end tests, operated as an operator would: by the `storeyard` command.

Either with its own PostgreSQL and Valkey, and real worker and scheduler processes, on the cluster that the environment names; or one that
`make up` has started, with its pocket cluster.

    STOREYARD_TEST_KUBECONFIG      the cluster (required)
    STOREYARD_TEST_INGRESS         where its ingress answers, http://127.0.0.1:8088 by default
    STOREYARD_TEST_INGRESS_PEERS   who the ingress is, as STOREYARD_INGRESS_PEERS; namespace=ingress by default
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from app.adapters.kubernetes import KubernetesCluster
from app.adapters.vault import new_key
from app.bootstrap import build_services
from app.config import Settings
from app.domain.manifests import LiveObject, ObjectKey
from app.ports import list_all
from app.services.context import Services
from tests.e2e.shop import Admin, Shop

T = TypeVar("T")

COMMAND = str(Path(sys.executable).with_name("storeyard"))


class CommandFailed(AssertionError):
    """A command ended otherwise than expected; its output is in the message."""


@dataclass
class Platform:
    """`environment` is what every process of it gets; `services` are the same use cases in this process, for looking at rows.

    `ingress` is where the shops' addresses answer, `logs` the folder of the processes' logs.
    """

    environment: Mapping[str, str]
    services: Services
    cluster: KubernetesCluster
    logs: Path
    ingress: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def start(cls, database_url: str, queue_url: str, *, parts: Sequence[str] = ("worker", "worker", "scheduler")) -> Platform:
        ingress = os.environ.get("STOREYARD_TEST_INGRESS", "http://127.0.0.1:8088")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("STOREYARD_")},
            "STOREYARD_DATABASE_URL": database_url,
            "STOREYARD_QUEUE_URL": queue_url,
            "STOREYARD_VAULT_KEYS": new_key(),
            "STOREYARD_KUBECONFIG": os.environ["STOREYARD_TEST_KUBECONFIG"],
            "STOREYARD_STORE_DOMAIN": "shops.localhost",
            "STOREYARD_PUBLIC_PORT": str(urlsplit(ingress).port or 80),
            "STOREYARD_INGRESS_PEERS": os.environ.get("STOREYARD_TEST_INGRESS_PEERS", "namespace=ingress"),
            "STOREYARD_TENANT_QUOTA": "stores=20,cpu=100000,memory=100000,disk=1000",
            "STOREYARD_LOG_LEVEL": "info",
        }
        platform = cls.attach(environment, Path(tempfile.mkdtemp(prefix="storeyard-e2e-")), ingress)
        for number, part in enumerate(parts):
            platform.spawn(part, f"{part}-{number}")
        return platform

    @classmethod
    def attach(cls, environment: Mapping[str, str], logs: Path, ingress: str) -> Platform:
        """One whose processes somebody else runs."""
        services = build_services(Settings.from_env(environment))
        return cls(environment, services, KubernetesCluster.from_kubeconfig(environment["STOREYARD_KUBECONFIG"]), logs, ingress)

    def spawn(self, part: str, name: str) -> subprocess.Popen[bytes]:
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen([COMMAND, part], env=dict(self.environment), stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.cluster.close()
        self.services.sessions.dispose()

    def run(self, *arguments: str, expect: int = 0, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """A command of an operator."""
        done = subprocess.run(
            [COMMAND, *arguments], env=dict(self.environment), capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode != expect:
            said = f"`storeyard {' '.join(arguments)}` ended with {done.returncode}, not {expect}"
            raise CommandFailed(f"{said}\n{done.stdout}\n{done.stderr}\n{self.tail()}")
        return done

    def json(self, *arguments: str, expect: int = 0, timeout: float = 300) -> dict[str, Any]:
        return json.loads(self.run(*arguments, "--json", expect=expect, timeout=timeout).stdout)

    def tail(self, lines: int = 15) -> str:
        """The last lines of every log, for a failing test's message."""
        parts = [f"--- {path.name}\n" + "\n".join(path.read_text().splitlines()[-lines:]) for path in sorted(self.logs.glob("*.log"))]
        return "\n".join(parts)

    def credentials(self, store: Mapping[str, Any]) -> dict[str, str]:
        """What an operator is shown, by name."""
        shown = self.json("store", "credentials", store["id"])
        return dict(shown["credentials"])

    def shop(self, store: Mapping[str, Any]) -> Shop:
        return Shop(self.ingress, f"{store['host']}:{urlsplit(self.ingress).port}", self.credentials(store)["publishable_key"])

    def admin(self, store: Mapping[str, Any]) -> Admin:
        known = self.credentials(store)
        return Admin(self.ingress, f"{store['host']}:{urlsplit(self.ingress).port}", known["admin_email"], known["admin_password"])

    def look(self, store: Mapping[str, Any], kind: str, name: str) -> LiveObject | None:
        return self.cluster.get(ObjectKey(kind, "" if kind == "Namespace" else store["namespace"], name))

    def objects(self, store: Mapping[str, Any], kind: str) -> list[LiveObject]:
        return list(list_all(self.cluster, kind, namespace=store["namespace"]))


@contextmanager
def a_tenant(platform: Platform) -> Iterator[str]:
    """The slug of a new tenant. Its stores are deleted at the end, and waited for: a leak would show as a failure there."""
    slug = f"tenant-{secrets.token_hex(3)}"
    platform.run("tenant", "create", slug)
    yield slug
    for store in platform.json("store", "list", "--tenant", slug)["stores"]:
        platform.run("store", "delete", store["id"], "--yes", "--wait", "--timeout", "120")


def eventually(check: Callable[[], T], *, seconds: float = 60, what: str = "") -> T:
    """The first true answer, asked for again and again; what `check` raises meanwhile counts as not yet."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = check()
        except (AssertionError, LookupError) as error:
            last = error
        else:
            if last:
                return last
        time.sleep(0.25)
    raise AssertionError(f"{what or check} did not come true in {seconds} s; the last answer was {last!r}")
