"""What the simulated prices, books and flows must be among each other."""

from __future__ import annotations

import dataclasses
import math
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.options.black76 import compute_prices
from strikewire.core.instants import MINUTE_NS, from_date
from strikewire.core.instruments import InstrumentKind
from strikewire.feeds.simulated import SimulatedMarket, SimulationConfig
from strikewire.feeds.simulated.chains import compute_vols
from strikewire.feeds.simulated.depth import make_books

CONFIG = SimulationConfig(
    start_day=date(2026, 11, 23),
    seed=11,
    sessions=2,
    strikes_each_side=6,
    update_interval_ms=10_000,
)
TICK = 0.05


@pytest.fixture(scope="module")
def market(rules):
    return SimulatedMarket(CONFIG, find_calendar=rules.calendar)


@pytest.fixture(scope="module")
def ticks(market):
    return read_ticks(market)


@pytest.fixture(scope="module")
def minutes(market, ticks):
    """Return the last price of each instrument in each minute; NaN where it did not tick."""
    return find_closes(market, ticks)


def read_ticks(market):
    return np.concatenate([batch.ticks for batch in market.read(0)])


def split(ticks, market):
    """Return the ticks of each instrument, in their order."""
    order = np.argsort(ticks["instrument_id"], kind="stable")
    ends = np.cumsum(np.bincount(ticks["instrument_id"], minlength=len(market.specs)))
    return np.split(ticks[order], ends[:-1])


