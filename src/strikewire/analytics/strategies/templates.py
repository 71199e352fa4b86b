"""Strategies the field has names for, as one table: what is bought and sold, and how far out.

Where a strike is stands as a *rung*: 0 is the strike at the money, 1 the first one above it that
the spacing leads to, 2 the next, -1 the first one below. Nothing here knows a chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class LegKind(StrEnum):
    """What a leg is."""

    CALL = "call"
    PUT = "put"
    #: The future of the expiry, where there is none the next one that is, else the spot.
    UNDERLYING = "underlying"


class Outlook(StrEnum):
    """What somebody expects of the market who enters it."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    #: It stays where it is.
    NEUTRAL = "neutral"
    #: It goes far, whichever way.
    VOLATILE = "volatile"
    #: Nothing: what it makes is known at the entry.
    ARBITRAGE = "arbitrage"


@dataclass(frozen=True, slots=True)
class TemplateLeg:
    """One leg.

    Parameters
    ----------
    ratio : lots of it for each lot of the strategy; less than 0 is sold.
    rung : where its strike is; of the underlying 0.
    is_far : of the later expiry.
    """

    ratio: int
    kind: LegKind
    rung: int = 0
    is_far: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A strategy by its name."""

    title: str
    outlook: Outlook
    legs: tuple[TemplateLeg, ...]

    @property
    def expiry_count(self) -> int:
        """How many expiries it has legs in, 1 or 2."""
        return 1 + any(leg.is_far for leg in self.legs)


def _call(ratio: int, rung: int = 0, *, is_far: bool = False) -> TemplateLeg:
    return TemplateLeg(ratio, LegKind.CALL, rung, is_far)


def _put(ratio: int, rung: int = 0, *, is_far: bool = False) -> TemplateLeg:
    return TemplateLeg(ratio, LegKind.PUT, rung, is_far)


def _make(title: str, outlook: Outlook, *legs: TemplateLeg) -> Template:
    return Template(title, outlook, legs)


_BULL, _BEAR = Outlook.BULLISH, Outlook.BEARISH
_CALM, _WILD, _SURE = Outlook.NEUTRAL, Outlook.VOLATILE, Outlook.ARBITRAGE
_HELD, _OWED = TemplateLeg(1, LegKind.UNDERLYING), TemplateLeg(-1, LegKind.UNDERLYING)

# fmt: off
#: By name, from the plain to the compound.
TEMPLATES: Final[Mapping[str, Template]] = MappingProxyType({
    "long-call": _make("Long call", _BULL, _call(1)),
    "short-call": _make("Short call", _BEAR, _call(-1)),
    "long-put": _make("Long put", _BEAR, _put(1)),
    "short-put": _make("Short put", _BULL, _put(-1)),
    # With the underlying.
    "covered-call": _make("Covered call", _BULL, _HELD, _call(-1, 1)),
    "covered-put": _make("Covered put", _BEAR, _OWED, _put(-1, -1)),
    "protective-put": _make("Protective put", _BULL, _HELD, _put(1, -1)),
    "protective-call": _make("Protective call", _BEAR, _OWED, _call(1, 1)),
    "collar": _make("Collar", _BULL, _HELD, _put(1, -1), _call(-1, 1)),
    "covered-strangle": _make("Covered strangle", _BULL, _HELD, _put(-1, -1), _call(-1, 1)),
    "conversion": _make("Conversion", _SURE, _HELD, _put(1), _call(-1)),
    "reversal": _make("Reversal", _SURE, _OWED, _put(-1), _call(1)),
    # Two strikes of one side.
    "bull-call-spread": _make("Bull call spread", _BULL, _call(1), _call(-1, 1)),
    "bear-call-spread": _make("Bear call spread", _BEAR, _call(-1), _call(1, 1)),
    "bull-put-spread": _make("Bull put spread", _BULL, _put(1, -1), _put(-1)),
    "bear-put-spread": _make("Bear put spread", _BEAR, _put(-1, -1), _put(1)),
    "call-ratio-spread": _make("Call ratio spread", _CALM, _call(1), _call(-2, 1)),
    "put-ratio-spread": _make("Put ratio spread", _CALM, _put(-2, -1), _put(1)),
    "call-back-spread": _make("Call ratio back spread", _BULL, _call(-1), _call(2, 1)),
    "put-back-spread": _make("Put ratio back spread", _BEAR, _put(2, -1), _put(-1)),
    # A call and a put.
    "synthetic-long": _make("Synthetic long", _BULL, _put(-1), _call(1)),
    "synthetic-short": _make("Synthetic short", _BEAR, _put(1), _call(-1)),
    "risk-reversal": _make("Risk reversal", _BULL, _put(-1, -1), _call(1, 1)),
    "bearish-risk-reversal": _make("Bearish risk reversal", _BEAR, _put(1, -1), _call(-1, 1)),
    "long-straddle": _make("Long straddle", _WILD, _put(1), _call(1)),
    "short-straddle": _make("Short straddle", _CALM, _put(-1), _call(-1)),
    "strip": _make("Strip", _WILD, _put(2), _call(1)),
    "strap": _make("Strap", _WILD, _put(1), _call(2)),
    "long-strangle": _make("Long strangle", _WILD, _put(1, -1), _call(1, 1)),
    "short-strangle": _make("Short strangle", _CALM, _put(-1, -1), _call(-1, 1)),
    "long-guts": _make("Long guts", _WILD, _call(1, -1), _put(1, 1)),
    "short-guts": _make("Short guts", _CALM, _call(-1, -1), _put(-1, 1)),
    # Three strikes.
    "long-call-butterfly": _make(
        "Long call butterfly", _CALM, _call(1, -1), _call(-2), _call(1, 1)),
    "short-call-butterfly": _make(
        "Short call butterfly", _WILD, _call(-1, -1), _call(2), _call(-1, 1)),
    "long-put-butterfly": _make("Long put butterfly", _CALM, _put(1, -1), _put(-2), _put(1, 1)),
    "short-put-butterfly": _make("Short put butterfly", _WILD, _put(-1, -1), _put(2), _put(-1, 1)),
    "iron-butterfly": _make(
        "Iron butterfly", _CALM, _put(1, -1), _put(-1), _call(-1), _call(1, 1)),
    "reverse-iron-butterfly": _make(
        "Reverse iron butterfly", _WILD, _put(-1, -1), _put(1), _call(1), _call(-1, 1)),
    "broken-wing-call-butterfly": _make(
        "Broken wing call butterfly", _CALM, _call(1), _call(-2, 1), _call(1, 3)),
    "broken-wing-put-butterfly": _make(
        "Broken wing put butterfly", _CALM, _put(1, -3), _put(-2, -1), _put(1)),
    "bull-call-ladder": _make("Bull call ladder", _CALM, _call(1), _call(-1, 1), _call(-1, 2)),
    "bear-call-ladder": _make("Bear call ladder", _WILD, _call(-1), _call(1, 1), _call(1, 2)),
    "bull-put-ladder": _make("Bull put ladder", _WILD, _put(1, -2), _put(1, -1), _put(-1)),
    "bear-put-ladder": _make("Bear put ladder", _CALM, _put(-1, -2), _put(-1, -1), _put(1)),
    "call-christmas-tree": _make(
        "Call Christmas tree", _BULL, _call(1), _call(-3, 2), _call(2, 3)),
    "put-christmas-tree": _make("Put Christmas tree", _BEAR, _put(2, -3), _put(-3, -2), _put(1)),
    "bullish-seagull": _make("Bullish seagull", _BULL, _put(-1, -1), _call(1), _call(-1, 1)),
    "bearish-seagull": _make("Bearish seagull", _BEAR, _put(-1, -1), _put(1), _call(-1, 1)),
    "jade-lizard": _make("Jade lizard", _CALM, _put(-1, -1), _call(-1, 1), _call(1, 2)),
    "reverse-jade-lizard": _make(
        "Reverse jade lizard", _CALM, _put(1, -2), _put(-1, -1), _call(-1, 1)),
    "big-lizard": _make("Big lizard", _CALM, _put(-1), _call(-1), _call(1, 1)),
    "reverse-big-lizard": _make("Reverse big lizard", _CALM, _put(1, -1), _put(-1), _call(-1)),
    "long-box": _make("Long box", _SURE, _call(1, -1), _put(-1, -1), _call(-1, 1), _put(1, 1)),
    "short-box": _make("Short box", _SURE, _call(-1, -1), _put(1, -1), _call(1, 1), _put(-1, 1)),
    # Four strikes.
    "iron-condor": _make(
        "Iron condor", _CALM, _put(1, -2), _put(-1, -1), _call(-1, 1), _call(1, 2)),
    "reverse-iron-condor": _make(
        "Reverse iron condor", _WILD, _put(-1, -2), _put(1, -1), _call(1, 1), _call(-1, 2)),
    "long-call-condor": _make(
        "Long call condor", _CALM, _call(1, -2), _call(-1, -1), _call(-1, 1), _call(1, 2)),
    "short-call-condor": _make(
        "Short call condor", _WILD, _call(-1, -2), _call(1, -1), _call(1, 1), _call(-1, 2)),
    "long-put-condor": _make(
        "Long put condor", _CALM, _put(1, -2), _put(-1, -1), _put(-1, 1), _put(1, 2)),
    "short-put-condor": _make(
        "Short put condor", _WILD, _put(-1, -2), _put(1, -1), _put(1, 1), _put(-1, 2)),
    # Two expiries: the nearer one is sold.
    "call-calendar": _make("Call calendar", _CALM, _call(-1), _call(1, is_far=True)),
    "put-calendar": _make("Put calendar", _CALM, _put(-1), _put(1, is_far=True)),
    "straddle-calendar": _make(
        "Straddle calendar", _CALM, _put(-1), _call(-1), _put(1, is_far=True),
        _call(1, is_far=True)),
    "double-calendar": _make(
        "Double calendar", _CALM, _put(-1, -1), _call(-1, 1), _put(1, -1, is_far=True),
        _call(1, 1, is_far=True)),
    "call-diagonal": _make("Call diagonal", _BULL, _call(-1, 1), _call(1, is_far=True)),
    "put-diagonal": _make("Put diagonal", _BEAR, _put(-1, -1), _put(1, is_far=True)),
    "double-diagonal": _make(
        "Double diagonal", _CALM, _put(-1, -1), _call(-1, 1), _put(1, -2, is_far=True),
        _call(1, 2, is_far=True)),
    "poor-mans-covered-call": _make(
        "Poor man's covered call", _BULL, _call(-1, 1), _call(1, -1, is_far=True)),
})
# fmt: on
