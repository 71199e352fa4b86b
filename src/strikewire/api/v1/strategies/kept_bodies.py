"""What the routes of kept strategies are sent and answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from strikewire.api import schemas
from strikewire.api.instants import Instant
from strikewire.api.v1.cost_bodies import Money
from strikewire.api.v1.strategies.bodies import AnalysisBody, AsOf
from strikewire.core.errors import InvalidInputError
from strikewire.core.instruments import InstrumentKind
from strikewire.core.marks import MarkSource
from strikewire.core.money import Paise, parse_paise, to_pips
from strikewire.core.orders import AccountId
from strikewire.core.strategies import AlertKind, EntrySource
from strikewire.desk.ledgers import EntryWish
from strikewire.desk.strategies import StrategyWish
from strikewire.store.desk_strategies import StrategyState

MAX_ID: Final = 2**31 - 1
_LINE: Final = r"^[^\x00-\x1f\x7f]+$"
#: Of one request; a document brings more.
_MAX_ENTRIES: Final = 100
_MAX_UNITS: Final = 10_000_000

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=_LINE, examples=["Iron condor"])]
Notes = Annotated[str, Field(max_length=10_000)]
Tags = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=50, pattern=_LINE)], ...],
    Field(max_length=20, examples=[["weekly", "nifty"]]),
]
Symbol = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description="An instrument by any of its names.",
        examples=["NFO:BANKNIFTY23JAN43000CE"],
    ),
]
Symbols = Annotated[
    tuple[Symbol, ...],
    Field(max_length=50, description="Watched in it, whether something of them is held or not."),
]
Target = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,13}(\.[0-9]{1,2})?$",
        description="P&L at which an alert is raised: rupees, more than 0.",
        examples=["5000.00"],
    ),
]
Stop = Annotated[
    str,
    Field(
        pattern=r"^-[0-9]{1,13}(\.[0-9]{1,2})?$",
        description="P&L at which an alert is raised: rupees, less than 0.",
        examples=["-2500.00"],
    ),
]
AccountRef = Annotated[
    int, Field(ge=1, le=MAX_ID, description="Where its orders go; null: it is kept by hand.")
]
OfUser = Annotated[
    int | None,
    Field(
        ge=1,
        le=MAX_ID,
        description="Whose, by default one's own; another's needs `users:write`.",
    ),
]
Units = Annotated[
    int,
    Field(
        ge=-_MAX_UNITS,
        le=_MAX_UNITS,
        description="Units, not 0; less than 0 is sold.",
        examples=[-25],
    ),
]
Price = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,7}(\.[0-9]{1,4})?$",
        description="Rupees per unit, a decimal string.",
        examples=["182.05"],
    ),
]
Charges = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,10}(\.[0-9]{1,2})?$", description="What it cost besides, rupees."),
]
EntryNoteText = Annotated[str, Field(max_length=500)]


def _read_money(text: str | None) -> Paise | None:
    return None if text is None else parse_paise(text)


class StrategyTermsInput(schemas.Body):
    """What somebody says of a strategy."""

    name: Name
    notes: Notes = ""
    tags: Tags = ()
    symbols: Symbols = ()
    target: Target | None = None
    stop: Stop | None = None

    @model_validator(mode="after")
    def _check_levels(self) -> StrategyTermsInput:
        check_levels(self.target, self.stop)
        return self

    def to_wish(self, account_id: int | None = None) -> StrategyWish:
        """Return it as the desk has it."""
        return StrategyWish(
            name=self.name,
            account_id=None if account_id is None else AccountId(account_id),
            notes=self.notes,
            tags=self.tags,
            symbols=self.symbols,
            target=_read_money(self.target),
            stop=_read_money(self.stop),
        )


def check_levels(target: str | None, stop: str | None) -> None:
    """Return unless a target or a stop is 0.

    Raises
    ------
    ValueError : one is.
    """
    for name, text in (("target", target), ("stop", stop)):
        if text is not None and not parse_paise(text):
            msg = f"a {name} other than 0 was wanted"
            raise ValueError(msg)


def check_quantity(quantity: int) -> None:
    """Return unless nothing comes in or goes out.

    Raises
    ------
    ValueError : so it is.
    """
    if not quantity:
        msg = "a quantity other than 0 was wanted"
        raise ValueError(msg)


class NewStrategy(StrategyTermsInput):
    """A strategy that is wanted."""

    account_id: AccountRef | None = None
    user_id: OfUser = None


class StrategyChanges(schemas.Body):
    """What is to be different; what is left out stays."""

    revision: int = Field(
        ge=1, le=MAX_ID, description="The one that was read: 409 where there is another by now."
    )
    name: Name | None = None
    notes: Notes | None = None
    tags: Tags | None = None
    symbols: Symbols | None = None
    account_id: AccountRef | None = None
    target: Target | None = None
    stop: Stop | None = None

    @model_validator(mode="after")
    def _check_levels(self) -> StrategyChanges:
        check_levels(self.target, self.stop)
        return self

    def list_changes(self) -> dict[str, Any]:
        """Return what was named, as `StrategyDesk.change` takes it.

        Null takes an account, a target or a stop away; of what always is there it means stays.

        Raises
        ------
        InvalidInputError : nothing was named.
        """
        named = {name: getattr(self, name) for name in self.model_fields_set - {"revision"}}
        changes = {
            name: value
            for name, value in named.items()
            if value is not None or name in ("account_id", "target", "stop")
        }
        if not changes:
            msg = (
                "at least one of name, notes, tags, symbols, account_id, target and stop was wanted"
            )
            raise InvalidInputError(msg)
        for name in ("target", "stop"):
            if name in changes:
                changes[name] = _read_money(changes[name])
        return changes


class KeptStrategyBody(schemas.Body):
    """A strategy, without its ledger."""

    id: int
    user_id: int = Field(description="Its owner.")
    account_id: int | None = Field(description="Where its orders go; null: it is kept by hand.")
    name: str
    notes: str
    tags: list[str]
    symbols: list[str] = Field(description="Watched in it, held or not.")
    target: Money | None
    stop: Money | None
    revision: int = Field(description="Grows with each change; to be named with the next one.")
    archived_at: str | None
    created_at: str
    updated_at: str


class KeptStrategyPage(schemas.Body):
    """Some of the strategies, and how many there are."""

    items: list[KeptStrategyBody]
    total: int
    limit: int
    offset: int


class PageQuery(schemas.Query):
    """Which of many."""

    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class StrategyQuery(PageQuery):
    """Which strategies."""

    user_id: OfUser = None
    text: str = Field(
        default="", max_length=100, description="Stands in the name or the notes, in any case."
    )
    tag: str | None = Field(default=None, max_length=50)
    state: StrategyState = StrategyState.ACTIVE


class EntryInput(schemas.Body):
    """Units that came in, or went out."""

    symbol: Symbol
    quantity: Units = Field(description="Units, a multiple of the lot, not 0; less than 0 is sold.")
    price: Price | None = Field(default=None, description="By default what a unit was worth then.")
    at: Instant | None = Field(
        default=None,
        description="When; RFC 3339 or a day. By default now, by the market's clock.",
    )
    charges: Charges = "0.00"
    note: EntryNoteText = ""

    @model_validator(mode="after")
    def _check_quantity(self) -> EntryInput:
        check_quantity(self.quantity)
        return self

    def to_wish(self) -> EntryWish:
        """Return it as the desk has it."""
        return EntryWish(
            symbol=self.symbol,
            quantity=self.quantity,
            price=None if self.price is None else to_pips(Decimal(self.price)),
            at_ns=self.at,
            charges=parse_paise(self.charges),
            note=self.note,
        )


class NewEntries(schemas.Body):
    """Entries that are made together, or not at all."""

    entries: list[EntryInput] = Field(min_length=1, max_length=_MAX_ENTRIES)


class PositionInput(schemas.Body):
    """A position of the account that becomes the strategy's."""

    symbol: Symbol
    quantity: Units | None = Field(
        default=None,
        description="Units, a multiple of the lot; less than 0 of sold ones. By default all "
        "that no strategy on the account has.",
    )

    @model_validator(mode="after")
    def _check_quantity(self) -> PositionInput:
        if self.quantity is not None:
            check_quantity(self.quantity)
        return self


