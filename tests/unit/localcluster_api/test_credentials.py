"""Credentials: made once, kept, renewed, and nobody else's."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from localcluster.api import ensure_credentials, write_kubeconfig

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_they_are_made_once(tmp_path: Path) -> None:
    assert ensure_credentials(tmp_path / "c") == ensure_credentials(tmp_path / "c")


def test_only_their_owner_can_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    write_kubeconfig(folder / "kubeconfig", ensure_credentials(folder), "https://127.0.0.1:1")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert {path.name for path in folder.iterdir()} == {"ca.crt", "server.crt", "server.key", "token", "kubeconfig"}


def test_a_certificate_is_renewed_a_year_before_it_ends_and_the_token_stays(tmp_path: Path) -> None:
    first = ensure_credentials(tmp_path, now=NOW)
    assert ensure_credentials(tmp_path, now=NOW + timedelta(days=3000)).authority == first.authority
    later = ensure_credentials(tmp_path, now=NOW + timedelta(days=3300))
    assert later.authority != first.authority
    assert later.token == first.token


@pytest.mark.parametrize("name", ["ca.crt", "server.crt", "server.key", "token"])
@pytest.mark.parametrize("content", [None, b"", b"half a fi"])
def test_what_is_missing_or_damaged_is_made_anew(tmp_path: Path, name: str, content: bytes | None) -> None:
    ensure_credentials(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    again = ensure_credentials(tmp_path)
    assert len(again.token) > 20
    again.server_context()


def test_files_of_another_authority_are_not_mixed_in(tmp_path: Path) -> None:
    ensure_credentials(tmp_path / "a")
    other = ensure_credentials(tmp_path / "b")
    (tmp_path / "a" / "ca.crt").write_bytes(other.authority)
    renewed = ensure_credentials(tmp_path / "a")
    assert renewed.authority != other.authority
    trust = ssl.create_default_context(cadata=renewed.authority.decode())
    assert trust.cert_store_stats()["x509_ca"] == 1


def test_the_kubeconfig_names_server_authority_and_token(tmp_path: Path) -> None:
    credentials = ensure_credentials(tmp_path)
    write_kubeconfig(tmp_path / "kubeconfig", credentials, "https://127.0.0.1:6443")
    config = yaml.safe_load((tmp_path / "kubeconfig").read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
    assert config["users"][0]["user"]["token"] == credentials.token
