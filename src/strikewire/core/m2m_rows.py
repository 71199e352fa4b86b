"""Rows of M2M: what each strategy made in a minute of the market. Money is whole paise.

A row is stamped with its minute's open. Its open is what the strategy had made when the minute
began, which is the close of the row before: the change of a row is close less open, and
`delta + gamma + theta + vega + trades + residual - paid` is that change, to the paisa.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final

import numpy as np


class M2mFlag(IntFlag):
    """What is special about a row."""

    #: Made of the ledger and of the bars of its instruments: high and low are those of its ends.
    REBUILT = 1
    #: Something held had no price in this session, and counts with the last one before.
    STALE_MARK = 2
    #: The Greeks of some option held were not known at the minute before: what it made by them is
    #: in the residual.
    PARTIAL_GREEKS = 4


#: What a minute's change is made of, besides what was paid.
PART_COLUMNS: Final = ("delta", "gamma", "theta", "vega", "trades", "residual")
#: Net Greeks at the minute's end.
GREEK_COLUMNS: Final = ("delta", "gamma", "theta", "vega")

M2M_CANDLE_DTYPE: Final = np.dtype(
    [
        ("strategy_id", "<i4"),
        ("ts_ns", "<i8"),
        ("open_paise", "<i8"),
        ("high_paise", "<i8"),
        ("low_paise", "<i8"),
        ("close_paise", "<i8"),
        ("realised_paise", "<i8"),  # so far, of what was closed, before charges
        ("charges_paise", "<i8"),  # so far
        ("peak_paise", "<i8"),  # the most so far in the day
        ("drawdown_paise", "<i8"),  # the deepest fall from a peak so far in the day, not negative
        *((f"{name}_paise", "<i8") for name in PART_COLUMNS),
        ("paid_paise", "<i8"),  # charges of the minute
        *((f"net_{name}", "<f8") for name in GREEK_COLUMNS),
        ("flags", "<i2"),  # M2mFlag
    ]
)
