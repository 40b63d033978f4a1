"""The network of the pocket cluster: follows the store and keeps the forwarder and Caddy at what its objects say.

NetworkPolicies are not enforced: everything on this machine reaches every pod and every Service. What happens in a namespace changes that
namespace's part only; everything is looked at again from time to time all the same.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcluster.controllers import events
from localcluster.errors import ApiError
from localcluster.network.caddy import Admin, Edge
from localcluster.network.endpoints import Address, endpoints
from localcluster.network.ingress import SERVER, Claim, Owner, claims, config, settle
from localcluster.network.services import Forwarder
from localcluster.objects import Store

Body = Mapping[str, Any]

_LOG = logging.getLogger(__name__)

CLUSTER_ADDRESSES = ipaddress.ip_network("127.96.0.0/12")
"""Where Services have their addresses; on others nothing listens."""

_MANAGER = "caddy-ingress"
_PATIENCE_SECONDS = 0.25
_LOOK_AGAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Part:
    """What one namespace has: addresses to listen on with their targets and their Service's name, and what its Ingresses claim."""

    doors: Mapping[Address, tuple[Address, ...]] = field(default_factory=dict)
    services: Mapping[Address, str] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()


def part(services: Iterable[Body], pods: Iterable[Body], slices: Iterable[Body], ingresses: Iterable[Body]) -> Part:
    """Pure: of the objects of one namespace."""
    named = {service["metadata"]["name"]: service for service in services}
    pods, slices = list(pods), list(slices)
    doors: dict[Address, tuple[Address, ...]] = {}
    names: dict[Address, str] = {}
    for name, service in named.items():
        if (address := service["spec"].get("clusterIP")) and _is_ours(address):
            for port, targets in endpoints(service, pods, slices).items():
                doors[address, port] = targets
                names[address, port] = name
    wanted = [claim for ingress in ingresses for claim in claims(ingress, named, pods, slices)]
    return Part(doors, names, tuple(wanted))


def _is_ours(address: str) -> bool:
    return address != "None" and ipaddress.ip_address(address) in CLUSTER_ADDRESSES


class Network:
    """Serves a store's Services on their addresses and its Ingresses by Caddy on 127.0.0.1:`ingress_port`.

    `caddy_admin`: Caddy's admin socket as unix//path; without one Ingresses are not served. Somebody else starts Caddy, and may restart it.
    """

    def __init__(self, store: Store, *, ingress_port: int, caddy_admin: str | None = None) -> None:
        self._store = store
        self._port = ingress_port
        self._socket = caddy_admin
        self._forwarder = Forwarder()
        self._edge = Edge(Admin(caddy_admin), SERVER, self._taken) if caddy_admin else None
        self._parts: dict[str, Part] = {}
        self._served: tuple[str, frozenset[str]] = ("", frozenset())  # mark of the configuration, uids of the Ingresses in it
        self._told: set[tuple[object, ...]] = set()

    @property
    def complaint(self) -> str:
        """Why Caddy does not run what it should, if it doesn't."""
        return self._edge.complaint if self._edge else ""

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; then nothing listens on the Services' addresses any more. Caddy keeps what it has."""
        ended = threading.Event()
        edge = threading.Thread(target=self._edge.run, args=(ended,), name="ingress", daemon=True) if self._edge else None
        self._forwarder.start()
        if edge is not None:
            edge.start()
        try:
            self._follow(stop)
        finally:
            ended.set()
            self._forwarder.stop()
            if self._edge is not None and edge is not None:
                self._edge.wake()
                edge.join()

    def _follow(self, stop: threading.Event) -> None:
        version, looked = int(self._store.version), time.monotonic()
        self._look(self._everywhere())
        self._tell()
        while not stop.is_set():
            now = self._store.wait(version, _PATIENCE_SECONDS)
            if now != version:
                self._look(self._store.touched(version))
                version = now
            if time.monotonic() - looked > _LOOK_AGAIN_SECONDS:
                looked = time.monotonic()
                self._look(self._everywhere())
            self._tell_troubles()

    def _everywhere(self) -> set[str]:
        return {namespace["metadata"]["name"] for namespace in self._store.all("Namespace")} | self._parts.keys()

    def _look(self, places: Iterable[str]) -> None:
        """What these namespaces have now; told on where it differs."""
        before = dict(self._parts)
        for place in filter(None, places):
            try:
                found = part(*(self._store.all(kind, place) for kind in ("Service", "Pod", "EndpointSlice", "Ingress")))
            except Exception:  # noqa: BLE001 - whatever it is, the others are served, and it is looked at again
                _LOG.exception("a namespace could not be read: namespace=%s", place)
                continue
            self._parts[place] = found
            if found == Part():
                del self._parts[place]
        if before != self._parts:
            self._tell()
        if self._edge is not None and self._edge.running == self._served[0]:
            self._publish(self._served[1])

    def _tell(self) -> None:
        self._forwarder.serve({address: targets for each in self._parts.values() for address, targets in each.doors.items()})
        held, refused = settle(claim for each in self._parts.values() for claim in each.claims)
        if self._edge is not None and self._socket is not None:
            wanted, mark = config(held, port=self._port, admin=self._socket)
            self._served = (mark, frozenset(claim.owner.uid for claim in held))
            self._edge.tell(wanted, mark)
        for claim, owner in refused:
            self._refuse(claim, owner)

    def _taken(self, mark: str) -> None:
        served, uids = self._served
        if served == mark:
            self._publish(uids)

    def _publish(self, uids: frozenset[str]) -> None:
        """Ingresses have an address once Caddy serves them."""
        status = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
        for ingress in self._store.all("Ingress"):
            meta = ingress["metadata"]
            if meta["uid"] not in uids or ingress.get("status") == status:
                continue
            try:
                self._store.patch(
                    "Ingress", meta["namespace"], meta["name"], {"status": status}, form="merge", subresource="status", manager=_MANAGER
                )
            except ApiError as error:
                if error.code != 404:  # it is looked at again
                    _LOG.warning("an ingress has no status: namespace=%s name=%s error=%s", meta["namespace"], meta["name"], error.message)

    def _refuse(self, claim: Claim, holder: Owner) -> None:
        what = f"{claim.host or '*'}{claim.path or '/'}"
        words = f"{what} is served for Ingress {holder.namespace}/{holder.name}, which is older and claims it as well"
        self._warn("Ingress", claim.owner.namespace, claim.owner.name, "PathTaken", words, (claim.owner.uid, *claim.place, holder.uid))

    def _tell_troubles(self) -> None:
        for address, why in self._forwarder.troubles().items():
            for namespace, each in self._parts.items():
                if (name := each.services.get(address)) is not None:
                    words = f"cannot listen on {address[0]}:{address[1]}: {why}; trying again"
                    self._warn("Service", namespace, name, "ListenFailed", words, (namespace, name, address, why))

    def _warn(self, kind: str, namespace: str, name: str, reason: str, words: str, key: tuple[object, ...]) -> None:
        """An event, once while this process lives."""
        if key in self._told:
            return
        self._told.add(key)
        try:
            about = self._store.get(kind, namespace, name)
        except ApiError:
            return  # gone meanwhile
        events.record(self._store, about, reason, words, "Warning", _MANAGER if kind == "Ingress" else "service-forwarder")
