"""Read a journal back, record by record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from strikewire.core.errors import JournalError
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE, Deafness, TickBatch
from strikewire.journal.deafness import parse_deafness
from strikewire.journal.format import RecordKind
from strikewire.journal.scan import Damage, FoundRecord, load_segment_headers, walk


class Record(NamedTuple):
    """One record of a journal.

    `batch` is the frame of a TICKS record, its arrays read-only views of the bytes read, and
    `deafness` what a DEAF record tells; None for the others. `ts_recv_ns` is the receive time of
    the frame's last tick, a CLOCK's instant, and where a deaf stretch ends.
    """

    kind: RecordKind
    first_seq: int
    last_seq: int
    ts_recv_ns: int
    batch: TickBatch | None
    deafness: Deafness | None = None


class JournalReader:
    """A journal, read from the disk as it is: also while somebody writes it.

    Parameters
    ----------
    directory : the journal's own folder.
    is_damage_skipped : go on behind a damaged stretch, and note it in `damages`.

    Raises
    ------
    JournalError : there is no journal, a segment is not ours or its header is damaged.
    """

    def __init__(self, directory: Path, *, is_damage_skipped: bool = False) -> None:
        segments = load_segment_headers(directory)
        if not segments:
            msg = f"there is no journal in {directory}"
            raise JournalError(msg)
        self._directory = directory
        self._is_damage_skipped = is_damage_skipped
        self._damages: list[Damage] = []
        self.session_key = segments[0].header.session_key
        self.source = segments[0].header.source

    @property
    def damages(self) -> tuple[Damage, ...]:
        """What the last pass of `records` went past, so far."""
        return tuple(self._damages)

    def records(self, *, after_seq: int = 0) -> Iterator[Record]:
        """Yield the records behind tick `after_seq`, in order; a frame it lies in is cut.

        A CLOCK or a DEAF directly behind tick `after_seq` is yielded: whoever had that tick may or
        may not have had it, and telling it twice does nothing. The torn tail of a crash, or the
        half-written one of a running writer, ends the records without a word.

        Raises
        ------
        JournalError : a stretch is damaged, and not to be skipped; or the disk refuses.
        """
        self._damages = []
        for found in walk(self._directory, after_seq=after_seq):
            if isinstance(found, FoundRecord):
                if found.header.last_seq > after_seq or (
                    found.header.last_seq == after_seq and not found.header.tick_count
                ):
                    yield _make_record(found, after_seq)
            # Even without a tick it may have held a clock: nobody can say which bars that closed.
            elif isinstance(found, Damage) and (
                max(found.last_lost_seq, found.first_lost_seq - 1) >= after_seq
            ):
                self._report(found)

    def _report(self, damage: Damage) -> None:
        self._damages.append(damage)
        if not self._is_damage_skipped:
            msg = (
                f"the journal in {self._directory} is damaged: segment {damage.segment}, "
                f"{damage.length} bytes at {damage.offset}, "
                f"ticks {damage.first_lost_seq} to {damage.last_lost_seq}"
            )
            raise JournalError(msg)


def _make_record(found: FoundRecord, after_seq: int) -> Record:
    header = found.header
    if header.kind != RecordKind.TICKS:
        deafness = None
        if header.kind == RecordKind.DEAF:
            deafness = parse_deafness(found.payload, header.row_count)
        place = header.kind, header.first_seq, header.last_seq, header.ts_recv_ns
        return Record(*place, None, deafness)
    known = max(after_seq + 1 - header.first_seq, 0)
    split = header.tick_count * TICK_DTYPE.itemsize
    ticks = found.payload[:split].view(TICK_DTYPE)[known:]
    depth = found.payload[split:].view(DEPTH_DTYPE)[known:] if header.has_depth else None
    return Record(
        header.kind,
        header.first_seq + known,
        header.last_seq,
        header.ts_recv_ns,
        TickBatch(ticks=ticks, depth=depth),
    )
