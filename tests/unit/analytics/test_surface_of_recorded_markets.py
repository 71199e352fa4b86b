"""The surface of two recorded markets: an exchange's own chain, and a session of minute bars."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq
import pytest

from strikewire.analytics.options.expiry_time import YEAR_NS
from strikewire.analytics.options.forwards import ExpiryPrices, StrikePairs, find_forwards
from strikewire.analytics.options.premiums import OptionQuotes, choose_premiums
from strikewire.analytics.options.rows import OptionRows
from strikewire.analytics.options.surface import SliceReason, Smiles, fit_surface, take_outer
from strikewire.analytics.options.valuation import compute_implied

INDIA = ZoneInfo("Asia/Kolkata")
CLOSE = timedelta(hours=15, minutes=30)
RATE = 0.065
NAN = np.nan


def make_smiles(chains, spot, taus) -> Smiles:
    """Return the smiles of chains, each (strikes, calls, puts, call spreads, put spreads)."""
    starts = np.cumsum([0, *(len(chain[0]) for chain in chains)])
    strikes, calls, puts, call_spreads, put_spreads = (
        np.concatenate(columns) for columns in zip(*chains, strict=True)
    )
    count = len(chains)
    prices = ExpiryPrices(np.full(count, NAN), np.full(count, spot), np.full(count, RATE), taus)
    pairs = StrikePairs(starts, strikes, calls, puts, call_spreads + put_spreads)
    forwards = find_forwards(prices, pairs).values
    steps = np.diff(starts)
    rows = OptionRows.on_forwards(
        forwards=np.repeat(forwards, steps),
        strikes=strikes,
        taus=np.repeat(taus, steps),
        rates=RATE,
        is_call=strikes >= np.repeat(forwards, steps),
    )
    outer = take_outer(starts, strikes, forwards, calls, puts)
    implied = compute_implied(outer, rows, tick_sizes=0.05)
    spreads = take_outer(starts, strikes, forwards, call_spreads, put_spreads)
    return Smiles(starts, strikes, implied.vols, implied.greeks.vegas, spreads, forwards, taus)


def read_side(rows, side):
    """Return the middle of the book, and how wide it is; NaN where it has not both sides."""

    def read(name):
        return np.array([float(row[side][name]) if side in row else NAN for row in rows])

    bids, asks = read("bidprice"), read("askPrice")
    nothing = np.full(len(rows), NAN)
    middles, _ = choose_premiums(OptionQuotes(nothing, nothing, bids, asks), age_max_s=0)
    return middles, asks - bids


@pytest.fixture(scope="module")
def nifty(shared_data):
    """Return the expiries after that of the day itself, and their smiles."""
    path = shared_data("nse_option_chain_json/nifty_20250717.json.gz")
    records = json.loads(gzip.decompress(path.read_bytes()))["records"]
    now = datetime.strptime(records["timestamp"], "%d-%b-%Y %H:%M:%S").replace(tzinfo=INDIA)
    chains, taus, names = [], [], records["expiryDates"][1:]
    for name in names:
        rows = [row for row in records["data"] if row["expiryDate"] == name]
        rows.sort(key=lambda row: row["strikePrice"])
        (calls, call_spreads), (puts, put_spreads) = read_side(rows, "CE"), read_side(rows, "PE")
        strikes = np.array([row["strikePrice"] for row in rows], float)
        chains.append((strikes, calls, puts, call_spreads, put_spreads))
        cutoff = datetime.strptime(name, "%d-%b-%Y").replace(tzinfo=INDIA) + CLOSE
        taus.append((cutoff - now).total_seconds() * 1e9 / YEAR_NS)
    return names, make_smiles(chains, records["underlyingValue"], np.array(taus))


def test_surface_of_nifty_allows_no_arbitrage_and_is_near_the_market(nifty):
    names, smiles = nifty
    found = fit_surface(smiles)

    fitted = [name for name, is_free in zip(names, found.is_free, strict=True) if is_free]
    assert fitted[:7] == [
        "24-Jul-2025", "31-Jul-2025", "07-Aug-2025", "14-Aug-2025", "28-Aug-2025", "25-Sep-2025",
        "24-Dec-2025",
    ]  # fmt: skip
    # Whatever can be fitted is; of the rest nobody quotes enough.
    is_fitted = found.reasons == SliceReason.NONE
    assert (found.is_free == is_fitted).all()
    assert set(found.reasons[~is_fitted].tolist()) <= {
        SliceReason.TOO_FEW_STRIKES,
        SliceReason.ONE_SIDED,
    }
    # A quarter of a point at most, and half as much where the market is liquid.
    assert found.errors[:7].max() < 0.0025
    assert found.errors[0] < 0.0012
    is_near = (
        np.abs(np.log(smiles.strikes / np.repeat(smiles.forwards, np.diff(smiles.starts)))) < 0.03
    )
    weekly = slice(0, int(smiles.starts[2]))
    assert np.nanmedian(np.abs(found.residuals[weekly][is_near[weekly]])) < 0.001


def test_surface_of_banknifty_through_a_session_of_trades(shared_data):
    table = pq.read_table(shared_data("banknifty_1min_20221230/bnf_20221230.parquet"))
    minutes, spots = {}, {}
    for symbol, minute, close in zip(
        *(table[name].to_pylist() for name in ("symbol", "time", "close")), strict=True
    ):
        if symbol == "BANKNIFTY":
            spots[minute] = float(close)
        elif symbol.startswith("BANKNIFTY05JAN23"):
            strike, side = float(symbol[16:-2]), symbol[-2:]
            minutes.setdefault(minute, {}).setdefault(strike, {})[side] = float(close)
    cutoff = datetime(2023, 1, 5, tzinfo=INDIA) + CLOSE
    errors = []
    for minute in ("09:30:00", "10:00:00", "12:00:00", "15:00:00"):
        traded = sorted(minutes[minute].items())
        strikes = np.array([strike for strike, _ in traded])
        sides = [np.array([legs.get(side, NAN) for _, legs in traded]) for side in ("CE", "PE")]
        unknown = np.full(len(traded), NAN)
        now = datetime.fromisoformat(f"2022-12-30T{minute}").replace(tzinfo=INDIA)
        taus = np.array([(cutoff - now).total_seconds() * 1e9 / YEAR_NS])
        smiles = make_smiles([(strikes, *sides, unknown, unknown)], spots[minute], taus)
        found = fit_surface(smiles)
        assert found.is_free.tolist() == [True], minute
        errors.append(float(found.errors[0]))
    # Trades of up to a minute ago, weighed by vega: a fifth of a point.
    assert max(errors) < 0.0025
