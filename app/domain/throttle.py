"""How long to wait after too many attempts: some are free, then each one doubles the wait, up to a longest.

An attempt counts when it is begun, not when it fails: of many at the same moment no more than the free ones get through.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network

# One customer of a provider has at least so many bits of IPv6 addresses for themselves (RFC 6177): they count as one.
_IPV6_PREFIX = 64
_HOUR = 3600


class Throttled(StrEnum):
    """What is counted. Where one request takes several counts, it takes them in this order, so that no two wait for each other."""

    LOG_IN_ACCOUNT = "log_in_account"
    LOG_IN_ADDRESS = "log_in_address"
    SIGN_UP_ADDRESS = "sign_up_address"
    RESET_ACCOUNT = "reset_account"
    RESET_ADDRESS = "reset_address"
    INVITE_TENANT = "invite_tenant"


@dataclass(frozen=True, slots=True)
class Rule:
    """`free` attempts without a wait; then `first` seconds, doubled each time up to `longest`. Forgotten after `forget` quiet seconds."""

    free: int
    first: int
    longest: int
    forget: int

    def wait_after(self, attempts: int) -> int:
        """Seconds to wait once so many attempts were made."""
        over = attempts - self.free
        # The exponent is bounded before the power is taken: attempts may be any number.
        return 0 if over < 0 else min(self.longest, self.first << min(over, 20))


RULES = {
    # An account's longest wait is short: whoever guesses at it keeps its owner out as well.
    Throttled.LOG_IN_ACCOUNT: Rule(free=5, first=30, longest=900, forget=24 * _HOUR),
    Throttled.LOG_IN_ADDRESS: Rule(free=20, first=60, longest=_HOUR, forget=_HOUR),
    Throttled.SIGN_UP_ADDRESS: Rule(free=30, first=60, longest=_HOUR, forget=_HOUR),
    Throttled.RESET_ACCOUNT: Rule(free=3, first=600, longest=6 * _HOUR, forget=6 * _HOUR),
    Throttled.RESET_ADDRESS: Rule(free=20, first=60, longest=_HOUR, forget=_HOUR),
    Throttled.INVITE_TENANT: Rule(free=50, first=60, longest=_HOUR, forget=6 * _HOUR),
}


def network_of(address: str) -> str:
    """Whom an address stands for: itself, or in IPv6 the network that one customer is given. Another text is itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((int(parsed), _IPV6_PREFIX), strict=False))
    return str(parsed)
