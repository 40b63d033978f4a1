"""The shelf: what is written is read again, damage costs one object at most, versions never go back."""

from __future__ import annotations

import errno
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcluster import disk
from localcluster.disk import FAR, TWICE, FolderTaken, Loaded, Shelf
from localcluster.errors import ApiError
from localcluster.objects import Store
from localcluster.schema import KINDS
from tests.unit.localcluster.shapes import NAMESPACE, Body, Ticking, config_map

CLAIM: Body = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """A store on a folder, as the pocket cluster opens it."""
    shelf = Shelf(folder)
    try:
        loaded = shelf.load()
        store = Store(now=Ticking(), keeper=shelf)
        store.restore(loaded.objects, loaded.version)
        yield store
    finally:
        shelf.close()


def load(folder: Path) -> Loaded:
    shelf = Shelf(folder)
    try:
        return shelf.load()
    finally:
        shelf.close()


def content(store: Store) -> list[Body]:
    return sorted((body for kind in KINDS for body in store.all(kind)), key=lambda body: int(body["metadata"]["resourceVersion"]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With one object of several kinds, and nobody at work in it."""
    with opened(tmp_path / "state") as store:
        store.create("Namespace", {"metadata": {"name": NAMESPACE}}, manager="m")
        store.create("PersistentVolumeClaim", {"metadata": {"name": "data"}, **CLAIM}, namespace=NAMESPACE, manager="m")
        store.create("ConfigMap", config_map({"a": "1"}), namespace=NAMESPACE, manager="m")
        store.create("Secret", {"metadata": {"name": "key"}, "stringData": {"a": "b"}}, namespace=NAMESPACE, manager="m")
        store.create("Node", {"metadata": {"name": "local"}}, manager="m")
    return tmp_path / "state"


def files(folder: Path) -> list[Path]:
    """Relative; those that hold something."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in found if path.parts[0] in ("objects", "copies", "version"))


# Writing and reading

names = st.sampled_from(["a", "b.c", "d-e"])
awkward = st.sampled_from(["system:node", "a~b", "..x", ".", "a b", "ß" * 120, "A", "a", "x" * 253, "x" * 252 + "y", "%2F", "*?"])
writes = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "drop"]),
        st.one_of(
            st.tuples(st.sampled_from(["ConfigMap", "PersistentVolumeClaim", "Secret"]), names),
            st.tuples(st.just("Role"), awkward.filter(lambda name: name not in (".", "%2F"))),
        ),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    ),
    max_size=20,
)


def write(store: Store, verb: str, kind: str, name: str, text: str) -> None:
    """Whatever the object's state is now."""
    try:
        if verb == "put":
            body: Body = {"metadata": {"name": name, "annotations": {"text": text}}, **(CLAIM if kind == "PersistentVolumeClaim" else {})}
            store.apply(kind, NAMESPACE, name, {"kind": kind, "apiVersion": KINDS[kind].api_version, **body}, manager="m", force=True)
        else:
            store.patch(kind, NAMESPACE, name, {"metadata": {"finalizers": None}}, form="merge", manager="m")
            store.delete(kind, NAMESPACE, name)
    except ApiError as error:
        if error.code != 404:
            raise


@settings(max_examples=60)
@given(first=writes, second=writes)
def test_any_sequence_of_writes_is_loaded_back_equal(first: Any, second: Any) -> None:
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "state"
        with opened(folder) as store:
            store.create("Namespace", {"metadata": {"name": NAMESPACE}}, manager="m")
            for verb, (kind, name), text in first:
                write(store, verb, kind, name, text)
            before, version = content(store), int(store.version)
        with opened(folder) as store:
            assert content(store) == before
            assert int(store.version) >= version
            for verb, (kind, name), text in second:
                write(store, verb, kind, name, text)
            before, version = content(store), int(store.version)
        loaded = load(folder)
        assert list(loaded.objects) == before
        assert loaded.version >= version
        assert loaded.damaged == ()


@given(first=awkward, second=awkward)
def test_different_names_have_different_files(first: str, second: str) -> None:
    one, other = disk._file_name(first), disk._file_name(second)
    assert (one == other) == (first == second)
    assert "/" not in one
    assert len(f"{one}.json".encode()) < 256


