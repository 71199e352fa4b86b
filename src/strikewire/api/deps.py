"""What request handlers are given: what is running, and who is asking."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection, Request

from strikewire.api.browsers import get_browser_rules, is_origin_of
from strikewire.api.rate_limits import READ_COST, RateLimits
from strikewire.auth.audit import Actor, describe_actor
from strikewire.auth.credentials import Caller, Credentials, parse_authorization
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Scope
from strikewire.core.errors import NotAuthenticatedError, NotPermittedError
from strikewire.runtime import Runtime

# What a proxy adds when it speaks for somebody else.
_FORWARDING = frozenset({b"x-forwarded-for", b"x-real-ip", b"forwarded"})
_TELLING = _FORWARDING | {
    b"authorization", b"cookie", b"host", b"origin", b"sec-fetch-site", b"x-api-key",
    b"x-csrf-token",
}  # fmt: skip


def get_runtime(connection: HTTPConnection) -> Runtime:
    """Return what is running. Tests build the application on a runtime of their own."""
    runtime: Runtime = connection.app.state.runtime
    return runtime


def describe_caller(connection: HTTPConnection) -> Caller:
    """Collect what the transport knows of the sender.

    Raises
    ------
    NotAuthenticatedError : there is an `Authorization` in a scheme that is not ours.
    """
    scope, rules = connection.scope, get_browser_rules(connection)
    host, origin, site, is_forwarded = "", "", "", False
    bearer = api_key = cookie = csrf_token = None
    for name, raw in scope["headers"]:
        if name not in _TELLING:
            continue
        value = raw.decode("latin-1")
        match name:
            case b"host":
                host = value.lower()
            case b"authorization":
                bearer = parse_authorization(value)
            case b"x-api-key":
                api_key = value
            case b"cookie":
                cookie = rules.find_cookie(connection)
            case b"x-csrf-token":
                csrf_token = value
            case b"origin":
                origin = value.lower()
            case b"sec-fetch-site":
                site = value
            case _:
                is_forwarded = True
    client = scope.get("client")
    return Caller(
        address=client[0] if client else None,
        method=scope.get("method", "GET"),
        host=host,
        is_forwarded=is_forwarded,
        is_cross_site=site == "cross-site",
        is_other_origin=not rules.is_own(origin=origin, site=site, host=host),
        credentials=Credentials(
            bearer=bearer, api_key=api_key, cookie=cookie, csrf_token=csrf_token
        ),
    )


def get_limits(connection: HTTPConnection) -> RateLimits:
    """Return the application's rate limits."""
    limits: RateLimits = connection.app.state.limits
    return limits


async def authorize(
    connection: HTTPConnection, scope: Scope, *, cost: float = READ_COST
) -> Principal:
    """Establish who is asking and that they may, and charge them for it.

    Parameters
    ----------
    cost : what it takes of the caller's rate limits.

    Raises
    ------
    NotAuthenticatedError : nobody is asking, or with a credential that is no good.
    NotPermittedError : somebody without the scope is.
    RateLimitedError : they ask too much, or the address has brought too much that was no good.
    """
    limits = get_limits(connection)
    try:
        principal = await get_runtime(connection).identity.authenticate(describe_caller(connection))
    except NotAuthenticatedError as error:
        limits.note_failure(connection, error)
        raise
    # For whoever comes after: limits, audit and logs ask who it was.
    connection.state.principal = principal
    limits.charge(connection, principal, cost)
    principal.require(scope)
    return principal


def charge_rows(request: Request, rows: int) -> None:
    """Charge whoever asks for the length of an answer, once it is known."""
    get_limits(request).charge_rows(request, request.state.principal, rows)


def check_origin(connection: HTTPConnection, *, listed: AbstractSet[str]) -> None:
    """Return unless a page of another site is asking: browsers let any page open a socket.

    Parameters
    ----------
    listed : origins whose pages may ask, beside this server's own.

    Raises
    ------
    NotPermittedError : there is an `Origin`, neither listed nor the `Host` that was asked.
    """
    origin = connection.headers.get("origin")
    if origin is None or origin in listed:
        return
    if not is_origin_of(origin.lower(), connection.headers.get("host", "").lower()):
        msg = "a page of this server's own host, or of a listed origin, was wanted as the Origin"
        raise NotPermittedError(msg, origin=origin[:256])


class Requires:
    """The dependency that demands a scope of a route's caller, and gives the handler who it is."""

    def __init__(self, scope: Scope, *, cost: float = READ_COST) -> None:
        self.scope = scope
        self._cost = cost

    async def __call__(self, request: Request) -> Principal:
        """Return the caller, or raise as `authorize` does."""
        return await authorize(request, self.scope, cost=self._cost)


def get_principal(request: Request) -> Principal:
    """Return who is asking. Only of a route that demands a scope: others know nobody."""
    principal: Principal = request.state.principal
    return principal


RuntimeDep = Annotated[Runtime, Depends(get_runtime)]
LimitsDep = Annotated[RateLimits, Depends(get_limits)]


def get_actor(request: Request) -> Actor:
    """Return who is acting, for the audit log: the caller, or on a public route anybody."""
    principal = getattr(request.state, "principal", None)
    return describe_actor(principal, address=request.client.host if request.client else None)


ActorDep = Annotated[Actor, Depends(get_actor)]
PrincipalDep = Annotated[Principal, Depends(get_principal)]
