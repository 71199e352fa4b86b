"""What every test may ask for: real data, parts that may be missing, and one asyncio backend.

A test that needs something a machine may lack (the recorded data, a browser) asks for it by
`shared_data` or `require_part`. Where it is missing the test is skipped, visibly; with `CI=true` it
fails instead, because a check that nobody notices is not running checks nothing.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import NoReturn

import hypothesis
import numpy as np
import pytest

from tests.canaries import find_canary
from tests.fakebroker import broker_process, fake_broker

__all__ = ["broker_process", "fake_broker"]

ROOT = Path(__file__).resolve().parent.parent
_IS_CI = os.environ.get("CI", "").lower() in ("1", "true")

# A property test that fails in CI must fail on the next machine too: examples are derived from the
# test, not drawn. Compiling a kernel or starting a database takes longer than any deadline.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
# Without the compiler a kernel is a thousand times slower; coverage needs its lines, no search.
hypothesis.settings.register_profile("nojit", derandomize=True, deadline=None, max_examples=10)
hypothesis.settings.register_profile("soak", deadline=None, print_blob=True, max_examples=2_000)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if _IS_CI else "dev"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="the seed of the soak tests")


def pytest_configure(config: pytest.Config) -> None:
    # A soak draws its seed, so that each run looks elsewhere, and prints it, so that the run can be
    # had again; the ordinary run is the same every time.
    is_soak = config.option.markexpr == "soak"
    if config.option.seed is None:
        config.option.seed = secrets.randbelow(2**32) if is_soak else 0


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.option.seed}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The browser's last: the program and the browser that they share run until the session ends.
    items.sort(key=lambda item: item.path.is_relative_to(ROOT / "tests" / "browser"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Follow no lines of a test that says so: coverage doubles what every line takes.

    But not with the compiler off, where a few examples are run to see the lines of kernels.
    """
    follow = sys.gettrace()
    if "NUMBA_DISABLE_JIT" not in os.environ and item.get_closest_marker("unmeasured"):
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(follow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test in whose captured output a secret of the settings is to be seen (S17)."""
    report = yield
    found = find_canary(content for _, content in report.sections)
    if found is not None and report.passed:
        report.outcome = "failed"
        report.longrepr = f"a secret was written down: ...{found}..."
    return report


def _miss(part: str) -> NoReturn:
    """Skip the test, or fail it in CI, for want of a part."""
    reason = f"missing part: {part}"
    if _IS_CI:
        pytest.fail(f"{reason} (CI=true: nothing may be missing)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def miss_part() -> Callable[[str], NoReturn]:
    """Return what ends a test for want of a part that is no program."""
    return _miss


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
def seed(pytestconfig: pytest.Config) -> int:
    """Return the run's seed: 0, or in a soak the one that the run's header shows."""
    return pytestconfig.option.seed


@pytest.fixture
def rng(request: pytest.FixtureRequest, seed: int) -> np.random.Generator:
    """Return a generator of this test's own, derived from the run's seed and the test's name."""
    return np.random.default_rng([seed, zlib.crc32(request.node.nodeid.encode())])


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run coroutine tests on asyncio, which is what the program runs on."""
    return "asyncio"
