"""Structured logs: one JSON object a line, with level, time and correlation id.

Everything goes through one chain, the standard library's loggers (uvicorn, SQLAlchemy, Alembic)
included, so that a line looks the same whoever wrote it.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import orjson
import structlog

from strikewire.core.clock import Clock
from strikewire.core.instants import format_rfc3339
from strikewire.observability.correlation import correlation_id
from strikewire.observability.redaction import Redactor
from strikewire.observability.sampling import Sampler

EventDict = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What is logged, and how much of the same.

    Parameters
    ----------
    level : the standard library's names, `DEBUG` to `CRITICAL`.
    sample_burst : lines of one sampled event that pass in one interval; 0 means all.
    sample_interval_s : seconds.
    secrets : values that are blanked wherever they appear.
    """

    level: str = "INFO"
    sample_burst: int = 20
    sample_interval_s: float = 10.0
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


class _Stamp:
    """Adds the time and, where there is one, the correlation id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        event["timestamp"] = format_rfc3339(self._clock.now_ns())
        current = correlation_id.get()
        if current is not None:
            event.setdefault("correlation_id", current)
        return event


class _Sample:
    """Drops what its sampler does not admit: events that carry a `sample` key."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        key = event.pop("sample", None)
        if key is not None:
            suppressed = self._sampler.admit(str(key))
            if suppressed is None:
                raise structlog.DropEvent
            if suppressed:
                event["suppressed"] = suppressed
        return event


class _Redact:
    """Blanks secrets, the traceback's included: it comes after that has become text."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        for key, value in event.items():
            event[key] = self._redactor.redact_value(value, key)
        return event


def _render(_logger: Any, _method: str, event: EventDict) -> bytes:
    """Serialise; a value JSON does not know is shown as text rather than lost."""
    return orjson.dumps(dict(event), default=str, option=orjson.OPT_NON_STR_KEYS)


class _Forward(logging.Handler):
    """Hands the standard library's records to the same chain."""

    def emit(self, record: logging.LogRecord) -> None:
        event: dict[str, Any] = {"component": record.name}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        structlog.get_logger().log(max(record.levelno, 10), record.getMessage(), **event)


def configure_logging(config: LogConfig, *, clock: Clock, stream: BinaryIO) -> None:
    """Send every log line of this process to `stream`, as JSON.

    The one function here that touches the process; only a program's entry point calls it.
    """
    level = logging.getLevelNamesMapping()[config.level]
    sampler = Sampler(clock=clock, burst=config.sample_burst, interval_s=config.sample_interval_s)
    structlog.configure(
        processors=[
            _Sample(sampler),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _Redact(Redactor(config.secrets)),
            _Stamp(clock),
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Forward()]
    root.setLevel(level)
    # uvicorn repeats at INFO what our own start and stop lines say.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(level, logging.WARNING))
    # Alembic, SQLAlchemy and the HTTP client tell a debugger's story at INFO; SQLAlchemy tells that
    # of a pool class of ours under our name, which nothing else uses.
    for name in ("alembic", "httpcore", "httpx", "sqlalchemy", "strikewire"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger whose lines carry `component`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(component=name)
    return logger
