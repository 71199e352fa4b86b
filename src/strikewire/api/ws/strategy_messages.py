"""What a server says of strategies: what they are worth, by changes. See `messages`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from strikewire.api import schemas
from strikewire.api.v1.strategies.m2m import M2mCandleBody
from strikewire.api.ws.chain_messages import Delta, Resumed, Snapshot, State
from strikewire.api.ws.messages import Numbered

_STRATEGY = Field(pattern="^strategy:", description="The topic's canonical name.")
_BOARD = Field(pattern="^strategies:", description="The topic's canonical name.")


class AlertBody(schemas.Body):
    """A level that was reached."""

    strategy_id: int
    kind: Literal["target", "stop"]
    level: str
    m2m: str
    as_of: str = Field(description="Where the market stood, RFC 3339.")


class StrategySnapshot(Snapshot):
    """One strategy: `state` is what `/api/v1/strategies/{id}/m2m/mark` answers."""

    topic: str = _STRATEGY


class StrategyResumed(Resumed):
    """All that was missed follows: so many minutes and alerts, then the whole state."""

    topic: str = _STRATEGY


class StrategyState(State):
    """The whole, in place of what you had."""

    topic: str = _STRATEGY


class StrategyDelta(Delta):
    """What has changed since the revision before."""

    topic: str = _STRATEGY


class StrategyMinute(Numbered):
    """A minute has ended: its candle, as it is stored."""

    topic: str = _STRATEGY
    type: Literal["minute"]
    candle: M2mCandleBody


class StrategyAlertMessage(Numbered):
    """The target or the stop was reached."""

    topic: str = _STRATEGY
    type: Literal["alert"]
    alert: AlertBody


class BoardSnapshot(Snapshot):
    """A user's board: `state` has each strategy by its number, with its last minutes."""

    topic: str = _BOARD


class BoardResumed(Resumed):
    """The alerts that were missed follow, then the whole board."""

    topic: str = _BOARD


class BoardState(State):
    """The whole board, in place of what you had."""

    topic: str = _BOARD


class BoardDelta(Delta):
    """What has changed since the revision before."""

    topic: str = _BOARD


class BoardAlertMessage(Numbered):
    """A strategy of the board has reached its target or its stop."""

    topic: str = _BOARD
    type: Literal["alert"]
    alert: AlertBody
