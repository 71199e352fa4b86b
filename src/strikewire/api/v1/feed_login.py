"""`/api/v1/feed/login`: how the login with the broker is, and making the next one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import ActorDep, PrincipalDep, RuntimeDep
from strikewire.api.routes import Routes
from strikewire.auth.scopes import Scope
from strikewire.core.errors import ConflictError
from strikewire.live.broker_login import BROKER, LoginState, LoginStatus

_TAG = "feed"
_PATH = "/api/v1/feed/login"


class BrokerLoginBody(schemas.Body):
    """How the login with the broker is."""

    broker: Literal["kite"]
    is_configured: bool = Field(description="Whether this server has the broker's key and secret.")
    state: LoginState = Field(
        description="`none`: nobody has logged in. `expired`: the broker's hour has come. "
        "`refused`: the broker said so before."
    )
    broker_user: str | None = Field(description="Whose login it is, as the broker names them.")
    issued_at: str | None = Field(description="When it was made, RFC 3339.")
    dies_at: str | None = Field(description="When the broker ends it, RFC 3339.")
    refused_at: str | None = Field(description="When the broker first refused it, RFC 3339.")
    reason: str | None = Field(description="Why it is no good, where there is more to say.")
    login_url: str | None = Field(
        description="The broker's page to log in on; null where there is no key, and for callers "
        "without `feed:login`. Its `redirect_params` come back with the redirect."
    )


class LoginCommand(schemas.Body):
    """What the broker's redirect brought."""

    request_token: str = Field(
        min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_-]+$",
        description="Good once, for minutes.",
    )  # fmt: skip


async def get_login(
    runtime: RuntimeDep, principal: PrincipalDep, _query: Annotated[schemas.Query, Query()]
) -> dict[str, Any]:
    """Show whether somebody is logged in with the broker, and until when."""
    login = runtime.broker_login
    status = LoginStatus(LoginState.NONE) if login is None else login.status()
    may_log_in = login is not None and Scope.FEED_LOGIN in principal.scopes
    return {
        **status.to_json(),
        "is_configured": login is not None,
        "login_url": login.make_url() if login is not None and may_log_in else None,
    }


async def post_login(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    _query: Annotated[schemas.Query, Query()],
    command: LoginCommand,
) -> dict[str, Any]:
    """Log in with a request token: in force with the answer here, elsewhere within seconds.

    409 where the broker does not take it, or this server has no key for one: begin again.
    """
    if runtime.broker_login is None:
        msg = f"a broker's key was wanted, and STRIKEWIRE_{BROKER.upper()}_API_KEY is not set"
        raise ConflictError(msg)
    await runtime.broker_login.exchange(command.request_token, actor=actor)
    return await get_login(runtime, principal, _query)


def add_routes(routes: Routes) -> None:
    """Add the routes of the broker's login."""
    routes.add(
        "GET", _PATH, get_login, access=Scope.FEED_READ, tag=_TAG, response_model=BrokerLoginBody
    )
    routes.add(
        "POST", _PATH, post_login,
        access=Scope.FEED_LOGIN, tag=_TAG, audit="broker.login", response_model=BrokerLoginBody,
        fails=(502,),
    )  # fmt: skip
