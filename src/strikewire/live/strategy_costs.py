"""What a strategy would cost to open, and what has to be there for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Final

import numpy as np

from strikewire.analytics.charges import classify_trade, compute_charges
from strikewire.analytics.margin import (
    Flags,
    ScenarioMargin,
    compute_risk_arrays,
    compute_scenario_margin,
)
from strikewire.analytics.strategies.legs import Legs
from strikewire.core.charges import Charges, Trade
from strikewire.core.errors import InvalidInputError, NotFoundError
from strikewire.core.instruments import InstrumentKind
from strikewire.core.money import Paise, format_paise, to_pips
from strikewire.core.orders import Product, Side
from strikewire.live.strategy_legs import PricedLeg, PricedStrategy
from strikewire.reference.market_rules import MarketRules
from strikewire.reference.trading_days import find_trading_day

_PAISE_PER_RUPEE: Final = 100


def describe_costs(strategy: PricedStrategy, rules: MarketRules) -> dict[str, Any]:
    """Describe the margin of a strategy, and the charges of opening it.

    Parameters
    ----------
    rules : those in force; of them the ones that hold on the strategy's day.

    Returns
    -------
    What goes into JSON: each, or why there is none.
    """
    found: dict[str, Any] = {
        "margin": None, "margin_reason": None, "charges": None, "charges_reason": None,
    }  # fmt: skip
    day = _find_day(strategy, rules)
    if day is None:
        return found | {"margin_reason": "no_rule", "charges_reason": "no_rule"}
    try:
        found["margin"] = _describe_margin(strategy, rules, day)
    except NotFoundError:
        found["margin_reason"] = "no_rule"
    try:
        found["charges"] = _describe_charges(strategy, rules, day)
    except NotFoundError:
        found["charges_reason"] = "no_rule"
    except InvalidInputError:
        found["charges_reason"] = "not_tradable"
    return found


def _find_day(strategy: PricedStrategy, rules: MarketRules) -> date | None:
    try:
        calendar = rules.calendar(strategy.key.exchange)
        return find_trading_day([calendar], strategy.as_of_ns).day
    except NotFoundError:
        return None


def _describe_margin(strategy: PricedStrategy, rules: MarketRules, day: date) -> dict[str, str]:
    """Reckon futures and options; shares are paid for, and set off against nothing."""
    is_contract = np.array([leg.instrument.spec.underlying is not None for leg in strategy.legs])
    found, cash = ScenarioMargin(), 0.0
    if is_contract.any():
        terms = rules.margin_terms(strategy.key.exchange, strategy.key.underlying, day)
        legs = _take(strategy.to_legs(), is_contract)
        contracts = [leg for leg in strategy.legs if leg.instrument.spec.underlying is not None]
        # A contract that is named twice is one contract.
        ids = [leg.instrument.id for leg in contracts]
        _, firsts, places = np.unique(ids, return_index=True, return_inverse=True)
        quantities = np.zeros(len(ids))
        quantities[firsts] = np.bincount(places, weights=legs.quantities)
        found = compute_scenario_margin(
            compute_risk_arrays(legs, terms, vol=strategy.horizon_vol),
            quantities,
            is_last_day=np.array([leg.instrument.spec.expiry == day for leg in contracts]),
        )
    for leg in strategy.legs:
        if leg.instrument.spec.kind is InstrumentKind.EQUITY and leg.quantity > 0:
            cash += leg.quantity * leg.mark
    parts = {name: getattr(found, name) for name in found.__slots__}
    parts |= {"cash": cash, "total": found.total + cash}
    return {name: _format_rupees(rupees) for name, rupees in parts.items()}


def _describe_charges(strategy: PricedStrategy, rules: MarketRules, day: date) -> dict[str, str]:
    """Charge each leg as one order at its entry price."""
    charges = sum((_charge(leg, rules, day) for leg in strategy.legs), Charges({}))
    told = {name: format_paise(Paise(paise)) for name, paise in charges.to_json().items()}
    return told | {"total": format_paise(charges.total)}


def _charge(leg: PricedLeg, rules: MarketRules, day: date) -> Charges:
    spec = leg.instrument.spec
    trade = Trade(
        side=Side.BUY if leg.quantity > 0 else Side.SELL,
        product=Product.CNC if spec.kind is InstrumentKind.EQUITY else Product.NRML,
        quantity=abs(leg.quantity),
        price=to_pips(leg.entry),
    )
    trade_class = classify_trade(spec.kind, trade)
    rates = rules.charge_rates(spec.exchange, trade_class, spec.underlying, day)
    return compute_charges(rates, trade)


def _take(legs: Legs, rows: Flags) -> Legs:
    columns = (
        "quantities", "entries", "is_option", "is_call", "strikes", "vols", "forwards", "taus",
        "rates",
    )  # fmt: skip
    return replace(legs, **{name: getattr(legs, name)[rows] for name in columns})


def _format_rupees(rupees: float) -> str:
    return format_paise(Paise(round(rupees * _PAISE_PER_RUPEE)))
