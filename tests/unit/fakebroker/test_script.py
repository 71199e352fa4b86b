from __future__ import annotations

import pytest

from strikewire.core.errors import InvalidInputError
from strikewire_fakebroker.faults import Faults, Mute, Slow
from strikewire_fakebroker.script import load_script, play_script
from tests.unit.feeds.virtual_time import run

SCRIPT = """
[[step]]
at_s = 10
for_s = 5
every_s = 20
fault = { name = "mute", heartbeats = true }

[[step]]
at_s = 12
action = "drop"

[[step]]
at_s = 31
fault = { name = "slow", delay_s = 2.5, kinds = ["historical"] }
"""


def test_script_switches_on_and_off_by_the_clock(tmp_path):
    path = tmp_path / "faults.toml"
    path.write_text(SCRIPT)
    faults, seen = Faults(), []

    async def play(loop):
        begun_s = loop.time()
        on, off = faults.switch_on, faults.switch_off

        def note(what, do):
            def noted(*given):
                seen.append((loop.time() - begun_s, what))
                do(*given)
                if len(seen) == 6:
                    raise StopIterationError

            return noted

        faults.switch_on, faults.switch_off = note("on", on), note("off", off)
        actions = {"drop": note("drop", lambda: None), "expire": lambda: None}
        with pytest.raises(StopIterationError):
            await play_script(load_script(path), faults=faults, actions=actions)

    run(play)
    assert seen == [(10, "on"), (12, "drop"), (15, "off"), (30, "on"), (31, "on"), (35, "off")]
    assert faults.find(Mute) is None
    assert faults.find(Slow) is not None


class StopIterationError(Exception):
    """The script has gone on long enough."""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[[step]]\nat_s = 1",
        "[[step]]\nat_s = 1\naction = 'explode'",
        "[[step]]\nat_s = 1\naction = 'drop'\nfault = { name = 'mute' }",
        "[[step]]\nat_s = 1\nfault = { name = 'mut' }",
        "[[step]\n",
    ],
)
def test_script_that_makes_no_sense_is_refused_by_name(tmp_path, text):
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=r"faults\.toml cannot be played"):
        load_script(path)
