"""What is said of M2M: money as strings of rupees, Greeks as numbers, one form for all who ask."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import MINUTE_NS, format_rfc3339
from strikewire.core.m2m_rows import GREEK_COLUMNS, M2M_CANDLE_DTYPE, PART_COLUMNS, M2mFlag
from strikewire.core.money import Paise, Pips, format_paise, round_to_paise, to_rupees
from strikewire.core.orders import StrategyId
from strikewire.core.strategies import StrategyAlert
from strikewire.desk.m2m.book import UNHEARD
from strikewire.desk.m2m.engine import M2mEngine

#: The money of a candle, by the names of its columns.
MONEY: Final = tuple(
    name.removesuffix("_paise") for name in M2M_CANDLE_DTYPE.names or () if "_paise" in name
)


def name_flags(flags: int) -> list[str]:
    """Return the names of a candle's flags."""
    return [str(flag.name).lower() for flag in M2mFlag(flags)]


def describe_candle(candle: np.void) -> dict[str, Any]:
    """Return a candle as payloads have it."""
    return {
        "ts": format_rfc3339(int(candle["ts_ns"])),
        **{name: _format(candle[f"{name}_paise"]) for name in MONEY},
        **{f"net_{name}": float(candle[f"net_{name}"]) for name in GREEK_COLUMNS},
        "flags": name_flags(int(candle["flags"])),
    }


def describe_alert(alert: StrategyAlert) -> dict[str, Any]:
    """Return an alert as payloads have it."""
    return {
        "strategy_id": int(alert.strategy_id),
        "kind": alert.kind.value,
        "level": format_paise(alert.level),
        "m2m": format_paise(alert.m2m),
        "as_of": format_rfc3339(alert.moment.as_of_ns),
    }


def describe_mark(
    engine: M2mEngine, strategy_id: StrategyId, last: np.void | None
) -> dict[str, Any]:
    """Return what a strategy is worth now, leg by leg.

    Parameters
    ----------
    last : its newest candle: the Greeks at its end, and what its change came from.
    """
    book = engine.book
    row = book.find_row(strategy_id)
    head = describe_total(engine, row, last)
    legs = [] if row is None else book.legs(row)
    return {
        "strategy_id": int(strategy_id),
        **head,
        "attribution": _describe_parts(last),
        "legs": [
            {
                "instrument_id": int(instrument_id),
                "symbol": engine.find_symbol(instrument_id),
                "units": leg.units,
                "mark": str(to_rupees(Pips(int(book.marks[leg.column])))),
                "is_stale": bool(book.mark_states[leg.column] in UNHEARD),
                "realised": _to_rupees(leg.lots.realised),
                "charges": _to_rupees(leg.charges),
                "m2m": _to_rupees(leg.cash + leg.units * int(book.marks[leg.column]) - leg.charges),
            }
            for instrument_id, leg in legs
        ],
    }


def describe_total(engine: M2mEngine, row: int | None, last: np.void | None) -> dict[str, Any]:
    """Return what a strategy has made, without its legs."""
    book = engine.book
    pips = dict.fromkeys(("m2m", "realised", "charges", "peak", "drawdown"), 0)
    if row is not None:
        strategies = book.strategies
        pips = {
            "m2m": int(strategies.pnl[row]),
            "realised": int(book.realised[row]),
            "charges": int(book.charges[row]),
            "peak": int(strategies.peaks[row]),
            "drawdown": int(strategies.drawdowns[row]),
        }
    as_of_ns = engine.now.as_of_ns
    return {
        "as_of": format_rfc3339(as_of_ns) if as_of_ns else None,
        **{name: _to_rupees(each) for name, each in pips.items()},
        **{
            f"net_{name}": None if last is None else float(last[f"net_{name}"])
            for name in GREEK_COLUMNS
        },
        "flags": [] if last is None else name_flags(int(last["flags"])),
    }


def describe_stored(strategy_id: StrategyId, last: np.void | None) -> dict[str, Any]:
    """Return what a strategy was worth at its last candle, of which no legs are known."""
    money = ("realised", "charges", "peak", "drawdown")
    return {
        "strategy_id": int(strategy_id),
        "as_of": None if last is None else format_rfc3339(int(last["ts_ns"]) + MINUTE_NS),
        "m2m": None if last is None else _format(last["close_paise"]),
        **{name: None if last is None else _format(last[f"{name}_paise"]) for name in money},
        **{
            f"net_{name}": None if last is None else float(last[f"net_{name}"])
            for name in GREEK_COLUMNS
        },
        "flags": [] if last is None else name_flags(int(last["flags"])),
        "attribution": _describe_parts(last),
        "legs": [],
    }


def _describe_parts(last: np.void | None) -> dict[str, str | None]:
    return {
        name: None if last is None else _format(last[f"{name}_paise"])
        for name in (*PART_COLUMNS, "paid")
    }


def roll_up(candles: npt.NDArray[np.void], width_ns: int) -> npt.NDArray[np.void]:
    """Return candles of another width, M2M_CANDLE_DTYPE: parts are added, the rest is the last's.

    Parameters
    ----------
    candles : of one strategy, oldest first.
    width_ns : whole minutes; candles begin at multiples of it since 1970.
    """
    if not len(candles):
        return candles
    stamps = candles["ts_ns"] // width_ns * width_ns
    starts = np.flatnonzero(np.r_[True, stamps[1:] != stamps[:-1]])
    ends = np.r_[starts[1:], len(candles)] - 1
    rolled: npt.NDArray[np.void] = candles[ends].copy()
    rolled["ts_ns"] = stamps[starts]
    rolled["open_paise"] = candles["open_paise"][starts]
    rolled["high_paise"] = np.maximum.reduceat(candles["high_paise"], starts)
    rolled["low_paise"] = np.minimum.reduceat(candles["low_paise"], starts)
    for name in (*PART_COLUMNS, "paid"):
        rolled[f"{name}_paise"] = np.add.reduceat(candles[f"{name}_paise"], starts)
    rolled["flags"] = np.bitwise_or.reduceat(candles["flags"], starts)
    return rolled


def _format(paise: Any) -> str:
    return format_paise(Paise(int(paise)))


def _to_rupees(pips: int) -> str:
    return format_paise(round_to_paise(Pips(pips)))
