"""Logs are turned over by size, and followed across that."""

from __future__ import annotations

from pathlib import Path

from embedded.logs import LogFile, follow, tail


def test_a_full_log_becomes_the_older_one(folder: Path) -> None:
    log = LogFile(folder, "web", most=10)
    for word in (b"first 11 b\n", b"second\n", b"third\n", b"fourth\n"):
        log.write(word)
    log.close()
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "web.log": "fourth\n", "web.log.1": "third\n", "web.log.2": "second\n",
    }  # fmt: skip


def test_a_log_goes_on_where_it_was(folder: Path) -> None:
    for word in (b"one\n", b"two\n"):
        log = LogFile(folder, "web")
        log.write(word)
        log.close()
    assert (folder / "web.log").read_text() == "one\ntwo\n"
    assert (folder / "web.log").stat().st_mode & 0o777 == 0o600


def test_following_shows_the_last_lines_then_new_ones_of_all_parts(folder: Path) -> None:
    web, other = folder / "web.log", folder / "other.log"
    web.write_text("1\n2\n3\n")
    lines = follow(folder, [], lines=2, pause=0)
    assert [next(lines), next(lines)] == ["web | 2", "web | 3"]
    other.write_text("hello\nhalf")
    assert next(lines) == "other | hello"
    assert next(lines) == "other | half"
    with web.open("a") as file:
        file.write("4\n")
    assert next(lines) == "web | 4"
    web.rename(folder / "web.log.1")
    web.write_text("5\n")
    assert next(lines) == "web | 5"


def test_following_one_part_shows_no_other(folder: Path) -> None:
    for name in ("web", "worker-1", "worker-2"):
        (folder / f"{name}.log").write_text(f"{name}\n")
    assert list(follow(folder, ["worker-1"], lines=9, forever=False)) == ["worker-1 | worker-1"]


def test_the_end_of_a_file_that_is_not_there_is_nothing(folder: Path) -> None:
    assert tail(folder / "none.log", 5) == []


def test_bytes_that_are_no_text_are_shown_all_the_same(folder: Path) -> None:
    (folder / "web.log").write_bytes(b"a\xffb\n")
    assert tail(folder / "web.log", 5) == ["a\ufffdb"]
