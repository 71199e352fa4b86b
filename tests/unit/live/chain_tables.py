"""A small chain, valued from prices that are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from strikewire.analytics.options.expiry_time import make_nse_rows
from strikewire.analytics.options.rows import OptionRows
from strikewire.analytics.options.valuation import compute_values
from strikewire.core.instants import DAY_NS, SECOND_NS, format_rfc3339
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.engine.chains.layout import ChainLayout, lay_out_chains
from strikewire.engine.chains.table import ChainSource, ChainTable
from strikewire.engine.chains.valuation import ChainInstant, ChainTerms, list_quoted, value_chains
from strikewire.engine.view import QuoteColumns
from strikewire.reference.market_rules import MarketRules, load_packaged_rules

#: 2025-07-17T09:00Z, a week before the expiry.
AS_OF_NS = 1_752_742_800 * SECOND_NS
EXPIRY = date(2025, 7, 24)
LATER = date(2025, 7, 31)
SPOT, FORWARD, RATE = 25_100.0, 25_131.0, 0.065
STRIKES = np.arange(24_800.0, 25_450.0, 50.0)
TICK = 0.05
RULES = MarketRules(load_packaged_rules(), through=date(2025, 7, 17))


def make_contracts(*expiries: date) -> list[Instrument]:
    """Return an index and on it a call and a put of each strike, the highest put left out."""
    specs = [InstrumentSpec("NSE", "NIFTY 50", InstrumentKind.INDEX, name="NIFTY")]
    for expiry in expiries:
        for kind, suffix in ((InstrumentKind.CALL, "CE"), (InstrumentKind.PUT, "PE")):
            specs += [
                InstrumentSpec(
                    "NFO",
                    f"NIFTY{expiry:%y%m%d}{strike:.0f}{suffix}",
                    kind,
                    underlying="NIFTY",
                    expiry=expiry,
                    strike=float(strike),
                    lot_size=75,
                    tick_size=TICK,
                )
                for strike in (STRIKES if suffix == "CE" else STRIKES[:-1])
            ]
    return [Instrument(InstrumentId(number), spec) for number, spec in enumerate(specs)]


def lay_out(*expiries: date) -> ChainLayout:
    """Lay those contracts out."""
    return lay_out_chains(make_contracts(*expiries), RULES.calendar)


def smile(strikes: np.ndarray) -> np.ndarray:
    """Return the volatilities everything here is priced at."""
    moneyness = np.log(strikes / FORWARD)
    return 0.12 - 0.1 * moneyness + 2.0 * moneyness**2


def make_rows(layout: ChainLayout, *, is_nse: bool = False) -> OptionRows:
    """Return the options of a layout, calls first, on the forward or as the exchange has them."""
    counts, total = np.diff(layout.starts), len(layout.strikes)
    taus = (layout.cutoffs_ns - AS_OF_NS) / (365 * DAY_NS)
    given = {
        "strikes": np.tile(layout.strikes, 2),
        "taus": np.tile(np.repeat(taus, counts), 2),
        "is_call": np.arange(2 * total) < total,
    }
    if is_nse:
        return make_nse_rows(spots=SPOT, **given)
    return OptionRows.on_forwards(forwards=FORWARD, rates=RATE, **given)


def make_table(*expiries: date, is_nse: bool = False, **changed: np.ndarray) -> ChainTable:
    """Value the chains of some expiries, by default of one.

    Parameters
    ----------
    is_nse : premiums are by the exchange's convention.
    changed : columns of quotes to put in the place of ours.
    """
    layout = lay_out(*(expiries or (EXPIRY,)))
    rows = make_rows(layout, is_nse=is_nse)
    prices = compute_values(smile(rows.strikes), rows).prices
    count, total = len(prices), len(list_quoted(layout))
    ltps = np.concatenate([prices, np.full(len(layout), np.nan), np.full(len(layout), SPOT)])
    oi = np.full(total, np.nan)
    oi[:count] = 75.0 * np.arange(1, count + 1)
    quotes = QuoteColumns(
        ts_ns=np.where(np.isnan(ltps), 0, AS_OF_NS - SECOND_NS),
        ltps=ltps,
        volumes=np.where(np.arange(total) < count, 1_500.0, np.nan),
        oi=oi,
        closes_before=ltps - 1.0,
        oi_before=oi - 75.0,
        bids=np.full(total, np.nan),
        asks=np.full(total, np.nan),
        book_ns=np.zeros(total, np.int64),
    )
    missing = list_quoted(layout) < 0
    quotes = replace(
        quotes,
        ts_ns=np.where(missing, 0, quotes.ts_ns),
        ltps=np.where(missing, np.nan, quotes.ltps),
        **changed,
    )
    opens_ns = np.full(len(layout), AS_OF_NS - 4 * 3_600 * SECOND_NS)
    instant = ChainInstant(AS_OF_NS, opens_ns, ChainSource.LIVE)
    return value_chains(layout, quotes, instant, ChainTerms(rate=RATE))


AS_OF = format_rfc3339(AS_OF_NS)
