"""What a client knows of one topic: where it stands, and whether something is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Gap:
    """Events of a topic that this client will never see.

    Parameters
    ----------
    epoch, seq : the last message it had.
    resumed_at : the number that it goes on after, of `resumed_epoch`.
    """

    topic: str
    epoch: str
    seq: int
    resumed_epoch: str
    resumed_at: int


class TopicState:
    """Follows the numbers of one topic. No input, no output.

    Parameters
    ----------
    name : as it was asked for; the server's answers carry the canonical one.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.canonical: str | None = None
        #: Something is missing, and was asked for again.
        self.is_broken = False
        self._epoch: str | None = None
        self._seq = 0

    def make_request(self, request_id: int) -> dict[str, Any]:
        """Return what asks for the topic: from where it stands, if it stands anywhere."""
        body: dict[str, Any] = {"action": "subscribe", "topic": self.name, "id": request_id}
        if self._epoch is not None:
            body |= {"epoch": self._epoch, "seq": self._seq}
        return body

    def begin(self, message: Mapping[str, Any]) -> Gap | None:
        """Take in the answer to a subscription; returns what is lost, if anything is."""
        gap = None
        epoch, seq = message["epoch"], message["seq"]
        if message["type"] == "snapshot":
            if self._epoch is not None and (self._epoch, self._seq) != (epoch, seq):
                gap = Gap(message["topic"], self._epoch, self._seq, epoch, seq)
            self._seq = seq
        # What `resumed` announces follows, from where this client stands.
        self._epoch = epoch
        self.canonical = message["topic"]
        self.is_broken = False
        return gap

    def follow(self, message: Mapping[str, Any]) -> bool:
        """Take in a change; False when one before it is missing, or it belongs elsewhere."""
        if self.is_broken or message["epoch"] != self._epoch:
            return False
        if not self._seq <= message["seq"] <= self._seq + 1:
            self.is_broken = True
            return False
        self._seq = message["seq"]
        return True

    def is_behind(self, seq: int) -> bool:
        """Say whether the server counts more than came: a heartbeat tells."""
        return self._epoch is not None and seq > self._seq
