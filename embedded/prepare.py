"""What stands before a start: the checks of this machine, the folders, the secrets, the database, Medusa, the plan of parts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from embedded import bundle, layout, preflight, programs, settings, storefront
from embedded.catalogue import write_catalogue
from embedded.database import make_database
from embedded.machine import Machine, observe
from embedded.places import CHECKOUT, STATE_VARIABLE, Places, make_runtime, short_hash, write_private
from embedded.screen import Screen

ELSEWHERE = Path("/var/lib")


class CannotStart(Exception):
    """`problems` are sentences with their fixes."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a start needs; `environment` is the whole of what the application's processes get."""

    choices: settings.Choices
    environment: Mapping[str, str]


def choose_place(environment: Mapping[str, str]) -> Places:
    """The state folder. As root, in a checkout that others cannot enter, `.storeyard` is a link to one they can. Raises CannotStart."""
    usual = CHECKOUT / ".storeyard"
    chosen = environment.get(STATE_VARIABLE, "").strip()
    if not chosen and not usual.exists() and os.geteuid() == 0 and not programs.reachable_by_others(CHECKOUT):
        target = ELSEWHERE / f"storeyard-{short_hash(CHECKOUT)}"
        try:
            target.mkdir(mode=0o755, parents=True, exist_ok=True)
            usual.unlink(missing_ok=True)
            usual.symlink_to(target)
        except OSError as error:
            raise CannotStart(f"{target} cannot be made ({error.strerror}): name another folder by {STATE_VARIABLE}.") from error
    return Places.from_environment(environment)


def prepare(places: Places, environment: Mapping[str, str], screen: Screen) -> Prepared:
    """Check the machine and make what is not there yet. Raises CannotStart, BuildFailed, OSError, ProgramMissing or SubprocessError."""
    choices, machine = check(places, environment)
    found = _programs(places, machine)
    _make_folders(places, found)
    variables = settings.storeyard_variables(environment, places, choices)
    write_private(places.environment, settings.render(variables))
    whole = settings.process_environment(environment, variables)
    if choices.local_database:
        make_database(places, found)
    if choices.local_cluster:
        bundle.build(places, postgres=found.postgres, environment=settings.process_environment(environment, {}), screen=screen)
        python = storefront.find_python(places, others=machine.root)
        storefront.build(places, python=python, screen=screen)
        node = Path(machine.node_path)
        node = programs.lend(node, places.programs) if machine.root else node
        write_catalogue(places, postgres=found.postgres, node=node, python=python)
        write_private(places.caddy / "caddy.json", json.dumps(layout.caddy_configuration(places)) + "\n")
        _give(places.caddy / "caddy.json", found)
    write_private(places.plan, layout.plan(places, choices, found, whole).dumps())
    return Prepared(choices, whole)


def check(places: Places, environment: Mapping[str, str]) -> tuple[settings.Choices, Machine]:
    """Raises CannotStart with all that is wrong."""
    try:
        choices = settings.Choices.from_environment(environment, places)
    except settings.BadSetting as error:
        raise CannotStart(str(error)) from None
    machine = observe(places.state, (choices.web_port, *((choices.api_port, choices.port) if choices.local_cluster else ())))
    build = choices.local_cluster and not bundle.is_built(places)
    problems = preflight.problems(machine, choices, state=places.state, build=build)
    if not choices.local_cluster and not os.path.isfile(environment["STOREYARD_KUBECONFIG"].strip()):
        problems.append(f"STOREYARD_KUBECONFIG names {environment['STOREYARD_KUBECONFIG']}, which is not a file.")
    if problems:
        raise CannotStart(*problems)
    return choices, machine


def _programs(places: Places, machine: Machine) -> layout.Programs:
    """As root, where the servers' own user can run them."""
    valkey, caddy = programs.valkey_server(), programs.caddy()
    if not machine.root:
        return layout.Programs(programs.postgres_home(), valkey, caddy)
    user = programs.ensure_system_user()
    places.state.chmod(0o711)
    postgres = programs.lend_postgres(places.programs)
    return layout.Programs(postgres, programs.lend(valkey, places.programs), programs.lend(caddy, places.programs), user)


def _make_folders(places: Places, found: layout.Programs) -> None:
    """Secrets are files that only their owner reads; the folders above them may be entered, by the servers' own user as root."""
    try:
        make_runtime(places.runtime)
    except OSError as error:
        raise CannotStart(f"The folder for sockets cannot be had: {error}.") from error
    places.state.chmod(0o711)
    for folder in (places.logs, places.cluster, places.programs, places.runtime / "k"):
        folder.mkdir(mode=0o711, exist_ok=True)
    for folder in (places.postgres, places.valkey, places.caddy, *(place.parent for place in (places.valkey_socket, places.caddy_socket))):
        folder.mkdir(mode=0o700, exist_ok=True)
        _give(folder, found)
    places.postgres_sockets.mkdir(mode=0o700, exist_ok=True)
    _give(places.postgres_sockets, found)


def _give(path: Path, found: layout.Programs) -> None:
    """To the user that servers run as."""
    if found.ids is not None:
        os.chown(path, *found.ids)
