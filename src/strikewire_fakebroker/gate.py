"""What every call passes: counted, limited, its headers checked, its refusal in an envelope."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from strikewire_fakebroker.errors import ErrorType, RefusalError
from strikewire_fakebroker.faults import Reject, Silence, Slow
from strikewire_fakebroker.limits import RateLimits
from strikewire_fakebroker.parts import BrokerParts

Handler = Callable[[Request], Awaitable[Response]]

#: In place of a status, where a caller was left waiting.
NO_ANSWER: Final = 0
_VERSION: Final = "3"
_SCHEME: Final = "token "
_TYPES: Final = {
    400: ErrorType.INPUT,
    403: ErrorType.TOKEN,
    429: ErrorType.NETWORK,
    500: ErrorType.GENERAL,
    502: ErrorType.DATA,
    503: ErrorType.NETWORK,
}


def answer(data: Any) -> Response:
    """Return a success as the broker writes it."""
    body = orjson.dumps({"status": "success", "data": data}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, media_type="application/json")


def refuse(error: RefusalError) -> Response:
    """Return a refusal as the broker writes it."""
    body = {"status": "error", "message": error.message, "error_type": error.error_type}
    return Response(orjson.dumps(body), status_code=error.status, media_type="application/json")


def find_credentials(request: Request) -> tuple[str, str]:
    """Return the key and the access token of `Authorization: token key:token`; empty without."""
    header = request.headers.get("authorization", "")
    key, _, token = header.removeprefix(_SCHEME).partition(":")
    return (key, token) if header.startswith(_SCHEME) else ("", "")


class Gate:
    """The way into every handler.

    Parameters
    ----------
    parts : see `BrokerParts`.
    limits : how often a call may come.
    """

    def __init__(self, parts: BrokerParts, *, limits: RateLimits) -> None:
        self._logins = parts.logins
        self._counters = parts.counters
        self._faults = parts.faults
        self._limits = limits

    def guard(self, kind: str, handler: Handler, *, is_public: bool = False) -> Handler:
        """Return a handler behind the gate.

        Parameters
        ----------
        kind : by what it is counted and limited; a kind without a limit of its own has `other`'s.
        is_public : it is asked before there is a session.
        """

        async def endpoint(request: Request) -> Response:
            self._counters.count_request(kind)
            try:
                self._check(kind, request, is_public=is_public)
                response = await handler(request)
            except RefusalError as error:
                response = refuse(error)
            slow = self._faults.take_of_call(Slow, kind)
            if slow is not None:
                await asyncio.sleep(slow.delay_s)
            if self._faults.take_of_call(Silence, kind) is not None:
                self._counters.count_answer(kind, NO_ANSWER)
                while (await request.receive())["type"] != "http.disconnect":
                    pass
            else:
                self._counters.count_answer(kind, response.status_code)
            return response

        return endpoint

    def _check(self, kind: str, request: Request, *, is_public: bool) -> None:
        rejected = self._faults.take_of_call(Reject, kind)
        if rejected is not None:
            status = rejected.status
            raise RefusalError(_TYPES[status], "Switched on by a test.", status=status)
        if not self._limits.take(kind):
            raise RefusalError(ErrorType.NETWORK, "Too many requests", status=429)
        if request.headers.get("x-kite-version") != _VERSION:
            raise RefusalError(ErrorType.INPUT, "Invalid or missing `X-Kite-Version` header.")
        if not is_public:
            self._logins.check(*find_credentials(request))
