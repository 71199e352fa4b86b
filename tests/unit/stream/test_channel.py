"""Channels and subscribers without a server: numbering, conflation, bounds, coming back."""

from __future__ import annotations

import msgpack
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.stream.channel import Channel
from strikewire.stream.figures import LATENCY_BOUNDS_S, StreamFigures
from strikewire.stream.message import Encoding, Message
from strikewire.stream.subscriber import BacklogConfig, Subscriber
from strikewire.stream.topics import BARS, TopicName


class Client:
    """A port that reads as fast as it is told to, and remembers every frame."""

    def __init__(self):
        self.frames = []
        self.is_congested = False

    def write(self, frame):
        self.frames.append(frame)

    @property
    def bodies(self):
        return [orjson.loads(frame[frame.index(b'{"') :]) for frame in self.frames]


class Counter:
    """A topic's content: events add, the state is what is being counted right now."""

    def __init__(self):
        self.total = 0
        self.forming = None

    def describe(self):
        return {"symbol": "X"}

    def describe_snapshot(self):
        return {"total": self.total, "forming": self.forming}

    def describe_state(self):
        return None if self.forming is None else ("state", {"forming": self.forming})


class Clock:
    def __init__(self):
        self.now_ns = 1

    def __call__(self):
        return self.now_ns


class Site:
    """A channel with its content, and clients on it."""

    def __init__(self, **config):
        self.clock = Clock()
        self.figures = StreamFigures()
        self.content = Counter()
        self.config = BacklogConfig(**config)
        self.closed = []
        self.channel = Channel(
            name=TopicName(BARS, "X:1m"),
            epoch="run-1",
            content=self.content,
            figures=self.figures,
            elapsed_ns=self.clock,
        )

    def connect(self, encoding=Encoding.JSON):
        client = Client()
        client.subscriber = Subscriber(
            port=client,
            encoding=encoding,
            config=self.config,
            figures=self.figures,
            on_overflow=lambda: self.closed.append(client),
            elapsed_ns=self.clock,
        )
        self.channel.join(client.subscriber)
        return client

    def count(self, amount=1):
        self.content.total += amount
        self.channel.publish("event", lambda: {"amount": amount})

    def form(self, value):
        self.content.forming = value
        self.channel.update("state", lambda: {"forming": value})


@pytest.fixture
def site():
    return Site()


def test_message_says_where_it_belongs(site):
    client = site.connect()
    site.count(3)
    assert client.bodies == [
        {
            "type": "event", "epoch": "run-1", "topic": "bars:X:1m", "seq": 1, "symbol": "X",
            "amount": 3,
        }
    ]  # fmt: skip


def test_message_is_written_once_for_all(site):
    described = []
    clients = [site.connect() for _ in range(3)]

    site.channel.publish("event", lambda: described.append(1) or {})

    assert len(described) == 1
    assert clients[0].frames[0] is clients[1].frames[0] is clients[2].frames[0]


def test_message_nobody_hears_is_not_written(site):
    site.channel.publish("event", lambda: pytest.fail("described for nobody"))
    assert site.figures.of("bars").messages == 1


def test_client_that_wants_it_packed_hears_the_same(site):
    text, packed = site.connect(), site.connect(Encoding.MSGPACK)
    site.count()
    assert msgpack.unpackb(packed.frames[0][2:]) == text.bodies[0]


def test_congested_client_gets_the_newest_state_and_every_event_in_order(site):
    client = site.connect()
    client.is_congested = True
    for value in range(5):
        site.form(value)
        site.count()
        site.form(value + 0.5)
    assert client.frames == []

    client.is_congested = False
    client.subscriber.flush()

    assert [(each["seq"], each.get("amount"), each.get("forming")) for each in client.bodies] == [
        (1, 1, None), (2, 1, None), (3, 1, None), (4, 1, None), (5, 1, None), (5, None, 4.5)
    ]  # fmt: skip
    assert client.subscriber.backlog_bytes == 0
    assert site.figures.of("bars").conflated == 9


@pytest.mark.parametrize("bounds", [{"max_messages": 3}, {"max_bytes": 300}])
def test_client_with_too_much_waiting_is_ended_once(bounds):
    site = Site(**bounds)
    slow, quick = site.connect(), site.connect()
    slow.is_congested = True
    for _ in range(10):
        site.count()

    assert site.closed == [slow]
    assert slow.subscriber.backlog_count == 0
    assert [each["seq"] for each in quick.bodies] == list(range(1, 11))
    assert site.figures.slow_clients == 1
    assert site.figures.of("bars").dropped >= 3
    slow.is_congested = False
    slow.subscriber.flush()
    assert slow.frames == []


