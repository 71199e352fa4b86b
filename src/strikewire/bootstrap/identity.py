"""Who may be asking: accounts, logins, keys, and the kinds of credential there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from strikewire.auth.access_tokens import AccessTokens
from strikewire.auth.accounts import Accounts
from strikewire.auth.audit import AuditTrail
from strikewire.auth.demo_account import DemoAccount
from strikewire.auth.directory import IdentityStores, UserDirectory
from strikewire.auth.external_identity import ExternalIdentity
from strikewire.auth.identity import Authenticator, Identity
from strikewire.auth.key_sets import KeySet
from strikewire.auth.logins import Logins
from strikewire.auth.passwords import Passwords
from strikewire.auth.people import People
from strikewire.auth.session_identity import SessionIdentity, TokenIdentity
from strikewire.auth.setup_links import SetupLinks
from strikewire.auth.signing_keys import SigningKeys
from strikewire.bootstrap.keys import KeyParts, build_keys
from strikewire.bootstrap.sealing import make_secret_box
from strikewire.bootstrap.stores import open_database
from strikewire.core.clock import Clock, SystemClock
from strikewire.settings import Settings
from strikewire.store.audit import AuditStore
from strikewire.store.database import Database
from strikewire.store.login_sessions import LoginSessionStore
from strikewire.store.setup_links import SetupLinkStore
from strikewire.store.signing_keys import SigningKeyStore
from strikewire.store.users import UserStore


@dataclass(frozen=True, slots=True)
class IdentityParts:
    """What identity is made of.

    Parameters
    ----------
    identity : who may be asking; the demo principal is asked last.
    """

    people: People
    keys: KeyParts
    identity: Identity


def build_identity(
    settings: Settings,
    database: Database,
    *,
    stack: ExitStack,
    clock: Clock,
    is_available: Callable[[], bool] = lambda: True,
) -> IdentityParts:
    """Put accounts, logins and keys together.

    Parameters
    ----------
    stack : ends the threads that hash.
    is_available : whether the database is there, as far as is known.
    """
    stores = IdentityStores(
        database,
        UserStore(),
        LoginSessionStore(),
        SetupLinkStore(),
        SigningKeyStore(),
        AuditTrail(database=database, store=AuditStore(), clock=clock),
    )
    directory = UserDirectory(stores=stores, clock=clock, is_available=is_available)
    passwords = Passwords(settings.to_passwords())
    stack.callback(passwords.close)
    keys = SigningKeys(
        settings.to_signing_keys(),
        stores=stores,
        box=make_secret_box(settings),
        clock=clock,
        is_available=is_available,
    )
    tokens = AccessTokens(settings.to_access_tokens(), keys=keys, clock=clock)
    people = People(
        directory=directory,
        accounts=Accounts(stores=stores, directory=directory, passwords=passwords, clock=clock),
        logins=Logins(
            settings.to_logins(),
            stores=stores,
            directory=directory,
            passwords=passwords,
            tokens=tokens,
            clock=clock,
        ),
        setup_links=SetupLinks(
            settings.to_setup_links(),
            stores=stores,
            directory=directory,
            passwords=passwords,
            clock=clock,
        ),
        signing_keys=keys,
    )
    api_keys = build_keys(
        settings, stores=stores, directory=directory, clock=clock, is_available=is_available
    )
    demo = DemoAccount(
        stores=stores, is_beside_users=settings.demo_beside_users, is_available=is_available
    )
    directory.listen(demo.forget)
    authenticators: tuple[Authenticator, ...] = (
        *api_keys.authenticators,
        TokenIdentity(tokens=tokens, directory=directory),
        SessionIdentity(directory=directory),
        *_make_external(settings, stores, directory, clock),
        settings.to_demo_identity(demo.find),
    )
    return IdentityParts(people=people, keys=api_keys, identity=Identity(authenticators))


def _make_external(
    settings: Settings, stores: IdentityStores, directory: UserDirectory, clock: Clock
) -> tuple[Authenticator, ...]:
    """Return what knows the external user service's tokens, if there is one."""
    config = settings.to_external()
    if config is None:
        return ()
    keys = KeySet(settings.to_key_set(), algorithms=config.algorithms)
    return (ExternalIdentity(config, keys=keys, stores=stores, directory=directory, clock=clock),)


@asynccontextmanager
async def open_people(settings: Settings) -> AsyncIterator[People]:
    """Open the accounts for `strikewire users`.

    Raises
    ------
    DependencyError, DataDirectoryBusyError, EmbeddedServerError, MigrationError : `open_database`.
    """
    with ExitStack() as stack:
        async with open_database(settings, is_shared=True) as database:
            yield build_identity(settings, database, stack=stack, clock=SystemClock()).people


@asynccontextmanager
async def open_identity(settings: Settings) -> AsyncIterator[IdentityParts]:
    """Open accounts and their keys for a command.

    Raises
    ------
    DependencyError, DataDirectoryBusyError, EmbeddedServerError, MigrationError : `open_database`.
    """
    with ExitStack() as stack:
        async with open_database(settings) as database:
            yield build_identity(settings, database, stack=stack, clock=SystemClock())
