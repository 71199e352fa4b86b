"""Strikewire from a program: streams that come back by themselves."""

from strikewire.client.stream import Stream, StreamClosedError
from strikewire.client.topic_state import Gap

__all__ = ["Gap", "Stream", "StreamClosedError"]
