"""What every feed is: a long sequence of tick batches, and of what it did not hear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from strikewire.core.ticks import Heard


class Feed(Protocol):
    """A source of ticks.

    A feed numbers its ticks: `seq` starts at 1 and grows by one per tick, and a feed that can be
    read again (a file, a journal) gives the same tick the same number each time. That number is the
    journal's, so a restart knows where to go on.
    """

    @property
    def session_key(self) -> str:
        """Name the recording: the same key finds the same journal again. Safe as a folder name."""
        ...

    @property
    def description(self) -> str:
        """Say what is being heard, in a few words, for logs and summaries."""
        ...

    @property
    def first_ns(self) -> int:
        """The instant at which it begins: of a recording its first frame's, of a market's now."""
        ...

    @property
    def is_repeatable(self) -> bool:
        """Whether it can be heard again; if not, its recording is all there will ever be."""
        ...

    def batches(self, *, after_seq: int) -> AsyncIterator[Heard]:
        """Yield the batches that follow tick `after_seq` (0: from the start), in delivery order.

        A stretch in which the feed was deaf comes before the first tick that was heard behind it.
        A feed that cannot know when the next one comes tells the time while none does.
        """
        ...

    async def aclose(self) -> None:
        """Let go of files and sockets. Closing twice is the same as once."""
        ...
