"""Names of Services become addresses where they are hosts, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from localcluster.network.names import rewrite

DATABASE, BACKEND, OTHER, U, HTTP = "127.96.0.1", "127.96.0.2", "127.96.0.3", "127.96.0.4", "127.96.0.5"


def service(namespace: str, name: str, address: str, *ports: int) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}, "spec": {"clusterIP": address, "ports": [{"port": port} for port in ports]}}


SERVICES = [
    service("shop", "database", DATABASE, 5432),
    service("shop", "backend", BACKEND, 9000, 9001),
    service("other", "database", OTHER, 5432),
    service("shop", "u", U, 80),
    service("shop", "http", HTTP, 80),
    service("shop", "nodes", "None", 7000),
    {"metadata": {"namespace": "shop", "name": "outside"}, "spec": {"externalName": "shop.example", "ports": [{"port": 80}]}},
    service("shop", "localhost", "127.96.0.9", 80),
]

REPLACED = {
    "a URL": ("http://backend:9000/store", f"http://{BACKEND}:9000/store"),
    "a URL without a port": ("http://backend", f"http://{BACKEND}"),
    "a URL with a port that is not the Service's: still its host": ("http://backend:1234/", f"http://{BACKEND}:1234/"),
    "user, password, database": (
        "postgres://medusa:x@database:5432/medusa?sslmode=disable",
        f"postgres://medusa:x@{DATABASE}:5432/medusa?sslmode=disable",
    ),
    "a password that is the name, a database of that name": (
        "postgres://database:database@database:5432/database",
        f"postgres://database:database@{DATABASE}:5432/database",
    ),
    "a user and password that look like host and port": (
        "postgres://database:5432@database:5432/x",
        f"postgres://database:5432@{DATABASE}:5432/x",
    ),
    "a password with @": ("postgres://m:a@database:5432@database/x", f"postgres://m:a@database:5432@{DATABASE}/x"),
    "an encoded password": ("postgres://m:a%2Fdatabase%3A5432%40@database/x", f"postgres://m:a%2Fdatabase%3A5432%40@{DATABASE}/x"),
    "a password with a quote and a comma": ("postgres://m:it's,backend@database/x", f"postgres://m:it's,backend@{DATABASE}/x"),
    "a user without a password": ("redis://database@database:6379/0", f"redis://database@{DATABASE}:6379/0"),
    "a host without a scheme": ("database:5432", f"{DATABASE}:5432"),
    "several ports": ("backend:9001", f"{BACKEND}:9001"),
    "a user and a host without a scheme": ("me:backend@database:5432/x", f"me:backend@{DATABASE}:5432/x"),
    "a list of hosts": ("database:5432,backend:9000", f"{DATABASE}:5432,{BACKEND}:9000"),
    "a list of hosts in a URL": (
        "postgres://m:p@database:5432,database.other:5433,elsewhere/backend",
        f"postgres://m:p@{DATABASE}:5432,{OTHER}:5433,elsewhere/backend",
    ),
    "a list of URLs": ("http://backend:9000,http://database", f"http://{BACKEND}:9000,http://{DATABASE}"),
    "the domains of the cluster": (
        "http://database.other http://database.other.svc http://database.other.svc.cluster.local/ http://database.shop.svc.cluster.local.:5432",
        f"http://{OTHER} http://{OTHER} http://{OTHER}/ http://{DATABASE}:5432",
    ),
    "a full name without a scheme": ("backend.shop.svc:9000", f"{BACKEND}:9000"),
    "upper case: names of hosts have none": ("HTTP://Backend.Shop:9000 DATABASE:5432", f"HTTP://{BACKEND}:9000 {DATABASE}:5432"),
    "JSON": (
        '{"database":"postgres://m:p@database:5432/m","hosts":["database:5432","backend:9000"],"port":5432}',
        f'{{"database":"postgres://m:p@{DATABASE}:5432/m","hosts":["{DATABASE}:5432","{BACKEND}:9000"],"port":5432}}',
    ),
    "JSON with escaped slashes": (r'{"u":"http:\/\/m:p@backend:9000\/backend"}', rf'{{"u":"http:\/\/m:p@{BACKEND}:9000\/backend"}}'),
    "an option": ("--url=http://backend --peer=backend:9000", f"--url=http://{BACKEND} --peer={BACKEND}:9000"),
    "a script": (
        "curl -fsS 'http://backend:9000/health' && nc database:5432;",
        f"curl -fsS 'http://{BACKEND}:9000/health' && nc {DATABASE}:5432;",
    ),
    "a driver's brackets": ("me:pw@tcp(database:5432)/backend", f"me:pw@tcp({DATABASE}:5432)/backend"),
    "a compound scheme": ("jdbc:postgresql://database:5432/database", f"jdbc:postgresql://{DATABASE}:5432/database"),
    "a URL in a query": ("http://elsewhere/?to=http://backend/x", f"http://elsewhere/?to=http://{BACKEND}/x"),
    "a host in a query": ("postgres:///database?host=database:5432", f"postgres:///database?host={DATABASE}:5432"),
    "a variable as password": ("postgres://m:$(PASSWORD)@database:5432/x", f"postgres://m:$(PASSWORD)@{DATABASE}:5432/x"),
    "a variable as port": ("http://backend:$(PORT)/", f"http://{BACKEND}:$(PORT)/"),
    "a variable as scheme": ("$(SCHEME)://backend ${SCHEME}://backend", f"$(SCHEME)://{BACKEND} ${{SCHEME}}://{BACKEND}"),
    "lines of a password file": ("database:5432:database:medusa:backend", f"{DATABASE}:5432:database:medusa:backend"),
    "several lines": ("a\nbackend:9000\n", f"a\n{BACKEND}:9000\n"),
}

KEPT = {
    "a bare name": "database",
    "a key and a value": "host=database port=5432",
    "a port that is not the Service's": "database:5433",
    "a longer port": "database:54321 database:5432x database:5432.5 database:5432-x",
    "a name that goes on": "database-replica:5432 database_x:5432 http://database-replica/ http://backend2:9000",
    "a name that began before": "my-database:5432 my_database:5432 x.database:5432 http://my-backend/",
    "a domain of somebody else's": "http://database.example.com:5432 database.example.com:5432 http://database.nowhere",
    "half a domain of the cluster's": "http://database.other.svc.cluster database.other.svc.local:5432",
    "a path": "/var/lib/database:5432/backend:9000",
    "a user and password": "backend:9000@elsewhere http://backend:9000@elsewhere/ http://backend@elsewhere",
    "a user and password before a variable": "http://backend:9000@$(HOST)/",
    "a variable": "$(backend:9000) ${backend:9000} $(backend) http://$(backend)/ http://${backend}:9000",
    "a name that goes on as a variable": "http://backend$(SUFFIX)/ http://backend.$(NAMESPACE):9000 http://backend-${ZONE}/",
    "IPv6": "http://[::1]:9000/ [::1]:5432 http://[fe80::backend]:9000 ::1:5432",
    "IPv4": "http://127.0.0.1:9000/ 127.0.0.1:5432",
    "an image": "docker.io/library/database:5432",
    "a fragment and a path of a URL": "http://elsewhere/backend:9000#database",
    "a URL without a host": "file:///database unix:///backend",
    "a key of JSON": '{"database":5432}',
    "a time": "at 09:00:5432",
    "a Service without an address": "nodes:7000 http://nodes:7000 http://outside outside:80",
    "this machine": "http://localhost:80 localhost:80",
    "a Service of another namespace by its short name": "nothing:5432",
    "nothing": "",
}


@pytest.mark.parametrize(("text", "wanted"), REPLACED.values(), ids=REPLACED.keys())
def test_a_name_that_is_a_host_is_replaced(text: str, wanted: str) -> None:
    assert rewrite(text, namespace="shop", services=SERVICES) == wanted


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_what_is_no_host_stays(text: str) -> None:
    assert rewrite(text, namespace="shop", services=SERVICES) == text


@pytest.mark.parametrize(("text", "wanted"), REPLACED.values(), ids=REPLACED.keys())
def test_what_is_replaced_stays_as_it_is_then(text: str, wanted: str) -> None:
    assert rewrite(wanted, namespace="shop", services=SERVICES) == wanted


def test_the_same_name_is_another_service_in_another_namespace() -> None:
    assert rewrite("database:5432 backend:9000", namespace="other", services=SERVICES) == f"{OTHER}:5432 backend:9000"


def test_a_long_text_takes_no_long_time() -> None:
    text = "a" * 200_000 + ":" + "b," * 50_000 + "@" * 50_000
    assert rewrite(text, namespace="shop", services=SERVICES) == text
