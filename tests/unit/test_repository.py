"""What must be true of the repository itself, whatever the program does."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON_FOLDERS = ("src", "tests", "tools", "benchmarks")

# Written in two parts, so that this file does not break its own rules.
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|root|opt/wheels)(?=[/\s\"'`]|$)", re.MULTILINE)
REGISTRY_HOSTS = re.compile(r"\bpypi\.|pythonhosted\.|npmjs\.|files\.python")

MODULE_LINES_MAX = 500
BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}


def find_tracked() -> list[Path]:
    listed = subprocess.run(
        # A container often runs as another user than the one who cloned.
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def iterate_texts(paths: list[Path]) -> Iterator[tuple[str, str]]:
    """Yield name and content of every tracked file that is text."""
    for path in paths:
        content = path.read_bytes()
        if b"\0" not in content:
            yield str(path.relative_to(ROOT)), content.decode("utf-8")


def find_modules() -> list[Path]:
    tracked = find_tracked()
    return [
        p for p in tracked if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in PYTHON_FOLDERS
    ]


def iterate_literals(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield every string of a module that is not a docstring or other bare expression."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node


def test_tracked_files_name_no_path_of_one_machine():
    found = [
        f"{name}: {match.group()}"
        for name, text in iterate_texts(find_tracked())
        for match in MACHINE_PATHS.finditer(text)
    ]
    assert found == []


def test_tracked_files_name_no_package_registry():
    found = [
        f"{name}: {match.group()}"
        for name, text in iterate_texts(find_tracked())
        for match in REGISTRY_HOSTS.finditer(text)
    ]
    assert found == []


def test_source_names_nothing_beside_the_checkout():
    found = [
        name for name, text in iterate_texts(find_modules()) if "src/" in name and "../" in text
    ]
    assert found == []


PEERS = ["bench-fast-vollib", "bench-iv-engine", "bench-quantlib", "bench-vollib"]


@pytest.mark.promise("S27")
@pytest.mark.parametrize("name", ["runtime", "test", "bench", *PEERS])
def test_requirements_are_pinned_and_hashed(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    requirements = code.replace("\\\n", " ").splitlines()
    assert requirements
    for requirement in requirements:
        assert re.match(r"^[a-z0-9][a-z0-9.-]*==\S+ ", requirement), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", requirement), requirement
    assert "://" not in code
    assert "--find-links" not in text
    assert "--index-url" not in text


def read_pins(name: str) -> set[str]:
    """Return `name==version ; marker` of each requirement of a file."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return set(re.findall(r"^\S+==\S+(?: ;[^\\]*)?", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["test", "bench"])
def test_other_requirements_hold_what_the_program_runs_on_at_the_same_versions(name):
    assert read_pins("runtime") <= read_pins(name)


def test_table_of_promises_names_the_tests_that_keep_them():
    table = (ROOT / "docs/promises.md").read_text()
    listed = {
        row[1]: sorted(re.findall(r"\(\.\./(tests/[^)]+)\)", row[2]))
        for row in re.finditer(r"^\| ([A-Z]\d+) \|(.*)$", table, re.MULTILINE)
    }
    marked: dict[str, set[str]] = {}
    for path in find_modules():
        for promise in re.findall(r"mark\.promise\(\"([A-Z]\d+)\"\)", path.read_text()):
            marked.setdefault(promise, set()).add(str(path.relative_to(ROOT)))
    assert listed == {promise: sorted(files) for promise, files in marked.items()}


@pytest.mark.parametrize("path", find_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_short_and_named_by_a_noun(path):
    assert len(path.read_text().splitlines()) <= MODULE_LINES_MAX
    assert not BANNED_NAMES & {path.stem, *path.stem.split("_"), path.parent.name}


def test_source_has_no_closing_time_in_code():
    # Sessions are dated rows (decision 0002): 15:30 is right until the day the exchange moves it.
    found = [
        f"{path.relative_to(ROOT)}:{literal.lineno}: {literal.value!r}"
        for path in find_modules()
        if path.is_relative_to(ROOT / "src")
        for literal in iterate_literals(ast.parse(path.read_text()))
        if re.search(r"\b(?:0?9:?15|15:?[34]0)\b", literal.value)
    ]
    assert found == []


def test_source_has_no_unrestricted_fast_math():
    # fastmath=True lets the compiler assume that there is no NaN; NaN is how we say unknown.
    found = [
        name
        for name, text in iterate_texts(find_modules())
        if "src/" in name and "fastmath=True" in text
    ]
    assert found == []
