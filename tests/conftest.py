"""What every test may ask for: real data, parts that may be missing, and one asyncio backend.

A test that needs something a machine may lack (the recorded data, a browser) asks for it by
`shared_data` or `require_part`. Where it is missing the test is skipped, visibly; with `CI=true` it
fails instead, because a check that nobody notices is not running checks nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
_IS_CI = os.environ.get("CI", "").lower() in ("1", "true")

# A property test that fails in CI must fail on the next machine too: examples are derived from the
# test, not drawn. Compiling a kernel or starting a database takes longer than any deadline.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.register_profile("soak", deadline=None, print_blob=True, max_examples=2_000)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if _IS_CI else "dev"),
)


def _miss(part: str) -> NoReturn:
    """Skip the test, or fail it in CI, for want of a part."""
    reason = f"missing part: {part}"
    if _IS_CI:
        pytest.fail(f"{reason} (CI=true: nothing may be missing)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def require_part() -> Callable[[str], str]:
    """Return a function that gives the path of a program, or skips the test without it."""

    def find(program: str) -> str:
        return shutil.which(program) or _miss(program)

    return find


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return a function that gives a path inside the recorded data, or skips without it.

    The data stands beside the checkout, in `../shared/data`; `STRIKEWIRE_SHARED_DATA` names
    another place.
    """
    beside = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("STRIKEWIRE_SHARED_DATA", beside))

    def find(path: str) -> Path:
        found = folder / path
        return found if found.exists() else _miss(f"recorded data {path}")

    return find


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run coroutine tests on asyncio, which is what the program runs on."""
    return "asyncio"
