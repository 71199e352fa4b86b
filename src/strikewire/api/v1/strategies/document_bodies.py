"""What a strategy looks like as a document."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from strikewire.api import schemas
from strikewire.api.v1.strategies.kept_bodies import (
    EntryNoteText,
    Price,
    StrategyTermsInput,
    Symbol,
    Units,
    check_quantity,
)
from strikewire.core.money import parse_paise, to_pips
from strikewire.core.orders import MarketMoment
from strikewire.desk.ledgers import MAX_ENTRIES
from strikewire.desk.strategy_documents import DocumentEntry, parse_exactly


def _parse_moment(text: Any) -> int:
    try:
        instant_ns = parse_exactly(text)
    except (TypeError, ValueError, OverflowError):
        msg = "an RFC 3339 time with an offset, to the nanosecond at most, was wanted"
        raise ValueError(msg) from None
    if not 0 <= instant_ns < 2**63:
        msg = "an instant from 1970 to 2262 was wanted"
        raise ValueError(msg)
    return instant_ns


#: As `Instant`, to the nanosecond.
ExactInstant = Annotated[
    int,
    BeforeValidator(_parse_moment),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 20,
            "maxLength": 40,
            "format": "date-time",
            "examples": ["2022-12-30T03:50:00.123456789Z"],
        }
    ),
]


class DocumentEntryBody(schemas.Body):
    """A line of a document."""

    symbol: Symbol
    quantity: Units
    price: Price
    charges: str = Field(
        default="0.00",
        pattern=r"^-?[0-9]{1,10}(\.[0-9]{1,2})?$",
        description="Less than 0 only where it takes a line back.",
    )
    at: ExactInstant
    seq: int = Field(
        default=0, ge=0, le=2**63 - 1, description="Step of the recording; 0: of none."
    )
    note: EntryNoteText = ""
    reverses: int | None = Field(
        default=None,
        ge=0,
        le=MAX_ENTRIES,
        description="The line that it takes back, an earlier one: lines count from 0.",
    )

    @model_validator(mode="after")
    def _check_quantity(self) -> DocumentEntryBody:
        check_quantity(self.quantity)
        return self

    def to_entry(self) -> DocumentEntry:
        """Return it as the desk has it."""
        return DocumentEntry(
            symbol=self.symbol,
            quantity=self.quantity,
            price=to_pips(Decimal(self.price)),
            charges=parse_paise(self.charges),
            moment=MarketMoment(self.at, self.seq),
            note=self.note,
            reverses=self.reverses,
        )


class DocumentBody(schemas.Body):
    """A strategy as a document."""

    format: Literal["strikewire.strategy"]
    version: Literal[1]
    strategy: StrategyTermsInput
    entries: list[DocumentEntryBody] = Field(max_length=MAX_ENTRIES)
