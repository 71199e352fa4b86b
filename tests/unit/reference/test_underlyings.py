from __future__ import annotations

import pytest

from strikewire.reference.underlyings import find_spot_symbol, split_underlying


@pytest.mark.parametrize(
    ("exchange", "underlying", "symbol"),
    [
        ("NFO", "BANKNIFTY", "NSE:NIFTY BANK"),
        ("NFO", "RELIANCE", "NSE:RELIANCE"),
        ("BFO", "SENSEX", "BSE:SENSEX"),
        # An index of the other exchange's name is a share's here, if anybody's.
        ("BFO", "NIFTY", "BSE:NIFTY"),
        ("MCX", "GOLD", None),
        ("CDS", "USDINR", None),
    ],
)
def test_spot_of_an_underlying(exchange: str, underlying: str, symbol: str | None) -> None:
    assert find_spot_symbol(exchange, underlying) == symbol


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("NIFTY", (None, "NIFTY")),
        ("nfo:nifty", ("NFO", "NIFTY")),
        (" M&M ", (None, "M&M")),
        (":NIFTY", (None, "NIFTY")),
    ],
)
def test_underlying_with_and_without_its_venue(text: str, parts: tuple[str | None, str]) -> None:
    assert split_underlying(text) == parts
