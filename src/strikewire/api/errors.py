"""From an error to an answer: the one place that knows statuses, and the one error body.

Whatever fails under REST, the body is
`{"error": {"code", "message", "details", "timestamp", "correlation_id"}}`. Programs compare `code`;
`message` is for people. A bug answers 500 and tells the caller its correlation id and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from strikewire.core import errors
from strikewire.core.clock import Clock
from strikewire.core.instants import format_rfc3339
from strikewire.observability.correlation import correlation_id
from strikewire.observability.logs import get_logger
from strikewire.observability.redaction import Redactor

_log: Final = get_logger("api")
# Messages and details repeat what the caller sent, and answers are logged on many a way.
_REDACTOR: Final = Redactor()

_STATUSES: Final[dict[type[errors.StrikewireError], int]] = {
    errors.MalformedRequestError: 400,
    errors.HeadTooLargeError: 431,
    errors.UnsupportedMediaError: 406,
    # A setting found wrong while a request is served is ours to mend, not the caller's.
    errors.SettingsError: 500,
    errors.InvalidInputError: 422,
    errors.NotAuthenticatedError: 401,
    errors.NotPermittedError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.RateLimitedError: 429,
    errors.DependencyError: 503,
    # True of the request, but nobody is logged in with the broker.
    errors.BrokerTokenError: 409,
    errors.BrokerUnavailableError: 503,
    errors.BrokerError: 502,
}

# Errors that the web framework raises by itself: its status, our code.
HTTP_CODES: Final = {
    400: errors.MalformedRequestError.code,
    404: errors.NotFoundError.code,
    405: "method_not_allowed",
    406: errors.UnsupportedMediaError.code,
    413: "body_too_large",
    415: "unsupported_media_type",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, ready to be told.

    Parameters
    ----------
    headers : `Retry-After`, `Allow`, `WWW-Authenticate`, where they belong.
    """

    status: int
    code: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def describe(error: Exception) -> Failure:
    """Turn any exception into what its caller may know. One we do not know is a bug: 500."""
    match error:
        case errors.StrikewireError():
            return _describe_known(error)
        case RequestValidationError():
            return _describe_validation(error.errors())
        case ValidationError():
            return _describe_validation(error.errors(include_url=False, include_context=False))
        case HTTPException():
            return _describe_http(error)
        case _:
            return _bug()


def _describe_known(error: errors.StrikewireError) -> Failure:
    status = next(
        (_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES),
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _bug()
    headers: dict[str, str] = {}
    if isinstance(
        error, errors.RateLimitedError | errors.DependencyError | errors.BrokerUnavailableError
    ):
        # Whole seconds, and never 0: a client that comes back at once helps nobody.
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, errors.HeadTooLargeError):
        # The rest of it is still on its way, and nobody will read it.
        headers["Connection"] = "close"
    if isinstance(error, errors.NotAuthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    return Failure(status, error.code, error.message, error.details, headers)


def _describe_validation(found: Sequence[Any]) -> Failure:
    if any(each["type"] == "json_invalid" for each in found):
        return Failure(
            400, errors.MalformedRequestError.code, "the body is not valid JSON",
            {"reason": str(found[0].get("ctx", {}).get("error", found[0]["msg"]))},
        )  # fmt: skip
    faults = [
        {
            "field": ".".join(str(part) for part in each["loc"]) or "query",
            "message": each["msg"],
            "type": each["type"],
        }
        for each in found
    ]
    first = faults[0]
    return Failure(
        422, errors.InvalidInputError.code, f"{first['field']}: {first['message']}",
        {"errors": faults},
    )  # fmt: skip


def _describe_http(error: HTTPException) -> Failure:
    status = error.status_code
    message = error.detail
    if message == HTTPStatus(status).phrase:
        message = {
            404: "there is no such route",
            405: "the route does not answer this method",
        }.get(status, message.lower())
    code = HTTP_CODES.get(status, errors.StrikewireError.code)
    return Failure(status, code, message, {}, dict(error.headers or {}))


def _bug() -> Failure:
    return Failure(500, errors.StrikewireError.code, "something went wrong on our side")


def log_failure(error: Exception, failure: Failure, **context: Any) -> None:
    """Write a bug with its traceback, and an outage in one line of which not all are shown."""
    if failure.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request failed", exc_info=error, **context)
    elif failure.status == HTTPStatus.SERVICE_UNAVAILABLE:
        _log.warning(
            "dependency failed",
            code=failure.code,
            reason=str(error),
            sample=failure.code,
            **context,
        )


def render(failure: Failure, *, clock: Clock) -> Response:
    """Write the one error body."""
    body = {
        "error": {
            "code": failure.code,
            "message": _REDACTOR.redact_text(failure.message),
            "details": _REDACTOR.redact_value(failure.details),
            "timestamp": format_rfc3339(clock.now_ns()),
            "correlation_id": correlation_id.get(),
        }
    }
    return Response(
        orjson.dumps(body, default=str),
        status_code=failure.status,
        headers=dict(failure.headers),
        media_type="application/json",
    )
