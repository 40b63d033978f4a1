"""The end of `make up`: what there is now, and three commands to try."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from embedded.first_users import TENANT, Person
from embedded.places import Places
from embedded.screen import Screen
from embedded.settings import Choices


def say(places: Places, choices: Choices, people: Sequence[Person], screen: Screen, *, seconds: float) -> None:
    screen.say()
    screen.say(f"Storeyard runs ({seconds:.1f} s).")
    screen.say()
    screen.say(f"  Portal    {choices.portal}")
    if choices.local_cluster:
        screen.say(f"  Stores    http://<name>.localhost:{choices.port}")
        screen.say(f"  Cluster   kubectl --kubeconfig {_short(places.kubeconfig)} get pods -A")
    for person in people:
        screen.say(f"  {person.title:<9} {person.email}   password {person.password}")
    if people:
        screen.say("            The passwords are shown this once; `scripts/storeyard user set-password EMAIL` makes another.")
    screen.say()
    screen.say("Try:")
    screen.say(f"  scripts/storeyard store create lamps --tenant {TENANT} --wait")
    screen.say("  scripts/storeyard store credentials lamps")
    screen.say("  scripts/storeyard top")
    screen.say()
    screen.say("`make status`, `make logs` and `make down` do what they say.")


def _short(path: Path) -> str:
    """As seen from here, where that is shorter."""
    return min(str(path), os.path.relpath(path), key=len)
