"""What several answers under `/api/v1/fo` have in common, for the document."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from strikewire.analytics.options.expiry_time import Convention
from strikewire.api import schemas
from strikewire.engine.chains.table import ChainSource

ReasonName = Literal[
    "no_premium",
    "invalid",
    "expired",
    "below_intrinsic",
    "at_intrinsic",
    "above_bound",
    "stale",
    "crossed",
]


class ForwardBody(schemas.Body):
    """What the underlying costs at the expiry, agreed on now."""

    value: float | None
    source: Literal["future", "parity", "spot"] | None = Field(description="What it is made of.")
    dispersion: float | None = Field(description="By how much strikes disagree, where by parity.")
    pairs: int = Field(description="How many strikes made it, where by parity.")


class FiguresBody(schemas.Body):
    """What a chain says as a whole; null where it says nothing."""

    pcr_oi: float | None = Field(description="Puts over calls, by open interest.")
    pcr_volume: float | None = Field(description="The same by the day's volume.")
    max_pain: float | None = Field(description="The strike at which all together would pay least.")
    call_oi: float | None = Field(description="Units.")
    put_oi: float | None
    call_oi_change: float | None = Field(description="Units, since the session before.")
    put_oi_change: float | None
    atm_strike: float | None = Field(description="The strike nearest to the forward.")
    atm_iv: float | None = Field(description="Fraction, at the forward itself.")
    straddle: float | None = Field(description="Rupees per unit, at the money.")
    strangle: float | None = Field(description="Rupees per unit, one strike out on either side.")
    expected_move: float | None = Field(description="Rupees, one standard deviation until the end.")
    risk_reversal: float | None = Field(description="Fraction, 25 delta: call's IV less put's.")
    butterfly: float | None = Field(description="Fraction, 25 delta: their mean less `atm_iv`.")
    gex: float | None = Field(description="Rupees to hedge per cent of the forward; see the docs.")


class ChainHeadBody(schemas.Body):
    """What a chain hangs on."""

    underlying: str
    exchange: str
    expiry: str = Field(description="YYYY-MM-DD.")
    cutoff: str = Field(description="When its options end, RFC 3339.")
    as_of: str = Field(description="Everything was so then, RFC 3339.")
    source: ChainSource = Field(description="Latest quotes, or the record a minute left.")
    convention: Convention
    lot_size: int
    spot: float | None
    spot_symbol: str | None
    future: float | None = Field(description="Of the same expiry.")
    future_symbol: str | None
    forward: ForwardBody
    tau_years: float | None = Field(description="To the cut-off, ACT/365.")
    rate: float | None = Field(description="Continuously compounded, a year.")


class SideBody(schemas.Body):
    """The calls, or the puts: in each list a place for each strike."""

    symbol: list[str | None] = Field(description="Null: there is no such contract.")
    ltp: list[float | None]
    change: list[float | None] = Field(description="Since the close of the session before.")
    premium: list[float | None] = Field(description="What `iv` is made of.")
    bid: list[float | None]
    ask: list[float | None]
    volume: list[float | None] = Field(description="Units, of the session.")
    oi: list[float | None] = Field(description="Units.")
    oi_change: list[float | None] = Field(description="Units, since the session before.")
    iv: list[float | None] = Field(description="Annualised fraction, 0.18 is 18 %.")
    delta: list[float | None]
    gamma: list[float | None] = Field(description="Per rupee.")
    theta: list[float | None] = Field(description="Rupees per calendar day.")
    vega: list[float | None] = Field(description="Rupees per volatility point.")
    rho: list[float | None] = Field(description="Rupees per percentage point.")
    reason: list[ReasonName | None] = Field(description="Why there is no `iv`.")
    ts: list[str | None] = Field(description="Of the last trade, RFC 3339.")


class ChainBody(ChainHeadBody):
    """One chain."""

    figures: FiguresBody
    strikes: list[float] = Field(description="Ascending.")
    calls: SideBody
    puts: SideBody
