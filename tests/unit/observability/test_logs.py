from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from strikewire.core.clock import ManualClock
from strikewire.core.instants import SECOND_NS
from strikewire.observability.correlation import accept_correlation_id, correlation_id
from strikewire.observability.logs import LogConfig, configure_logging, get_logger
from strikewire.observability.sampling import Sampler


@pytest.fixture
def lines():
    """Log into memory; afterwards leave the process's logging as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("uvicorn", "alembic", "sqlalchemy")}
    stream = io.BytesIO()
    clock = ManualClock(1_672_371_900 * SECOND_NS)
    configure_logging(LogConfig(sample_burst=2), clock=clock, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level
    for name, previous in levels.items():
        logging.getLogger(name).setLevel(previous)


def test_line_has_level_time_and_correlation_id(lines):
    token = correlation_id.set("abc-1")
    get_logger("test").info("something happened", count=3)
    correlation_id.reset(token)

    assert lines() == [
        {
            "event": "something happened",
            "component": "test",
            "count": 3,
            "level": "info",
            "timestamp": "2022-12-30T03:45:00Z",
            "correlation_id": "abc-1",
        }
    ]


def test_line_below_the_level_is_not_written(lines):
    get_logger("test").debug("detail")

    assert lines() == []


def test_standard_library_lines_go_through_the_same_chain(lines):
    logging.getLogger("some.library").warning("cannot reach %s", "host")

    (line,) = lines()
    assert (line["event"], line["component"], line["level"]) == (
        "cannot reach host",
        "some.library",
        "warning",
    )


def test_exception_is_logged_with_its_traceback(lines):
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        get_logger("test").exception("failed")

    assert "ZeroDivisionError" in lines()[0]["exception"]


@pytest.mark.promise("S17")
def test_secrets_are_blanked(lines):
    get_logger("test").info(
        "connecting", url="postgresql://desk:canary@db/strikewire", api_key="canary"
    )

    (line,) = lines()
    assert "canary" not in json.dumps(line)
    assert line["url"] == "postgresql://desk:***@db/strikewire"


@pytest.mark.promise("S17")
def test_secret_in_a_traceback_is_blanked(lines):
    try:
        int("postgresql://desk:canary@db/strikewire")
    except ValueError:
        get_logger("test").exception("failed")

    assert "ValueError" in lines()[0]["exception"]
    assert "canary" not in lines()[0]["exception"]


def test_sampled_event_is_cut_off_after_its_burst(lines):
    for _ in range(5):
        get_logger("test").info("noisy", sample="noisy")

    assert len(lines()) == 2
    assert "sample" not in lines()[0]


def test_sampler_reports_what_it_suppressed_in_the_next_interval():
    clock = ManualClock()
    sampler = Sampler(clock=clock, burst=1, interval_s=10.0)

    admitted = [sampler.admit("a") for _ in range(3)]
    clock.advance(10 * SECOND_NS)

    assert admitted == [0, None, None]
    assert sampler.admit("a") == 2
    assert sampler.admit("b") == 0


@pytest.mark.parametrize("offered", [None, "", "a b", "x" * 129, "a\nb", "<script>"])
def test_correlation_id_unfit_to_pass_on_is_replaced(offered):
    assert accept_correlation_id(offered) != offered


def test_correlation_id_fit_to_pass_on_is_kept():
    assert accept_correlation_id("4bf92f35-77b3:1") == "4bf92f35-77b3:1"
