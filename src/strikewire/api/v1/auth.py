"""`/api/v1/auth`: signing in and out, and who one is."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.browsers import get_browser_rules
from strikewire.api.deps import ActorDep, PrincipalDep, RuntimeDep, describe_caller, get_limits
from strikewire.api.routes import PUBLIC, Routes
from strikewire.auth.credentials import CredentialKind
from strikewire.auth.logins import IssuedTokens, Visitor
from strikewire.auth.opaque import derive_csrf_token
from strikewire.auth.passwords import MAX_PASSWORD_CHARACTERS
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Role, Scope, collect_scopes
from strikewire.core.errors import ConflictError, CsrfError, NotAuthenticatedError, NotFoundError
from strikewire.core.instants import SECOND_NS, format_rfc3339
from strikewire.core.users import User, UserId
from strikewire.store.login_sessions import LoginSession

_TAG = "identity"
_NO_STORE = {"Cache-Control": "no-store"}

LoginName = Annotated[str, Field(min_length=1, max_length=254)]
Password = Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD_CHARACTERS)]
# Longer than ours are: a token of another kind is refused for being no good, not for its length.
Secret = Annotated[str, Field(min_length=1, max_length=8_192)]
NoQuery = Annotated[schemas.Query, Query()]


class LoginBody(schemas.Body):
    """A name and its password."""

    login: LoginName
    password: Password


class MeBody(schemas.Body):
    """Who is asking."""

    subject: str = Field(description="The login name.")
    display_name: str
    credential: CredentialKind = Field(description="By what it was shown.")
    user_id: int | None = Field(description="Whose objects are one's own; null without an account.")
    session_id: str | None = Field(description="The session or key that was used.")
    roles: list[Role]
    scopes: list[Scope] = Field(description="What is allowed at this moment.")
    account_ids: list[int] = Field(description="What an external user service says is one's own.")
    csrf_token: str | None = Field(
        description="Of a browser's session: to be sent as X-CSRF-Token with all that changes "
        "something."
    )


class TokensBody(schemas.Body):
    """What a program signs in with from now on."""

    access_token: str = Field(description="For `Authorization: Bearer`.")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(description="Seconds for which the access token is good.")
    refresh_token: str = Field(description="Good once, for new tokens at /api/v1/auth/refresh.")
    session_expires_at: str = Field(description="Until when it is, if nobody uses it.")


class RefreshBody(schemas.Body):
    """A refresh token."""

    refresh_token: Secret


class SetupBody(schemas.Body):
    """What a set-up link is redeemed with."""

    token: Secret = Field(description="What stands behind its `#`.")
    password: Password
    login: LoginName | None = Field(
        default=None, description="What the first administrator is to be called; else null."
    )


class PasswordBody(schemas.Body):
    """A change of password."""

    current_password: Password
    new_password: Password


class SessionBody(schemas.Body):
    """One login that has not ended."""

    id: str
    kind: Literal["browser", "program"]
    created_at: str
    last_used_at: str
    expires_at: str
    address: str | None = Field(description="From where it was used last.")
    user_agent: str
    is_current: bool = Field(description="Whether it is the one this was asked with.")


class SessionPage(schemas.Body):
    """Where somebody is signed in."""

    items: list[SessionBody]
    total: int
    limit: int
    offset: int


class SessionQuery(schemas.Query):
    """Which of them."""

    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class KeySetBody(schemas.Body):
    """A JSON Web Key Set, RFC 7517."""

    keys: list[dict[str, str]]


async def log_in(
    runtime: RuntimeDep, request: Request, response: Response, body: LoginBody, _query: NoQuery
) -> dict[str, Any]:
    """Sign a browser in: sets the session's cookie, and says who one is.

    401 for a wrong name, a wrong password and a disabled account alike.
    """
    _refuse_other_pages(request)
    with _attempting(request, body.login):
        opened = await runtime.people.logins.open_session(
            body.login, body.password, _describe_visitor(request)
        )
    get_browser_rules(request).set_cookie(request, response, opened.cookie)
    response.headers.update(_NO_STORE)
    principal = Principal(
        subject=opened.user.login,
        credential=CredentialKind.SESSION,
        roles=opened.user.roles,
        scopes=collect_scopes(opened.user.roles),
        user_id=opened.user.id,
        credential_id=str(opened.login.id),
    )
    return _describe(principal, opened.user, opened.cookie)


async def issue_tokens(
    runtime: RuntimeDep, request: Request, response: Response, body: LoginBody, _query: NoQuery
) -> dict[str, Any]:
    """Sign a program in: an access token for some minutes, and a refresh token for the next."""
    _refuse_other_pages(request)
    with _attempting(request, body.login):
        issued = await runtime.people.logins.issue_tokens(
            body.login, body.password, _describe_visitor(request)
        )
    response.headers.update(_NO_STORE)
    return _describe_tokens(issued)


async def refresh(
    runtime: RuntimeDep, request: Request, response: Response, body: RefreshBody, _query: NoQuery
) -> dict[str, Any]:
    """Take a refresh token, which is used up by it, and give new tokens.

    One that is shown a second time ends its login: somebody has stolen it, or the answer was lost.
    """
    _refuse_other_pages(request)
    with _counting_failures(request):
        issued = await runtime.people.logins.refresh(body.refresh_token, _describe_visitor(request))
    response.headers.update(_NO_STORE)
    return _describe_tokens(issued)


async def redeem_setup_link(
    runtime: RuntimeDep, request: Request, body: SetupBody, _query: NoQuery
) -> None:
    """Set the password that a set-up link is for; it is good once.

    The first administrator's link wants a login name too. Signing in comes next.
    """
    _refuse_other_pages(request)
    with _counting_failures(request):
        await runtime.people.setup_links.redeem(
            body.token, body.password, login=body.login, address=_describe_visitor(request).address
        )


async def get_me(
    runtime: RuntimeDep,
    request: Request,
    response: Response,
    principal: PrincipalDep,
    _query: NoQuery,
) -> dict[str, Any]:
    """Say who is asking, and what they may do at this moment."""
    response.headers.update(_NO_STORE)
    user = None
    if principal.user_id is not None:
        user = await runtime.people.directory.find_active(principal.user_id)
    cookie = None
    if principal.credential is CredentialKind.SESSION:
        cookie = get_browser_rules(request).find_cookie(request)
    return _describe(principal, user, cookie)


async def log_out(
    runtime: RuntimeDep,
    request: Request,
    response: Response,
    principal: PrincipalDep,
    actor: ActorDep,
    _query: NoQuery,
) -> None:
    """End the login this is asked with: its cookie, or its tokens, are no good any more."""
    user_id, session_id = _get_login(principal)
    await runtime.people.logins.end(user_id, session_id, "logged out", actor=actor)
    get_browser_rules(request).clear_cookie(request, response)


async def change_password(
    runtime: RuntimeDep,
    request: Request,
    principal: PrincipalDep,
    actor: ActorDep,
    body: PasswordBody,
    _query: NoQuery,
) -> None:
    """Change one's own password; every other login of one's own ends."""
    user_id, session_id = _get_login(principal)
    accounts = runtime.people.accounts
    user = await accounts.get(user_id)
    with _attempting(request, user.login):
        await accounts.check_password(user, body.current_password)
    await accounts.set_password(user, body.new_password, actor=actor, spared=session_id)


async def list_sessions(
    runtime: RuntimeDep, principal: PrincipalDep, query: Annotated[SessionQuery, Query()]
) -> dict[str, Any]:
    """List where one is signed in, the login used last first."""
    found = await runtime.people.logins.list_of(_get_user_id(principal))
    page = found[query.offset : query.offset + query.limit]
    return {
        "items": [_describe_session(each, principal) for each in page],
        "total": len(found),
        "limit": query.limit,
        "offset": query.offset,
    }


async def end_session(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    session_id: uuid.UUID,
    _query: NoQuery,
) -> None:
    """End one of one's own logins."""
    await runtime.people.logins.end(
        _get_user_id(principal), session_id, "ended by its owner", actor=actor
    )


