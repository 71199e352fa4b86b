"""Random numbers that have an address: the same one each time, whatever was drawn before.

PCG64 by NumPy: bit for bit the same on every machine. A normal deviate goes through the machine's
logarithm now and then, so from there on equality is to the last bits, not of them.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt


class Stream(IntEnum):
    """What the numbers are for: each use has its own, so that none shifts another's."""

    PATHS = 1
    FLOWS = 2
    OPEN_INTEREST = 3
    BOOKS = 4


def make_generator(seed: int, stream: Stream, number: int = 0) -> np.random.Generator:
    """Return the generator of a stream; `number` tells days apart."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream, number])))


def draw_words(seed: int, stream: Stream, *, first: int, count: int) -> npt.NDArray[np.uint64]:
    """Return the words `first` to `first + count` of a stream, without drawing those before.

    Returns
    -------
    uint64 (count,), all bits random.
    """
    bits = np.random.PCG64(np.random.SeedSequence([seed, stream]))
    bits.advance(first)
    words: npt.NDArray[np.uint64] = bits.random_raw(count)
    return words
