"""What there is to know of the broker's REST interface before the first call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from strikewire.resilience.backoff import BackoffConfig
from strikewire.resilience.pacer import Pace

#: What every time is in that the broker writes or reads without an offset.
BROKER_ZONE: Final = ZoneInfo("Asia/Kolkata")

_MIB: Final = 1024 * 1024


class CallKind(StrEnum):
    """What the broker counts separately: kite.trade/docs/connect/v3/exceptions."""

    HISTORICAL = "historical"
    QUOTE = "quote"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class KiteRestConfig:
    """Where the REST interface is, and how it is treated.

    Parameters
    ----------
    url : its root.
    paces : how many calls of each kind the broker lets a key make.
    timeout_s : to connect, and between two pieces of an answer.
    answer_s : for one whole answer; a dump may take four times as long.
    attempts : how often a call that changes nothing is made before it is given up.
    backoff : the waits between them.
    busy_s : how long to leave the broker alone that is busy and does not say how long.
    """

    url: str
    paces: dict[CallKind, Pace] = field(
        default_factory=lambda: {
            CallKind.HISTORICAL: Pace(3),
            CallKind.QUOTE: Pace(1),
            CallKind.OTHER: Pace(10),
        }
    )
    timeout_s: float = 10.0
    answer_s: float = 30.0
    attempts: int = 4
    busy_s: float = 1.0
    backoff: BackoffConfig = field(default_factory=lambda: BackoffConfig(first_s=0.5, max_s=15.0))


@dataclass(frozen=True, slots=True)
class KiteKeys:
    """What the broker gave the desk's application: a name, and a secret."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KiteLoginConfig:
    """Where people log in, and when that ends.

    Parameters
    ----------
    url : the page.
    dies_at : when the broker ends every login, each morning, in its own zone.
    """

    url: str
    dies_at: time = time(6, 0)


#: The longest answers we are willing to read, decompressed. The whole dump of all exchanges has
#: some 15 MB; 500 quotes some 0.8; sixty days of minutes 2.
MAX_DUMP_BYTES: Final = 64 * _MIB
MAX_QUOTE_BYTES: Final = 4 * _MIB
MAX_CANDLE_BYTES: Final = 16 * _MIB
MAX_SESSION_BYTES: Final = 256 * 1024
