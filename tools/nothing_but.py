"""A kind of import contract: whatever some modules lead to imports nothing but what a list names.

A list of what is forbidden forgets: one of what is allowed does not.
"""

from collections.abc import Iterable
from typing import Any, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.helpers import module_expressions_to_modules


class NothingBut(Contract):
    """`allowed_modules`: names of packages, with everything below them. An import under TYPE_CHECKING counts."""

    type_name = "nothing_but"

    source_modules = fields.SetField(subfield=fields.ModuleExpressionField())
    allowed_modules = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002  what the library asks for
        """Find each import, in what the source modules lead to, of something that is not allowed."""
        # A contract declares fields and finds their values under the same names.
        sources = {module.name for module in module_expressions_to_modules(graph, cast("Any", self.source_modules))}
        allowed: set[str] = set(cast("Any", self.allowed_modules))
        seen, toread, faults = set[str](), _with_descendants(graph, sources), set[tuple[str, str]]()
        while toread:
            module = toread.pop()
            if module in seen or graph.is_module_squashed(module):
                continue
            seen.add(module)
            for imported in graph.find_modules_directly_imported_by(module):
                if _is_below(imported, allowed):
                    toread.add(imported)
                else:
                    faults.add((module, imported))
        return ContractCheck(kept=not faults, metadata={"faults": sorted(faults)})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line an import."""
        for module, imported in check.metadata["faults"]:
            output.print_error(f"- {module} imports {imported}, which is not in the list")


def _with_descendants(graph: ImportGraph, modules: Iterable[str]) -> set[str]:
    return {found for module in modules for found in (module, *graph.find_descendants(module))}


def _is_below(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)
