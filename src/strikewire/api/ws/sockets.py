"""The open sockets of a program: who holds them, how many there may be, and how all of them end."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import replace
from typing import Final, Protocol

from strikewire.api.config import SocketConfig
from strikewire.api.ws.close_codes import CloseCode
from strikewire.auth.addresses import group_address
from strikewire.auth.credential_watch import CredentialWatch
from strikewire.auth.credentials import Caller, Credentials
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Scope
from strikewire.core.errors import DependencyError, RateLimitedError

_RETRY_S: Final = 5.0


class Occupant(Protocol):
    """What serves a socket, and can be told to end."""

    def announce_shutdown(self) -> None:
        """Tell the client that the program ends, then close."""
        ...

    async def check_owned(self, principal: Principal) -> None:
        """Close if the client listens to what is not theirs any more.

        Raises
        ------
        DependencyError : nobody could say.
        """
        ...

    def finish(self, code: CloseCode) -> None:
        """Close, after what waits."""
        ...


class Seat:
    """One socket's place, from before its handshake to its end: a `Holder` of its credential.

    Parameters
    ----------
    caller : kept without the secrets that came with the handshake.
    access : the scope that the socket's path demands, for as long as it is open.
    """

    def __init__(self, sockets: Sockets, caller: Caller, access: Scope) -> None:
        self._sockets = sockets
        self._caller = replace(caller, credentials=Credentials())
        self._needed = {access}
        self._principal: Principal | None = None
        self._counted_as: str | None = None
        self._occupant: Occupant | None = None
        self._ending: CloseCode | None = None

    @property
    def caller(self) -> Caller:
        """Where the client is."""
        return self._caller

    @property
    def principal(self) -> Principal:
        """Who the client is.

        Raises
        ------
        LookupError : it has not said so yet.
        """
        if self._principal is None:
            msg = "a socket that has said whose it is was wanted"
            raise LookupError(msg)
        return self._principal

    @property
    def is_strangers(self) -> bool:
        """Whether nobody knows yet whose it is."""
        return self._principal is None

    def assign(self, principal: Principal) -> None:
        """Give the place to somebody, until they leave or lose their credential.

        Raises
        ------
        NotPermittedError : they do not have the scope.
        RateLimitedError : they have too many sockets.
        """
        for scope in self._needed:
            principal.require(scope)
        self._counted_as = self._sockets.count_in(principal)
        self._principal = principal
        self._sockets.watch.add(self)

    def require(self, scope: Scope) -> None:
        """Return if the client has a scope, which from now on it may not lose.

        Raises
        ------
        NotPermittedError : it does not have it.
        """
        self.principal.require(scope)
        self._needed.add(scope)

    def occupy(self, occupant: Occupant) -> None:
        """Say who is to be told when the socket has to end; it may have to end already."""
        self._occupant = occupant
        if self._sockets.is_draining:
            occupant.announce_shutdown()
        elif self._ending is not None:
            occupant.finish(self._ending)

    def leave(self) -> None:
        """Free the place. Leaving twice is the same as once."""
        self._sockets.remove(self, counted_as=self._counted_as)
        self._sockets.watch.remove(self)

    def announce_shutdown(self) -> None:
        """Tell the client that the program ends, if anybody serves it yet."""
        if self._occupant is not None:
            self._occupant.announce_shutdown()

    async def on_renewed(self, principal: Principal) -> None:
        """Take in what the client may do by now; close if this is not among it.

        Raises
        ------
        DependencyError : nobody could say whose what it listens to is.
        """
        if not self._needed <= principal.scopes:
            self._end(CloseCode.NOT_PERMITTED)
        elif self._occupant is not None:
            await self._occupant.check_owned(principal)
        self._principal = principal

    def on_lost(self) -> None:
        """Close: the credential holds no more."""
        self._end(CloseCode.NOT_AUTHENTICATED)

    def _end(self, code: CloseCode) -> None:
        self._ending = code
        if self._occupant is not None:
            self._occupant.finish(code)


class Sockets:
    """Who is connected. Not thread-safe.

    Parameters
    ----------
    watch : asks for each socket whether its credential still holds.
    """

    def __init__(self, *, config: SocketConfig, watch: CredentialWatch) -> None:
        self.is_draining = False
        self.watch = watch
        self._config = config
        self._seats: set[Seat] = set()
        self._by_address: Counter[str] = Counter()
        self._by_user: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._seats)

    def take_seat(self, caller: Caller, access: Scope) -> Seat:
        """Take a place for one socket more, which has to be left again.

        Raises
        ------
        DependencyError : there is none, or the program is about to end.
        RateLimitedError : the address has too many.
        """
        config = self._config
        if self.is_draining or len(self._seats) >= config.max_sockets:
            msg = "the server takes no more sockets now"
            raise DependencyError(msg, retry_after_s=_RETRY_S)
        address = _name_address(caller)
        if self._by_address[address] >= config.max_per_address:
            msg = f"at most {config.max_per_address} sockets from one address were wanted"
            raise RateLimitedError(msg, retry_after_s=_RETRY_S)
        seat = Seat(self, caller, access)
        self._seats.add(seat)
        self._by_address[address] += 1
        self._empty.clear()
        return seat

    def check_strangers(self) -> None:
        """Return if one more may come who says later who it is.

        Whoever says nothing must not take every place from those who are known.

        Raises
        ------
        DependencyError : too many of these are open.
        """
        strangers = len(self._seats) - self._by_user.total()
        if strangers > self._config.max_strangers:
            msg = "too many sockets have not said yet who they are"
            raise DependencyError(msg, retry_after_s=_RETRY_S)

    def count_in(self, principal: Principal) -> str:
        """Count one socket more as somebody's; return as whose.

        Raises
        ------
        RateLimitedError : they have too many.
        """
        user = _name_user(principal)
        if self._by_user[user] >= self._config.max_per_user:
            msg = f"at most {self._config.max_per_user} sockets of one user were wanted"
            raise RateLimitedError(msg, retry_after_s=_RETRY_S)
        self._by_user[user] += 1
        return user

    def remove(self, seat: Seat, *, counted_as: str | None) -> None:
        """Free a place."""
        if seat not in self._seats:
            return
        self._seats.remove(seat)
        _count_out(self._by_address, _name_address(seat.caller))
        if counted_as is not None:
            _count_out(self._by_user, counted_as)
        if not self._seats:
            self._empty.set()

    async def drain(self, *, timeout_s: float) -> None:
        """Tell every client that the program ends, and wait until they are gone, or so long."""
        self.is_draining = True
        for seat in tuple(self._seats):
            seat.announce_shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()


def _name_address(caller: Caller) -> str:
    return group_address(caller.address or "")


def _name_user(principal: Principal) -> str:
    """Return as whose a socket is counted: a user's own and those of their keys together."""
    return principal.subject if principal.user_id is None else str(principal.user_id)


def _count_out(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if not counter[name]:
        # Who has come and gone must not be remembered for ever.
        del counter[name]
