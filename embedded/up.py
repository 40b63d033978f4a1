"""`up`: prepares, starts the supervisor, and waits until everything can be used."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from embedded import farewell, first_users, running, settings
from embedded.bundle import BuildFailed
from embedded.logs import tail
from embedded.places import STATE_VARIABLE, Places
from embedded.prepare import CannotStart, Prepared, choose_place, prepare
from embedded.process import kill_leftovers
from embedded.programs import ProgramMissing
from embedded.running import Told
from embedded.screen import Screen
from embedded.status import show
from embedded.supervisor import take_lock

# Seconds, and restarts of one part, after which `up` waits no longer. What runs is left running.
PATIENCE = 90.0
LOOPING = 5


def up(environment: Mapping[str, str], screen: Screen) -> int:
    """The exit code: 0 where everything runs at the end, 130 where it was interrupted, else 1."""
    begun = time.monotonic()
    try:
        places = choose_place(environment)
        if running.supervisor_pid(places) is not None:
            return _again(places, environment, screen)
        return _start(places, environment, screen, begun)
    except CannotStart as error:
        screen.say("Storeyard cannot start:")
        for problem in error.problems:
            screen.problem(problem)
        return 1
    except KeyboardInterrupt:
        screen.say("Stopped. `make up` goes on from here; `make down` ends what runs.")
        return 130


def _start(places: Places, environment: Mapping[str, str], screen: Screen, begun: float) -> int:
    lock = _lock(places)
    try:
        if killed := kill_leftovers(places.state):
            screen.say(f"{len(killed)} processes were left of a start that was killed; they are gone now.")
        prepared = _prepare(places, environment, screen)
        if not _wait(places, running.start(places), screen):
            return 1
        return _welcome(places, prepared, screen, begun)
    finally:
        os.close(lock)


def _lock(places: Places) -> int:
    try:
        places.state.mkdir(parents=True, exist_ok=True)
        lock = take_lock(places.up_lock)
    except OSError as error:
        raise CannotStart(
            f"{places.state} cannot be written ({error.strerror}): mend that, or name another folder by {STATE_VARIABLE}."
        ) from error
    if lock is None:
        raise CannotStart("Another `make up` is at work here: let it finish.")
    return lock


def _prepare(places: Places, environment: Mapping[str, str], screen: Screen) -> Prepared:
    """As prepare does, with all that can go wrong as sentences."""
    try:
        return prepare(places, environment, screen)
    except BuildFailed as error:
        said = "".join(f"\n      {line}" for line in error.lines)
        raise CannotStart(
            f"{error.step or 'The build'} failed; its log is {error.log}:{said}\n    `make up` tries this step again."
        ) from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip()[-600:]
        raise CannotStart(f"{error.cmd[0]} failed: {said or error.returncode}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CannotStart(f"The disk is full: make room, or name a folder elsewhere by {STATE_VARIABLE}.") from error
        raise CannotStart(f"{error}.") from error
    except (ProgramMissing, subprocess.SubprocessError) as error:
        raise CannotStart(f"{error}.") from error


def _wait(places: Places, supervisor: subprocess.Popen[bytes], screen: Screen) -> bool:
    """Show each part once it can be used. False where one does not come; it and the rest are left to the supervisor."""
    begun = time.monotonic()
    shown: set[str] = set()
    while True:
        if supervisor.poll() is not None:
            screen.problem("The supervisor ended at once:")
            _show(tail(places.logs / "supervisor.log", 10), screen)
            return False
        told = running.ask(places, seconds=1.0)
        for part in told.parts if told else ():
            if part.usable and part.name not in shown:
                shown.add(part.name)
                screen.done(part.name, max(0.0, part.since - begun))
        if told is not None and all(part.works for part in told.parts):
            return True
        if time.monotonic() - begun > PATIENCE or (told is not None and _hopeless(told)):
            _explain(told, screen)
            return False
        missing = [part.name for part in told.parts if not part.usable] if told else []
        screen.working(f"waiting for {missing[0]}" if missing else "starting", begun)
        time.sleep(0.05)


def _hopeless(told: Told) -> bool:
    return any(part.restarts >= LOOPING and not part.works for part in told.parts)


def _explain(told: Told | None, screen: Screen) -> None:
    """Parts that wait for another are not named: the other is the cause."""
    for part in told.parts if told else ():
        if not part.works and part.state != "waiting":
            ending = f", last {part.last_end}" if part.last_end else ""
            screen.problem(f"{part.name} does not come up ({part.state}, {part.restarts} restarts{ending}). The end of {part.log}:")
            _show(tail(Path(part.log), 10), screen)
    screen.say("The rest is left running, and this is tried again and again: `make status` shows it, `make down` ends it.")


def _show(lines: list[str], screen: Screen) -> None:
    for line in lines:
        screen.say(f"      {line}")


def _welcome(places: Places, prepared: Prepared, screen: Screen, begun: float) -> int:
    """Make the first users of a new database, and say what there is. Passwords count as shown only once they were."""
    mark = first_users.mark(places, prepared.environment, local_database=prepared.choices.local_database)
    people: list[first_users.Person] = []
    try:
        if not mark.exists():
            people = first_users.make_first_users(prepared.environment)
    except (first_users.NotMade, subprocess.TimeoutExpired) as error:
        screen.problem(f"Everything runs, but the first users could not be made: {error}. `make up` tries again.")
        return 1
    farewell.say(places, prepared.choices, people, screen, seconds=time.monotonic() - begun)
    if people:
        mark.touch()
    return 0


def _again(places: Places, environment: Mapping[str, str], screen: Screen) -> int:
    """It runs. Where the start that made the database was interrupted before it showed the passwords, they are made now."""
    screen.say("Storeyard runs already.")
    show(places, screen)
    try:
        variables = settings.parse(places.environment.read_text())
        choices = settings.Choices.from_environment(variables, places)
    except (OSError, settings.BadSetting):
        return 0
    told = running.ask(places)
    mark = first_users.mark(places, variables, local_database=choices.local_database)
    if told is None or mark.exists() or not all(part.works for part in told.parts):
        return 0
    return _welcome(places, Prepared(choices, settings.process_environment(environment, variables)), screen, time.monotonic())
