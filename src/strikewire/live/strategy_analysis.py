"""What a strategy is, makes and risks, as people and programs are told it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import numpy as np

from strikewire.analytics.options.expiry_time import YEAR_NS
from strikewire.analytics.options.rows import Greeks
from strikewire.analytics.strategies.legs import Floats, Legs, compute_leg_greeks, compute_pnls
from strikewire.analytics.strategies.payoff import Payoff, compute_probability, find_payoff
from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import DAY_NS, format_rfc3339
from strikewire.live.strategy_costs import describe_costs
from strikewire.live.strategy_legs import PricedLeg, PricedStrategy, to_price
from strikewire.reference.market_rules import MarketRules

#: What the Greeks of a strategy are called outside: the field of `Greeks`.
GREEKS: Final = {
    "delta": "deltas", "gamma": "gammas", "theta": "thetas", "vega": "vegas", "rho": "rhos",
}  # fmt: skip
#: Steps from now to the horizon, where a grid's days are not given.
DEFAULT_DAYS: Final = 11
#: The curve shows so many standard deviations on either side, and all strikes with half as much
#: again; at least this share of the level.
_DEVIATIONS: Final = 3.0
_MARGIN: Final = 1.5
_SHARE_MIN: Final = 0.02
#: What may be subtracted when two are compared.
_COMPARED: Final = ("net_premium", "pnl", "max_profit", "max_loss", "probability_of_profit")
_PAISA: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class CurveWish:
    """Over which levels, and for which instants, the curve is drawn.

    Parameters
    ----------
    low, high : rupees; None is what shows all of it.
    points : levels at even distances; strikes among them come on top.
    dates_ns : instants besides now and the horizon.
    """

    low: float | None = None
    high: float | None = None
    points: int = 201
    dates_ns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class GridWish:
    """The axes of a scenario grid.

    Parameters
    ----------
    moves_pct : of the level, per cent.
    vol_shifts : fractions.
    days : calendar days from now; None are `DEFAULT_DAYS` from now to the horizon.
    """

    moves_pct: tuple[float, ...]
    vol_shifts: tuple[float, ...]
    days: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class AnalysisWish:
    """What is wanted beside the figures."""

    curve: CurveWish = field(default_factory=CurveWish)
    grid: GridWish | None = None


def build_analysis(
    strategy: PricedStrategy,
    against: PricedStrategy | None,
    wish: AnalysisWish,
    *,
    rules: MarketRules,
) -> dict[str, Any]:
    """Describe a strategy, and another one of the same market beside it.

    Parameters
    ----------
    rules : by which margin and charges are reckoned.

    Returns
    -------
    What goes into JSON; NaN is unknown, for the writer to make null.

    Raises
    ------
    InvalidInputError : a date is before now or past the horizon; the curve's ends are in the wrong
        order.
    """
    both = [strategy] if against is None else [strategy, against]
    levels = _choose_levels(both, wish.curve)
    told = [_describe_strategy(each, levels, wish) | describe_costs(each, rules) for each in both]
    return {
        "underlying": strategy.key.underlying,
        "exchange": strategy.key.exchange,
        "as_of": format_rfc3339(strategy.as_of_ns),
        "source": strategy.source,
        "level": strategy.level,
        "spot_symbol": strategy.spot_symbol,
        "levels": levels.tolist(),
        "strategy": told[0],
        "against": None if against is None else told[1],
        "difference": None if against is None else _compare(*told),
    }


def describe_leg(leg: PricedLeg) -> dict[str, Any]:
    """Describe what a leg is and costs."""
    spec = leg.instrument.spec
    return {
        "symbol": leg.instrument.symbol,
        "kind": spec.kind,
        "expiry": spec.expiry.isoformat() if spec.expiry else None,
        "strike": spec.strike,
        "lot_size": leg.lot_size,
        "lots": leg.quantity // leg.lot_size,
        "quantity": leg.quantity,
        "entry_price": float(leg.entry),
        "mark": leg.mark,
        "reason": leg.reason,
        "iv": leg.vol,
        "iv_source": None if leg.vol_source is None else leg.vol_source.name.lower(),
    }


def sum_premium(strategy: PricedStrategy) -> Decimal:
    """Return what the options cost together, rupees; less than 0 is received."""
    legs = [leg for leg in strategy.legs if leg.instrument.spec.kind.is_option]
    return sum((leg.quantity * leg.entry for leg in legs), Decimal(0))


def format_money(amount: Decimal | float) -> str | None:
    """Write an amount to the paisa; None for what has no bound or is not known."""
    value = Decimal(amount)
    if not value.is_finite():
        return None
    rounded = value.quantize(_PAISA, ROUND_HALF_EVEN)
    return f"{rounded or abs(rounded):f}"


def _describe_strategy(
    strategy: PricedStrategy, levels: Floats, wish: AnalysisWish
) -> dict[str, Any]:
    legs = strategy.to_legs()
    greeks = compute_leg_greeks(legs)
    payoff = find_payoff(legs)
    marks = [leg.mark for leg in strategy.legs]
    pnl = None
    if np.isfinite(marks).all():
        gains = (leg.quantity * (to_price(leg.mark) - leg.entry) for leg in strategy.legs)
        pnl = format_money(sum(gains, Decimal(0)))
    return {
        "legs": [
            describe_leg(leg) | {name: float(each[i]) for name, each in _iterate_greeks(greeks)}
            for i, leg in enumerate(strategy.legs)
        ],
        "horizon": format_rfc3339(strategy.horizon_ns) if legs.horizon > 0.0 else None,
        "tau_years": legs.horizon,
        "net_premium": format_money(sum_premium(strategy)),
        "pnl": pnl,
        "greeks": {name: float(legs.quantities @ each) for name, each in _iterate_greeks(greeks)},
        **_describe_payoff(payoff),
        **_describe_probability(strategy, legs, payoff),
        "curve": _draw_curve(strategy, legs, levels, wish.curve),
        "grid": None if wish.grid is None else _draw_grid(strategy, legs, wish.grid),
    }


def _iterate_greeks(greeks: Greeks) -> list[tuple[str, Floats]]:
    return [(name, getattr(greeks, column)) for name, column in GREEKS.items()]


def _describe_payoff(payoff: Payoff) -> dict[str, Any]:
    def end(level: float) -> float | None:
        return level if np.isfinite(level) else None

    unbounded = "unbounded"
    return {
        "is_exact": payoff.is_exact,
        "break_evens": payoff.break_evens.tolist(),
        "flats": [{"low": low, "high": end(high)} for low, high in payoff.flats.tolist()],
        "gains": [{"low": low, "high": end(high)} for low, high in payoff.gains.tolist()],
        "max_profit": format_money(payoff.max_profit),
        "max_profit_level": payoff.max_profit_level,
        "max_profit_reason": None if np.isfinite(payoff.max_profit) else unbounded,
        "max_loss": format_money(payoff.max_loss),
        "max_loss_level": payoff.max_loss_level,
        "max_loss_reason": None if np.isfinite(payoff.max_loss) else unbounded,
    }


def _describe_probability(strategy: PricedStrategy, legs: Legs, payoff: Payoff) -> dict[str, Any]:
    forward = float(legs.forwards[np.argmin(legs.taus)])
    found, reason = np.nan, None
    if legs.horizon == 0.0:
        reason = "no_expiry"
    elif np.isnan(strategy.horizon_vol):
        reason = "no_volatility"
    else:
        found = compute_probability(
            payoff.gains, forward=forward, vol=strategy.horizon_vol, tau=legs.horizon
        )
    return {
        "probability_of_profit": found,
        "probability_reason": reason,
        "probability_iv": strategy.horizon_vol,
    }


def _choose_levels(strategies: Sequence[PricedStrategy], wish: CurveWish) -> Floats:
    """Return the levels of the curve: evenly from end to end, and the strikes among them."""
    level = strategies[0].level
    all_legs = [each.to_legs() for each in strategies]
    strikes = np.concatenate([legs.strikes[legs.is_option] for legs in all_legs])
    deviations = [
        each.horizon_vol * np.sqrt(legs.horizon)
        for each, legs in zip(strategies, all_legs, strict=True)
    ]
    half = max(
        _DEVIATIONS * level * float(np.nanmax([0.0, *deviations])),
        _MARGIN * float(np.max(np.abs(strikes - level), initial=0.0)),
        _SHARE_MIN * level,
    )
    low = max(level - half, 0.0) if wish.low is None else wish.low
    high = level + half if wish.high is None else wish.high
    if not low < high:
        msg = f"a curve from a lower to a higher level was wanted, was {low} to {high}"
        raise InvalidInputError(msg)
    inside = strikes[(strikes > low) & (strikes < high)]
    return np.union1d(np.linspace(low, high, wish.points), inside)


def _draw_curve(
    strategy: PricedStrategy, legs: Legs, levels: Floats, wish: CurveWish
) -> list[dict[str, Any]]:
    end_ns = strategy.horizon_ns
    instants_ns = sorted({strategy.as_of_ns, *wish.dates_ns, end_ns})
    if instants_ns[0] < strategy.as_of_ns or instants_ns[-1] > end_ns:
        raise _refuse_date(strategy)
    times = np.array([(each - strategy.as_of_ns) / YEAR_NS for each in instants_ns])
    times = np.minimum(times, legs.horizon)
    # The last one is the horizon, whatever rounding or an older chain makes of it.
    times[-1] = legs.horizon
    pnls = np.round(compute_pnls(legs, levels, times=times)[:, 0], 2)
    return [
        {"at": format_rfc3339(each), "pnls": pnls[:, place].tolist()}
        for place, each in enumerate(instants_ns)
    ]


def _draw_grid(strategy: PricedStrategy, legs: Legs, wish: GridWish) -> dict[str, Any]:
    levels = strategy.level * (1.0 + np.array(wish.moves_pct) / 100.0)
    days_left = legs.horizon * YEAR_NS / DAY_NS
    days = np.linspace(0.0, days_left, DEFAULT_DAYS) if wish.days is None else np.array(wish.days)
    if (days > days_left).any():
        raise _refuse_date(strategy)
    times = np.minimum(days * (DAY_NS / YEAR_NS), legs.horizon)
    pnls = compute_pnls(legs, levels, vol_shifts=np.array(wish.vol_shifts), times=times)
    return {
        "levels": levels.tolist(),
        "vol_shifts": list(wish.vol_shifts),
        "days": days.tolist(),
        "pnls": np.round(pnls, 2).tolist(),
    }


def _refuse_date(strategy: PricedStrategy) -> InvalidInputError:
    first, last = format_rfc3339(strategy.as_of_ns), format_rfc3339(strategy.horizon_ns)
    msg = f"dates from {first} to {last}, where the first leg ends, were wanted"
    return InvalidInputError(msg, as_of=first, horizon=last)


def _compare(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return the second's figures less the first's; None where either has none."""
    found: dict[str, Any] = {}
    for name in _COMPARED:
        pair = [second[name], first[name]]
        if None in pair:
            found[name] = None
        elif isinstance(pair[0], str):
            found[name] = format_money(Decimal(pair[0]) - Decimal(pair[1]))
        else:
            found[name] = pair[0] - pair[1]
    found["greeks"] = {name: second["greeks"][name] - first["greeks"][name] for name in GREEKS}
    return found
