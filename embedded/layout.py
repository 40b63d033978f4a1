"""Which parts there are, and how each is started."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from embedded.part import Part, Plan
from embedded.places import CHECKOUT, Places
from embedded.process import MARKER
from embedded.settings import Choices

WORKERS = 2
# Small, and as safe as PostgreSQL is by default: what a commit has confirmed survives a power failure.
_POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the servers' programs are, for the user they run as. `user` is its name as root, else None."""

    postgres: Path
    valkey: Path
    caddy: Path
    user: str | None = None

    @property
    def ids(self) -> tuple[int, int] | None:
        if self.user is None:
            return None
        entry = pwd.getpwnam(self.user)
        return entry.pw_uid, entry.pw_gid


def plan(places: Places, choices: Choices, programs: Programs, environment: Mapping[str, str]) -> Plan:
    """Everything the supervisor runs. `environment` is the whole of what the application's processes get."""
    storeyard = _beside_python("storeyard")
    servers: list[Part] = []
    if choices.local_database:
        servers.append(_postgres(places, programs))
    if choices.local_queue:
        servers.append(_valkey(places, programs))
    migrate = _migrate(places, choices, programs, environment)
    cluster = [_caddy(places, programs), _cluster(places, choices, programs, environment)] if choices.local_cluster else []
    # Caddy may come later: the pocket cluster waits for it.
    before = ("migrate", *(part.name for part in (*servers, *cluster) if part.name != "caddy"))
    lines = {
        **{f"worker-{number}": ("worker", "worker started") for number in range(1, WORKERS + 1)},
        "scheduler": ("scheduler", "scheduler started"),
    }
    app = [
        Part(
            name,
            (storeyard, command),
            "line",
            line,
            after=before,
            environment=_marked(places, name, environment),
            folder=str(CHECKOUT),
            stop_seconds=30,
        )
        for name, (command, line) in lines.items()
    ]
    app.append(_web(places, choices, environment, before))
    return Plan(places.lock, places.runtime, places.control, places.logs, (*servers, migrate, *cluster, *app))


def _web(places: Places, choices: Choices, environment: Mapping[str, str], before: tuple[str, ...]) -> Part:
    """It needs no cluster: pages show what was recorded."""
    address = f"127.0.0.1:{choices.web_port}"
    command = (
        _beside_python("gunicorn"), "--config", "gunicorn.conf.py", "--bind", address,
        "--graceful-timeout", "5", "--log-level", "warning", "wsgi:app",
    )  # fmt: skip
    after = tuple(name for name in before if name != "cluster")
    return Part(
        "web", command, "port", str(choices.web_port), after=after, environment=_marked(places, "web", environment), folder=str(CHECKOUT)
    )


def _migrate(places: Places, choices: Choices, programs: Programs, environment: Mapping[str, str]) -> Part:
    command = (_beside_python("storeyard"), "db", "upgrade")
    if choices.local_database:
        stamp = places.state / "schema"
        psql = programs.postgres / "bin" / "psql"
        command = (sys.executable, "-m", "embedded.migrate", str(psql), str(places.postgres_sockets), str(stamp), *command)
    after = ("postgres",) if choices.local_database else ()
    return Part("migrate", command, "end", after=after, environment=_marked(places, "migrate", environment), folder=str(CHECKOUT))


def postgres_settings(sockets: Path) -> dict[str, str]:
    return {**_POSTGRES_SETTINGS, "unix_socket_directories": str(sockets)}


def _postgres(places: Places, programs: Programs) -> Part:
    settings = [word for name, value in postgres_settings(places.postgres_sockets).items() for word in ("-c", f"{name}={value}")]
    return Part(
        "postgres", (str(programs.postgres / "bin" / "postgres"), "-D", str(places.postgres_data), *settings),
        "postmaster", str(places.postgres_data), environment=_bare(places, "postgres"), ids=programs.ids,
        stop="SIGINT", stop_seconds=30, death="SIGQUIT",
    )  # fmt: skip


def _valkey(places: Places, programs: Programs) -> Part:
    """Its data is a convenience: what the queue lost is found again in the database. So one write a second goes to disk."""
    return Part(
        "valkey",
        (
            str(programs.valkey), "--port", "0", "--unixsocket", str(places.valkey_socket), "--unixsocketperm", "700",
            "--dir", str(places.valkey), "--save", "", "--appendonly", "yes", "--maxmemory", "64mb", "--maxmemory-policy", "noeviction",
        ),
        "ping", str(places.valkey_socket), environment=_bare(places, "valkey"), ids=programs.ids, death="SIGTERM",
    )  # fmt: skip


def _caddy(places: Places, programs: Programs) -> Part:
    """It starts with its admin socket alone; the pocket cluster tells it what to serve."""
    folders = {"HOME": str(places.caddy), "XDG_CONFIG_HOME": str(places.caddy), "XDG_DATA_HOME": str(places.caddy)}
    return Part(
        "caddy", (str(programs.caddy), "run", "--config", str(places.caddy / "caddy.json")),
        "unix", str(places.caddy_socket), environment=_bare(places, "caddy") | folders, ids=programs.ids,
    )  # fmt: skip


def caddy_configuration(places: Places) -> dict[str, object]:
    """As the pocket cluster has it (localcluster.network.caddy.bootstrap), so that what Caddy logs is the same before and after."""
    log = {"level": "WARN", "encoder": {"format": "console", "level_format": "lower"}, "exclude": ["admin", "http.log.error"]}
    return {
        "admin": {"listen": f"unix/{places.caddy_socket}", "config": {"persist": False}},
        "logging": {"logs": {"default": log}},
    }


def _cluster(places: Places, choices: Choices, programs: Programs, environment: Mapping[str, str]) -> Part:
    command = [
        sys.executable, "-m", "localcluster", "--state", str(places.cluster), "--runtime", str(places.runtime / "k"),
        "--port", str(choices.api_port), "--ingress-port", str(choices.port), "--catalogue", str(places.catalogue),
        "--caddy-admin", f"unix/{places.caddy_socket}",
    ]  # fmt: skip
    if programs.user is not None:
        command += ["--user", programs.user]
    # Its containers get their own environment from their pods; nothing of the platform's secrets is in the one it has itself.
    plain = {name: value for name, value in environment.items() if not name.startswith("STOREYARD_")}
    return Part(
        "cluster", tuple(command), "port", str(choices.api_port), environment=_marked(places, "cluster", plain), folder=str(CHECKOUT),
        stop_seconds=90,
    )  # fmt: skip


def _bare(places: Places, name: str) -> dict[str, str]:
    """A server's environment: nothing the user has set bends it."""
    return _marked(places, name, {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"})


def _marked(places: Places, name: str, environment: Mapping[str, str]) -> dict[str, str]:
    return {**environment, MARKER: f"{places.state}/{name}"}


def _beside_python(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
