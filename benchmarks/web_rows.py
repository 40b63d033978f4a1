"""A platform that has been used for long: tenants, stores and their history, made in SQL from one store and one tenant of the use cases.

What the table's checks demand and what pages read is varied; all other columns are the pattern's, so that a new column needs nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from app.domain.conditions import CONDITION_TYPES
from app.models import Base

OWN_STORES = 100  # of the tenant that asks: several pages of its list
OWN_EVENTS = 2000  # of the store whose page is asked for
HISTORY_PER_STORE = 5  # each of drift, runs and audit entries
_ID = "'{kind}' || lpad(n::text, 23, '0')"
TENANT, STORE, RUN = "001", "002", "003"


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is; the tenant that asks and its stores are counted in."""

    tenants: int
    stores: int
    events: int

    def tenth(self) -> Size:
        return Size(max(2, self.tenants // 10), max(OWN_STORES + 1, self.stores // 10), max(OWN_EVENTS + 1, self.events // 10))


def row_id(kind: str, number: int) -> str:
    return f"{kind}{number:023}"


def fill(connection: Connection, *, have: Size, want: Size, tenant_id: str, store_id: str) -> None:
    """From `have` rows to `want`. `tenant_id` asks, `store_id` is the pattern of all stores and stays out of sight: it is gone."""
    connection.execute(text("SET LOCAL synchronous_commit = off"))
    given = {"tenant": tenant_id, "pattern": store_id, "own": OWN_STORES}
    _copy(
        connection, "tenants", "r.id = :tenant", (have.tenants + 1, want.tenants), given,
        id=_id(TENANT), slug="'tenant-' || n", name="'Tenant ' || n",
    )  # fmt: skip
    _copy(
        connection, "stores", "r.id = :pattern", (have.stores + 1, want.stores), given,
        id=_id(STORE), slug="'shop-' || n", name="'Shop number ' || n", host="'shop-' || n || '.localhost'", namespace="'st-' || n",
        claim="md5(n::text)", created_at="now() - make_interval(mins => n % 500000)",
        tenant_id=f"CASE WHEN n <= :own THEN :tenant ELSE '{TENANT}' || lpad((2 + n % {want.tenants - 1})::text, 23, '0') END",
        desired_state="'present'", deletion_requested_at="NULL", gone_at="NULL", observed_generation="r.generation", observed_at="now()",
        phase="CASE n % 20 WHEN 7 THEN 'Degraded' WHEN 9 THEN 'Failed' WHEN 11 THEN 'Provisioning' ELSE 'Ready' END",
        ever_ready="true", first_ready_at="now()", next_reconcile_at="now() + interval '1 year'", wake_after="NULL",
    )  # fmt: skip
    new = {"first": have.stores + 1, "last": want.stores}
    types = ", ".join(f"('{kind}')" for kind in CONDITION_TYPES if kind != "Stalled")
    connection.execute(
        text(
            f"""INSERT INTO conditions (store_id, tenant_id, type, status, reason, message, last_transition_at, observed_generation)
            SELECT s.id, s.tenant_id, t.type, 'True', 'AsAskedFor', 'Everything is as asked for.', now() - interval '1 day', s.generation
            FROM stores s, (VALUES {types}) AS t (type)
            WHERE s.id BETWEEN '{STORE}' || lpad((:first)::text, 23, '0') AND '{STORE}' || lpad((:last)::text, 23, '0')"""
        ),
        new,
    )
    _history(connection, (have.stores + 1, want.stores))
    _events(connection, have, want)


def _copy(
    connection: Connection, table: str, where: str, numbers: tuple[int, int], given: Mapping[str, Any], **values: str
) -> None:  # fmt: skip
    """Rows like the one that `where` finds, with these columns otherwise."""
    names = [column.name for column in Base.metadata.tables[table].columns if column.computed is None]
    chosen = ", ".join(values.get(name, f"r.{name}") for name in names)
    connection.execute(
        text(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM {table} r, generate_series({numbers[0]}, {numbers[1]}) AS n"
            f" WHERE {where}"
        ),
        {name: value for name, value in given.items() if f":{name}" in where + chosen},
    )


def _id(kind: str) -> str:
    return _ID.format(kind=kind)


def _history(connection: Connection, stores: tuple[int, int]) -> None:
    of_store = f"""FROM generate_series({stores[0]}, {stores[1]}) AS n JOIN stores s ON s.id = {_id(STORE)},
        generate_series(1, {HISTORY_PER_STORE}) AS h"""
    at = "now() - make_interval(hours => h)"
    for statement in (
        f"""INSERT INTO reconcile_runs
        (id, store_id, tenant_id, generation, started_at, finished_at, duration_ms, outcome, changes, counts, steps)
        SELECT '{RUN}' || lpad((n * 10 + h)::text, 23, '0'), s.id, s.tenant_id, 1, {at}, {at}, 412, 'changed',
        '[{{"kind": "Deployment", "name": "backend", "action": "configured", "reason": "Drifted", "differences": []}}]', '{{}}', '[]'
        {of_store}""",
        f"""INSERT INTO drift_events (store_id, tenant_id, kind, name, path, class, manager, before, after, detected_at, repaired_at)
        SELECT s.id, s.tenant_id, 'Deployment', 'backend', 'spec.replicas', 'modified', 'kubectl-scale', '1', '0', {at},
        {at} + interval '640 ms' {of_store}""",
        f"""INSERT INTO audit (at, tenant_id, actor_kind, actor_id, actor_name, action, target_type, target_id, after)
        SELECT {at}, s.tenant_id, 'user', 'u' || n, 'Person ' || n, 'store.rename', 'store', s.id, '{{"generation": 1}}' {of_store}""",
    ):
        connection.execute(text(statement))


def _events(connection: Connection, have: Size, want: Size) -> None:
    """The asked-for store's first, the others' evenly."""
    connection.execute(
        text(
            f"""INSERT INTO events (store_id, tenant_id, at, type, reason, message, data)
            SELECT s.id, s.tenant_id, now() - make_interval(secs => ({want.events} - e) / 10), 'Ready', 'Serving', 'Event number ' || e,
            '{{"status": "True"}}'
            FROM generate_series({have.events + 1}, {want.events}) AS e
            JOIN stores s ON s.id = '{STORE}' || lpad(
                (CASE WHEN e <= {OWN_EVENTS} THEN 1 ELSE 2 + e % ({want.stores} - 1) END)::text, 23, '0')"""
        )
    )
