"""The database and the rules: what every program needs first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from strikewire.auth.audit import AuditTrail
from strikewire.core.clock import Clock, SystemClock
from strikewire.core.errors import DataDirectoryBusyError
from strikewire.core.instants import to_date
from strikewire.live.market_rules import RuleOverrides, RuleOverridesConfig
from strikewire.observability.logs import get_logger
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.rule_book import RuleBook
from strikewire.settings import Settings
from strikewire.store import migrate
from strikewire.store.audit import AuditStore
from strikewire.store.database import Database
from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres, find_neighbour_url
from strikewire.store.market_rules import MarketRuleStore

_log: Final = get_logger("database")

# Thrice this, the gentle way and the two others, must fit into a stop of 25 s (D6).
_STOP_S: Final = 3.0


def make_rule_book(clock: Clock | None = None) -> RuleBook:
    """Return the packaged market rules, with calendars that reach past today."""
    now_ns = (clock or SystemClock()).now_ns()
    return RuleBook(MarketRules(load_packaged_rules(), through=to_date(now_ns)))


def make_audit_trail(database: Database) -> AuditTrail:
    """Return what writes the audit log of a database."""
    return AuditTrail(database=database, store=AuditStore(), clock=SystemClock())


async def load_rules(database: Database) -> MarketRules:
    """Return the market rules in force: the packaged ones under those of the database.

    Raises
    ------
    DependencyError : it did not answer.
    """
    book = make_rule_book()
    overrides = RuleOverrides(
        config=RuleOverridesConfig(),
        book=book,
        database=database,
        store=MarketRuleStore(),
        trail=make_audit_trail(database),
    )
    await overrides.load()
    return book.current


@dataclass(frozen=True, slots=True)
class DatabaseSite:
    """Where the database is, and the server there if it is ours.

    Parameters
    ----------
    url : stays the same when our server is started again.
    """

    url: str
    server: EmbeddedPostgres | None = None

    async def revive(self) -> None:
        """Start our server again if it has died; somebody else's is not ours to start.

        Raises
        ------
        EmbeddedServerError : it did not start.
        """
        if self.server is not None and not self.server.is_running:
            _log.warning("the embedded server has died: it is started again")
            await self.server.start()


async def find_database(
    settings: Settings, stack: AsyncExitStack, *, is_shared: bool = False
) -> DatabaseSite:
    """Return the database that is set, else that of a server we start.

    Parameters
    ----------
    stack : stops the embedded server at its end.
    is_shared : another program may have the data directory: then it is that program's server.

    Raises
    ------
    DataDirectoryBusyError, EmbeddedServerError : the embedded server did not start.
    """
    if settings.database_url is not None:
        return DatabaseSite(settings.database_url.get_secret_value())
    server = EmbeddedPostgres(
        EmbeddedConfig(
            data_dir=settings.data_dir, port=settings.embedded_port, stop_timeout_s=_STOP_S
        )
    )
    try:
        url = await server.start()
    except DataDirectoryBusyError:
        neighbour = find_neighbour_url(settings.data_dir) if is_shared else None
        if neighbour is None:
            raise
        return DatabaseSite(neighbour)
    stack.push_async_callback(server.stop)
    return DatabaseSite(url, server)


async def prepare_schema(settings: Settings, url: str) -> bool:
    """Bring the schema up to date, unless that is left to `strikewire db`; say whether it is.

    Raises
    ------
    DependencyError : the server is away.
    MigrationError : it cannot be done.
    """
    if settings.database_migrate == "auto":
        await migrate.upgrade(url)
        return True
    revisions = await migrate.history(url)
    if any(each.is_current for each in revisions):
        return revisions[-1].is_current
    # A revision we do not know is a newer program's, and the schema of the next one is ours too.
    return await migrate.current(url) is not None


@asynccontextmanager
async def open_database(settings: Settings, *, is_shared: bool = False) -> AsyncIterator[Database]:
    """Open the database for a program that cannot do without it: import, replay.

    Parameters
    ----------
    is_shared : for a command that may run beside the server, such as `strikewire users`.

    Raises
    ------
    DependencyError : it is away.
    DataDirectoryBusyError, EmbeddedServerError, MigrationError : see `build_runtime`.
    """
    async with AsyncExitStack() as stack:
        site = await find_database(settings, stack, is_shared=is_shared)
        await prepare_schema(settings, site.url)
        database = Database(settings.to_database(site.url))
        stack.push_async_callback(database.aclose)
        await database.open()
        yield database
