"""WebSocket frames as clients write and read them (RFC 6455, 5.2), with little ado."""

from __future__ import annotations

import orjson

PING, PONG, CLOSE, TEXT = 0x9, 0xA, 0x8, 0x1

HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
)


def build_frame(opcode: int, payload: bytes) -> bytes:
    """Return one whole message, masked as a client has to: with zeros, which change nothing."""
    size = len(payload)
    head = bytes((0x80 | opcode, 0x80 | size if size < 126 else 0xFE))
    return head + (b"" if size < 126 else size.to_bytes(2, "big")) + bytes(4) + payload


def build_request(**body: object) -> bytes:
    return build_frame(TEXT, orjson.dumps(body))


class FrameReader:
    """Takes bytes as they come, gives whole frames."""

    def __init__(self) -> None:
        self._rest = b""

    def read(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the frames that are whole now: opcode and payload."""
        data = self._rest + data if self._rest else data
        frames = []
        at, end = 0, len(data)
        while end - at >= 2:
            size, begin = data[at + 1], at + 2
            if size >= 126:
                begin += 2 if size == 126 else 8
                # Cut off, it is too small at worst, and then the payload is not there either.
                size = int.from_bytes(data[at + 2 : begin], "big")
            if begin + size > end:
                break
            frames.append((data[at] & 0x0F, data[begin : begin + size]))
            at = begin + size
        self._rest = data[at:]
        return frames
