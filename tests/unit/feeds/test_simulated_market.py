from __future__ import annotations

import asyncio
import dataclasses
import itertools
import math
from datetime import date

import numpy as np
import pytest

from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import MINUTE_NS, SECOND_NS, from_date
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.simulated import (
    SimulatedMarket,
    SimulationConfig,
    load_underlyings,
    make_simulated_source,
    name_session,
)
from strikewire.journal import check_session_key
from strikewire.reference.contract_terms import PriceClass
from strikewire.reference.sessions import SessionCalendar
from strikewire.reference.symbols import parse_tradingsymbol

#: From a Monday on; the second day is an expiry of both.
CONFIG = SimulationConfig(
    start_day=date(2026, 12, 28), seed=7, sessions=3, strikes_each_side=3, update_interval_ms=10_000
)

#: Tick number to instrument, price, volume, open interest and average price.
GOLDEN: dict[int, tuple[int, float, float, float, float]] = {
    1: (0, 25071.8, math.nan, math.nan, math.nan),
    2: (1, 25077.5, 65.0, 12622025.0, 25077.5),
    3: (2, 253.95, 845.0, 4999085.0, 253.95),
    1000: (58, 667.6, 780.0, 746135.0, 667.6),
    100000: (35, 543.9, 267865.0, 478985.0, 570.53),
    250000: (124, 1197.5, 36300.0, 325950.0, 1202.22),
    400000: (60, 55517.85, math.nan, math.nan, math.nan),
    945520: (180, 831.9, 122135.0, 313105.0, 747.93),
}


@pytest.fixture(scope="module")
def make_market(rules):
    def make(**changes):
        return SimulatedMarket(dataclasses.replace(CONFIG, **changes), find_calendar=rules.calendar)

    return make


@pytest.fixture(scope="module")
def market(make_market):
    return make_market()


def read_ticks(market, after_seq=0):
    return np.concatenate([batch.ticks for batch in market.read(after_seq)])


@pytest.fixture(scope="module")
def ticks(market):
    return read_ticks(market)


def test_same_seed_gives_the_same_bytes(make_market, market):
    again = make_market()
    assert again.specs == market.specs
    for one, other in zip(market.read(0), again.read(0), strict=True):
        assert one.ticks.tobytes() == other.ticks.tobytes()
        assert one.depth.tobytes() == other.depth.tobytes()


def test_another_seed_gives_another_market(make_market, ticks):
    other = read_ticks(make_market(seed=8))
    is_index = ticks["instrument_id"] == 0
    own = ticks["ltp"][is_index]
    # As often, at the same instants, and elsewhere.
    found = other[other["instrument_id"] == 0]
    assert (found["ts_event_ns"] == ticks["ts_event_ns"][is_index]).all()
    assert np.mean(found["ltp"] == own) < 0.01


def test_known_ticks_are_the_same_on_every_machine(ticks):
    # Noted down from a run of this version: grow `VERSION` with them when the market changes.
    for seq, (instrument_id, ltp, volume, oi, average) in GOLDEN.items():
        tick = ticks[seq - 1]
        found = [tick[name].item() for name in ("ltp", "volume", "oi", "average_price")]
        assert tick["seq"] == seq
        assert tick["instrument_id"] == instrument_id
        assert found == pytest.approx([ltp, volume, oi, average], rel=1e-9, nan_ok=True)


def test_ticks_are_numbered_from_one_and_counted_beforehand(market, ticks):
    assert (ticks["seq"] == np.arange(1, market.total + 1)).all()
    assert ticks["ts_event_ns"][0] == market.first_ns
    assert ticks["ts_event_ns"][-1] == market.last_ns
    assert (np.diff(ticks["ts_event_ns"]) >= 0).all()
    assert (ticks["ts_recv_ns"] == ticks["ts_event_ns"]).all()


