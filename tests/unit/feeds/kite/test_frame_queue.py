"""The queue between the sockets and the engine: in order, merged, and bounded."""

from __future__ import annotations

import numpy as np

from strikewire.core.ticks import (
    DEPTH_DTYPE,
    TICK_DTYPE,
    Deafness,
    DeafReason,
    TickBatch,
    TickFlag,
)
from strikewire.feeds.kite.frame_queue import FrameQueue, FrameQueueConfig


def frame(*ids, has_books=True):
    ticks = np.zeros(len(ids), TICK_DTYPE)
    ticks["instrument_id"] = ids
    depth = np.zeros(len(ids), DEPTH_DTYPE)
    depth["total_bid_quantity"] = ids
    return TickBatch(ticks, depth if has_books else None)


def spell(*ids):
    return Deafness(np.array(ids, np.int32), 1, 2, DeafReason.DISCONNECTED)


def take_all(queue):
    """Return the ids of each batch, and of each deafness with its reason."""
    told = []
    while (heard := queue.take()) is not None:
        if isinstance(heard, TickBatch):
            told.append(heard.ticks["instrument_id"].tolist())
        else:
            told.append((heard.reason, heard.instrument_ids.tolist()))
    return told


def test_frames_that_wait_are_merged_up_to_a_limit():
    queue = FrameQueue(FrameQueueConfig(batch_ticks=5))
    for start in range(0, 12, 2):
        queue.put(frame(start, start + 1), 100)

    assert queue.tick_count == 12
    assert take_all(queue) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert queue.tick_count == 0


def test_frame_above_the_limit_goes_alone():
    queue = FrameQueue(FrameQueueConfig(batch_ticks=2))
    queue.put(frame(1, 2, 3), 100)
    queue.put(frame(4), 100)

    assert take_all(queue) == [[1, 2, 3], [4]]


def test_deafness_is_told_between_the_frames_it_lies_between():
    queue = FrameQueue(FrameQueueConfig())
    queue.put(frame(1), 100)
    queue.put_deafness(spell(7))
    queue.put_deafness(spell(8))
    queue.put(frame(7), 100)
    queue.put(frame(8), 100)

    assert take_all(queue) == [
        [1],
        (DeafReason.DISCONNECTED, [7]),
        (DeafReason.DISCONNECTED, [8]),
        [7, 8],
    ]


def test_frames_without_books_among_others_say_so():
    queue = FrameQueue(FrameQueueConfig())
    queue.put(frame(1), 100)
    queue.put(frame(2, 3, has_books=False), 100)

    batch = queue.take()

    assert (batch.ticks["flags"] & int(TickFlag.BOOKLESS)).astype(bool).tolist() == [
        False,
        True,
        True,
    ]
    assert batch.depth["total_bid_quantity"].tolist() == [1, 0, 0]


def test_frames_without_any_book_stay_so():
    queue = FrameQueue(FrameQueueConfig())
    queue.put(frame(1, has_books=False), 100)
    queue.put(frame(2, has_books=False), 100)

    assert queue.take().depth is None


def test_oldest_frames_are_dropped_whole_and_told_before_anything_newer():
    queue = FrameQueue(FrameQueueConfig(max_ticks=4))
    queue.put(frame(9), 100)
    assert take_all(queue) == [[9]]
    queue.put(frame(1, 2), 110)
    queue.put_deafness(spell(5))
    queue.put(frame(3, 4), 120)
    queue.put(frame(1, 5, 6), 130)

    assert queue.tick_count == 3
    assert queue.dropped_frames == 2
    overrun = queue.take()
    assert (overrun.reason, overrun.from_ns, overrun.to_ns) == (DeafReason.OVERRUN, 100, 130)
    assert overrun.instrument_ids.tolist() == [1, 2, 3, 4]
    assert take_all(queue) == [(DeafReason.DISCONNECTED, [5]), [1, 5, 6]]


def test_memory_is_bounded_whatever_comes():
    queue = FrameQueue(FrameQueueConfig(max_ticks=1_000))
    for number in range(5_000):
        queue.put(frame(*range(100)), number + 1)
        assert queue.tick_count <= 1_000

    assert queue.dropped_frames == 5_000 - 10
