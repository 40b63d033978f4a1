"""Names of Services in a container's environment and arguments, replaced by the addresses they would resolve to.

There is no name server: what a process would look up has to stand in its configuration as an address. A name is replaced where it stands
as a host and nowhere else: behind `scheme://[user[:password]@]`, also in a list with commas, and as `HOST:PORT` with one of the Service's
own ports. Hosts on their own (`PGHOST=database`) and names of headless Services, which have no address, stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]

_DOMAIN = "cluster.local"

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?"
_ITEM = rf"{_HOST}(?::\d+)?"
_SLASHES = r":(?:\\?/){2}"  # JSON may write a slash as `\/`
_REST = r"[^\s/?#\"\\<>]*"  # of an authority
_AUTHORITY = (
    rf"(?<=[A-Za-z0-9+.\-)}}]){_SLASHES}(?:{_REST}@)?"  # user and password end at the last @
    rf"(?P<hosts>{_ITEM}(?:,{_ITEM})*)"
    rf"(?![\w$%.-]|{_SLASHES}|{_REST}@)"  # a name that goes on as a variable is another one; `a:1,http://b:2` are two
)
_ENDPOINT = (
    r"(?<![^\s,;=\"'<|@\[`(])(?<!\$\()"  # not within a path or a name, nor as the name of a variable
    rf"(?P<host>{_HOST}):(?P<port>\d{{1,5}})(?![\w@-]|\.\d)"  # before an @ it is a user with a password
)
_PLACES = re.compile(rf"{_AUTHORITY}|{_ENDPOINT}")
_LISTED = re.compile(rf"(?P<host>{_HOST})(?P<port>:\d+)?")


@dataclass(frozen=True, slots=True)
class _Known:
    address: str
    ports: frozenset[str]


def rewrite(text: str, *, namespace: str, services: Sequence[Body]) -> str:
    """`text` as a container in `namespace` needs it. `services`: all of the cluster's, of any namespace."""
    if ":" not in text:
        return text
    known = _names(namespace, services)
    return _PLACES.sub(lambda match: _replaced(match, known), text) if known else text


def _names(namespace: str, services: Iterable[Body]) -> Mapping[str, _Known]:
    """By every name that resolves in the namespace."""
    found: dict[str, _Known] = {}
    for service in services:
        spec, meta = service["spec"], service["metadata"]
        address = spec.get("clusterIP")
        if not address or address == "None":
            continue
        known = _Known(address, frozenset(str(port["port"]) for port in spec.get("ports") or ()))
        full = f"{meta['name']}.{meta['namespace']}"
        names = [full, f"{full}.svc", f"{full}.svc.{_DOMAIN}", f"{full}.svc.{_DOMAIN}."]
        if meta["namespace"] == namespace and meta["name"] != "localhost":
            names.append(meta["name"])
        found.update(dict.fromkeys(names, known))
    return found


def _replaced(match: re.Match[str], known: Mapping[str, _Known]) -> str:
    if match["hosts"] is None:
        place = known.get(match["host"].lower())
        return f"{place.address}:{match['port']}" if place and match["port"] in place.ports else match[0]
    return match[0].removesuffix(match["hosts"]) + _LISTED.sub(lambda item: _listed(item, known), match["hosts"])


def _listed(item: re.Match[str], known: Mapping[str, _Known]) -> str:
    place = known.get(item["host"].lower())
    return f"{place.address}{item['port'] or ''}" if place else item[0]
