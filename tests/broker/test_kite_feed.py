"""The feed over real sockets against the fake broker, whole and broken."""

from __future__ import annotations

import numpy as np
import pytest

from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.ticks import Deafness, DeafReason, TickBatch, TickFlag
from strikewire.feeds.kite.socket import SocketState
from tests.broker.hearing import INDEX, hear
from tests.eventually import eventually


def list_states(desk):
    return [each.state for each in desk.feed.status().wanted_sockets]


def count_attempts(broker):
    return broker.counters()["sockets"].get("handshakes", 0)


def count_reconnects(desk):
    return sum(each.reconnects for each in desk.feed.status().sockets)


async def test_ticks_are_numbered_on_behind_the_journal(fake_broker):
    async with hear(fake_broker, after_seq=500) as desk:
        await desk.want(list(desk.ids.values()))
        await desk.hear_more()
        await desk.hear_more()

        ticks = desk.ticks
        assert ticks["seq"].tolist() == list(range(501, 501 + len(ticks)))
        assert set(ticks["instrument_id"].tolist()) <= set(desk.ids.values())
        assert desk.heard[-1].depth is not None


async def test_what_is_sent_before_the_mode_has_taken_hold_makes_no_bar(fake_broker):
    async with hear(fake_broker) as desk:
        await desk.advance(5)
        await desk.want(list(desk.ids.values()))
        await eventually(desk.count_ticks)
        await desk.hear_more()

    ticks = desk.ticks
    is_ours = ticks["ts_event_ns"] == ticks["ts_recv_ns"]
    assert is_ours.any()
    assert (ticks["flags"][is_ours] & TickFlag.STALE).all()
    assert not (ticks["flags"][~is_ours] & TickFlag.STALE).any()


async def test_sockets_share_what_is_wanted(fake_broker):
    async with hear(fake_broker) as desk:
        ids = list(desk.ids.values())
        await desk.want(ids)

        sizes = [len(each["subscribed"]["full"]) for each in fake_broker.sockets()]
        assert sum(sizes) == len(ids)
        assert max(sizes) - min(sizes) <= 1
        assert len(sizes) == 3


async def test_batches_end_with_the_day(fake_broker):
    async with hear(fake_broker) as desk:
        await desk.want([desk.ids[INDEX]])
        await desk.hear_more()
        desk.clock.set(desk.feed.ends_ns)

        await eventually(desk.collecting.done)


