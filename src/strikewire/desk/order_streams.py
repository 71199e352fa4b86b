"""Order streams: what becomes of each account's orders, told once it is committed.

A change of an order is an event, and never left out. A snapshot has the account's living orders and
those of the day on which the newest one was placed, as they are.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from strikewire.core.errors import DependencyError, NotFoundError
from strikewire.core.orders import AccountId, OrderId
from strikewire.desk.order_views import OrderReader, OrderView, describe_fill
from strikewire.observability.logs import get_logger
from strikewire.store.database import Database
from strikewire.store.desk_orders import OrderStep
from strikewire.stream.channel import Body, Channel
from strikewire.stream.figures import StreamFigures
from strikewire.stream.topics import ORDERS, TopicName

_log: Final = get_logger("orders")
#: What the column holds.
_ACCOUNT: Final = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class OrderStreamsConfig:
    """How streams of orders are kept.

    Parameters
    ----------
    idle_topics : topics nobody listens to that are kept for those who come back.
    snapshot_orders : orders of a snapshot; where there are more, the newest.
    """

    idle_topics: int = 64
    snapshot_orders: int = 500


class _AccountTopic:
    """One account's orders, as those who listen know them. A `TopicContent`."""

    def __init__(
        self,
        account_id: AccountId,
        *,
        epoch: str,
        figures: StreamFigures,
    ) -> None:
        self.account_id = account_id
        self.channel = Channel(
            name=TopicName(ORDERS, str(account_id)), epoch=epoch, content=self, figures=figures
        )
        self._views: dict[OrderId, OrderView] = {}

    def adopt(self, views: Sequence[OrderView]) -> bool:
        """Take over what is stored; say whether something of it was never told here."""
        is_behind = False
        for view in views:
            known = self._views.get(view.order.id)
            if known is None or known.revision < view.revision:
                self._views[view.order.id] = view
                is_behind = True
        return is_behind

    def take(self, view: OrderView, step: OrderStep) -> None:
        """Take in one change of an order, and tell it; one that is known is told no more."""
        known = self._views.get(view.order.id)
        if known is not None and known.revision >= view.revision:
            return
        self._views[view.order.id] = view
        body = {"order": view.to_json(), "fills": [describe_fill(each) for each in step.fills]}
        self.channel.publish("order", lambda: body)

    # -- what its channel says ------------------------------------------------------------------

    def describe(self) -> Body:
        """Return whose orders they are."""
        return {"account_id": self.account_id}

    def describe_snapshot(self) -> Body:
        """Return the living orders and those of the newest one's day, the oldest first."""
        if self._views:
            day = self._views[max(self._views)].order.trading_day
            self._views = {
                order_id: view
                for order_id, view in sorted(self._views.items())
                if not view.order.progress.state.is_final or view.order.trading_day == day
            }
        return {"orders": [view.to_json() for view in self._views.values()]}

    def describe_state(self) -> None:
        """Return nothing: there are only events."""
        return


class OrderStreams:
    """The `TopicSource` of orders: `12` is an account.

    Parameters
    ----------
    run_id : names this run of the program; every epoch starts with it.
    """

    def __init__(
        self,
        *,
        config: OrderStreamsConfig,
        run_id: str,
        database: Database,
        reader: OrderReader,
        figures: StreamFigures,
    ) -> None:
        self._config = config
        self._run_id = run_id
        self._database = database
        self._reader = reader
        self._figures = figures
        self._epochs = 0
        # In order of last use.
        self._topics: dict[AccountId, _AccountTopic] = {}
        # Held by those who open a topic.
        self._opening: WeakValueDictionary[AccountId, asyncio.Lock] = WeakValueDictionary()

    # -- the desk's side ------------------------------------------------------------------------

    async def publish(self, steps: Sequence[OrderStep]) -> None:
        """Tell of changes that are committed, in the order in which they were made."""
        told = [step for step in steps if step.order.account_id in self._topics]
        if not told:
            return
        try:
            async with self._database.read() as session:
                views = await self._reader.view(session, [step.order for step in told])
        except DependencyError as error:
            _log.warning("topics of orders were lost", reason=str(error), sample="orders lost")
            for account_id in {step.order.account_id for step in told}:
                self._lose(account_id)
            return
        for view, step in zip(views, told, strict=True):
            topic = self._topics.get(step.order.account_id)
            if topic is not None:
                topic.take(view.as_of_order(), step)

    # -- the listeners' side --------------------------------------------------------------------

    async def open(self, subject: str) -> Channel:
        """Return the channel of an account.

        Raises
        ------
        NotFoundError : it is no account's number.
        DependencyError : the store was needed and did not answer.
        """
        account_id = parse_account(subject)
        opening = self._opening.setdefault(account_id, asyncio.Lock())
        async with opening:
            topic = self._topics.pop(account_id, None)
            if topic is None:
                topic = _AccountTopic(
                    account_id,
                    epoch=self._make_epoch(),
                    figures=self._figures,
                )
            # Known before it is read: what is committed meanwhile must not be missed.
            self._topics[account_id] = topic
            if not topic.channel.listeners:
                await self._renew(topic)
        if self._topics.get(account_id) is not topic:
            msg = "the store was away while the account's orders were read"
            raise DependencyError(msg, account_id=account_id)
        self._forget_idle(topic)
        return topic.channel

    async def canonicalize(self, subject: str) -> str:
        """Return a subject by its number. Raises as `open` does."""
        return str(parse_account(subject))

    async def _renew(self, topic: _AccountTopic) -> None:
        """Read what is stored: another program may have changed it while nobody listened here."""
        async with self._database.read() as session:
            views = await self._reader.load_current(
                session, topic.account_id, limit=self._config.snapshot_orders
            )
        if topic.adopt(views):
            topic.channel.restart(self._make_epoch())

    def _lose(self, account_id: AccountId) -> None:
        topic = self._topics.pop(account_id, None)
        if topic is not None:
            topic.channel.end()

    def _forget_idle(self, wanted: _AccountTopic) -> None:
        idle = [
            each
            for each in self._topics.values()
            if each is not wanted and not each.channel.listeners
        ]
        for topic in idle[: max(0, len(idle) - self._config.idle_topics)]:
            del self._topics[topic.account_id]

    def _make_epoch(self) -> str:
        self._epochs += 1
        return f"{self._run_id}-orders-{self._epochs}"


def parse_account(subject: str) -> AccountId:
    """Return the account that a topic is about.

    Raises
    ------
    NotFoundError : it is no account's number.
    """
    if _ACCOUNT.fullmatch(subject) is None:
        msg = f"there is no account {subject}"
        raise NotFoundError(msg, account_id=subject)
    return AccountId(int(subject))
