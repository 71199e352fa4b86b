"""Names of what is computed from chains: `CALC:NIFTY.PCR`, charted like an instrument.

    CALC:[VENUE:]UNDERLYING[:EXPIRY].FIGURE
    CALC:[VENUE:]UNDERLYING[:EXPIRY].BUCKET.PCR
    CALC:[VENUE:]UNDERLYING[:EXPIRY].BUCKET.CE|PE.MEASURE

Without an expiry it is, at each minute, that of the nearest chain that is not over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from strikewire.core.errors import UnknownSymbolError
from strikewire.live.series_payloads import Measure

#: In an exchange's place.
CALC: Final = "CALC"
_PREFIX: Final = f"{CALC}:"


@dataclass(frozen=True, slots=True)
class Figure:
    """What is known of a chain as a whole.

    Parameters
    ----------
    summary : in words, before `of NIFTY`.
    step : what its numbers are rounded to where they are shown.
    """

    name: str
    summary: str
    step: float


#: By their names in symbols; `name` is of a recorded expiry's metrics.
FIGURES: Final[Mapping[str, Figure]] = MappingProxyType(
    {
        "PCR": Figure("pcr_oi", "Put-call ratio by open interest", 0.0001),
        "PCRVOL": Figure("pcr_volume", "Put-call ratio by volume", 0.0001),
        "MAXPAIN": Figure("max_pain", "Max pain", 0.05),
        "ATMIV": Figure("atm_iv", "Implied volatility at the money, fraction", 0.0001),
        "STRADDLE": Figure("straddle", "Straddle at the money", 0.05),
        "STRANGLE": Figure("strangle", "Strangle, one strike out", 0.05),
        "MOVE": Figure("expected_move", "Expected move until the expiry", 0.05),
        "RR": Figure("risk_reversal", "Risk reversal of 25 delta, fraction", 0.0001),
        "BF": Figure("butterfly", "Butterfly of 25 delta, fraction", 0.0001),
        "GEX": Figure("gex", "Gamma exposure, rupees per cent", 1.0),
        "BASIS": Figure("basis", "Basis: future less spot", 0.05),
        "IV30": Figure("vol_30d", "Implied volatility of 30 days at the money, fraction", 0.0001),
        "IVRANK": Figure("iv_rank", "IV rank among a year of days, per cent", 0.01),
        "VIX": Figure("vix", "Volatility index of two expiries, per cent", 0.01),
    }
)
#: Of the expiries on either side of thirty days.
_OF_SEVERAL: Final = frozenset({"IV30", "IVRANK", "VIX"})
_ALIASES: Final = {"ATM.IV": "ATMIV"}
_BUCKET: Final = re.compile(r"(ATM|(?:OTM|ITM)([1-9]\d?))\.(?:(CE|PE)\.([A-Z_]+)|(PCR))")
_STEPS: Final = {
    Measure.IV: 0.0001, Measure.DELTA: 0.0001, Measure.GAMMA: 0.000001, Measure.RHO: 0.0001,
    Measure.PCR: 0.0001, Measure.VOLUME: 1.0, Measure.OI: 1.0, Measure.OI_CHANGE: 1.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bucket:
    """One side of a chain, so far from the money.

    Parameters
    ----------
    depth : how many strikes away; 0 is at the money.
    column : its name in `list_bucket_columns`.
    """

    measure: Measure
    depth: int
    column: str


@dataclass(frozen=True, slots=True)
class CalcSymbol:
    """A name, taken apart; `underlying` may still be any of its names.

    Parameters
    ----------
    expiry : None for the nearest.
    label : what stands behind the dot.
    """

    underlying: str
    expiry: date | None
    label: str
    what: Figure | Bucket

    def name(self, underlying: str) -> str:
        """Return the one name, without the prefix, with an underlying's own."""
        of = underlying if self.expiry is None else f"{underlying}:{self.expiry.isoformat()}"
        return f"{of}.{self.label}"

    @property
    def summary(self) -> str:
        """What it is, in words, before `of NIFTY`."""
        if isinstance(self.what, Figure):
            return self.what.summary
        return self.label.replace(".", " ")

    @property
    def is_of_several(self) -> bool:
        """Whether it takes more than one chain."""
        return self.label in _OF_SEVERAL

    @property
    def is_ranked(self) -> bool:
        """Whether it takes the days before."""
        return self.label == "IVRANK"

    @property
    def step(self) -> float:
        """What its numbers are rounded to where they are shown."""
        if isinstance(self.what, Figure):
            return self.what.step
        return _STEPS.get(self.what.measure, 0.05)


def is_calc(symbol: str) -> bool:
    """Say whether a symbol names something computed."""
    return symbol[: len(_PREFIX)].upper() == _PREFIX


def parse_calc(symbol: str) -> CalcSymbol:
    """Take a symbol apart.

    Raises
    ------
    UnknownSymbolError : it does not follow the grammar.
    """
    underlying, _, label = symbol[len(_PREFIX) :].upper().partition(".")
    name, _, day = underlying.rpartition(":")
    expiry = None
    if name and day[:1].isdigit():
        try:
            expiry, underlying = date.fromisoformat(day), name
        except ValueError:
            raise _refuse(symbol) from None
    label = _ALIASES.get(label, label)
    what = FIGURES.get(label) or _parse_bucket(label)
    if what is None or not underlying:
        raise _refuse(symbol)
    return CalcSymbol(underlying, expiry, label, what)


def list_labels() -> Iterator[str]:
    """Yield what is offered of every underlying: any depth and measure may be asked for."""
    yield from FIGURES
    for depth in ("ATM", "OTM1", "OTM2", "ITM1"):
        yield f"{depth}.PCR"
        for side in ("CE", "PE"):
            for measure in (Measure.IV, Measure.DELTA, Measure.OI, Measure.PREMIUM):
                yield f"{depth}.{side}.{measure.name}"


def _parse_bucket(label: str) -> Bucket | None:
    match = _BUCKET.fullmatch(label)
    if match is None:
        return None
    bucket, depth, side, measure, ratio = match.groups()
    if ratio is not None:
        return Bucket(Measure.PCR, int(depth or 0), bucket.lower())
    if measure == Measure.PCR.name or measure not in Measure.__members__:
        return None
    name = "call" if side == "CE" else "put"
    return Bucket(Measure[measure], int(depth or 0), f"{name}_{bucket.lower()}")


def _refuse(symbol: str) -> UnknownSymbolError:
    figures = ", ".join(FIGURES)
    msg = f"CALC:UNDERLYING.FIGURE was wanted, with a bucket or one of {figures}"
    return UnknownSymbolError(msg, symbol=symbol)
