"""The broker's REST interface and the login with it, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

from strikewire.bootstrap.sealing import make_secret_box
from strikewire.bootstrap.stores import make_audit_trail, make_rule_book, open_database
from strikewire.core.clock import SystemClock
from strikewire.core.errors import SettingsError
from strikewire.feeds.kite.config import KiteKeys
from strikewire.feeds.kite.login import KiteLogin
from strikewire.feeds.kite.rest import KiteRest
from strikewire.feeds.kite.transport import KiteTransport
from strikewire.live.broker_login import BrokerLogin, BrokerLoginConfig, LoginState, LoginStores
from strikewire.observability import metrics as catalogue
from strikewire.observability.metrics import Metrics
from strikewire.reference.market_rules import MarketRules
from strikewire.resilience.supervisor import Supervisor
from strikewire.settings import Settings
from strikewire.store.broker_logins import BrokerLoginStore
from strikewire.store.database import Database

_LOGIN: Final = "broker login"


@dataclass(frozen=True, slots=True)
class BrokerParts:
    """The broker, as far as market data go.

    Parameters
    ----------
    login : knows the token of the day.
    rest : asks with it.
    """

    login: BrokerLogin
    rest: KiteRest


@dataclass(frozen=True, slots=True)
class BrokerTools:
    """What the broker's parts are made with.

    Parameters
    ----------
    find_rules : the market rules in force.
    is_ready : whether the database is there, with its tables.
    """

    database: Database
    metrics: Metrics
    find_rules: Callable[[], MarketRules]
    is_ready: Callable[[], bool]


def start_broker(
    settings: Settings, tools: BrokerTools, stack: AsyncExitStack, supervisor: Supervisor
) -> BrokerParts | None:
    """Put them together, and begin to follow the login; None where the broker's key is not set.

    Parameters
    ----------
    stack : closes the connections at its end.
    """
    keys = settings.find_kite_keys()
    if keys is None:
        return None
    transport = _open_transport(settings, stack)
    login = _make_login(settings, keys, tools.database, transport, tools.is_ready)
    supervisor.start(_LOGIN, login.run)
    parts = BrokerParts(login, _make_rest(login, transport, tools.find_rules))
    _show_metrics(tools.metrics, parts)
    return parts


def _show_metrics(metrics: Metrics, parts: BrokerParts) -> None:
    figures = parts.rest.figures
    metrics.sample(
        catalogue.BROKER_CALLS,
        lambda: [((kind.value, said), count) for (kind, said), count in figures.outcomes.items()],
    )
    metrics.sample(
        catalogue.BROKER_WAITING,
        lambda: [((kind,), count) for kind, count in parts.rest.count_waiting().items()],
    )
    metrics.sample(
        catalogue.BROKER_BAD_ROWS,
        lambda: [((what,), count) for what, count in figures.bad_rows.items()],
    )
    metrics.sample_value(
        catalogue.BROKER_LOGIN, lambda: float(parts.login.status().state is LoginState.VALID)
    )


@asynccontextmanager
async def open_broker_login(settings: Settings) -> AsyncIterator[BrokerLogin]:
    """Open the login for `strikewire login`, beside a server that may be running.

    Raises
    ------
    SettingsError : the key or the secret of the desk's application is not set.
    DependencyError, DataDirectoryBusyError, EmbeddedServerError, MigrationError : `open_database`.
    """
    async with AsyncExitStack() as stack:
        _require_keys(settings)
        database = await stack.enter_async_context(open_database(settings, is_shared=True))
        yield (await open_broker(settings, database, stack, lambda: make_rule_book().current)).login


async def open_broker(
    settings: Settings,
    database: Database,
    stack: AsyncExitStack,
    find_rules: Callable[[], MarketRules],
) -> BrokerParts:
    """Put them together for a command, with the login as it is.

    Parameters
    ----------
    stack : closes the connections at its end.

    Raises
    ------
    SettingsError : the key or the secret of the desk's application is not set.
    DependencyError : the store is away.
    """
    transport = _open_transport(settings, stack)
    login = _make_login(settings, _require_keys(settings), database, transport, lambda: True)
    await login.load()
    return BrokerParts(login, _make_rest(login, transport, find_rules))


def _require_keys(settings: Settings) -> KiteKeys:
    keys = settings.find_kite_keys()
    if keys is None:
        msg = "STRIKEWIRE_KITE_API_KEY and STRIKEWIRE_KITE_API_SECRET were wanted, and are not set"
        raise SettingsError(msg)
    return keys


def _make_rest(
    login: BrokerLogin, transport: KiteTransport, find_rules: Callable[[], MarketRules]
) -> KiteRest:
    return KiteRest(
        transport=transport,
        find_token=login.find_token,
        on_refused=login.refuse,
        find_rules=find_rules,
        clock=SystemClock(),
    )


def _open_transport(settings: Settings, stack: AsyncExitStack) -> KiteTransport:
    transport = KiteTransport(config=settings.to_kite_rest(), rng=np.random.default_rng())
    stack.push_async_callback(transport.aclose)
    return transport


def _make_login(
    settings: Settings,
    keys: KiteKeys,
    database: Database,
    transport: KiteTransport,
    is_ready: Callable[[], bool],
) -> BrokerLogin:
    clock = SystemClock()
    return BrokerLogin(
        config=BrokerLoginConfig(),
        login=KiteLogin(
            config=settings.to_kite_login(), keys=keys, transport=transport, clock=clock
        ),
        stores=LoginStores(
            database=database,
            logins=BrokerLoginStore(),
            box=make_secret_box(settings),
            trail=make_audit_trail(database),
        ),
        clock=clock,
        is_ready=is_ready,
    )
