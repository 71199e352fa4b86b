"""Write the holidays that a maintained library knows into the packaged market rules.

    python -m tools.seed_market_rules            writes src/strikewire/reference/rules/seeded.toml
    python -m tools.seed_market_rules --check    says whether the file is what it would write

Needs the group `seed` of pyproject.toml. The library is not there at run time: it brings pandas,
and what it says must not change under a running server.

Why pandas_market_calendars and not exchange_calendars, on which it is built: the latter's XBOM has
no Muhurat evening (2025-10-21 is a plain holiday there) and begins in 2006, and its CMES is open
around the clock. Neither has a session on a Saturday or a Sunday, nor MCX: those are rows written
by hand, in the files beside.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas_market_calendars

PATH = Path(__file__).parent.parent / "src/strikewire/reference/rules/seeded.toml"
DAYS_A_LINE = 7


@dataclass(frozen=True)
class Seed:
    """What is asked of one calendar of the library.

    `special_venues` get the days with other hours, too: not every segment holds them. A special
    day of less than `ceremony` is a holiday besides, on which nothing expires.
    """

    calendar: str
    venues: tuple[str, ...]
    special_venues: tuple[str, ...]
    first: date
    last: date
    hours: tuple[str, str]
    ceremony: timedelta = timedelta(0)
    # The library tells sessions that open on the evening before.
    is_overnight: bool = False


SEEDS = (
    # Before 2001 the library's sessions of NSE and BSE are not those the exchanges announced.
    # After 2026 it knows no holiday of India.
    Seed(
        "NSE", ("NSE", "BSE", "NFO", "BFO", "CDS", "BCD"), ("NSE", "BSE", "NFO", "BFO"),
        date(2001, 1, 1), date(2026, 12, 31), ("09:15", "15:30"), ceremony=timedelta(hours=2),
    ),
    Seed(
        "NYSE", ("NYSE",), ("NYSE",), date(1995, 1, 1), date(2031, 12, 31), ("09:30", "16:00"),
    ),
    Seed(
        "CME_Equity", ("CME",), ("CME",), date(2012, 11, 19), date(2031, 12, 31),
        ("17:00", "16:00"), is_overnight=True,
    ),
)  # fmt: skip

HEAD = """\
# Holidays, and days with other hours, as a maintained library knows them. Written by
# tools/seed_market_rules.py: change that, or write a row in another file, which counts over these.

format = 1
"""


def describe_rows(seed: Seed) -> Iterator[str]:
    exchange = pandas_market_calendars.get_calendar(seed.calendar)
    source = (
        f"pandas_market_calendars {version('pandas_market_calendars')}, calendar {exchange.name}"
    )
    schedule = exchange.schedule(str(seed.first), str(seed.last))
    sessions = {
        day.date(): (row.market_open, row.market_close)
        for day, row in zip(schedule.index, schedule.itertuples(), strict=True)
    }
    told = {
        date.fromisoformat(str(day)[:10])
        for _, days in [*exchange.special_opens_adhoc, *exchange.special_closes_adhoc]
        for day in days
    }
    holidays = [day for day in list_weekdays(seed) if day not in sessions]
    special: dict[tuple[str, str], list[date]] = defaultdict(list)
    for day, (opens, closes) in sessions.items():
        found = to_local(opens, exchange.tz), to_local(closes, exchange.tz)
        # India's ordinary hours changed, and are rows of their own; what was announced for a day
        # stands out by being listed.
        if found == seed.hours or (seed.venues != seed.special_venues and day not in told):
            continue
        if seed.is_overnight and found[1] == "16:15":
            continue
        special[found].append(day)
        if closes - opens < seed.ceremony:
            holidays.append(day)
    yield write_row(seed.venues, "holiday", sorted(holidays), "", source)
    for (opens, closes), days in sorted(special.items(), key=lambda item: item[1]):
        value = f'open = "{opens}", close = "{closes}"'
        if seed.is_overnight:
            value += ", opens_day_before = true"
        yield write_row(seed.special_venues, "special", days, value, source)


def list_weekdays(seed: Seed) -> Iterator[date]:
    days = ((seed.first + timedelta(days=n)) for n in range((seed.last - seed.first).days + 1))
    return (day for day in days if day.isoweekday() <= 5)


def to_local(instant: Any, zone: ZoneInfo) -> str:
    moment: time = instant.tz_convert(zone).time()
    return f"{moment:%H:%M}"


def write_row(venues: tuple[str, ...], kind: str, days: list[date], value: str, source: str) -> str:
    names = ", ".join(f'"{venue}"' for venue in venues)
    lines = [
        "  " + " ".join(f"{day}," for day in days[n : n + DAYS_A_LINE])
        for n in range(0, len(days), DAYS_A_LINE)
    ]
    return "\n".join(
        [
            "",
            "[[rules]]",
            f"venues = [{names}]",
            f'kind = "{kind}"',
            "days = [",
            *lines,
            "]",
            *([f"value = {{ {value} }}"] if value else []),
            f'source = "{source}"',
            "",
        ]
    )


def main() -> int:
    text = HEAD + "".join(row for seed in SEEDS for row in describe_rows(seed))
    if "--check" in sys.argv[1:]:
        is_same = PATH.read_text(encoding="utf-8") == text
        print(f"{PATH.name} is {'as' if is_same else 'not as'} the library has it")
        return 0 if is_same else 1
    PATH.write_text(text, encoding="utf-8")
    print(f"wrote {PATH.name}: {text.count('[[rules]]')} rows of {len(text)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
