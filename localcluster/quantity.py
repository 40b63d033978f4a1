"""Quantities (`500m`, `1Gi`, `0.5`): parsed exactly, written as the API server writes them.

Source: k8s.io/apimachinery/pkg/api/resource. Limits: precision finer than nano is
rounded up, as there; values beyond 2^63-1 are not capped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"

_FORM = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d+|[numkMGTPE]?)")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
_EXPONENTS = {suffix: exponent for exponent, suffix in _DECIMAL.items()}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value and the family of suffixes that it was written with."""

    value: Fraction
    family: str

    def rounded_up(self, scale: int) -> Quantity:
        """No finer than 10^scale; away from zero."""
        unit = Fraction(10) ** scale
        steps, rest = divmod(abs(self.value), unit)
        value = (steps + (1 if rest else 0)) * unit
        return Quantity(value if self.value >= 0 else -value, self.family)

    def __str__(self) -> str:
        if not self.value:
            return "0"
        if self.family == "binary" and abs(self.value) >= 1024 and self.value.denominator == 1:
            return self._binary()
        number, exponent = self._decimal()
        if self.family == "exponent":
            return f"{number}e{exponent}" if exponent else str(number)
        return f"{number}{_DECIMAL[exponent]}"

    def _binary(self) -> str:
        number, power = self.value.numerator, 0
        while number % 1024 == 0 and power < len(_BINARY) - 1:
            number, power = number // 1024, power + 1
        return f"{number}{_BINARY[power]}"

    def _decimal(self) -> tuple[int, int]:
        """Mantissa and the largest exponent, a multiple of three, that leaves it whole."""
        nano = self.rounded_up(-9).value * 10**9
        number, exponent = nano.numerator, -9
        while number % 1000 == 0 and exponent < 18:
            number, exponent = number // 1000, exponent + 3
        return number, exponent


def parse(text: str | float) -> Quantity:
    """ValueError where it is none."""
    match = _FORM.fullmatch(str(text))
    if match is None:
        raise ValueError(f"quantities must match the regular expression '{PATTERN}'")
    sign, digits, suffix = match.groups()
    value = Fraction(digits) * (-1 if sign == "-" else 1)
    if suffix in _BINARY[1:]:
        return Quantity(value * 1024 ** _BINARY.index(suffix), "binary").rounded_up(-9)
    if suffix not in _EXPONENTS:
        return Quantity(value * Fraction(10) ** int(suffix[1:]), "exponent").rounded_up(-9)
    return Quantity(value * Fraction(10) ** _EXPONENTS[suffix], "decimal").rounded_up(-9)


def canonical(text: str | float) -> str:
    """The one form in which the server answers a quantity."""
    return str(parse(text))
