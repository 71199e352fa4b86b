"""What an order trades at, given what is known of its instrument at one step of the market.

Pure: the same order and the same market give the same executions, on any day, on any machine. That
is what a restart rests on, which does again what was not committed.

Where there is a book, an order takes what its five levels show, best first, and no more. Where
there is none, it trades whole at the last price. An order that comes gets the market's price, and
without a book pays the slippage; one that stands gets its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strikewire.core.money import Pips
from strikewire.core.orders import OrderTerms, Side

_BPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Level:
    """What is bid, or offered, at one price.

    Parameters
    ----------
    quantity : units, positive.
    """

    price: Pips
    quantity: int


@dataclass(frozen=True, slots=True)
class Book:
    """The levels of a book, the best of either side first; a side may be empty."""

    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()

    def less(self, *, bought: int, sold: int) -> Book:
        """Return what is left when so many units were bought and sold of it, the best first."""
        return Book(bids=_drop(self.bids, sold), asks=_drop(self.asks, bought))


@dataclass(frozen=True, slots=True)
class Market:
    """What is known of an instrument at one step.

    Parameters
    ----------
    last : the last traded price; None: nothing was traded in this session.
    book : what may still be taken; None: there is no book, and the last price stands for it.
    tick : the step of its prices.
    """

    last: Pips | None
    book: Book | None
    tick: Pips


@dataclass(frozen=True, slots=True)
class Slippage:
    """What a taker pays without a book: the larger of the two, in whole steps of the price.

    Parameters
    ----------
    ticks : steps of the price.
    bps : hundredths of a per cent of it.
    """

    ticks: int = 1
    bps: int = 0

    def compute(self, last: Pips, tick: Pips) -> int:
        """Return it in pips, at a price."""
        return max(self.ticks, -(-last * self.bps // (_BPS * tick))) * tick


@dataclass(frozen=True, slots=True)
class Standing:
    """How an order stands before a step.

    Parameters
    ----------
    open_quantity : units that are not filled.
    is_triggered : it waits for no trigger, or has seen it.
    is_resting : it was there before: others come to its price. Otherwise it comes now.
    """

    open_quantity: int
    is_triggered: bool
    is_resting: bool


@dataclass(frozen=True, slots=True)
class Execution:
    """Units that changed hands at one price."""

    price: Pips
    quantity: int


@dataclass(frozen=True, slots=True)
class Match:
    """What a step does to an order.

    Parameters
    ----------
    is_triggered : it waits for no trigger any more.
    executions : in the order in which they happened.
    """

    is_triggered: bool
    executions: tuple[Execution, ...] = ()


@dataclass(frozen=True, slots=True)
class _Taker:
    """Who trades now, and at what worst price."""

    side: Side
    quantity: int
    limit: Pips
    is_resting: bool


def match(terms: OrderTerms, standing: Standing, market: Market, slippage: Slippage) -> Match:
    """Match one order with what is known of its instrument.

    Of several orders the one with the better price is asked first, then the older one, each with
    what the ones before left of the book.

    Oracle: tests/oracles/matching.py, unit by unit.
    """
    is_triggered = standing.is_triggered or _is_reached(terms, market.last)
    if not is_triggered:
        return Match(is_triggered=False)
    limit = _find_limit(terms, market)
    if limit is None:
        return Match(is_triggered=True)
    taker = _Taker(
        side=terms.side,
        quantity=standing.open_quantity,
        limit=limit,
        # What has just been triggered comes to the market now, wherever it was before.
        is_resting=standing.is_resting and standing.is_triggered and terms.price is not None,
    )
    if market.book is None:
        return Match(is_triggered=True, executions=_trade_at_last(taker, market, slippage))
    return Match(is_triggered=True, executions=_take(taker, market.book))


def compute_priority(terms: OrderTerms) -> tuple[int, int]:
    """Return by what orders of one side are asked in turn, before their age; market ones first."""
    if terms.price is None:
        return 0, 0
    return 1, -terms.side.sign * terms.price


def _is_reached(terms: OrderTerms, last: Pips | None) -> bool:
    """Whether the trigger is traded: a buyer's from below, a seller's from above."""
    if last is None or terms.trigger is None:
        return False
    return terms.side.sign * (last - terms.trigger) >= 0


def _find_limit(terms: OrderTerms, market: Market) -> Pips | None:
    """Return the worst price an order may trade at; None: nobody can say yet."""
    if terms.price is not None:
        return terms.price
    levels = None if market.book is None else _find_levels(terms.side, market.book)
    reference = market.last or (levels[0].price if levels else None)
    if reference is None or terms.protection_bps is None:
        return None
    # At least one step, else nothing of a low price could be protected and traded.
    steps = max(1, reference * terms.protection_bps // (_BPS * market.tick))
    return Pips(max(market.tick, reference + terms.side.sign * steps * market.tick))


def _find_levels(side: Side, book: Book) -> tuple[Level, ...]:
    return book.asks if side is Side.BUY else book.bids


def _trade_at_last(taker: _Taker, market: Market, slippage: Slippage) -> tuple[Execution, ...]:
    """Return the one execution that the last price allows, or none."""
    last, limit, sign = market.last, taker.limit, taker.side.sign
    if last is None or sign * (last - limit) > 0:
        return ()
    if taker.is_resting:
        return (Execution(limit, taker.quantity),)
    asked = last + sign * slippage.compute(last, market.tick)
    # Never worse than the limit, and never for nothing.
    price = max(market.tick, sign * min(sign * asked, sign * limit))
    return (Execution(Pips(price), taker.quantity),)


def _take(taker: _Taker, book: Book) -> tuple[Execution, ...]:
    """Take level by level what the limit allows."""
    wanted = taker.quantity
    executions: list[Execution] = []
    for level in _find_levels(taker.side, book):
        if not wanted or taker.side.sign * (level.price - taker.limit) > 0:
            break
        taken = min(wanted, level.quantity)
        wanted -= taken
        executions.append(Execution(level.price, taken))
    if taker.is_resting and executions:
        return (Execution(taker.limit, taker.quantity - wanted),)
    return tuple(executions)


def _drop(levels: tuple[Level, ...], taken: int) -> tuple[Level, ...]:
    """Return the levels that are left when so many units are gone from the best of them."""
    left: list[Level] = []
    for level in levels:
        gone = min(taken, level.quantity)
        taken -= gone
        if gone < level.quantity:
            left.append(Level(level.price, level.quantity - gone))
    return tuple(left)
