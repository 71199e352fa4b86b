"""`/api/v1/keys`: the keys that programs show who they are with."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Response
from pydantic import Field, model_validator

from strikewire.api import schemas
from strikewire.api.deps import ActorDep, PrincipalDep, RuntimeDep
from strikewire.api.idempotency import Created, OnceDep
from strikewire.api.instants import Instant
from strikewire.api.routes import Routes
from strikewire.auth.api_keys import DEFAULT_LIFETIME_DAYS, MAX_LIFETIME_DAYS, KeyWish
from strikewire.auth.owners import require_keeper
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Scope
from strikewire.core.api_keys import ApiKey, KeyStatus
from strikewire.core.users import UserId
from strikewire.store.api_keys import KeyFilter
from strikewire.store.database import WriteSession

_TAG = "keys"
_PATH = "/api/v1/keys/{key_id}"
_MAX_USER_ID = 2**31 - 1

KeyId = Annotated[
    str, Path(pattern=r"^[0-9A-Za-z]{1,32}$", description="The part of the key that is no secret.")
]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Networks = Annotated[
    tuple[Annotated[str, Field(max_length=64)], ...],
    Field(
        max_length=32,
        description="Addresses and networks from where the key is taken; none: from anywhere.",
        examples=[["192.0.2.0/24"]],
    ),
]
Scopes = Annotated[
    frozenset[Scope],
    Field(
        min_length=1,
        max_length=len(Scope),
        description="What it may do: not more than its owner, and never `keys:write`, `self:write` "
        "or `users:write`.",
        examples=[["bars:read", "instruments:read"]],
    ),
]


class NewKey(schemas.Body):
    """A key that is wanted."""

    name: Name = Field(examples=["nightly export"])
    scopes: Scopes | None = Field(
        default=None, description="By default all that its owner may do and a key may have."
    )
    networks: Networks = ()
    expires_at: Instant | None = Field(
        default=None,
        description=f"RFC 3339, at most {MAX_LIFETIME_DAYS} days from now; by default "
        f"{DEFAULT_LIFETIME_DAYS} days from now.",
    )
    user_id: int | None = Field(
        default=None,
        ge=1,
        le=_MAX_USER_ID,
        description="Whose it is to be, by default one's own; another's needs `users:write`.",
    )


class KeyChanges(schemas.Body):
    """What is to be different; what is not named stays."""

    name: Name | None = None
    scopes: Scopes | None = None
    networks: Networks | None = None
    expires_at: Instant | None = None

    @model_validator(mode="after")
    def _check_any(self) -> KeyChanges:
        if not self.list_changes():
            msg = "at least one of name, scopes, networks and expires_at was wanted"
            raise ValueError(msg)
        return self

    def list_changes(self) -> dict[str, Any]:
        """Return what was named, as `ApiKeys.change` takes it. Null stands for not named."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        changes = {name: value for name, value in given.items() if value is not None}
        if "expires_at" in changes:
            changes["expires_ns"] = changes.pop("expires_at")
        return changes


class KeyBody(schemas.Body):
    """What is known of a key. Its secret is not."""

    id: str = Field(examples=["7hTq2LmX9cRd"])
    user_id: int = Field(description="Its owner.")
    name: str
    scopes: list[str] = Field(
        description="What it was allowed; what its owner has lost since it cannot do."
    )
    networks: list[str]
    status: KeyStatus
    created_at: str
    expires_at: str
    revoked_at: str | None
    last_used_at: str | None = Field(description="Up to a minute behind.")
    last_used_address: str | None


class NewKeyBody(KeyBody):
    """A key that was just made."""

    key: str | None = Field(
        description="The key itself, shown this once; null when the request was a repeated one.",
        examples=["swk_7hTq2LmX9cRd_..."],
    )


class KeyPage(schemas.Body):
    """Some of the keys, and how many there are."""

    items: list[KeyBody]
    total: int
    limit: int
    offset: int


class KeyQuery(schemas.Query):
    """Which keys."""

    user_id: int | None = Field(
        default=None,
        ge=1,
        le=_MAX_USER_ID,
        description="Whose, by default one's own; another's needs `users:write`.",
    )
    include_revoked: bool = False
    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


