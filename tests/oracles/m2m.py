"""What strategies make, entry by entry in decimals. Imports nothing of strikewire."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal

#: Strategy, instrument, units, price, charges in rupees, and the moment as (ns, seq).
Entry = tuple[int, int, int, Decimal, Decimal, tuple[int, int]]

_PAISA = Decimal("0.01")


def compute_pnl(
    entries: Sequence[Entry], prices: Mapping[int, Decimal], now: tuple[int, int]
) -> dict[int, Decimal]:
    """Return what each strategy has made at a moment, rupees, rounded to the paisa at the end."""
    made: dict[int, Decimal] = defaultdict(Decimal)
    for strategy, instrument, units, price, charges, moment in entries:
        if moment <= now:
            made[strategy] += units * (prices[instrument] - price) - charges
    return {strategy: pnl.quantize(_PAISA, ROUND_HALF_EVEN) for strategy, pnl in made.items()}


def compute_realised(entries: Sequence[Entry], now: tuple[int, int]) -> dict[int, Decimal]:
    """Return what each strategy has made on units that it closed, first in, first out."""
    held: dict[tuple[int, int], list[tuple[int, Decimal]]] = defaultdict(list)
    made: dict[int, Decimal] = defaultdict(Decimal)
    for strategy, instrument, units, price, _, moment in sorted(entries, key=lambda e: e[5]):
        if moment > now:
            continue
        queue = held[strategy, instrument]
        sign = 1 if units > 0 else -1
        for _ in range(abs(units)):
            if queue and queue[0][0] == -sign:
                made[strategy] += sign * -1 * (price - queue.pop(0)[1])
            else:
                queue.append((sign, price))
    return dict(made)


def apply_changes(
    cells: Mapping[tuple[int, int], int], changes: Mapping[int, int], pnl: list[int]
) -> list[int]:
    """Return P&L after some instruments changed: `cells` is units by strategy and instrument."""
    return [
        before + sum(u * changes.get(i, 0) for (s, i), u in cells.items() if s == row)
        for row, before in enumerate(pnl)
    ]


def multiply(
    cells: Mapping[tuple[int, int], int], values: Sequence[Sequence[int]], rows: int
) -> list[list[int]]:
    """Return the whole product of positions and values."""
    width = len(values[0]) if values else 0
    return [
        [sum(u * values[i][k] for (s, i), u in cells.items() if s == row) for k in range(width)]
        for row in range(rows)
    ]


def note_extremes(
    path: Sequence[int], target: int | None, stop: int | None
) -> tuple[int, int, int, int, list[tuple[int, str]]]:
    """Return high, low, peak, deepest fall of a path, and which level was crossed at which step."""
    crossed = []
    for step, now in enumerate(path):
        before = path[step - 1] if step else 0
        if target is not None and now >= target and not (step and before >= target):
            crossed.append((step, "target"))
        if stop is not None and now <= stop and not (step and before <= stop):
            crossed.append((step, "stop"))
    deepest = max(max(path[: at + 1]) - now for at, now in enumerate(path))
    return max(path), min(path), max(path), deepest, crossed
