"""Lots: how many units of a contract are traded at once."""

from __future__ import annotations

from strikewire.core.errors import NotFoundError
from strikewire.core.instruments import InstrumentSpec
from strikewire.reference.market_rules import MarketRules


def find_lot_size(rules: MarketRules, spec: InstrumentSpec) -> int:
    """Return the units of one lot: as the registry has it, else by the market rules for its expiry.

    A file of prices says nothing of lots, and the registry has 1 then.
    """
    if spec.lot_size > 1 or spec.underlying is None or spec.expiry is None:
        return spec.lot_size
    try:
        return rules.lot_size(spec.exchange, spec.underlying, spec.expiry)
    except NotFoundError:
        return spec.lot_size
