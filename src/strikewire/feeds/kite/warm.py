"""Compile the decoder before a socket waits for it; `make setup` runs this as a module."""

from __future__ import annotations

import numpy as np

from strikewire.feeds.kite.tokens import TokenTable
from strikewire.feeds.kite.wire import decode


def compile_kernels() -> None:
    """Send an empty frame through the decoder; compiled code does not depend on what is in it."""
    nobody = TokenTable(np.zeros(0, np.int64), np.zeros(0, np.int32))
    decode(bytes(2), nobody, ts_recv_ns=0)


if __name__ == "__main__":
    compile_kernels()
