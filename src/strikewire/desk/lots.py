"""Lots: what is still held of each trade, first in, first out, so that what was made is exact."""

from __future__ import annotations


class Lots:
    """What is held of one contract, trade by trade, all bought or all sold."""

    __slots__ = ("_lots",)

    def __init__(self) -> None:
        # Units, less than 0 where sold, and the price in pips. A list: there are few, and an empty
        # deque takes ten times its room.
        self._lots: list[tuple[int, int]] = []

    def take(self, quantity: int, price: int) -> int:
        """Take a trade in: it closes what is held against it, oldest first, and opens the rest.

        Parameters
        ----------
        quantity : units; less than 0 is sold.
        price : pips.

        Returns
        -------
        What was made on the units that were closed, pips.
        """
        realised = 0
        while quantity and self._lots and (self._lots[0][0] > 0) != (quantity > 0):
            held, paid = self._lots.pop(0)
            closed = min(abs(held), abs(quantity))
            if held < 0:
                closed = -closed
            realised += closed * (price - paid)
            quantity += closed
            if held != closed:
                self._lots.insert(0, (held - closed, paid))
        if quantity:
            self._lots.append((quantity, price))
        return realised
