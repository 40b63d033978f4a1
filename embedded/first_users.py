"""The first tenant, operator and merchant of a new database, made once by the command line that everybody uses.

Each step may have been done by a run that was interrupted before it could show the passwords: what is there already is taken, with a new
password. The mark that all was shown lies with the database, so that a new database gets its people again.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded.places import CHECKOUT, Places

TENANT = "acme"
OPERATOR = "operator@storeyard.localhost"
MERCHANT = "merchant@storeyard.localhost"


class NotMade(Exception):
    """A command failed; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Person:
    title: str
    email: str
    password: str


def make_first_users(environment: Mapping[str, str]) -> list[Person]:
    """Those who may log in, with their passwords. Raises NotMade."""
    _storeyard(environment, ["tenant", "create", TENANT, "--name", "Acme"], taken_is_fine=True)
    people = [Person("Operator", OPERATOR, secrets.token_urlsafe(12)), Person("Merchant", MERCHANT, secrets.token_urlsafe(12))]
    for person, rights in zip(people, (["--operator"], ["--tenant", TENANT, "--role", "owner"]), strict=True):
        make = ["user", "create", person.email, "--name", person.title, *rights, "--password-stdin"]
        if not _storeyard(environment, make, words=person.password, taken_is_fine=True):
            _storeyard(environment, ["user", "set-password", person.email, "--password-stdin"], words=person.password)
    return people


def mark(places: Places, environment: Mapping[str, str], *, local_database: bool) -> Path:
    """The file that stands for: this database has its first users, and their passwords were shown."""
    if local_database:
        return places.postgres / "first-users"
    return places.state / f"first-users-{hashlib.sha256(environment['STOREYARD_DATABASE_URL'].encode()).hexdigest()[:8]}"


def _storeyard(environment: Mapping[str, str], words_of_command: Sequence[str], *, words: str = "", taken_is_fine: bool = False) -> bool:
    """False where what was to be made is there already. Raises NotMade."""
    done = subprocess.run(  # noqa: S603
        [Path(sys.executable).with_name("storeyard"), *words_of_command, "--json"],
        input=words, capture_output=True, text=True, env=dict(environment), cwd=CHECKOUT, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return True
    if taken_is_fine and _error_code(done.stdout, done.stderr) == "name_taken":
        return False
    said = (done.stderr or done.stdout).strip().rstrip(".")
    raise NotMade(f"`storeyard {' '.join(words_of_command)}` says: {said}")


def _error_code(*texts: str) -> str:
    for text in texts:
        try:
            document = json.loads(text)
            return str(document["error"]["code"])
        except (ValueError, KeyError, TypeError):
            continue
    return ""