def test_tail_behind_any_tick_is_the_same(market, rng):
    whole = list(market.read(0))
    ends = np.cumsum([len(batch) for batch in whole])
    for after_seq in [1, market.total - 1, *rng.integers(1, market.total, 12).tolist()]:
        first = int(np.searchsorted(ends, after_seq, side="right"))
        cut = after_seq - (int(ends[first - 1]) if first else 0)
        tail = market.read(after_seq)
        for place in range(first, min(first + 40, len(whole))):
            at = cut if place == first else 0
            batch = next(tail)
            assert batch.ticks.tobytes() == whole[place].ticks[at:].tobytes()
            assert batch.depth.tobytes() == whole[place].depth[at:].tobytes()
    assert list(market.read(market.total)) == []


def test_each_batch_is_one_instant(market):
    instants = [np.unique(batch.ticks["ts_event_ns"]).tolist() for batch in market.read(0)]
    assert all(len(each) == 1 for each in instants)
    assert all(one < other for one, other in itertools.pairwise(each[0] for each in instants))


def test_ticks_are_inside_the_sessions_of_their_venues(market, ticks, rules):
    venues = np.array([spec.exchange for spec in market.specs])
    for venue in np.unique(venues):
        calendar = rules.calendar(venue)
        own = ticks["ts_event_ns"][(venues == venue)[ticks["instrument_id"]]]
        found = calendar.find(own)
        assert (found >= 0).all()
        assert (own < calendar.closes_ns[found]).all()
        days = np.unique(calendar.days_ns[found])
        assert days.tolist() == [from_date(date(2026, 12, day)) for day in (28, 29, 30)]
        for day_ns in days:
            place = int(np.searchsorted(calendar.days_ns, day_ns))
            in_day = own[found == place]
            assert in_day[0] == calendar.opens_ns[place]
            assert in_day[-1] == calendar.closes_ns[place] - 10 * SECOND_NS


def test_everything_that_is_open_ticks_at_the_last_step_of_a_minute(ticks):
    is_last = ticks["ts_event_ns"] % MINUTE_NS == MINUTE_NS - 10 * SECOND_NS
    minutes = ticks["ts_event_ns"] // MINUTE_NS
    seen = {(m, i) for m, i in zip(minutes.tolist(), ticks["instrument_id"].tolist(), strict=True)}
    last = zip(minutes[is_last].tolist(), ticks["instrument_id"][is_last].tolist(), strict=True)
    assert seen == set(last)


def test_far_strikes_and_expiries_tick_less_often(make_market):
    market = make_market(sessions=1, strikes_each_side=25, update_interval_ms=1_000)
    # The first ten minutes.
    batches = itertools.islice(market.read(0), 600)
    seen = np.concatenate([batch.ticks["instrument_id"] for batch in batches])
    counts = np.bincount(seen, minlength=len(market.specs))
    by_symbol = {spec.tradingsymbol: counts[n] for n, spec in enumerate(market.specs)}
    assert by_symbol["NIFTY 50"] == by_symbol["NIFTY26DECFUT"] == 600
    for strikes in (("26DEC25000CE", "26DEC25400PE", "26DEC26100PE"), ("27FEBFUT", "27FEB26100CE")):
        found = [by_symbol[f"NIFTY{each}"] for each in strikes]
        assert found == sorted(found, reverse=True)
        assert found[0] > 2 * found[-1]
    assert by_symbol["NIFTY26DEC25000CE"] > by_symbol["NIFTY27JAN25000CE"]


def test_even_load_ticks_everything_at_every_step(make_market):
    market = make_market(is_even=True, sessions=1, instruments=50)
    assert len(market.specs) == 50
    for batch in market.read(0):
        expected = 50 if batch.ticks["instrument_id"][0] == 0 else 48  # the indices close earlier
        assert len(batch) == expected


@pytest.mark.parametrize("count", [1, 9, 300, 3_000])
def test_so_many_instruments_are_listed_as_asked_for(make_market, count):
    market = make_market(sessions=1, instruments=count, update_interval_ms=60_000)
    assert len(market.specs) == count
    kinds = [spec.kind for spec in market.specs]
    # Two indices and six futures come before any option, then those nearest the money.
    assert sum(kind.is_option for kind in kinds) == max(count - 8, 0)


