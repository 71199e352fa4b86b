"""The revisions there are, read from their files' names, so that a new one changes no test."""

from __future__ import annotations

from pathlib import Path

import strikewire.store

VERSIONS = Path(strikewire.store.__file__).with_name("migrations") / "versions"
REVISIONS = sorted(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))
HEAD = REVISIONS[-1]
NEXT = f"{int(HEAD) + 1:04d}"
