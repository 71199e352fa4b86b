"""A chain by another convention: the same premiums, measured as the exchange measures them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.chains import Chains, compute_figures
from strikewire.analytics.options.expiry_time import NSE_RATE, Convention, make_nse_rows
from strikewire.analytics.options.forwards import ForwardSource
from strikewire.analytics.options.rows import Implied, Reason
from strikewire.analytics.options.valuation import compute_implied
from strikewire.engine.chains.table import ChainColumns, ChainTable

#: Why a premium is missing, which is told in the place of NO_PREMIUM.
_MISSING = (Reason.STALE, Reason.CROSSED)


def revalue(table: ChainTable, convention: Convention) -> ChainTable:
    """Return a table with volatilities, Greeks and figures by a convention.

    Parameters
    ----------
    table : by ours, as chains are valued and recorded.

    Returns
    -------
    By `NSE`: Black and Scholes on the spot at 10 %. What everything is measured on, and where the
    money is, is the spot then: it stands in the place of the forwards.
    """
    if convention is Convention.FORWARD:
        return table
    total = len(table.layout.strikes)
    counts = np.diff(table.layout.starts)
    spots, taus = table.expiries.spots, table.expiries.taus
    implied = compute_implied(
        np.concatenate([table.calls.premiums, table.puts.premiums]),
        make_nse_rows(
            spots=np.tile(np.repeat(spots, counts), 2),
            strikes=np.tile(table.layout.strikes, 2),
            taus=np.tile(np.repeat(taus, counts), 2),
            is_call=np.arange(2 * total) < total,
        ),
        tick_sizes=np.tile(table.layout.tick_sizes, 2),
    )
    calls = _replace(table.calls, implied, slice(0, total))
    puts = _replace(table.puts, implied, slice(total, 2 * total))
    figures, exposures = compute_figures(
        Chains(
            starts=table.layout.starts,
            strikes=table.layout.strikes,
            calls=calls.to_side(),
            puts=puts.to_side(),
            forwards=spots,
            taus=taus,
        )
    )
    expiries = replace(
        table.expiries,
        forwards=spots,
        sources=np.where(np.isnan(spots), ForwardSource.NONE, ForwardSource.SPOT).astype(np.uint8),
        dispersions=np.full(len(spots), np.nan),
        pair_counts=np.zeros(len(spots), np.int64),
        rates=np.full(len(spots), NSE_RATE),
    )
    return replace(
        table,
        calls=calls,
        puts=puts,
        expiries=expiries,
        figures=figures,
        exposures=exposures,
    )


def _replace(columns: ChainColumns, implied: Implied, rows: slice) -> ChainColumns:
    greeks = implied.greeks
    return replace(
        columns,
        vols=implied.vols[rows],
        deltas=greeks.deltas[rows],
        gammas=greeks.gammas[rows],
        thetas=greeks.thetas[rows],
        vegas=greeks.vegas[rows],
        rhos=greeks.rhos[rows],
        reasons=_merge(implied.reasons[rows], columns.reasons),
    )


def _merge(implied: npt.NDArray[np.uint8], told: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    is_told = (implied == Reason.NO_PREMIUM) & np.isin(told, _MISSING)
    return np.where(is_told, told, implied)
