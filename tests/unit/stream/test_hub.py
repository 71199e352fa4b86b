"""Which topics are listened to, as whoever decides what has to be heard asks it."""

from __future__ import annotations

from strikewire.stream.channel import Channel
from strikewire.stream.figures import KindFigures, StreamFigures
from strikewire.stream.hub import Hub
from strikewire.stream.message import Encoding, Message
from strikewire.stream.topics import BARS, TopicName, parse_topic


class Nothing:
    """A topic's content of which there is nothing to say."""

    def describe(self):
        return {}

    def describe_snapshot(self):
        return {}

    def describe_state(self):
        return None


class Source:
    """Keeps every channel it has opened."""

    def __init__(self, figures: StreamFigures) -> None:
        self._figures = figures
        self._channels: dict[str, Channel] = {}

    async def open(self, subject: str) -> Channel:
        name = TopicName(BARS, subject)
        made = Channel(name=name, epoch="1", content=Nothing(), figures=self._figures)
        return self._channels.setdefault(subject, made)


class Ear:
    encoding = Encoding.JSON

    def offer(self, message: Message, figures: KindFigures) -> bool:
        del message, figures
        return True


async def test_a_topic_is_heard_from_the_first_listener_to_the_last():
    figures = StreamFigures()
    hub = Hub(sources={BARS.name: Source(figures)}, figures=figures)
    first, second = Ear(), Ear()
    channel = await hub.open(parse_topic("bars:NSE:ACC:1m"))
    await hub.open(parse_topic("bars:NSE:TCS:1m"))
    assert hub.list_heard() == []

    channel.join(first)
    (await hub.open(parse_topic("bars:NSE:ACC:1m"))).join(second)
    assert hub.list_heard() == ["bars:NSE:ACC:1m"]

    channel.leave(first)
    assert hub.list_heard() == ["bars:NSE:ACC:1m"]
    channel.leave(second)
    assert hub.list_heard() == []
