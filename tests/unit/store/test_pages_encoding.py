from __future__ import annotations

import math

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.bars import BAR_DTYPE
from strikewire.core.instants import SECOND_NS
from strikewire.store.encoding import (
    COLUMN_NAMES,
    PageSlice,
    drop_first,
    encode_page,
    join_columns,
)

NAN = math.nan
FIELDS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "oi": "oi"}
numbers = st.one_of(
    st.floats(allow_infinity=False),
    st.integers(0, 10**12).map(float),
    st.integers(1, 10**7).map(lambda paise: paise / 100),
)
rows = st.lists(st.tuples(*[numbers] * 6), max_size=20)


def make_bars(table: list[tuple[float, ...]]) -> np.ndarray:
    bars = np.zeros(len(table), BAR_DTYPE)
    bars["ts_ns"] = np.arange(len(table)) * SECOND_NS
    for field, column in zip(FIELDS.values(), zip(*table, strict=True), strict=False):
        bars[field] = column
    return bars


def whole(bars: np.ndarray) -> PageSlice:
    return PageSlice(encode_page(bars), 0, len(bars))


def none_if_nan(values: list[float]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values]


@given(st.lists(rows, max_size=4), st.data())
def test_any_cut_of_any_pages_reads_back_exactly(tables, data):
    slices = []
    for table in tables:
        start = data.draw(st.integers(0, len(table)))
        stop = data.draw(st.integers(start, len(table)))
        if start < stop:
            slices.append(PageSlice(encode_page(make_bars(table)), start, stop))

    body = orjson.loads(join_columns(slices, COLUMN_NAMES))

    bars = np.concatenate([np.empty(0, BAR_DTYPE), *(piece.bars for piece in slices)])
    assert body.pop("t") == (bars["ts_ns"] // SECOND_NS).tolist()
    assert body == {name: none_if_nan(bars[field].tolist()) for name, field in FIELDS.items()}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.0, 25.0, 1_234_567.0], b"0,25,1234567"),
        ([NAN, NAN], b"null,null"),
        ([25.0, NAN, 2.5], b"25,null,2.5"),
        ([2.0**60], b"1.152921504606847e+18"),
    ],
)
def test_units_are_written_as_integers_where_they_are_whole(values, text):
    bars = np.zeros(len(values), BAR_DTYPE)
    bars["volume"] = values

    body = join_columns([whole(bars)], ("v",))

    assert body == b'{"v":[' + text + b"]}"


def test_prices_are_written_in_the_fewest_digits():
    bars = make_bars([(43_606.1484375, 0.1, 100.0, NAN, 0.0, 0.0)])

    body = join_columns([whole(bars)], ("o", "h", "l", "c"))

    assert body == b'{"o":[43606.1484375],"h":[0.1],"l":[100.0],"c":[null]}'


def test_no_slices_are_empty_columns():
    assert join_columns([], ("t", "v"), head=b"<", tail=b">") == b'<"t":[],"v":[]>'


def test_page_cannot_be_written_to():
    page = encode_page(make_bars([(1.0,) * 6]))

    with pytest.raises(ValueError, match="read-only"):
        page.bars["open"] = 2.0


@given(st.lists(st.integers(1, 5), max_size=5), st.integers(0, 30))
def test_dropping_the_first_bars_takes_exactly_so_many(lengths, count):
    slices = [whole(make_bars([(float(i),) * 6] * n)) for i, n in enumerate(lengths)]
    values = [value for piece in slices for value in piece.bars["open"].tolist()]

    kept = [value for piece in drop_first(slices, count) for value in piece.bars["open"].tolist()]

    assert kept == values[count:]
