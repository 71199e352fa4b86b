"""The figures of one chain by definition, strike by strike. Imports nothing of strikewire."""

from __future__ import annotations

import math

NAN = math.nan

#: premium, vol, delta, gamma, oi, oi_change, volume
Leg = tuple[float, float, float, float, float, float, float]
Row = tuple[float, Leg, Leg]


def add_known(values: list[float]) -> float:
    """Add up what is known."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) if known else NAN


def divide(over: float, under: float) -> float:
    """Return a quotient, or NaN where there is none."""
    return over / under if under > 0 else NAN


def compute_pain(rows: list[Row], level: float) -> float:
    """Return what all options pay if the market ends at a level."""
    calls = sum(max(level - k, 0) * c[4] for k, c, _ in rows if not math.isnan(c[4]))
    puts = sum(max(k - level, 0) * p[4] for k, _, p in rows if not math.isnan(p[4]))
    return calls + puts


def find_max_pain(rows: list[Row]) -> float:
    """Try every strike."""
    held = add_known([leg[4] for _, c, p in rows for leg in (c, p)])
    if not held > 0:
        return NAN
    return min(rows, key=lambda row: (compute_pain(rows, row[0]), row[0]))[0]


def find_atm_vol(rows: list[Row], forward: float) -> float:
    """Interpolate between the nearest strikes with a volatility."""
    vols = []
    for strike, call, put in rows:
        known = [vol for vol in (call[1], put[1]) if not math.isnan(vol)]
        if known:
            vols.append((strike, sum(known) / len(known)))
    below = [each for each in vols if each[0] <= forward]
    above = [each for each in vols if each[0] >= forward]
    if not below or not above:
        return NAN
    (low, first), (high, second) = below[-1], above[0]
    if low == high:
        return first
    return first + math.log(forward / low) / math.log(high / low) * (second - first)


def find_wing_vol(legs: list[tuple[float, float]]) -> float:
    """Interpolate (delta, vol) to a delta of a quarter, from the money outwards."""
    known = [(abs(d), v) for d, v in legs if not math.isnan(d + v)]
    for number, (delta, vol) in enumerate(known):
        if delta == 0.25:
            return vol
        if delta < 0.25:
            if number == 0:
                return NAN
            inner, before = known[number - 1]
            return before + (inner - 0.25) / (inner - delta) * (vol - before)
    return NAN


def compute_figures(rows: list[Row], forward: float, tau: float) -> dict[str, float]:
    """Return every figure of one expiry by name."""
    calls, puts = [row[1] for row in rows], [row[2] for row in rows]
    call_oi, put_oi = (add_known([leg[4] for leg in side]) for side in (calls, puts))
    call_volume, put_volume = (add_known([leg[6] for leg in side]) for side in (calls, puts))
    exposures = []
    for _, call, put in rows:
        parts = [sign * leg[3] * leg[4] * forward**2 / 100 for sign, leg in ((1, call), (-1, put))]
        exposures.append(add_known(parts))
    figures = {
        "call_oi": call_oi,
        "put_oi": put_oi,
        "call_oi_changes": add_known([leg[5] for leg in calls]),
        "put_oi_changes": add_known([leg[5] for leg in puts]),
        "pcr_oi": divide(put_oi, call_oi),
        "pcr_volumes": divide(put_volume, call_volume),
        "max_pains": find_max_pain(rows),
        "gex": add_known(exposures),
    }
    names = ("atm_strikes", "atm_vols", "straddles", "strangles", "expected_moves")
    figures |= dict.fromkeys((*names, "risk_reversals", "butterflies"), NAN)
    if not rows or math.isnan(forward):
        return figures
    nearest = min(range(len(rows)), key=lambda i: (abs(rows[i][0] - forward), rows[i][0]))
    atm_vol = find_atm_vol(rows, forward)
    call = find_wing_vol([(c[2], c[1]) for k, c, _ in rows if k >= forward])
    put = find_wing_vol([(p[2], p[1]) for k, _, p in reversed(rows) if k <= forward])
    figures |= {
        "atm_strikes": rows[nearest][0],
        "atm_vols": atm_vol,
        "straddles": calls[nearest][0] + puts[nearest][0],
        "expected_moves": forward * atm_vol * math.sqrt(tau),
        "risk_reversals": call - put,
        "butterflies": (call + put) / 2 - atm_vol,
    }
    if 0 < nearest < len(rows) - 1:
        figures["strangles"] = calls[nearest + 1][0] + puts[nearest - 1][0]
    return figures
