"""`/api/v1/auth/stream-tickets`: what opens one socket, for clients that can send no header."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import PrincipalDep, RuntimeDep
from strikewire.api.routes import Routes
from strikewire.auth.scopes import Scope
from strikewire.core.instants import format_rfc3339


class StreamTicketBody(schemas.Body):
    """A ticket. It is shown here and nowhere else."""

    ticket: str = Field(
        description="For `?ticket=` of a socket, or its first message; good once.",
        examples=["swt_..."],
    )
    expires_at: str = Field(description="RFC 3339: until when a socket has to be opened with it.")


async def create_stream_ticket(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    response: Response,
    _query: Annotated[schemas.Query, Query()],
) -> dict[str, Any]:
    """Give a ticket that opens one socket within thirty seconds, with what the caller may do.

    The socket ends when the credential does with which the ticket was asked for.
    """
    ticket = await runtime.tickets.issue(principal)
    response.headers["Cache-Control"] = "no-store"
    return {"ticket": ticket.text, "expires_at": format_rfc3339(ticket.expires_ns)}


def add_routes(routes: Routes) -> None:
    """Add the tickets' route."""
    routes.add(
        "POST", "/api/v1/auth/stream-tickets", create_stream_ticket,
        access=Scope.STREAMS_OPEN, tag="auth", response_model=StreamTicketBody, status_code=201,
    )  # fmt: skip
