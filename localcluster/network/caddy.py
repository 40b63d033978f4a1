"""Caddy's admin API on its unix socket, and the configuration that it starts with: the socket and nothing else.

`python -m localcluster.network.caddy --admin unix//path` prints that configuration for `caddy run --config -`. All the rest is pushed by
`Edge`, again whenever Caddy runs something else: after a restart of either. Caddy keeps nothing on disk.
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

_LOG = logging.getLogger(__name__)

_PATH_LIMIT = 107  # bytes of a unix socket's address
_DEBOUNCE_SECONDS = 0.02
_LOOK_SECONDS = 0.5  # between two looks at what Caddy runs
_SOON_SECONDS = 0.1  # while it is not there, or refused what it was told
_ANSWER_SECONDS = 10.0


class CaddyError(Exception):
    """Caddy is not there, or refuses a configuration; says why."""


class CaddyAway(CaddyError):
    """It is not there: not yet, or it is being restarted."""


def admin_config(admin: str) -> dict[str, Any]:
    """The part of the configuration that every one has. ValueError where `admin` is no `unix//path`, or too long."""
    return {
        "admin": {"listen": f"unix/{socket_path(admin)}", "config": {"persist": False}},
        "logging": {
            "logs": {
                "default": {
                    "level": "WARN",
                    "encoder": {"format": "console", "level_format": "lower"},
                    # What it refuses it answers; what a shop fails to answer is the shop's to log.
                    "exclude": ["admin", "http.log.error"],
                }
            }
        },
    }


def bootstrap(admin: str) -> dict[str, Any]:
    """What Caddy starts with: it serves nothing and listens on its admin socket. ValueError as `admin_config`."""
    return admin_config(admin)


def socket_path(admin: str) -> str:
    """The path in `unix//path`."""
    path = admin.removeprefix("unix/")
    if path == admin or not path.startswith("/"):
        raise ValueError(f"{admin!r} is no unix socket of Caddy's: it is written unix//path")
    if len(path.encode()) > _PATH_LIMIT:
        raise ValueError(f"the path of Caddy's admin socket is longer than {_PATH_LIMIT} bytes: {path}")
    return path


class Admin:
    """Calls of the admin API. Each opens a connection of its own; all raise CaddyError."""

    def __init__(self, admin: str) -> None:
        self._path = socket_path(admin)

    def running(self, server: str) -> str | None:
        """The mark (`@id`) of the HTTP server of this name, if Caddy runs one."""
        status, body = self._call("GET", f"/config/apps/http/servers/{server}/@id")
        return json.loads(body) if status == 200 else None

    def load(self, config: Mapping[str, Any]) -> None:
        """Run this configuration, in place of what runs: connections go on, and where it is refused so does the old one."""
        status, body = self._call("POST", "/load", json.dumps(config).encode())
        if status != 200:
            raise CaddyError(f"Caddy refused its configuration: {_reason(body)}")

    def _call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = _Unix(self._path)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise CaddyAway(f"Caddy does not answer on its admin socket: {error}") from error
        finally:
            connection.close()


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")[:200]


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("127.0.0.1", timeout=_ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Edge:
    """Keeps Caddy at the configuration that it was told last. `taken` is called, in this thread, each time Caddy has taken one on."""

    def __init__(self, admin: Admin, server: str, taken: Callable[[str], None]) -> None:
        self._admin = admin
        self._server = server
        self._taken = taken
        self._told = threading.Event()
        self._wanted: tuple[Mapping[str, Any], str] | None = None
        self.complaint = ""
        """Why it does not run what it should, in Caddy's words; empty while it does."""
        self.running = ""
        """The mark of what Caddy was seen to run last; empty while it is not there or runs something else."""

    def tell(self, config: Mapping[str, Any], mark: str) -> None:
        """Want this from now on. From any thread."""
        self._wanted = (config, mark)
        self._told.set()

    def wake(self) -> None:
        """Look now, at `stop` too."""
        self._told.set()

    def run(self, stop: threading.Event) -> None:
        """Until `stop`."""
        patience = _LOOK_SECONDS
        while True:
            if self._told.wait(patience):
                stop.wait(_DEBOUNCE_SECONDS)  # more may follow at once
                self._told.clear()
            if stop.is_set():
                return
            patience = _LOOK_SECONDS if self._settle() else _SOON_SECONDS

    def _settle(self) -> bool:
        if self._wanted is None:
            return True
        config, mark = self._wanted
        try:
            if self._admin.running(self._server) != mark:
                self._admin.load(config)
                _LOG.info("Caddy has a new configuration: mark=%s", mark)
                self._taken(mark)
        except CaddyError as error:
            self.running = ""
            if str(error) != self.complaint:
                level = logging.INFO if isinstance(error, CaddyAway) else logging.WARNING
                _LOG.log(level, "Caddy could not be configured: error=%s", error)
            self.complaint = str(error)
            return False
        self.running, self.complaint = mark, ""
        return True


def main(arguments: list[str]) -> int:
    """The command line: see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m localcluster.network.caddy", description="Print the configuration that Caddy starts with."
    )
    parser.add_argument("--admin", required=True, help="Caddy's admin socket, as unix//path")
    try:
        found = bootstrap(parser.parse_args(arguments).admin)
    except ValueError as error:
        parser.error(str(error))
    json.dump(found, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
