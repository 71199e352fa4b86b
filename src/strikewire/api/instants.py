"""Instants as REST callers write them, and how old a payload is."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from strikewire.core.clock import Clock
from strikewire.core.instants import SECOND_NS, format_rfc3339, from_date, parse_rfc3339

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_LAST_NS: Final = 9_000_000_000 * SECOND_NS
# `+05:30` in a query is a space unless the caller escaped it, and most do not.
_LOST_PLUS: Final = re.compile(r"(?<=\d) (?=\d{2}:\d{2}$)")


def parse_instant(text: Any) -> int:
    """Parse RFC 3339, or a day, which means its 00:00Z, to nanoseconds.

    What no int64 holds is cut: nothing was traded before 1684, and the year 2255 is far.

    Raises
    ------
    ValueError : neither.
    """
    try:
        if _DAY.fullmatch(text):
            instant_ns = from_date(date.fromisoformat(text))
        else:
            instant_ns = parse_rfc3339(_LOST_PLUS.sub("+", text))
    except (TypeError, ValueError, OverflowError):
        msg = "an RFC 3339 time with an offset (2022-12-30T03:45:00Z), or a day, was wanted"
        raise ValueError(msg) from None
    return max(-_LAST_NS, min(_LAST_NS, instant_ns))


#: What is asked for most ends where the last session did.
_format_instant: Final = lru_cache(maxsize=1_024)(format_rfc3339)

#: Nanoseconds UTC inside, RFC 3339 outside.
Instant = Annotated[
    int,
    BeforeValidator(parse_instant),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 10,
            "maxLength": 40,
            "anyOf": [{"format": "date-time"}, {"format": "date"}],
            "examples": ["2022-12-30T03:45:00Z", "2022-12-30"],
        }
    ),
]


def _parse_day(text: Any) -> Any:
    # pydantic would take a number for seconds since 1970.
    if isinstance(text, str) and not _DAY.fullmatch(text):
        msg = "a day was wanted, YYYY-MM-DD"
        raise ValueError(msg)
    return text


#: A day, YYYY-MM-DD and nothing else.
Day = Annotated[date, BeforeValidator(_parse_day)]


def describe_freshness(as_of_ns: int | None, clock: Clock) -> dict[str, Any]:
    """Return `as_of` and `age_s` of a payload; both null when it tells of nothing.

    Parameters
    ----------
    as_of_ns : exchange time of the newest thing in it; 0 counts as nothing.
    """
    if not as_of_ns:
        return {"as_of": None, "age_s": None}
    return {
        "as_of": _format_instant(as_of_ns),
        "age_s": round(max(0, clock.now_ns() - as_of_ns) / SECOND_NS, 3),
    }
