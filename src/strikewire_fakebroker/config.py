"""What a fake broker is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from strikewire.feeds.simulated import SimulationConfig

#: Calls a second for each key, by kind.
#: Source: https://kite.trade/docs/connect/v3/exceptions/#api-rate-limit
DEFAULT_LIMITS: Final[Mapping[str, float]] = MappingProxyType(
    {"quote": 1, "historical": 3, "other": 10}
)


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """A fake broker.

    Parameters
    ----------
    host, port : where it listens; port 0 takes a free one.
    market : the market it plays; its seed is the broker's.
    recording : a file of ticks (docs/guides/files.md), played in place of an invented market.
    start_ns : the market time it begins at, nanoseconds UTC; None: at the market's first tick.
    rate : seconds of market time a second; 0: stands until it is told.
    slices : into so many frames, spread over the time until the next, an instant's ticks are cut.
    packets_per_frame : at most so many packets go into one frame.
    heartbeat_s : after so many seconds of silence a socket gets a heartbeat.
    limits : calls a second for each key, by kind.
    sockets_per_key, instruments_per_socket : the broker's own limits.
    api_key, api_secret : of the one application that is registered.
    redirect_url : where a login leads; the application's registered address.
    has_expired_candles : candles of expired contracts can still be asked for; the broker has none.
    script : a file of faults to come (docs/guides/fake-broker.md).
    """

    host: str = "127.0.0.1"
    port: int = 0
    market: SimulationConfig = field(default_factory=SimulationConfig)
    recording: Path | None = None
    start_ns: int | None = None
    rate: float = 1.0
    slices: int = 1
    packets_per_frame: int = 500
    heartbeat_s: float = 1.0
    limits: Mapping[str, float] = field(default_factory=lambda: DEFAULT_LIMITS)
    sockets_per_key: int = 3
    instruments_per_socket: int = 3_000
    api_key: str = "fakekey"
    api_secret: str = "fakesecret"  # noqa: S105 (of an application that does not exist)
    redirect_url: str = "http://127.0.0.1:8081/login/kite"
    has_expired_candles: bool = False
    script: Path | None = None
