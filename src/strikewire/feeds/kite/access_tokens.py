"""Access tokens: what a login gives, and what it is given for."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from strikewire.core.errors import BrokerAnswerError, InvalidInputError
from strikewire.core.instants import MICROSECOND_NS, from_datetime, to_datetime
from strikewire.feeds.kite.config import BROKER_ZONE, KiteKeys

#: What stands in a header and in a URL: nothing that could end either.
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_MAX_USER_CHARACTERS: Final = 64


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What opens the broker's interface until the next morning.

    Parameters
    ----------
    api_key : of the application it was given to; a token is no good with another one.
    user_id : whose login it is, as the broker names them.
    issued_ns : when it came.
    dies_ns : when the broker ends it.
    """

    api_key: str = field(repr=False)
    value: str = field(repr=False)
    user_id: str
    issued_ns: int
    dies_ns: int


def make_login_url(login_url: str, api_key: str, *, state: str | None = None) -> str:
    """Return where somebody logs in; the broker sends them on to the application's own URL.

    Source: https://kite.trade/docs/connect/v3/user/#login-flow

    Parameters
    ----------
    state : comes back with them, so that the page knows the login it began.
    """
    query = {"v": "3", "api_key": api_key}
    if state is not None:
        query["redirect_params"] = urlencode({"state": state})
    return f"{login_url}?{urlencode(query)}"


def make_session_form(request_token: str, keys: KiteKeys) -> dict[str, str]:
    """Return what a request token is exchanged with: the secret itself never leaves.

    Raises
    ------
    InvalidInputError : it is no request token.
    """
    if not _WORD.fullmatch(request_token):
        msg = (
            "a request token was wanted: letters, digits, - and _, as the broker's redirect has it"
        )
        raise InvalidInputError(msg)
    checksum = hashlib.sha256((keys.api_key + request_token + keys.api_secret).encode())
    return {
        "api_key": keys.api_key,
        "request_token": request_token,
        "checksum": checksum.hexdigest(),
    }


def parse_session(data: Any, *, api_key: str, now_ns: int, dies_at: time) -> AccessToken:
    """Read what the broker gives for a request token.

    Raises
    ------
    BrokerAnswerError : there is no token in it that could be used.
    """
    found = data if isinstance(data, dict) else {}
    value, user_id = found.get("access_token"), found.get("user_id")
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        msg = "an access token was wanted, and the broker's answer has none that could be used"
        raise BrokerAnswerError(msg)
    if (
        not isinstance(user_id, str)
        or not 0 < len(user_id) <= _MAX_USER_CHARACTERS
        or not user_id.isprintable()
    ):
        msg = "the user's name was wanted, and the broker's answer has none that could be used"
        raise BrokerAnswerError(msg)
    # To the microsecond, as it is stored: one login is the same in every program.
    issued_ns = now_ns - now_ns % MICROSECOND_NS
    return AccessToken(api_key, value, user_id, issued_ns, compute_death_ns(issued_ns, dies_at))


def compute_death_ns(issued_ns: int, dies_at: time) -> int:
    """Return when a token that was issued at an instant dies: the next time it is that late."""
    issued = to_datetime(issued_ns).astimezone(BROKER_ZONE)
    death = datetime.combine(issued.date(), dies_at, BROKER_ZONE)
    return from_datetime(death if death > issued else death + timedelta(days=1))
