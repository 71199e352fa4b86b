"""The one place where symbols are taken apart, put together, normalised and cut into trigrams.

Three spellings of a derivative contract are read here:

=============  ============================  ==================================================
grammar        example                       meaning
=============  ============================  ==================================================
broker, month  ``NIFTY26AUG21200CE``         YY MMM: the last expiry of the month, day not named
broker, week   ``NIFTY2690122000CE``         YY M DD, the month as 1-9, O, N or D
day-month-year ``BANKNIFTY05JAN2336500PE``   DD MMM YY, as data vendors write it
=============  ============================  ==================================================

Canonical is the broker's. ``NIFTY26AUG21200CE`` could also be 26 August 2021, strike 200: a text
alone cannot tell, so `infer_grammar` looks at all symbols of a file together.

Source: the broker's instrument dump (https://kite.trade/docs/connect/v3/market-quotes/#instruments);
the rule for the monthly form was read off 32,504 of its rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from strikewire.core.instruments import InstrumentKind, InstrumentSpec

#: Longer texts are no symbol; the bound keeps hostile input cheap.
MAX_SYMBOL_LENGTH: Final = 64

_MONTHS: Final = (
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
)
_MONTH_NUMBERS: Final = {name: number for number, name in enumerate(_MONTHS, start=1)}
_WEEK_MONTHS: Final = "123456789OND"
_KINDS: Final = {
    "CE": InstrumentKind.CALL,
    "PE": InstrumentKind.PUT,
    "FUT": InstrumentKind.FUTURE,
}
_SUFFIXES: Final = {kind: suffix for suffix, kind in _KINDS.items()}

#: Years a two-digit year of the broker's grammar can mean. `50` is the end of NIFTYNXT50, and
#: below ten it is the day of the vendors' grammar.
_BROKER_YEARS: Final = range(2010, 2050)
#: No exchange here lists a strike of seven digits (MRF, the dearest share, stands at six), so
#: `26JAN2336500` is not January 2026 at 2,336,500 but 26 January 2023 at 36,500.
_STRIKE_CEILING: Final = 1_000_000.0

_UNDERLYING: Final = r"(?P<underlying>[A-Z0-9&\-]+?)"
_TAIL: Final = r"(?:(?P<strike>(?:[1-9]\d*|0(?=\.))(?:\.\d+)?)(?P<side>CE|PE)|(?P<future>FUT))$"
_MONTH: Final = f"(?P<month>{'|'.join(_MONTHS)})"
_BY_MONTH: Final = re.compile(rf"^{_UNDERLYING}(?P<year>\d\d){_MONTH}{_TAIL}")
_BY_DAY: Final = re.compile(rf"^{_UNDERLYING}(?P<day>\d\d){_MONTH}(?P<year>\d\d){_TAIL}")
# Not anchored at the front: a name that ends in digits can be cut in several places.
_BY_WEEK: Final = re.compile(rf"(?P<year>\d\d)(?P<month>[1-9OND])(?P<day>\d\d){_TAIL}")
_WORD: Final = re.compile(r"[a-z0-9&]+")
_SPACES: Final = re.compile(r"\s+")


class Grammar(StrEnum):
    """Whose spelling of a contract is read first."""

    BROKER = "broker"
    DAY_MONTH_YEAR = "day-month-year"


@dataclass(frozen=True, slots=True)
class ParsedContract:
    """What a tradingsymbol says of a contract, and nothing it does not say.

    Parameters
    ----------
    underlying : plain name, `BANKNIFTY`.
    month : the first day of the expiry's month.
    expiry : the day; None where the symbol names only the month.
    strike : rupees; None for a future.
    kind : FUTURE, CALL or PUT.
    """

    underlying: str
    month: date
    expiry: date | None
    strike: float | None
    kind: InstrumentKind

    @property
    def last_day(self) -> date:
        """The expiry, or the last day on which an expiry of that month can fall."""
        return self.expiry or _last_day_of_month(self.month)


@dataclass(frozen=True, slots=True)
class IndexName:
    """An index: what derivatives call it, and what the exchange does."""

    underlying: str
    exchange: str
    tradingsymbol: str


#: Source: the segment INDICES of the broker's instrument dump.
INDEX_NAMES: Final = (
    IndexName("NIFTY", "NSE", "NIFTY 50"),
    IndexName("BANKNIFTY", "NSE", "NIFTY BANK"),
    IndexName("FINNIFTY", "NSE", "NIFTY FIN SERVICE"),
    IndexName("MIDCPNIFTY", "NSE", "NIFTY MID SELECT"),
    IndexName("NIFTYNXT50", "NSE", "NIFTY NEXT 50"),
    IndexName("NIFTYIT", "NSE", "NIFTY IT"),
    IndexName("INDIAVIX", "NSE", "INDIA VIX"),
    IndexName("SENSEX", "BSE", "SENSEX"),
    IndexName("BANKEX", "BSE", "BANKEX"),
    IndexName("SENSEX50", "BSE", "SNSX50"),
)
_INDICES_BY_NAME: Final = {
    spelling: index for index in INDEX_NAMES for spelling in (index.underlying, index.tradingsymbol)
}


def normalise(text: str) -> str:
    """Return the one spelling of a symbol: upper case, trimmed, one space between words."""
    return _SPACES.sub(" ", text.strip()).upper()


def find_index(text: str) -> IndexName | None:
    """Return the index that goes by a plain (`BANKNIFTY`) or an exchange's (`NIFTY BANK`) name."""
    return _INDICES_BY_NAME.get(normalise(text))


