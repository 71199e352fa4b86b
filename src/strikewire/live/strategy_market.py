"""What the legs of a strategy are, what they cost, and what they are measured at: now, or then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strikewire.analytics.options.expiry_time import compute_taus
from strikewire.analytics.strategies.smile import Smile, VolSource, find_vols
from strikewire.core.errors import (
    InvalidInputError,
    NoPriceError,
    NotFoundError,
    NothingRecordedError,
)
from strikewire.core.instants import format_rfc3339
from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.table import ChainSource, ChainTable
from strikewire.live.chain_history import ChainHistory
from strikewire.live.chain_payload import name_reasons
from strikewire.live.contract_board import ContractBoard
from strikewire.live.contract_directory import UnderlyingKey
from strikewire.live.directory import InstrumentDirectory
from strikewire.live.futures_payload import FutureLadder
from strikewire.live.strategy_legs import LegWish, PricedLeg, PricedStrategy, to_price
from strikewire.reference.rule_book import RuleBook
from strikewire.reference.underlyings import find_spot_symbol


class StrategyMarket:
    """Prices legs from chains and futures, heard or recorded."""

    def __init__(
        self,
        *,
        instruments: InstrumentDirectory,
        history: ChainHistory,
        contract_board: ContractBoard,
        rules: RuleBook,
    ) -> None:
        self._instruments = instruments
        self._rules = rules
        self._history = history
        self._contract_board = contract_board

    async def price(
        self, wishes: Sequence[LegWish], *, as_of_ns: int | None = None
    ) -> PricedStrategy:
        """Return legs with what they cost, and what that is measured at.

        Parameters
        ----------
        wishes : at least one, on one underlying; one of them an option or a future.
        as_of_ns : None is now.

        Raises
        ------
        UnknownSymbolError : nothing goes by one of the names.
        InvalidInputError : they are on several underlyings, no whole lots, or over.
        NothingRecordedError : nothing is known of a chain, or of the futures, by then.
        NoPriceError : a contract has neither a price nor was one given; or no volatility.
        DependencyError : the store was needed and did not answer.
        """
        (strategy,) = await self.price_together([wishes], as_of_ns=as_of_ns)
        return strategy

    async def price_together(
        self, baskets: Sequence[Sequence[LegWish]], *, as_of_ns: int | None = None
    ) -> list[PricedStrategy]:
        """Return several strategies on one underlying, of one and the same market.

        Raises
        ------
        UnknownSymbolError, InvalidInputError, NothingRecordedError, NoPriceError, DependencyError :
            as `price`.
        """
        held = [[await self._find(wish) for wish in basket] for basket in baskets]
        instruments = [leg.instrument for basket in held for leg in basket]
        key = _find_underlying(instruments)
        tables = await self._load_tables(key, instruments, as_of_ns)
        ladder = None
        if any(each.spec.kind is InstrumentKind.FUTURE for each in instruments):
            ladder = await self._contract_board.get_ladder(key, as_of_ns=as_of_ns)
        found = _Market(key, tables, ladder)
        priced = [tuple(found.price(leg) for leg in basket) for basket in held]
        has_spot = bool(np.isfinite(found.spot))
        nearest = min((leg for legs in priced for leg in legs), key=lambda leg: leg.tau)
        return [
            PricedStrategy(
                key=key,
                as_of_ns=found.as_of_ns,
                source=found.source,
                level=found.spot if has_spot else nearest.forward,
                spot_symbol=found.spot_symbol if has_spot else None,
                horizon_vol=found.find_money_vol(min(leg.tau for leg in legs)),
                legs=legs,
            )
            for legs in priced
        ]

    def find_lot_size(self, key: ChainKey, listed: int) -> int:
        """Return the units of one contract: as listed, else by the market rules.

        Parameters
        ----------
        listed : what the registry says; a file of prices says nothing of lots, which is 1 there.
        """
        if listed > 1:
            return listed
        try:
            return self._rules.current.lot_size(key.exchange, key.underlying, key.expiry)
        except NotFoundError:
            return listed

    async def _find(self, wish: LegWish) -> _Held:
        """Return the contract somebody names, if it is in whole lots."""
        instrument = await self._instruments.get(wish.symbol)
        spec, lot_size = instrument.spec, instrument.spec.lot_size
        if spec.underlying is not None and spec.expiry is not None:
            key = ChainKey(spec.exchange, spec.underlying, spec.expiry)
            lot_size = self.find_lot_size(key, lot_size)
        if wish.quantity % lot_size:
            msg = (
                f"a multiple of {instrument.symbol}'s lot of {lot_size} units was wanted, "
                f"was {wish.quantity}"
            )
            raise InvalidInputError(msg, symbol=instrument.symbol, lot_size=lot_size)
        return _Held(wish, instrument, lot_size)

    async def _load_tables(
        self, key: UnderlyingKey, instruments: Sequence[Instrument], as_of_ns: int | None
    ) -> dict[ChainKey, ChainTable]:
        wanted = set()
        for each in instruments:
            if each.spec.kind.is_option:
                if each.spec.expiry is None:
                    raise _miss_price(each, "nothing_recorded")
                wanted.add(key.chain(each.spec.expiry))
        keys = sorted(wanted)
        found = await self._history.chains_at(keys, as_of_ns) if keys else []
        tables = {table.layout.keys[0]: table for table in found}
        for chain in keys:
            if chain not in tables:
                msg = f"the chain {chain.subject} was wanted, nothing is recorded of it"
                raise NothingRecordedError(msg, chain=chain.subject)
        return tables


@dataclass(frozen=True, slots=True)
class _Held:
    """A leg that is named and known, without a price."""

    wish: LegWish
    instrument: Instrument
    lot_size: int


class _Market:
    """What was found of one underlying."""

    def __init__(
        self, key: UnderlyingKey, tables: dict[ChainKey, ChainTable], ladder: FutureLadder | None
    ) -> None:
        self._key = key
        self._tables = tables
        self._ladder = ladder
        self.spot_symbol = find_spot_symbol(key.exchange, key.underlying)
        told = sorted(tables.values(), key=lambda table: table.as_of_ns)
        spots = [float(table.expiries.spots[0]) for table in told]
        stamps_ns = [table.as_of_ns for table in told]
        if ladder is not None:
            spots.insert(0, ladder.spot)
            stamps_ns.append(ladder.as_of_ns)
        self.spot = next((spot for spot in reversed(spots) if spot > 0.0), float("nan"))
        self.as_of_ns = max(stamps_ns)
        sources = {table.source for table in told}
        self.source = (
            (ChainSource.MINUTE if ChainSource.MINUTE in sources else ChainSource.LIVE)
            if sources
            else None
        )

    def find_money_vol(self, horizon: float) -> float:
        """Return the volatility at the money of the first expiry at or after the horizon."""
        ends = {float(table.expiries.taus[0]): table for table in self._tables.values()}
        after = [tau for tau in ends if tau >= horizon]
        return float(ends[min(after)].figures.atm_vols[0]) if after else float("nan")

    def price(self, held: _Held) -> PricedLeg:
        """Return one leg with its price."""
        if held.instrument.spec.kind.is_option:
            return self._price_option(held)
        if held.instrument.spec.kind is InstrumentKind.FUTURE:
            return self._price_future(held)
        return self._make_linear(held, self.spot, tau=np.inf, cutoff_ns=None)

    def _price_option(self, held: _Held) -> PricedLeg:
        instrument, spec = held.instrument, held.instrument.spec
        assert spec.expiry is not None, "the chain was found by it"
        table = self._tables[self._key.chain(spec.expiry)]
        layout, is_call = table.layout, spec.kind is InstrumentKind.CALL
        side, ids = (table.calls, layout.call_ids) if is_call else (table.puts, layout.put_ids)
        rows = np.flatnonzero(ids == instrument.id)
        if not len(rows):
            raise _miss_price(instrument, "nothing_recorded")
        row = int(rows[0])
        tau, cutoff_ns = float(table.expiries.taus[0]), int(layout.cutoffs_ns[0])
        _check_going(instrument, tau, cutoff_ns)
        mark = float(side.premiums[row])
        reason = name_reasons(side.reasons[row : row + 1])[0] if np.isnan(mark) else None
        entry = held.wish.entry
        if entry is None:
            if np.isnan(mark):
                raise _miss_price(instrument, reason)
            entry = to_price(mark)
        forward = float(table.expiries.forwards[0])
        vols, sources = find_vols(
            Smile(forward, layout.strikes, table.calls.vols, table.puts.vols),
            layout.strikes[row : row + 1],
            np.array([is_call]),
        )
        if not np.isfinite(vols[0]):
            msg = f"a volatility of {instrument.symbol} was wanted, its chain has none"
            raise NoPriceError(msg, symbol=instrument.symbol, reason="no_volatility")
        return PricedLeg(
            instrument=instrument,
            lot_size=held.lot_size,
            quantity=held.wish.quantity,
            entry=entry,
            mark=mark,
            reason=reason,
            vol=float(vols[0]),
            vol_source=VolSource(int(sources[0])),
            forward=forward,
            tau=tau,
            rate=float(table.expiries.rates[0]),
            cutoff_ns=cutoff_ns,
        )

    def _price_future(self, held: _Held) -> PricedLeg:
        instrument = held.instrument
        assert self._ladder is not None, "it is asked for where there is a future"
        ids = [each.id for each in self._ladder.instruments]
        if instrument.id not in ids:
            raise _miss_price(instrument, "nothing_recorded")
        place = ids.index(instrument.id)
        price, tau, cutoff_ns = float(self._ladder.prices[place]), np.inf, None
        if place < len(self._ladder.cutoffs_ns):
            cutoff_ns = int(self._ladder.cutoffs_ns[place])
            tau = float(compute_taus(cutoff_ns, self._ladder.as_of_ns))
            _check_going(instrument, tau, cutoff_ns)
        return self._make_linear(held, price, tau=tau, cutoff_ns=cutoff_ns)

    def _make_linear(
        self, held: _Held, price: float, *, tau: float, cutoff_ns: int | None
    ) -> PricedLeg:
        # What it is worth elsewhere is told from what it is worth now, so a given entry is no help.
        if not price > 0.0:
            raise _miss_price(held.instrument, "no_premium")
        return PricedLeg(
            instrument=held.instrument,
            lot_size=held.lot_size,
            quantity=held.wish.quantity,
            entry=to_price(price) if held.wish.entry is None else held.wish.entry,
            mark=price,
            reason=None,
            vol=np.nan,
            vol_source=None,
            forward=price,
            tau=tau,
            rate=0.0,
            cutoff_ns=cutoff_ns,
        )


def _find_underlying(instruments: Sequence[Instrument]) -> UnderlyingKey:
    """Return what all of them are on.

    Raises
    ------
    InvalidInputError : nothing, or several things.
    """
    specs = [each.spec for each in instruments]
    keys = {UnderlyingKey(each.exchange, each.underlying) for each in specs if each.underlying}
    if len(keys) != 1:
        found = ", ".join(sorted(map(str, keys))) or "none"
        msg = f"options and futures on one underlying were wanted, found {found}"
        raise InvalidInputError(msg, underlyings=sorted(map(str, keys)))
    (key,) = keys
    spot = find_spot_symbol(key.exchange, key.underlying)
    for each in instruments:
        if each.spec.underlying is None and each.symbol != spot:
            msg = f"contracts on {key} or its spot {spot} were wanted, found {each.symbol}"
            raise InvalidInputError(msg, symbol=each.symbol)
    return key


def _check_going(instrument: Instrument, tau: float, cutoff_ns: int) -> None:
    if not tau > 0.0:
        cutoff = format_rfc3339(cutoff_ns)
        msg = f"a contract that goes on was wanted, {instrument.symbol} ended at {cutoff}"
        raise InvalidInputError(msg, symbol=instrument.symbol, cutoff=cutoff)


def _miss_price(instrument: Instrument, reason: str | None) -> NoPriceError:
    msg = f"a price of {instrument.symbol} was wanted, there is none: {reason}"
    return NoPriceError(msg, symbol=instrument.symbol, reason=reason)