async def test_minute_is_told_to_be_over_when_nothing_comes(fake_broker):
    async with hear(fake_broker) as desk:
        await desk.want([desk.ids[INDEX]])
        await desk.advance(58)
        await eventually(desk.count_ticks)

        def is_told():
            return desk.lulls

        # Nothing moves any more, and the exchange's time goes on.
        lull = (await eventually(is_told))[0]

    begun_ns = int(desk.ticks["ts_event_ns"].min())
    assert lull.now_ns == (begun_ns // MINUTE_NS + 1) * MINUTE_NS


@pytest.mark.promise("F10")
async def test_exactly_what_is_wanted_comes_back_with_what_was_asked_while_down(fake_broker):
    async with hear(fake_broker) as desk:
        ids = list(desk.ids.values())
        before, after = ids[:60], ids[30:90]
        await desk.want(before)
        fake_broker.switch_on("refuse")
        fake_broker.drop()
        await eventually(lambda: set(list_states(desk)) == {SocketState.DOWN})

        desk.feed.want(after)
        fake_broker.switch_off()

        await eventually(lambda: desk.list_asked() == desk.tokens_of(after))
        # Nobody else was asked for on any of the new sockets, not even for a moment.
        ever = {token for each in fake_broker.sockets() for token in each["ever"]}
        assert sorted(ever) == desk.tokens_of(after)
        await desk.hear_more()
        assert set(desk.heard[-1].ticks["instrument_id"]) <= set(after)


@pytest.mark.promise("F10")
async def test_changes_while_up_ask_for_the_difference_alone(fake_broker):
    async with hear(fake_broker) as desk:
        ids = list(desk.ids.values())
        await desk.want(ids[:30])
        await desk.want(ids[10:50])
        await desk.want(ids[10:20])
        await desk.want(ids)

        assert count_reconnects(desk) == 0


@pytest.mark.promise("F5")
async def test_deafness_is_told_before_the_first_tick_behind_it(fake_broker):
    async with hear(fake_broker) as desk:
        wanted = list(desk.ids.values())
        await desk.want(wanted)
        fake_broker.run(rate=1.0)
        await eventually(lambda: desk.count_ticks() > 10)
        fake_broker.switch_on("refuse")
        fake_broker.drop()
        last_ns = fake_broker.now_ns()
        await eventually(lambda: set(list_states(desk)) == {SocketState.DOWN})
        told = len(desk.heard)
        await eventually(lambda: fake_broker.now_ns() > last_ns + 2 * SECOND_NS)

        fake_broker.switch_off()
        await eventually(lambda: desk.list_asked() == desk.tokens_of(wanted))
        await eventually(lambda: len(desk.heard) > told + 6)

        deaf = set()
        for each in desk.heard[told:]:
            if isinstance(each, Deafness):
                assert each.reason is DeafReason.DISCONNECTED
                assert last_ns - 2 * SECOND_NS < each.from_ns <= last_ns + SECOND_NS
                assert each.to_ns > last_ns + SECOND_NS
                deaf |= set(each.instrument_ids.tolist())
            elif isinstance(each, TickBatch):
                assert set(each.ticks["instrument_id"].tolist()) <= deaf
        assert deaf == set(wanted)


@pytest.mark.promise("F9")
async def test_half_open_connection_is_noticed(fake_broker):
    async with hear(fake_broker, heartbeat_s=1.0) as desk:
        await desk.want(list(desk.ids.values())[:30])
        fake_broker.switch_on("half_open")

        await eventually(lambda: SocketState.UP not in list_states(desk))
        fake_broker.switch_off()
        fake_broker.drop()

        await eventually(lambda: set(list_states(desk)) == {SocketState.UP})
        await desk.hear_more()
        assert {each.reason for each in desk.spells} <= {DeafReason.DISCONNECTED}


@pytest.mark.promise("F9")
async def test_no_attempt_is_the_last_one_and_none_follows_at_once(fake_broker):
    async with hear(fake_broker) as desk:
        fake_broker.switch_on("refuse", status=503)
        desk.feed.want([desk.ids[INDEX]])

        await eventually(lambda: count_attempts(fake_broker) >= 20)
        assert list_states(desk)[0] in (SocketState.DOWN, SocketState.CONNECTING)
        fake_broker.switch_off()

        await eventually(lambda: list_states(desk) == [SocketState.UP])


@pytest.mark.promise("F8")
async def test_silent_symbol_is_stale_in_session_while_others_go_on(fake_broker):
    async with hear(fake_broker) as desk:
        silent, lively = desk.ids[INDEX], desk.ids["NSE:NIFTY BANK"]
        await desk.want([silent, lively])
        fake_broker.run(rate=20)
        await eventually(lambda: desk.count_ticks() > 100)
        assert len(desk.feed.status().stale) == 0

        fake_broker.switch_on("stall", tokens=[desk.token_of[silent]])
        await eventually(lambda: desk.feed.status().stale.tolist() == [silent], timeout_s=5)

        fake_broker.switch_off()
        await eventually(lambda: len(desk.feed.status().stale) == 0)
        assert count_reconnects(desk) == 0


@pytest.mark.promise("F8")
async def test_mute_socket_is_opened_again_and_what_it_missed_is_told(fake_broker):
    async with hear(fake_broker, mute_s=0.5) as desk:
        await desk.want([desk.ids[INDEX], desk.ids["NSE:NIFTY BANK"]])
        fake_broker.run(rate=20)
        await eventually(lambda: desk.count_ticks() > 60)

        fake_broker.switch_on("mute", heartbeats=True)
        await eventually(lambda: desk.feed.is_silent, timeout_s=3)
        await eventually(lambda: count_reconnects(desk) >= 2)
        fake_broker.switch_off()
        fake_broker.drop()

        await eventually(lambda: desk.spells)
        assert desk.spells[0].reason is DeafReason.MUTE
        await eventually(lambda: not desk.feed.is_silent)


@pytest.mark.promise("F8")
async def test_nobody_is_stale_and_nothing_is_mute_out_of_session(fake_broker):
    async with hear(fake_broker, stale_s=0.1, mute_s=0.1, silent_s=0.1) as desk:
        await desk.want(list(desk.ids.values()))
        await desk.hear_more()
        desk.clock.set(desk.feed.ends_ns - MINUTE_NS)
        await eventually(lambda: not desk.feed.is_open)

        fake_broker.switch_on("mute", heartbeats=True)
        before = desk.feed.status().counts.heartbeats
        await eventually(lambda: desk.feed.status().counts.heartbeats > before + 6)

        assert len(desk.feed.status().stale) == 0
        assert count_reconnects(desk) == 0
        assert set(list_states(desk)) == {SocketState.UP}


@pytest.mark.promise("F11")
@pytest.mark.parametrize("how", ["truncate", "count", "length"])
async def test_corrupt_frame_is_quarantined_and_the_next_good_one_is_heard(fake_broker, how):
    async with hear(fake_broker) as desk:
        ids = list(desk.ids.values())
        await desk.want(ids)
        await desk.hear_more()
        fake_broker.switch_on("corrupt", how=how)
        before = desk.count_ticks()

        async def is_quarantined():
            await desk.advance(1)
            return sum(desk.feed.status().faults.values()) >= 3

        await eventually(is_quarantined)
        assert desk.count_ticks() == before
        assert 0 < len(desk.feed.quarantine.frames) <= 16
        fake_broker.switch_off()
        await desk.hear_more()

        assert {each.reason for each in desk.spells} == {DeafReason.QUARANTINED}
        first = next(n for n, each in enumerate(desk.heard) if isinstance(each, Deafness))
        assert isinstance(desk.heard[-1], TickBatch)
        assert first < len(desk.heard) - 1
        assert np.isfinite(desk.ticks["ltp"]).all()


async def test_dead_token_waits_for_the_next_login_without_hammering(fake_broker):
    async with hear(fake_broker) as desk:
        await desk.want([desk.ids[INDEX]])
        fake_broker.expire()
        await eventually(lambda: list_states(desk) == [SocketState.LOGGED_OUT])
        attempts, asked = count_attempts(fake_broker), desk.asked

        await eventually(lambda: desk.asked > asked + 20)

        assert count_attempts(fake_broker) == attempts
        assert desk.refused == [desk.token]

        desk.token = desk.log_in()

        await eventually(lambda: list_states(desk) == [SocketState.UP])
        await desk.hear_more()


async def test_without_a_login_nothing_is_asked(fake_broker):
    async with hear(fake_broker) as desk:
        token, desk.token = desk.token, None
        desk.feed.want([desk.ids[INDEX]])
        await eventually(lambda: list_states(desk) == [SocketState.LOGGED_OUT])
        assert desk.feed.status().sockets[0].reason == "nobody is logged in"
        assert not desk.feed.status().is_connected

        desk.token = token

        await eventually(lambda: list_states(desk) == [SocketState.UP])