async def get_key_set(runtime: RuntimeDep, response: Response, _query: NoQuery) -> dict[str, Any]:
    """Publish the keys that access tokens are signed with: the next, the present, earlier ones.

    Whoever caches them for minutes is never without the one that signs: it was published as the
    next for weeks before.
    """
    response.headers["Cache-Control"] = "public, max-age=60"
    return await runtime.people.signing_keys.publish()


def _refuse_other_pages(request: Request) -> None:
    """Return unless a page of another origin signs a browser in, as somebody else than it thinks.

    Raises
    ------
    CsrfError : one does.
    """
    if describe_caller(request).is_other_origin:
        msg = "a request from a page of this server was wanted, and this one is from another's"
        raise CsrfError(msg)


@contextmanager
def _attempting(request: Request, login: str) -> Iterator[None]:
    """Charge an address and a name for a password that is tried, and count one that is wrong."""
    limits = get_limits(request)
    limits.attempt_login(request, login)
    try:
        yield
    except NotAuthenticatedError as error:
        limits.count_failure(error)
        raise


@contextmanager
def _counting_failures(request: Request) -> Iterator[None]:
    """Charge an address for a secret that was no good, as for any other credential."""
    try:
        yield
    except NotAuthenticatedError as error:
        get_limits(request).note_failure(request, error)
        raise


