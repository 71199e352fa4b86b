"""Parquet in blocks; a row's number stands for its line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from strikewire.core.errors import FileLayoutError
from strikewire.feeds.files.rows import RowBlock
from strikewire.feeds.files.sources import FileLimits, translate_library_errors

_ROWS_PER_BLOCK: Final = 131_072


@contextmanager
def open_parquet(path: Path, limits: FileLimits) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, and refuse one whose footer promises more than the limits.

    Raises
    ------
    FileLayoutError : damaged, or too large.
    """
    with _translate_arrow_errors(), translate_library_errors():
        file = pq.ParquetFile(path)
    with file:
        metadata = file.metadata
        size = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
        if metadata.num_rows > limits.max_row_count:
            msg = f"at most {limits.max_row_count} rows may be read, found {metadata.num_rows}"
            raise FileLayoutError(msg)
        if size > limits.max_expanded_bytes:
            msg = f"at most {limits.max_expanded_bytes} bytes may come out of the file"
            raise FileLayoutError(msg, found=size)
        yield file


def list_names(file: pq.ParquetFile) -> tuple[str, ...]:
    """Return the columns in lower case; those that hold more than one value per row left out."""
    return tuple(
        field.name.strip().lower()
        for field in file.schema_arrow
        if not pa.types.is_nested(field.type)
    )


def read_blocks(file: pq.ParquetFile, wanted: frozenset[str]) -> Iterator[RowBlock]:
    """Read the rows, about a hundred thousand at a time.

    Parameters
    ----------
    wanted : the columns to give; those that the file does not have are left out.

    Raises
    ------
    FileLayoutError : the file turns out to be damaged.
    """
    stored = {field.name.strip().lower(): field.name for field in file.schema_arrow}
    columns = [original for name, original in stored.items() if name in wanted]
    count, done = file.metadata.num_rows, 0
    batches = file.iter_batches(_ROWS_PER_BLOCK, columns=columns, use_threads=False)
    while True:
        with _translate_arrow_errors(), translate_library_errors():
            batch = next(batches, None)
        if batch is None:
            return
        lines = np.arange(done + 1, done + 1 + batch.num_rows, dtype=np.int64)
        done += batch.num_rows
        arrays = {name.strip().lower(): batch.column(name) for name in columns}
        yield RowBlock(arrays, lines, (), done / count if count else 1.0)


@contextmanager
def _translate_arrow_errors() -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        msg = f"a readable Parquet file was wanted: {error}"
        raise FileLayoutError(msg) from error
