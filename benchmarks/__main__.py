"""`python -m benchmarks [name]`: run one benchmark, or all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SUPPORT = {"__init__", "__main__", "pairs", "peer_process"}


def main() -> int:
    """Run each benchmark in a process of its own, so that memory is its own too."""
    names = sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in _SUPPORT)
    wanted = sys.argv[1:] or names
    unknown = set(wanted) - set(names)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
        return 2
    status = 0
    for name in wanted:
        print(f"== {name}", flush=True)
        status |= subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"], check=False
        ).returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
