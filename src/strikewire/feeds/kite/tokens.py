"""Whose packet is it: the broker's tokens and our instruments, both ways."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.feeds.kite.wire_nb import fill_table_nb

NO_TOKEN: Final = -1
_LARGEST_TOKEN: Final = 2**32 - 1
_SMALLEST_BITS: Final = 4
_WORD_BITS: Final = 32


class TokenTable:
    """The broker's tokens and our instrument ids, one for one; it never changes.

    A hash table at most half full, eight bytes a place: a look-up mostly costs one cache line.
    The broker gives a token again once its contract has ended, so whoever makes a table leaves out
    what is not listed any more.

    Parameters
    ----------
    tokens : int64 (n,), of the broker.
    instrument_ids : int32 (n,), ours, row for row.

    Raises
    ------
    ValueError : the lengths differ, a token is no unsigned 32-bit number or an id is negative, or
        one of them is there twice: prices would go to the wrong instrument.
    """

    def __init__(
        self, tokens: npt.NDArray[np.int64], instrument_ids: npt.NDArray[np.int32]
    ) -> None:
        tokens = np.ascontiguousarray(tokens, np.int64)
        instrument_ids = np.ascontiguousarray(instrument_ids, np.int32)
        if tokens.shape != instrument_ids.shape:
            msg = f"{len(tokens)} tokens and {len(instrument_ids)} instruments are no pairs"
            raise ValueError(msg)
        if len(tokens) and not 0 <= tokens.min() <= tokens.max() <= _LARGEST_TOKEN:
            msg = f"a token is 32 bits, found {tokens.min()} to {tokens.max()}"
            raise ValueError(msg)
        if len(tokens) and instrument_ids.min() < 0:
            msg = f"an instrument's id is not negative, found {instrument_ids.min()}"
            raise ValueError(msg)
        bits = max((2 * len(tokens)).bit_length(), _SMALLEST_BITS)
        self.table = np.full((1 << bits, 2), -1, np.int32)
        self.shift = _WORD_BITS - bits
        twice = int(fill_table_nb(self.table, self.shift, tokens, instrument_ids))
        if twice >= 0:
            msg = f"token {tokens[twice]} is there twice"
            raise ValueError(msg)
        self._tokens = np.full(int(instrument_ids.max(initial=-1)) + 1, NO_TOKEN, np.int64)
        self._tokens[instrument_ids] = tokens
        if int((self._tokens != NO_TOKEN).sum()) != len(tokens):
            msg = "an instrument is there twice"
            raise ValueError(msg)
        self._count = len(tokens)

    def __len__(self) -> int:
        return self._count

    def find_tokens(self, instrument_ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Return int64 (n,), the token of each of our ids; `NO_TOKEN` where the broker has none."""
        is_known = (instrument_ids >= 0) & (instrument_ids < len(self._tokens))
        found = np.full(len(instrument_ids), NO_TOKEN, np.int64)
        found[is_known] = self._tokens[instrument_ids[is_known]]
        return found
