"""Families of metrics whose truth lives in a component, which is asked for it at each scrape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SampledFamily:
    """A metric that is read from its owner when somebody asks.

    Parameters
    ----------
    name : without the `_total` a counter gets.
    help : one sentence, units included.
    kind : a counter never falls; a gauge may.
    labels : label names.
    """

    name: str
    help: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SampledHistogram:
    """A histogram that its owner keeps as plain numbers.

    Parameters
    ----------
    help : one sentence, units included.
    labels : label names.
    """

    name: str
    help: str
    labels: tuple[str, ...]
