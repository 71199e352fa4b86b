from __future__ import annotations

from numba.core.registry import CPUDispatcher

from strikewire.feeds.kite import wire_nb
from strikewire.feeds.kite.warm import compile_kernels


def test_the_decoder_is_compiled_afterwards() -> None:
    compile_kernels()

    # With the compiler off there is nothing to compile: they are plain functions.
    called = [wire_nb.decode_nb, wire_nb.fill_table_nb]
    assert all(each.signatures for each in called if isinstance(each, CPUDispatcher))
