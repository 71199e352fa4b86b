"""What a server says on a socket, as models.

They are for the AsyncAPI document, and the test that holds the program to it; nothing is encoded
through them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from strikewire.api.schemas import Body
from strikewire.api.v1.market import MarketBody
from strikewire.core.bars import Timeframe


class Answer(Body):
    """What answers a request."""

    id: str | int | None = Field(default=None, description="Of the request that this answers.")


class Numbered(Body):
    """What is said of a topic."""

    epoch: str = Field(description="Names the numbering; opaque.")
    topic: str = Field(description="The topic's canonical name.")
    seq: int = Field(ge=0, description="Of the topic's last event.")


class Welcome(Answer):
    """The first message of every socket."""

    type: Literal["welcome"]
    version: str
    heartbeat_s: float


class Heartbeat(Body):
    """All is well; whoever is behind one of the numbers has missed something."""

    type: Literal["heartbeat"]
    as_of: str | None
    seq: dict[str, int] = Field(description="The last number of each topic listened to.")


class Pong(Answer):
    """The answer to `ping`."""

    type: Literal["pong"]
    as_of: str | None


class Unsubscribed(Answer):
    """The topic is listened to no more; with `lost`, because nobody can say how it goes on."""

    type: Literal["unsubscribed"]
    topic: str
    lost: bool = False


class ErrorMessage(Answer):
    """A request was not done. The codes are REST's."""

    type: Literal["error"]
    code: str
    message: str
    details: dict[str, Any]


class Shutdown(Body):
    """The server stops, and closes the socket next."""

    type: Literal["shutdown"]
    retry_after_s: float


class StreamBar(Body):
    """One bar."""

    ts: str = Field(description="Its open, RFC 3339.")
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    oi: float | None
    status: Literal["partial", "revised", "complete"]
    is_forming: bool


class _OfBars(Numbered):
    as_of: str | None = Field(description="Exchange time of the newest thing that is told of.")
    symbol: str
    timeframe: Timeframe


class BarsSnapshot(_OfBars):
    """A topic's last bars. Forget what you had of it."""

    type: Literal["snapshot"]
    id: str | int | None = None
    recovered: Literal[False]
    bars: list[StreamBar]


class BarsResumed(_OfBars):
    """All that was missed follows: so many closed bars, then the forming one."""

    type: Literal["resumed"]
    id: str | int | None = None
    recovered: Literal[True]
    missed: int = Field(ge=0)


class BarMessage(_OfBars):
    """One bar: closed, with the next number, or forming, with the last one's."""

    type: Literal["bar"]
    bar: StreamBar


class MarketStatusMessage(Numbered, MarketBody):
    """How the market is. It is state; only the newest is sent."""

    type: Literal["status"]


class MarketSnapshot(Numbered, MarketBody):
    """The same, in answer to a subscription."""

    type: Literal["snapshot"]
    id: str | int | None = None
    recovered: Literal[False]


class MarketResumed(Numbered):
    """The newest status follows; there is nothing one could have missed."""

    type: Literal["resumed"]
    id: str | int | None = None
    recovered: Literal[True]
    missed: int = Field(ge=0)
