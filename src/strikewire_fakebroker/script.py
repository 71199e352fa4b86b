"""Faults by the clock: a file that says when what goes wrong, for runs that last."""

from __future__ import annotations

import asyncio
import heapq
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from strikewire.core.errors import InvalidInputError
from strikewire_fakebroker.faults import Fault, Faults


class Step(BaseModel):
    """One thing that goes wrong.

    `at_s` seconds after the start, in real time, for `for_s` seconds (without: for good), and again
    every `every_s` seconds. `drop` breaks every socket; `expire` ends every session.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_s: float = Field(ge=0)
    for_s: float | None = Field(default=None, gt=0)
    every_s: float | None = Field(default=None, gt=0)
    fault: Fault | None = None
    action: Literal["drop", "expire"] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Step:
        if (self.fault is None) == (self.action is None):
            msg = "either a fault or an action was wanted"
            raise ValueError(msg)
        return self


class _Script(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    step: tuple[Step, ...]


def load_script(path: Path) -> tuple[Step, ...]:
    """Return the steps of a file.

    Raises
    ------
    InvalidInputError : it cannot be read, or makes no sense.
    """
    try:
        return _Script.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).step
    except (OSError, ValueError, ValidationError) as error:
        msg = f"the script {path} cannot be played: {error}"
        raise InvalidInputError(msg) from error


async def play_script(
    steps: tuple[Step, ...], *, faults: Faults, actions: Mapping[str, Callable[[], object]]
) -> None:
    """Do what the steps say, when they say it; returns behind the last one.

    Parameters
    ----------
    actions : what an action's name does.
    """
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    # Instant, place in the file, and whether it ends: of two at one instant the earlier one first.
    due = [(step.at_s, place, False) for place, step in enumerate(steps)]
    heapq.heapify(due)
    while due:
        at_s, place, is_end = heapq.heappop(due)
        await asyncio.sleep(max(begun_s + at_s - loop.time(), 0))
        step = steps[place]
        if step.action is not None:
            actions[step.action]()
        elif step.fault is not None and is_end:
            faults.switch_off(step.fault.name)
        elif step.fault is not None:
            faults.switch_on(step.fault)
            if step.for_s is not None:
                heapq.heappush(due, (at_s + step.for_s, place, True))
        if step.every_s is not None and not is_end:
            heapq.heappush(due, (at_s + step.every_s, place, False))
