"""One call to the broker: paced, bounded, and what goes wrong as an error of ours.

Nothing the broker says is believed: no redirect is followed, an answer is read up to a length and
for a time, and what it says of itself is text for people, cut short and without our secrets in it.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import httpx
import numpy as np
import orjson

from strikewire import __version__
from strikewire.core import errors
from strikewire.feeds.kite.access_tokens import AccessToken
from strikewire.feeds.kite.config import CallKind, KiteRestConfig
from strikewire.observability.logs import get_logger
from strikewire.observability.redaction import REDACTED
from strikewire.resilience.backoff import compute_delay
from strikewire.resilience.pacer import Pacer

_log: Final = get_logger("kite")

#: By the name the broker gives. https://kite.trade/docs/connect/v3/exceptions/
_KINDS: Final[Mapping[str, type[errors.BrokerError]]] = MappingProxyType(
    {
        "TokenException": errors.BrokerTokenError,
        "PermissionException": errors.BrokerPermissionError,
        "UserException": errors.BrokerUserError,
        "TwoFAException": errors.BrokerUserError,
        "InputException": errors.BrokerInputError,
        "OrderException": errors.BrokerOrderError,
        "MarginException": errors.BrokerOrderError,
        "HoldingException": errors.BrokerOrderError,
        "DataException": errors.BrokerDataError,
        "NetworkException": errors.BrokerNetworkError,
        "GeneralException": errors.BrokerGeneralError,
    }
)
#: By the status, where its body names none: a gateway's page, say.
_STATUSES: Final[Mapping[int, type[errors.BrokerError]]] = MappingProxyType(
    {
        400: errors.BrokerInputError,
        500: errors.BrokerGeneralError,
        502: errors.BrokerDataError,
        503: errors.BrokerNetworkError,
        504: errors.BrokerNetworkError,
    }
)
_TOO_MANY: Final = 429
_MAX_MESSAGE_CHARACTERS: Final = 200
_MAX_RETRY_AFTER_S: Final = 60.0
_MAX_RETRY_AFTER_DIGITS: Final = 10
#: A window of zlib that reads gzip's header too.
_GZIP_BITS: Final = 31
_CONNECTIONS: Final = 8


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked.

    Parameters
    ----------
    path : below the root, with a leading slash.
    max_bytes : the longest answer that is read, decompressed.
    patience : how many times the usual time the whole answer may take.
    """

    kind: CallKind
    path: str
    max_bytes: int
    query: tuple[tuple[str, str], ...] = ()
    patience: int = 1


@dataclass(slots=True)
class CallFigures:
    """What was asked so far.

    Parameters
    ----------
    outcomes : calls by their kind and what came of them: `ok`, or an error's code.
    bad_rows : rows that were left out, by what they are rows of.
    """

    outcomes: Counter[tuple[CallKind, str]] = field(default_factory=Counter)
    bad_rows: Counter[str] = field(default_factory=Counter)


