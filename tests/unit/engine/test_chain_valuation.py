"""Many chains in one pass: each is what it is alone, and what its definition says."""

from __future__ import annotations

import math
from dataclasses import fields
from datetime import date
from typing import Any, Final

import numpy as np
import pytest

from strikewire.analytics.options.rows import Reason
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.engine.chains.layout import ChainLayout, lay_out_chains
from strikewire.engine.chains.table import ChainSource, ChainTable
from strikewire.engine.chains.valuation import (
    ChainInstant,
    ChainTerms,
    compute_variances,
    list_quoted,
    value_chains,
)
from strikewire.engine.view import QuoteColumns
from tests.oracles import chains as oracle
from tests.oracles import forwards as forward_oracle
from tests.unit.engine.conftest import CALENDAR, OPEN_1

NOW: Final = OPEN_1 + 3_600 * 10**9
TERMS: Final = ChainTerms()
EXPIRIES: Final = (date(2022, 12, 31), date(2023, 1, 5), date(2023, 1, 26))
SIDES: Final = {"CE": InstrumentKind.CALL, "PE": InstrumentKind.PUT}


def make_layout() -> ChainLayout:
    """Return three chains of different lengths, some strikes with one side only."""
    rng = np.random.default_rng(5)
    specs = []
    for number, expiry in enumerate(EXPIRIES):
        terms: dict[str, Any] = {"underlying": "NIFTY", "expiry": expiry}
        for strike in np.arange(17_600.0, 18_400.0, 50.0 * (number + 1)).tolist():
            for side, kind in SIDES.items():
                if rng.random() < 0.9:
                    name = f"N{expiry:%m%d}{strike:.0f}{side}"
                    specs.append(InstrumentSpec("NFO", name, kind, strike=strike, **terms))
    instruments = [Instrument(InstrumentId(n), spec) for n, spec in enumerate(specs, start=1)]
    return lay_out_chains(instruments, lambda _venue: CALENDAR)


def make_quotes(layout: ChainLayout, seed: int) -> QuoteColumns:
    """Return prices off a smile, some old, some crossed, some missing."""
    rng = np.random.default_rng(seed)
    total, count = len(layout.strikes), 2 * len(layout)
    distance = layout.strikes - 18_000.0
    time = 20.0 + np.sqrt(np.repeat(np.arange(1.0, 4.0), np.diff(layout.starts))) * 60
    value = time * np.exp(-((distance / (6 * time)) ** 2))
    prices = np.concatenate([np.maximum(-distance, 0) + value, np.maximum(distance, 0) + value])
    prices = np.round(prices * rng.uniform(0.98, 1.02, 2 * total), 2)
    prices[rng.random(2 * total) < 0.05] = np.nan
    half = np.where(rng.random(2 * total) < 0.1, -1.0, 0.3)
    rows = 2 * total + count

    def pad(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.full(count, np.nan)])

    ages_s = rng.choice([1, 100, 299, 301, 4_000], rows)
    return QuoteColumns(
        ts_ns=np.where(np.isnan(pad(prices)), 0, NOW - ages_s * 10**9),
        ltps=pad(prices),
        volumes=pad(rng.integers(0, 5_000, 2 * total).astype(float)),
        oi=pad(rng.integers(1, 90_000, 2 * total).astype(float)),
        closes_before=pad(prices + 5.0),
        oi_before=pad(rng.integers(1, 90_000, 2 * total).astype(float)),
        bids=pad(prices - half),
        asks=pad(prices + half),
        book_ns=np.where(rng.random(rows) < 0.5, NOW - 10**9, 0),
    )


def value(layout: ChainLayout, quotes: QuoteColumns) -> ChainTable:
    instant = ChainInstant(NOW, np.full(len(layout), OPEN_1), ChainSource.LIVE)
    return value_chains(layout, quotes, instant, TERMS)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_expiry_is_valued_as_if_it_were_alone(seed: int) -> None:
    layout = make_layout()
    quotes = make_quotes(layout, seed)
    table = value(layout, quotes)
    total, count = len(layout.strikes), len(layout)

    for place in range(len(layout)):
        alone = layout.cut([place])
        strikes = np.arange(total)[layout.rows(place)]
        ends = [2 * total + place, 2 * total + count + place]
        rows = np.concatenate([strikes, total + strikes, ends])
        np.testing.assert_array_equal(list_quoted(layout)[rows], list_quoted(alone))
        own = QuoteColumns(*(getattr(quotes, each.name)[rows] for each in fields(quotes)))
        wanted, found = value(alone, own), table.pick(place)
        for part in ("calls", "puts", "expiries", "figures"):
            mine, theirs = getattr(found, part), getattr(wanted, part)
            for each in fields(mine):
                np.testing.assert_array_equal(
                    getattr(mine, each.name), getattr(theirs, each.name), err_msg=each.name
                )
        np.testing.assert_array_equal(compute_variances(table)[place], compute_variances(wanted))


@pytest.mark.parametrize("seed", [4, 5])
def test_forward_and_figures_are_what_their_definitions_say(seed: int) -> None:
    layout = make_layout()
    quotes = make_quotes(layout, seed)
    table = value(layout, quotes)

    for place in range(len(layout)):
        rows = layout.rows(place)
        tau, forward = (float(getattr(table.expiries, n)[place]) for n in ("taus", "forwards"))
        calls, puts = (
            np.stack([c[rows] for c in side.to_side()], axis=1)
            for side in (table.calls, table.puts)
        )
        spreads = (table.calls.asks - table.calls.bids + table.puts.asks - table.puts.bids)[rows]
        strikes = layout.strikes[rows].tolist()
        pairs = list(
            zip(strikes, calls[:, 0].tolist(), puts[:, 0].tolist(), spreads.tolist(), strict=True)
        )
        wanted, _, pair_count = forward_oracle.compute_parity(pairs, math.exp(-TERMS.rate * tau))
        legs = zip(strikes, map(tuple, calls.tolist()), map(tuple, puts.tolist()), strict=True)
        figures = oracle.compute_figures(list(legs), forward, tau)

        assert forward == pytest.approx(wanted, rel=1e-9)
        assert table.expiries.pair_counts[place] == pair_count
        for name, figure in figures.items():
            found = float(getattr(table.figures, name)[place])
            assert found == pytest.approx(figure, rel=1e-9, abs=1e-9, nan_ok=True), name


def test_premium_is_the_middle_of_the_book_else_a_young_trade_else_a_reason() -> None:
    layout = make_layout()
    quotes = make_quotes(layout, 6)
    table = value(layout, quotes)
    total = len(layout.strikes)
    bids, asks, book_ns = (getattr(quotes, n)[:total] for n in ("bids", "asks", "book_ns"))
    ages_s = (NOW - quotes.ts_ns[:total]) / 1e9
    calls = table.calls

    for row in range(total):
        has_book = book_ns[row] > 0 and bids[row] > 0
        if has_book and bids[row] > asks[row]:
            assert calls.reasons[row] == Reason.CROSSED
        elif has_book:
            assert calls.premiums[row] == 0.5 * (bids[row] + asks[row])
        elif math.isnan(quotes.ltps[row]):
            assert calls.reasons[row] == Reason.NO_PREMIUM
        elif ages_s[row] > TERMS.age_max_s:
            assert calls.reasons[row] == Reason.STALE
        else:
            assert calls.premiums[row] == quotes.ltps[row]
        if calls.reasons[row]:
            assert math.isnan(calls.vols[row])
