"""Compile the kernels before anybody waits for them; see `engine.warm`."""

from __future__ import annotations

import numpy as np

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import MarketMoment, StrategyEntry, StrategyId
from strikewire.desk.m2m.book import PositionBook
from strikewire.desk.m2m.kernels import flag_holders_nb, multiply_nb


def compile_kernels() -> None:
    """Send one entry of a book that is thrown away through every kernel."""
    book = PositionBook()
    book.take(
        StrategyEntry(
            id=None,
            strategy_id=StrategyId(1),
            instrument_id=InstrumentId(1),
            quantity=1,
            price=Pips(1),
            moment=MarketMoment(0),
            charges=Paise(0),
        )
    )
    book.note_extremes(book.mark([0], [2]))
    positions = book.by_strategy.arrays
    multiply_nb(positions, np.zeros((1, 1), np.int64), np.zeros((1, 1), np.int64))
    flag_holders_nb(positions, np.zeros(1, np.int16), np.zeros(1, np.int16))


if __name__ == "__main__":
    compile_kernels()
