"""Folders that the embedded server's own user can reach."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def make_data_dir() -> Iterator[Callable[[], Path]]:
    """Return a maker of empty data directories; pytest's own are closed to other users."""
    root = Path(tempfile.mkdtemp(prefix="strikewire-e2e-"))
    root.chmod(0o711)

    def make() -> Path:
        folder = Path(tempfile.mkdtemp(dir=root))
        folder.chmod(0o711)
        return folder

    yield make
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def data_dir(make_data_dir: Callable[[], Path]) -> Path:
    """Return an empty data directory."""
    return make_data_dir()
