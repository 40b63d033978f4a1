"""The command line on its own configuration: schema, a database out of reach, and the same commands under flask."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet
from sqlalchemy import select, text

from app.bootstrap import build_services
from app.cli.invocation import Cli
from app.cli.root import build_root
from app.config import Settings
from app.domain.errors import UnscopedQuery
from app.factory import create_app
from app.models import Store
from app.services.upgrade_schema import head

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logging is the process's, and these tests share one."""
    monkeypatch.setattr("app.bootstrap.configure_logging", lambda _settings: None)


def environment(database_url: str, **more: str) -> dict[str, str]:
    return {
        "STOREYARD_DATABASE_URL": database_url,
        "STOREYARD_QUEUE_URL": "unix:///nowhere/valkey",
        "STOREYARD_VAULT_KEYS": Fernet.generate_key().decode(),
        **more,
    }


def run(database_url: str, *args: str) -> Result:
    clean = {name: None for name in os.environ if name.startswith("STOREYARD_")}
    return CliRunner().invoke(build_root(), args, prog_name="storeyard", env={**clean, **environment(database_url)}, catch_exceptions=False)


def test_the_schema_is_brought_up_once(empty_database: str) -> None:
    before = run(empty_database, "db", "current")
    assert before.stdout.startswith("no schema yet")
    assert "storeyard db upgrade" in before.stdout
    assert json.loads(run(empty_database, "db", "upgrade", "--json").stdout) == {"before": None, "current": head(), "head": head()}
    assert run(empty_database, "db", "upgrade").stdout == f"The schema is up to date ({head()}).\n"
    assert run(empty_database, "db", "current").stdout == f"{head()} (up to date)\n"
    assert json.loads(run(empty_database, "db", "current", "--json").stdout)["up_to_date"] is True


def test_a_database_without_a_schema_names_the_command(empty_database: str) -> None:
    result = run(empty_database, "tenant", "list", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "database_schema"
    assert "storeyard db upgrade" in result.stderr


@pytest.mark.parametrize("command", [["tenant", "list"], ["db", "upgrade"], ["store", "show", "x"]], ids=" ".join)
def test_a_database_out_of_reach_is_one_sentence_without_the_password(command: list[str]) -> None:
    result = run("postgresql://me:topsecret@127.0.0.1:9/x", *command)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: The database at 127.0.0.1:9/x cannot be reached: Connection refused.")
    assert len(result.stderr.splitlines()) == 1
    assert "topsecret" not in result.output


def test_a_database_out_of_reach_as_json() -> None:
    result = run("postgresql://me:topsecret@127.0.0.1:9/x", "tenant", "list", "--json")
    assert json.loads(result.stdout)["error"]["code"] == "database_unavailable"


def test_a_process_of_its_own_prints_nothing_but_its_answer(database: str) -> None:
    def call(*args: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; from app.cli import main; sys.argv[0] = 'storeyard'; main()"
        env = {**os.environ, **environment(database)}
        return subprocess.run([sys.executable, "-c", code, *args], check=False, cwd=ROOT, env=env, capture_output=True, text=True)

    assert call("tenant", "create", "acme").stdout.startswith("Tenant acme is there")
    created = call("store", "create", "bakery", "--tenant", "acme", "--json")
    assert created.returncode == 0, created.stderr
    assert json.loads(created.stdout)["phase"] == "Pending"
    assert created.stderr == (
        "note: The queue cannot be reached. The request is kept in the database; the scheduler hands it on once the queue is back.\n"
    )


def test_the_cluster_is_named_as_it_is_configured(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch()
    for name, value in environment(database).items():
        monkeypatch.setenv(name, value)
    cli = Cli()
    assert cli.cluster_name == "the cluster"
    _ = cli.settings
    assert cli.cluster_name == "the service account of this pod"
    monkeypatch.setenv("STOREYARD_KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("STOREYARD_KUBE_CONTEXT", "blue")
    cli = Cli()
    _ = cli.settings
    assert cli.cluster_name == f"the kubeconfig {kubeconfig} (context blue)"


@pytest.fixture
def settings(database: str) -> Settings:
    return Settings.from_env(environment(database))


def test_the_web_app_tells_whether_it_is_ready(settings: Settings) -> None:
    app = create_app(settings)
    client = app.test_client()
    assert (client.get("/healthz").status_code, client.get("/healthz").json) == (200, {"status": "ok"})
    assert (client.get("/readyz").status_code, client.get("/readyz").json) == (200, {"status": "ok"})
    services = app.extensions["storeyard"]
    with services.sessions.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    try:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json) == (503, {"status": "unavailable", "reason": "schema"})
    finally:
        with services.sessions.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head()})
        services.sessions.dispose()


def test_a_web_app_without_a_database_lives_and_is_not_ready() -> None:
    client = create_app(Settings.from_env(environment("postgresql://me:topsecret@127.0.0.1:9/x"))).test_client()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "unavailable", "reason": "database"})


def test_a_session_of_flask_sqlalchemy_reads_no_tenants_rows_without_a_scope(settings: Settings) -> None:
    app = create_app(settings)
    db = app.extensions["sqlalchemy"]
    services = app.extensions["storeyard"]
    with app.app_context():
        assert db.engine is services.sessions.engine
        with pytest.raises(UnscopedQuery):
            db.session.scalars(select(Store)).all()
    services.sessions.dispose()


def test_flask_has_the_same_commands(settings: Settings) -> None:
    app = create_app(settings)
    result = app.test_cli_runner().invoke(args=["storeyard", "tenant", "list", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"tenants": []}
    refused = app.test_cli_runner().invoke(args=["storeyard", "store", "show", "nope"])
    assert refused.exit_code == 1
    assert refused.stderr == "error: There is no store 'nope'. `storeyard store list` shows all.\n"
    app.extensions["storeyard"].sessions.dispose()


def test_wsgi_says_what_is_wrong_with_the_configuration(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in os.environ if name.startswith("STOREYARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "wsgi", raising=False)
    with pytest.raises(SystemExit, match="2"):
        importlib.import_module("wsgi")
    told = capsys.readouterr().err
    for name in ("DATABASE_URL", "QUEUE_URL", "VAULT_KEYS"):
        assert f"STOREYARD_{name}: is required" in told


def test_building_services_connects_to_nothing() -> None:
    build_services(Settings.from_env(environment("postgresql://me:topsecret@127.0.0.1:9/x")))