class PositionsInput(schemas.Body):
    """Positions that are taken over together, or not at all."""

    positions: list[PositionInput] = Field(min_length=1, max_length=_MAX_ENTRIES)


class ReversalInput(schemas.Body):
    """Why an entry is taken back."""

    note: EntryNoteText = ""


class EntryBody(schemas.Body):
    """One line of a ledger."""

    id: int
    symbol: str
    quantity: int = Field(description="Units; less than 0 is sold.")
    price: str = Field(description="Rupees per unit.")
    charges: Money
    at: str = Field(description="From when it counts, by the market's clock.")
    source: EntrySource
    note: str
    order_id: int | None = Field(description="The order that it is a fill of.")
    fill_number: int | None
    reverses_id: int | None = Field(description="The entry that it takes back.")
    reversed_by: int | None = Field(description="The entry that takes it back.")
    recorded_by: str
    recorded_at: str


class EntriesBody(schemas.Body):
    """What was written into a ledger."""

    entries: list[EntryBody]


class EntryPage(schemas.Body):
    """Some lines of a ledger, and how many there are."""

    items: list[EntryBody]
    total: int
    limit: int
    offset: int


class AlertBody(schemas.Body):
    """A target or a stop that was reached."""

    id: int
    kind: AlertKind
    level: Money = Field(description="What was to be reached.")
    m2m: Money = Field(description="Where the P&L stood.")
    at: str = Field(description="By the market's clock.")
    raised_at: str


