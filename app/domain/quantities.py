"""Kubernetes quantities as exact numbers, for comparisons. Source: Kubernetes documentation, "Quantity"."""

from __future__ import annotations

import re
from fractions import Fraction

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?")
_DECIMAL = {"m": Fraction(1, 1000), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
_BINARY = {name: 1024**power for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}


def parse_quantity(text: str | float) -> Fraction:
    """`500m` is 1/2, `1Ki` 1024, `1e3` 1000. Raises ValueError for anything else."""
    match = _FORM.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a quantity")
    number, exponent, suffix = match.groups()
    if exponent:
        return Fraction(number + exponent)
    return Fraction(number) * {**_DECIMAL, **_BINARY}.get(suffix or "", 1)
