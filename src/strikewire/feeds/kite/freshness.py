"""Freshness: which instruments are stale and which sockets are mute, while their market is open.

Out of session nobody is expected, so nobody is late: the watch follows each venue's hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.feeds.kite.listing import Listing, TradingHours
from strikewire.feeds.kite.silences import SilenceConfig, Silences

_NONE: Final = np.zeros(0, np.int32)
#: The one row of all together.
_WHOLE: Final = np.zeros(1, np.int32)
#: The pause that is supposed of an instrument nobody has heard of yet, in times of the floor.
_SUPPOSED: Final = 6.0


@dataclass(frozen=True, slots=True)
class FreshnessConfig:
    """How long a silence may be.

    Parameters
    ----------
    stale_s : of an instrument, besides twice its usual pause.
    mute_s : of a socket that is up, likewise.
    silent_s : of all of them together. With how often it is asked and shown it is less than the 3 s
        in which people have to see it.
    """

    stale_s: float = 5.0
    mute_s: float = 10.0
    silent_s: float = 2.0


class Freshness:
    """Watches who was heard when.

    Parameters
    ----------
    sockets : how many there are.
    """

    def __init__(self, config: FreshnessConfig, *, hours: TradingHours, sockets: int) -> None:
        self._hours = hours
        self._instruments = Silences(
            SilenceConfig(floor_s=config.stale_s, supposed_s=_SUPPOSED * config.stale_s)
        )
        self._sockets = Silences(SilenceConfig(floor_s=config.mute_s), rows=sockets)
        self._whole = Silences(SilenceConfig(floor_s=config.silent_s), rows=1)
        self._wanted = _NONE
        # By socket: the wanted ids that it brings, while it is up.
        self._heard_by: list[npt.NDArray[np.int32]] = [_NONE] * sockets
        self._is_up = np.zeros(sockets, np.bool_)
        self._is_open = np.zeros(0, np.bool_)
        self._open_venues: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether anything that is listed trades, as of the last look."""
        return bool(self._open_venues)

    def spread(self, ids: list[npt.NDArray[np.int32]], now_s: float) -> None:
        """Take over who is wanted of which socket; who is new is expected from now on."""
        wanted = np.unique(np.concatenate([_NONE, *ids]))
        self._instruments.end(np.setdiff1d(self._wanted, wanted))
        new = np.setdiff1d(wanted, self._wanted)
        self._wanted = wanted
        self._heard_by = ids
        self._expect(new, now_s)
        for number in range(len(ids)):
            self._expect_socket(number, now_s)

    def rise(self, number: int, now_s: float) -> None:
        """Note that a socket is up. Who it brings stays stale until he is heard."""
        self._is_up[number] = True
        self._instruments.excuse(self._heard_by[number], now_s)
        self._expect_socket(number, now_s)

    def fall(self, number: int) -> None:
        """Note that a socket is gone: nobody can expect anything of it."""
        self._is_up[number] = False
        self._sockets.end(np.array([number], np.int32))

    def hear(self, number: int, ids: npt.NDArray[np.int32], now_s: float) -> None:
        """Note that a socket brought ticks."""
        self._whole.hear(_WHOLE, now_s)
        self._sockets.hear(np.array([number], np.int32), now_s)
        self._instruments.hear(ids, now_s)

    def look(self, listing: Listing, now_s: float) -> None:
        """See which venues are open now: at an opening everybody there is expected anew."""
        self._instruments.make_room(listing.size)
        venues = frozenset(venue for venue in listing.venues if self._hours.is_open(venue))
        if venues == self._open_venues and len(self._is_open) == listing.size:
            return
        is_open = np.zeros(listing.size, np.bool_)
        for venue in venues:
            is_open[listing.venues[venue]] = True
        was_open = np.zeros(listing.size, np.bool_)
        was_open[: len(self._is_open)] = self._is_open[: listing.size]
        self._is_open, self._open_venues = is_open, venues
        if venues:
            self._whole.begin(_WHOLE, now_s)
        else:
            self._whole.end(_WHOLE)
        self._instruments.end(np.flatnonzero(was_open & ~is_open).astype(np.int32))
        self._expect(np.intersect1d(self._wanted, np.flatnonzero(is_open & ~was_open)), now_s)
        for number in range(len(self._heard_by)):
            self._expect_socket(number, now_s)

    def find_stale(self, now_s: float) -> npt.NDArray[np.int32]:
        """Return int32 (n,), the ids that are silent for too long in their session."""
        return self._instruments.find_silent(now_s)

    def is_silent(self, now_s: float) -> bool:
        """Say whether nothing comes of anybody, though somebody trades."""
        return bool(len(self._whole.find_silent(now_s)))

    def find_mute(self, now_s: float) -> list[int]:
        """Return the sockets that are up and silent for too long.

        The silence counts as a pause from then on: a socket of instruments that are traded rarely
        is not opened again and again for it.
        """
        mute = self._sockets.find_silent(now_s)
        self._sockets.accept(mute, now_s)
        return [int(number) for number in mute]

    def compute_age_s(self, number: int, now_s: float) -> float:
        """Return seconds since a socket brought ticks, or was opened."""
        return float(self._sockets.compute_ages(np.array([number], np.int32), now_s)[0])

    def _expect(self, ids: npt.NDArray[np.int32], now_s: float) -> None:
        known = ids[ids < len(self._is_open)]
        self._instruments.begin(known[self._is_open[known]].astype(np.int32), now_s)

    def _expect_socket(self, number: int, now_s: float) -> None:
        """Expect ticks of a socket that is up if anybody it brings trades now."""
        row = np.array([number], np.int32)
        ids = self._heard_by[number]
        known = ids[ids < len(self._is_open)]
        if self._is_up[number] and self._is_open[known].any():
            self._sockets.begin(row, now_s)
        else:
            self._sockets.end(row)
