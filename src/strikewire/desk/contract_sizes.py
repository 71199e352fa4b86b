"""In what sizes and steps an instrument is traded, as its list says or else the market rules."""

from __future__ import annotations

from datetime import date

from strikewire.core.errors import InvalidInputError, NotFoundError
from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.core.money import Pips, to_pips
from strikewire.reference.contract_terms import PriceClass
from strikewire.reference.market_rules import MarketRules
from strikewire.reference.symbols import find_index


def find_lot_size(rules: MarketRules, instrument: Instrument) -> int:
    """Return the units of one contract: as listed, else by the market rules; 1 of a share."""
    spec = instrument.spec
    # A file of prices says nothing of lots, which is 1 there.
    if spec.lot_size > 1 or spec.underlying is None or spec.expiry is None:
        return spec.lot_size
    try:
        return rules.lot_size(spec.exchange, spec.underlying, spec.expiry)
    except NotFoundError:
        return spec.lot_size


def check_whole_lots(rules: MarketRules, instrument: Instrument, quantity: int) -> None:
    """Return if units are a multiple of their lot.

    Raises
    ------
    InvalidInputError : they are not.
    """
    lot_size = find_lot_size(rules, instrument)
    if quantity % lot_size:
        msg = (
            f"a multiple of {instrument.symbol}'s lot of {lot_size} units was wanted, "
            f"was {quantity}"
        )
        raise InvalidInputError(msg, symbol=instrument.symbol, lot_size=lot_size)


def find_tick(rules: MarketRules, instrument: Instrument, day: date, *, price: float) -> Pips:
    """Return the step of an instrument's price: by the market rules, else as listed.

    Parameters
    ----------
    price : near which it is traded, rupees; a future's is near enough to its underlying's.
    """
    spec = instrument.spec
    try:
        return to_pips(rules.tick_size(spec.exchange, _classify(instrument), day, price=price))
    except NotFoundError:
        return to_pips(spec.tick_size)


def find_freeze_quantity(rules: MarketRules, instrument: Instrument, day: date) -> int | None:
    """Return the most units of one order, in whole lots; None where nobody says."""
    spec = instrument.spec
    if spec.underlying is None:
        return None
    limit = rules.find_freeze_quantity(spec.exchange, spec.underlying, day)
    if limit is None:
        return None
    lot_size = find_lot_size(rules, instrument)
    return limit // lot_size * lot_size


def _classify(instrument: Instrument) -> PriceClass:
    spec = instrument.spec
    if spec.kind.is_option:
        return PriceClass.OPTION
    if spec.kind is InstrumentKind.FUTURE:
        is_index = spec.underlying is not None and find_index(spec.underlying) is not None
        return PriceClass.INDEX_FUTURE if is_index else PriceClass.STOCK_FUTURE
    return PriceClass.EQUITY
