"""What streams count, by kind of topic. Plain numbers: a message to 1,000 clients adds 1,000."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

#: Upper bounds of the delivery latency's buckets, seconds; above the last, there is one more.
LATENCY_BOUNDS_S: Final = (0.000_1, 0.001, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0)
_BOUNDS_NS: Final = tuple(int(bound * 1e9) for bound in LATENCY_BOUNDS_S)


@dataclass(slots=True)
class KindFigures:
    """The counts of one kind.

    Parameters
    ----------
    messages : published.
    delivered : handed to a connection, once for each.
    sent_bytes : of those.
    conflated : states that were replaced by newer ones before a slow client could have them.
    dropped : events that waited when their client was closed as too slow.
    latency : delivered messages by how long they had waited, in the buckets of LATENCY_BOUNDS_S and
        one above.
    latency_sum_ns : of the same.
    """

    messages: int = 0
    delivered: int = 0
    sent_bytes: int = 0
    conflated: int = 0
    dropped: int = 0
    latency: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS_S) + 1))
    latency_sum_ns: int = 0

    def count_delivery(self, size: int, waited_ns: int, clients: int = 1) -> None:
        """Count one frame that was handed to so many connections after so long a wait."""
        self.delivered += clients
        self.sent_bytes += size * clients
        self.latency_sum_ns += waited_ns * clients
        place = 0
        for bound_ns in _BOUNDS_NS:
            if waited_ns <= bound_ns:
                break
            place += 1
        self.latency[place] += clients


class StreamFigures:
    """The counts of all kinds."""

    def __init__(self) -> None:
        self.by_kind: dict[str, KindFigures] = {}
        #: Clients closed because more waited for them than is kept.
        self.slow_clients = 0

    def of(self, kind: str) -> KindFigures:
        """Return the counts of a kind."""
        found = self.by_kind.get(kind)
        if found is None:
            found = self.by_kind[kind] = KindFigures()
        return found
