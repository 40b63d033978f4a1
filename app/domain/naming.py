"""Names: which slugs people may choose, and how opaque ids, namespaces and host labels are made from them.

A slug is the tenant's own word for a store. Everything the cluster sees is derived from the id, which is never used twice.
"""

from __future__ import annotations

import re

from app.domain.errors import InvalidIntent

SLUG_MIN, SLUG_MAX = 2, 40
_SLUG = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_ID = re.compile(rf"[{_CROCKFORD}]{{26}}")

# Names that would pass for the platform itself, for infrastructure, or for a person in charge of it.
RESERVED = frozenset(
    """
    about abuse account accounts admin administrator api app apps assets auth autoconfig autodiscover billing blog cdn
    checkout console dashboard demo dev dns docs download email ftp help host hostmaster imap info internal ingress kube
    kubernetes localhost login logout mail mx namespace news noreply ns ns1 ns2 operator password pay payments platform
    policy pop portal postmaster privacy prod production root sales secure security shop signin signup smtp ssl staging
    static status store storeyard support system terms test tls vpn web webmaster wpad www
    """.split()  # noqa: SIM905 (a list of words reads as words)
)

# Characters and pairs that people read as one another, reduced to one form.
_LOOK_ALIKES = (("-", ""), ("0", "o"), ("1", "l"), ("i", "l"), ("3", "e"), ("5", "s"), ("8", "b"), ("rn", "m"), ("vv", "w"), ("cl", "d"))


def skeleton(slug: str) -> str:
    """What a hurried reader sees: equal skeletons look alike."""
    for seen, meant in _LOOK_ALIKES:
        slug = slug.replace(seen, meant)
    return slug


_RESERVED_SKELETONS = {skeleton(name): name for name in RESERVED}


def check_slug(slug: str) -> str:
    """The slug itself, or InvalidIntent naming the rule that it breaks."""

    def refuse(rule: str, message: str) -> InvalidIntent:
        return InvalidIntent(message, field="slug", rule=rule, slug=slug)

    if not SLUG_MIN <= len(slug) <= SLUG_MAX:
        raise refuse("length", f"A name has {SLUG_MIN} to {SLUG_MAX} characters; this one has {len(slug)}.")
    if not _SLUG.fullmatch(slug):
        raise refuse(
            "characters",
            f"{slug!r} is not a valid name: use lower-case letters, digits and dashes, begin with a letter, end with a letter or digit.",
        )
    if slug[2:4] == "--":
        raise refuse(
            "punycode", "A name may not have two dashes in third and fourth place: that form is kept for encoded international names."
        )
    if slug in RESERVED:
        raise refuse("reserved", f"The name {slug!r} is reserved. Choose another.")
    if (imitated := _RESERVED_SKELETONS.get(skeleton(slug))) is not None:
        raise refuse("look_alike", f"The name {slug!r} looks like {imitated!r}, which is reserved. Choose another.")
    return slug


def format_id(milliseconds: int, randomness: bytes) -> str:
    """A ULID in lower case: 48 bits of time, then 80 bits of randomness (10 bytes). Sorts by time. https://github.com/ulid/spec"""
    if not 0 <= milliseconds < 1 << 48 or len(randomness) != 10:
        raise ValueError("a ULID takes 48 bits of milliseconds and 10 random bytes")
    number = milliseconds << 80 | int.from_bytes(randomness)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def is_id(text: object) -> bool:
    """Whether the text has the form of an id (not whether anything bears it)."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def namespace_for(store_id: str) -> str:
    """The store's namespace: opaque, so that no tenant's word reaches the cluster, and never used again."""
    return f"st-{store_id}"


def host_label(slug: str, store_id: str, *, free: bool) -> str:
    """The one DNS label of a store's platform host: the slug where it is free, else the slug and six characters of the id."""
    return slug if free else f"{slug}-{store_id[-6:]}"
