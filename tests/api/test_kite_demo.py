"""`strikewire demo --feed kite`: an invented market, heard over an invented broker."""

from __future__ import annotations

import sys

from click.testing import CliRunner

from strikewire.cli.serving import demo_command
from tests.api.test_serving import start
from tests.eventually import eventually

FUTURE = {"symbol": "NFO:NIFTY26NOVFUT", "limit": 500}


async def test_demo_hears_a_fake_broker_and_leaves_nothing_behind(data_dirs):
    folder = data_dirs()
    async with start("demo", "--feed", "kite", TMPDIR=str(folder)) as program:
        assert list(folder.iterdir())

        async def has_bars():
            # Nobody knows the contract until the broker's list has been read.
            return (await program.client.get("/api/v1/bars", params=FUTURE)).json().get("bars")

        assert (await eventually(has_bars, timeout_s=30))[-1]["source"] == "ticks"
        feed = (await program.client.get("/api/v1/feed")).json()
        assert (feed["mode"], feed["state"], feed["is_connected"]) == ("live", "playing", True)
        assert await program.stop() == 0
    assert list(folder.iterdir()) == []


def refuse():
    """Return why the command does nothing."""
    return str(CliRunner().invoke(demo_command, ["--feed", "kite"]).exception)


def test_demo_of_a_broker_refuses_what_it_cannot_mean(monkeypatch):
    result = CliRunner().invoke(demo_command, ["--feed", "kite", "--speed", "2x"])
    assert "goes as fast as the clock" in result.output
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/desk")
    assert "unset it" in refuse()


def test_demo_of_a_broker_says_what_is_missing_where_it_was_only_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "strikewire_fakebroker", None)
    assert "strikewire_fakebroker, which comes with the source" in refuse()
