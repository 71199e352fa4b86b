"""`Idempotency-Key`: a creating request that is sent twice creates once, and is answered alike.

A route that creates takes `once: OnceDep` and hands it what it would do::

    async def create_user(once: OnceDep, runtime: RuntimeDep, body: NewUser) -> Response:
        async def create(session: WriteSession) -> Created:
            user = await runtime.users.create(session, body.name)
            return Created(describe(user), location=f"/api/v1/users/{user.id}")

        return await once.create(create)

The effect and the note that it was done are one transaction. The key is the caller's, and optional.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import Depends, Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from strikewire.api.deps import PrincipalDep, RuntimeDep
from strikewire.auth.principal import Principal
from strikewire.live.idempotency import Idempotency, Outcome
from strikewire.store.database import WriteSession
from strikewire.store.idempotency import Answer, IdempotentRequest

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="Chosen by the caller for this one effect, a UUID for instance. Sent again "
        "with the same body it creates nothing and gives the first answer; what was to be shown "
        "once is null in it.",
    ),
]


@dataclass(frozen=True, slots=True)
class Created:
    """What was created.

    Parameters
    ----------
    location : where it is.
    concealed : fields of the body that are shown once. They are not kept: whoever sends the
        request again gets null in their place.
    """

    body: BaseModel
    location: str
    concealed: frozenset[str] = frozenset()


class Once:
    """Creates, once for each key.

    Parameters
    ----------
    request : None when the caller chose no key.
    """

    def __init__(self, idempotency: Idempotency, request: IdempotentRequest | None) -> None:
        self._idempotency = idempotency
        self._request = request

    async def create(self, effect: Callable[[WriteSession], Awaitable[Created]]) -> Response:
        """Run the effect in a transaction and answer 201; or give the answer given before.

        Raises
        ------
        IdempotencyKeyBusyError : the first request with this key is still under way.
        IdempotencyKeyReusedError : the key was used before, with another body.
        """

        async def perform(session: WriteSession) -> Outcome:
            created = await effect(session)
            whole = created.body.model_dump(mode="json", by_alias=True)
            kept = whole | dict.fromkeys(created.concealed)
            return Outcome(
                Answer(201, orjson.dumps(whole), created.location),
                Answer(201, orjson.dumps(kept), created.location),
            )

        answer, is_repeated = await self._idempotency.perform(self._request, perform)
        headers = {"Cache-Control": "no-store"}
        if answer.location is not None:
            headers["Location"] = answer.location
        if is_repeated:
            headers["Idempotency-Replayed"] = "true"
        return Response(
            answer.body,
            status_code=answer.status,
            headers=headers,
            media_type="application/json",
        )


async def make_once(
    request: Request, runtime: RuntimeDep, principal: PrincipalDep, key: IdempotencyKey = None
) -> Once:
    """Return what creates once for this request."""
    return Once(runtime.idempotency, await _describe(request, principal, key))


async def _describe(
    request: Request, principal: Principal, key: str | None
) -> IdempotentRequest | None:
    if key is None:
        return None
    # By what it says, not by its spelling: a client that writes its fields in another order the
    # second time asks for the same.
    body = await request.json() if await request.body() else None
    return IdempotentRequest(
        principal=principal.subject,
        route=f"{request.method} {request.url.path}",
        key=key,
        body_hash=hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest(),
    )


OnceDep = Annotated[Once, Depends(make_once)]
