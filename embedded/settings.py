"""The variables that all parts run with: what the user set wins, the rest follows from the state folder; and the secret made once."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass

from embedded.places import STATE_VARIABLE, Places, write_private

PREFIX = "STOREYARD_"
API_PORT_VARIABLE, API_PORT = "STOREYARD_API_PORT", 6443
PORT_VARIABLE, PORT = "STOREYARD_PORT", 8080
WEB_PORT_VARIABLE, WEB_PORT = "STOREYARD_WEB_PORT", 8000
# Settings of this package; the application reads none of them.
OWN_SETTINGS = (STATE_VARIABLE, API_PORT_VARIABLE, PORT_VARIABLE, WEB_PORT_VARIABLE)
DATABASE = "storeyard"
# Of the worker's talk with the cluster on this machine nothing goes through a proxy.
_LOCAL = "127.0.0.1,localhost,::1"


class BadSetting(ValueError):
    """A variable that cannot be read; the message names it and says what it must be."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What is started here, and where. `local_cluster` is False where STOREYARD_KUBECONFIG names another."""

    local_cluster: bool
    local_database: bool
    local_queue: bool
    api_port: int
    port: int
    web_port: int

    @property
    def portal(self) -> str:
        """Not under `localhost`: a shop at a name below it could set the portal's cookies."""
        return f"http://127.0.0.1:{self.web_port}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], places: Places) -> Choices:
        """Raises BadSetting. A variable that points to our own state (the environment file was loaded into a shell) is as good as unset."""
        own = defaults(places, port=PORT, portal="")
        given = {name: environment.get(name, "").strip() for name in own}
        return cls(
            local_cluster=given["STOREYARD_KUBECONFIG"] in ("", own["STOREYARD_KUBECONFIG"]),
            local_database=given["STOREYARD_DATABASE_URL"] in ("", own["STOREYARD_DATABASE_URL"]),
            local_queue=given["STOREYARD_QUEUE_URL"] in ("", own["STOREYARD_QUEUE_URL"]),
            api_port=_port(environment, API_PORT_VARIABLE, API_PORT),
            port=_port(environment, PORT_VARIABLE, PORT),
            web_port=_port(environment, WEB_PORT_VARIABLE, WEB_PORT),
        )


def defaults(places: Places, *, port: int, portal: str) -> dict[str, str]:
    """What the parts get where the user set nothing, with the pocket cluster."""
    return {
        "STOREYARD_DATABASE_URL": f"postgresql://{DATABASE}@/{DATABASE}?host={places.postgres_sockets}&port=5432",
        "STOREYARD_QUEUE_URL": f"unix://{places.valkey_socket}",
        "STOREYARD_LOG_FORMAT": "console",
        "STOREYARD_KUBECONFIG": str(places.kubeconfig),
        "STOREYARD_PUBLIC_URL": portal,
        "STOREYARD_STORE_DOMAIN": "localhost",
        "STOREYARD_PUBLIC_PORT": str(port),
        "STOREYARD_INGRESS_PEERS": "namespace=storeyard-ingress",
    }


def storeyard_variables(given: Mapping[str, str], places: Places, choices: Choices) -> dict[str, str]:
    """All STOREYARD_ variables of the parts. Makes the vault's key the first time; raises OSError where it cannot be kept."""
    values = defaults(places, port=choices.port, portal=choices.portal)
    if not choices.local_cluster:
        for name in ("STOREYARD_KUBECONFIG", "STOREYARD_STORE_DOMAIN", "STOREYARD_PUBLIC_PORT", "STOREYARD_INGRESS_PEERS"):
            del values[name]
    values |= {name: text for name, text in given.items() if name.startswith(PREFIX) and text.strip() and name not in OWN_SETTINGS}
    if choices.local_cluster:
        # The port may have changed since the environment file was loaded into this shell.
        values["STOREYARD_KUBECONFIG"] = str(places.kubeconfig)
    if "STOREYARD_VAULT_KEYS" not in values:
        values["STOREYARD_VAULT_KEYS"] = vault_key(places)
    return values


def vault_key(places: Places) -> str:
    """The installation's key, made once: a Fernet key as `storeyard vault new-key` makes it. Without it no store's credentials open."""
    if not places.vault_key.exists():
        write_private(places.vault_key, base64.urlsafe_b64encode(os.urandom(32)).decode() + "\n")
    return places.vault_key.read_text().strip()


def process_environment(given: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a part: the user's own without what would bend our PostgreSQL or the way to the cluster, and `variables`."""
    values = {name: text for name, text in given.items() if not name.startswith((PREFIX, "PG"))}
    for name in ("NO_PROXY", "no_proxy"):
        values[name] = ",".join(filter(None, (values.get(name), _LOCAL)))
    return {**values, **variables}


def render(variables: Mapping[str, str]) -> str:
    """The environment file: `NAME=value` a line, sorted."""
    return "".join(f"{name}={text}\n" for name, text in sorted(variables.items()))


def parse(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: value for name, _, value in pairs}


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise BadSetting(f"{name} is {text!r}: it must be a number from 1 to 65535.")
    return int(text)
