from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import strikewire
from strikewire.analytics.compiling import compute_stamp

PROGRAM = """
from strikewire.analytics.options.blocks_nb import is_usable_nb
print(is_usable_nb(1e299, 1.0, 1.0, 1.0), sum(is_usable_nb.stats.cache_hits.values()))
"""


@pytest.mark.skipif("NUMBA_DISABLE_JIT" in os.environ, reason="nothing is compiled then")
def test_code_is_not_kept_beyond_a_change_of_what_it_was_made_of(tmp_path):
    # A copy of the program, of which a module that the kernel's own does not contain is changed.
    package = tmp_path / "strikewire"
    shutil.copytree(
        Path(strikewire.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )

    def run() -> str:
        return subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    assert run() == "True 0"
    assert run() == "True 1"
    with (package / "core" / "bars.py").open("a") as file:
        file.write("# changed\n")
    assert run() == "True 0"


def test_stamp_is_of_what_kernels_rest_on_and_of_their_own_module(tmp_path):
    module = tmp_path / "elsewhere_nb.py"
    module.write_text("one")
    before = compute_stamp(module)
    module.write_text("other")

    assert len(before) == 64
    assert compute_stamp(module) != before
