"""The slots of the broker's stream, and quotes of those without one, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from strikewire.core.clock import Clock
from strikewire.engine.view import Demand, EngineView
from strikewire.feeds.kite.feed import KiteFeed
from strikewire.feeds.kite.listing import TradingHours
from strikewire.feeds.kite.rest import KiteRest
from strikewire.live.broker_slots import BrokerSlots
from strikewire.live.budget import Budget
from strikewire.live.budget_coverage import Cover
from strikewire.live.quote_rounds import QuoteRounds
from strikewire.observability import metrics as catalogue
from strikewire.observability.metrics import Metrics, Sample
from strikewire.reference.sessions import SessionCalendar
from strikewire.resilience.supervisor import Supervisor
from strikewire.settings import Settings
from strikewire.stream.hub import Hub

_BUDGET: Final = "budget"
_QUOTES: Final = "quotes"


def make_slots(
    settings: Settings,
    *,
    feed: KiteFeed,
    rest: KiteRest,
    view: EngineView,
    find_calendar: Callable[[str], SessionCalendar],
    clock: Clock,
) -> BrokerSlots:
    """Put budget and rounds of quotes together.

    Parameters
    ----------
    view : of the engine that hears the feed.
    clock : the market's.
    """
    budget = Budget(config=settings.to_budget(), view=view)
    hours = TradingHours(find_calendar=find_calendar, now_ns=clock.now_ns)
    return BrokerSlots(
        wanted=settings.to_broker_universe(),
        feed=feed,
        budget=budget,
        rounds=QuoteRounds(
            find_quoted=lambda: budget.quoted_ids, source=rest, is_open=hours.is_open
        ),
    )


def start_slots(
    slots: BrokerSlots,
    hub: Hub,
    metrics: Metrics,
    supervisor: Supervisor,
    *,
    positions: Sequence[Demand],
) -> None:
    """Begin to give slots and to ask for quotes; who listens to the hub is heard.

    Parameters
    ----------
    positions : what is held, which is heard before anything else.
    """
    slots.bind(list_heard=hub.list_heard, positions=positions)
    supervisor.start(_BUDGET, slots.budget.run)
    supervisor.start(_QUOTES, slots.rounds.run)
    budget, rounds = slots.budget, slots.rounds

    def read_covers() -> Iterable[Sample]:
        coverage = budget.read_coverage()
        return [((cover.name.lower(),), coverage.count(cover)) for cover in Cover]

    def read_calls() -> Iterable[Sample]:
        return [(("ok",), rounds.calls - rounds.failures), (("failed",), rounds.failures)]

    def read_age() -> Iterable[Sample]:
        age_s = rounds.find_age_s()
        return [] if age_s is None else [((), age_s)]

    metrics.sample(catalogue.BUDGET_INSTRUMENTS, read_covers)
    metrics.sample_value(catalogue.BUDGET_SLOTS, lambda: budget.slots)
    metrics.sample_value(catalogue.BUDGET_WAITING, lambda: budget.waiting)
    metrics.sample_value(catalogue.BUDGET_POSITIONS_LEFT_OUT, lambda: budget.positions_left_out)
    metrics.sample_value(catalogue.BUDGET_CHANGES, lambda: budget.changes)
    metrics.sample_value(catalogue.BUDGET_BUSY, lambda: budget.busy_s)
    metrics.sample(catalogue.QUOTE_CALLS, read_calls)
    metrics.sample_value(catalogue.QUOTE_TICKS, lambda: rounds.quotes)
    metrics.sample(catalogue.QUOTE_AGE, read_age)
