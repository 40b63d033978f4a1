"""The manifests of each plan, written out: a change of a template shows in review as the change of the objects it makes.

STOREYARD_UPDATE_GOLDEN=1 writes the files anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.adapters.jinja import JinjaRenderer
from app.domain.plans import PLANS
from app.domain.stores import DesiredState, Rotation
from tests.golden.stores import PENDING, PROFILE, snapshot

FOLDER = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("state", [DesiredState.PRESENT, DesiredState.SUSPENDED])
@pytest.mark.parametrize("plan", PLANS)
def test_a_store_renders_as_its_golden_file_says(plan: str, state: DesiredState) -> None:
    check(f"medusa-r1-{plan}-{state}.yaml", plan=plan, desired_state=state)


def test_a_store_whose_credentials_are_being_replaced_renders_as_its_golden_file_says() -> None:
    check("medusa-r1-starter-rotating.yaml", rotation=Rotation.SETTING, pending_secrets=PENDING)


def check(name: str, **changes: Any) -> None:
    manifests = JinjaRenderer(None, PROFILE).render(snapshot(**changes))
    path = FOLDER / name
    if os.environ.get("STOREYARD_UPDATE_GOLDEN") == "1":
        path.write_text(yaml.safe_dump_all((manifest.body for manifest in manifests), sort_keys=False, width=140), encoding="utf-8")
    assert path.exists(), "no golden file: run with STOREYARD_UPDATE_GOLDEN=1"
    assert [manifest.body for manifest in manifests] == list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def test_every_golden_file_belongs_to_a_case() -> None:
    expected = {f"medusa-r1-{plan}-{state}.yaml" for plan in PLANS for state in ("present", "suspended")}
    expected.add("medusa-r1-starter-rotating.yaml")
    assert {path.name for path in FOLDER.glob("*.yaml")} == expected
