"""What a server says of chains and monitors: tables, told by their changes. See `messages`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from strikewire.api.schemas import Body
from strikewire.api.ws.messages import Numbered

_CHAIN = Field(pattern="^chain:", description="The topic's canonical name.")
_MONITOR = Field(pattern="^monitor:", description="The topic's canonical name.")


class _Revised(Body):
    rev: int = Field(ge=0, description="How often the table has changed in this epoch.")


class _Whole(_Revised):
    state: dict[str, Any]


class Snapshot(Numbered, _Whole):
    """The whole, for whoever begins."""

    type: Literal["snapshot"]
    id: str | int | None = None
    recovered: Literal[False]


class Resumed(Numbered):
    """What was missed follows."""

    type: Literal["resumed"]
    id: str | int | None = None
    recovered: Literal[True]
    missed: int = Field(ge=0)


class State(Numbered, _Whole):
    """The whole, in place of what there was."""

    type: Literal["state"]


class Delta(Numbered, _Revised):
    """What has changed."""

    type: Literal["delta"]
    changes: dict[str, Any] = Field(
        description="Mirrors the table, with only what differs from the revision before: in an "
        'array\'s place `{"i": [places], "v": [values]}`, or another array in its stead.'
    )


class ChainSnapshot(Snapshot):
    """One expiry's chain: `state` is what `/api/v1/fo/chain` answers. Forget what you had."""

    topic: str = _CHAIN


class ChainResumed(Resumed):
    """All that was missed follows: so many minutes, then the whole chain."""

    topic: str = _CHAIN


class ChainState(State):
    """The whole chain, in place of what you had: there was no time for each of its changes."""

    topic: str = _CHAIN


class ChainDelta(Delta):
    """What has changed since the revision before."""

    topic: str = _CHAIN


class ChainMinuteMessage(Numbered):
    """A minute has closed: what `/api/v1/fo/chain` says of its end, without the strikes."""

    topic: str = _CHAIN
    type: Literal["minute"]
    ts: str = Field(description="The minute's open, RFC 3339.")
    minute: dict[str, Any]


class MonitorSnapshot(Snapshot):
    """An underlying's monitor: `state` is what `/api/v1/fo/monitor` answers."""

    topic: str = _MONITOR


class MonitorResumed(Resumed):
    """The whole monitor follows; there is nothing else one could have missed."""

    topic: str = _MONITOR


class MonitorState(State):
    """The whole monitor, in place of what you had."""

    topic: str = _MONITOR


class MonitorDelta(Delta):
    """What has changed since the revision before."""

    topic: str = _MONITOR
