"""Secrets that must never be seen, and the watch over everything that tests make the program say.

The settings of every server that tests start hold `CANARY_KEYS`. What pytest captured of a test,
and what a program said that was started, is looked through; a test in whose output a canary sings
fails (S17). A secret of a test's own is a canary when `CANARY` is part of it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Final

#: Part of every canary, and of nothing else.
CANARY: Final = "canary7f3a9b21"
_KEY: Final = f"{CANARY}-must-not-be-seen!".encode().ljust(32, b"!")
#: A key ring for `STRIKEWIRE_SECRET_KEYS`.
CANARY_KEYS: Final = base64.urlsafe_b64encode(_KEY).decode()

_SONGS: Final = (CANARY, CANARY_KEYS, CANARY.encode().hex())


def find_canary(texts: Iterable[str]) -> str | None:
    """Return the first text with a canary in it, cut to what stands around it."""
    for text in texts:
        for song in _SONGS:
            place = text.find(song)
            if place >= 0:
                return text[max(0, place - 200) : place + 200]
    return None


def check_silence(*texts: str) -> None:
    """Fail where a canary is to be seen."""
    found = find_canary(texts)
    assert found is None, f"a secret was written down: ...{found}..."
