"""Frames as they come over a bad line."""

from __future__ import annotations

from typing import Final

import numpy as np

_COUNT_BYTES: Final = 2
_MAX_FLIPS: Final = 8


def corrupt(frame: bytes, how: str, rng: np.random.Generator) -> bytes:
    """Return a frame that is no longer what was sent.

    Parameters
    ----------
    how : `bits`: up to eight are flipped; `truncate`: its end is missing; `count`: another number
        of packets than there are; `length`: the first packet's length is not its own.
    """
    if how == "truncate":
        return frame[: int(rng.integers(_COUNT_BYTES, len(frame)))]
    spoiled = bytearray(frame)
    if how == "bits":
        places = rng.choice(
            8 * len(frame), size=int(rng.integers(1, _MAX_FLIPS + 1)), replace=False
        )
        for place in places.tolist():
            spoiled[place // 8] ^= 1 << place % 8
        return bytes(spoiled)
    at = 0 if how == "count" else _COUNT_BYTES
    true = int.from_bytes(frame[at : at + 2], "big")
    wrong = (true + int(rng.integers(1, 2**16))) % 2**16
    spoiled[at : at + 2] = wrong.to_bytes(2, "big")
    return bytes(spoiled)
