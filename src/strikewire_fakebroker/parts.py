"""What every part of the broker looks at."""

from __future__ import annotations

from dataclasses import dataclass

from strikewire_fakebroker.board import Board
from strikewire_fakebroker.config import BrokerConfig
from strikewire_fakebroker.contracts import Contracts
from strikewire_fakebroker.counters import Counters
from strikewire_fakebroker.faults import Faults
from strikewire_fakebroker.logins import Logins
from strikewire_fakebroker.market_time import MarketTime
from strikewire_fakebroker.tape import Tape


@dataclass(frozen=True, slots=True)
class BrokerParts:
    """One broker's state, put together by `FakeBroker`.

    Parameters
    ----------
    tape : the market that is played.
    contracts : what the broker calls its instruments.
    time : the market's time.
    board : what it would say of each instrument now.
    logins : who may ask.
    faults : what goes wrong at present.
    counters : what is counted.
    """

    config: BrokerConfig
    tape: Tape
    contracts: Contracts
    time: MarketTime
    board: Board
    logins: Logins
    faults: Faults
    counters: Counters
