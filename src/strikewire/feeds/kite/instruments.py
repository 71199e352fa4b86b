"""The instrument dump as it comes over the wire: the same layout as the file, from memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from strikewire.core.errors import BrokerAnswerError, FileLayoutError
from strikewire.feeds.files import csv_rows
from strikewire.feeds.files.kite_dump import KiteDumpLayout
from strikewire.feeds.files.layouts import FileContext
from strikewire.feeds.files.sources import ByteSource, FileLimits
from strikewire.feeds.files.tables import FileChunk, InstrumentTable, RowFault, join_tables
from strikewire.reference.market_rules import MarketRules

#: All exchanges together list some 100,000.
_LIMITS = FileLimits(max_line_bytes=4_096, max_row_count=1_000_000)


@dataclass(frozen=True, slots=True)
class InstrumentDump:
    """What the broker lists.

    Parameters
    ----------
    table : the instruments, with their tokens as aliases `kite:token`.
    row_count : how many rows there were: those read and those at fault, together.
    faults : one per row that was left out.
    """

    table: InstrumentTable
    row_count: int
    faults: tuple[RowFault, ...]


def parse_dump(body: bytes, *, name: str, rules: MarketRules) -> InstrumentDump:
    """Read a dump. Takes a second for 30,000 rows: not for the event loop.

    Parameters
    ----------
    name : what it is called in faults.
    rules : the venues that are known.

    Raises
    ------
    BrokerAnswerError : it is no dump, or one without a row that could be read.
    """
    try:
        chunks = list(_read_chunks(body, name, rules))
    except FileLayoutError as error:
        msg = f"a dump of instruments was wanted: {error.message}"
        raise BrokerAnswerError(msg) from error
    faults = tuple(fault for chunk in chunks for fault in chunk.faults)
    table = join_tables([chunk.table for chunk in chunks]) if chunks else InstrumentTable()
    assert isinstance(table, InstrumentTable)
    if not len(table):
        msg = f"instruments were wanted, and none of {len(faults)} rows of {name} is one"
        raise BrokerAnswerError(msg)
    return InstrumentDump(table, sum(chunk.row_count for chunk in chunks), faults)


def _read_chunks(body: bytes, name: str, rules: MarketRules) -> Iterator[FileChunk]:
    raw = BytesIO(body)
    source = ByteSource(raw, raw, len(body), _LIMITS)
    head = csv_rows.read_head(source, _LIMITS)
    if not KiteDumpLayout.is_layout_of(head.names):
        missing = sorted(KiteDumpLayout.required - set(head.names))
        msg = f"columns are missing: {', '.join(missing)}"
        raise FileLayoutError(msg)
    layout = KiteDumpLayout(FileContext(name, rules), head.names)
    count = 0
    for chunk in layout.read(csv_rows.read_blocks(source, head, layout.wanted, _LIMITS)):
        count += chunk.row_count
        if count > _LIMITS.max_row_count:
            msg = f"at most {_LIMITS.max_row_count} rows may be read, found more"
            raise FileLayoutError(msg)
        yield chunk
