"""Medusa is built once; here by a recipe that only pretends."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from embedded import bundle
from embedded.bundle import BuildFailed
from embedded.places import CHECKOUT, Places
from embedded.process import leftovers
from embedded.screen import Screen

RECIPE = """#!/bin/sh
echo "bundle: install" >&2
echo "$BUNDLE_WORK $PG_BIN" >>"$BUNDLE_WORK.calls"
{then}
mkdir -p "$1" && touch "$1/server.js" "$1/template.sql"
"""


@pytest.fixture
def recipe(folder: Path) -> Path:
    made = folder / "recipe"
    (made / "build").mkdir(parents=True)
    write(made, "echo bundle: compile")
    return made


def write(recipe: Path, then: str) -> None:
    program = recipe / "build" / "bundle.sh"
    program.write_text(RECIPE.format(then=then))
    program.chmod(0o755)


def build(places: Places, recipe: Path) -> str:
    said = io.StringIO()
    bundle.build(places, postgres=Path("/pg"), environment={"PATH": "/usr/bin:/bin"}, screen=Screen(said), recipe=recipe)
    return said.getvalue()


def calls(places: Places) -> list[str]:
    return (places.medusa / "work.calls").read_text().splitlines()


def test_the_steps_are_shown_and_a_second_run_has_nothing_to_do(places: Places, recipe: Path) -> None:
    said = build(places, recipe)
    assert "Medusa: packages" in said
    assert "Medusa: server and admin pages" in said
    assert calls(places) == [f"{places.medusa}/work /pg/bin"]
    assert build(places, recipe) == ""
    assert len(calls(places)) == 1


def test_a_changed_recipe_is_built_anew_but_its_readme_does_not_matter(places: Places, recipe: Path) -> None:
    build(places, recipe)
    (recipe / "README.md").write_text("more")
    (recipe / "Dockerfile").write_text("more")
    assert bundle.is_built(places, recipe=recipe)
    (recipe / "server.js").write_text("more")
    assert not bundle.is_built(places, recipe=recipe)
    build(places, recipe)
    assert len(calls(places)) == 2


def test_a_bundle_that_was_damaged_is_built_anew(places: Places, recipe: Path) -> None:
    build(places, recipe)
    (places.medusa / "bundle" / "template.sql").unlink()
    assert not bundle.is_built(places, recipe=recipe)


def test_a_failure_shows_its_last_words_and_is_not_taken_for_a_bundle(places: Places, recipe: Path) -> None:
    write(recipe, "echo no route to the registry; exit 4")
    with pytest.raises(BuildFailed) as failure:
        build(places, recipe)
    assert failure.value.step == "Medusa: packages"
    assert failure.value.lines[-1] == "no route to the registry"
    assert not bundle.is_built(places, recipe=recipe)


BUILDER = """
import sys
from pathlib import Path
from embedded import bundle
from embedded.places import Places
from embedded.screen import Screen
places, recipe = Places.of(Path(sys.argv[1])), Path(sys.argv[2])
bundle.build(places, postgres=Path("/pg"), environment={"PATH": "/usr/bin:/bin"}, screen=Screen(), recipe=recipe)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_it_leaves_no_process_of_its_own(places: Places, recipe: Path, number: signal.Signals) -> None:
    write(recipe, "exec sleep 600")
    with subprocess.Popen(
        [sys.executable, "-c", BUILDER, places.state, recipe], cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as builder:
        wait_until(lambda: (places.medusa / "work.calls").exists() and leftovers(places.state))
        os.kill(builder.pid, number)
    wait_until(lambda: leftovers(places.state) == [])
    assert not bundle.is_built(places, recipe=recipe)


def wait_until(true: object) -> None:
    deadline = time.monotonic() + 20
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_real_recipe_says_the_steps_that_are_known_here() -> None:
    text = (bundle.RECIPE / "build" / "bundle.sh").read_text()
    assert all(f"step {name} " in text for name in bundle.STEPS)


def test_the_real_recipe_gives_its_steps_paths_without_symbolic_links(folder: Path) -> None:
    recipe, real, link = folder / "recipe", folder / "real", folder / "link"
    (recipe / "build").mkdir(parents=True)
    shutil.copy(bundle.RECIPE / "build" / "bundle.sh", recipe / "build")
    needs = ("package.json", "package-lock.json", ".npmrc", "src", "tsconfig.json", "medusa-config.ts", "server.js", "boot", "demo",
             "NOTICE", "LICENSE.medusa", "build/prune.mjs")  # fmt: skip
    for name in needs:
        (recipe / name).touch()
    for name in ("install", "compile", "assemble", "template"):
        step = recipe / "build" / f"{name}.sh"
        step.write_text(f'#!/bin/sh\necho {name} "$@" >>{folder}/calls\n')
        step.chmod(0o755)
    real.mkdir()
    link.symlink_to(real)
    environment = {"PATH": "/usr/bin:/bin", "BUNDLE_WORK": f"{link}/work", "SCRATCH_DATABASE_URL": "postgresql://x"}
    subprocess.run([recipe / "build" / "bundle.sh", link / "bundle"], env=environment, check=True)
    assert (folder / "calls").read_text().splitlines() == [
        f"install {real}/work", f"compile {real}/work", f"assemble {real}/work {real}/bundle", f"template {real}/bundle",
    ]  # fmt: skip
