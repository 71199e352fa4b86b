"""Ask whether a locked dependency has a known vulnerability (S27), by pip-audit.

The answer is not in the repository: it comes from a vulnerability service. Where none can be
reached, or it knows nothing of what is locked, that is said in so many words and the check is
skipped; it
never passes for having asked nobody. With `--required` it fails then.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REQUIREMENTS = ("requirements/runtime.txt", "requirements/test.txt")
TIMEOUT_S = 180


def run_pip_audit(requirements: Path) -> tuple[dict[str, Any] | None, str]:
    """Return pip-audit's report, or None and why there is none."""
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(requirements)),
        *("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"),
        *("--timeout", "10"),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer within {TIMEOUT_S} s"
    try:
        return json.loads(done.stdout), ""
    except json.JSONDecodeError:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return None, lines[-1][:200] if lines else f"exit status {done.returncode}"


def judge(report: dict[str, Any]) -> tuple[list[str], int, int]:
    """Return what is vulnerable, how many packages were looked up, and how many were not."""
    packages = report["dependencies"]
    looked_up = [each for each in packages if "skip_reason" not in each]
    vulnerable = [
        f"{each['name']} {each['version']}: {found['id']}"
        + (f", fixed in {', '.join(found['fix_versions'])}" if found["fix_versions"] else "")
        for each in looked_up
        for found in each["vulns"]
    ]
    return vulnerable, len(looked_up), len(packages) - len(looked_up)


def main(arguments: list[str]) -> int:
    """Audit the locked requirements; 1 for a vulnerability, or for no answer that is required."""
    is_required = "--required" in arguments
    status = 0
    for name in REQUIREMENTS:
        report, reason = run_pip_audit(Path(name))
        if report is None:
            print(f"SKIPPED: {name} was not audited: {reason}")
            status |= is_required
            continue
        vulnerable, looked_up, unknown = judge(report)
        for each in vulnerable:
            print(f"VULNERABLE: {name}: {each}")
        status |= bool(vulnerable)
        if unknown:
            print(f"SKIPPED: {name}: the service does not know {unknown} of its packages")
            status |= is_required
        print(f"{name}: {looked_up} packages audited, {len(vulnerable)} vulnerabilities")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
