"""CSV in blocks, with the true number of each line.

A line is a row: a value may be quoted, but holds no line break. So the lines can be counted before
anything is parsed, and a quote that is never closed spoils its own line and no other.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from strikewire.core.errors import FileLayoutError
from strikewire.feeds.files.rows import RowBlock
from strikewire.feeds.files.sources import ByteSource, FileLimits

_READ_BYTES: Final = 8 * 1024**2
_BOM: Final = b"\xef\xbb\xbf"
_NEWLINE: Final = ord("\n")
_RETURN: Final = ord("\r")
_QUOTE: Final = ord('"')
#: A line whose quotes are where they belong: around a whole value, doubled inside it. Possessive,
#: so that no line can make the match go back.
_VALUE: Final = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^",]*+)'
_QUOTED_LINE: Final = re.compile(_VALUE + rb"(?:," + _VALUE + rb")*+\r?")


@dataclass(frozen=True, slots=True)
class CsvHead:
    """The first line of a CSV file, and what was read past it.

    Parameters
    ----------
    names : the columns, trimmed and in lower case; a column without a name gets one of its own.
    rest : bytes that belong to the rows.
    line : the number of the first row's line.
    """

    names: tuple[str, ...]
    rest: bytes
    line: int


def read_head(source: ByteSource, limits: FileLimits) -> CsvHead:
    """Read the header.

    Exchanges end their lines with a comma, some in the rows only: a nameless last column that only
    the first row has is added.

    Raises
    ------
    FileLayoutError : no line, not text, or a line longer than the limit.
    """
    data = source.read(_READ_BYTES)
    data = data.removeprefix(_BOM)
    head, newline, rest = data.partition(b"\n")
    if len(head) > limits.max_line_bytes:
        msg = f"a line may have at most {limits.max_line_bytes} bytes, the first has more"
        raise FileLayoutError(msg)
    names = _split(head, "header")
    if not any(names):
        msg = "a header line was wanted, found an empty one"
        raise FileLayoutError(msg)
    first_row = rest.partition(b"\n")[0]
    if len(first_row) <= limits.max_line_bytes and first_row.rstrip(b"\r ").endswith(b","):
        values = _split(first_row, "first row")
        if len(values) == len(names) + 1:
            names = [*names, ""]
    named = [name or f"(column {place})" for place, name in enumerate(names, start=1)]
    return CsvHead(tuple(named), rest if newline else b"", 2)


def read_blocks(
    source: ByteSource, head: CsvHead, wanted: frozenset[str], limits: FileLimits
) -> Iterator[RowBlock]:
    """Read the rows, some megabytes at a time.

    Parameters
    ----------
    wanted : the columns to give; those that the file does not have are left out.

    Raises
    ------
    FileLayoutError : a damaged archive, a line longer than the limit.
    """
    line, kept, data = head.line, b"", head.rest
    while True:
        is_last = not data and not (data := source.read(_READ_BYTES))
        text = kept + data
        cut = len(text) if is_last else text.rfind(b"\n") + 1
        text, kept = text[:cut], text[cut:]
        if text:
            yield _parse(text, line, head.names, wanted, source.fraction_read)
            line += text.count(b"\n")
        if len(kept) > limits.max_line_bytes:
            msg = f"a line may have at most {limits.max_line_bytes} bytes, line {line} has more"
            raise FileLayoutError(msg)
        if is_last:
            return
        data = b""


def _split(line: bytes, what: str) -> list[str]:
    try:
        values = next(csv.reader([line.decode("utf-8").rstrip("\r")], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"comma-separated text in UTF-8 was wanted; the {what} is not: {error}"
        raise FileLayoutError(msg) from error
    return [value.strip().lower() for value in values]


def _parse(
    text: bytes, line: int, names: Sequence[str], wanted: frozenset[str], fraction_read: float
) -> RowBlock:
    """Cut whole lines into columns; those that cannot be cut become broken rows."""
    text, lines, broken = _drop_unreadable(text, line)
    skipped: list[int] = []

    def skip(row: pa_csv.InvalidRow) -> Literal["skip"]:
        # Serial reading numbers the rows of the block from 1.
        at = (row.number or 1) - 1
        skipped.append(at)
        found, expected = row.actual_columns, row.expected_columns
        broken.append((int(lines[at]), f"{found} values, where the header has {expected} columns"))
        return "skip"

    present = [name for name in names if name in wanted]
    columns: dict[str, Any] = dict.fromkeys(present, pa.array([], pa.string()))
    if len(lines):
        try:
            table = pa_csv.read_csv(
                cast("Any", pa.BufferReader(text)),  # the stubs know only files
                read_options=pa_csv.ReadOptions(
                    column_names=list(names), use_threads=False, block_size=len(text) + 1
                ),
                parse_options=pa_csv.ParseOptions(invalid_row_handler=skip),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    include_columns=present,
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            msg = f"lines {lines[0]} to {lines[-1]} cannot be cut into columns: {error}"
            raise FileLayoutError(msg) from error
        columns = {name: table.column(name).combine_chunks() for name in present}
        # The numbers of the lines are counted here and the rows there: never let them drift apart.
        if table.num_rows + len(skipped) != len(lines):
            msg = f"lines {lines[0]} to {lines[-1]} cannot be told apart as rows"
            raise FileLayoutError(msg)
    return RowBlock(columns, np.delete(lines, skipped), tuple(broken), fraction_read)


def _drop_unreadable(
    text: bytes, line: int
) -> tuple[bytes, npt.NDArray[np.int64], list[tuple[int, str]]]:
    """Take out blank lines, and lines that would make the parser stumble over the next.

    Returns
    -------
    The remaining text, the number of each line in it, and number and reason of the broken ones.
    """
    # The parser takes a byte order mark at the front for no text at all.
    while text.startswith(_BOM):
        text = text.removeprefix(_BOM)
    symbols = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero(symbols == _NEWLINE)
    if not len(ends) or ends[-1] != len(text) - 1:
        ends = np.append(ends, len(text))
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    is_blank = lengths == 0
    for short in np.flatnonzero((lengths > 0) & (lengths <= 8)):
        is_blank[short] = not text[starts[short] : ends[short]].strip()
    reasons = _find_broken(text, symbols, starts, ends)
    is_kept = ~is_blank
    is_kept[list(reasons)] = False
    broken = [(line + at, reason) for at, reason in reasons.items()]
    lines = line + np.flatnonzero(is_kept)
    if not is_kept.all():
        kept = np.flatnonzero(is_kept)
        text = b"\n".join(text[starts[row] : ends[row]] for row in kept) + b"\n"
    return text, lines, broken


def _find_broken(
    text: bytes,
    symbols: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> dict[int, str]:
    """Return the lines, by their place, that would shift or stop the parser, and why."""
    reasons: dict[int, str] = {}
    for at in _find_lines(ends, symbols == _QUOTE):
        if not _QUOTED_LINE.fullmatch(text, starts[at], ends[at]):
            reasons[at] = "a quote stands inside a value, or is opened and not closed"
    # The parser takes a lone carriage return for a line's end, which would shift all numbers.
    is_lone_return = symbols == _RETURN
    is_lone_return[:-1] &= symbols[1:] != _NEWLINE
    for at in _find_lines(ends, is_lone_return):
        reasons[at] = "a carriage return stands inside the line"
    if not _is_utf8(text):
        for at in range(len(ends)):
            if not _is_utf8(text[starts[at] : ends[at]]):
                reasons[at] = "text in UTF-8 was wanted, found other bytes"
    return reasons


def _find_lines(ends: npt.NDArray[np.int64], is_symbol: npt.NDArray[np.bool_]) -> list[int]:
    """Return the lines, by their place, in which a symbol stands."""
    return [int(at) for at in np.unique(np.searchsorted(ends, np.flatnonzero(is_symbol)))]


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
