"""Documents of strategies: what is written out is read back, to the nanosecond and the pip."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from strikewire.api.v1.strategies.document_bodies import DocumentBody
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import MarketMoment, StrategyEntry, StrategyId
from strikewire.core.strategies import (
    EntryNote,
    EntrySource,
    LedgerLine,
    Strategy,
    StrategyTerms,
)
from strikewire.core.users import UserId
from strikewire.desk.strategy_documents import (
    DocumentEntry,
    describe_document,
    format_exactly,
    parse_exactly,
)

INSTRUMENTS = {
    InstrumentId(number): Instrument(
        InstrumentId(number), InstrumentSpec("NFO", f"NIFTY{number}", InstrumentKind.FUTURE)
    )
    for number in (1, 2)
}
STRATEGY = Strategy(
    StrategyId(3), UserId(1),
    StrategyTerms(
        "condor", notes="a\nnote", tags=("b", "a"), instrument_ids=(InstrumentId(2),),
        target=Paise(1), stop=Paise(-10**9),
    ),
    revision=1, created_ns=0, updated_ns=0,
)  # fmt: skip
INSTANTS = st.integers(0, 2**63 - 1)
NOTES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


@st.composite
def draw_lines(draw):
    """Draw a ledger, some of its lines taken back by later ones."""
    lines = [
        LedgerLine(
            StrategyEntry(
                number + 1,
                StrategyId(3),
                draw(st.sampled_from(sorted(INSTRUMENTS))),
                draw(st.integers(-(10**7), 10**7).filter(bool)),
                Pips(draw(st.integers(0, 10**11 - 1))),
                MarketMoment(draw(INSTANTS), draw(st.integers(0, 2**63 - 1))),
                Paise(draw(st.integers(0, 10**12 - 1))),
            ),
            EntryNote(EntrySource.MANUAL, "asha", draw(NOTES)),
            recorded_ns=0,
        )
        for number in range(draw(st.integers(0, 5)))
    ]
    backs = draw(st.sets(st.sampled_from(range(len(lines))), max_size=2)) if lines else set()
    for place in sorted(backs):
        entry = lines[place].entry
        back = replace(
            entry,
            id=len(lines) + 1,
            quantity=-entry.quantity,
            charges=Paise(-entry.charges),
            reverses_id=entry.id,
        )
        lines.append(replace(lines[place], entry=back))
    return lines


@given(lines=draw_lines())
def test_document_is_read_back_as_the_ledger_that_it_was_written_of(lines):
    written = orjson.dumps(describe_document(STRATEGY, lines, INSTRUMENTS))
    document = DocumentBody.model_validate(orjson.loads(written))

    wish = document.strategy.to_wish()
    terms = STRATEGY.terms
    assert (wish.name, wish.notes, wish.tags) == (terms.name, terms.notes, terms.tags)
    assert (wish.target, wish.stop, wish.symbols) == (terms.target, terms.stop, ("NFO:NIFTY2",))
    assert [each.to_entry() for each in document.entries] == [
        DocumentEntry(
            symbol=INSTRUMENTS[line.entry.instrument_id].symbol,
            quantity=line.entry.quantity,
            price=line.entry.price,
            charges=line.entry.charges,
            moment=line.entry.moment,
            note=line.note.text,
            # Lines count from 0, and what takes others back comes after all of them.
            reverses=None if line.entry.reverses_id is None else line.entry.reverses_id - 1,
        )
        for line in lines
    ]


@given(instant_ns=INSTANTS)
def test_instant_is_written_to_the_nanosecond(instant_ns):
    text = format_exactly(instant_ns)

    assert parse_exactly(text) == instant_ns
    assert text.endswith("Z")
    assert not text.endswith(("0Z", ".Z")) or "." not in text


@pytest.mark.parametrize(
    ("text", "instant_ns"),
    [
        ("2022-12-30T09:20:00.25+05:30", 1_672_372_200_250_000_000),
        ("2022-12-30T03:50:00Z", 1_672_372_200_000_000_000),
        ("2022-12-30T03:50:00.000000001Z", 1_672_372_200_000_000_001),
    ],
)
def test_instant_is_read_in_any_zone(text, instant_ns):
    assert parse_exactly(text) == instant_ns


@pytest.mark.parametrize(
    "text", ["2022-12-30", "2022-12-30T03:50:00", "1960-01-01T00:00:00Z", "9999-01-01T00:00:00Z", 7]
)
def test_document_with_an_instant_that_is_none_is_refused(text):
    line = {"symbol": "X", "quantity": 1, "price": "1", "at": text}
    with pytest.raises(ValidationError, match=r"instant|RFC 3339"):
        DocumentBody.model_validate(
            {
                "format": "strikewire.strategy",
                "version": 1,
                "strategy": {"name": "x"},
                "entries": [line],
            }
        )
