"""What a trade costs besides its price, by the rates of its day.

Which rates those are is for the market rules to say (`reference.charge_terms`); here they are only
applied. Each item is exact until it is rounded to whole paise, half to even.

An order that is filled in parts costs what it would have cost in one: of each part we take what the
order has cost with it less what it had cost before, both rounded. So a flat brokerage is paid with
the first part, a cap holds for all of them together, and no part is rounded for itself.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from strikewire.core.charges import ChargeItem, ChargeRates, Charges, Levy, Trade, TradeClass
from strikewire.core.errors import InvalidInputError
from strikewire.core.instruments import InstrumentKind
from strikewire.core.money import Paise, Pips, to_rupees
from strikewire.core.orders import Product, Side

_PER_CENT: Final = Decimal(100)
_PAISE_PER_RUPEE: Final = 100
_WHOLE: Final = Decimal(1)


def classify_trade(kind: InstrumentKind, trade: Trade) -> TradeClass:
    """Say by which rates a trade is charged.

    Raises
    ------
    InvalidInputError : an index cannot be traded; only an option is exercised.
    """
    if trade.is_exercise and not kind.is_option:
        msg = f"an option was wanted, a {kind} is not exercised"
        raise InvalidInputError(msg, kind=kind.value)
    if kind.is_option:
        return TradeClass.EXERCISE if trade.is_exercise else TradeClass.OPTION
    match kind:
        case InstrumentKind.FUTURE:
            return TradeClass.FUTURE
        case InstrumentKind.EQUITY:
            is_intraday = trade.product is Product.MIS
            return TradeClass.EQUITY_INTRADAY if is_intraday else TradeClass.EQUITY_DELIVERY
        case _:
            msg = f"something that can be traded was wanted, was an {kind}"
            raise InvalidInputError(msg, kind=kind.value)


def compute_exact_charges(
    rates: ChargeRates, side: Side, turnover: Pips
) -> dict[ChargeItem, Decimal]:
    """Return what an order costs that has traded so much, in rupees, nothing rounded.

    Parameters
    ----------
    rates : of each item; an item that is a share of others comes after them.
    turnover : units times prices. An order that has traded nothing costs nothing.
    """
    found: dict[ChargeItem, Decimal] = {}
    for item in ChargeItem:
        levy = rates[item]
        is_due = turnover > 0 and levy.side in (None, side)
        base = sum((found[each] for each in levy.on), Decimal(0)) if levy.on else None
        amount = _apply(levy, to_rupees(turnover) if base is None else base)
        found[item] = amount if is_due else Decimal(0)
    return found


def compute_charges(rates: ChargeRates, trade: Trade) -> Charges:
    """Return what a trade costs, in whole paise by item.

    Parameters
    ----------
    rates : of the day of the trade.
    """
    before = compute_exact_charges(rates, trade.side, trade.turnover_before)
    turnover = Pips(trade.turnover_before + trade.turnover)
    after = compute_exact_charges(rates, trade.side, turnover)
    return Charges({item: Paise(_round(after[item]) - _round(before[item])) for item in ChargeItem})


def _apply(levy: Levy, base: Decimal) -> Decimal:
    amount = base * levy.pct / _PER_CENT if levy.flat is None else levy.flat
    return amount if levy.cap is None else min(amount, levy.cap)


def _round(rupees: Decimal) -> int:
    return int((rupees * _PAISE_PER_RUPEE).quantize(_WHOLE, ROUND_HALF_EVEN))