def test_engine_takes_every_tick(market, rules):
    engine = Engine(config=EngineConfig(), find_calendar=rules.calendar)
    engine.register(
        Instrument(InstrumentId(number), spec) for number, spec in enumerate(market.specs)
    )
    bars = [engine.apply(batch).bars for batch in market.read(0)]
    bars.append(engine.flush().bars)
    counters = engine.counters
    assert counters.applied == market.total
    others = ("duplicates", "late", "outside", "unstamped", "unknown", "invalid", "amendments")
    assert {name: getattr(counters, name) for name in others} == dict.fromkeys(others, 0)
    whole = np.concatenate(bars)
    assert counters.bars == len(whole) - np.count_nonzero(whole["flags"])


def test_replay_feed_plays_it_from_any_tick(market):
    ids = np.arange(len(market.specs), dtype=np.int32) + 1_000
    feed = ReplayFeed(make_simulated_source(market, ids), speed=MAX_SPEED)

    async def play():
        return [batch async for batch in feed.batches(after_seq=market.total - 500)]

    played = np.concatenate([batch.ticks for batch in asyncio.run(play())])
    wanted = read_ticks(market, market.total - 500)
    wanted["instrument_id"] += 1_000
    assert played.tobytes() == wanted.tobytes()
    status = feed.status()
    assert (status.first_ns, status.last_ns) == (market.first_ns, market.last_ns)


def test_source_wants_an_id_for_each_instrument(market):
    with pytest.raises(InvalidInputError, match="ids were wanted"):
        make_simulated_source(market, np.arange(3, dtype=np.int32))


def test_recording_is_named_by_everything_that_makes_the_market(make_market):
    names = {
        name_session(make_market(sessions=1, **changes).config)
        for changes in ({}, {"seed": 8}, {"strikes_each_side": 5}, {"carry": 0.05}, {"rate": 0.01})
    }
    assert len(names) == 5
    assert all(check_session_key(name) == name for name in names)


def test_contracts_are_named_as_the_exchange_names_them(market):
    for spec in market.specs:
        parsed = parse_tradingsymbol(spec.exchange, spec.tradingsymbol)
        if spec.kind is InstrumentKind.INDEX:
            assert spec.symbol in ("NSE:NIFTY 50", "NSE:NIFTY BANK")
            continue
        assert parsed is not None
        assert (parsed.underlying, parsed.kind) == (spec.underlying, spec.kind)
        assert parsed.strike == spec.strike
        assert parsed.month == spec.expiry.replace(day=1)
        assert parsed.expiry in (None, spec.expiry)
    futures = [s.tradingsymbol for s in market.specs if s.kind is InstrumentKind.FUTURE]
    assert futures[:3] == ["NIFTY26DECFUT", "NIFTY27JANFUT", "NIFTY27FEBFUT"]


def test_expired_contracts_stop_and_new_ones_come(market, ticks):
    day_numbers = ticks["ts_event_ns"] // (1_440 * MINUTE_NS)
    pairs = np.unique(np.stack([ticks["instrument_id"], day_numbers]), axis=1)
    first = from_date(CONFIG.start_day) // (1_440 * MINUTE_NS)
    days = [
        {int(day) - first for day in pairs[1][pairs[0] == number]}
        for number in range(len(market.specs))
    ]
    expired = date(2026, 12, 29)
    for spec, own in zip(market.specs, days, strict=True):
        assert own <= {0, 1} if spec.expiry == expired else 2 in own
    # The series that took their place.
    assert {2} in days


