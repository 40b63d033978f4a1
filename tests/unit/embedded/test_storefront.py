"""The storefront is made once of its recipe; here of one that is small and needs no package."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from embedded import storefront
from embedded.places import Places
from embedded.screen import Screen

PYTHON = Path(sys.base_prefix) / "bin" / "python3"


@pytest.fixture
def recipe(folder: Path) -> Path:
    made = folder / "recipe"
    (made / "storefront" / "__pycache__").mkdir(parents=True)
    (made / "storefront" / "__init__.py").write_text("SAYS = 'hello'\n")
    (made / "storefront" / "__pycache__" / "old.pyc").touch()
    (made / "gunicorn.conf.py").write_text("workers = 1\n")
    (made / "requirements.txt").touch()
    return made


def build(places: Places, recipe: Path, python: Path = PYTHON) -> str:
    screen = io.StringIO()
    storefront.build(places, python=python, screen=Screen(screen), recipe=recipe)
    return screen.getvalue()


def said(command: list[str | Path], user: int | None = None, group: int | None = None, **environment: str) -> str:
    done = subprocess.run(command, cwd="/", env=environment, user=user, group=group, capture_output=True, text=True, check=True)
    return done.stdout


def test_it_is_made_once_and_again_when_its_code_changes(places: Places, recipe: Path) -> None:
    assert "installed once" in build(places, recipe)
    assert build(places, recipe) == ""
    (recipe / "storefront" / "__init__.py").write_text("SAYS = 'good evening'\n")
    assert "installed once" in build(places, recipe)
    assert said([PYTHON, "-c", "import storefront; print(storefront.SAYS)"], PYTHONPATH=str(places.storefront)) == "good evening\n"


def test_it_is_compiled_beforehand_and_everybody_may_read_it(places: Places, recipe: Path) -> None:
    build(places, recipe)
    assert [path.name for path in (places.storefront / "storefront" / "__pycache__").iterdir()] == [
        f"__init__.{sys.implementation.cache_tag}.pyc"
    ]
    for path in (places.storefront, *places.storefront.rglob("*")):
        wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
        assert path.stat().st_mode & wanted == wanted, path


def test_packages_that_cannot_be_had_leave_the_old_one_in_place(places: Places, recipe: Path) -> None:
    build(places, recipe)
    (recipe / "requirements.txt").write_text("storeyard-no-such-package==1.0 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        build(places, recipe)
    assert b"storeyard-no-such-package" in failed.value.stderr
    assert (places.storefront / "storefront" / "__init__.py").exists()


def test_containers_of_another_user_get_a_python_that_he_can_run(places: Places) -> None:
    python = storefront.find_python(places, others=True)
    user = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
    assert said([python, "-c", "import ssl, json, sys; print(sys.version_info[:2])"], **user) == f"{sys.version_info[:2]}\n"
