"""The market's state as REST and the sockets write it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from strikewire.api import schemas
from strikewire.core.instants import format_rfc3339
from strikewire.live.market_status import MarketMode, MarketState, MarketStatus


class MarketBody(schemas.Body):
    """What is heard, whether it moves, and how fresh it is."""

    mode: MarketMode
    state: MarketState = Field(
        description="`stalled`: it should move and does not. `ended`: it has come to its end."
    )
    description: str | None = Field(description="The feed's own words; null without a feed.")
    now: str = Field(description="The market clock, RFC 3339: a replay's own time while one runs.")
    as_of: str | None = Field(
        description="Exchange time, RFC 3339, of the newest tick applied; null before the first."
    )
    heard_s: float | None = Field(
        description="Seconds, by the machine's clock, since a tick was applied; null before the "
        "first."
    )
    speed: float | None = Field(
        description="Market seconds a second; null: as fast as possible, or nothing is played."
    )
    begins: str | None = Field(
        description="The first instant of what is played, RFC 3339; null where nothing is."
    )
    ends: str | None = Field(description="Its last instant.")


def describe_market(status: MarketStatus) -> dict[str, Any]:
    """Return the fields of a `MarketBody`."""
    return {
        "mode": status.mode,
        "state": status.state,
        "description": status.description,
        "now": format_rfc3339(status.now_ns),
        "as_of": _format(status.as_of_ns),
        "heard_s": None if status.heard_s is None else round(status.heard_s, 3),
        "speed": status.speed,
        "begins": _format(status.begins_ns),
        "ends": _format(status.ends_ns),
    }


def _format(instant_ns: int | None) -> str | None:
    return None if instant_ns is None else format_rfc3339(instant_ns)
