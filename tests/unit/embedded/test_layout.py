"""Which parts there are, in what order, and what each is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from embedded import layout
from embedded.part import Part, Plan
from embedded.places import Places
from embedded.process import MARKER
from embedded.settings import Choices
from localcluster.network.caddy import bootstrap

PROGRAMS = layout.Programs(Path("/pg"), Path("/valkey-server"), Path("/caddy"))
ALL_HERE = Choices(local_cluster=True, local_database=True, local_queue=True, api_port=6443, port=8080, web_port=8000)
ENVIRONMENT = {"PATH": "/bin", "STOREYARD_VAULT_KEYS": "secret"}


def parts(places: Places, choices: Choices = ALL_HERE) -> dict[str, Part]:
    return {part.name: part for part in layout.plan(places, choices, PROGRAMS, ENVIRONMENT).parts}


def test_everything_is_started_here_by_default(places: Places) -> None:
    found = parts(places)
    assert list(found) == ["postgres", "valkey", "migrate", "caddy", "cluster", "worker-1", "worker-2", "scheduler", "watcher", "web"]
    assert found["worker-1"].after == ("migrate", "postgres", "valkey", "cluster")


def test_with_another_cluster_neither_the_pocket_cluster_nor_caddy_is_started(places: Places) -> None:
    found = parts(places, replace(ALL_HERE, local_cluster=False))
    assert list(found) == ["postgres", "valkey", "migrate", "worker-1", "worker-2", "scheduler", "watcher", "web"]


def test_another_database_or_queue_is_not_started_nor_waited_for(places: Places) -> None:
    found = parts(places, replace(ALL_HERE, local_database=False, local_queue=False))
    assert "postgres" not in found
    assert "valkey" not in found
    assert found["migrate"].after == ()
    assert found["migrate"].command[-2:] == ("db", "upgrade")


def test_every_part_carries_the_mark_by_which_leftovers_are_found(places: Places) -> None:
    assert {name: part.environment[MARKER] for name, part in parts(places).items()} == {
        name: f"{places.state}/{name}" for name in parts(places)
    }


def test_the_platforms_secrets_reach_its_own_processes_alone(places: Places) -> None:
    knowing = [name for name, part in parts(places).items() if "secret" in str(part)]
    assert knowing == ["migrate", "worker-1", "worker-2", "scheduler", "watcher", "web"]


def test_every_name_that_is_waited_for_exists_and_stands_before(places: Places) -> None:
    seen: list[str] = []
    for name, part in parts(places).items():
        if name != "migrate":
            assert set(part.after) <= set(parts(places))
        seen.append(name)


def test_postgresql_listens_on_no_address_and_lets_its_owner_in_alone(places: Places) -> None:
    settings = layout.postgres_settings(places.postgres_sockets)
    assert settings["listen_addresses"] == ""
    assert settings["unix_socket_permissions"] == "0700"
    assert "fsync" not in settings


def test_caddy_starts_with_what_the_pocket_cluster_would_start_it_with(places: Places) -> None:
    assert layout.caddy_configuration(places) == bootstrap(f"unix/{places.caddy_socket}")


def test_a_plan_is_read_as_it_was_written(places: Places) -> None:
    plan = layout.plan(places, ALL_HERE, PROGRAMS, ENVIRONMENT)
    with_ids = replace(plan, parts=(*plan.parts, replace(plan.parts[0], ids=(7, 8))))
    assert Plan.loads(with_ids.dumps()) == with_ids
