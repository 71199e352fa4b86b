"""What is margined together, of positions and orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strikewire.analytics.margin import Flags
from strikewire.analytics.strategies.legs import Floats
from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.core.money import Pips
from strikewire.core.orders import Product


@dataclass(frozen=True, slots=True)
class HeldUnits:
    """What is held of an instrument.

    Parameters
    ----------
    quantity : units; less than 0 is sold.
    """

    instrument: Instrument
    product: Product
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderedUnits:
    """What an order may still trade.

    Parameters
    ----------
    quantity : units; less than 0 is sold.
    price : at which it is taken to be filled; None: at what was paid last.
    """

    instrument: Instrument
    product: Product
    quantity: int
    price: Pips | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MarginPart:
    """What is margined together: contracts on an underlying, or one share.

    Parameters
    ----------
    instruments : n of them.
    held : float64 (n,), units; of a share those within the day.
    orders : m of them.
    places : where each order stood.
    ordered : float64 (m, n), units.
    """

    instruments: tuple[Instrument, ...]
    held: Floats
    orders: tuple[OrderedUnits, ...]
    places: tuple[int, ...]
    ordered: Floats

    @property
    def is_share(self) -> bool:
        """Whether it is one."""
        return self.instruments[0].spec.kind is InstrumentKind.EQUITY

    def list_cases(self) -> list[Flags]:
        """Return which orders are filled: none, all, what is bought, what is sold."""
        is_bought = self.ordered.sum(axis=1) > 0.0
        return [np.zeros_like(is_bought), np.ones_like(is_bought), is_bought, ~is_bought]


def group_margined(
    positions: Sequence[HeldUnits], orders: Sequence[OrderedUnits]
) -> dict[str, MarginPart]:
    """Return what is margined together, by its name."""
    names: dict[str, list[Instrument]] = {}
    traded: list[HeldUnits | OrderedUnits] = [*positions, *orders]
    for instrument in (each.instrument for each in traded):
        known = names.setdefault(_name(instrument), [])
        if instrument not in known:
            known.append(instrument)
    return {name: _collect(known, positions, orders) for name, known in names.items()}


def _collect(
    instruments: list[Instrument], positions: Sequence[HeldUnits], orders: Sequence[OrderedUnits]
) -> MarginPart:
    columns = {each.id: column for column, each in enumerate(instruments)}
    mine = [(place, each) for place, each in enumerate(orders) if each.instrument.id in columns]
    held = np.zeros(len(columns))
    for position in positions:
        # What is to be delivered is paid for.
        is_paid = position.instrument.spec.kind is InstrumentKind.EQUITY
        if position.instrument.id in columns and not (
            is_paid and position.product is not Product.MIS
        ):
            held[columns[position.instrument.id]] += position.quantity
    ordered = np.zeros((len(mine), len(columns)))
    for row, (_, order) in enumerate(mine):
        ordered[row, columns[order.instrument.id]] = order.quantity
    return MarginPart(
        instruments=tuple(instruments),
        held=held,
        orders=tuple(order for _, order in mine),
        places=tuple(place for place, _ in mine),
        ordered=ordered,
    )


def _name(instrument: Instrument) -> str:
    spec = instrument.spec
    if spec.kind is InstrumentKind.EQUITY or spec.underlying is None:
        return instrument.symbol
    return f"{spec.exchange}:{spec.underlying}"
