"""A strategy as a document: written out whole, and read back into a strategy of its own.

What a document says comes back as it was: prices, charges and moments to the nanosecond. Where it
hangs in this program does not travel: whose it is, its account, its orders, ids and alerts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from strikewire.auth.audit import Actor, AuditEvent
from strikewire.auth.principal import Principal
from strikewire.core.clock import Clock
from strikewire.core.errors import InvalidInputError, UnknownSymbolError
from strikewire.core.instants import SECOND_NS, format_rfc3339, parse_rfc3339
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.money import Paise, Pips, format_paise, format_price
from strikewire.core.orders import MarketMoment, StrategyEntry, StrategyId
from strikewire.core.strategies import EntryNote, EntrySource, LedgerLine, Strategy
from strikewire.core.users import UserId
from strikewire.desk.ledgers import Ledgers
from strikewire.desk.strategies import StrategyDesk, StrategyStores, StrategyWish
from strikewire.store.database import WriteSession

FORMAT: Final = "strikewire.strategy"
VERSION: Final = 1
#: So many are told of a document that has more.
_MAX_FAULTS: Final = 100
_FRACTION: Final = re.compile(r"\.(\d{1,9})(?=Z$|[+-])")


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """A line of a document.

    Parameters
    ----------
    reverses : the number of the line that it takes back, an earlier one; lines count from 0.
    """

    symbol: str
    quantity: int
    price: Pips
    charges: Paise
    moment: MarketMoment
    note: str = ""
    reverses: int | None = None


class StrategyDocuments:
    """Writes strategies out, and reads them back.

    Parameters
    ----------
    clock : the market's time.
    """

    def __init__(
        self, *, stores: StrategyStores, desk: StrategyDesk, ledgers: Ledgers, clock: Clock
    ) -> None:
        self._stores = stores
        self._desk = desk
        self._ledgers = ledgers
        self._clock = clock

    async def write(self, strategy_id: int, *, principal: Principal) -> dict[str, Any]:
        """Return the whole of a strategy, for JSON.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's to see.
        """
        strategy, lines = await self._ledgers.load(strategy_id, principal=principal)
        ids = {each.entry.instrument_id for each in lines} | set(strategy.terms.instrument_ids)
        return describe_document(strategy, lines, await self._desk.load_instruments(ids))

    async def read(
        self,
        session: WriteSession,
        wish: StrategyWish,
        entries: Sequence[DocumentEntry],
        *,
        principal: Principal,
        actor: Actor,
        user_id: UserId | None = None,
    ) -> Strategy:
        """Make a strategy of a document, in the caller's transaction: all of it, or nothing.

        Raises
        ------
        NotPermittedError, NotFoundError : as `StrategyDesk.create`.
        InvalidInputError : lines are wrong; `errors` among its details names each, and why.
        ConflictError : they are too many.
        """
        instruments = await self._check(session, entries)
        strategy = await self._desk.create(
            session, wish, principal=principal, actor=actor, user_id=user_id
        )
        id_of: dict[int, int] = {}
        # What takes a line back has to know the id that it was given here, so it comes after.
        for is_back in (False, True):
            numbers = [
                number
                for number, entry in enumerate(entries)
                if (entry.reverses is not None) == is_back
            ]
            lines = [
                (
                    _make_entry(strategy.id, entries[number], instruments, id_of),
                    EntryNote(EntrySource.IMPORT, actor.subject, entries[number].note),
                )
                for number in numbers
            ]
            written = await self._ledgers.write(session, strategy, lines)
            id_of |= {
                number: line.entry.id
                for number, line in zip(numbers, written, strict=True)
                if line.entry.id is not None
            }
        after = {"name": wish.name, "entries": len(entries)}
        event = AuditEvent("strategy.import", "strategy", str(strategy.id), after=after)
        await self._stores.trail.record(session, actor, event)
        return strategy

    async def _check(
        self, session: WriteSession, entries: Sequence[DocumentEntry]
    ) -> dict[str, Instrument]:
        """Return the contracts that a document names, if none of its lines is wrong."""
        now_ns = self._clock.now_ns()
        instruments: dict[str, Instrument] = {}
        unknown: set[str] = set()
        for symbol in dict.fromkeys(each.symbol for each in entries):
            try:
                instruments[symbol] = await self._stores.instruments.get(session, symbol)
            except UnknownSymbolError:
                unknown.add(symbol)
        taken_back: set[int] = set()
        faults = []
        for number, entry in enumerate(entries):
            if entry.symbol in unknown:
                faults.append((number, "symbol", f"no instrument goes by {entry.symbol!r}"))
            if entry.moment.as_of_ns > now_ns:
                now = format_rfc3339(now_ns)
                faults.append((number, "at", f"an instant up to {now}, the market's, was wanted"))
            fault = _find_fault(number, entries, taken_back)
            if fault is not None:
                faults.append((number, *fault))
        if faults:
            errors = [
                {"field": f"entries.{number}.{field}", "message": message}
                for number, field, message in faults[:_MAX_FAULTS]
            ]
            msg = (
                f"{errors[0]['field']}: {errors[0]['message']}; {len(faults)} faults in "
                f"{len({number for number, _, _ in faults})} of {len(entries)} lines"
            )
            raise InvalidInputError(msg, errors=errors)
        return instruments


def describe_document(
    strategy: Strategy,
    lines: Sequence[LedgerLine],
    instruments: Mapping[InstrumentId, Instrument],
) -> dict[str, Any]:
    """Describe a strategy and its ledger; what takes an entry back comes after all the others."""
    terms = strategy.terms
    ordered = sorted(lines, key=lambda line: line.entry.reverses_id is not None)
    number_of = {line.entry.id: number for number, line in enumerate(ordered)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "strategy": {
            "name": terms.name,
            "notes": terms.notes,
            "tags": list(terms.tags),
            "symbols": [instruments[each].symbol for each in terms.instrument_ids],
            "target": None if terms.target is None else format_paise(terms.target),
            "stop": None if terms.stop is None else format_paise(terms.stop),
        },
        "entries": [
            {
                "symbol": instruments[line.entry.instrument_id].symbol,
                "quantity": line.entry.quantity,
                "price": format_price(line.entry.price),
                "charges": format_paise(line.entry.charges),
                "at": format_exactly(line.entry.moment.as_of_ns),
                "seq": line.entry.moment.seq,
                "note": line.note.text,
                "reverses": None
                if line.entry.reverses_id is None
                else number_of[line.entry.reverses_id],
            }
            for line in ordered
        ],
    }


def format_exactly(instant_ns: int) -> str:
    """Format as RFC 3339 in UTC to the nanosecond; a fraction only where there is one."""
    whole_ns, rest_ns = divmod(instant_ns, SECOND_NS)
    text = format_rfc3339(whole_ns * SECOND_NS)
    return f"{text[:-1]}.{rest_ns:09d}".rstrip("0") + "Z" if rest_ns else text


def parse_exactly(text: str) -> int:
    """Parse RFC 3339 with up to nine digits of a fraction to nanoseconds.

    Raises
    ------
    ValueError : not a date-time, without an offset, or finer.
    """
    found = _FRACTION.search(text)
    if found is None:
        return parse_rfc3339(text)
    digits = found[1].ljust(9, "0")
    return parse_rfc3339(text[: found.start()] + text[found.end() :]) + int(digits)


def _find_fault(
    number: int, entries: Sequence[DocumentEntry], taken_back: set[int]
) -> tuple[str, str] | None:
    """Return what is wrong with what a line takes back, and note that it does."""
    entry, reverses = entries[number], entries[number].reverses
    if reverses is None:
        if entry.charges < 0:
            return "charges", "charges of 0 or more were wanted"
        return None
    if not 0 <= reverses < number:
        return "reverses", f"the number of an earlier line was wanted, was {reverses}"
    other = entries[reverses]
    if other.reverses is not None or reverses in taken_back:
        return "reverses", f"a line that stands was wanted, line {reverses} does not"
    taken_back.add(reverses)
    opposite = (entry.symbol, -entry.quantity, entry.price, -entry.charges, entry.moment)
    if opposite != (other.symbol, other.quantity, other.price, other.charges, other.moment):
        return "reverses", f"the opposite of line {reverses} was wanted"
    return None


def _make_entry(
    strategy_id: StrategyId,
    entry: DocumentEntry,
    instruments: Mapping[str, Instrument],
    id_of: Mapping[int, int],
) -> StrategyEntry:
    return StrategyEntry(
        id=None,
        strategy_id=strategy_id,
        instrument_id=instruments[entry.symbol].id,
        quantity=entry.quantity,
        price=entry.price,
        moment=entry.moment,
        charges=entry.charges,
        reverses_id=None if entry.reverses is None else id_of[entry.reverses],
    )
