"""`ETag`: what a representation is called, so that whoever has it need not be sent it again."""

from __future__ import annotations

import xxhash
from starlette.requests import Request
from starlette.responses import Response


def compute_etag(body: bytes) -> str:
    """Return the strong tag of a representation: the same bytes, the same tag, on any replica."""
    return f'"{xxhash.xxh3_128_hexdigest(body)}"'


def is_known(etag: str, header: str | None) -> bool:
    """Say whether an `If-None-Match` or `If-Match` names a tag (RFC 9110, 13.1)."""
    if header is None:
        return False
    tags = {each.strip().removeprefix("W/") for each in header.split(",")}
    return "*" in tags or etag in tags


def answer_conditionally(request: Request, response: Response) -> Response:
    """Give an answer its tag; answer 304 without a body to whoever has it already.

    Where it may be stored it is for its caller only: what somebody sees depends on who they are.
    """
    if response.status_code != 200:
        return response
    etag = compute_etag(bytes(response.body))
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if is_known(etag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response
