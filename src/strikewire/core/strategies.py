"""Strategies: what is held together, what its ledger says, and what was reached."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise
from strikewire.core.orders import AccountId, MarketMoment, StrategyEntry, StrategyId
from strikewire.core.users import UserId


class EntrySource(StrEnum):
    """How an entry came into a ledger; the values are what the database and the API say."""

    MANUAL = "manual"
    #: Of an order that was placed from the strategy.
    FILL = "fill"
    IMPORT = "import"
    #: Taken over from what the account held.
    POSITION = "position"


class AlertKind(StrEnum):
    """What was reached."""

    TARGET = "target"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class StrategyTerms:
    """What its owner says of a strategy.

    Parameters
    ----------
    account_id : where its orders go; None: it is kept by hand.
    tags : each once.
    instrument_ids : watched in it, whether something of them is held or not.
    target : P&L, more than 0, at which an alert is raised.
    stop : P&L, less than 0, at which one is.
    """

    name: str
    account_id: AccountId | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()
    instrument_ids: tuple[InstrumentId, ...] = ()
    target: Paise | None = None
    stop: Paise | None = None


@dataclass(frozen=True, slots=True)
class Strategy:
    """A strategy, without its ledger.

    Parameters
    ----------
    revision : grows with each change of the strategy, not with its entries.
    archived_ns : since when it is out of the way; None: it is not.
    """

    id: StrategyId
    user_id: UserId
    terms: StrategyTerms
    revision: int
    created_ns: int
    updated_ns: int
    archived_ns: int | None = None


@dataclass(frozen=True, slots=True)
class EntryNote:
    """What stands beside an entry, and counts for nothing.

    Parameters
    ----------
    recorded_by : subject of who or what wrote it.
    """

    source: EntrySource
    recorded_by: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A stored entry with what stands beside it.

    Parameters
    ----------
    reversed_by : the entry that takes it back; None: it stands.
    """

    entry: StrategyEntry
    note: EntryNote
    recorded_ns: int
    reversed_by: int | None = None


@dataclass(frozen=True, slots=True)
class StrategyAlert:
    """A target or a stop that was reached.

    Parameters
    ----------
    id : None for one that is not stored yet.
    level : what was to be reached.
    m2m : where the P&L stood then.
    raised_ns : when it was written down; None for one that is not stored yet.
    """

    id: int | None
    strategy_id: StrategyId
    kind: AlertKind
    level: Paise
    m2m: Paise
    moment: MarketMoment
    raised_ns: int | None = None