class KiteTransport:
    """Asks, one call at a time for each place the broker's limits leave.

    Parameters
    ----------
    rng : jitters the waits between attempts.
    """

    def __init__(self, *, config: KiteRestConfig, rng: np.random.Generator) -> None:
        self._config = config
        self._rng = rng
        self._pacers = {kind: Pacer(config.paces[kind]) for kind in CallKind}
        self.figures = CallFigures()
        self._client = httpx.AsyncClient(
            base_url=config.url,
            timeout=httpx.Timeout(config.timeout_s),
            limits=httpx.Limits(max_connections=_CONNECTIONS, keepalive_expiry=30.0),
            follow_redirects=False,
            headers={
                "X-Kite-Version": "3",
                "User-Agent": f"strikewire/{__version__}",
                # What we can unpack within a bound.
                "Accept-Encoding": "gzip",
            },
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    def count_waiting(self) -> dict[str, int]:
        """Return how many calls of each kind wait for their turn."""
        return {kind.value: pacer.waiting for kind, pacer in self._pacers.items()}

    async def get(self, call: Call, token: AccessToken) -> bytes:
        """Ask for something, again where that may help; return the body.

        Raises
        ------
        BrokerError : as the broker says, or because nothing that can be used came back.
        """
        headers = {"Authorization": f"token {token.api_key}:{token.value}"}
        secrets = (token.api_key, token.value)
        attempt = 0
        while True:
            request = self._client.build_request(
                "GET", call.path, params=httpx.QueryParams(list(call.query)), headers=headers
            )
            try:
                return await self._ask(call, request, secrets)
            except errors.BrokerUnavailableError as error:
                attempt += 1
                if attempt >= self._config.attempts:
                    raise
                delay_s = max(
                    compute_delay(self._config.backoff, attempt - 1, self._rng),
                    error.retry_after_s,
                )
                _log.warning(
                    "asked again",
                    path=call.path,
                    attempt=attempt,
                    reason=str(error),
                    delay_s=round(delay_s, 3),
                    sample="asked again",
                )
            await asyncio.sleep(delay_s)

    async def post(self, call: Call, form: Mapping[str, str], *, secret: str) -> bytes:
        """Send a form, once: whether it had an effect is not known before its answer is here.

        Parameters
        ----------
        form : no value of it is ever told of.
        secret : neither is this, which the broker knows without being sent it.

        Raises
        ------
        BrokerError : as in `get`.
        """
        request = self._client.build_request("POST", call.path, data=dict(form))
        return await self._ask(call, request, (secret, *form.values()))

    async def _ask(self, call: Call, request: httpx.Request, secrets: Iterable[str]) -> bytes:
        try:
            async with self._pacers[call.kind].turn():
                body = await self._send(call, request, secrets)
        except errors.BrokerError as error:
            self.figures.outcomes[call.kind, error.code] += 1
            if isinstance(error, errors.BrokerRateLimitError):
                self._pacers[call.kind].pause(error.retry_after_s)
            raise
        self.figures.outcomes[call.kind, "ok"] += 1
        return body

    async def _send(self, call: Call, request: httpx.Request, secrets: Iterable[str]) -> bytes:
        allowed_s = self._config.answer_s * call.patience
        try:
            async with asyncio.timeout(allowed_s):
                response = await self._client.send(request, stream=True)
                try:
                    body = await _read(response, call.max_bytes)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            msg = f"{call.path}: the whole answer was wanted within {allowed_s:g} s"
            raise errors.BrokerNetworkError(msg, retry_after_s=self._config.busy_s) from error
        except httpx.HTTPError as error:
            # The library's error holds the request, its headers included: only its kind is told.
            msg = f"{call.path}: no answer from the broker ({type(error).__name__})"
            raise errors.BrokerNetworkError(msg, retry_after_s=self._config.busy_s) from None
        if response.status_code != httpx.codes.OK:
            raise self._describe(call, response, body, secrets)
        return body

    def _describe(
        self, call: Call, response: httpx.Response, body: bytes, secrets: Iterable[str]
    ) -> errors.BrokerError:
        """Return an answer that is none, as an error."""
        status = response.status_code
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError:
            found = None
        said = found if isinstance(found, dict) else {}
        # Not JSON, or JSON of anybody: what names no error of the broker's goes by the status.
        kind = _KINDS.get(str(said.get("error_type")), _STATUSES.get(status))
        if status == _TOO_MANY:
            kind = errors.BrokerRateLimitError
        reason = _quote(said.get("message"), secrets)
        if kind is None:
            msg = f"{call.path}: an answer of the broker's was wanted, was a {status}{reason}"
            return errors.BrokerAnswerError(msg, status=status)
        msg = f"{call.path}: the broker answers {status}{reason}"
        if issubclass(kind, errors.BrokerUnavailableError):
            waits_s = _find_retry_after_s(response) or self._config.busy_s
            return kind(msg, retry_after_s=waits_s, status=status)
        return kind(msg, status=status)


def read_data(body: bytes, call: Call) -> Any:
    """Return what an answer in JSON holds.

    Raises
    ------
    BrokerError : it is none, or says that it is an error.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        msg = f"{call.path}: JSON was wanted, and what came is not"
        raise errors.BrokerAnswerError(msg) from error
    if not isinstance(found, dict) or found.get("status") != "success" or "data" not in found:
        msg = f"{call.path}: data were wanted, and the broker's answer has none"
        raise errors.BrokerAnswerError(msg)
    return found["data"]


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    """Read a body, unpacked as it comes and never further than the limit."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        msg = f"an answer in gzip or plain was wanted, was {encoding[:32]!r}"
        raise errors.BrokerAnswerError(msg)
    unpack = zlib.decompressobj(_GZIP_BITS) if encoding == "gzip" else None
    found = bytearray()
    async for piece in response.aiter_raw():
        try:
            found += piece if unpack is None else unpack.decompress(piece, max_bytes + 1)
        except zlib.error as error:
            msg = "an answer in gzip was wanted, and what came is not"
            raise errors.BrokerAnswerError(msg) from error
        if len(found) > max_bytes:
            msg = f"an answer of at most {max_bytes} bytes was wanted, and more came"
            raise errors.BrokerAnswerError(msg)
    if unpack is not None and not unpack.eof:
        msg = "the answer ends before it is complete"
        raise errors.BrokerNetworkError(msg)
    return bytes(found)


def _quote(message: Any, secrets: Iterable[str]) -> str:
    if not isinstance(message, str) or not message:
        return ""
    for secret in secrets:
        message = message.replace(secret, REDACTED)
    printable = "".join(each if each.isprintable() else " " for each in message)
    return f": {printable[:_MAX_MESSAGE_CHARACTERS]}"


def _find_retry_after_s(response: httpx.Response) -> float | None:
    """Return how long the broker wants us to wait; None where it does not say."""
    said = response.headers.get("Retry-After", "")
    # The other form, a date, would need its clock and ours to agree.
    is_number = said.isdecimal() and len(said) < _MAX_RETRY_AFTER_DIGITS
    return min(float(said), _MAX_RETRY_AFTER_S) if is_number else None
