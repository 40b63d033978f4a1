"""The facts come from the machine itself."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from embedded.machine import Holder, free_memory, node_program, observe, port_holder


def test_a_taken_port_names_who_has_it() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        found = observe(Path("/tmp"), (port,))
        assert found.taken[port].pid == os.getpid()
        assert found.taken[port].name != ""
    assert observe(Path("/tmp"), (port,)).taken == {}


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])
def test_a_server_on_all_addresses_takes_the_port_too(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as server:
        server.bind((address, 0))
        server.listen()
        port = server.getsockname()[1]
        assert observe(Path("/tmp"), (port,)).taken[port].pid == os.getpid()


def test_a_port_that_nobody_has_has_no_holder() -> None:
    assert port_holder(1) == Holder()


def test_a_folder_that_cannot_be_made_says_why(folder: Path) -> None:
    (folder / "file").write_text("")
    assert observe(folder / "file" / "state", ()).writable == "Not a directory"
    assert observe(folder / "state", ()).writable == ""


def test_a_full_disk_is_found_by_writing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert observe(folder, ()).writable == "No space left on device"


def test_memory_is_counted_in_megabytes() -> None:
    assert 10 < free_memory() < 10_000_000


def test_without_node_on_the_path_there_is_none(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert node_program() == (None, "")


def test_node_says_itself_where_it_is(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    shim = folder / "node"
    shim.write_text("#!/bin/sh\necho v22.3.1 /opt/node 22/bin/node\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    assert node_program() == ("22.3.1", "/opt/node 22/bin/node")
