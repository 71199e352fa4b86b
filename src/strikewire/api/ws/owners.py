"""Whose topics are: of kinds that are somebody's, who may listen.

Another's topic is not there. It is asked when a topic is subscribed to, and again when the client's
credential says something else than before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from strikewire.auth.principal import Principal
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


#: By kind; topics of other kinds are everybody's.
OWNERS: Final[Mapping[str, OwnerCheck]] = MappingProxyType({topics.ORDERS.name: check_account})
