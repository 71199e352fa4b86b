from __future__ import annotations

import inspect
import json

import pytest
from starlette.exceptions import HTTPException

from strikewire.api.errors import describe, render
from strikewire.core import errors
from strikewire.core.clock import ManualClock
from strikewire.core.instants import SECOND_NS
from strikewire.observability.correlation import correlation_id

TREE = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, errors.StrikewireError)
]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.MalformedRequestError("m"), 400, "malformed_request"),
        (errors.NotAuthenticatedError("m"), 401, "not_authenticated"),
        (errors.NotPermittedError("m"), 403, "not_permitted"),
        (errors.UnknownSymbolError("m"), 404, "unknown_symbol"),
        (errors.UnsupportedMediaError("m"), 406, "not_acceptable"),
        (errors.DataDirectoryBusyError("m"), 409, "data_directory_busy"),
        (errors.InvalidInputError("m"), 422, "validation_failed"),
        (errors.RateLimitedError("m", retry_after_s=3), 429, "rate_limited"),
        (errors.DatabaseBusyError("m"), 503, "database_busy"),
        (errors.PoolExhaustedError("m"), 503, "pool_exhausted"),
        (HTTPException(405), 405, "method_not_allowed"),
        (HTTPException(413, "too long"), 413, "body_too_large"),
        (errors.HeadTooLargeError("m"), 431, "head_too_large"),
        (errors.UntrustedHostError("m"), 400, "untrusted_host"),
    ],
)
def test_error_has_its_status_and_code(error, status, code):
    failure = describe(error)

    assert (failure.status, failure.code) == (status, code)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_known_error_has_an_answer(kind):
    arguments = {"retry_after_s": 1.0} if issubclass(kind, errors.RateLimitedError) else {}

    failure = describe(kind("secret detail", **arguments))

    assert 400 <= failure.status < 600
    if failure.status == 500:
        assert "secret detail" not in failure.message


@pytest.mark.parametrize("error", [ZeroDivisionError("secret"), errors.SettingsError("secret")])
def test_bug_tells_nothing_of_itself(error):
    failure = describe(error)

    assert (failure.status, failure.code) == (500, "internal_error")
    assert "secret" not in failure.message


@pytest.mark.parametrize(("retry_after_s", "wanted"), [(0.0, "1"), (0.2, "1"), (2.5, "3")])
def test_outage_says_when_to_come_back_in_whole_seconds(retry_after_s, wanted):
    failure = describe(errors.DatabaseUnavailableError("gone", retry_after_s=retry_after_s))

    assert failure.headers["Retry-After"] == wanted


def test_body_is_the_one_error_body():
    token = correlation_id.set("abc")
    response = render(
        describe(errors.UnknownSymbolError("no such symbol", symbol="X")),
        clock=ManualClock(1_672_371_900 * SECOND_NS),
    )
    correlation_id.reset(token)

    assert response.status_code == 404
    assert json.loads(response.body) == {
        "error": {
            "code": "unknown_symbol",
            "message": "no such symbol",
            "details": {"symbol": "X"},
            "timestamp": "2022-12-30T03:45:00Z",
            "correlation_id": "abc",
        }
    }
