"""Unit tests reach nothing: a test that would pass only with a network is found here, not in somebody's train."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("127.0.0.1", 9)])
def test_no_connection_leaves_a_unit_test(address: tuple[str, int]) -> None:
    with socket.socket() as outward, pytest.raises(RuntimeError, match="network is off"):
        outward.connect(address)


def test_unix_sockets_are_open(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.connect(path)
