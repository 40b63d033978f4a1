"""Every image of the stores' manifests is in the catalogue, and its PostgreSQL binds its pod's address alone."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from embedded import catalogue, programs
from embedded.places import CHECKOUT, Places
from embedded.process import spawn


def entries(places: Places) -> dict[str, dict[str, Any]]:
    catalogue.write_catalogue(places, postgres=programs.postgres_home(), node=Path("/usr/bin/node"), python=Path("/usr/bin/python3"))
    return json.loads(places.catalogue.read_text())["images"]


def normalised(name: str) -> str:
    return name if name.startswith("docker.io/") else f"docker.io/{name}"


def test_every_image_of_the_manifests_is_there(places: Places) -> None:
    engine = tomllib.loads((CHECKOUT / "k8s_templates/medusa/r1/engine.toml").read_text())
    assert {normalised(name) for name in engine["images"].values()} <= set(entries(places))


def test_medusa_gets_the_environment_of_its_image_and_binds_its_address(places: Places) -> None:
    last_stage = (CHECKOUT / "docker/medusa/Dockerfile").read_text().rpartition("\nENV ")[2].partition("\nUSER")[0]
    image = dict(re.findall(r"(\w+)=(\S+)", last_stage))
    entry = entries(places)[catalogue.MEDUSA]
    assert entry["env"] == {**image, "HOST": "$(POD_IP)"}
    assert (entry["root"], entry["mount"]) == (str(places.medusa / "bundle"), "/app")


def test_a_catalogue_that_says_the_same_is_not_written_again(places: Places) -> None:
    entries(places)
    before = places.catalogue.stat()
    entries(places)
    assert (places.catalogue.stat().st_ino, places.catalogue.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_wrappers_follow_a_server_that_moved(places: Places, folder: Path) -> None:
    home = folder / "it's elsewhere"
    (home / "bin").mkdir(parents=True)
    for name in ("postgres", "pg_isready", "initdb"):
        (home / "bin" / name).write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
        (home / "bin" / name).chmod(0o755)
    wrappers = places.programs / "bin"
    catalogue.wrap_postgres(wrappers, programs.postgres_home())
    catalogue.wrap_postgres(wrappers, home)
    assert sorted(path.name for path in wrappers.iterdir()) == ["initdb", "pg_isready", "postgres"]
    assert ran(wrappers / "postgres", "-D", "a b") == "-D|a b|-c|listen_addresses=127.64.0.9|"
    assert ran(wrappers / "pg_isready", "--host=127.0.0.1") == "--host=127.0.0.1|--host=127.64.0.9|"


@pytest.mark.parametrize("word", ["--single", "--boot", "--check", "--version", "-V", "--help", "-?", "-C", "--describe-config"])
def test_uses_that_do_not_listen_get_their_words_unchanged(places: Places, folder: Path, word: str) -> None:
    home = folder / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "postgres").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (home / "bin" / "postgres").chmod(0o755)
    catalogue.wrap_postgres(places.programs / "bin", home)
    assert ran(places.programs / "bin" / "postgres", word, "x") == f"{word}|x|"


def test_a_server_made_and_started_through_the_wrappers_listens_on_its_pods_address_alone(places: Places) -> None:
    address = "127.64.77.1"
    user = programs.ensure_system_user() if os.geteuid() == 0 else None
    entry = pwd.getpwnam(user) if user else None
    home = programs.lend_postgres(places.programs)
    wrappers = places.programs / "postgres" / "bin"
    catalogue.wrap_postgres(wrappers, home)
    data = places.state / "data"
    data.mkdir()
    if user:
        shutil.chown(data, user, user)
    path = f"{wrappers}:/usr/bin:/bin"
    environment = {"PATH": path, "POD_IP": address, "LC_ALL": "C"}
    subprocess.run(
        ["initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync"],
        check=True, capture_output=True, env=environment, user=user, group=user,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind((address, 0))
        port = str(probe.getsockname()[1])
    server = spawn(
        [wrappers / "postgres", "-D", data, "-c", "listen_addresses=*", "-c", "unix_socket_directories=", "-p", port],
        death=signal.SIGQUIT, output=subprocess.DEVNULL, environment=environment, ids=(entry.pw_uid, entry.pw_gid) if entry else None,
    )  # fmt: skip
    try:
        asked = ["pg_isready", "-q", "--host=127.0.0.1", "-p", port]
        deadline = time.monotonic() + 30
        while subprocess.run(asked, env=environment, check=False).returncode != 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with socket.socket() as other:
            assert other.connect_ex(("127.0.0.1", int(port))) != 0
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(20)


def ran(program: Path, *words: str) -> str:
    environment = {"PATH": "/usr/bin:/bin", "POD_IP": "127.64.0.9"}
    return subprocess.run([program, *words], check=True, capture_output=True, text=True, env=environment).stdout
