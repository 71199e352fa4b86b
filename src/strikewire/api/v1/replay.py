"""`/api/v1/replay`: how a replay is getting on, and its controls."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import ActorDep, RuntimeDep
from strikewire.api.instants import Instant
from strikewire.api.routes import Routes
from strikewire.auth.audit import AuditEvent
from strikewire.auth.scopes import Scope
from strikewire.core.errors import NotFoundError
from strikewire.core.instants import format_rfc3339
from strikewire.feeds.replay import ReplayFeed, ReplayState, parse_speed
from strikewire.runtime import Runtime

_TAG = "replay"


class ReplayBody(schemas.Body):
    """Where a replay stands."""

    description: str = Field(description="What is being played.")
    state: ReplayState
    speed: float | None = Field(description="Market seconds a second; null: as fast as possible.")
    time: str = Field(description="The market's time reached, RFC 3339.")
    first: str = Field(description="The recording's first instant.")
    last: str = Field(description="The recording's last instant.")
    position: int = Field(description="Ticks delivered.")
    total: int = Field(description="Ticks there are.")
    generation: int = Field(description="How often it started again from the first tick.")


class PlayCommand(schemas.Body):
    """Go on."""

    action: Literal["play"]


class PauseCommand(schemas.Body):
    """Stand still."""

    action: Literal["pause"]


class SeekCommand(schemas.Body):
    """Go elsewhere, forward or backward."""

    action: Literal["seek"]
    to: Instant


class SpeedCommand(schemas.Body):
    """Go faster or slower."""

    action: Literal["speed"]
    speed: (
        Annotated[float, Field(gt=0, le=1_000_000)]
        | Annotated[str, Field(pattern=r"^([1-9]\d{0,3}(\.\d{1,3})?x?|max)$")]
    ) = Field(description="1, 2.5, `10x`, or `max`.", examples=["10x"])


ReplayCommand = Annotated[
    PlayCommand | PauseCommand | SeekCommand | SpeedCommand, Field(discriminator="action")
]


def _get_feed(runtime: Runtime) -> ReplayFeed:
    if runtime.replay is None:
        msg = "no replay runs; start one with: strikewire serve --replay FILE"
        raise NotFoundError(msg)
    return runtime.replay


def _describe(feed: ReplayFeed) -> dict[str, Any]:
    status = feed.status()
    return {
        "description": feed.description,
        "state": status.state,
        "speed": status.speed if math.isfinite(status.speed) else None,
        "time": format_rfc3339(status.clock_ns),
        "first": format_rfc3339(status.first_ns),
        "last": format_rfc3339(status.last_ns),
        "position": status.position_seq,
        "total": status.total,
        "generation": status.generation,
    }


async def get_replay(
    runtime: RuntimeDep, _query: Annotated[schemas.Query, Query()]
) -> dict[str, Any]:
    """Show where the replay stands; 404 when none runs."""
    return _describe(_get_feed(runtime))


async def control_replay(
    runtime: RuntimeDep,
    actor: ActorDep,
    _query: Annotated[schemas.Query, Query()],
    command: ReplayCommand,
) -> dict[str, Any]:
    """Play, pause, seek or change the speed; 404 when no replay runs, 409 when it has ended."""
    feed = _get_feed(runtime)
    asked = command.model_dump(mode="json", exclude_none=True)
    event = AuditEvent("replay.control", "replay", feed.session_key, _describe(feed), asked)
    async with runtime.database.write() as session:
        await runtime.audit.record(session, actor, event)
        # Within the transaction: a command that is refused leaves no row. And after the row: what
        # cannot be written down is not done.
        _obey(feed, command)
    return _describe(feed)


def _obey(feed: ReplayFeed, command: ReplayCommand) -> None:
    match command:
        case PlayCommand():
            feed.play()
        case PauseCommand():
            feed.pause()
        case SeekCommand():
            feed.seek(command.to)
        case SpeedCommand():
            feed.set_speed(parse_speed(str(command.speed)))


def add_routes(routes: Routes) -> None:
    """Add the replay's routes."""
    routes.add(
        "GET", "/api/v1/replay", get_replay,
        access=Scope.REPLAY_READ, tag=_TAG, fails=(404,), response_model=ReplayBody,
    )  # fmt: skip
    routes.add(
        "POST", "/api/v1/replay", control_replay,
        access=Scope.REPLAY_CONTROL, tag=_TAG, audit="replay.control",
        fails=(404,), response_model=ReplayBody,
    )  # fmt: skip
