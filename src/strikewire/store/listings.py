"""What a broker lists of the registry: instruments with the broker's own tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from sqlalchemy import Integer, Select, Text, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.store.database import ReadSession
from strikewire.store.instruments import InstrumentStore
from strikewire.store.schema import InstrumentAliasRow, InstrumentRow

_LARGEST_TOKEN: Final = 2**32 - 1
_CONTRACTS: Final = [
    kind.value for kind in InstrumentKind if kind.is_option or kind is InstrumentKind.FUTURE
]


class ListingStore:
    """Reads the registry as a broker lists it. It works in the caller's transaction.

    Parameters
    ----------
    source : whose tokens are meant: the namespace of the aliases, `kite:token`.
    """

    def __init__(self, *, source: str, instruments: InstrumentStore) -> None:
        self._source = source
        self._instruments = instruments

    async def load_contracts(
        self, session: ReadSession, underlyings: Sequence[str], *, on: date
    ) -> list[tuple[Instrument, int]]:
        """Return the contracts on some underlyings that are not over, with their tokens.

        By expiry, futures before options, then by strike.

        Parameters
        ----------
        underlyings : plain names.
        on : the day from which contracts are not over.
        """
        query = (
            select(InstrumentRow.id, InstrumentAliasRow.alias)
            .join(InstrumentAliasRow, InstrumentAliasRow.instrument_id == InstrumentRow.id)
            .where(
                InstrumentAliasRow.source == self._source,
                InstrumentRow.underlying
                == any_(bindparam(None, list(underlyings), type_=ARRAY(Text))),
                InstrumentRow.kind.in_(_CONTRACTS),
                or_(InstrumentRow.expiry.is_(None), InstrumentRow.expiry >= on),
            )
            .order_by(
                InstrumentRow.expiry,
                func.coalesce(InstrumentRow.strike, 0),
                InstrumentRow.kind,
                InstrumentRow.id,
            )
        )
        return await self._complete(session, query)

    async def load_tokens(
        self, session: ReadSession, ids: Sequence[int]
    ) -> list[tuple[Instrument, int]]:
        """Return those of some instruments that the broker lists, with their tokens."""
        query = select(InstrumentAliasRow.instrument_id, InstrumentAliasRow.alias).where(
            InstrumentAliasRow.source == self._source,
            InstrumentAliasRow.instrument_id
            == any_(bindparam(None, list(ids), type_=ARRAY(Integer))),
        )
        return await self._complete(session, query)

    async def _complete(
        self, session: ReadSession, query: Select[int, str]
    ) -> list[tuple[Instrument, int]]:
        """Return the instruments of rows of ids and tokens, in their order, each once."""
        rows = (await session.execute(query)).all()
        # What is no number of 32 bits cannot come over the wire, whoever wrote it.
        token_of = {
            instrument_id: int(token)
            for instrument_id, token in rows
            if token.isdecimal() and int(token) <= _LARGEST_TOKEN
        }
        found = await self._instruments.get_by_ids(session, list(token_of))
        return [(each, token_of[int(each.id)]) for each in found]
