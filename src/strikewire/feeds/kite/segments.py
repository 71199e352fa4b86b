"""Segments: where an instrument trades, which the broker writes into the last byte of its token.

Source: https://kite.trade/docs/connect/v3/websocket/#message-structure
"""

from __future__ import annotations

from typing import Final

_SEGMENT: Final = 0xFF
_INDICES: Final = 9
#: NSE, BSE, indices: what the broker says of open interest there is a 0 that tells nothing.
_CASH: Final = frozenset({1, 4, _INDICES})


def is_index(token: int) -> bool:
    """Say whether a token is an index's, which nobody trades."""
    return token & _SEGMENT == _INDICES


def has_open_interest(token: int) -> bool:
    """Say whether there is open interest to be known of a token's instrument."""
    return token & _SEGMENT not in _CASH
