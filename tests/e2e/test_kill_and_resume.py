"""Promise F1: killed anywhere, run again, and every bar is there once, as if nothing happened."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import KILLED, hash_bars, replay
from tests.unmeasured import UNMEASURED

SESSION = "banknifty_1min_20221230/bnf_20221230.parquet"
BAR_COUNT = 38_758
#: 77 strikes and their expiry in each of 375 minutes, and the future, which has one more.
CHAIN_ROW_COUNT = 375 * 78 + 376
FRAME_COUNT = 4 * 376

#: Places a tick comes by once per frame, and once per commit.
FRAME_POINTS = ("session.journaled", "session.applied")
COMMIT_POINTS = ("recorder.begun", "recorder.written", "recorder.committed")


@pytest.fixture(scope="module")
def session_file(shared_data: Callable[[str], Path]) -> Path:
    return shared_data(SESSION)


@pytest.fixture(scope="module")
async def undisturbed(session_file: Path, make_data_dir: Callable[[], Path]) -> str:
    """Return the digest of the bars of a run that nobody killed."""
    data_dir = make_data_dir()
    summary = replay(session_file, data_dir, **UNMEASURED).json()
    assert summary["engine"]["bars"] == BAR_COUNT
    assert summary["stored"] == {"inserted": BAR_COUNT, "updated": 0, "unchanged": 0}
    assert summary["chain_rows"] == CHAIN_ROW_COUNT
    return await hash_bars(data_dir)


def _kill_again_and_again(
    session_file: Path, data_dir: Path, points: tuple[str, ...], *, kills: int, seed: int
) -> dict[str, Any]:
    """Kill the replay at random places, each run going on where the last one ended; finish it."""
    generator = random.Random(seed)
    for deaths in range(kills):
        point = generator.choice(points)
        # Few enough that all of them together do not reach the end of the session.
        count = generator.randint(1, FRAME_COUNT // (kills + 1) if point in FRAME_POINTS else 5)
        killed = replay(
            session_file,
            data_dir,
            speed="max" if point in FRAME_POINTS else "600",
            STRIKEWIRE_FAILPOINT=f"{point}:{count}",
            STRIKEWIRE_RECORDER_FLUSH_S="0.05",
            **UNMEASURED,
        )
        assert killed.status == KILLED, f"{point}:{count} after {deaths} deaths: {killed.stderr}"
    finished: dict[str, Any] = replay(session_file, data_dir, **UNMEASURED).json()
    return finished


@pytest.mark.promise("F1")
@pytest.mark.parametrize(("points", "chain"), [(FRAME_POINTS, 1), (COMMIT_POINTS, 2)])
async def test_replay_killed_at_ten_random_points_gives_the_undisturbed_bars(
    session_file: Path, data_dir: Path, undisturbed: str, points: tuple[str, ...], chain: int
) -> None:
    summary = _kill_again_and_again(session_file, data_dir, points, kills=10, seed=chain)

    assert summary["is_complete"]
    assert summary["engine"]["bars"] == BAR_COUNT
    assert await hash_bars(data_dir) == undisturbed


@pytest.mark.soak
@pytest.mark.promise("F1")
async def test_replay_killed_at_two_hundred_random_points_gives_the_undisturbed_bars(
    session_file: Path, make_data_dir: Callable[[], Path], undisturbed: str, seed: int
) -> None:
    for chain in range(10):
        data_dir = make_data_dir()
        points = (*FRAME_POINTS, *COMMIT_POINTS)
        _kill_again_and_again(session_file, data_dir, points, kills=20, seed=seed + chain)
        assert await hash_bars(data_dir) == undisturbed


@pytest.mark.promise("F1")
def test_resumed_replay_reads_at_most_one_flush_interval_again(
    session_file: Path, data_dir: Path
) -> None:
    """At 600 times the market's speed a flush interval of 0.1 s is one minute: 4 frames.

    The program dies at the 240th frame, in the 60th minute, of a session of 4 frames a minute.
    """
    frames = 240
    killed = replay(
        session_file, data_dir, speed="600", STRIKEWIRE_FAILPOINT=f"session.journaled:{frames}"
    )
    assert killed.status == KILLED

    summary = replay(session_file, data_dir).json()

    resumed = summary["resumed"]
    per_minute = summary["ticks"] / 376
    died_at = frames / 4 * per_minute
    # Two intervals: the frames of the one under way, and of one that a busy machine let slip.
    assert died_at - 2.5 * per_minute <= resumed["journal_seq"] <= died_at * 1.1
    assert resumed["committed_seq"] <= resumed["journal_seq"]
    assert summary["engine"]["bars"] == BAR_COUNT


def test_second_replay_changes_nothing(session_file: Path, data_dir: Path) -> None:
    first = replay(session_file, data_dir).json()

    second = replay(session_file, data_dir).json()

    assert first["stored"] == {"inserted": BAR_COUNT, "updated": 0, "unchanged": 0}
    assert second["stored"] == {"inserted": 0, "updated": 0, "unchanged": BAR_COUNT}
    assert (first["chain_rows"], second["chain_rows"]) == (CHAIN_ROW_COUNT, 0)
    assert second["engine"] == first["engine"]
    assert second["resumed"] is None
