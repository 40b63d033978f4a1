"""What is said before anything is started: a sentence for each thing that is missing, with its fix, and all at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from embedded.machine import Holder, Machine
from embedded.preflight import problems
from embedded.settings import Choices

STATE = Path("/home/mia/storeyard/.storeyard")
GOOD = Machine(node="20.1.0", node_path="/usr/bin/node", npm=True, free_disk=20_000, free_memory=8_000)
HERE = Choices(local_cluster=True, local_database=True, local_queue=True, api_port=6443, port=8080, web_port=8000)
ELSEWHERE = replace(HERE, local_cluster=False)


def said(machine: Machine, choices: Choices = HERE, *, build: bool = True) -> list[str]:
    return problems(machine, choices, state=STATE, build=build)


def test_a_machine_with_everything_is_let_pass() -> None:
    assert said(GOOD) == []


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (replace(GOOD, system="Darwin"), ["macOS", "Linux on x86-64", "Kubernetes cluster"]),
        (replace(GOOD, processor="aarch64"), ["aarch64", "x86-64", "STOREYARD_KUBECONFIG"]),
        (replace(GOOD, python=(3, 10)), ["Python 3.10", "3.11", "PYTHON="]),
        (replace(GOOD, node=None), ["Node.js is missing", "Node 20", "https://nodejs.org", "STOREYARD_KUBECONFIG"]),
        (replace(GOOD, node="18.20.1"), ["18.20.1 is too old", "Node 20"]),
        (replace(GOOD, node="weird"), ["weird is too old"]),
        (replace(GOOD, npm=False), ["npm is missing", "Node.js"]),
        (replace(GOOD, free_disk=900), ["900 MB of disk", "3500 MB", "STOREYARD_STATE"]),
        (replace(GOOD, free_memory=1200), ["1200 MB of memory", "2400 MB", "build"]),
        (replace(GOOD, taken={8080: Holder(77, "nginx")}), ["8080", "nginx (process 77)", "STOREYARD_PORT=18080 make up"]),
        (replace(GOOD, taken={6443: Holder()}), ["6443", "another user's process", "STOREYARD_API_PORT=16443 make up"]),
        (replace(GOOD, closed=(8080,)), ["8080", "root alone", "STOREYARD_PORT="]),
        (replace(GOOD, writable="Read-only file system"), [str(STATE), "Read-only file system", "STOREYARD_STATE"]),
        (replace(GOOD, root=True, useradd=False), ["useradd", "root"]),
        (replace(GOOD, root=True, reachable=False), ["cannot enter", "STOREYARD_STATE"]),
    ],
)
def test_each_problem_is_a_sentence_with_its_fix(machine: Machine, words: list[str]) -> None:
    (sentence,) = said(machine)
    assert [word for word in words if word not in sentence] == []
    assert sentence.endswith((".", "make up`."))


def test_all_problems_are_said_at_once() -> None:
    bad = replace(GOOD, node=None, npm=False, free_disk=1, free_memory=1, taken={6443: Holder(), 8080: Holder()})
    assert len(said(bad)) == 6


def test_with_another_cluster_neither_node_nor_ports_nor_the_processor_matter() -> None:
    bare = replace(GOOD, node=None, npm=False, processor="aarch64", taken={8080: Holder()}, free_disk=600, free_memory=600)
    assert said(bare, ELSEWHERE, build=False) == []


def test_once_medusa_is_built_less_room_is_needed() -> None:
    assert said(replace(GOOD, free_disk=600, free_memory=1000), build=False) == []


def test_one_number_for_both_ports_is_refused() -> None:
    (sentence,) = said(GOOD, replace(HERE, port=6443))
    assert "both 6443" in sentence


def test_an_ordinary_user_needs_no_useradd_and_no_open_folders() -> None:
    assert said(replace(GOOD, useradd=False, reachable=False)) == []
