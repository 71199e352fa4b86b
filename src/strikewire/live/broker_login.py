"""Being logged in with the broker: one token a day, shared by every program on the database.

Somebody logs in once a morning, in a browser or by `strikewire login`; the token is sealed into the
database, and every program that runs takes it up within seconds. It is good until the hour at which
the broker ends every login, or until the broker refuses it, which whoever is told of it passes on.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from strikewire.auth.audit import Actor, AuditEvent, AuditTrail
from strikewire.auth.secret_box import SecretBox
from strikewire.core.clock import Clock
from strikewire.core.errors import DependencyError, SealedValueError, SettingsError
from strikewire.core.instants import format_rfc3339
from strikewire.core.sealed import SealedPlace
from strikewire.feeds.kite.access_tokens import AccessToken
from strikewire.feeds.kite.login import KiteLogin
from strikewire.observability.logs import get_logger
from strikewire.store.broker_logins import BrokerLoginStore, StoredLogin
from strikewire.store.database import Database

_log: Final = get_logger("broker login")
#: The one broker there is; the row's key.
BROKER: Final = "kite"
_PLACE: Final = SealedPlace("broker_login", "sealed_token", BROKER)


class LoginState(StrEnum):
    """What a login is good for."""

    #: Nobody has logged in yet, or with another key of the desk's than is set now.
    NONE = "none"
    VALID = "valid"
    #: The hour has come at which the broker ends every login.
    EXPIRED = "expired"
    #: The broker said so before.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class LoginStatus:
    """How the login is.

    Parameters
    ----------
    broker_user : whose it is, as the broker names them.
    dies_ns : when the broker ends it.
    reason : why it is no good, where there is more to say than its state.
    """

    state: LoginState
    broker_user: str | None = None
    issued_ns: int | None = None
    dies_ns: int | None = None
    refused_ns: int | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the status for a program to read."""
        return {
            "broker": BROKER,
            "state": self.state.value,
            "broker_user": self.broker_user,
            "issued_at": _format(self.issued_ns),
            "dies_at": _format(self.dies_ns),
            "refused_at": _format(self.refused_ns),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class BrokerLoginConfig:
    """How a login is followed.

    Parameters
    ----------
    interval_s : how often the database is asked whether somebody has logged in, seconds.
    """

    interval_s: float = 2.0


@dataclass(frozen=True, slots=True)
class LoginStores:
    """Where logins are kept.

    Parameters
    ----------
    box : seals the token.
    trail : is told of each login.
    """

    database: Database
    logins: BrokerLoginStore
    box: SecretBox
    trail: AuditTrail


@dataclass(frozen=True, slots=True)
class _Known:
    """A login, and its token where that could be read and is for our key."""

    stored: StoredLogin
    token: AccessToken | None
    fault: str | None = None


class BrokerLogin:
    """Knows the token of the day, and how to come by the next one.

    Parameters
    ----------
    login : speaks with the broker.
    is_ready : whether the database is there, with its tables; while it is not, `run` only waits.
    """

    def __init__(
        self,
        *,
        config: BrokerLoginConfig,
        login: KiteLogin,
        stores: LoginStores,
        clock: Clock,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._config = config
        self._login = login
        self._stores = stores
        self._clock = clock
        self._is_ready = is_ready
        self._known: _Known | None = None
        # The broker has refused this one, and the database may not know it yet.
        self._refused: StoredLogin | None = None
        # Two readings that overlap could bring back the older one.
        self._reading = asyncio.Lock()

    def find_token(self) -> AccessToken | None:
        """Return the token; None while nobody is logged in."""
        known = self._known
        return known.token if known and self.status().state is LoginState.VALID else None

    def make_url(self, *, state: str | None = None) -> str:
        """Return the page where somebody logs in.

        Parameters
        ----------
        state : comes back with the redirect.
        """
        return self._login.make_url(state=state)

    def status(self) -> LoginStatus:
        """Return how the login is at this moment."""
        known = self._known
        if known is None:
            return LoginStatus(LoginState.NONE)
        stored = known.stored
        if known.token is None:
            state = LoginState.NONE
        elif stored.refused_ns is not None:
            state = LoginState.REFUSED
        elif self._clock.now_ns() >= stored.dies_ns:
            state = LoginState.EXPIRED
        else:
            state = LoginState.VALID
        return LoginStatus(
            state=state,
            broker_user=stored.broker_user,
            issued_ns=stored.issued_ns,
            dies_ns=stored.dies_ns,
            refused_ns=stored.refused_ns,
            reason=known.fault or stored.refused_because,
        )

    async def load(self) -> None:
        """Take up what the database says.

        Raises
        ------
        DependencyError : the store did not answer; what is known stays.
        """
        async with self._reading, self._stores.database.read() as session:
            self._take_up(await self._stores.logins.find(session, BROKER))

    async def exchange(self, request_token: str, *, actor: Actor) -> LoginStatus:
        """Log in with what the broker's redirect brought; good everywhere when this returns.

        Parameters
        ----------
        actor : who does it.

        Raises
        ------
        InvalidInputError : it is no request token.
        BrokerError : the broker does not take it, or does not answer: begin again.
        DependencyError : the store did not answer.
        SettingsError : there is no key to seal with.
        """
        # A request token is good once: it is not spent where its fruit could not be kept.
        await self.load()
        token = await self._login.exchange_token(request_token)
        stored = StoredLogin(
            broker=BROKER,
            login_id=uuid.uuid4(),
            sealed_token=self._stores.box.seal(_pack(token), _PLACE),
            broker_user=token.user_id,
            issued_ns=token.issued_ns,
            dies_ns=token.dies_ns,
        )
        async with self._reading:
            async with self._stores.database.write() as session:
                before = await self._stores.logins.find(session, BROKER)
                await self._stores.logins.replace(session, stored)
                states = (None if each is None else _describe(each) for each in (before, stored))
                event = AuditEvent("broker.login", "broker", BROKER, *states)
                await self._stores.trail.record(session, actor, event)
            self._take_up(stored)
        return self.status()

    def refuse(self, token: AccessToken) -> None:
        """Take note that the broker does not take a token any more: at once here, soon elsewhere.

        One that is not the token of the day any more changes nothing.
        """
        known = self._known
        if known is None or known.token != token or known.stored.refused_ns is not None:
            return
        self._refused = replace(
            known.stored,
            refused_ns=self._clock.now_ns(),
            refused_because="the broker does not take the token any more",
        )
        self._take_up(self._refused)
        _log.warning("the broker refuses the login", broker_user=known.stored.broker_user)

    async def run(self) -> None:
        """Follow the database until cancelled, and tell it what the broker refused."""
        while True:
            try:
                if self._is_ready():
                    await self._store_refusal()
                    await self.load()
            except DependencyError as error:
                # Told by whoever watches the database; what is known of the login stays.
                _log.debug("broker login not read", reason=str(error))
            await asyncio.sleep(self._config.interval_s)

    async def _store_refusal(self) -> None:
        refused = self._refused
        if refused is None or refused.refused_ns is None or refused.refused_because is None:
            return
        async with self._stores.database.write() as session:
            await self._stores.logins.refuse(
                session,
                refused.login_id,
                at_ns=refused.refused_ns,
                because=refused.refused_because,
            )
        if self._refused is refused:
            self._refused = None

    def _take_up(self, stored: StoredLogin | None) -> None:
        known, refused = self._known, self._refused
        if stored is None:
            self._known = None
            return
        if refused is not None and refused.login_id == stored.login_id:
            stored = refused
        if known is not None and known.stored.login_id == stored.login_id and known.token:
            self._known = replace(known, stored=stored)
            return
        fresh = self._open(stored)
        if known is None or known.stored.login_id != stored.login_id or known.fault != fresh.fault:
            _log.info(
                "broker login taken up",
                broker_user=stored.broker_user,
                dies_at=_format(stored.dies_ns),
                fault=fresh.fault,
            )
        self._known = fresh

    def _open(self, stored: StoredLogin) -> _Known:
        try:
            found = json.loads(self._stores.box.open(stored.sealed_token, _PLACE))
        except (SealedValueError, SettingsError) as error:
            return _Known(stored, None, error.message)
        if found["api_key"] != self._login.api_key:
            return _Known(stored, None, "the login was made with another STRIKEWIRE_KITE_API_KEY")
        token = AccessToken(
            api_key=found["api_key"],
            value=found["access_token"],
            user_id=stored.broker_user,
            issued_ns=stored.issued_ns,
            dies_ns=stored.dies_ns,
        )
        return _Known(stored, token)


def _pack(token: AccessToken) -> bytes:
    """Return what is sealed: the key as well, for a token is no good with another one."""
    return json.dumps({"api_key": token.api_key, "access_token": token.value}).encode()


def _describe(stored: StoredLogin) -> dict[str, Any]:
    """Return a login for the audit log."""
    return {
        "broker_user": stored.broker_user,
        "issued_at": _format(stored.issued_ns),
        "dies_at": _format(stored.dies_ns),
    }


def _format(instant_ns: int | None) -> str | None:
    return None if instant_ns is None else format_rfc3339(instant_ns)
