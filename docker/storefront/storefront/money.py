"""Money: exact decimal amounts in major units (49 is €49.00), as Medusa sends them, and how they are written.

JSON numbers are read as Decimal, so no float ever holds a price. Text is English: symbol or code first, comma for thousands, as many
decimals as the currency has (ISO 4217), half up.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

NO_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
SYMBOLS = {
    "AUD": "A$", "BRL": "R$", "CAD": "CA$", "CNY": "CN¥", "EUR": "€", "GBP": "£", "HKD": "HK$", "ILS": "₪", "INR": "₹", "JPY": "¥",
    "KRW": "₩", "MXN": "MX$", "NZD": "NZ$", "PHP": "₱", "TWD": "NT$", "UAH": "₴", "USD": "$", "VND": "₫",
}  # fmt: skip


def decimals(currency: str) -> int:
    """How many digits follow the point in this currency."""
    code = currency.upper()
    return 0 if code in NO_DECIMALS else 3 if code in THREE_DECIMALS else 2


@dataclass(frozen=True, order=True)
class Money:
    """`amount` in major units, unrounded; `currency` is an upper-case ISO code. In a template it writes itself."""

    amount: Decimal
    currency: str

    @property
    def text(self) -> str:
        code = self.currency
        rounded = self.rounded
        symbol = SYMBOLS.get(code, f"{code}\N{NO-BREAK SPACE}")
        return f"{'-' if rounded < 0 else ''}{symbol}{abs(rounded):,}"

    @property
    def rounded(self) -> Decimal:
        exact = self.amount.quantize(Decimal(1).scaleb(-decimals(self.currency)), rounding=ROUND_HALF_UP)
        return exact or abs(exact)  # no -0.00

    @property
    def plain(self) -> str:
        """As machines read it: 1299.00."""
        return f"{self.rounded:f}"

    def __str__(self) -> str:
        return self.text

    def __bool__(self) -> bool:
        return self.amount != 0


def money(amount: Decimal | int | str, currency: str) -> Money:
    """From an amount of an API answer, where numbers were read as Decimal. Raises ArithmeticError for what is no number."""
    return Money(Decimal(amount), currency.upper())
