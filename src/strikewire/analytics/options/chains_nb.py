"""The figures of each expiry's chain; see `chains.py`."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.elementary_nb import compiled

Floats = npt.NDArray[np.float64]

# Rows of the result.
CALL_OI: Final = 0
PUT_OI: Final = 1
CALL_OI_CHANGE: Final = 2
PUT_OI_CHANGE: Final = 3
PCR_OI: Final = 4
PCR_VOLUME: Final = 5
MAX_PAIN: Final = 6
ATM_STRIKE: Final = 7
ATM_VOL: Final = 8
STRADDLE: Final = 9
STRANGLE: Final = 10
EXPECTED_MOVE: Final = 11
RISK_REVERSAL: Final = 12
BUTTERFLY: Final = 13
GEX: Final = 14
FIGURES: Final = 15

_WING: Final = 0.25
_PER_CENT: Final = 0.01


class ChainSide(NamedTuple):
    """The calls, or the puts, of the strikes: a column each, NaN where unknown.

    A tuple, because Numba takes it apart without a copy.

    Parameters
    ----------
    premiums : float64 (n,), rupees per unit.
    vols : float64 (n,), implied volatilities, fractions.
    deltas, gammas : float64 (n,), with respect to the forward.
    oi : float64 (n,), open interest in units.
    oi_changes : float64 (n,), since the session before.
    volumes : float64 (n,), units traded today.
    """

    premiums: Floats
    vols: Floats
    deltas: Floats
    gammas: Floats
    oi: Floats
    oi_changes: Floats
    volumes: Floats


@compiled
def add_known_nb(values: Floats, first: int, end: int) -> float:
    """Add up what is known; NaN where nothing is."""
    total = 0.0
    known = 0
    for i in range(first, end):
        if not math.isnan(values[i]):
            total += values[i]
            known += 1
    return total if known else np.nan


@compiled
def find_max_pain_nb(strikes: Floats, calls: Floats, puts: Floats, first: int, end: int) -> float:
    """Return the lowest strike at which all options together pay least; NaN without OI.

    In one pass up: from one strike to the next the calls below pay the step more on each unit, the
    puts from there on less.
    """
    slope = 0.0
    total = 0.0
    for i in range(first, end):
        put = 0.0 if math.isnan(puts[i]) else puts[i]
        call = 0.0 if math.isnan(calls[i]) else calls[i]
        slope -= put
        total += put + call
    if not total > 0.0:
        return np.nan
    pain = 0.0
    least = np.inf
    best = np.nan
    for i in range(first, end):
        if i > first:
            pain += slope * (strikes[i] - strikes[i - 1])
        if pain < least:
            least = pain
            best = strikes[i]
        slope += 0.0 if math.isnan(puts[i]) else puts[i]
        slope += 0.0 if math.isnan(calls[i]) else calls[i]
    return best


@compiled
def take_vol_nb(call: float, put: float) -> float:
    """Return a strike's volatility: the mean of its call's and put's, or the one that is known."""
    if math.isnan(call):
        return put
    return call if math.isnan(put) else 0.5 * (call + put)


@compiled
def interpolate_atm_nb(
    strikes: Floats, calls: Floats, puts: Floats, forward: float, first: int, end: int
) -> float:
    """Return the volatility at the forward, between the nearest strikes that have one."""
    low = -1
    high = -1
    for i in range(first, end):
        if math.isnan(take_vol_nb(calls[i], puts[i])):
            continue
        if strikes[i] <= forward:
            low = i
        if strikes[i] >= forward:
            high = i
            break
    if low < 0 or high < 0:
        return np.nan
    vol = take_vol_nb(calls[low], puts[low])
    if high == low:
        return vol
    part = math.log(forward / strikes[low]) / math.log(strikes[high] / strikes[low])
    return vol + part * (take_vol_nb(calls[high], puts[high]) - vol)