async def create_key(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    _query: Annotated[schemas.Query, Query()],
    wanted: NewKey,
) -> Response:
    """Make a key. This answer shows it; nobody can show it again.

    It may do what is in `scopes`, for as long as its owner may. A key cannot make another one.
    """
    wish = KeyWish(
        name=wanted.name,
        scopes=wanted.scopes,
        networks=wanted.networks,
        expires_ns=wanted.expires_at,
    )
    user_id = None if wanted.user_id is None else UserId(wanted.user_id)

    async def create(session: WriteSession) -> Created:
        made = await runtime.keys.create(
            session, wish, principal=principal, actor=actor, user_id=user_id
        )
        body = NewKeyBody(**made.key.to_json(runtime.clock.now_ns()), key=made.text.text)
        return Created(body, f"/api/v1/keys/{made.key.id}", concealed=frozenset({"key"}))

    return await once.create(create)


async def list_keys(
    runtime: RuntimeDep, principal: PrincipalDep, query: Annotated[KeyQuery, Query()]
) -> dict[str, Any]:
    """List keys, the newest first: one's own, or another user's."""
    owner = _find_listed(principal, query.user_id)
    found: list[ApiKey] = []
    total = 0
    if owner is not None:
        wanted = KeyFilter(owner, is_revoked_included=query.include_revoked)
        found, total = await runtime.keys.list_page(wanted, limit=query.limit, offset=query.offset)
    now_ns = runtime.clock.now_ns()
    return {
        "items": [key.to_json(now_ns) for key in found],
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
    }


async def get_key(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    key_id: KeyId,
    _query: Annotated[schemas.Query, Query()],
) -> dict[str, Any]:
    """Show a key that is not revoked."""
    key = await runtime.keys.get(key_id, principal=principal)
    return key.to_json(runtime.clock.now_ns())


async def change_key(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    key_id: KeyId,
    _query: Annotated[schemas.Query, Query()],
    changes: KeyChanges,
) -> dict[str, Any]:
    """Change a key's name, scopes, networks or expiry; its secret stays what it is.

    In force in this process at once, and in others within half a second.
    """
    key = await runtime.keys.change(
        key_id, changes.list_changes(), principal=principal, actor=actor
    )
    return key.to_json(runtime.clock.now_ns())


async def revoke_key(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    key_id: KeyId,
    _query: Annotated[schemas.Query, Query()],
) -> None:
    """End a key for good: at once in this process, in others within half a second.

    Sockets that it opened are closed within a minute.
    """
    await runtime.keys.revoke(key_id, principal=principal, actor=actor)


def _find_listed(principal: Principal, user_id: int | None) -> UserId | None:
    """Return whose keys are listed; None: nobody's, for the caller has no account."""
    if user_id is None or user_id == principal.user_id:
        return principal.user_id
    require_keeper(principal)
    return UserId(user_id)


def add_routes(routes: Routes) -> None:
    """Add the keys' routes."""
    routes.add(
        "GET", "/api/v1/keys", list_keys,
        access=Scope.KEYS_READ, tag=_TAG, response_model=KeyPage,
    )  # fmt: skip
    routes.add(
        "POST", "/api/v1/keys", create_key, audit="api_key.create",
        access=Scope.KEYS_WRITE, tag=_TAG, response_model=NewKeyBody, status_code=201, fails=(404,),
    )  # fmt: skip
    routes.add(
        "GET", _PATH, get_key,
        access=Scope.KEYS_READ, tag=_TAG, response_model=KeyBody,
    )  # fmt: skip
    routes.add(
        "PATCH", _PATH, change_key, audit="api_key.change",
        access=Scope.KEYS_WRITE, tag=_TAG, response_model=KeyBody,
    )  # fmt: skip
    routes.add(
        "DELETE", _PATH, revoke_key, audit="api_key.revoke",
        access=Scope.KEYS_WRITE, tag=_TAG, status_code=204,
    )  # fmt: skip
