"""Which topics a socket may ask for: the scope of each kind, and what each path is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strikewire.auth.scopes import Scope
from strikewire.stream import topics
from strikewire.stream.topics import TopicKind

#: What a kind's topics ask of whoever listens.
SCOPES: Final = {
    topics.BARS.name: Scope.BARS_READ,
    topics.MARKET.name: Scope.BARS_READ,
}


@dataclass(frozen=True, slots=True)
class SocketPath:
    """One path that sockets are opened on.

    Parameters
    ----------
    kinds : the topics that may be asked for there.
    access : the scope without which it is not opened; each topic asks for its own as well.
    """

    path: str
    summary: str
    kinds: frozenset[TopicKind]
    access: Scope


PATHS: Final = (
    SocketPath(
        "/ws", "Every topic there is.", frozenset(topics.KINDS.values()), Scope.BARS_READ
    ),
    SocketPath(
        "/ws/bars", "Bars of instruments.", frozenset({topics.BARS, topics.MARKET}),
        Scope.BARS_READ,
    ),
)  # fmt: skip
