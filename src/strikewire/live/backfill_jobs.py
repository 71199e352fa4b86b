"""Jobs that fill bars: made of gaps, or of what somebody asks for, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import MINUTE_NS, SECOND_NS, format_rfc3339
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.live.backfill_plan import plan_items
from strikewire.reference.sessions import SessionCalendar
from strikewire.store.database import WriteSession
from strikewire.store.gaps import Gap, GapStore
from strikewire.store.instruments import InstrumentStore
from strikewire.store.jobs import Job, JobState, JobStore, NewItem

BACKFILL: Final = "backfill"
#: What came of an item: the broker answered, or it has nothing of that instrument.
FILLED: Final = "filled"
NOTHING: Final = "nothing"

#: Two months of a chain of four hundred contracts; more is asked for in parts.
MAX_ITEMS: Final = 50_000
_GAPS_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """What somebody wants filled.

    Parameters
    ----------
    from_ns, to_ns : `[from, to)`.
    """

    instruments: Sequence[Instrument]
    from_ns: int
    to_ns: int


class BackfillJobs:
    """Makes jobs and says what has become of gaps. Works in the caller's transaction.

    Parameters
    ----------
    find_calendar : the sessions of a venue.
    settle_s : how long after a minute's end the broker's candle of it is still believed to change.
    retry_s : how long a gap that could not be closed is left before it is tried again.
    """

    def __init__(
        self,
        *,
        find_calendar: Callable[[str], SessionCalendar],
        settle_s: float,
        retry_s: float,
    ) -> None:
        self._find_calendar = find_calendar
        self._settle_s = settle_s
        self._retry_s = retry_s
        self._gaps = GapStore()
        self._jobs = JobStore()
        self._instruments = InstrumentStore()

    async def request(
        self, session: WriteSession, wanted: BackfillRequest, *, requested_by: str, now_ns: int
    ) -> int:
        """Add a job for what somebody asks for; return its id.

        Parameters
        ----------
        now_ns : minutes that have not settled by then are waited for.

        Raises
        ------
        InvalidInputError : there was no session in that time, or it is too much for one job.
        """
        found = plan_items(
            wanted.instruments, wanted.from_ns, min(wanted.to_ns, now_ns), self._find_calendar
        )
        items = [
            NewItem(item.to_payload(), self._count_delay_s(item.to_ns, now_ns)) for item in found
        ]
        if not 0 < len(items) <= MAX_ITEMS:
            msg = (
                f"1 to {MAX_ITEMS:,} sessions of single instruments can be filled at once, "
                f"found {len(items):,} that were open so far"
            )
            raise InvalidInputError(msg, items=len(items))
        payload = {
            "symbols": [each.symbol for each in wanted.instruments],
            **_describe_span(wanted.from_ns, wanted.to_ns),
        }
        return await self._jobs.add(session, BACKFILL, payload, items, requested_by=requested_by)

    async def open_gaps(self, session: WriteSession) -> int:
        """Make a job of each gap about which nothing is done yet; return how many gaps there were.

        One that lies outside of every session is closed: nobody missed anything.
        """
        gaps = await self._gaps.claim_open(session, limit=_GAPS_AT_ONCE)
        for gap in gaps:
            await self._open(session, gap)
        return len(gaps)

    async def cancel(self, session: WriteSession, job_id: int) -> Job:
        """Stop a job; a gap that it was to close is left for later.

        Raises
        ------
        NotFoundError : there is no such job.
        ConflictError : it is over.
        """
        job = await self._jobs.cancel(session, job_id)
        await self.settle(session, job_id, job.payload)
        return job

    async def settle(self, session: WriteSession, job_id: int, payload: Mapping[str, Any]) -> None:
        """Say of the gap that a job was to close, if there is one, whether it is closed."""
        gap_id = payload.get("gap_id")
        if gap_id is None:
            return
        outcomes = await self._jobs.load_outcomes(session, job_id)
        missing, failed = set[int](), set[int]()
        for item, state, outcome in outcomes:
            if state is not JobState.COMPLETED:
                failed.add(item["instrument_id"])
            elif outcome == NOTHING:
                missing.add(item["instrument_id"])
        if failed:
            left = sorted(failed | missing)
            await self._gaps.leave(session, gap_id, left, retry_s=self._retry_s)
        elif missing:
            await self._gaps.leave(session, gap_id, sorted(missing), retry_s=None)
        else:
            await self._gaps.close(session, gap_id)

    async def _open(self, session: WriteSession, gap: Gap) -> None:
        ids = [InstrumentId(each) for each in gap.remaining_ids]
        instruments = await self._instruments.get_by_ids(session, ids)
        items = list(plan_items(instruments, gap.from_ns, gap.to_ns, self._find_calendar))
        if not items:
            await self._gaps.close(session, gap.id)
            return
        # What was heard again just now has not settled. That moment is now, whatever the clock of
        # the exchange says: what counts is how much of the last minute was left.
        delay_s = self._settle_s + (-gap.to_ns % MINUTE_NS) / SECOND_NS
        job_id = await self._jobs.add(
            session,
            BACKFILL,
            {"gap_id": gap.id, **_describe_span(gap.from_ns, gap.to_ns)},
            [NewItem(item.to_payload(), delay_s) for item in items],
            requested_by="gaps",
        )
        await self._gaps.begin_closing(session, gap.id, job_id)

    def _count_delay_s(self, end_ns: int, now_ns: int) -> float:
        return max(0.0, self._settle_s - (now_ns - end_ns) / SECOND_NS)


def _describe_span(from_ns: int, to_ns: int) -> dict[str, str]:
    return {"from": format_rfc3339(from_ns), "to": format_rfc3339(to_ns)}
