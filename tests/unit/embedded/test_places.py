"""Folders that can be trusted, and files that are whole."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from embedded import programs
from embedded.places import Places, make_runtime, write_private
from embedded.programs import lend, reachable_by_others


def test_one_state_folder_has_one_runtime_folder_whatever_way_it_is_named(folder: Path) -> None:
    (folder / "state").mkdir()
    (folder / "link").symlink_to(folder / "state")
    assert Places.of(folder / "link") == Places.of(folder / "state")
    assert Places.of(folder / "state").runtime != Places.of(folder / "other").runtime


def test_a_link_in_tmp_is_not_taken_for_our_folder(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "runtime").symlink_to(folder / "elsewhere")
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        make_runtime(folder / "runtime")


def test_a_file_in_its_place_is_refused(folder: Path) -> None:
    (folder / "runtime").touch()
    with pytest.raises(OSError, match="runtime"):
        make_runtime(folder / "runtime")


def test_a_private_file_is_written_whole_and_only_when_it_changes(folder: Path) -> None:
    path = folder / "env"
    write_private(path, "A=1\n")
    first = path.stat()
    write_private(path, "A=1\n")
    assert path.stat().st_ino == first.st_ino
    write_private(path, "A=2\n")
    assert path.read_text() == "A=2\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [place.name for place in folder.iterdir()] == ["env"]


def test_a_program_in_a_closed_folder_is_lent_as_a_copy(folder: Path) -> None:
    closed = folder / "closed"
    program = closed / "server" / "bin" / "run"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    together = (closed / "server", closed / "server.libs")
    together[1].mkdir()
    (together[1] / "part.so").write_text("part")
    assert lend(program, folder / "lent", together=together) == program
    closed.chmod(0o700)
    lent = lend(program, folder / "lent", together=together)
    assert reachable_by_others(lent)
    assert (lent.parents[2] / "server.libs" / "part.so").read_text() == "part"
    assert lend(program, folder / "lent", together=together) == lent
    program.write_text("#!/bin/sh\nexit 1\n")
    newer = lend(program, folder / "lent", together=together)
    assert newer.read_text() == "#!/bin/sh\nexit 1\n"
    assert len(list((folder / "lent").iterdir())) == 1


def test_a_single_program_is_lent_alone(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / "run").write_text("#!/bin/sh\n")
    (closed / "run").chmod(0o755)
    (closed / "secret").touch()
    lent = lend(closed / "run", folder / "lent")
    assert reachable_by_others(lent)
    assert [path.name for path in lent.parent.iterdir()] == ["run"]


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's servers run as that user")
def test_postgresqls_programs_run_from_where_they_are_lent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "reachable_by_others", lambda _: False)
    home = programs.lend_postgres(folder / "lent")
    assert home.is_relative_to(folder)
    told = subprocess.run(
        [home / "bin" / "initdb", "--version"], check=True, capture_output=True, text=True, user=programs.ensure_system_user()
    )
    assert told.stdout.startswith("initdb (PostgreSQL)")
