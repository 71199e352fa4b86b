"""Instants as REST callers write them, and how old a payload is."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from strikewire.core.clock import Clock
from strikewire.core.instants import SECOND_NS, format_rfc3339, from_date, parse_rfc3339

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
# `+05:30` in a query is a space unless the caller escaped it, and most do not.
_LOST_PLUS: Final = re.compile(r"(?<=\d) (?=\d{2}:\d{2}$)")


def parse_instant(text: Any) -> Any:
    """Parse RFC 3339, or a day, which means its 00:00Z, to nanoseconds.

    Raises
    ------
    ValueError : neither, or beyond what int64 nanoseconds hold.
    """
    if not isinstance(text, str):
        return text
    try:
        if _DAY.fullmatch(text):
            return from_date(date.fromisoformat(text))
        instant_ns = parse_rfc3339(_LOST_PLUS.sub("+", text))
    except (ValueError, OverflowError):
        msg = "an RFC 3339 time with an offset (2022-12-30T03:45:00Z), or a day, was wanted"
        raise ValueError(msg) from None
    return instant_ns


#: What is asked for most ends where the last session did.
_format_instant: Final = lru_cache(maxsize=1_024)(format_rfc3339)

#: Nanoseconds UTC inside, RFC 3339 outside. The bounds are what PostgreSQL and int64 both hold.
Instant = Annotated[int, BeforeValidator(parse_instant, json_schema_input_type=str)]


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
