"""Finding instruments: the one that goes by a name, and all that match a query."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import text

from strikewire.core.instruments import InstrumentKind
from strikewire.reference.symbols import (
    MAX_SYMBOL_LENGTH,
    compute_query_trigrams,
    find_index,
    normalise,
)
from strikewire.store.database import ReadSession, WriteSession

#: Who is meant by a tradingsymbol that several exchanges list: where most of it trades.
_EXCHANGES: Final = ["NSE", "NFO", "BSE", "BFO", "MCX", "CDS", "BCD"]
_KINDS: Final = [kind.value for kind in InstrumentKind]

#: Each way to name an instrument is one index look-up; the surest way wins.
_FIND: Final = text(
    """
    SELECT found.id
    FROM (
        SELECT id, 0 AS place, '' AS source FROM instrument_registry
        WHERE exchange = :exchange AND tradingsymbol = ANY(CAST(:rests AS text[]))
        UNION ALL
        SELECT id, 1, '' FROM instrument_registry
        WHERE tradingsymbol = ANY(CAST(:spellings AS text[]))
        UNION ALL
        SELECT id, 2, '' FROM instrument_registry
        WHERE exchange = :index_exchange AND tradingsymbol = :index_symbol
        UNION ALL
        SELECT id, 3, '' FROM instrument_registry
        WHERE trigrams @> CAST(:trigrams AS text[])
            AND kind = 'index' AND upper(name) = CAST(:spelled AS text)
        UNION ALL
        SELECT instrument_id, 4, source FROM instrument_alias
        WHERE alias = ANY(CAST(:spellings AS text[]))
        UNION ALL
        SELECT instrument_id, 5, source
        FROM instrument_alias JOIN instrument_registry ON id = instrument_id
        WHERE alias = ANY(CAST(:rests AS text[])) AND exchange = :exchange
    ) AS found
    JOIN instrument_registry AS registry ON registry.id = found.id
    ORDER BY
        place,
        array_position(CAST(:kinds AS text[]), kind),
        array_position(CAST(:exchanges AS text[]), registry.exchange),
        source,
        found.id
    LIMIT 1
    """
)

#: Trigrams find candidates through the index; a hit has every word in one of the texts that
#: `reference.symbols.list_search_texts` names. No LIKE: nothing in a query is a pattern.
_MATCHES: Final = """
    id IN (
        SELECT id FROM instrument_registry
        WHERE trigrams @> CAST(:trigrams AS text[])
            AND NOT EXISTS (
                SELECT FROM unnest(CAST(:words AS text[])) AS word
                WHERE strpos(
                    lower(concat_ws(
                        ' ', tradingsymbol, name, underlying, isin,
                        to_char(expiry, 'DD MON YYYY'), CAST(strike AS text),
                        CASE kind WHEN 'call' THEN 'ce' WHEN 'put' THEN 'pe'
                                  WHEN 'future' THEN 'fut' END
                    )),
                    word
                ) = 0
            )
        UNION
        SELECT instrument_id FROM instrument_alias
        WHERE alias = ANY(CAST(:spellings AS text[]))
        UNION
        SELECT id FROM instrument_registry
        WHERE exchange = :index_exchange AND tradingsymbol = :index_symbol
    )
    AND (CAST(:exchange AS text) IS NULL OR exchange = :exchange)
"""
#: What a filter adds, name by name: left out where nothing is wanted, so that an index can serve
#: what is.
_FILTERS: Final = MappingProxyType(
    {
        "kinds": "kind = ANY(CAST(:kinds AS text[]))",
        "exchanges": "exchange = ANY(CAST(:exchanges AS text[]))",
        "underlying": "underlying = :underlying",
        "expiry": "expiry = :expiry",
        "strike_from": "strike >= :strike_from",
        "strike_to": "strike <= :strike_to",
    }
)
_ORDER: Final = """
    ORDER BY
        CASE
            WHEN tradingsymbol = :rest THEN 0
            WHEN exchange = :index_exchange AND tradingsymbol = :index_symbol THEN 0
            WHEN id IN (
                SELECT instrument_id FROM instrument_alias
                WHERE alias = ANY(CAST(:spellings AS text[]))
            ) THEN 0
            WHEN starts_with(tradingsymbol, :rest) THEN 1
            WHEN starts_with(upper(name), :rest) OR underlying = :rest THEN 2
            ELSE 3
        END,
        array_position(CAST(:kind_order AS text[]), kind),
        coalesce(expiry < CAST(:today AS date), false),
        expiry NULLS FIRST,
        strike NULLS FIRST,
        length(tradingsymbol),
        tradingsymbol,
        array_position(CAST(:exchange_order AS text[]), exchange),
        exchange,
        id
    LIMIT :limit OFFSET :offset
