"""Failpoints: named places where a test lets the program die.

A promise about crashes is worth what the worst place to crash says of it. Set
`STRIKEWIRE_FAILPOINT=recorder.copied:3` and the program kills itself, as `kill -9` would, the third
time it comes by.
"""

from __future__ import annotations

import os
import signal
from typing import Final

from strikewire.core.errors import SettingsError

#: Every place, in the order a tick comes by, and a minute that is filled later.
FAILPOINTS: Final = (
    "session.journaled",
    "session.applied",
    "desk.filled",
    "desk.written",
    "desk.committed",
    "session.deaf",
    "recorder.begun",
    "recorder.written",
    "recorder.committed",
    "session.finished",
    "backfill.loaded",
    "backfill.committed",
)


class Failpoints:
    """Die at a named place, or, without a specification, never.

    Parameters
    ----------
    spec : `name` or `name:count`; empty for none.

    Raises
    ------
    SettingsError : no such place, or a count that is no positive number.
    """

    def __init__(self, spec: str = "") -> None:
        name, _, count = spec.partition(":")
        if spec and (name not in FAILPOINTS or not (count or "1").isdecimal() or count == "0"):
            msg = f"STRIKEWIRE_FAILPOINT must be one of {', '.join(FAILPOINTS)}, was {spec}"
            raise SettingsError(msg)
        self._name = name
        self._left = int(count or "1")

    def hit(self, name: str) -> None:
        """Come by a place."""
        if name == self._name:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)
