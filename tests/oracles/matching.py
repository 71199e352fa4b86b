"""One order and one market, unit by unit. Imports nothing of strikewire.

`sign` is 1 of a buyer, -1 of a seller.
"""

from __future__ import annotations

#: (price, quantity), best first.
Side = list[tuple[int, int]]


def find_worst(
    sign: int, price: int | None, protection_bps: int, reference: int | None, tick: int
) -> int | None:
    """Return the worst price that is allowed, walking away from the reference step by step."""
    if price is not None:
        return price
    if reference is None:
        return None
    worst = reference
    step = tick if sign > 0 else -tick
    worst += step
    while abs(worst + step - reference) * 10_000 <= reference * protection_bps:
        worst += step
    return max(worst, tick)


def is_better_or_same(sign: int, price: int, than: int) -> bool:
    """Return whether the taker is at least as well off."""
    return price <= than if sign > 0 else price >= than


def take(sign: int, wanted: int, worst: int, side: Side) -> tuple[list[int], Side]:
    """Take units one after the other; return what each cost, and what is left."""
    units = [price for price, quantity in side for _ in range(quantity)]
    allowed = [price for price in units if is_better_or_same(sign, price, worst)]
    taken = allowed[:wanted]
    left = []
    for price, quantity in side:
        gone = taken.count(price)
        if quantity > gone:
            left.append((price, quantity - gone))
    return taken, left


def slip(sign: int, last: int, worst: int, ticks: int, bps: int, tick: int) -> int:
    """Return the price without a book, step by step away from the last one."""
    steps = 0
    while steps < ticks or steps * tick * 10_000 < last * bps:
        steps += 1
    price = last + steps * tick if sign > 0 else last - steps * tick
    price = min(price, worst) if sign > 0 else max(price, worst)
    return max(price, tick)
