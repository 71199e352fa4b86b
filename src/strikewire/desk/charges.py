"""What a trade in an instrument costs, by the rules of its day."""

from __future__ import annotations

from datetime import date

from strikewire.analytics.charges import classify_trade, compute_charges
from strikewire.core.charges import Charges, Trade
from strikewire.core.instruments import Instrument
from strikewire.reference.market_rules import MarketRules


def compute_trade_charges(
    rules: MarketRules, instrument: Instrument, trade: Trade, day: date
) -> Charges:
    """Return what a trade costs besides its price.

    Parameters
    ----------
    rules : those in force; a change of them is for the trades that follow.
    day : of the trade, at its venue.

    Raises
    ------
    InvalidInputError : it is of an index, or an exercise of no option.
    NotFoundError : no rule says what such a trade is charged at that venue on that day.
    """
    spec = instrument.spec
    trade_class = classify_trade(spec.kind, trade)
    return compute_charges(
        rules.charge_rates(spec.exchange, trade_class, spec.underlying, day), trade
    )
