"""Frame rates as people write them. Standard library only: both halves import this module."""

from __future__ import annotations

import re
from fractions import Fraction

from ..errors import UserError


def parse_rate(text: str) -> tuple[Fraction | None, Fraction]:
    """Return (frames per second, None when it is a factor) and the factor. Raises UserError("rate-invalid")."""
    match = re.fullmatch(r"(x?)(\d{1,6}(?:\.\d{1,6})?)(?:/(\d{1,6}))?", text.strip())
    value = Fraction(match[2]) / Fraction(match[3] or 1) if match and match[3] != "0" else Fraction(0)
    if not match or value <= 0:
        raise UserError(
            "rate-invalid", f"“{text}” is no frame rate; it must look like 48, 23.976, 30000/1001 or x2."
        )
    if match[1]:
        return None, value
    if match[3] is None and "." in match[2]:
        # 23.976 and its kin are short for a whole number times 1000/1001.
        exact = Fraction(round(value * 1001 / 1000) * 1000, 1001)
        value = exact if abs(exact - value) < Fraction(1, 1000) else value
    return value, Fraction(1)