def join_series(symbol: str, series: str) -> str:
    """Return the tradingsymbol of a share in a series: bare for EQ, `SYMBOL-BE` for the others."""
    return symbol if series in ("", "EQ") else f"{symbol}-{series}"


def parse_tradingsymbol(
    exchange_hint: str | None, text: str, *, grammar: Grammar = Grammar.BROKER
) -> ParsedContract | None:
    """Read a contract out of its tradingsymbol.

    Parameters
    ----------
    exchange_hint : where it trades, if known. MCX has no weekly form.
    text : `NIFTY26AUG21200CE`, `NIFTY25O0722850CE`, `BANKNIFTY05JAN2336500PE`, any case.
    grammar : which reading to prefer where two are possible.

    Returns
    -------
    None where the text is no contract: a share, an index, or nothing at all.
    """
    symbol = normalise(text)
    if len(symbol) > MAX_SYMBOL_LENGTH:
        return None
    by_day = _parse_by_day(symbol)
    if by_day is not None and grammar is Grammar.DAY_MONTH_YEAR:
        return by_day
    by_month = _parse_by_month(symbol)
    if by_month is not None:
        return by_month
    by_week = None if exchange_hint == "MCX" else _parse_by_week(symbol)
    return by_week or by_day


def infer_grammar(texts: Iterable[str], *, traded_on: date | None = None) -> Grammar:
    """Decide whose spelling a file uses, by all its symbols and the day it is of.

    The grammar that can read more symbols as contracts still alive on that day wins; where both
    read the same number, the one whose contracts are nearer to their expiry: nobody trades a
    strike of 232,500 three years out. Without a day the broker's wins ties.
    """
    scores: dict[Grammar, tuple[int, int]] = {}
    symbols = [normalise(text)[: MAX_SYMBOL_LENGTH + 1] for text in texts]
    for grammar, parsers in (
        (Grammar.BROKER, (_parse_by_month, _parse_by_week)),
        (Grammar.DAY_MONTH_YEAR, (_parse_by_day,)),
    ):
        count, days_left = 0, 0
        for symbol in symbols:
            for parse in parsers:
                parsed = parse(symbol)
                if parsed is None or (traded_on is not None and parsed.last_day < traded_on):
                    continue
                count += 1
                days_left += 0 if traded_on is None else (parsed.last_day - traded_on).days
                break
        scores[grammar] = (-count, days_left)
    is_vendor = scores[Grammar.DAY_MONTH_YEAR] < scores[Grammar.BROKER]
    return Grammar.DAY_MONTH_YEAR if is_vendor else Grammar.BROKER


def is_monthly_expiry(expiry: date) -> bool:
    """Say whether the broker names this expiry by its month: a week later is another month.

    Wrong for the rare last expiry that a holiday has moved to an earlier day (24 December 2029);
    `find_monthly_expiries` knows better where it sees the contracts listed beside it.
    """
    return (expiry + timedelta(days=7)).month != expiry.month


def find_monthly_expiries(expiries: Iterable[date]) -> frozenset[date]:
    """Return those expiries of one underlying that the broker names by their month.

    An expiry up to three days before the weekday most of the others fall on was moved by holidays:
    it is judged by the day it was moved from.
    """
    listed = set(expiries)
    weekdays = Counter(day.weekday() for day in listed).most_common(2)
    has_rule = bool(weekdays) and (len(weekdays) == 1 or weekdays[0][1] > weekdays[1][1])
    monthly: set[date] = set()
    for expiry in listed:
        moved_days = (weekdays[0][0] - expiry.weekday()) % 7 if has_rule else 0
        scheduled = expiry + timedelta(days=moved_days if moved_days <= 3 else 0)
        if is_monthly_expiry(expiry) or is_monthly_expiry(scheduled):
            monthly.add(expiry)
    return frozenset(monthly)


def build_tradingsymbol(
    underlying: str,
    expiry: date,
    strike: float | None,
    kind: InstrumentKind,
    *,
    is_monthly: bool | None = None,
) -> str:
    """Put a contract's canonical tradingsymbol together.

    Parameters
    ----------
    underlying : plain name, `BANKNIFTY`.
    expiry : the day; for the monthly form only its month matters.
    strike : rupees; None for a future.
    kind : FUTURE, CALL or PUT.
    is_monthly : whether the expiry goes by its month; None: decided by `is_monthly_expiry`. On MCX
        every contract does.

    Raises
    ------
    ValueError : the kind is no contract's, or an option has no strike above 0.
    """
    suffix = _SUFFIXES.get(kind)
    if suffix is None:
        msg = f"a future, a call or a put was wanted, found {kind.value}"
        raise ValueError(msg)
    if kind.is_option and not (strike is not None and 0 < strike < _STRIKE_CEILING):
        msg = f"strike must be positive and below {_STRIKE_CEILING:.0f}, was {strike}"
        raise ValueError(msg)
    if is_monthly is None:
        is_monthly = is_monthly_expiry(expiry)
    if is_monthly:
        when = f"{expiry:%y}{_MONTHS[expiry.month - 1]}"
    else:
        when = f"{expiry:%y}{_WEEK_MONTHS[expiry.month - 1]}{expiry:%d}"
    at = format_strike(strike) if kind.is_option and strike is not None else ""
    return f"{underlying}{when}{at}{suffix}"


