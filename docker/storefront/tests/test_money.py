from __future__ import annotations

import json
from decimal import Decimal

import pytest
from storefront.client import parse
from storefront.money import money


@pytest.mark.parametrize(
    ("amount", "currency", "text", "plain"),
    [
        ("49", "eur", "€49.00", "49.00"),
        ("1234567.5", "usd", "$1,234,567.50", "1234567.50"),
        ("4900", "jpy", "¥4,900", "4900"),
        ("4.9", "kwd", "KWD\xa04.900", "4.900"),
        ("-3", "gbp", "-£3.00", "-3.00"),
        ("-0.001", "eur", "€0.00", "0.00"),
        ("0", "eur", "€0.00", "0.00"),
        ("10", "chf", "CHF\xa010.00", "10.00"),
    ],
)
def test_an_amount_is_written_with_the_decimals_of_its_currency(amount: str, currency: str, text: str, plain: str) -> None:
    assert (money(amount, currency).text, money(amount, currency).plain) == (text, plain)


@pytest.mark.parametrize(("amount", "text"), [("0.005", "€0.01"), ("1.004999", "€1.00"), ("2.675", "€2.68"), ("1.115", "€1.12")])
def test_halves_are_rounded_up_exactly(amount: str, text: str) -> None:
    assert money(json.loads(amount, parse_float=Decimal), "eur").text == text


def test_an_answer_of_the_api_holds_no_float() -> None:
    assert parse(b'{"price": 19.99, "count": 3}') == {"price": Decimal("19.99"), "count": 3}
