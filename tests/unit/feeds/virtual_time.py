"""An event loop whose time only passes when everybody waits: pacing is tested without waiting."""

from __future__ import annotations

import asyncio
import selectors


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting, moves the loop's time on."""

    loop: VirtualTimeLoop

    def select(self, timeout=None):
        self.loop.turns += 1
        events = super().select(0)
        if not events and timeout is None:
            msg = "everybody waits, and nothing will ever happen"
            raise AssertionError(msg)
        if not events and timeout > 0:
            self.loop.now_s += timeout
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`now_s` is the loop's time; `turns` counts how often it went round."""

    def __init__(self):
        self.now_s = 1_000.0
        self.turns = 0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self):
        return self.now_s


def run(make_coroutine):
    """Run a coroutine function that is given the loop; return what it returns."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(make_coroutine(runner.get_loop()))