def test_expiry_on_a_holiday_moves_to_the_session_before(rules):
    whole = rules.calendar("NFO")
    keep = whole.days_ns != from_date(date(2027, 1, 5))
    without = SessionCalendar(
        "NFO", whole.zone, whole.days_ns[keep], whole.opens_ns[keep], whole.closes_ns[keep]
    )
    market = SimulatedMarket(
        dataclasses.replace(CONFIG, underlyings=load_underlyings(["NIFTY"])),
        find_calendar=lambda venue: without if venue == "NFO" else rules.calendar(venue),
    )
    expiries = sorted({spec.expiry for spec in market.specs if spec.expiry})
    assert expiries[:3] == [date(2026, 12, 29), date(2027, 1, 4), date(2027, 1, 12)]


def test_start_on_a_day_without_a_session_begins_with_the_next(make_market):
    market = make_market(start_day=date(2026, 12, 26), sessions=1)
    assert market.first_ns // (1_440 * MINUTE_NS) == from_date(CONFIG.start_day) // (
        1_440 * MINUTE_NS
    )


def test_other_exchange_keeps_its_own_sessions(make_market):
    market = make_market(underlyings=load_underlyings(["sensex", "NIFTY"]), sessions=1)
    exchanges = {spec.exchange for spec in market.specs}
    assert exchanges == {"NSE", "NFO", "BSE", "BFO"}
    assert market.specs[0].symbol == "BSE:SENSEX"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed must be from 0"),
        ({"sessions": 0}, "sessions must be from 1"),
        ({"strikes_each_side": 0}, "strikes_each_side"),
        ({"update_interval_ms": 7_000}, "must divide a minute"),
        ({"update_interval_ms": 0}, "must divide a minute"),
        ({"underlyings": ()}, "at least one underlying"),
        ({"instruments": 150_000}, "instruments must be at most"),
        ({"start_day": date(2100, 1, 1)}, "the calendar ends"),
    ],
)
def test_config_that_cannot_be_is_refused(make_market, changes, message):
    with pytest.raises(InvalidInputError, match=message):
        make_market(**changes)


def test_contract_terms_are_those_of_the_market_rules(rules):
    day = SimulationConfig().start_day
    for each in load_underlyings(["NIFTY", "BANKNIFTY", "SENSEX", "FINNIFTY", "MIDCPNIFTY"]):
        venue = {"NSE": "NFO", "BSE": "BFO"}[each.index.exchange]
        ends = rules.expiry_rule(venue, each.name, day)
        ticks = [
            100 * rules.tick_size(venue, price_class, day, price=each.level)
            for price_class in (PriceClass.INDEX_FUTURE, PriceClass.OPTION)
        ]
        assert each.lot_size == rules.lot_size(venue, each.name, day)
        assert each.strike_step == rules.strike_step(venue, each.name, day)
        assert [each.future_tick_paise, each.option_tick_paise] == pytest.approx(ticks)
        assert (each.expiry_weekday, each.has_weeklies) == (ends.monthly, ends.weekly is not None)


@pytest.mark.parametrize("names", [[], ["NIFTY", "RELIANCE"]])
def test_unknown_underlying_is_refused(names):
    with pytest.raises(InvalidInputError, match="BANKNIFTY, SENSEX"):
        load_underlyings(names)


def test_number_of_the_last_tick_before_an_instant_counts_the_ticks_before_it(market, ticks):
    first_ns, last_ns = market.first_ns, market.last_ns
    minutes_ns = np.arange(first_ns - MINUTE_NS, last_ns + 2 * MINUTE_NS, 17 * MINUTE_NS)
    for instant_ns in (first_ns + 1, last_ns, last_ns + 1, *minutes_ns.tolist()):
        expected = np.searchsorted(ticks["ts_event_ns"], instant_ns)
        assert market.find_seq(instant_ns) == expected


def test_listed_is_what_ticks_on_that_day(market, ticks):
    days = ticks["ts_event_ns"] // (1_440 * MINUTE_NS)
    for day in np.unique(days).tolist():
        listed = market.find_listed(day * 1_440 * MINUTE_NS)
        assert np.unique(ticks["instrument_id"][days == day]).tolist() == listed.tolist()
    assert (market.find_listed(0) == market.find_listed(from_date(CONFIG.start_day))).all()
