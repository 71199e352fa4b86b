"""`/api/v1/users`: who has an account, and changing that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from pydantic import Field, StrictBool

from strikewire.api import schemas
from strikewire.api.browsers import get_browser_rules
from strikewire.api.deps import ActorDep, PrincipalDep, RuntimeDep
from strikewire.api.idempotency import Created, OnceDep
from strikewire.api.routes import Routes
from strikewire.auth.accounts import NewUser
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Role, Scope, collect_scopes
from strikewire.auth.setup_links import IssuedLink
from strikewire.core.errors import NotPermittedError
from strikewire.core.instants import SECOND_NS, format_rfc3339
from strikewire.core.users import User, UserOrigin
from strikewire.store.database import WriteSession
from strikewire.store.users import UserFilter

_TAG = "users"
#: PostgreSQL's integer; a larger one is nobody's id.
_MAX_ID = 2**31 - 1

UserIdPath = Annotated[int, Path(ge=1, le=_MAX_ID)]
DisplayName = Annotated[str, Field(max_length=100)]
Roles = Annotated[list[Role], Field(min_length=1, max_length=len(Role))]
NoQuery = Annotated[schemas.Query, Query()]


class NewUserBody(schemas.Body):
    """Somebody who is to have an account."""

    login: str = Field(
        min_length=1, max_length=254, description="A name or an e-mail address; lower-cased."
    )
    display_name: DisplayName = ""
    roles: Roles


class UserChange(schemas.Body):
    """What is to be different; what is left out, or null, stays."""

    display_name: DisplayName | None = None
    roles: Roles | None = None
    is_active: StrictBool | None = None


class UserBody(schemas.Body):
    """Somebody who has an account."""

    id: int
    login: str
    display_name: str
    roles: list[Role]
    origin: UserOrigin = Field(description="Where the identity is kept.")
    is_active: bool
    has_password: bool
    created_at: str
    last_login_at: str | None


class LinkBody(schemas.Body):
    """A link by which a password is set, once."""

    url: str | None = Field(
        description="A secret: whoever has it may set the password. Null where it was shown before."
    )
    expires_at: str


class CreatedUserBody(UserBody):
    """Somebody who has an account now, and how they get in."""

    setup_link: LinkBody | None = Field(description="Shown once.")


class UserPage(schemas.Body):
    """Some of them, and how many there are."""

    items: list[UserBody]
    total: int
    limit: int
    offset: int


class UserQuery(schemas.Query):
    """Which of them."""

    q: str = Field(default="", max_length=100, description="Part of the login or display name.")
    role: Role | None = None
    is_active: bool | None = None
    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


async def list_users(runtime: RuntimeDep, query: Annotated[UserQuery, Query()]) -> dict[str, Any]:
    """List who has an account, the oldest first."""
    wanted = UserFilter(text=query.q, role=query.role, is_active=query.is_active)
    users, total = await runtime.people.accounts.list_page(
        wanted, limit=query.limit, offset=query.offset
    )
    return {
        "items": [_describe(each) for each in users],
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
    }


async def create_user(
    runtime: RuntimeDep,
    request: Request,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    body: NewUserBody,
    _query: NoQuery,
) -> Response:
    """Make an account, and a link by which its owner chooses a password.

    Nobody may give a role that may do more than they may themselves.
    """
    _require_reach(principal, body.roles)
    people = runtime.people

    async def create(session: WriteSession) -> Created:
        new = NewUser(body.login, frozenset(body.roles), body.display_name)
        user = await people.accounts.add(session, new, actor=actor)
        link = await people.setup_links.add_for(session, user, actor=actor)
        whole = CreatedUserBody(**_describe(user), setup_link=_describe_link(request, link))
        return Created(whole, f"/api/v1/users/{user.id}", concealed=frozenset({"setup_link"}))

    return await once.create(create)


async def get_user(runtime: RuntimeDep, user_id: UserIdPath, _query: NoQuery) -> dict[str, Any]:
    """Show somebody who has an account."""
    return _describe(await runtime.people.accounts.get(user_id))


async def change_user(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    user_id: UserIdPath,
    body: UserChange,
    _query: NoQuery,
) -> dict[str, Any]:
    """Change an account; in force with its owner's next request. Disabling signs out everywhere.

    409 where nobody would be left to administer.
    """
    accounts = runtime.people.accounts
    _require_reach(principal, (await accounts.get(user_id)).roles | set(body.roles or ()))
    changed = await accounts.change(
        user_id,
        actor=actor,
        display_name=body.display_name,
        roles=body.roles,
        is_active=body.is_active,
    )
    return _describe(changed)


async def delete_user(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    user_id: UserIdPath,
    _query: NoQuery,
) -> None:
    """Delete an account, with its logins and keys.

    409 where nobody would be left to administer, and where something that is kept belongs to it:
    disable it then.
    """
    accounts = runtime.people.accounts
    _require_reach(principal, (await accounts.get(user_id)).roles)
    await accounts.delete(user_id, actor=actor)


async def create_setup_link(
    runtime: RuntimeDep,
    request: Request,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    user_id: UserIdPath,
    _query: NoQuery,
) -> Response:
    """Make a link by which somebody chooses a new password; an earlier one is no good any more."""
    people = runtime.people
    user = await people.accounts.get(user_id)
    _require_reach(principal, user.roles)

    async def create(session: WriteSession) -> Created:
        issued = await people.setup_links.add_for(session, user, actor=actor)
        link = _describe_link(request, issued)
        return Created(link, f"/api/v1/users/{user.id}", concealed=frozenset({"url"}))

    return await once.create(create)


def _require_reach(principal: Principal, roles: Iterable[Role]) -> None:
    """Return if somebody may do all that these roles may: nobody makes or takes over what is more.

    Raises
    ------
    NotPermittedError : the roles may do more.
    """
    missing = collect_scopes(roles) - principal.scopes
    if missing:
        msg = "a user who may do no more than oneself was wanted"
        raise NotPermittedError(msg, scopes=sorted(missing))


def _describe(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "login": user.login,
        "display_name": user.display_name,
        "roles": sorted(user.roles),
        "origin": user.origin,
        "is_active": user.is_active,
        "has_password": user.has_password,
        "created_at": _to_second(user.created_ns),
        "last_login_at": None if user.last_login_ns is None else _to_second(user.last_login_ns),
    }


def _describe_link(request: Request, link: IssuedLink) -> LinkBody:
    url = get_browser_rules(request).make_url(request, link.path)
    return LinkBody(url=url, expires_at=_to_second(link.expires_ns))


def _to_second(instant_ns: int) -> str:
    return format_rfc3339(instant_ns // SECOND_NS * SECOND_NS)


def add_routes(routes: Routes) -> None:
    """Add the routes of accounts."""
    base, one = "/api/v1/users", "/api/v1/users/{user_id}"
    read: dict[str, Any] = {"access": Scope.USERS_READ, "tag": _TAG}
    write: dict[str, Any] = {"access": Scope.USERS_WRITE, "tag": _TAG}
    routes.add("GET", base, list_users, response_model=UserPage, **read)
    routes.add("GET", one, get_user, response_model=UserBody, **read)
    routes.add(
        "POST", base, create_user, audit="user.create",
        status_code=201, response_model=CreatedUserBody, **write,
    )  # fmt: skip
    routes.add("PATCH", one, change_user, audit="user.change", response_model=UserBody, **write)
    routes.add(
        "DELETE", one, delete_user, audit="user.delete",
        status_code=204, fails=(409,), **write,
    )  # fmt: skip
    routes.add(
        "POST", f"{one}/setup-link", create_setup_link, audit="setup_link.create",
        status_code=201, response_model=LinkBody, **write,
    )  # fmt: skip
