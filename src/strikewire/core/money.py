"""Money: whole numbers, so that sums are exact.

A price is a whole number of pips, of which 10,000 make a rupee: the finest step any exchange here
quotes in (currencies, 0.0025) is 25 of them. A price times units is money in pips; what is told of
money, charged or stored is whole paise.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, NewType

import numpy as np
import numpy.typing as npt

#: A price, or a price times units, in ten-thousandths of a rupee.
Pips = NewType("Pips", int)
#: Money, in hundredths of a rupee.
Paise = NewType("Paise", int)

PIPS_PER_RUPEE: Final = 10_000
PIPS_PER_PAISA: Final = 100

_PIP: Final = Decimal(1)
#: No more digits than a column of whole paise holds.
_RUPEES: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,2})?")


def to_pips(price: Decimal | float) -> Pips:
    """Return a price in rupees as pips; what is finer than a pip is rounded, half to even.

    Raises
    ------
    ValueError : it is not finite.
    """
    exact = Decimal(repr(price)) if isinstance(price, float) else price
    if not exact.is_finite():
        msg = f"a finite price was wanted, was {price}"
        raise ValueError(msg)
    return Pips(int((exact * PIPS_PER_RUPEE).quantize(_PIP, ROUND_HALF_EVEN)))


def to_pips_array(prices: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return finite prices in rupees, float64 (n,), as pips, int64 (n,), as `to_pips` does one.

    By the binary number: of a price within a float's error of half a pip, finer than any exchange
    quotes, it may be the other neighbour.
    """
    return np.rint(prices * PIPS_PER_RUPEE).astype(np.int64)


def to_rupees(pips: Pips) -> Decimal:
    """Return pips as rupees, exactly."""
    return Decimal(pips) / PIPS_PER_RUPEE


def round_to_paise(pips: Pips) -> Paise:
    """Return money in whole paise, half to even."""
    whole, rest = divmod(pips, PIPS_PER_PAISA)
    is_up = 2 * rest > PIPS_PER_PAISA or (2 * rest == PIPS_PER_PAISA and whole % 2 == 1)
    return Paise(whole + is_up)


def parse_paise(text: str) -> Paise:
    """Read money as `format_paise` writes it; without its decimals, or with one of them, as well.

    Raises
    ------
    ValueError : it is no amount of rupees in digits, or finer than a paisa.
    """
    if _RUPEES.fullmatch(text) is None:
        msg = f"rupees with at most two decimals were wanted, as 1234.50, was {text!r}"
        raise ValueError(msg)
    return Paise(int(Decimal(text) * 100))


def format_paise(paise: Paise) -> str:
    """Write money as rupees with two decimals, as payloads carry it: `-1234.50`."""
    sign = "-" if paise < 0 else ""
    rupees, rest = divmod(abs(paise), 100)
    return f"{sign}{rupees}.{rest:02d}"


def format_price(pips: Pips) -> str:
    """Write a price as rupees, with two decimals, or four where they are needed: `182.05`."""
    sign = "-" if pips < 0 else ""
    rupees, rest = divmod(abs(pips), PIPS_PER_RUPEE)
    paise, fine = divmod(rest, PIPS_PER_PAISA)
    return f"{sign}{rupees}.{paise:02d}" + (f"{fine:02d}" if fine else "")
