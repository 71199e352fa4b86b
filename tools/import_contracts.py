"""A contract for import-linter: a package imports itself, a few named libraries, and nothing else.

import-linter can forbid what it is told to forbid; a list of everything that is not NumPy would be
out of date with the next dependency. This one is told what is allowed.
"""

from __future__ import annotations

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """Packages and all that is in them import themselves, `allowed`, and the standard library."""

    type_name = "only"

    packages = fields.ListField(subfield=fields.StringField())
    allowed = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 (theirs)
        """Look at each direct import of each module; an indirect one is some other's direct one."""
        del verbose
        inside = set(self.packages)
        strangers: list[str] = []
        for package in self.packages:
            for module in sorted({package} | graph.find_descendants(package)):
                strangers.extend(
                    f"{module} -> {imported}"
                    for imported in sorted(graph.find_modules_directly_imported_by(module))
                    if not self._is_allowed(imported, inside)
                )
        return ContractCheck(kept=not strangers, metadata={"strangers": strangers})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each import that is not allowed."""
        metadata: dict[str, Any] = check.metadata
        for stranger in metadata["strangers"]:
            output.print_error(stranger, bold=False)

    def _is_allowed(self, imported: str, inside: set[str]) -> bool:
        if imported.partition(".")[0] in sys.stdlib_module_names:
            return True
        owners = inside | set(self.allowed or ())
        return any(imported == owner or imported.startswith(f"{owner}.") for owner in owners)
