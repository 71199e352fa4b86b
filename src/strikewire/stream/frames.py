"""WebSocket frames as a server sends them, made once for everybody who gets one (RFC 6455, 5.2)."""

from __future__ import annotations

from typing import Final

_FIN_TEXT: Final = 0x81
_FIN_BINARY: Final = 0x82


def build_text_frame(payload: bytes) -> bytes:
    """Return one whole text message: a server's frames are not masked."""
    return _build(_FIN_TEXT, payload)


def build_binary_frame(payload: bytes) -> bytes:
    """Return one whole binary message."""
    return _build(_FIN_BINARY, payload)


def _build(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload
