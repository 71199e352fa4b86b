"""The settings of feeds: which one is heard, the simulated market, and the broker."""

from __future__ import annotations

from datetime import date, time
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings

from strikewire.auth.demo import is_loopback
from strikewire.core.errors import InvalidInputError, SettingsError
from strikewire.feeds.kite.config import CallKind, KiteKeys, KiteLoginConfig, KiteRestConfig
from strikewire.feeds.kite.feed import KiteFeedConfig
from strikewire.feeds.kite.freshness import FreshnessConfig
from strikewire.feeds.kite.socket import KiteSocketConfig
from strikewire.feeds.kite.sockets import KiteSocketsConfig
from strikewire.feeds.simulated import DEFAULT_UNDERLYINGS, SimulationConfig, load_underlyings
from strikewire.live.bar_differences import Tolerance
from strikewire.live.broker_universe import BrokerUniverseConfig
from strikewire.live.budget import BudgetConfig
from strikewire.live.budget_ranking import RankingConfig
from strikewire.live.quote_rounds import QUOTES_PER_S
from strikewire.live.reconciliation import ReconciliationConfig
from strikewire.resilience.pacer import Pace
from strikewire.settings.sources import Seconds, setting

#: The schemes each of the broker's URLs may have: across a network, and on this machine.
_SCHEMES: Final = {
    "kite_rest_url": ("https", "http"),
    "kite_login_url": ("https", "http"),
    "kite_socket_url": ("wss", "ws"),
}
_RANKING: Final = RankingConfig()
_MOST_STRIKES: Final = 1_000


