"""A template's legs out of a chain: which contracts, and how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from strikewire.analytics.strategies.ladder import Spacing, StrikeLadder, pick_strikes
from strikewire.analytics.strategies.templates import LegKind, Template
from strikewire.core.errors import InvalidInputError, NothingRecordedError
from strikewire.core.instants import format_rfc3339
from strikewire.engine.chains.layout import NOBODY, ChainKey, ChainLayout
from strikewire.engine.chains.table import ChainTable
from strikewire.live.chain_history import ChainHistory
from strikewire.live.contract_board import ContractBoard
from strikewire.live.contract_directory import UnderlyingKey
from strikewire.live.strategy_analysis import describe_leg, format_money, sum_premium
from strikewire.live.strategy_legs import LegWish, PricedStrategy
from strikewire.live.strategy_market import StrategyMarket


@dataclass(frozen=True, slots=True)
class TemplateWish:
    """Which contracts a template is built of.

    Parameters
    ----------
    keys : the chain, and of a template with two expiries the later one.
    lots : of the strategy.
    spacing : how far out its strikes are.
    """

    keys: tuple[ChainKey, ...]
    lots: int
    spacing: Spacing


class TemplateBuilder:
    """Builds named strategies out of chains, heard or recorded."""

    def __init__(
        self, *, history: ChainHistory, contract_board: ContractBoard, market: StrategyMarket
    ) -> None:
        self._history = history
        self._contract_board = contract_board
        self._market = market

    async def build(
        self, template: Template, wish: TemplateWish, *, as_of_ns: int | None = None
    ) -> PricedStrategy:
        """Return a template's legs with what they cost.

        Strikes are among those of which each chain has the call and the put.

        Raises
        ------
        NothingRecordedError : nothing is known of a chain by then.
        InvalidInputError : the chain does not reach so far.
        NoPriceError : one of the contracts has no price, or the underlying has neither future nor
            spot.
        DependencyError : the store was needed and did not answer.
        """
        tables = await self._history.chains_at(wish.keys, as_of_ns)
        if len(tables) < len(wish.keys):
            names = ", ".join(key.subject for key in wish.keys)
            msg = f"the chains {names} were wanted, not all of them are recorded"
            raise NothingRecordedError(msg, chains=[key.subject for key in wish.keys])
        ladder = _list_strikes(tables)
        try:
            places = pick_strikes(ladder, [leg.rung for leg in template.legs], wish.spacing)
        except ValueError as error:
            raise InvalidInputError(str(error), chain=wish.keys[0].subject) from error
        lot_size = self._market.find_lot_size(wish.keys[0], int(tables[0].layout.lot_sizes[0]))
        wishes = []
        for leg, place in zip(template.legs, places.tolist(), strict=True):
            if leg.kind is LegKind.UNDERLYING:
                symbol = await self._find_underlying(tables[0], as_of_ns)
            else:
                layout = tables[leg.is_far].layout
                symbol = _find_option(layout, float(ladder.strikes[place]), leg.kind)
            wishes.append(LegWish(symbol, leg.ratio * wish.lots * lot_size))
        return await self._market.price(wishes, as_of_ns=as_of_ns)

    async def _find_underlying(self, table: ChainTable, as_of_ns: int | None) -> str:
        """Return the future of a chain's expiry, else the next that has a price, else the spot."""
        layout = table.layout
        if layout.future_ids[0] != NOBODY:
            return layout.symbols[int(layout.future_ids[0])]
        (key,) = layout.keys
        ladder = await self._contract_board.find_ladder(
            UnderlyingKey(key.exchange, key.underlying), as_of_ns=as_of_ns
        )
        if ladder is not None:
            for place, cutoff_ns in enumerate(ladder.cutoffs_ns.tolist()):
                if cutoff_ns >= layout.cutoffs_ns[0] and ladder.prices[place] > 0.0:
                    return ladder.instruments[place].symbol
        if layout.spot_ids[0] == NOBODY:
            msg = f"a future or the spot of {key.underlying} was wanted, there is neither"
            raise InvalidInputError(msg, underlying=key.underlying)
        return layout.symbols[int(layout.spot_ids[0])]


def describe_build(name: str, template: Template, strategy: PricedStrategy) -> dict[str, Any]:
    """Describe what a template came to be."""
    return {
        "name": name,
        "title": template.title,
        "underlying": strategy.key.underlying,
        "exchange": strategy.key.exchange,
        "as_of": format_rfc3339(strategy.as_of_ns),
        "source": strategy.source,
        "level": strategy.level,
        "spot_symbol": strategy.spot_symbol,
        "net_premium": format_money(sum_premium(strategy)),
        "legs": [describe_leg(leg) for leg in strategy.legs],
    }


def _list_strikes(tables: Sequence[ChainTable]) -> StrikeLadder:
    """Return the strikes at which all chains have a call and a put; deltas are the first one's."""
    nearest = tables[0]
    is_listed = np.ones(len(nearest.layout.strikes), np.bool_)
    for table in tables:
        layout = table.layout
        has_both = (layout.call_ids != NOBODY) & (layout.put_ids != NOBODY)
        is_listed &= np.isin(nearest.layout.strikes, layout.strikes[has_both])
    return StrikeLadder(
        strikes=nearest.layout.strikes[is_listed],
        money=float(nearest.expiries.forwards[0]),
        call_deltas=nearest.calls.deltas[is_listed],
        put_deltas=nearest.puts.deltas[is_listed],
    )


def _find_option(layout: ChainLayout, strike: float, kind: LegKind) -> str:
    row = int(np.searchsorted(layout.strikes, strike))
    ids = layout.call_ids if kind is LegKind.CALL else layout.put_ids
    return layout.symbols[int(ids[row])]
