"""A chain topic: one expiry's chain as those who listen to it know it."""

from __future__ import annotations

from typing import Any

from strikewire.analytics.options.expiry_time import Convention
from strikewire.core.instants import format_rfc3339
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.table import ChainTable
from strikewire.live.chain_payload import build_chain, describe_figures, describe_head
from strikewire.stream.document_topic import DocumentTopic
from strikewire.stream.figures import StreamFigures
from strikewire.stream.topics import CHAIN, TopicName


class ChainTopic(DocumentTopic):
    """The state of one chain. What is said of it is what REST answers of the same table.

    Parameters
    ----------
    table : of this expiry alone, as it is now.
    """

    def __init__(
        self, *, key: ChainKey, table: ChainTable, epoch: str, figures: StreamFigures
    ) -> None:
        super().__init__(
            name=TopicName(CHAIN, key.subject),
            state=build_chain(table),
            epoch=epoch,
            figures=figures,
        )
        self.key = key
        #: Whether the board is asked to value it as it moves.
        self.is_wanted = False

    def close_minute(self, minute_ns: int, table: ChainTable) -> None:
        """Tell how things stood at a minute's end."""
        # Now, though nobody may hear it: what waits must not hold the whole minute's tables.
        body = {"ts": format_rfc3339(minute_ns), "minute": describe_minute(table)}
        self.channel.publish("minute", lambda: body)


def describe_minute(table: ChainTable) -> dict[str, Any]:
    """Describe a chain at a minute's end without its strikes."""
    head = describe_head(table, convention=Convention.FORWARD)
    return {**head, "figures": describe_figures(table.figures)}
