"""Files in: bars and ticks, a broker's dump, and the exchanges' end-of-day files."""

from strikewire.feeds.files.layouts import Layout
from strikewire.feeds.files.reading import FileReader, WholeFile
from strikewire.feeds.files.sources import FileLimits
from strikewire.feeds.files.tables import (
    BarTable,
    FileChunk,
    FileTable,
    InstrumentTable,
    RowFault,
    TickTable,
)

__all__ = [
    "BarTable",
    "FileChunk",
    "FileLimits",
    "FileReader",
    "FileTable",
    "InstrumentTable",
    "Layout",
    "RowFault",
    "TickTable",
    "WholeFile",
]
