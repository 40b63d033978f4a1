"""People: their roles in a tenant, the rules of e-mail addresses and passwords, and how long what lets them in is good.

An address is checked for its form alone; whether somebody reads what is sent there, only a mail can tell. Addresses are kept in lower case,
so that one person has one account. Internationalised addresses are not taken: two that look alike would be two people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from app.domain.errors import InvalidIntent

EMAIL_MAX = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets
PASSWORD_MIN, PASSWORD_MAX = 12, 128
_LOCAL_MAX = 64
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


# A session ends when it was not used for so long, and in any case after the longest time.
SESSION_IDLE, SESSION_LONGEST = timedelta(days=14), timedelta(days=60)
# Acting for a tenant ends by itself, lest somebody forget whom they act for.
ACTING_LONGEST = timedelta(hours=1)
RESET_TIME = timedelta(hours=1)
INVITE_TIME = timedelta(days=7)


class Role(StrEnum):
    """What a person may do for a tenant, from most to least. Every tenant that has had an owner keeps one."""

    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"

    def covers(self, needed: Role) -> bool:
        """Whether whoever has this role may do what the other one may."""
        roles = list(Role)
        return roles.index(self) <= roles.index(needed)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from. The address is the client's own, as the trusted proxy tells it; None at a shell."""

    address: str | None = None
    user_agent: str = ""
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Portal:
    """The portal of this installation. `public_url` is where browsers find it, without a final slash."""

    public_url: str = "http://localhost:8000"
    sign_ups: bool = True

    def link(self, path: str) -> str:
        return f"{self.public_url}/{path}"


def normal_email(text: str) -> str:
    """As addresses are compared: trimmed, in lower case. Not checked."""
    return text.strip().lower()


def check_email(text: str) -> str:
    """The address as it is kept, or InvalidIntent naming the rule that it breaks."""
    trimmed = text.strip()
    if not 1 <= len(trimmed) <= EMAIL_MAX:
        raise InvalidIntent(f"An e-mail address has 1 to {EMAIL_MAX} characters.", field="email", rule="length")
    # Before the case is changed: some letters of other scripts have a Latin one as their lower case.
    email = trimmed.lower() if trimmed.isascii() else ""
    local, _, domain = email.rpartition("@")
    if len(local) > _LOCAL_MAX or not _LOCAL.fullmatch(local) or not _is_domain(domain):
        raise InvalidIntent(
            f"{trimmed!r} is not an e-mail address. Write it as name@example.com.", field="email", rule="form", email=trimmed
        )
    return email


def _is_domain(text: str) -> bool:
    """A full host name, or this machine."""
    labels = text.split(".")
    named = len(labels) > 1 and not labels[-1].isdigit()
    return text == "localhost" or (named and all(map(_LABEL.fullmatch, labels)))


def check_password(password: str, *, email: str) -> str:
    """The password itself, or InvalidIntent naming the rule that it breaks. No message and no data of an error holds it."""

    def refuse(rule: str, message: str) -> InvalidIntent:
        return InvalidIntent(message, field="password", rule=rule)

    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise refuse("length", f"A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters; this one has {len(password)}.")
    if any(ord(character) < 32 or ord(character) == 127 or "\ud800" <= character <= "\udfff" for character in password):
        raise refuse("characters", "A password has no line breaks, tabs or other control characters: few log-in forms let one type them.")
    if normal_email(password) == email:
        raise refuse("not_email", "The e-mail address is no password: everybody knows it.")
    return password