def test_only_the_owner_reads_the_files(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all((folder / path).stat().st_mode & 0o777 == 0o600 for path in files(folder))


def test_a_folder_belongs_to_one_process(folder: Path) -> None:
    shelf = Shelf(folder)
    with pytest.raises(FolderTaken, match=rf"is in use by another pocket cluster \(process {os.getpid()}\)"):
        Shelf(folder)
    shelf.close()
    Shelf(folder).close()


def test_nothing_is_written_before_the_versions_are_known(folder: Path) -> None:
    shelf = Shelf(folder)
    with pytest.raises(RuntimeError, match="load"):
        shelf.put("ConfigMap", config_map(namespace=NAMESPACE, resourceVersion="1"))
    shelf.close()


def test_an_empty_folder_is_an_empty_cluster(tmp_path: Path) -> None:
    assert load(tmp_path / "new") == Loaded((), 0, ())


# Versions


def test_versions_go_on_above_all_that_were_given_even_to_what_is_gone(folder: Path) -> None:
    with opened(folder) as store:
        store.delete("ConfigMap", NAMESPACE, "settings")
        given = int(store.version)
    for _ in range(3):
        with opened(folder) as store:
            assert int(store.version) >= given
            made = store.create("ConfigMap", config_map(), namespace=NAMESPACE, manager="m")
            assert int(made["metadata"]["resourceVersion"]) > given
            store.delete("ConfigMap", NAMESPACE, "settings")
            given = int(store.version)


@pytest.mark.parametrize("state", ["missing", "cut off", "older"])
def test_without_their_number_versions_go_on_far_above_the_highest_seen(folder: Path, state: str) -> None:
    highest = max(int(body["metadata"]["resourceVersion"]) for body in load(folder).objects)
    match state:
        case "missing":
            (folder / "version").unlink()
        case "cut off":
            os.truncate(folder / "version", 30)
        case _:
            (folder / "version").write_bytes(disk._sealed(b"2"))
    loaded = load(folder)
    assert loaded.version == highest + FAR
    assert [damage.place for damage in loaded.damaged] == ["version"]
    assert load(folder).version >= loaded.version, "until the first write it may be found out again"
    with opened(folder) as store:
        store.create("ConfigMap", config_map(name="new"), namespace=NAMESPACE, manager="m")
    assert load(folder).damaged == ()


# Damage


def cut(path: Path, chance: random.Random) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size))


def flip(path: Path, chance: random.Random) -> None:
    raw = bytearray(path.read_bytes())
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    path.write_bytes(raw)


@pytest.mark.parametrize("harm", [cut, flip])
def test_a_damaged_file_costs_one_object_at_most(folder: Path, tmp_path: Path, harm: Callable[[Path, random.Random], None]) -> None:
    chance = random.Random(5)
    whole = load(folder)
    for number, place in enumerate(files(folder) * 6):
        hurt = tmp_path / str(number)
        shutil.copytree(folder, hurt)
        harm(hurt / place, chance)
        loaded = load(hurt)
        (damage,) = loaded.damaged
        assert damage.place == str(place)
        spared = place.parts[0] == "version" or place.parts[1] in TWICE
        assert damage.recovered == (spared and place.parts[0] != "version")
        lost = [body for body in whole.objects if body not in loaded.objects]
        assert [body["kind"] for body in lost] == ([] if spared else [place.parts[1]])
        assert loaded.version >= whole.version
        (kept,) = (hurt / "damaged").glob("*.reason")
        assert kept.read_text().startswith(f"{place}: ")
        assert kept.with_suffix("").exists()
        again = load(hurt)
        assert again.objects == loaded.objects
        assert place.parts[0] == "version" or again.damaged == (), "it is out of the way"
        assert not spared or place.parts[0] == "version" or files(hurt) == files(folder), "the copy is made good"
        shutil.rmtree(hurt)


