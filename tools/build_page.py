"""Build the page from web/: what `make web` and the wheel's build run.

Nothing is done when web/ is as it was at the last build, and packages are installed again only when
the list of them has changed. Standard library only: it runs before anything is installed.

Usage: python tools/build_page.py
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
#: What Vite needs.
NODE_MIN: Final = (20, 19)

# What came of the last build is noted where the packages are: gone with them, and never tracked.
_PACKAGES: Final = "node_modules"
_NOTES: Final = f"{_PACKAGES}/.strikewire"
_LISTS: Final = ("package.json", "package-lock.json", ".npmrc")


class BuildError(Exception):
    """The page cannot be built; says why and what is wanted."""


def build_page(root: Path) -> bool:
    """Build the page if it is not there or web/ has changed; return whether it was built.

    Of two that want to build the same page at the same time one waits, and finds it built.

    Raises
    ------
    BuildError : Node is missing or too old, or npm failed.
    """
    web, page = root / "web", root / "src" / "strikewire" / "api" / "page"
    with hold(web):
        return _build(web, page)


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Wait until nobody else holds a folder, and hold it. The kernel lets go of it for the dead."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _build(web: Path, page: Path) -> bool:
    packages = compute_digest(web, (web / name for name in _LISTS))
    sources = compute_digest(web, iterate_sources(web))
    notes = web / _NOTES
    known = notes.read_text().split() if notes.exists() else []
    if known == [packages, sources] and (page / "index.html").exists():
        return False
    npm = find_npm()
    if known[:1] != [packages]:
        run(npm, web, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    # Half a build must not pass for a whole one.
    notes.write_text(packages)
    run(npm, web, "run", "build")
    notes.write_text(f"{packages} {sources}\n")
    return True


def iterate_sources(web: Path) -> Iterator[Path]:
    """Yield every file of web/ that is not installed."""
    for folder, names, files in os.walk(web):
        names[:] = sorted(name for name in names if name != _PACKAGES)
        yield from (Path(folder, file) for file in sorted(files))


def compute_digest(web: Path, paths: Iterator[Path]) -> str:
    """Return a digest of files' names and content; one that is not there counts as such."""
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes() if path.exists() else b""
        digest.update(f"{path.relative_to(web).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def find_npm() -> str:
    """Return npm's path.

    Raises
    ------
    BuildError : it is missing, or its Node is missing or too old.
    """
    wanted = f"Node {NODE_MIN[0]}.{NODE_MIN[1]} or newer, with npm, is needed to build the page"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        msg = f"{wanted}, found no {'node' if node is None else 'npm'} on the PATH"
        raise BuildError(msg)
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)", told)
    if version is None or tuple(map(int, version.groups())) < NODE_MIN:
        msg = f"{wanted}, {node} is {told.strip() or 'silent'}"
        raise BuildError(msg)
    return npm


def run(npm: str, web: Path, *arguments: str) -> None:
    """Run npm in web/.

    Raises
    ------
    BuildError : it failed; what it said stands before.
    """
    if subprocess.run([npm, *arguments], cwd=web, check=False).returncode:
        msg = f"npm {' '.join(arguments)} failed in {web}"
        raise BuildError(msg)


def main() -> int:
    try:
        build_page(ROOT)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