class AlertPage(schemas.Body):
    """Some alerts, and how many there are."""

    items: list[AlertBody]
    total: int
    limit: int
    offset: int


class ProfitBody(schemas.Body):
    """What was made; a loss is less than 0."""

    realised: Money = Field(description="By what was closed, the oldest units first.")
    unrealised: Money | None = Field(
        description="By what is open, at its marks; null where one of them is unknown."
    )
    charges: Money = Field(description="To be subtracted.")
    net: Money | None = Field(description="Realised and unrealised, less charges.")


class HeldLegBody(ProfitBody):
    """What is held of one instrument, or was."""

    symbol: str
    kind: InstrumentKind
    expiry: str | None = Field(description="YYYY-MM-DD.")
    strike: float | None
    lot_size: int
    lots: int
    quantity: int = Field(description="Open units; less than 0 are sold.")
    average_price: str | None = Field(
        description="What an open unit cost, rupees to four decimals; null where none is open."
    )
    mark: str | None = Field(description="What a unit is worth, rupees.")
    mark_at: str | None
    mark_source: MarkSource | None


class StrategyProfitBody(ProfitBody):
    """What a strategy made, and of what."""

    strategy_id: int
    as_of: str
    legs: list[HeldLegBody]


class ProfitQuery(schemas.Query):
    """As of when."""

    as_of: AsOf = None


class KeptAnalysisQuery(ProfitQuery):
    """As of when, and what is drawn."""

    low: float | None = Field(default=None, ge=0, le=1e9)
    high: float | None = Field(default=None, ge=0, le=1e9)
    points: int = Field(default=201, ge=2, le=1_001)
    grid: bool = Field(default=False, description="Whether a scenario grid is wanted.")


class KeptAnalysisBody(AnalysisBody):
    """What the open legs make and risk, at what they cost; and what was made so far."""

    strategy_id: int
    realised: Money
    charges: Money