"""
_WORD: Final = re.compile(r"[a-z0-9&]+")


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """What hits of a search may be.

    Parameters
    ----------
    kinds, exchanges : None for any.
    underlying : plain name, `BANKNIFTY`; None for any, and for what has none.
    expiry : the last trading day; None for any.
    strike_from, strike_to : rupees, both included; None for any, and for what has none.
    today : contracts that expired before this day come after those that have not; None: no contract
        counts as expired.
    """

    kinds: Collection[InstrumentKind] | None = None
    exchanges: Collection[str] | None = None
    underlying: str | None = None
    expiry: date | None = None
    strike_from: float | None = None
    strike_to: float | None = None
    today: date | None = None


async def find_instrument_id(session: ReadSession | WriteSession, symbol: str) -> int | None:
    """Return the id of the instrument that goes by a name; `InstrumentStore.find` says how."""
    if not _is_searchable(symbol):
        return None
    parameters = _list_spellings(symbol) | {
        "spelled": normalise(symbol),
        "trigrams": compute_query_trigrams(symbol) or [""],
        "kinds": _KINDS,
        "exchanges": _EXCHANGES,
    }
    found: int | None = (await session.execute(_FIND, parameters)).scalar_one_or_none()
    return found


async def search_instrument_ids(
    session: ReadSession | WriteSession,
    query: str,
    wanted: SearchFilter,
    *,
    limit: int,
    offset: int,
) -> tuple[list[int], int]:
    """Return a page of the ids of all hits, best first, and how many hits there are."""
    if not _is_searchable(query):
        return [], 0
    spellings = _list_spellings(query)
    rest = spellings["rests"][-1]
    parameters = spellings | {
        "trigrams": compute_query_trigrams(rest),
        "words": _WORD.findall(rest.lower()),
    }
    if rest and not parameters["words"]:
        # Nothing but punctuation: no instrument is called that, and no filter is not every one.
        return [], 0
    chosen = _list_filters(wanted)
    conditions = [_FILTERS[name] for name in chosen]
    if query.strip():
        # Everything matches an empty query: no need to find out by looking.
        conditions.insert(0, _MATCHES)
    where = " AND ".join(conditions) or "true"
    parameters |= chosen
    count = text(f"SELECT count(*) FROM instrument_registry WHERE {where}")  # noqa: S608 - constants
    total: int = (await session.execute(count, parameters)).scalar_one()
    order = {
        "rest": rest,
        "today": wanted.today,
        "kind_order": _KINDS,
        "exchange_order": _EXCHANGES,
        "limit": limit,
        "offset": offset,
    }
    page = text(f"SELECT id FROM instrument_registry WHERE {where} {_ORDER}")  # noqa: S608 - constants
    ids = (await session.execute(page, parameters | order)).scalars().all()
    return list(ids), total


def _list_filters(wanted: SearchFilter) -> dict[str, Any]:
    """Return what is filtered by, in the database's words."""
    found = {
        "kinds": None if wanted.kinds is None else [kind.value for kind in wanted.kinds],
        "exchanges": None if wanted.exchanges is None else list(wanted.exchanges),
        "underlying": wanted.underlying,
        "expiry": wanted.expiry,
        "strike_from": wanted.strike_from,
        "strike_to": wanted.strike_to,
    }
    return {name: value for name, value in found.items() if value is not None}


def _is_searchable(name: str) -> bool:
    """Say whether a text can be anybody's name: PostgreSQL has no NUL, nobody a name that long."""
    return len(name) <= MAX_SYMBOL_LENGTH and "\0" not in name


def _list_spellings(name: str) -> dict[str, Any]:
    """Return a name as it is and as symbols are spelled, with its exchange in front and without.

    `spellings` are of the whole, `rests` of what follows `exchange:`; the last is the normal one.
    """
    spelled = normalise(name)
    exchange, colon, rest = spelled.partition(":")
    index = find_index(spelled)
    return {
        "spellings": [name, spelled],
        "exchange": exchange if colon else None,
        "rests": [name.partition(":")[2].strip(), rest] if colon else [name.strip(), spelled],
        "index_exchange": None if index is None else index.exchange,
        "index_symbol": None if index is None else index.tradingsymbol,
    }
