"""Topics that are told by changes: to slow clients, and by programs that only repeat them."""

from __future__ import annotations

import pytest

from strikewire.stream.channel import Channel
from strikewire.stream.document import DELTA, STATE, Document
from strikewire.stream.figures import StreamFigures
from strikewire.stream.message import Encoding
from strikewire.stream.relay import Entry, EntryKind, decode_entry, encode_entry
from strikewire.stream.relayed_channel import RelayedChannel
from strikewire.stream.subscriber import BacklogConfig, Subscriber
from strikewire.stream.topics import CHAIN, TopicName
from tests.oracles.documents import follow
from tests.unit.stream.test_channel import Client

NAME = TopicName(CHAIN, "NFO:X:2025-07-24")


class Table:
    """A topic's content: a table that is told by its changes."""

    def __init__(self):
        self.document = Document({"as_of": 0, "ltp": [None, 1.0, 2.0]})
        self.channel = Channel(name=NAME, epoch="run-1", content=self, figures=StreamFigures())

    def describe(self):
        return {}

    def describe_snapshot(self):
        return self.document.describe()

    def describe_state(self):
        return STATE, self.document.describe()

    def put(self, as_of, place, value):
        ltp = self.document.state["ltp"].copy()
        ltp[place] = value
        kind, body = self.document.replace({"as_of": as_of, "ltp": ltp})
        assert kind == DELTA
        self.channel.change(kind, lambda: body)

    def close_minute(self, minute):
        self.channel.publish("minute", lambda: {"ts": minute})


class Reader(Client):
    """A client that keeps the table, and trusts nobody."""

    def __init__(self, channel, seen=None):
        super().__init__()
        self.state, self.rev, self.minutes, self.kinds = None, None, [], []
        self.subscriber = Subscriber(
            port=self, encoding=Encoding.JSON, config=BacklogConfig(), figures=StreamFigures(),
            on_overflow=lambda: pytest.fail("ended"), elapsed_ns=lambda: 1,
        )  # fmt: skip
        self.beginning = channel.begin(seen)
        channel.join(self.subscriber)
        self.subscriber.say_all(self.beginning.messages, "chain")

    def read(self):
        """Take in what has come."""
        self.is_congested = False
        self.subscriber.flush()
        for body in self.bodies:
            self.kinds.append(body["type"])
            if body["type"] == "minute":
                self.minutes.append(body["ts"])
            elif body["type"] == DELTA:
                assert body["rev"] == self.rev + 1
                self.state, self.rev = follow(self.state, body["changes"]), body["rev"]
            else:
                assert self.rev is None or body["rev"] > self.rev
                self.state, self.rev = body["state"], body["rev"]
        self.frames.clear()
        return self.state


@pytest.mark.promise("W2")
@pytest.mark.promise("W5")
def test_client_that_reads_now_and_then_knows_the_table_whenever_it_has_read():
    table = Table()
    quick, slow = Reader(table.channel), Reader(table.channel)
    assert slow.read() == table.document.state
    slow.is_congested = True
    for step in range(1, 40):
        table.put(step, step % 3, step / 2)
        if step % 8 == 0:
            table.close_minute(step)
        assert quick.read() == table.document.state
        if step % 5 == 0:
            assert slow.read() == table.document.state
        slow.is_congested = True
    slow.read()
    assert slow.minutes == quick.minutes == [8, 16, 24, 32]
    assert set(quick.kinds) == {"snapshot", "delta", "minute"}
    # One change waits as it is; from the second on the table waits whole, once.
    assert slow.kinds.count("state") == 8
    assert slow.kinds.count("delta") == 0


def test_one_change_that_waits_stays_a_change():
    table = Table()
    reader = Reader(table.channel)
    reader.read()
    reader.is_congested = True
    table.put(1, 0, 5.0)
    assert reader.read() == table.document.state
    assert reader.kinds == ["snapshot", "delta"]


@pytest.mark.promise("W3")
def test_who_comes_back_is_told_the_minutes_and_the_table():
    table = Table()
    for minute in range(4):
        table.close_minute(minute)
    table.put(1, 0, 5.0)
    back = Reader(table.channel, ("run-1", 2))
    assert back.beginning.is_recovered
    assert back.read() == table.document.state
    assert back.minutes == [2, 3]


class Relay:
    """The way from one program's channel to another's, through what Redis would hold."""

    encoding = Encoding.JSON

    def __init__(self, table):
        self.table = table
        self.there = RelayedChannel(name=NAME, figures=StreamFigures(), last_id="0")
        self.is_cut = False
        self.asked = 0
        table.channel.join(self)
        self.offer(table.channel.make_snapshot(), None)

    def offer(self, message, _figures):
        body = message.body
        if body["type"] == "snapshot":
            envelope = self.table.channel.make_envelope("snapshot")
            self.put(Entry(EntryKind.SNAPSHOT, body, envelope))
        else:
            self.put(Entry(EntryKind.EVENT if message.key is None else EntryKind.STATE, body))
        return False

    def put(self, entry):
        if self.is_cut:
            return
        if not self.there.receive(decode_entry(encode_entry(entry))):
            self.there.synced.clear()
            self.asked += 1
            self.offer(self.table.channel.make_snapshot(), None)


@pytest.mark.promise("W5")
def test_program_that_repeats_a_table_tells_newcomers_all_of_it():
    table = Table()
    relay = Relay(table)
    first = Reader(relay.there)
    for step in range(1, 20):
        table.put(step, step % 3, step / 2)
        if step % 8 == 0:
            table.close_minute(step)
        newcomer = Reader(relay.there)
        assert first.read() == newcomer.read() == table.document.state
        assert newcomer.kinds == ["snapshot"]
        # Another program may ask for a snapshot at any time: it changes nothing here.
        relay.offer(table.channel.make_snapshot(), None)
    assert first.minutes == [8, 16]
    assert relay.asked == 0
    back = Reader(relay.there, ("run-1", 1))
    assert back.beginning.is_recovered
    assert back.read() == table.document.state
    assert back.minutes == [16]


def test_program_that_missed_a_change_asks_for_the_table():
    table = Table()
    relay = Relay(table)
    reader = Reader(relay.there)
    relay.is_cut = True
    table.put(1, 0, 1.5)
    relay.is_cut = False
    table.put(2, 1, 2.5)
    assert relay.asked == 1
    assert reader.read() == table.document.state
    table.put(3, 2, 3.5)
    assert reader.read() == table.document.state
    assert relay.asked == 1


def test_slow_client_of_a_program_that_repeats_is_told_the_whole_table():
    table = Table()
    relay = Relay(table)
    slow = Reader(relay.there)
    slow.is_congested = True
    for step in range(1, 6):
        table.put(step, step % 3, step / 2)
    assert slow.read() == table.document.state
    assert slow.kinds == ["snapshot", "state"]
