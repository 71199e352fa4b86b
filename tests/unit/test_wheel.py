"""What an installed program needs beside its modules is in the wheel, and what it is built from is
in the source distribution."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src"
STORE = SOURCES / "strikewire" / "store"
PAGE = SOURCES / "strikewire" / "api" / "page"


def build(target, folder):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, require_part):
    """Build the wheel, and with it the page if `make web` has not; returns the names in it."""
    require_part("node")
    with zipfile.ZipFile(build("wheel", tmp_path_factory.mktemp("wheel"))) as archive:
        return set(archive.namelist())


def test_wheel_holds_the_migrations_and_the_launcher(wheel):
    wanted = [
        *STORE.glob("migrations/*.py"),
        *STORE.glob("migrations/*.mako"),
        *STORE.glob("migrations/versions/*.py"),
        *STORE.glob("embedded/*.py"),
    ]
    assert {str(path.relative_to(SOURCES)) for path in wanted} <= wheel
    assert "strikewire/store/migrations/script.py.mako" in wheel
    assert "strikewire/store/embedded/child.py" in wheel


def test_wheel_leaves_the_fake_broker_out(wheel):
    assert {name.partition("/")[0] for name in wheel if ".dist-info" not in name} == {"strikewire"}


def test_wheel_holds_the_page_as_it_was_built(wheel):
    built = {str(path.relative_to(SOURCES)) for path in PAGE.rglob("*") if path.is_file()}
    shipped = {name for name in wheel if name.startswith("strikewire/api/page/")}
    assert shipped == built
    assert "strikewire/api/page/index.html" in shipped
    assert {".js", ".css"} <= {Path(name).suffix for name in shipped}


def test_source_distribution_holds_what_the_page_is_built_from(tmp_path):
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"web/package.json", "web/package-lock.json", "web/index.html", "tools/build_page.py"}
    assert wanted | {"tools/hatch_page.py"} <= names
    assert any(name.startswith("web/src/") for name in names)
    assert not any("node_modules" in name or "api/page/" in name for name in names)
