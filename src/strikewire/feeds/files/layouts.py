"""What a layout is: the columns it is known by, and a reader of its rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from strikewire.feeds.files.rows import RowBlock
from strikewire.feeds.files.tables import FileChunk
from strikewire.reference.market_rules import MarketRules


@dataclass(frozen=True, slots=True)
class FileContext:
    """What a reader knows besides the rows.

    Parameters
    ----------
    file : the file's name, for faults.
    rules : the venues that are known, and their time zones.
    day : the trading day, for the one layout whose rows do not name it; None: by the file's name.
    """

    file: str
    rules: MarketRules
    day: date | None = None


class Layout(ABC):
    """One layout of one file: made anew for each file, because reading has a memory.

    Parameters
    ----------
    context : what is known besides the rows.
    names : the file's columns, in lower case.
    """

    #: How the layout is called in messages and summaries.
    name: ClassVar[str]
    #: Canonical name of each column the reader looks at, and how files may spell it.
    columns: ClassVar[Mapping[str, Sequence[str]]]
    #: The columns, canonical, without which a file is not in this layout.
    required: ClassVar[frozenset[str]]

    def __init__(self, context: FileContext, names: Sequence[str]) -> None:
        self.context = context
        self._spellings = self.find_spellings(names)

    @classmethod
    def find_spellings(cls, names: Sequence[str]) -> dict[str, str]:
        """Return how the file spells each canonical column that it has."""
        return {
            canonical: spelling
            for canonical, spellings in cls.columns.items()
            for spelling in reversed(spellings)
            if spelling in names
        }

    @classmethod
    def is_layout_of(cls, names: Sequence[str]) -> bool:
        """Say whether a file with these columns is in this layout."""
        return cls.required <= cls.find_spellings(names).keys()

    @property
    def wanted(self) -> frozenset[str]:
        """The columns to read, as the file spells them."""
        return frozenset(self._spellings.values())

    def read(self, blocks: Iterable[RowBlock]) -> Iterator[FileChunk]:
        """Turn blocks of rows into chunks of a table.

        Raises
        ------
        FileLayoutError : the rows as a whole are not what the header promised.
        """
        for block in blocks:
            columns = {
                canonical: block.columns[spelling]
                for canonical, spelling in self._spellings.items()
            }
            yield self.read_block(RowBlock(columns, block.lines, block.broken, block.fraction_read))

    @abstractmethod
    def read_block(self, block: RowBlock) -> FileChunk:
        """Turn one block into a chunk; its columns go by their canonical names."""


def same(*names: str) -> dict[str, tuple[str, ...]]:
    """Return the columns of a layout whose files spell them one way only."""
    return {name: (name,) for name in names}
