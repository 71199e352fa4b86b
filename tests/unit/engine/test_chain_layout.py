"""Who stands where: chains laid out from any heap of instruments."""

from __future__ import annotations

import random
from datetime import date

import numpy as np

from strikewire.core.instruments import (
    Instrument,
    InstrumentId,
    InstrumentKind,
    InstrumentSpec,
)
from strikewire.engine.chains.layout import NOBODY, ChainKey, ChainLayout, lay_out_chains
from tests.unit.engine.conftest import CALENDAR, CLOSE_2

DAY = date(2022, 12, 31)
LATER = date(2023, 1, 5)
KINDS = {"CE": InstrumentKind.CALL, "PE": InstrumentKind.PUT}


def make_option(
    number: int, side: str, strike: float, *, underlying: str = "NIFTY", expiry: date = DAY
) -> Instrument:
    spec = InstrumentSpec(
        "NFO", f"{underlying}{expiry:%y%m%d}{strike:.0f}{side}", KINDS[side],
        underlying=underlying, expiry=expiry, strike=strike, lot_size=50, tick_size=0.05,
    )  # fmt: skip
    return Instrument(InstrumentId(number), spec)


def make_others() -> list[Instrument]:
    specs = [
        InstrumentSpec("NSE", "NIFTY 50", InstrumentKind.INDEX, name="NIFTY"),
        InstrumentSpec("BSE", "NIFTY 50", InstrumentKind.INDEX),
        InstrumentSpec("NSE", "ACC", InstrumentKind.EQUITY),
        InstrumentSpec(
            "NFO", "NIFTY22DECFUT", InstrumentKind.FUTURE, underlying="NIFTY", expiry=DAY
        ),
        InstrumentSpec("NFO", "NIFTY-I", InstrumentKind.FUTURE, underlying="NIFTY"),
        InstrumentSpec("NFO", "NIFTYX", InstrumentKind.CALL, underlying="NIFTY", expiry=DAY),
    ]
    return [Instrument(InstrumentId(100 + n), spec) for n, spec in enumerate(specs)]


def make_chains() -> list[Instrument]:
    return [
        make_option(1, "CE", 18_100),
        make_option(2, "PE", 18_000),
        make_option(3, "CE", 18_000),
        make_option(4, "PE", 18_200),
        make_option(5, "PE", 18_000, expiry=LATER),
        make_option(6, "CE", 2_500, underlying="ACC"),
        # The same contract under another id: the first one counts.
        make_option(7, "CE", 18_000),
    ]


def lay_out(instruments: list[Instrument]) -> ChainLayout:
    return lay_out_chains(instruments, lambda _venue: CALENDAR)


def test_options_stand_by_underlying_expiry_and_strike() -> None:
    layout = lay_out([*make_chains(), *make_others()])

    assert layout.keys == (
        ChainKey("NFO", "ACC", DAY),
        ChainKey("NFO", "NIFTY", DAY),
        ChainKey("NFO", "NIFTY", LATER),
    )
    assert layout.keys[1].subject == "NFO:NIFTY:2022-12-31"
    assert layout.starts.tolist() == [0, 1, 4, 5]
    assert layout.strikes.tolist() == [2_500, 18_000, 18_100, 18_200, 18_000]
    assert layout.call_ids.tolist() == [6, 3, 1, NOBODY, NOBODY]
    assert layout.put_ids.tolist() == [NOBODY, 2, NOBODY, 4, 5]
    assert layout.future_ids.tolist() == [NOBODY, 103, NOBODY]
    assert layout.spot_ids.tolist() == [102, 100, 100]
    assert layout.lot_sizes.tolist() == [50, 50, 50]
    assert layout.cutoffs_ns[1] == CLOSE_2
    assert layout.symbols[103] == "NFO:NIFTY22DECFUT"
    assert layout.symbols.keys() == {1, 2, 3, 4, 5, 6, 100, 102, 103}


def test_order_of_the_instruments_does_not_matter() -> None:
    instruments = [*make_chains()[:-1], *make_others()]
    wanted = lay_out(instruments)
    random.Random(1).shuffle(instruments)

    found = lay_out(instruments)

    for name in ("starts", "strikes", "call_ids", "put_ids", "future_ids", "spot_ids"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


def test_cut_keeps_the_expiries_asked_for_in_that_order() -> None:
    layout = lay_out([*make_chains(), *make_others()])

    cut = layout.cut([2, 0])

    assert cut.keys == (layout.keys[2], layout.keys[0])
    assert cut.starts.tolist() == [0, 1, 2]
    assert cut.put_ids.tolist() == [5, NOBODY]
    assert cut.call_ids.tolist() == [NOBODY, 6]
    assert cut.spot_ids.tolist() == [100, 102]
    assert cut.find(layout.keys[0]) == 1
    assert cut.find(layout.keys[1]) is None
    assert len(layout.cut([])) == 0


def test_no_options_are_no_chains() -> None:
    layout = lay_out(make_others()[:5])

    assert len(layout) == 0
    assert layout.starts.tolist() == [0]
    assert len(layout.strikes) == 0
