"""Trading on paper, put together around a market that is heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from strikewire.bootstrap.figures import show_desk_metrics
from strikewire.bootstrap.hearing import Hearing
from strikewire.core.charges import Trade
from strikewire.core.instants import to_datetime
from strikewire.core.instruments import Instrument
from strikewire.core.money import Paise
from strikewire.desk.brokers.base import Charge
from strikewire.desk.brokers.paper import PaperBroker
from strikewire.desk.brokers.paper_market import PaperMarket
from strikewire.desk.charges import compute_trade_charges
from strikewire.desk.order_desk import DeskStores, OrderDesk, OrderDeskConfig
from strikewire.observability.metrics import Metrics
from strikewire.reference.rule_book import RuleBook
from strikewire.resilience.failpoints import Failpoints
from strikewire.resilience.supervisor import Supervisor
from strikewire.settings import Settings
from strikewire.store.database import Database

_ORDERS: Final = "order desk"
_IS_OVER: Final = "the recording is over"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTools:
    """What paper trading is built with."""

    database: Database
    rules: RuleBook
    metrics: Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperParts:
    """Trading on paper.

    Parameters
    ----------
    broker : a sink of the session, behind the recorder and ahead of who marks strategies.
    desk : commits what the broker reports.
    """

    broker: PaperBroker
    market: PaperMarket
    desk: OrderDesk


def build_paper(settings: Settings, tools: PaperTools, *, mode: str) -> PaperParts:
    """Put it together, before there is a session that tells it of steps.

    Parameters
    ----------
    mode : of the market that is to be heard: `live`, `replay` or `simulated`.
    """
    failpoints = Failpoints(settings.failpoint)
    desk = OrderDesk(
        config=OrderDeskConfig(failpoints=failpoints),
        mode=mode,
        stores=DeskStores(tools.database),
        metrics=tools.metrics,
    )
    config = replace(settings.to_paper(), failpoints=failpoints)
    market = PaperMarket(book_max_age_s=config.book_max_age_s, find_calendar=tools.rules.calendar)
    broker = PaperBroker(
        config=config, market=market, charge=_make_charge(tools.rules), report=desk.report
    )
    show_desk_metrics(tools.metrics, desk, broker)
    return PaperParts(broker=broker, market=market, desk=desk)


async def start_paper(parts: PaperParts, hearing: Hearing, supervisor: Supervisor) -> Hearing:
    """Take the orders up that wait; return what is heard, which ends them at its end.

    Before the recording is taken up: what was not committed of its last steps is done again then.

    Raises
    ------
    DependencyError : the store is away.
    """
    session = hearing.session
    parts.market.bind(session.engine)
    parts.desk.bind(parts.broker, flush_journal=session.flush_journal)
    await parts.desk.load()
    session.recorder.settle_with(parts.desk)
    supervisor.start(_ORDERS, parts.desk.run)

    async def resume() -> None:
        await hearing.resume()
        parts.desk.open()

    async def run() -> bool:
        is_complete = await hearing.run()
        if is_complete:
            parts.broker.end(_IS_OVER)
        return is_complete

    return replace(hearing, resume=resume, run=run)


def _make_charge(rules: RuleBook) -> Charge:
    def charge(instrument: Instrument, trade: Trade, at_ns: int) -> Mapping[str, Paise]:
        zone = rules.calendar(instrument.spec.exchange).zone
        day = to_datetime(at_ns).astimezone(zone).date()
        return compute_trade_charges(rules.current, instrument, trade, day).to_json()

    return charge
