"""Ingresses as Caddy's configuration: pure, from what they claim and where their Services' pods are.

A claim is one host and path. Of two equal ones the older Ingress has it. Paths are matched as the API describes them: the longest first, an
exact one before a prefix of the same length, prefixes at path elements (/store: /store and /store/x, not /storefront), upper and lower
case differ; `ImplementationSpecific` is a prefix. Any class is served; TLS, resource backends and annotations are not.

A new configuration lets requests and streams go on with the old one, and closes connections that clients keep open without a request, as
other ingress controllers do.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcluster.network.caddy import admin_config
from localcluster.network.endpoints import Address, endpoints
from localcluster.network.pages import AWAY, BROKEN, NO_SHOP, NOTHING_HERE, page

Body = Mapping[str, Any]

SERVER = "shops"


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """An Ingress; in the order of age."""

    created: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Requests for `host` (lower case, `*.domain` for any label, empty: any host) and `path` (no slash at its end) go to `upstreams`."""

    owner: Owner
    host: str
    path: str
    exact: bool
    upstreams: tuple[Address, ...]

    @property
    def place(self) -> tuple[str, str, bool]:
        """What only one Ingress can have."""
        return (self.host, self.path, self.exact)


def claims(ingress: Body, services: Mapping[str, Body], pods: Sequence[Body], slices: Sequence[Body] = ()) -> tuple[Claim, ...]:
    """All that an Ingress asks for. `services` by name; like `pods` and `slices` those of its namespace."""
    meta, spec = ingress["metadata"], ingress["spec"]
    owner = Owner(meta["creationTimestamp"], meta["namespace"], meta["name"], meta["uid"])

    def claim(host: str, path: str, exact: bool, backend: Body) -> Claim:
        return Claim(owner, host.lower(), path if exact else path.rstrip("/"), exact, _upstreams(backend, services, pods, slices))

    rules = spec.get("rules") or ()
    found = [
        claim(rule.get("host") or "", path.get("path") or "/", path["pathType"] == "Exact", path["backend"])
        for rule in rules
        for path in (rule.get("http") or {}).get("paths") or ()
    ]
    if default := spec.get("defaultBackend"):
        hosts = [rule.get("host") or "" for rule in rules] or [""]
        found.extend(claim(host, "/", False, default) for host in hosts)
    places: dict[tuple[str, str, bool], Claim] = {}
    for each in found:
        places.setdefault(each.place, each)
    return tuple(places.values())


def _upstreams(backend: Body, services: Mapping[str, Body], pods: Sequence[Body], slices: Sequence[Body]) -> tuple[Address, ...]:
    wanted = backend.get("service") or {}
    service = services.get(wanted.get("name", ""))
    if service is None:
        return ()
    port = wanted.get("port") or {}
    for offered in service["spec"].get("ports") or ():
        if offered["port"] == port.get("number") or (port.get("name") and offered.get("name") == port["name"]):
            return endpoints(service, pods, slices).get(offered["port"], ())
    return ()


def settle(wanted: Iterable[Claim]) -> tuple[Sequence[Claim], Sequence[tuple[Claim, Owner]]]:
    """Who has what; and the claims that another Ingress, named with them, had before."""
    held: dict[tuple[str, str, bool], Claim] = {}
    refused: list[tuple[Claim, Owner]] = []
    for claim in sorted(wanted, key=lambda each: (each.owner, each.place)):
        first = held.setdefault(claim.place, claim)
        if first.owner != claim.owner:
            refused.append((claim, first.owner))
    return list(held.values()), refused


def config(held: Iterable[Claim], *, port: int, admin: str) -> tuple[dict[str, Any], str]:
    """All that Caddy does, for its admin socket at `admin` (`unix//path`), and a mark by which this configuration is recognised in it."""
    by_host: dict[str, list[Claim]] = {}
    for claim in held:
        by_host.setdefault(claim.host, []).append(claim)
    routes = [_host_route(host, by_host[host]) for host in sorted(by_host, key=_closest)]
    server = {
        "listen": [f"127.0.0.1:{port}"],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "read_header_timeout": "10s",
        "idle_timeout": "2m",
        "routes": [*routes, {"handle": page(NO_SHOP, 404)}],
        "errors": {"routes": [{"handle": page(BROKEN, "{http.error.status_code}")}]},
    }
    mark = f"{SERVER}-{hashlib.sha256(json.dumps(server, sort_keys=True).encode()).hexdigest()[:24]}"
    apps = {
        # Nothing here uses TLS, but its module would look after a storage that is not wanted either.
        "tls": {"disable_storage_check": True, "disable_storage_clean": True},
        "http": {"servers": {SERVER: {"@id": mark, **server}}},
    }
    return {**admin_config(admin), "apps": apps}, mark


def _closest(host: str) -> tuple[int, int, str]:
    """Plain hosts, then wildcards, then any host."""
    return (0 if host and not host.startswith("*.") else 1 if host else 2, -len(host), host)


def _host_route(host: str, held: Iterable[Claim]) -> dict[str, Any]:
    ordered = sorted(held, key=lambda claim: (-len(claim.path), not claim.exact, claim.path))
    handlers = [{"handler": "subroute", "routes": [*map(_path_route, ordered), {"handle": page(NOTHING_HERE, 404)}]}]
    return {**({"match": [{"host": [host]}]} if host else {}), "handle": handlers, "terminal": True}


def _path_route(claim: Claim) -> dict[str, Any]:
    pattern = f"^{re.escape(claim.path)}{'$' if claim.exact else '(/|$)'}"
    match = {} if not claim.path else {"match": [{"path_regexp": {"pattern": pattern}}]}
    return {**match, "handle": [_proxy(claim.upstreams)] if claim.upstreams else page(AWAY, 503), "terminal": True}


def _proxy(upstreams: Iterable[Address]) -> dict[str, Any]:
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"{address}:{port}"} for address, port in upstreams],
        # A pod that refuses connections: the next one, or the same again, for as long as a change of the endpoints takes to arrive.
        "load_balancing": {"selection_policy": {"policy": "round_robin"}, "try_duration": "2s", "try_interval": "50ms"},
        "transport": {
            "protocol": "http",
            "dial_timeout": "2s",
            "response_header_timeout": "5m",
            # Node closes idle connections after 5 s: never use one that it might be closing.
            "keep_alive": {"idle_timeout": "3s", "max_idle_conns_per_host": 32},
        },
        # A new configuration cuts no web socket: it goes on with the old one.
        "stream_close_delay": "24h",
    }
