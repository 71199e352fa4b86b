"""What an installed program needs beside its modules is in the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STORE = ROOT / "src" / "strikewire" / "store"


def test_wheel_holds_the_migrations_and_the_launcher(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())

    wanted = [
        *STORE.glob("migrations/*.py"),
        *STORE.glob("migrations/*.mako"),
        *STORE.glob("migrations/versions/*.py"),
        *STORE.glob("embedded/*.py"),
    ]
    assert {str(path.relative_to(ROOT / "src")) for path in wanted} <= shipped
    assert "strikewire/store/migrations/script.py.mako" in shipped
    assert "strikewire/store/embedded/child.py" in shipped
