from __future__ import annotations

from numba.core.registry import CPUDispatcher

from strikewire.analytics.options import chains_nb, forwards_nb, implied_nb, priced_nb
from strikewire.engine import books, kernels, reads_nb
from strikewire.engine.warm import compile_kernels


def test_every_kernel_the_engine_calls_is_compiled_afterwards() -> None:
    compile_kernels()

    called = [
        kernels.apply_ticks_nb,
        books.apply_depth_nb,
        kernels.close_bars_nb,
        kernels.flush_bars_nb,
        kernels.peek_bars_nb,
        reads_nb.read_closed_nb,
        reads_nb.read_quotes_nb,
        chains_nb.compute_figures_nb,
        forwards_nb.find_forwards_nb,
        implied_nb.solve_rows_nb,
        priced_nb.price_rows_nb,
        priced_nb.value_rows_nb,
    ]
    # With the compiler off there is nothing to compile: they are plain functions.
    compiled = [each for each in called if isinstance(each, CPUDispatcher)]
    assert all(each.signatures for each in compiled)
