"""A message: said once, written once per encoding, however many are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, Final

import msgpack
import orjson

from strikewire.stream.frames import build_binary_frame, build_text_frame


class Encoding(IntEnum):
    """How a client wants its messages; the values are places in a message's frames."""

    JSON = 0
    MSGPACK = 1

    @property
    def label(self) -> str:
        """The name that clients ask for it by."""
        return self.name.lower()


class Message:
    """One thing that is said to subscribers.

    Parameters
    ----------
    describe : returns the body: text keys, and values that JSON knows. It is called at most once,
        and not before somebody is to be told.
    key : of a state, which a newer one with the same key replaces; None for an event, which is
        delivered, in order, or the subscriber is ended.
    made_ns : when it was published, on a clock for durations.
    whole : of a state that says only what has changed: all there is to say, for whoever was not
        told the one before it.
    """

    __slots__ = ("_body", "_describe", "_frames", "key", "made_ns", "whole")

    def __init__(
        self,
        describe: Callable[[], Mapping[str, Any]],
        *,
        key: str | None = None,
        made_ns: int = 0,
        whole: Message | None = None,
    ) -> None:
        self._describe = describe
        self._body: Mapping[str, Any] | None = None
        self._frames: list[bytes | None] = [None, None]
        self.key = key
        self.made_ns = made_ns
        self.whole = whole

    @property
    def body(self) -> Mapping[str, Any]:
        """What is said."""
        if self._body is None:
            self._body = self._describe()
        return self._body

    def frame(self, encoding: Encoding) -> bytes:
        """Return the WebSocket frame that says it."""
        frame = self._frames[encoding]
        if frame is None:
            frame = self._frames[encoding] = _ENCODERS[encoding](self.body)
        return frame


def encode_json(body: Mapping[str, Any]) -> bytes:
    """Return a text frame; NaN is null."""
    return build_text_frame(orjson.dumps(body, default=str))


def encode_msgpack(body: Mapping[str, Any]) -> bytes:
    """Return a binary frame."""
    return build_binary_frame(msgpack.packb(body, default=str))


_ENCODERS: Final = (encode_json, encode_msgpack)