class FeedSettings(BaseSettings):
    """What belongs to feeds; a part of `Settings`."""

    feed: Literal["none", "simulated", "kite"] = setting(
        "none", "Where ticks come from when the command line does not say it."
    )

    simulated_seed: int = setting(1, "Which simulated market; the same seed is the same market.")
    simulated_start_day: date = setting(
        SimulationConfig().start_day, "The simulated market's first day, or the next session."
    )
    simulated_sessions: int = setting(5, "How many days the simulated market lasts.")
    simulated_underlyings: str = setting(
        ",".join(DEFAULT_UNDERLYINGS), "What it trades: plain names of indices, with commas."
    )
    simulated_strikes: int = setting(
        6, "Strikes each side of the money that each of its expiries lists in the morning."
    )
    simulated_instruments: int | None = setting(
        None, "So many instruments in place of that, each ticking every second: for load."
    )

    kite_api_key: SecretStr | None = setting(
        None, "The key of an application at the broker; the feed kite needs one."
    )
    kite_api_secret: SecretStr | None = setting(None, "The secret that belongs to the key.")
    kite_rest_url: str = setting("https://api.kite.trade", "Where the broker's REST interface is.")
    kite_login_url: str = setting(
        "https://kite.zerodha.com/connect/login", "The page on which the broker's users log in."
    )
    kite_socket_url: str = setting("wss://ws.kite.trade", "Where the broker's ticks come from.")
    kite_token_dies_at: time = setting(
        time(6, 0), "When the broker ends every login, each morning: HH:MM by its own clock."
    )
    kite_historical_per_s: int = setting(
        3, "Calls for historical candles the broker lets a key make in a second.", ge=1, le=100
    )
    kite_quotes_per_s: int = setting(1, "Calls for quotes, likewise.", ge=1, le=100)
    kite_calls_per_s: int = setting(10, "Other calls, likewise.", ge=1, le=1_000)
    kite_answer_s: Seconds = setting(
        30.0, "How long the broker may take for one whole answer, seconds."
    )
    kite_underlyings: str = setting(
        "NIFTY,BANKNIFTY",
        "Indices and shares that are heard with their futures and options: plain names, with "
        "commas; MCX:GOLD where the contracts do not trade at NFO.",
    )
    kite_symbols: str = setting(
        "", "Further instruments that are heard: symbols as NSE:RELIANCE, with commas."
    )
    kite_sockets: int = setting(3, "How many sockets the broker lets a key have.", ge=1, le=100)
    kite_socket_instruments: int = setting(
        3_000, "How many instruments the broker lets a socket have.", ge=1, le=100_000
    )
    kite_clock_offset_s: float = setting(
        0.0,
        "How far ahead of this machine's clock the broker's market is, seconds: for tests, and for "
        "markets that are played.",
        ge=-3_153_600_000,
        le=3_153_600_000,
    )
    kite_heartbeat_s: Seconds = setting(
        5.0,
        "How long a connection that says nothing, not even its heartbeat, is believed, seconds.",
    )
    kite_mute_s: Seconds = setting(
        10.0,
        "How long a socket may bring heartbeats and no tick while the market is open, seconds; "
        "longer where its instruments are traded rarely.",
    )
    kite_stale_s: Seconds = setting(
        5.0,
        "How long an instrument may be silent in its session before it is called stale, seconds; "
        "besides twice the longest pause it lately had.",
    )

    budget_strikes: str = setting(
        ",".join(str(width) for width in _RANKING.strikes),
        "How many strikes each side of the money are heard before all others, of the nearest "
        "expiry, the next, and so on: numbers with commas, the last for all later expiries.",
    )
    budget_strike_band: float = setting(
        _RANKING.strike_band,
        "How far beyond the middle between two strikes spot has to be before what is heard rolls "
        "with it, in distances of those strikes.",
        ge=0, le=10,
    )  # fmt: skip
    budget_oi_contracts: int = setting(
        _RANKING.oi_contracts,
        "Contracts outside of those strikes that are heard for their open interest, before those "
        "that clients watch.",
        ge=0, le=100_000,
    )  # fmt: skip
    budget_oi_band: float = setting(
        _RANKING.oi_band,
        "How much more open interest a contract has to have to take another's slot, as a fraction.",
        ge=0, le=10,
    )  # fmt: skip
    budget_changes_per_minute: int = setting(
        1_000,
        "Subscriptions and their ends in any minute; positions do not wait for it.",
        ge=2, le=1_000_000,
    )  # fmt: skip
    budget_interval_s: Seconds = setting(1.0, "How often what is wanted is ranked anew, seconds.")
    budget_quote_age_s: Seconds = setting(
        60.0,
        "How old the quote of a contract without a slot may become, seconds: it says how many "
        "contracts are covered by quotes.",
    )

    @field_validator("budget_strikes")
    @classmethod
    def _check_strikes(cls, value: str) -> str:
        widths = _split(value)
        if not widths or not all(
            each.isdecimal() and int(each) <= _MOST_STRIKES for each in widths
        ):
            msg = f"numbers up to {_MOST_STRIKES} with commas were wanted, was {value!r}"
            raise ValueError(msg)
        return value

    backfill_settle_s: Seconds = setting(
        90.0,
        "How long after a minute's end the broker's candle of it may still change: what was not "
        "heard is asked for then, seconds.",
    )
    reconcile_instruments: int = setting(
        20,
        "How many instruments' bars of the session so far are compared with the broker's candles "
        "each minute; 0 compares none.",
        ge=0,
        le=180,
    )
    reconcile_settle_s: Seconds = setting(
        300.0, "How long after a minute's end its candle may still change, before it is compared."
    )
    reconcile_price_tolerance: float = setting(
        0.0005, "By what fraction of a price a bar may differ from the candle.", ge=0, le=1
    )
    reconcile_volume_tolerance: float = setting(
        0.05, "And by what fraction of the volume.", ge=0, le=1
    )
    backfill_lease_s: Seconds = setting(
        60.0,
        "How long what a killed program was at is left until another takes it up, seconds.",
    )
    backfill_retry_s: Seconds = setting(
        1_800.0,
        "How long a gap that could not be filled is left before it is tried again, seconds.",
    )

    @field_validator(*_SCHEMES)
    @classmethod
    def _check_broker_url(cls, value: str, info: ValidationInfo) -> str:
        across, near = _SCHEMES[str(info.field_name)]
        parts = urlsplit(value)
        is_near = parts.scheme == near and is_loopback(parts.hostname or "")
        if not parts.hostname or not (parts.scheme == across or is_near):
            msg = f"a URL of {across}:// was wanted, or of {near}:// on this machine"
            raise ValueError(msg)
        return value.rstrip("/")

    @model_validator(mode="after")
    def _check_kite(self) -> Self:
        if self.feed != "kite":
            return self
        for name in ("kite_api_key", "kite_api_secret"):
            if getattr(self, name) is None:
                msg = f"STRIKEWIRE_{name.upper()}: the feed kite needs it, and it is not set"
                raise ValueError(msg)
        if not (_split(self.kite_underlyings) or _split(self.kite_symbols)):
            msg = (
                "STRIKEWIRE_KITE_UNDERLYINGS or STRIKEWIRE_KITE_SYMBOLS: the feed kite needs "
                "something to hear, and both are empty"
            )
            raise ValueError(msg)
        return self

    def to_budget(self) -> BudgetConfig:
        """Return how the slots of the broker's stream are given."""
        return BudgetConfig(
            slots=self.kite_sockets * self.kite_socket_instruments,
            quotes=int(self.budget_quote_age_s) * QUOTES_PER_S,
            ranking=RankingConfig(
                strikes=tuple(int(each) for each in _split(self.budget_strikes)),
                strike_band=self.budget_strike_band,
                oi_contracts=self.budget_oi_contracts,
                oi_band=self.budget_oi_band,
            ),
            changes_per_minute=self.budget_changes_per_minute,
            interval_s=self.budget_interval_s,
        )

    def find_kite_keys(self) -> KiteKeys | None:
        """Return what the broker gave the desk's application; None where it is not set."""
        if self.kite_api_key is None or self.kite_api_secret is None:
            return None
        return KiteKeys(
            self.kite_api_key.get_secret_value(), self.kite_api_secret.get_secret_value()
        )

    def to_kite_feed(self) -> KiteFeedConfig:
        """Return how the broker's sockets are heard."""
        return KiteFeedConfig(
            sockets=KiteSocketsConfig(
                socket=KiteSocketConfig(
                    url=self.kite_socket_url, heartbeat_s=self.kite_heartbeat_s
                ),
                sockets=self.kite_sockets,
                instruments=self.kite_socket_instruments,
            ),
            freshness=FreshnessConfig(stale_s=self.kite_stale_s, mute_s=self.kite_mute_s),
        )

    def to_broker_universe(self) -> BrokerUniverseConfig:
        """Return what is to be heard of the broker."""
        return BrokerUniverseConfig(
            underlyings=_split(self.kite_underlyings), symbols=_split(self.kite_symbols)
        )

    def to_kite_rest(self) -> KiteRestConfig:
        """Return how the broker's REST interface is treated."""
        return KiteRestConfig(
            url=self.kite_rest_url,
            paces={
                CallKind.HISTORICAL: Pace(self.kite_historical_per_s),
                CallKind.QUOTE: Pace(self.kite_quotes_per_s),
                CallKind.OTHER: Pace(self.kite_calls_per_s),
            },
            answer_s=self.kite_answer_s,
        )

    def to_kite_login(self) -> KiteLoginConfig:
        """Return where people log in with the broker."""
        return KiteLoginConfig(url=self.kite_login_url, dies_at=self.kite_token_dies_at)

    def to_reconciliation(self) -> ReconciliationConfig:
        """Return how bars of ticks are held against the broker's candles."""
        return ReconciliationConfig(
            settle_s=self.reconcile_settle_s,
            instruments=self.reconcile_instruments,
            tolerance=Tolerance(self.reconcile_price_tolerance, self.reconcile_volume_tolerance),
        )

    def to_simulation(self) -> SimulationConfig:
        """Return what a simulated market is made from.

        Raises
        ------
        SettingsError : an underlying is not simulated, or a number cannot be.
        """
        try:
            return SimulationConfig(
                seed=self.simulated_seed,
                start_day=self.simulated_start_day,
                sessions=self.simulated_sessions,
                underlyings=load_underlyings(_split(self.simulated_underlyings)),
                strikes_each_side=self.simulated_strikes,
                instruments=self.simulated_instruments,
                is_even=self.simulated_instruments is not None,
            )
        except InvalidInputError as error:
            msg = f"STRIKEWIRE_SIMULATED_...: {error.message}"
            raise SettingsError(msg, **error.details) from error


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