def _describe_visitor(request: Request) -> Visitor:
    return Visitor(
        address=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent", ""),
    )


def _get_user_id(principal: Principal) -> UserId:
    if principal.user_id is None:
        msg = f"{principal.subject} has no account here"
        raise NotFoundError(msg)
    return principal.user_id


def _get_login(principal: Principal) -> tuple[UserId, uuid.UUID]:
    """Return whose login it is and which.

    Raises
    ------
    ConflictError : the credential is none that was got by logging in.
    """
    is_login = principal.credential in (CredentialKind.SESSION, CredentialKind.TOKEN)
    if not is_login or principal.user_id is None or principal.credential_id is None:
        msg = f"a login was wanted; this credential is of another kind: {principal.credential}"
        raise ConflictError(msg)
    return principal.user_id, uuid.UUID(principal.credential_id)


def _describe(principal: Principal, user: User | None, cookie: str | None) -> dict[str, Any]:
    return {
        "subject": principal.subject,
        "display_name": "" if user is None else user.display_name,
        "credential": principal.credential,
        "user_id": principal.user_id,
        "session_id": principal.credential_id,
        "roles": sorted(principal.roles),
        "scopes": sorted(principal.scopes),
        "account_ids": sorted(principal.account_ids),
        "csrf_token": None if cookie is None else derive_csrf_token(cookie),
    }


def _describe_tokens(issued: IssuedTokens) -> dict[str, Any]:
    return {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.access_ttl_s,
        "refresh_token": issued.refresh_token,
        "session_expires_at": format_rfc3339(issued.login.expires_ns),
    }


def _describe_session(login: LoginSession, principal: Principal) -> dict[str, Any]:
    return {
        "id": str(login.id),
        "kind": "program" if login.cookie_hash is None else "browser",
        "created_at": _to_second(login.created_ns),
        "last_used_at": _to_second(login.last_used_ns),
        "expires_at": _to_second(login.expires_ns),
        "address": login.address,
        "user_agent": login.user_agent,
        "is_current": str(login.id) == principal.credential_id,
    }


def _to_second(instant_ns: int) -> str:
    return format_rfc3339(instant_ns // SECOND_NS * SECOND_NS)


def add_routes(routes: Routes) -> None:
    """Add the routes of signing in and out."""
    base = "/api/v1/auth"
    public: dict[str, Any] = {"access": PUBLIC, "tag": _TAG, "fails": (401, 503)}
    own: dict[str, Any] = {"access": Scope.SELF_READ, "tag": _TAG, "fails": (404,)}
    write: dict[str, Any] = {"access": Scope.SELF_WRITE, "tag": _TAG, "fails": (404,)}
    routes.add("POST", f"{base}/login", log_in, audit="login.open", response_model=MeBody, **public)
    routes.add(
        "POST",
        f"{base}/tokens",
        issue_tokens,
        audit="login.open",
        response_model=TokensBody,
        **public,
    )
    routes.add("POST", f"{base}/refresh", refresh, response_model=TokensBody, **public)
    routes.add(
        "POST",
        f"{base}/setup",
        redeem_setup_link,
        audit="setup_link.redeem",
        status_code=204,
        **public,
    )
    routes.add("GET", f"{base}/jwks.json", get_key_set, response_model=KeySetBody, **public)
    routes.add("GET", f"{base}/me", get_me, response_model=MeBody, **own)
    routes.add("GET", f"{base}/sessions", list_sessions, response_model=SessionPage, **own)
    routes.add(
        "DELETE",
        f"{base}/sessions/{{session_id}}",
        end_session,
        audit="login.end",
        status_code=204,
        **write,
    )
    routes.add("POST", f"{base}/logout", log_out, audit="login.end", status_code=204, **write)
    routes.add(
        "PUT",
        f"{base}/password",
        change_password,
        audit="user.set_password",
        status_code=204,
        **write,
    )
