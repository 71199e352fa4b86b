"""Valuing chains: premiums, forwards, volatilities and Greeks, figures; one pass over all expiries.

No loop over options: 9,000 of them in 216 chains are columns like one. Measured:
benchmarks/chains.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.chains import Chains, compute_figures
from strikewire.analytics.options.expiry_time import compute_taus
from strikewire.analytics.options.forwards import ExpiryPrices, StrikePairs, find_forwards
from strikewire.analytics.options.premiums import OptionQuotes, choose_premiums, merge_reasons
from strikewire.analytics.options.rows import Implied, OptionRows
from strikewire.analytics.options.valuation import compute_implied
from strikewire.analytics.options.volatility_index import compute_variance
from strikewire.core.instants import SECOND_NS
from strikewire.engine.chains.layout import ChainLayout
from strikewire.engine.chains.table import (
    ChainColumns,
    ChainSource,
    ChainTable,
    ExpiryColumns,
    Floats,
)
from strikewire.engine.view import QuoteColumns


@dataclass(frozen=True, slots=True)
class ChainTerms:
    """By which terms chains are valued.

    Parameters
    ----------
    rate : riskless, a year, continuously compounded: 0.065 is 6.5 %.
    age_max_s : how old a trade may be, seconds, to make a volatility or a forward of it.
    """

    rate: float = 0.065
    age_max_s: float = 300.0


@dataclass(frozen=True, slots=True)
class ChainInstant:
    """When it is, for the chains of a layout.

    Parameters
    ----------
    as_of_ns : the instant.
    opens_ns : int64 (e,), when the session of each expiry's venue began that is under way, or was
        the last one. What was said before it is of another day.
    """

    as_of_ns: int
    opens_ns: npt.NDArray[np.int64]
    source: ChainSource


def list_quoted(layout: ChainLayout) -> npt.NDArray[np.int32]:
    """Return the ids that `value_chains` wants quotes of: int32 (2 * n + 2 * e,)."""
    return np.concatenate([layout.call_ids, layout.put_ids, layout.future_ids, layout.spot_ids])


def value_chains(
    layout: ChainLayout, quotes: QuoteColumns, instant: ChainInstant, terms: ChainTerms
) -> ChainTable:
    """Value every option of a layout.

    Parameters
    ----------
    quotes : of `list_quoted(layout)`, row by row.

    Returns
    -------
    Of the layout's expiries and strikes. Oracle: tests/oracles/chain_minutes.py, 1e-9.
    """
    count, total = len(layout), len(layout.strikes)
    ends = np.cumsum([0, total, total, count, count])
    calls, puts, futures, spots = (slice(int(first), int(end)) for first, end in pairwise(ends))
    options = slice(0, int(ends[2]))
    ages_s = np.where(quotes.ts_ns > 0, (instant.as_of_ns - quotes.ts_ns) / SECOND_NS, np.nan)
    is_young = ages_s <= terms.age_max_s
    opens_ns = np.tile(np.repeat(instant.opens_ns, np.diff(layout.starts)), 2)
    is_today = quotes.ts_ns[options] >= opens_ns
    has_book = quotes.book_ns[options] >= opens_ns
    bids = np.where(has_book, quotes.bids[options], np.nan)
    asks = np.where(has_book, quotes.asks[options], np.nan)
    premiums, missing = choose_premiums(
        OptionQuotes(quotes.ltps[options], ages_s[options], bids, asks),
        age_max_s=terms.age_max_s,
    )
    taus = compute_taus(layout.cutoffs_ns, instant.as_of_ns)
    rates = np.full(count, terms.rate)
    prices = np.where(is_young, quotes.ltps, np.nan)
    spreads = asks - bids
    forwards = find_forwards(
        ExpiryPrices(prices[futures], prices[spots], rates, taus),
        StrikePairs(
            layout.starts,
            layout.strikes,
            premiums[calls],
            premiums[puts],
            spreads[calls] + spreads[puts],
        ),
    )
    implied = compute_implied(
        premiums,
        _make_rows(layout, forwards.values, taus, rates),
        tick_sizes=np.tile(layout.tick_sizes, 2),
    )
    # Of a day before there is a price and an open interest, but no volume and no change.
    known = QuoteColumns(
        ts_ns=quotes.ts_ns[options],
        ltps=quotes.ltps[options],
        volumes=np.where(is_today, quotes.volumes[options], np.nan),
        oi=quotes.oi[options],
        closes_before=np.where(is_today, quotes.closes_before[options], np.nan),
        oi_before=np.where(is_today, quotes.oi_before[options], np.nan),
        bids=bids,
        asks=asks,
        book_ns=quotes.book_ns[options],
    )
    reasons = merge_reasons(implied.reasons, missing)
    sides = [_make_side(known, premiums, implied, reasons, rows) for rows in (calls, puts)]
    chains = Chains(
        starts=layout.starts,
        strikes=layout.strikes,
        calls=sides[0].to_side(),
        puts=sides[1].to_side(),
        forwards=forwards.values,
        taus=taus,
    )
    figures, exposures = compute_figures(chains)
    return ChainTable(
        as_of_ns=instant.as_of_ns,
        source=instant.source,
        layout=layout,
        calls=sides[0],
        puts=sides[1],
        expiries=ExpiryColumns(
            spots=prices[spots],
            futures=prices[futures],
            forwards=forwards.values,
            sources=forwards.sources,
            dispersions=forwards.dispersions,
            pair_counts=forwards.pair_counts,
            taus=taus,
            rates=rates,
        ),
        figures=figures,
        exposures=exposures,
    )


def compute_variances(table: ChainTable) -> Floats:
    """Return the variance a year that each expiry's strip of options costs, float64 (e,).

    Of the premiums of the table, so where nobody quotes, of trades that are young enough.
    """
    layout, expiries = table.layout, table.expiries
    variances = np.empty(len(layout))
    for place in range(len(layout)):
        rows = layout.rows(place)
        variances[place] = compute_variance(
            layout.strikes[rows],
            table.calls.premiums[rows],
            table.puts.premiums[rows],
            forward=float(expiries.forwards[place]),
            tau=float(expiries.taus[place]),
            rate=float(expiries.rates[place]),
        )
    return variances


def _make_rows(layout: ChainLayout, forwards: Floats, taus: Floats, rates: Floats) -> OptionRows:
    """Return the calls, then the puts, each on its expiry's forward."""
    counts = np.diff(layout.starts)

    def spread(values: Floats) -> Floats:
        return np.tile(np.repeat(values, counts), 2)

    total = len(layout.strikes)
    return OptionRows.on_forwards(
        forwards=spread(forwards),
        strikes=np.tile(layout.strikes, 2),
        taus=spread(taus),
        rates=spread(rates),
        is_call=np.arange(2 * total) < total,
    )


def _make_side(
    quotes: QuoteColumns,
    premiums: Floats,
    implied: Implied,
    reasons: npt.NDArray[np.uint8],
    rows: slice,
) -> ChainColumns:
    greeks = implied.greeks
    ltps, oi = quotes.ltps[rows], quotes.oi[rows]
    return ChainColumns(
        ltps=ltps,
        changes=ltps - quotes.closes_before[rows],
        premiums=premiums[rows],
        bids=quotes.bids[rows],
        asks=quotes.asks[rows],
        volumes=quotes.volumes[rows],
        oi=oi,
        oi_changes=oi - quotes.oi_before[rows],
        vols=implied.vols[rows],
        deltas=greeks.deltas[rows],
        gammas=greeks.gammas[rows],
        thetas=greeks.thetas[rows],
        vegas=greeks.vegas[rows],
        rhos=greeks.rhos[rows],
        reasons=reasons[rows],
        ts_ns=quotes.ts_ns[rows],
    )
