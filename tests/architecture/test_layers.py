"""What import-linter cannot say of the layers."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from app.adapters.rq import RECONCILE, TASKS
from jobs import ALLOWED

ROOT = Path(__file__).parents[2]
DOMAIN = sorted((ROOT / "app" / "domain").glob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", DOMAIN, ids=[path.stem for path in DOMAIN])
def test_the_domain_imports_nothing_but_the_standard_library_and_itself(path: Path) -> None:
    foreign = {name for name in imports(path) if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("app.domain")}
    assert foreign == set()


@pytest.mark.parametrize("path", DOMAIN, ids=[path.stem for path in DOMAIN])
def test_the_domain_has_no_clock_no_randomness_and_no_files(path: Path) -> None:
    banned = {"random", "secrets", "time", "os", "pathlib", "socket", "subprocess", "threading", "uuid"}
    assert banned.isdisjoint(imports(path))
    text = path.read_text()
    assert "now()" not in text
    assert "open(" not in text


@pytest.mark.parametrize("path", sorted({RECONCILE, *TASKS.values()}))
def test_every_path_that_is_enqueued_leads_to_a_function_that_may_run(path: str) -> None:
    assert path in ALLOWED
    module, _, name = path.rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_nothing_connects_when_it_is_imported() -> None:
    """`wsgi` and the command line are imported by tools that have no database."""
    assert import_module("app.cli")


@pytest.mark.parametrize("name", ["README.md", "SYSTEM_DESIGN.md", "CHANGELOG.md", "LICENSE", "requirements.txt", "wsgi.py"])
def test_what_a_stranger_looks_for_first_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 100


def test_locked_requirements_name_no_registry() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text


def test_every_test_that_design_names_exists() -> None:
    """SYSTEM_DESIGN.md says which test holds which promise."""
    design = (ROOT / "SYSTEM_DESIGN.md").read_text()
    named = set(re.findall(r"`(tests/[^`]*)`", design))
    assert named
    assert {path for path in named if not (ROOT / path).exists()} == set()
