"""`/api/v1/feed`: how the broker's feed is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import RuntimeDep
from strikewire.api.routes import Routes
from strikewire.auth.scopes import Scope
from strikewire.core.errors import NotFoundError
from strikewire.core.instants import format_rfc3339
from strikewire.feeds.kite.feed import KiteFeed
from strikewire.feeds.kite.feed_status import KiteFeedStatus, SocketStatus
from strikewire.feeds.kite.socket import SocketState
from strikewire.live.broker_login import LoginState
from strikewire.live.broker_slots import BrokerSlots
from strikewire.live.budget_coverage import Cover
from strikewire.live.market_status import MarketMode, MarketState

#: The stale are named up to here, and counted beyond it.
_MAX_NAMED = 100


class SocketBody(schemas.Body):
    """One connection to the broker."""

    number: int
    state: SocketState = Field(
        description="`idle`: nothing is wanted of it. `logged_out`: there is no access token, or "
        "the broker refused it. `down`: it is tried again."
    )
    reason: str | None = Field(description="Why it is not up; null while it is.")
    instruments: int = Field(description="How many it brings, or would.")
    reconnects: int = Field(description="How often it was opened again.")
    frame_age_s: float | None = Field(
        description="Seconds since anything came, if only a heartbeat; null while it is not up."
    )
    tick_age_s: float | None = Field(
        description="Seconds since ticks came, or since it was opened; null while it is not up."
    )


class SuspectBody(schemas.Body):
    """A frame that was not believed."""

    socket: int
    received: str = Field(description="When it came, RFC 3339.")
    fault: str
    bytes: int = Field(description="How long it was.")
    head: str = Field(description="Its first bytes, in hexadecimal.")


class FeedCountsBody(schemas.Body):
    """What came since the program was started."""

    frames: int = Field(description="Binary frames, heartbeats too.")
    heartbeats: int
    ticks: int
    unknown_tokens: int = Field(description="Packets of instruments that are nobody's.")
    unknown_lengths: int = Field(description="Packets of a kind that is not known.")
    unstamped: int = Field(description="Packets whose stamp is none, or too far ahead.")
    stale: int = Field(description="Packets of what had happened long before they were sent.")
    texts: int = Field(description="Text frames.")
    faults: dict[str, int] = Field(description="Frames that were not believed, by their fault.")
    dropped_frames: int = Field(description="Frames that waited for too long.")


class BudgetBody(schemas.Body):
    """What becomes of everything that is wanted; `/api/v1/feed/coverage` tells it by expiry."""

    slots: int
    wanted: int
    streamed: int
    quoted: int
    end_of_day: int
    waiting: int = Field(description="Who has earned a slot, and waits for the pace of changes.")
    positions_left_out: int = Field(description="Positions for which there is no slot.")
    quote_age_s: float | None = Field(
        description="Seconds since the quoted one that waits longest was asked for; null until "
        "all were once."
    )


class FeedBody(schemas.Body):
    """How the broker's feed is."""

    mode: MarketMode
    state: MarketState
    description: str
    ends: str = Field(description="When the trading day is over for the feed, RFC 3339.")
    is_connected: bool = Field(description="Whether every connection that is wanted is up.")
    login: LoginState = Field(description="As `/api/v1/feed/login` tells it, with times.")
    sockets: list[SocketBody]
    instruments: int = Field(description="How many the broker is asked to stream.")
    unplaced: int = Field(description="How many are wanted, and there is no room for them.")
    missing: list[str] = Field(description="What the settings name, and the broker does not list.")
    stale: list[str] = Field(
        description="Symbols that are silent for too long while their market is open, at most "
        f"{_MAX_NAMED} of them."
    )
    stale_total: int
    budget: BudgetBody
    queued_ticks: int = Field(description="Ticks that wait for the engine.")
    counts: FeedCountsBody
    quarantine: list[SuspectBody] = Field(description="The last frames that were not believed.")


async def get_feed(
    runtime: RuntimeDep, _query: Annotated[schemas.Query, Query()]
) -> dict[str, Any]:
    """Show how the broker's feed is: its connections, who is stale, and what was counted."""
    session, login = runtime.broker_session, runtime.broker_login
    if session is None or login is None:
        msg = "the broker is not heard by this program"
        raise NotFoundError(msg)
    feed, market = session.feed, runtime.market.status()
    status = feed.status()
    names = {int(each.id): each.symbol for each in session.universe.instruments}
    return {
        "mode": market.mode,
        "state": market.state,
        "description": feed.description,
        "ends": format_rfc3339(feed.ends_ns),
        "is_connected": status.is_connected,
        "login": login.status().state,
        "sockets": [_describe_socket(each) for each in status.sockets],
        "instruments": sum(each.instruments for each in status.sockets),
        "unplaced": len(status.unplaced),
        "missing": list(session.universe.missing),
        "stale": [names[each] for each in status.stale[:_MAX_NAMED].tolist() if each in names],
        "stale_total": len(status.stale),
        "budget": _describe_budget(session.slots),
        "queued_ticks": status.queued_ticks,
        "counts": _describe_counts(status),
        "quarantine": _describe_quarantine(feed),
    }


def _describe_socket(status: SocketStatus) -> dict[str, Any]:
    return {
        "number": status.number,
        "state": status.state,
        "reason": status.reason or None,
        "instruments": status.instruments,
        "reconnects": status.reconnects,
        "frame_age_s": _round(status.frame_age_s),
        "tick_age_s": _round(status.tick_age_s),
    }


def _describe_budget(slots: BrokerSlots) -> dict[str, Any]:
    coverage = slots.budget.read_coverage()
    return {
        "slots": coverage.slots,
        "wanted": len(coverage.universe),
        "streamed": coverage.count(Cover.STREAM),
        "quoted": coverage.count(Cover.QUOTE),
        "end_of_day": coverage.count(Cover.END_OF_DAY),
        "waiting": coverage.waiting,
        "positions_left_out": slots.budget.positions_left_out,
        "quote_age_s": _round(slots.rounds.find_age_s()),
    }


def _describe_counts(status: KiteFeedStatus) -> dict[str, Any]:
    counts = status.counts
    return {
        "frames": counts.frames,
        "heartbeats": counts.heartbeats,
        "ticks": counts.ticks,
        "unknown_tokens": counts.unknown_tokens,
        "unknown_lengths": counts.unknown_lengths,
        "unstamped": counts.unstamped,
        "stale": counts.stale,
        "texts": counts.texts,
        "faults": {fault.value: count for fault, count in status.faults.items()},
        "dropped_frames": status.dropped_frames,
    }


def _describe_quarantine(feed: KiteFeed) -> list[dict[str, Any]]:
    return [
        {
            "socket": each.socket,
            "received": format_rfc3339(each.ts_recv_ns),
            "fault": each.fault.value,
            "bytes": each.length,
            "head": each.head.hex(),
        }
        for each in feed.quarantine.frames
    ]


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def add_routes(routes: Routes) -> None:
    """Add the feed's route."""
    routes.add(
        "GET", "/api/v1/feed", get_feed,
        access=Scope.BARS_READ, tag="feed", fails=(404,), response_model=FeedBody,
    )  # fmt: skip