def test_the_newer_of_two_copies_counts(folder: Path) -> None:
    place = Path("PersistentVolumeClaim", NAMESPACE, "data.json")
    old = (folder / "copies" / place).read_bytes()
    with opened(folder) as store:
        store.patch("PersistentVolumeClaim", NAMESPACE, "data", {"metadata": {"labels": {"a": "b"}}}, form="merge", manager="m")
    for stale in ("copies", "objects"):
        (folder / stale / place).write_bytes(old)
        loaded = load(folder)
        assert [body["metadata"].get("labels") for body in loaded.objects if body["metadata"]["name"] == "data"] == [{"a": "b"}]
        assert (folder / "copies" / place).read_bytes() == (folder / "objects" / place).read_bytes() != old


@pytest.mark.parametrize(
    ("place", "source", "reason"),
    [
        ("objects/ConfigMap/home/copied.json", "objects/ConfigMap/home/settings.json", "belongs to ConfigMap/home/settings.json"),
        ("objects/Secret/home/settings.json", "objects/ConfigMap/home/settings.json", "belongs to ConfigMap/home/settings.json"),
        ("objects/Gadget/home/settings.json", "objects/ConfigMap/home/settings.json", "no kind of object belongs there"),
        ("copies/ConfigMap/home/settings.json", "objects/ConfigMap/home/settings.json", "no kind of object belongs there"),
        ("objects/stray.json", "objects/ConfigMap/home/settings.json", "no kind of object belongs there"),
        ("objects/ConfigMap/home/notes.txt", None, "does not begin as our files do"),
        ("objects/ConfigMap/home/empty.json", b"", "it is empty"),
        ("objects/ConfigMap/home/list.json", disk._sealed(b"[]"), "it holds no object"),
        ("objects/ConfigMap/home/text.json", disk._sealed(b'{"kind": "ConfigMap", "metadata": "x"}'), "it holds no object"),
        ("objects/ConfigMap/home/folder.json/x", b"x", "Is a directory"),
    ],
)
def test_what_does_not_belong_there_is_set_aside(folder: Path, place: str, source: str | bytes | None, reason: str) -> None:
    whole = load(folder)
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    raw = b"remember the milk" if source is None else source if isinstance(source, bytes) else (folder / source).read_bytes()
    (folder / place).write_bytes(raw)
    loaded = load(folder)
    assert loaded.objects == whole.objects
    assert [reason in damage.reason for damage in loaded.damaged] == [True]
    assert load(folder).damaged == ()


def test_left_over_temporaries_are_removed(folder: Path) -> None:
    (folder / "temporary" / "7").write_bytes(b"half an ob")
    assert load(folder).damaged == ()
    assert list((folder / "temporary").iterdir()) == []


def test_folders_of_namespaces_go_with_their_last_object(folder: Path) -> None:
    with opened(folder) as store:
        store.delete("Secret", NAMESPACE, "key")
    assert not (folder / "objects" / "Secret" / NAMESPACE).exists()


# A full disk


@pytest.mark.parametrize("writes_left", [0, 1])
def test_a_full_disk_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, writes_left: int) -> None:
    fill, left = disk._fill, [writes_left]

    def filling(path: Path, content: bytes, *, wait: bool) -> None:
        if not left[0]:
            path.write_bytes(content[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= 1
        fill(path, content, wait=wait)

    with opened(folder) as store:
        store.patch("ConfigMap", NAMESPACE, "settings", {"data": {"a": "2"}}, form="merge", manager="m")
        before = content(store)
        monkeypatch.setattr(disk, "_fill", filling)
        with pytest.raises(ApiError, match="No space left on device"):
            store.patch("PersistentVolumeClaim", NAMESPACE, "data", {"metadata": {"labels": {"a": "b"}}}, form="merge", manager="m")
        assert content(store) == before
        assert list((folder / "temporary").iterdir()) == []
        store.delete("ConfigMap", NAMESPACE, "settings")
        before = content(store)
    monkeypatch.undo()
    assert list(load(folder).objects) == before


def test_an_object_that_is_no_json_is_refused(folder: Path) -> None:
    with opened(folder) as store, pytest.raises(ApiError, match="cannot be written as JSON"):
        store.create("ConfigMap", config_map({"a": "\ud800"}, name="other"), namespace=NAMESPACE, manager="m")
