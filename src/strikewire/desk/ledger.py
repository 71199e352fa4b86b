"""From the entries of a ledger to what is held, and what was and would be made of it.

Units that go out close those that came in first (FIFO), as Indian brokers' statements of P&L and
the tax on it have it. That also keeps realised P&L a whole number: an average would not be one.
The average that is shown is what the open units cost, divided by how many they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, Pips, round_to_paise, to_rupees
from strikewire.core.orders import MarketMoment, StrategyEntry

_STEP: Final = Decimal("0.0001")
_LAST: Final = 2**63


@dataclass(frozen=True, slots=True)
class Position:
    """What a ledger holds of one instrument, and what it made of it.

    Parameters
    ----------
    units : open ones; less than 0 are sold.
    cost : what the open ones were bought for; less than 0 is what sold ones brought.
    realised : what closed ones made, without charges.
    charges : of all entries, closed ones too.
    """

    instrument_id: InstrumentId
    units: int
    cost: Pips
    realised: Pips
    charges: Paise

    @property
    def average(self) -> Decimal | None:
        """What an open unit cost, rupees to four decimals; None where none is open."""
        if not self.units:
            return None
        return (to_rupees(self.cost) / self.units).quantize(_STEP, ROUND_HALF_EVEN)

    def compute_unrealised(self, mark: Pips | None) -> Pips | None:
        """Return what the open units would make at a mark; None where that is not known."""
        if not self.units:
            return Pips(0)
        return None if mark is None else Pips(self.units * mark - self.cost)


@dataclass(frozen=True, slots=True)
class Profit:
    """What was made, as it is told. A loss is less than 0; None is unknown.

    Parameters
    ----------
    unrealised : the whole less what is realised, so that the three add up to the paisa.
    charges : to be subtracted.
    net : realised and unrealised, less charges.
    """

    realised: Paise
    unrealised: Paise | None
    charges: Paise
    net: Paise | None


class OpenLots:
    """What is open of one instrument, the oldest first, and what was made of the rest."""

    __slots__ = ("_lots", "realised")

    def __init__(self) -> None:
        # Units and price; all units have one sign. A list: there are few, and M2M keeps hundreds of
        # thousands of these, of which an empty deque each would take 600 bytes.
        self._lots: list[tuple[int, Pips]] = []
        self.realised = Pips(0)

    @property
    def units(self) -> int:
        """How many are open; less than 0 are sold."""
        return sum(units for units, _ in self._lots)

    @property
    def cost(self) -> Pips:
        """What the open ones were bought for; less than 0 is what sold ones brought."""
        return Pips(sum(units * price for units, price in self._lots))

    def apply(self, quantity: int, price: Pips) -> None:
        """Let units come in or, less than 0, go out; what is more than was open opens anew."""
        while quantity and self._lots and (self._lots[0][0] > 0) != (quantity > 0):
            units, cost = self._lots.pop(0)
            closed = max(units, -quantity) if units < 0 else min(units, -quantity)
            self.realised = Pips(self.realised + closed * (price - cost))
            quantity += closed
            if units != closed:
                self._lots.insert(0, (units - closed, cost))
        if quantity:
            self._lots.append((quantity, price))


def list_effective(
    entries: Iterable[StrategyEntry], now: MarketMoment | None = None
) -> list[StrategyEntry]:
    """Return the entries that count, in the order in which they do.

    Parameters
    ----------
    now : where the market stands; None: after everything.

    Returns
    -------
    Those whose moment is reached, without those that are taken back and what takes them back. Of
    one moment those that were written first come first.
    """
    known = list(entries)
    taken_back = {each.reverses_id for each in known if each.reverses_id is not None}
    counting = [
        each
        for each in known
        if each.reverses_id is None
        and (each.id is None or each.id not in taken_back)
        and (now is None or each.moment.is_reached(now))
    ]
    return sorted(counting, key=_rank)


def compute_positions(
    entries: Iterable[StrategyEntry], now: MarketMoment | None = None
) -> list[Position]:
    """Return what a ledger holds of each instrument, closed ones too, by their first entries.

    Oracle: tests/oracles/ledgers.py.

    Parameters
    ----------
    entries : of one strategy.
    now : where the market stands; None: after everything.
    """
    lots: dict[InstrumentId, OpenLots] = {}
    charges: dict[InstrumentId, int] = {}
    for each in list_effective(entries, now):
        lots.setdefault(each.instrument_id, OpenLots()).apply(each.quantity, each.price)
        charges[each.instrument_id] = charges.get(each.instrument_id, 0) + each.charges
    return [
        Position(key, open_.units, open_.cost, open_.realised, Paise(charges[key]))
        for key, open_ in lots.items()
    ]


def compute_profit(positions: Iterable[Position], marks: Mapping[InstrumentId, Pips]) -> Profit:
    """Return what positions made together; each part is rounded once, from the exact sum.

    Parameters
    ----------
    marks : price of a unit. Where one of an open position is missing, the whole is unknown.
    """
    held = list(positions)
    exact = Pips(sum(each.realised for each in held))
    charges = Paise(sum(each.charges for each in held))
    realised = round_to_paise(exact)
    open_profits = [each.compute_unrealised(marks.get(each.instrument_id)) for each in held]
    known = [each for each in open_profits if each is not None]
    if len(known) < len(open_profits):
        return Profit(realised, None, charges, None)
    gross = round_to_paise(Pips(exact + sum(known)))
    return Profit(realised, Paise(gross - realised), charges, Paise(gross - charges))


def _rank(entry: StrategyEntry) -> tuple[int, int, int]:
    return entry.moment.as_of_ns, entry.moment.seq, _LAST if entry.id is None else entry.id
