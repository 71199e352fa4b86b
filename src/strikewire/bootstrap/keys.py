"""API keys, the master key and stream tickets, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from strikewire.auth.api_key_identity import ApiKeyIdentity
from strikewire.auth.api_keys import ApiKeys, ApiKeysConfig
from strikewire.auth.credential_watch import CredentialWatch
from strikewire.auth.directory import IdentityStores, UserDirectory
from strikewire.auth.identity import Authenticator, Identity
from strikewire.auth.key_uses import KeyUses, KeyUsesConfig
from strikewire.auth.master_key import MasterKeyIdentity
from strikewire.auth.stream_tickets import StreamTickets, StreamTicketsConfig
from strikewire.core.clock import Clock
from strikewire.resilience.supervisor import Supervisor
from strikewire.settings import Settings
from strikewire.store.api_keys import ApiKeyStore
from strikewire.store.database import Database
from strikewire.store.stream_tickets import StreamTicketStore

_USES: Final = "key uses"
_WATCH: Final = "credential watch"


@dataclass(frozen=True, slots=True)
class KeyParts:
    """What keys and tickets need.

    Parameters
    ----------
    authenticators : who brings the master key or an API key, in the order they are asked.
    uses : to be run, and flushed at the end.
    """

    authenticators: tuple[Authenticator, ...]
    keys: ApiKeys
    uses: KeyUses
    tickets: StreamTickets
    database: Database


def build_keys(
    settings: Settings,
    *,
    stores: IdentityStores,
    directory: UserDirectory,
    clock: Clock,
    is_available: Callable[[], bool],
) -> KeyParts:
    """Build them on a database, which need not be there yet.

    Parameters
    ----------
    directory : knows whose keys they are.
    is_available : what is known of the database.
    """
    store, database = ApiKeyStore(), stores.database
    uses = KeyUses(config=KeyUsesConfig(), database=database, store=store, clock=clock)
    identity = ApiKeyIdentity(
        database=database,
        store=store,
        directory=directory,
        clock=clock,
        uses=uses,
        is_available=is_available,
    )
    return KeyParts(
        authenticators=(
            MasterKeyIdentity(settings.find_master_key(), database=database, trail=stores.trail),
            identity,
        ),
        keys=ApiKeys(
            config=ApiKeysConfig(),
            stores=stores,
            store=store,
            clock=clock,
            identity=identity,
        ),
        uses=uses,
        tickets=StreamTickets(
            config=StreamTicketsConfig(),
            database=database,
            store=StreamTicketStore(),
            clock=clock,
        ),
        database=database,
    )


def watch_credentials(
    settings: Settings, identity: Identity, parts: KeyParts, supervisor: Supervisor
) -> CredentialWatch:
    """Begin to note uses of keys, and to ask for whatever is held on a credential."""
    watch = CredentialWatch(config=settings.to_credential_watch(), identity=identity)
    supervisor.start(_USES, parts.uses.run)
    supervisor.start(_WATCH, watch.run)
    return watch
