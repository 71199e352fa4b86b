"""Whose topics are: of kinds that are somebody's, who may listen.

Another's topic is not there. It is asked when a topic is subscribed to, and again when the client's
credential says something else than before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from strikewire.auth.owners import is_keeper
from strikewire.auth.principal import Principal
from strikewire.core.errors import NotFoundError
from strikewire.core.orders import StrategyId
from strikewire.desk.m2m.streams import parse_number
from strikewire.desk.order_streams import parse_account
from strikewire.runtime import Runtime
from strikewire.stream import topics

#: Returns if a topic's subject is the principal's to hear; raises NotFoundError if it is not.
OwnerCheck: TypeAlias = Callable[[Runtime, Principal, str], Awaitable[None]]


async def check_account(runtime: Runtime, principal: Principal, subject: str) -> None:
    """Return if the account is the principal's, or they look after everybody's.

    Raises
    ------
    NotFoundError : it is another's, or there is none.
    DependencyError : the store did not answer.
    """
    await runtime.desk.accounts.get(parse_account(subject), principal=principal)


async def check_strategy(runtime: Runtime, principal: Principal, subject: str) -> None:
    """Return if the strategy is the principal's, or they look after everybody's.

    Raises
    ------
    NotFoundError : it is another's, or there is none.
    DependencyError : the store did not answer.
    """
    number = StrategyId(parse_number(topics.STRATEGY, subject))
    await runtime.desk.m2m.get(number, principal=principal)


async def check_board(runtime: Runtime, principal: Principal, subject: str) -> None:  # noqa: ARG001 - an `OwnerCheck`
    """Return if the board is the principal's own, or they look after everybody's.

    Raises
    ------
    NotFoundError : it is another's.
    """
    user_id = parse_number(topics.STRATEGIES, subject)
    if user_id != principal.user_id and not is_keeper(principal):
        msg = f"there is no board {user_id}"
        raise NotFoundError(msg, user_id=user_id)


#: By kind; topics of other kinds are everybody's.
OWNERS: Final[Mapping[str, OwnerCheck]] = MappingProxyType(
    {
        topics.ORDERS.name: check_account,
        topics.STRATEGY.name: check_strategy,
        topics.STRATEGIES.name: check_board,
    }
)