def test_states_alone_never_fill_a_backlog():
    site = Site(max_messages=1)
    client = site.connect()
    client.is_congested = True
    for value in range(1_000):
        site.form(value)
    assert site.closed == []
    assert client.subscriber.backlog_count == 1


def test_who_comes_back_to_a_full_ring_is_not_ended_for_it():
    site = Site(max_messages=3)
    for _ in range(50):
        site.count()
    client = site.connect()
    client.is_congested = True

    client.subscriber.say_all(site.channel.begin(("run-1", 0)).messages, "bars")

    assert site.closed == []
    assert client.subscriber.backlog_count == 50


def test_who_was_there_before_the_numbering_starts_over(site):
    client = site.connect()
    site.count()
    site.channel.restart("run-2")
    site.channel.publish_snapshot()

    assert client.bodies[-1]["type"] == "snapshot"
    assert (client.bodies[-1]["epoch"], client.bodies[-1]["seq"]) == ("run-2", 0)
    assert not site.channel.begin(("run-1", 1)).is_recovered


def test_snapshot_is_made_once_while_nothing_happens(site):
    first = site.channel.make_snapshot()
    assert site.channel.make_snapshot() is first
    site.form(1)
    assert site.channel.make_snapshot() is not first


def test_lost_topic_lets_everybody_go(site):
    client = site.connect()
    site.channel.end()
    site.count()
    assert client.bodies == [{"type": "unsubscribed", "topic": "bars:X:1m", "lost": True}]


def test_who_leaves_hears_no_more_and_who_joins_twice_hears_once(site):
    client = site.connect()
    site.channel.join(client.subscriber)
    site.count()
    site.channel.leave(client.subscriber)
    site.channel.leave(client.subscriber)
    site.count()
    assert len(client.frames) == 1


def test_deliveries_are_counted_by_how_long_they_waited(site):
    prompt, late = site.connect(), site.connect()
    late.is_congested = True
    site.count()
    late.is_congested = False
    site.clock.now_ns += 2_000_000
    late.subscriber.flush()

    figures = site.figures.of("bars")
    assert figures.delivered == 2
    assert figures.sent_bytes == len(prompt.frames[0]) + len(late.frames[0])
    assert figures.latency[0] == 1
    assert figures.latency[LATENCY_BOUNDS_S.index(0.005)] == 1
    assert figures.latency_sum_ns == 2_000_000


def test_message_of_one_client_is_counted_too(site):
    client = site.connect()
    client.subscriber.say(Message(lambda: {"type": "pong"}), "session")
    assert client.bodies == [{"type": "pong"}]
    assert site.figures.of("session").delivered == 1


@pytest.mark.promise("W2")
@pytest.mark.promise("W3")
@pytest.mark.promise("W5")
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("count"), st.integers(1, 9)),
            st.tuples(st.just("form"), st.integers(0, 99)),
            st.tuples(st.sampled_from(["stall", "read", "cut", "return"]), st.just(0)),
        ),
        max_size=60,
    )
)
def test_what_a_client_knows_is_what_a_fresh_snapshot_says(steps):
    # A client that stalls, reads on, loses its connection and comes back, at any step.
    site = Site()
    client, known = site.connect(), {"total": 0, "forming": None}
    last = ("run-1", 0)
    read = 0

    def follow():
        nonlocal read, last
        for body in client.bodies[read:]:
            assert body["seq"] - last[1] == (body["type"] == "event")
            known["total"] += body.get("amount", 0)
            known["forming"] = body.get("forming", known["forming"])
            last = (body["epoch"], body["seq"])
        read = len(client.frames)

    for action, value in steps:
        if action == "count":
            site.count(value)
        elif action == "form":
            site.form(value)
        elif action == "cut":
            site.channel.leave(client.subscriber)
        elif action == "stall":
            client.is_congested = True
        else:
            if action == "return" and client.subscriber not in site.channel.listeners:
                client, read = site.connect(), 0
                client.subscriber.say_all(site.channel.begin(last).messages, "bars")
            client.is_congested = False
            client.subscriber.flush()
        follow()
        if client.subscriber in site.channel.listeners and not client.is_congested:
            assert known == site.content.describe_snapshot()
