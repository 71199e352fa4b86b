"""Who comes first, contract by contract. Imports nothing of strikewire."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan

#: Why something is wanted, what comes first first.
REASONS = ["position", "pinned", "underlying", "window", "open_interest", "watched", "listed"]


@dataclass(frozen=True)
class Contract:
    """What is known of one instrument; chain is None where it is no option."""

    chain: int | None
    strike: float
    oi: float
    is_position: bool
    is_pinned: bool
    is_watched: bool
    is_streamed: bool


def find_money(strikes: list[float], spot: float, held: int | None, band: float) -> int | None:
    """Return the place of the money's strike, kept until spot is well beyond the middle."""
    if isnan(spot):
        return held
    nearest = min(range(len(strikes)), key=lambda place: (abs(strikes[place] - spot), place))
    if held is None or nearest == held:
        return nearest
    neighbour = held + 1 if nearest > held else held - 1
    gap = abs(strikes[neighbour] - strikes[held])
    return nearest if abs(spot - strikes[held]) > (0.5 + band) * gap else held


def rank_contracts(
    contracts: list[Contract],
    ladders: list[list[float]],
    money: list[int | None],
    widths: list[int],
    oi_contracts: int,
    oi_band: float,
) -> tuple[list[int], list[str]]:
    """Return the contracts' places, the first first, and why each is wanted."""
    distances = [_measure(each, ladders, money, widths) for each in contracts]
    reasons = [
        _find_reason(each, distance) for each, distance in zip(contracts, distances, strict=True)
    ]

    def weigh(place: int) -> float:
        """Return what the open interest is worth at the strike; more for who has a slot."""
        each = contracts[place]
        worth = (0.0 if isnan(each.oi) else each.oi) * each.strike
        return worth * (1 + oi_band) if each.is_streamed else worth

    def find_key(place: int) -> tuple[object, ...]:
        each, reason = contracts[place], reasons[place]
        tier = REASONS.index(reason)
        if reason in ("position", "watched"):
            return tier, not each.is_streamed, place
        if reason == "window":
            return tier, distances[place], place
        if reason in ("open_interest", "listed"):
            return tier, -weigh(place), not each.is_streamed, distances[place], place
        return tier, place

    outside = [place for place, reason in enumerate(reasons) if reason in ("watched", "listed")]
    outside.sort(
        key=lambda place: (
            -weigh(place), not contracts[place].is_streamed, distances[place], place
        )
    )  # fmt: skip
    for place in [place for place in outside if contracts[place].oi > 0][:oi_contracts]:
        reasons[place] = "open_interest"
    return sorted(range(len(contracts)), key=find_key), reasons


def _measure(
    contract: Contract, ladders: list[list[float]], money: list[int | None], widths: list[int]
) -> float:
    chain = contract.chain
    if chain is None or money[chain] is None or widths[chain] == 0:
        return inf
    return abs(ladders[chain].index(contract.strike) - (money[chain] or 0)) / widths[chain]


def _find_reason(contract: Contract, distance: float) -> str:
    if contract.is_position:
        return "position"
    if contract.is_pinned:
        return "pinned"
    if contract.chain is None:
        return "underlying"
    if distance <= 1:
        return "window"
    return "watched" if contract.is_watched else "listed"
