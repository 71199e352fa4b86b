"""A peer's interpreter, which runs once whenever it is told to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

#: One thread for everybody, whatever they thread with.
ONE_THREAD: Final = dict.fromkeys(
    ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
)
PROGRAMS: Final = Path(__file__).parent / "peers"


def find_environments() -> Path:
    """Return the folder in which each peer has an environment of its own."""
    default = Path(sys.prefix) / "bench"
    return Path(os.environ.get("STRIKEWIRE_BENCH_ENVIRONMENTS", default))


class PeerProcess:
    """A program of `peers` in its own environment, which answers a line with what a run took.

    Parameters
    ----------
    python : the interpreter of the peer's environment.
    arguments : the program's file and what it is started with.
    """

    def __init__(self, python: Path, arguments: Sequence[str]) -> None:
        self.peak_mib = 0.0
        self._process = subprocess.Popen(
            [str(python), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | ONE_THREAD,
        )
        self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            msg = f"{self._process.args} ended with {self._process.wait()}"
            raise SystemExit(msg)
        return line

    def run(self, repeats: int) -> float:
        """Return the processor seconds of one run, as the mean of so many."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{repeats}\n")
        self._process.stdin.flush()
        seconds, peak_mib = map(float, self._read().split())
        self.peak_mib = peak_mib
        return seconds

    def close(self) -> None:
        """Let it write its results and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