def rebuild_tradingsymbol(parsed: ParsedContract) -> str:
    """Put a parsed contract's canonical tradingsymbol together: the inverse of parsing."""
    return build_tradingsymbol(
        parsed.underlying,
        parsed.last_day,
        parsed.strike,
        parsed.kind,
        is_monthly=True if parsed.expiry is None else None,
    )


def format_strike(strike: float) -> str:
    """Write a strike as symbols do: `21200`, `142.5`."""
    return f"{strike:.4f}".rstrip("0").rstrip(".")


def list_search_texts(spec: InstrumentSpec) -> tuple[str, ...]:
    """Return the texts somebody may look an instrument up by.

    A contract is found by its parts in any order (`banknifty 36500 pe jan`), because they stand as
    words of their own beside the run-together tradingsymbol.
    """
    texts = [spec.tradingsymbol, spec.name, spec.underlying or "", spec.isin or ""]
    if spec.expiry is not None:
        texts.append(f"{spec.expiry:%d} {_MONTHS[spec.expiry.month - 1]} {spec.expiry:%Y}")
    if spec.strike is not None and spec.kind.is_option:
        texts.append(format_strike(spec.strike))
    texts.append(_SUFFIXES.get(spec.kind, ""))
    return tuple(text for text in texts if text)


def compute_trigrams(*texts: str) -> list[str]:
    """Cut texts into the trigrams that are stored: of each word, padded as pg_trgm pads.

    Two spaces in front and one behind, so that prefixes of one and two letters are trigrams too.
    `&` belongs to a word (M&M). Sorted, each once.
    """
    found: set[str] = set()
    for text in texts:
        for word in _WORD.findall(text.lower()):
            padded = f"  {word} "
            found.update(padded[i : i + 3] for i in range(len(padded) - 2))
    return sorted(found)


def compute_query_trigrams(text: str) -> list[str]:
    """Return the trigrams an instrument must have to match a query; empty: anything matches.

    A word of three letters or more may stand anywhere inside a stored word; a shorter one must
    start a stored word. Matching trigrams make a candidate, not yet a hit.
    """
    wanted: set[str] = set()
    for word in _WORD.findall(text.lower()):
        if len(word) < 3:
            wanted.add(f"  {word}"[-3:])
        else:
            wanted.update(word[i : i + 3] for i in range(len(word) - 2))
    return sorted(wanted)


def _parse_by_month(symbol: str) -> ParsedContract | None:
    match = _BY_MONTH.match(symbol)
    if match is None or (year := 2000 + int(match["year"])) not in _BROKER_YEARS:
        return None
    return _finish(match["underlying"], date(year, _MONTH_NUMBERS[match["month"]], 1), None, match)


def _parse_by_day(symbol: str) -> ParsedContract | None:
    match = _BY_DAY.match(symbol)
    if match is None:
        return None
    try:
        expiry = date(2000 + int(match["year"]), _MONTH_NUMBERS[match["month"]], int(match["day"]))
    except ValueError:
        return None
    return _finish(match["underlying"], expiry.replace(day=1), expiry, match)


def _parse_by_week(symbol: str) -> ParsedContract | None:
    """Try every cut between name and date; the first that gives a name and a date is it.

    From the left, so that a name ends in a letter where it can: NIFTY|26 9 01|22000CE.
    """
    for cut in range(1, len(symbol)):
        match = _BY_WEEK.match(symbol, cut)
        if match is None or (year := 2000 + int(match["year"])) not in _BROKER_YEARS:
            continue
        try:
            expiry = date(year, _WEEK_MONTHS.index(match["month"]) + 1, int(match["day"]))
        except ValueError:
            continue
        # Such an expiry would go by its month: these digits are something else's.
        if is_monthly_expiry(expiry):
            continue
        parsed = _finish(symbol[:cut], expiry.replace(day=1), expiry, match)
        if parsed is not None:
            return parsed
    return None


def _finish(
    underlying: str, month: date, expiry: date | None, match: re.Match[str]
) -> ParsedContract | None:
    """Make the contract, unless the name has no letter or the strike cannot be one."""
    if not any(letter.isalpha() for letter in underlying):
        return None
    if match["future"]:
        return ParsedContract(underlying, month, expiry, None, InstrumentKind.FUTURE)
    strike = float(match["strike"])
    if not 0 < strike < _STRIKE_CEILING:
        return None
    return ParsedContract(underlying, month, expiry, strike, _KINDS[match["side"]])


def _last_day_of_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