@compiled
def interpolate_wing_nb(
    strikes: Floats, vols: Floats, deltas: Floats, forward: float, first: int, end: int, step: int
) -> float:
    """Return the volatility at a delta of a quarter, going outwards from the money.

    `step` is 1 for calls, from the forward up, and -1 for puts, from there down.
    """
    before = -1
    for j in range(end - first):
        i = first + j if step > 0 else end - 1 - j
        if step * (strikes[i] - forward) < 0.0 or math.isnan(vols[i] + deltas[i]):
            continue
        delta = abs(deltas[i])
        if delta <= _WING:
            if delta == _WING:
                return float(vols[i])
            if before < 0:
                return np.nan
            inner = abs(deltas[before])
            part = (inner - _WING) / (inner - delta)
            return float(vols[before] + part * (vols[i] - vols[before]))
        before = i
    return np.nan


@compiled
def compute_figures_nb(
    starts: npt.NDArray[np.int64],
    strikes: Floats,
    calls: ChainSide,
    puts: ChainSide,
    forwards: Floats,
    taus: Floats,
    figures: Floats,
    exposures: Floats,
) -> None:
    """Fill `figures` (FIGURES, e), and `exposures` (n,) strike by strike."""
    for e in range(len(forwards)):
        first, end = starts[e], starts[e + 1]
        forward = forwards[e]
        figures[CALL_OI, e] = call_oi = add_known_nb(calls.oi, first, end)
        figures[PUT_OI, e] = put_oi = add_known_nb(puts.oi, first, end)
        figures[CALL_OI_CHANGE, e] = add_known_nb(calls.oi_changes, first, end)
        figures[PUT_OI_CHANGE, e] = add_known_nb(puts.oi_changes, first, end)
        figures[PCR_OI, e] = put_oi / call_oi if call_oi > 0.0 else np.nan
        traded = add_known_nb(calls.volumes, first, end)
        volume = add_known_nb(puts.volumes, first, end)
        figures[PCR_VOLUME, e] = volume / traded if traded > 0.0 else np.nan
        figures[MAX_PAIN, e] = find_max_pain_nb(strikes, calls.oi, puts.oi, first, end)

        weight = forward * forward * _PER_CENT
        for i in range(first, end):
            call = calls.gammas[i] * calls.oi[i] * weight
            put = puts.gammas[i] * puts.oi[i] * weight
            exposures[i] = call - put
            if math.isnan(call):
                exposures[i] = -put
            elif math.isnan(put):
                exposures[i] = call
        figures[GEX, e] = add_known_nb(exposures, first, end)

        nearest = -1
        for i in range(first, end):
            # The lower of two that are equally near.
            if nearest < 0 or abs(strikes[i] - forward) < abs(strikes[nearest] - forward):
                nearest = i
        for figure in (ATM_STRIKE, ATM_VOL, STRADDLE, STRANGLE, EXPECTED_MOVE):
            figures[figure, e] = np.nan
        figures[RISK_REVERSAL, e] = figures[BUTTERFLY, e] = np.nan
        if nearest < 0 or not 0.0 < forward < np.inf:
            continue
        figures[ATM_STRIKE, e] = strikes[nearest]
        figures[STRADDLE, e] = calls.premiums[nearest] + puts.premiums[nearest]
        if first < nearest < end - 1:
            figures[STRANGLE, e] = calls.premiums[nearest + 1] + puts.premiums[nearest - 1]
        atm = interpolate_atm_nb(strikes, calls.vols, puts.vols, forward, first, end)
        figures[ATM_VOL, e] = atm
        figures[EXPECTED_MOVE, e] = forward * atm * math.sqrt(taus[e])
        call = interpolate_wing_nb(strikes, calls.vols, calls.deltas, forward, first, end, 1)
        put = interpolate_wing_nb(strikes, puts.vols, puts.deltas, forward, first, end, -1)
        figures[RISK_REVERSAL, e] = call - put
        figures[BUTTERFLY, e] = 0.5 * (call + put) - atm
