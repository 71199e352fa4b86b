"""The kernels of M2M against their plain twins; what is added up against the whole product."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import MarketMoment, StrategyEntry, StrategyId
from strikewire.desk.m2m.book import HEARD, STALE, UNPRICED, PositionBook
from strikewire.desk.m2m.kernels import STOP, TARGET, flag_holders_nb, multiply_nb
from strikewire.desk.m2m.strips import Strips
from tests.oracles import m2m as oracle

_ENTRY = st.tuples(
    st.integers(1, 6),
    st.integers(1, 9),
    st.integers(-500, 500).filter(bool),
    st.integers(1, 10_000_000),
)
_CHANGE = st.dictionaries(st.integers(0, 8), st.integers(1, 10_000_000), max_size=9)


def make_entry(
    strategy: int, instrument: int, units: int, price: int, charges: int = 0
) -> StrategyEntry:
    """Return an entry at no moment in particular; price in pips, charges in paise."""
    return StrategyEntry(
        id=None,
        strategy_id=StrategyId(strategy),
        instrument_id=InstrumentId(instrument),
        quantity=units,
        price=Pips(price),
        moment=MarketMoment(0),
        charges=Paise(charges),
    )


def list_cells(book: PositionBook) -> dict[tuple[int, int], int]:
    """Return the units of a book by row and column, as its own legs have them."""
    return {
        (row, leg.column): leg.units for row in range(book.row_count) for _, leg in book.legs(row)
    }


def read_strips(strips: Strips) -> dict[tuple[int, int], int]:
    """Return the units of strips by number and other side."""
    arrays = strips.arrays
    return {
        (number, int(arrays.others[at])): int(arrays.units[at])
        for number in range(len(strips))
        for at in range(
            int(arrays.starts[number]), int(arrays.starts[number] + arrays.counts[number])
        )
    }


@given(st.lists(_ENTRY, max_size=60))
def test_strips_hold_what_legs_hold_however_they_grew(
    entries: list[tuple[int, int, int, int]],
) -> None:
    book = PositionBook()
    for each in entries:
        book.take(make_entry(*each))

    assert read_strips(book.by_strategy) == list_cells(book)


@given(
    st.lists(st.one_of(_ENTRY, _CHANGE), max_size=60),
)
def test_changes_add_up_to_the_whole_product(
    events: list[tuple[int, int, int, int] | dict[int, int]],
) -> None:
    book = PositionBook()
    for event in events:
        if isinstance(event, tuple):
            book.take(make_entry(*event, charges=7))
            continue
        columns = [each for each in event if each < book.column_count]
        before = book.strategies.pnl.tolist()
        changes = {c: event[c] - int(book.marks[c]) for c in columns}
        touched = book.mark(columns, [event[c] for c in columns], state=HEARD).tolist()

        cells = list_cells(book)
        assert book.strategies.pnl.tolist() == oracle.apply_changes(cells, changes, before)
        assert sorted(touched) == sorted(set(touched))
        moved = {row for row, now in enumerate(book.strategies.pnl) if now != before[row]}
        assert moved <= set(touched)

    assert book.strategies.pnl.tolist() == book.revalue().tolist()


@given(st.lists(_ENTRY, min_size=1, max_size=40), st.integers(1, 8))
def test_the_whole_product_is_that_of_the_cells(
    entries: list[tuple[int, int, int, int]], width: int
) -> None:
    book = PositionBook()
    for each in entries:
        book.take(make_entry(*each))
    values = np.arange(book.column_count * width, dtype=np.int64).reshape(-1, width) - 5
    sums = np.full((book.row_count, width), 99, np.int64)

    multiply_nb(book.by_strategy.arrays, values, sums)

    assert sums.tolist() == oracle.multiply(list_cells(book), values.tolist(), book.row_count)


@given(
    st.lists(st.integers(-50, 50), min_size=1, max_size=30),
    st.one_of(st.none(), st.integers(1, 40)),
    st.one_of(st.none(), st.integers(-40, -1)),
)
def test_extremes_and_crossings_are_those_of_the_path(
    path: list[int], target: int | None, stop: int | None
) -> None:
    book = PositionBook()
    book.take(make_entry(1, 1, 1, 1_000))
    book.set_levels(
        0,
        target=None if target is None else Pips(target),
        stop=None if stop is None else Pips(stop),
    )
    strategies = book.strategies
    for each in (strategies.highs, strategies.lows, strategies.peaks):
        each[0] = path[0]
    crossed: list[tuple[int, str]] = []
    for step, pnl in enumerate(path):
        book.mark([0], [1_000 + pnl])
        crossed += [
            (step, {TARGET: "target", STOP: "stop"}[level])
            for _, level in book.note_extremes(np.zeros(1, np.int64))
        ]

    found = tuple(
        int(each[0])
        for each in (strategies.highs, strategies.lows, strategies.peaks, strategies.drawdowns)
    )
    assert (*found, crossed) == oracle.note_extremes(path, target, stop)


def test_holders_have_the_flags_of_what_they_hold_and_of_nothing_else() -> None:
    book = PositionBook()
    for each in ((1, 1, 10, 100), (1, 2, -5, 100), (2, 2, 5, 100), (2, 2, -5, 90)):
        book.take(make_entry(*each))
    flags: npt.NDArray[np.int16] = np.zeros(2, np.int16)

    flag_holders_nb(book.by_strategy.arrays, np.array([1, 2], np.int16), flags)

    assert flags.tolist() == [3, 0]


def test_what_nobody_knows_a_price_of_counts_with_its_last_trade() -> None:
    book = PositionBook()

    book.take(make_entry(1, 1, 10, 100))
    book.take(make_entry(2, 1, 10, 130))

    assert book.mark_states.tolist()[:1] == [UNPRICED]
    assert book.strategies.pnl.tolist() == [300, 0]


def test_a_mark_of_the_session_before_holds_until_one_is_heard() -> None:
    book = PositionBook()
    book.open_column(InstrumentId(7), mark=Pips(90), state=STALE)
    book.take(make_entry(1, 7, 10, 100))

    assert book.strategies.pnl.tolist() == [-100]
    assert book.mark([0], [105], state=HEARD).tolist() == [0]
    assert (book.strategies.pnl.tolist(), book.mark_states[0]) == ([50], HEARD)
