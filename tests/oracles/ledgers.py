"""A ledger played unit by unit, in decimal rupees. Imports nothing of strikewire."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Line:
    """One line: units of an instrument at a price, from a moment on."""

    id: int
    moment: tuple[int, int]
    instrument: int
    quantity: int
    price: Decimal
    charges: Decimal
    reverses: int | None = None


@dataclass(frozen=True)
class Holding:
    """What is open of an instrument, what it cost, and what the rest made; rupees."""

    units: int
    cost: Decimal
    realised: Decimal
    charges: Decimal


def play(lines: list[Line], now: tuple[int, int]) -> dict[int, Holding]:
    """Return what is held after a moment: each unit that goes out closes the oldest one."""
    undone = {line.reverses for line in lines} | {line.id for line in lines if line.reverses}
    there = [line for line in lines if line.id not in undone and line.moment <= now]
    there.sort(key=lambda line: (line.moment, line.id))
    held = {}
    for instrument in {line.instrument for line in there}:
        bought: list[Decimal] = []
        sold: list[Decimal] = []
        realised = charges = Decimal(0)
        for line in there:
            if line.instrument != instrument:
                continue
            charges += line.charges
            for _ in range(abs(line.quantity)):
                if line.quantity > 0 and sold:
                    realised += sold.pop(0) - line.price
                elif line.quantity < 0 and bought:
                    realised += line.price - bought.pop(0)
                else:
                    (bought if line.quantity > 0 else sold).append(line.price)
        cost = sum(bought, Decimal(0)) - sum(sold, Decimal(0))
        held[instrument] = Holding(len(bought) - len(sold), cost, realised, charges)
    return held


def value(lines: list[Line], now: tuple[int, int], marks: dict[int, Decimal]) -> Decimal:
    """Return the whole P&L before charges: what was paid and received, and what is left."""
    total = Decimal(0)
    for line in lines:
        if line.moment <= now:
            total += line.quantity * (marks[line.instrument] - line.price)
    return total