def find_closes(market, ticks):
    stamps, place = np.unique(ticks["ts_event_ns"] // MINUTE_NS, return_inverse=True)
    closes = np.full((len(stamps), len(market.specs)), np.nan)
    closes[place, ticks["instrument_id"]] = ticks["ltp"]
    return closes


def group_chains(market):
    """Return (underlying, expiry) -> strikes in order, with the columns of call and put."""
    columns = {
        (spec.underlying, spec.expiry, spec.strike, spec.kind): number
        for number, spec in enumerate(market.specs)
        if spec.kind.is_option
    }
    chains = {}
    for underlying, expiry, strike, kind in sorted(columns):
        if kind is InstrumentKind.CALL:
            put = columns[underlying, expiry, strike, InstrumentKind.PUT]
            call = columns[underlying, expiry, strike, kind]
            chains.setdefault((underlying, expiry), []).append((strike, call, put))
    return {key: np.array(rows) for key, rows in chains.items()}


def find_futures(market):
    return {
        (spec.underlying, spec.expiry): number
        for number, spec in enumerate(market.specs)
        if spec.kind is InstrumentKind.FUTURE
    }


def take(closes, columns):
    """Return the columns' prices at the minutes in which all of them have one."""
    return closes[:, columns.astype(int)]


def test_forward_by_parity_is_the_future_at_every_minute(market, minutes):
    futures = find_futures(market)
    checked = 0
    for key, rows in group_chains(market).items():
        if key not in futures:
            continue
        forwards = rows[:, 0] + take(minutes, rows[:, 1]) - take(minutes, rows[:, 2])
        differences = forwards - minutes[:, futures[key], None]
        known = ~np.isnan(differences)
        assert np.abs(differences[known]).max() < TICK / 100
        checked += np.count_nonzero(known)
    assert checked > 20_000


def test_all_strikes_of_an_expiry_agree_on_the_forward(market, minutes):
    for rows in group_chains(market).values():
        forwards = rows[:, 0] + take(minutes, rows[:, 1]) - take(minutes, rows[:, 2])
        known = forwards[~np.isnan(forwards).all(axis=1)]
        assert (np.nanmax(known, axis=1) - np.nanmin(known, axis=1)).max() < TICK / 100


def test_strikes_allow_no_arbitrage_at_any_minute(market, minutes):
    for rows in group_chains(market).values():
        steps = np.diff(rows[:, 0])
        for column, sign in ((1, -1.0), (2, 1.0)):
            prices = take(minutes, rows[:, column])
            prices = prices[~np.isnan(prices).any(axis=1)]
            slopes = sign * np.diff(prices, axis=1)
            assert (slopes >= -1e-9).all()
            assert (slopes <= steps + 1e-9).all()
            butterflies = prices[:, :-2] - 2 * prices[:, 1:-1] + prices[:, 2:]
            is_even = np.isclose(steps[1:], steps[:-1])
            assert (butterflies[:, is_even] >= -TICK - 1e-9).all()
            assert (prices >= TICK - 1e-9).all()


def test_later_expiry_is_worth_more_time_value(market, minutes):
    chains = group_chains(market)
    keys = sorted(key for key in chains if key[0] == "BANKNIFTY")
    straddles = []
    for key in keys[:3]:  # what the first day lists
        rows = chains[key]
        middle = rows[rows[:, 0] == 55_000.0][0]
        straddles.append(minutes[200, int(middle[1])] + minutes[200, int(middle[2])])
    assert straddles == sorted(straddles)


def test_parity_holds_within_a_tick_with_interest(rules):
    market = SimulatedMarket(
        dataclasses.replace(CONFIG, rate=0.07, sessions=1, update_interval_ms=60_000),
        find_calendar=rules.calendar,
    )
    closes, futures = find_closes(market, read_ticks(market)), find_futures(market)
    calendar = rules.calendar("NFO")
    opens_ns = market.first_ns + np.arange(len(closes)) * MINUTE_NS
    for key, rows in group_chains(market).items():
        if key not in futures:
            continue
        day = np.searchsorted(calendar.days_ns, from_date(key[1]))
        taus = (calendar.closes_ns[day] - opens_ns) / (365 * 1_440 * MINUTE_NS)
        growth = np.exp(0.07 * taus)[:, None]
        differences = take(closes, rows[:, 1]) - take(closes, rows[:, 2])
        forwards = rows[:, 0] + growth * differences
        assert np.abs(forwards - closes[:, futures[key], None]).max() <= TICK


ratios = st.floats(0.2, 5.0)
skews = st.floats(-0.6, -0.1)
years = st.floats(1e-5, 1.0)


@given(ratios, skews, years, st.floats(0.08, 0.4))
def test_smile_allows_no_butterfly_and_keeps_the_level_at_the_money(ratio, skew, tau, vol):
    spread = vol * math.sqrt(ratio * tau)
    logs = np.linspace(-4, 4, 161) * spread
    ones = np.ones_like(logs)
    vols = compute_vols(logs, tau * ones, vol**2 * ones, ratio * ones, skew * ones)
    strikes = np.exp(logs)
    prices = compute_prices(1.0, strikes, vols, tau, 1.0, is_call=True)
    slopes = np.diff(prices) / np.diff(strikes)
    assert (np.diff(slopes) >= -1e-9 / spread).all()
    decay = -math.expm1(-3.0 * tau) / (3.0 * tau)
    assert vols[80] == pytest.approx(vol * math.sqrt(1 + (ratio - 1) * decay), rel=1e-9)
    # Puts cost more than calls as far away: the index falls faster than it rises.
    assert vols[40] > vols[120]


@given(ratios, skews, years, st.floats(1.0, 3.0), st.floats(-0.2, 0.2))
def test_smile_allows_no_calendar(ratio, skew, tau, times, log_moneyness):
    taus = np.array([tau, tau * times])
    same = np.ones(2)
    vols = compute_vols(log_moneyness * same, taus, 0.02 * same, ratio * same, skew * same)
    total = vols**2 * taus
    assert total[1] >= total[0] * (1 - 1e-9)


def test_smile_without_time_is_flat_at_nothing():
    found = compute_vols(*(np.array([each]) for each in (0.1, 0.0, 0.02, 1.0, -0.3)))
    assert found.tolist() == [0.0]


def test_volume_only_grows_and_holdings_are_whole_lots(market, ticks):
    day_ns = 1_440 * MINUTE_NS
    for number, own in enumerate(split(ticks, market)):
        spec = market.specs[number]
        if spec.kind is InstrumentKind.INDEX:
            for name in ("volume", "oi", "average_price"):
                assert np.isnan(own[name]).all()
            continue
        for day in np.unique(own["ts_event_ns"] // day_ns):
            in_day = own[own["ts_event_ns"] // day_ns == day]
            assert (np.diff(in_day["volume"]) >= 0).all()
            average = in_day["average_price"][-1]
            if in_day["volume"][-1] > 0:
                assert in_day["ltp"].min() - 0.01 <= average <= in_day["ltp"].max() + 0.01
        for name in ("volume", "oi"):
            assert (own[name] >= 0).all()
            assert (own[name] % spec.lot_size == 0).all()


def test_open_interest_goes_on_from_evening_to_morning(market, ticks):
    for spec, own in zip(market.specs, split(ticks, market), strict=True):
        if spec.kind is not InstrumentKind.FUTURE or spec.expiry == date(2026, 11, 24):
            continue
        days = own["ts_event_ns"] // (1_440 * MINUTE_NS)
        listed = np.unique(days)
        for evening, morning in pairwise(listed):
            last = own["oi"][days == evening][-1]
            first = own["oi"][days == morning][0]
            # The evening's last minutes are told in the next morning at the latest.
            assert first == pytest.approx(last, rel=0.02)


def test_books_stand_around_the_last_price(market):
    for batch in list(market.read(0))[::37]:
        ticks, books = batch.ticks, batch.depth
        specs = [market.specs[number] for number in ticks["instrument_id"]]
        is_index = np.array([spec.kind is InstrumentKind.INDEX for spec in specs])
        assert np.isnan(books["bid_price"][is_index]).all()
        assert (books["total_ask_quantity"][is_index] == 0).all()
        ltp, bids, asks = (
            values[~is_index] for values in (ticks["ltp"], books["bid_price"], books["ask_price"])
        )
        with_bid = ~np.isnan(bids[:, 0])
        assert (asks[:, 0] > np.where(with_bid, bids[:, 0], 0)).all()
        assert ((bids[:, 0] == ltp) | (asks[:, 0] == ltp)).all()
        assert not (np.diff(bids, axis=1) >= 0).any()
        assert (np.diff(asks, axis=1) > 0).all()
        lots = np.array([spec.lot_size for spec in specs])[:, None]
        for side in ("bid", "ask"):
            quantities, orders = books[f"{side}_quantity"], books[f"{side}_orders"]
            is_there = ~np.isnan(books[f"{side}_price"])
            assert ((quantities > 0) == is_there).all()
            assert ((orders > 0) == is_there).all()
            assert (orders * lots <= quantities).all()
            assert (quantities % lots == 0).all()
            assert (books[f"total_{side}_quantity"] >= quantities.sum(axis=1)).all()


def make_sample_books(price_paise, distance, count=4_000):
    words = np.random.PCG64(5).random_raw(count)
    same = np.ones(count, np.int64)
    return make_books(price_paise * same, 5 * same, distance * same, 75 * same, words)


def test_spreads_are_wider_away_from_the_money():
    spreads = []
    for distance in (0, 6, 12, 25):
        books = make_sample_books(10_000, distance)
        spreads.append(float(np.mean(books["ask_price"][:, 0] - books["bid_price"][:, 0])))
    assert spreads == sorted(spreads)
    assert spreads[-1] > 2 * spreads[0]


def test_books_are_thinner_away_from_the_money():
    depths = [make_sample_books(10_000, d)["bid_quantity"].mean() for d in (0, 3, 10)]
    assert depths == sorted(depths, reverse=True)


def test_nobody_bids_below_a_tick():
    books = make_sample_books(5, 30)
    assert np.nanmin(books["bid_price"]) == TICK
    assert (np.isnan(books["bid_price"]).sum(axis=1) >= 4).all()


def test_bars_look_like_a_market(rules):
    market = SimulatedMarket(
        dataclasses.replace(
            CONFIG, sessions=25, strikes_each_side=1, weekly_expiries=0, update_interval_ms=60_000
        ),
        find_calendar=rules.calendar,
    )
    ticks = np.concatenate([batch.ticks for batch in market.read(0)])
    indices = [n for n, spec in enumerate(market.specs) if spec.kind is InstrumentKind.INDEX]
    levels = np.array([ticks["ltp"][ticks["instrument_id"] == n] for n in indices])
    levels = levels.reshape(2, 25, -1)
    returns = np.diff(np.log(levels), axis=2)
    closes = np.log(levels[:, :, -1])
    daily = np.diff(closes, axis=1)
    ranges = (levels.max(axis=2) - levels.min(axis=2)) / levels[:, :, 0]
    assert ranges.min() > 0.002
    assert ranges.max() < 0.06
    assert 0.004 < np.median(ranges) < 0.015
    for row, volatility in ((0, 0.13), (1, 0.15)):
        # 24 days tell a volatility to within a seventh of itself; the variance wanders on top.
        assert 0.5 * volatility < daily[row].std() * math.sqrt(252) < 1.6 * volatility
    assert np.corrcoef(returns[0].ravel(), returns[1].ravel())[0, 1] > 0.8
    opening, noon = returns[0][:, :30].std(), returns[0][:, 150:220].std()
    assert 1.3 < opening / noon < 3.0
    gaps = np.log(levels[0][1:, 0] / levels[0][:-1, -1])
    assert gaps.std() > 5 * returns[0].std()
    flat = returns[0].ravel() / returns[0].std()
    assert np.mean(flat**4) > 3.3  # fatter tails than a plain random walk
