"""The fake broker against the broker's own client, which has to make sense of all it sends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("official_client.py")


@pytest.fixture(scope="module")
def client_python(miss_part):
    """Return the interpreter of the environment the broker's own client stands in."""
    python = Path(sys.prefix, "bench", "kite", "bin", "python")
    return str(python) if python.exists() else miss_part(f"the broker's client in {python}")


def test_official_client_logs_in_and_decodes_every_packet(fake_broker, client_python):
    tokens = fake_broker.tokens()
    indices = [tokens["NSE:NIFTY 50"], tokens["NSE:NIFTY BANK"]]
    contracts = {symbol for symbol in tokens if symbol.startswith("NFO:")}
    future = tokens[min(symbol for symbol in contracts if symbol.endswith("FUT"))]
    options = [tokens[symbol] for symbol in sorted(contracts) if not symbol.endswith("FUT")]
    wanted = {
        "ltp": [options[0]],
        "quote": [indices[0], options[1]],
        "full": [indices[1], future, options[2]],
    }
    fake_broker.advance(90)

    finished = subprocess.run(
        [client_python, SCRIPT, fake_broker.rest_url, fake_broker.socket_url, json.dumps(wanted)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"TZ": "Asia/Kolkata"},
    )

    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    assert told["profile"]["user_id"]
    assert told["instruments"] == len(contracts)
    ticks = {tick["instrument_token"]: tick for tick in told["ticks"]}
    assert sorted(ticks) == sorted(token for group in wanted.values() for token in group)
    for mode, group in wanted.items():
        for token in group:
            assert ticks[token]["mode"] == mode
            assert ticks[token]["tradable"] == (token not in indices)
            assert ticks[token]["last_price"] > 0
    full = ticks[future]
    assert full["exchange_timestamp"].startswith("2026-11-16 09:16:30")
    assert full["ohlc"]["low"] <= full["last_price"] <= full["ohlc"]["high"]
    assert full["volume_traded"] > 0
    assert full["oi"] > 0
    prices = [level["price"] for level in full["depth"]["buy"]]
    assert prices == sorted(prices, reverse=True)
    assert full["depth"]["buy"][0]["price"] < full["depth"]["sell"][0]["price"]
    assert ticks[indices[1]]["exchange_timestamp"].startswith("2026-11-16 09:16:30")
