"""What the user set wins; the rest follows from the state folder; the key is made once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.config import Settings
from embedded import settings
from embedded.places import Places
from embedded.process import MARKER, POD_MARKER
from embedded.settings import BadSetting, Choices


def variables(places: Places, **given: str) -> dict[str, str]:
    return settings.storeyard_variables(given, places, Choices.from_environment(given, places))


def test_the_application_accepts_what_it_is_given(places: Places) -> None:
    places.kubeconfig.parent.mkdir()
    places.kubeconfig.touch()
    given = settings.process_environment({"PATH": "/bin"}, variables(places, STOREYARD_PORT="8081", STOREYARD_STATE=str(places.state)))
    read = Settings.from_env({**given, MARKER: "x/worker-1", POD_MARKER: "x/1"})
    assert read.profile.store_domain == "localhost"
    assert read.profile.public_port == 8081
    assert read.kubeconfig == str(places.kubeconfig)
    assert str(places.postgres_sockets) in read.database_url


@pytest.mark.parametrize("name", [*settings.OWN_SETTINGS, MARKER, POD_MARKER])
def test_no_setting_of_ours_is_taken_for_a_misspelt_one_of_the_application(places: Places, name: str) -> None:
    given = variables(places)
    del given["STOREYARD_KUBECONFIG"]
    Settings.from_env({**given, name: "1"})


def test_what_the_user_set_wins(places: Places) -> None:
    found = variables(places, STOREYARD_LOG_FORMAT="json", STOREYARD_TENANT_QUOTA="stores=3", STOREYARD_STORE_DOMAIN="shops.test")
    assert (found["STOREYARD_LOG_FORMAT"], found["STOREYARD_TENANT_QUOTA"], found["STOREYARD_STORE_DOMAIN"]) == (
        "json", "stores=3", "shops.test",
    )  # fmt: skip


def test_another_cluster_database_and_queue_mean_that_ours_are_not_started(places: Places) -> None:
    given = {
        "STOREYARD_KUBECONFIG": "/etc/kube", "STOREYARD_DATABASE_URL": "postgresql://db/x", "STOREYARD_QUEUE_URL": "redis://q",
    }  # fmt: skip
    choices = Choices.from_environment(given, places)
    assert (choices.local_cluster, choices.local_database, choices.local_queue) == (False, False, False)
    assert "STOREYARD_PUBLIC_PORT" not in variables(places, **given)


def test_our_own_variables_loaded_into_a_shell_change_nothing(places: Places) -> None:
    first = variables(places)
    assert Choices.from_environment(first, places) == Choices.from_environment({}, places)
    assert variables(places, **first) == first


def test_what_would_bend_postgresql_or_the_way_to_the_cluster_is_kept_away() -> None:
    found = settings.process_environment({"PGPORT": "1", "PGHOST": "x", "STOREYARD_OLD": "1", "no_proxy": "corp", "HOME": "/h"}, {"A": "1"})
    assert found == {"A": "1", "HOME": "/h", "no_proxy": "corp,127.0.0.1,localhost,::1", "NO_PROXY": "127.0.0.1,localhost,::1"}


def test_the_vault_key_is_a_fernet_key_made_once_that_only_its_owner_reads(places: Places) -> None:
    key = settings.vault_key(places)
    Fernet(key)
    assert settings.vault_key(places) == key
    assert places.vault_key.stat().st_mode & 0o777 == 0o600


def test_the_users_own_key_is_not_joined_by_one_of_ours(places: Places) -> None:
    key = Fernet.generate_key().decode()
    assert variables(places, STOREYARD_VAULT_KEYS=key)["STOREYARD_VAULT_KEYS"] == key
    assert not places.vault_key.exists()


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "80 80"])
def test_a_port_that_is_none_is_said(places: Places, text: str) -> None:
    with pytest.raises(BadSetting, match=r"STOREYARD_PORT is .* 1 to 65535"):
        Choices.from_environment({"STOREYARD_PORT": text}, places)


def test_the_environment_file_is_read_as_it_was_written() -> None:
    given = {"STOREYARD_B": "x=y z'\"$", "STOREYARD_A": "1"}
    assert settings.parse(settings.render(given)) == given
    assert settings.render(given).startswith("STOREYARD_A=1\n")


def test_sockets_have_short_paths_however_long_the_state_folders_is(tmp_path: Path) -> None:
    long = Places.of(tmp_path / ("x" * 200))
    assert max(len(str(path)) for path in (long.postgres_sockets / ".s.PGSQL.5432", long.valkey_socket, long.caddy_socket)) < 100
    assert re.fullmatch(r"/tmp/storeyard-\d+-[0-9a-f]{8}", str(long.runtime))
