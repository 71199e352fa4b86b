import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.stream.hub import Hub, Message
from strikewire.stream.topics import BARS, QUOTES, TOPICS, Topic
from tests.eventually import eventually

ORDERED = Topic("ordered", is_conflated=False)
CONFLATED = Topic("conflated", is_conflated=True)


async def take(subscription, count):
    """Return so many messages, without waiting for one that is not there."""
    async with asyncio.timeout(5):
        return [await anext(subscription) for _ in range(count)]


async def drain(subscription):
    """Return what waits, and what arrives until the subscription ends."""
    return [message async for message in subscription]


def test_topics_have_names_of_their_own():
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


async def test_message_says_where_it_belongs():
    hub = Hub("run-7")
    with hub.subscribe([BARS]) as subscription:
        hub.publish(BARS, "NSE:NIFTY 50", {"close": 1.0})

        (message,) = await take(subscription, 1)

    assert message == Message("run-7", BARS, "NSE:NIFTY 50", 1, {"close": 1.0})


async def test_subscriber_who_waits_is_woken():
    hub = Hub("e")
    subscription = hub.subscribe([ORDERED])
    waiting = asyncio.create_task(take(subscription, 2))
    await asyncio.sleep(0)

    hub.publish(ORDERED, "a", 1)
    hub.publish(ORDERED, "a", 2)

    assert [message.payload for message in await waiting] == [1, 2]


async def test_topics_not_asked_for_do_not_arrive():
    hub = Hub("e")
    subscription = hub.subscribe([ORDERED])

    hub.publish(CONFLATED, "a", 1)
    hub.publish(ORDERED, "a", 2)

    assert [message.payload for message in await take(subscription, 1)] == [2]
    assert subscription.pending_count == 0


def test_latest_is_kept_without_subscribers():
    hub = Hub("e")
    assert hub.latest(QUOTES, "a") is None

    hub.publish(QUOTES, "a", 1)
    hub.publish(QUOTES, "b", 2)
    hub.publish(QUOTES, "a", 3)

    assert hub.latest(QUOTES, "a") == Message("e", QUOTES, "a", 3, 3)
    assert hub.latest(QUOTES, "b").seq == 2
    assert hub.latest(BARS, "a") is None


#: Publish to a topic and key, or let the reader take some.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([ORDERED, CONFLATED]), st.sampled_from("abc")),
        st.integers(1, 4),
    ),
    max_size=60,
)


@given(steps=STEPS)
def test_nothing_is_lost_reordered_or_older_than_what_came_before(steps):
    async def play():
        hub = Hub("e")
        subscription = hub.subscribe([ORDERED, CONFLATED])
        published, received = [], []
        for step in steps:
            if isinstance(step, int):
                received += await take(subscription, min(step, subscription.pending_count))
            else:
                hub.publish(*step, len(published))
                published.append(hub.latest(*step))
        return published, received + await take(subscription, subscription.pending_count)

    published, received = asyncio.run(play())

    def select(messages, topic, keys="abc"):
        return [m for m in messages if m.topic is topic and m.key in keys]

    assert select(received, ORDERED) == select(published, ORDERED)
    seqs = [message.seq for message in select(received, CONFLATED)]
    assert seqs == sorted(set(seqs))
    for key in "abc":
        # Whatever was left out, the newest of each key got through.
        assert select(received, CONFLATED, key)[-1:] == select(published, CONFLATED, key)[-1:]


@given(keys=st.lists(st.sampled_from("abcdefgh"), max_size=300), rounds=st.integers(1, 3))
def test_conflated_mailbox_holds_one_message_per_key(keys, rounds):
    hub = Hub("e")
    subscription = hub.subscribe([CONFLATED], capacity=8)
    for _ in range(rounds):
        for place, key in enumerate(keys):
            hub.publish(CONFLATED, key, place)

    assert subscription.pending_count == len(set(keys))
    assert not subscription.is_overflowed


async def test_key_that_changes_all_the_time_is_not_starved():
    hub = Hub("e")
    subscription = hub.subscribe([CONFLATED])
    for key in "abcd":
        hub.publish(CONFLATED, key, 0)
    seen = []
    for round_ in range(12):
        hub.publish(CONFLATED, "a", round_)
        seen += await take(subscription, 1)
        hub.publish(CONFLATED, "bcd"[round_ % 3], round_)

    assert [message.key for message in seen].count("a") >= 2


async def test_subscriber_who_never_reads_is_ended_and_nobody_else_notices():
    hub = Hub("e")
    slow = hub.subscribe([ORDERED], capacity=10)
    fast = hub.subscribe([ORDERED], capacity=10)
    received = []
    most = 0
    for place in range(100):
        hub.publish(ORDERED, "a", place)
        most = max(most, slow.pending_count)
        received += await take(fast, 1)

    assert most == 10
    assert slow.is_overflowed
    assert slow.pending_count == 0
    assert hub.overflow_count == 1
    assert hub.subscriptions == {fast}
    assert await drain(slow) == []
    assert [message.payload for message in received] == list(range(100))


async def test_too_many_keys_end_a_conflated_subscription_too():
    hub = Hub("e")
    subscription = hub.subscribe([CONFLATED], capacity=3)

    for key in "abcd":
        hub.publish(CONFLATED, key, 1)

    assert subscription.is_overflowed
    assert hub.overflow_count == 1


async def test_room_includes_what_was_taken_out_and_not_yet_handed_over():
    hub = Hub("e")
    subscription = hub.subscribe([ORDERED], capacity=4)
    for place in range(4):
        hub.publish(ORDERED, "a", place)
    await take(subscription, 1)

    hub.publish(ORDERED, "a", 4)
    assert subscription.pending_count == 4
    hub.publish(ORDERED, "a", 5)

    assert subscription.is_overflowed


async def test_closed_hub_ends_everybody_who_waits():
    hub = Hub("e")
    waiting = [asyncio.create_task(drain(hub.subscribe([ORDERED, BARS]))) for _ in range(3)]
    await eventually(lambda: len(hub.subscriptions) == 3)

    hub.close()

    assert await asyncio.gather(*waiting) == [[], [], []]
    assert not hub.subscriptions


async def test_leaving_the_block_ends_the_subscription():
    hub = Hub("e")
    with hub.subscribe([ORDERED]) as subscription:
        hub.publish(ORDERED, "a", 1)
    hub.publish(ORDERED, "a", 2)
    subscription.close()

    assert not hub.subscriptions
    assert subscription.pending_count == 0
    assert await drain(subscription) == []


@pytest.mark.parametrize(("topics", "capacity"), [([], 1), ([ORDERED], 0)])
def test_subscription_to_nothing_is_refused(topics, capacity):
    with pytest.raises(ValueError, match="a topic and room"):
        Hub("e").subscribe(topics, capacity=capacity)
