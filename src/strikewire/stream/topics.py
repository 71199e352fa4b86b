"""The grammar of topics, and the catalogue of their kinds. A new kind gets its line here first.

A topic's name is its kind and what it is about, with a colon between: `bars:NSE:NIFTY 50:1m`. Only
the source of a kind reads what stands behind the first colon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strikewire.core.errors import InvalidInputError

#: A longer name is nobody's.
MAX_NAME: Final = 128


@dataclass(frozen=True, slots=True)
class TopicKind:
    """What is published under topics of one kind, and how.

    Parameters
    ----------
    name : what stands before the first colon.
    ring : events of one topic that are kept for whoever comes back. 0: there are no events, only
        states, of which the newest is all there is to know.
    summary : one line, for the documentation.
    """

    name: str
    ring: int
    summary: str


#: A ring holds an NSE session of minutes, and the next day's first hours.
BARS: Final = TopicKind("bars", 1_024, "The bars of one instrument in one width.")
#: One topic, of this program: where its market stands.
MARKET: Final = TopicKind("market", 0, "The market's mode, state and clock.")

#: Its events are the minutes of a session; the table itself is state.
CHAIN: Final = TopicKind("chain", 1_024, "The option chain of one expiry.")
MONITOR: Final = TopicKind("monitor", 0, "The index, futures and chains of one underlying.")

#: Its events are closed minutes and alerts; what it is worth is state.
STRATEGY: Final = TopicKind("strategy", 1_024, "What one strategy is worth, with its legs.")
STRATEGIES: Final = TopicKind("strategies", 256, "The board of one user's strategies.")

#: Its events are all there is: nothing that became of an order is left out.
ORDERS: Final = TopicKind("orders", 1_024, "What becomes of an account's orders.")

KINDS: Final = {
    kind.name: kind for kind in (BARS, CHAIN, MARKET, MONITOR, ORDERS, STRATEGIES, STRATEGY)
}


@dataclass(frozen=True, slots=True)
class TopicName:
    """A topic's name, taken apart at the first colon."""

    kind: TopicKind
    subject: str

    def __str__(self) -> str:
        return f"{self.kind.name}:{self.subject}" if self.subject else self.kind.name


def parse_topic(text: str) -> TopicName:
    """Read a topic's name.

    Raises
    ------
    InvalidInputError : it is longer than any, or of a kind there is not.
    """
    kind, _, subject = text.partition(":")
    found = KINDS.get(kind)
    if len(text) > MAX_NAME or found is None:
        msg = f"a topic was wanted that begins with one of {', '.join(sorted(KINDS))}"
        raise InvalidInputError(msg, topic=text[:MAX_NAME])
    return TopicName(found, subject)
