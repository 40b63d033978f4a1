"""Waits after too many attempts, and whom an address stands for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.throttle import RULES, Rule, Throttled, network_of


def test_waits_double_from_the_first_to_the_longest() -> None:
    rule = Rule(free=3, first=30, longest=200, forget=3600)
    assert [rule.wait_after(attempts) for attempts in range(8)] == [0, 0, 0, 30, 60, 120, 200, 200]


@pytest.mark.parametrize("kind", Throttled)
@given(attempts=st.integers(min_value=0, max_value=10**9))
def test_no_wait_shrinks_with_more_attempts_or_passes_the_longest(kind: Throttled, attempts: int) -> None:
    rule = RULES[kind]
    assert rule.wait_after(attempts) <= rule.wait_after(attempts + 1) <= rule.longest


@pytest.mark.parametrize(
    ("address", "network", "reason"),
    [
        ("192.0.2.7", "192.0.2.7", "an IPv4 address is one customer's"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64", "a customer has a whole IPv6 network to take addresses from"),
        ("::ffff:192.0.2.7", "192.0.2.7", "the same address in another dress"),
        ("unix:", "unix:", "what is no address is itself"),
        ("fe80::1%eth0", "fe80::/64", "a zone is the machine's own matter"),
    ],
)
def test_an_address_stands_for(address: str, network: str, reason: str) -> None:
    assert network_of(address) == network, reason
