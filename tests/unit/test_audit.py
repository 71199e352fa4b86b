"""The dependency audit says what it did not look at, and fails for what it found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import audit_dependencies

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


@pytest.mark.promise("S27")
@pytest.mark.parametrize(
    ("packages", "arguments", "status", "said"),
    [
        ([CLEAN], [], 0, "1 packages audited, 0 vulnerabilities"),
        ([CLEAN, BAD], [], 1, "VULNERABLE: requirements/runtime.txt: b 2: CVE-1, fixed in 3"),
        ([CLEAN, UNKNOWN], [], 0, "SKIPPED: requirements/runtime.txt: the service does not know 1"),
        ([UNKNOWN], ["--required"], 1, "0 packages audited"),
        (None, [], 0, "SKIPPED: requirements/runtime.txt was not audited: no route"),
        (None, ["--required"], 1, "was not audited"),
    ],
)
def test_audit_never_passes_for_having_asked_nobody(
    monkeypatch, capsys, packages, arguments, status, said
):
    answer = (None, "no route") if packages is None else ({"dependencies": packages}, "")
    monkeypatch.setattr(audit_dependencies, "run_pip_audit", lambda _path: answer)

    assert audit_dependencies.main(arguments) == status
    assert said in capsys.readouterr().out


@pytest.mark.promise("S27")
def test_audit_is_a_part_of_the_checks():
    assert "tools.audit_dependencies" in (ROOT / "Makefile").read_text()
    assert "make check" in (ROOT / ".ci/run").read_text()
