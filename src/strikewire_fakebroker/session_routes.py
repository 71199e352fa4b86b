"""Login, logout, profile."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from strikewire.core.instants import to_datetime
from strikewire_fakebroker.board import IST
from strikewire_fakebroker.errors import ErrorType, RefusalError
from strikewire_fakebroker.gate import Gate, answer, refuse
from strikewire_fakebroker.parts import BrokerParts

_PROFILE: Final[dict[str, Any]] = {
    "user_id": "FK0001",
    "user_type": "individual",
    "email": "nobody@example.com",
    "user_name": "Nobody There",
    "user_shortname": "Nobody",
    "broker": "FAKE",
    "exchanges": ["NSE", "NFO", "BSE", "BFO", "CDS", "BCD", "MCX"],
    "products": ["CNC", "NRML", "MIS"],
    "order_types": ["MARKET", "LIMIT", "SL", "SL-M"],
    "avatar_url": None,
    "meta": {"demat_consent": "physical"},
}


class SessionRoutes:
    """What is asked about a session.

    Parameters
    ----------
    parts : see `BrokerParts`; a login is stamped with the market's time.
    """

    def __init__(self, parts: BrokerParts) -> None:
        self._config = parts.config
        self._logins = parts.logins
        self._time = parts.time

    def list_routes(self, gate: Gate) -> list[Route]:
        """Return the routes, behind the gate."""
        exchange = gate.guard("session", self._exchange, is_public=True)
        end = gate.guard("session", self._end)
        return [
            Route("/connect/login", self._log_in, methods=["GET"]),
            Route("/session/token", exchange, methods=["POST"]),
            Route("/session/token", end, methods=["DELETE"]),
            Route("/user/profile", gate.guard("profile", self._tell_profile), methods=["GET"]),
        ]

    async def _log_in(self, request: Request) -> Response:
        """Lead back to the application, as after the user has typed the password."""
        query = request.query_params
        try:
            token = self._logins.begin(query.get("api_key", ""))
        except RefusalError as error:
            return refuse(error)
        told = {"action": "login", "type": "login", "status": "success", "request_token": token}
        parts = urlsplit(self._config.redirect_url)
        asked = parse_qsl(query.get("redirect_params", ""))
        target = parts._replace(query=urlencode([*parse_qsl(parts.query), *told.items(), *asked]))
        return RedirectResponse(urlunsplit(target), status_code=302)

    async def _exchange(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        asked = {name: form.get(name, "") for name in ("api_key", "request_token", "checksum")}
        for name, value in asked.items():
            if not value:
                raise RefusalError(ErrorType.INPUT, f"Missing `{name}`.")
        token = self._logins.exchange(*asked.values())
        moment = to_datetime(self._time.now_ns()).astimezone(IST)
        return answer(
            _PROFILE
            | {
                "api_key": asked["api_key"],
                "access_token": token,
                "public_token": "",
                "enctoken": "",
                "refresh_token": "",
                "silo": "",
                "login_time": f"{moment:%Y-%m-%d %H:%M:%S}",
            }
        )

    async def _end(self, request: Request) -> Response:
        query = request.query_params
        self._logins.end(query.get("api_key", ""), query.get("access_token", ""))
        return answer(data=True)

    async def _tell_profile(self, request: Request) -> Response:
        del request
        return answer(_PROFILE)
