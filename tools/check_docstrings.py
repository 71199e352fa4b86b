"""Compare what docstrings say of parameters with the parameters there are.

Ruff sees that a docstring is there and well formed; it does not see that `strike` became `strikes`
two commits ago. For every function and class under the given folders, each name listed under
`Parameters` must be a parameter of the function, or a field or constructor's parameter of the
class. Not everything has to be listed: a name that says it all needs no sentence.

Usage: python -m tools.check_docstrings FOLDER...
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

_UNDERLINE = re.compile(r"^-{3,}$")
_ENTRY = re.compile(r"^(?P<names>\*{0,2}\w+(?:, *\*{0,2}\w+)*) *:(?: |$)")


def iterate_faults(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and message for each parameter that is documented and does not exist."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        documented = find_documented(ast.get_docstring(node) or "")
        for name in documented:
            if name not in find_parameters(node):
                yield node.lineno, f"{node.name} documents `{name}`, which it does not take"


def find_documented(docstring: str) -> list[str]:
    """Return the names listed in a docstring's `Parameters` section, without their stars."""
    names: list[str] = []
    is_inside = False
    for line, following in pairwise([*docstring.splitlines(), ""]):
        if _UNDERLINE.match(following):
            is_inside = line.strip() == "Parameters"
        elif is_inside and (entry := _ENTRY.match(line)):
            names.extend(name.strip(" *") for name in entry["names"].split(","))
    return names


def find_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> set[str]:
    """Return what a function takes, or what a class is built from."""
    if isinstance(node, ast.ClassDef):
        names = {
            item.target.id
            for item in node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        }
        for item in node.body:
            if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                names |= find_parameters(item)
        return names
    taken = node.args
    starred = [argument for argument in (taken.vararg, taken.kwarg) if argument]
    every = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs, *starred]
    return {argument.arg for argument in every}


def main(folders: list[str]) -> int:
    """Print every fault as `file:line: message`; return 1 where there is one."""
    faults = [
        f"{path}:{line}: {message}"
        for folder in folders
        for path in sorted(Path(folder).rglob("*.py"))
        for line, message in iterate_faults(path.read_text(encoding="utf-8"))
    ]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
