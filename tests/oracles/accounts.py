"""An account's trades played unit by unit, in decimal rupees. Imports nothing of strikewire."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Fill:
    """Units of an instrument in a product, bought (above 0) or sold, at a time."""

    time: int
    key: tuple[int, str]
    quantity: int
    price: Decimal
    charges: Decimal


@dataclass(frozen=True)
class Held:
    """What is open, what it cost, what the rest made; rupees."""

    units: int
    cost: Decimal
    realised: Decimal
    charges: Decimal
    bought: int
    sold: int
    day_charges: Decimal


def hold(fills: list[Fill], day: int, settled: dict[int, Decimal]) -> dict[tuple[int, str], Held]:
    """Return each position: a unit that goes out closes the oldest one that is open.

    What is open of an instrument that was settled is closed at that price.
    """
    found = {}
    for key in {fill.key for fill in fills}:
        own = [fill for fill in fills if fill.key == key]
        units = [
            (1 if fill.quantity > 0 else -1, fill.price)
            for fill in own
            for _ in range(abs(fill.quantity))
        ]
        queue: list[tuple[int, Decimal]] = []
        realised = Decimal(0)
        for sign, price in units:
            if queue and queue[0][0] != sign:
                other, cost = queue.pop(0)
                realised += other * (price - cost)
            else:
                queue.append((sign, price))
        if key[0] in settled:
            realised += sum((sign * (settled[key[0]] - price) for sign, price in queue), Decimal(0))
            queue = []
        today = [fill for fill in own if fill.time >= day]
        found[key] = Held(
            units=sum(sign for sign, _ in queue),
            cost=sum((sign * price for sign, price in queue), Decimal(0)),
            realised=realised,
            charges=sum((fill.charges for fill in own), Decimal(0)),
            bought=sum(fill.quantity for fill in today if fill.quantity > 0),
            sold=-sum(fill.quantity for fill in today if fill.quantity < 0),
            day_charges=sum((fill.charges for fill in today), Decimal(0)),
        )
    return found


def make_day(
    fills: list[Fill], day: int, marks: dict[int, Decimal], closes: dict[int, Decimal]
) -> Decimal:
    """Return what a day made: worth at its end less worth at its beginning, and cash between."""
    total = Decimal(0)
    for fill in fills:
        instrument, _ = fill.key
        if fill.time < day:
            total += fill.quantity * (marks[instrument] - closes[instrument])
        else:
            total += fill.quantity * (marks[instrument] - fill.price) - fill.charges
    return total
