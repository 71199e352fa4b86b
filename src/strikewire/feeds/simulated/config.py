"""What a simulated market is made from."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from typing import Final

from strikewire.core.errors import InvalidInputError
from strikewire.reference.symbols import IndexName, find_index, normalise

_MINUTE_MS: Final = 60_000
#: What is simulated unless somebody says otherwise.
DEFAULT_UNDERLYINGS: Final = ("NIFTY", "BANKNIFTY")


@dataclass(frozen=True, slots=True)
class SimulatedUnderlying:
    """An index, and the terms of the contracts on it; see `underlyings.toml`."""

    name: str
    level: float
    volatility: float
    beta: float
    lot_size: int
    future_tick_paise: int
    option_tick_paise: int
    strike_step: int
    expiry_weekday: int
    has_weeklies: bool

    @property
    def index(self) -> IndexName:
        """What the exchange calls it, and which exchange."""
        found = find_index(self.name)
        if found is None:
            msg = f"the underlying must be a known index, was {self.name!r}"
            raise InvalidInputError(msg, underlying=self.name)
        return found


def load_underlyings(names: Iterable[str] = DEFAULT_UNDERLYINGS) -> tuple[SimulatedUnderlying, ...]:
    """Return the underlyings of these plain names, in the order asked for, each once.

    Raises
    ------
    InvalidInputError : none is asked for, or one is not simulated.
    """
    file = resources.files("strikewire.feeds.simulated") / "underlyings.toml"
    tables = tomllib.loads(file.read_text(encoding="utf-8"))["underlyings"]
    known = {table["name"]: SimulatedUnderlying(**table) for table in tables}
    wanted = dict.fromkeys(normalise(name) for name in names)
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        found = ", ".join(unknown) or "none"
        msg = f"underlyings of {', '.join(known)} were wanted, found {found}"
        raise InvalidInputError(msg, underlyings=unknown)
    return tuple(known[name] for name in wanted)


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """A simulated market. Two of the same config are the same, tick by tick.

    Parameters
    ----------
    seed : which of the possible markets; 0 or more.
    start_day : the first session is that of this day, or the next one after it. Not today's, so
        that a seed is the same market tomorrow.
    sessions : how many days it lasts.
    underlyings : what is traded, from `load_underlyings`; the first leads.
    strikes_each_side : strikes above and below the money that each expiry lists in the morning.
    weekly_expiries, monthly_expiries : how many of each are listed at a time.
    instruments : list so many instruments on the first day, the options nearest the money first,
        in place of `strikes_each_side`: for load.
    update_interval_ms : how often anything can tick; a divisor of a minute.
    is_even : everything ticks at every interval, for load; otherwise what is far from the money
        ticks less often, and everything at each minute's end.
    rate : at which premiums are discounted, annualised fraction, continuous. At 0 a call less a put
        is the future less the strike, to the paisa, and there is no rate to be guessed.
    carry : by which futures stand above their index, annualised fraction; the mean it returns to.

    Raises
    ------
    InvalidInputError : a value that cannot be.
    """

    seed: int = 1
    start_day: date = date(2026, 11, 16)
    sessions: int = 5
    underlyings: tuple[SimulatedUnderlying, ...] = field(default_factory=load_underlyings)
    strikes_each_side: int = 10
    weekly_expiries: int = 2
    monthly_expiries: int = 3
    instruments: int | None = None
    update_interval_ms: int = 1_000
    is_even: bool = False
    rate: float = 0.0
    carry: float = 0.065

    def __post_init__(self) -> None:
        limits = (
            ("seed", self.seed, 0, 2**63 - 1),
            ("sessions", self.sessions, 1, 1_000),
            ("strikes_each_side", self.strikes_each_side, 1, 1_000),
            ("weekly_expiries", self.weekly_expiries, 0, 20),
            ("monthly_expiries", self.monthly_expiries, 2, 12),
            ("instruments", self.instruments or 1, 1, 200_000),
            ("rate", self.rate, -0.5, 0.5),
            ("carry", self.carry, -0.5, 0.5),
        )
        for name, value, least, most in limits:
            if not least <= value <= most:
                msg = f"{name} must be from {least} to {most}, was {value}"
                raise InvalidInputError(msg, **{name: value})
        if not self.underlyings:
            msg = "at least one underlying was wanted, found none"
            raise InvalidInputError(msg)
        interval_ms = self.update_interval_ms
        if interval_ms <= 0 or _MINUTE_MS % interval_ms:
            msg = f"update_interval_ms must divide a minute, was {interval_ms}"
            raise InvalidInputError(msg, update_interval_ms=interval_ms)

    @property
    def steps_per_minute(self) -> int:
        """How often anything can tick in a minute."""
        return _MINUTE_MS // self.update_interval_ms
