"""Processes of which no coverage is taken: killed ones, crowds, and the longest of ours."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import Final
from unittest import mock

#: For the environment of such a process. Measured, it takes half as long again.
UNMEASURED: Final = {"COVERAGE_PROCESS_CONFIG": "", "COVERAGE_PROCESS_START": ""}


def make_forks(program: str) -> ForkServerContext:
    """Return what forks processes from one that has a module loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([program])
    with mock.patch.dict(os.environ, UNMEASURED):
        forkserver.ensure_running()
    return context
