from __future__ import annotations

import numpy as np

from strikewire.core.bars import BAR_DTYPE
from strikewire.core.instruments import (
    Instrument,
    InstrumentId,
    InstrumentKind,
    InstrumentSpec,
)
from strikewire.engine.view import Update
from strikewire.live.publisher import BarPublisher
from strikewire.stream.hub import Hub
from strikewire.stream.topics import BARS


def make_update(*closes: tuple[int, float]) -> Update:
    bars = np.zeros(len(closes), BAR_DTYPE)
    bars["instrument_id"] = [instrument_id for instrument_id, _ in closes]
    bars["close"] = [close for _, close in closes]
    nobody = np.zeros(0, np.int32)
    return Update(seq=1, as_of_ns=1, last_seq=1, dirty=nobody, bars=bars)


def make_publisher(hub: Hub) -> BarPublisher:
    specs = [InstrumentSpec("NFO", f"TEST{n}", InstrumentKind.FUTURE) for n in (1, 2)]
    return BarPublisher(
        hub=hub,
        instruments=[Instrument(InstrumentId(n), spec) for n, spec in enumerate(specs, start=1)],
    )


async def test_closed_bars_reach_a_subscriber_in_order_under_their_symbols() -> None:
    hub = Hub("test")
    with hub.subscribe([BARS]) as subscription:
        make_publisher(hub).on_update(make_update((1, 100.0), (2, 50.0), (1, 101.0)))

        messages = [await anext(subscription) for _ in range(3)]

    assert [message.key for message in messages] == ["NFO:TEST1", "NFO:TEST2", "NFO:TEST1"]
    assert [message.payload["close"][0] for message in messages] == [100.0, 50.0, 101.0]
    assert [message.seq for message in messages] == [1, 2, 3]


def test_newest_bar_of_a_symbol_is_to_be_had() -> None:
    hub = Hub("test")

    make_publisher(hub).on_update(make_update((1, 100.0), (1, 101.0)))

    latest = hub.latest(BARS, "NFO:TEST1")
    assert latest is not None
    assert latest.payload["close"].tolist() == [101.0]


def test_bars_of_others_are_passed_over() -> None:
    hub = Hub("test")

    make_publisher(hub).on_update(make_update((7, 100.0)))

    assert hub.latest(BARS, "NFO:TEST7") is None
