"""Definitions out of our own source, word for word, with all that they stand on."""

import ast
import inspect
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Final

Import = tuple[str | None, str]
"""The module that a name comes from, None for a module itself; and the name."""

_FOR_LINTERS: Final = re.compile(r"  # noqa:.*$", re.MULTILINE)


@dataclass(frozen=True)
class Definition:
    """A function, or a value with a name, of a module."""

    text: str
    uses: frozenset[str]
    """Names that stand in it."""


@dataclass(frozen=True)
class Excerpt:
    """Some definitions of a module, in its order."""

    module: ModuleType
    texts: tuple[str, ...]


def excerpts(modules: Sequence[ModuleType], names: Iterable[str]) -> tuple[list[str], list[Excerpt]]:
    """The definitions of `names` in `modules`, and of every name that they use in turn.

    Returns:
        The import statements that they need, of Python's own modules and NumPy; and the definitions of each module.
    """
    known: dict[str, Definition] = {}
    imports: dict[str, Import] = {}
    for module in modules:
        known |= _definitions(module)
        imports |= _imports(module)
    needed: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        needed.add(name)
        waiting |= (known[name].uses if name in known else frozenset()) - needed
    parts = [
        Excerpt(module, tuple(each.text for name, each in _definitions(module).items() if name in needed))
        for module in modules
    ]
    return _statements(imports[name] for name in needed & imports.keys()), [part for part in parts if part.texts]


@cache
def _definitions(module: ModuleType) -> dict[str, Definition]:
    source = inspect.getsource(module)
    found: dict[str, Definition] = {}
    statements = ast.parse(source).body
    for statement, after in zip(statements, [*statements[1:], None], strict=True):
        name = _name(statement)
        if name is None:
            continue
        text = ast.get_source_segment(source, statement) or ""
        if not isinstance(statement, ast.FunctionDef) and after is not None and _is_text(after):
            text += "\n" + (ast.get_source_segment(source, after) or "")
        uses = frozenset(node.id for node in ast.walk(statement) if isinstance(node, ast.Name)) - {name}
        found[name] = Definition(_FOR_LINTERS.sub("", text), uses)
    return found


@cache
def _imports(module: ModuleType) -> dict[str, Import]:
    """How each name comes in that is not our own."""
    found: dict[str, Import] = {}
    for statement in ast.parse(inspect.getsource(module)).body:
        origin = (statement.module or "") if isinstance(statement, ast.ImportFrom) else None
        if isinstance(statement, ast.Import | ast.ImportFrom) and not (origin or "").startswith("steepest"):
            for alias in statement.names:
                renamed = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
                found[alias.asname or alias.name] = (origin, renamed)
    return found


def _statements(imports: Iterable[Import]) -> list[str]:
    """As is usual: modules, then names out of modules, and NumPy apart at the end."""
    by_origin: dict[str | None, list[str]] = {}
    for origin, name in imports:
        by_origin.setdefault(origin, []).append(name)
    lines = [f"import {name}" for name in sorted(by_origin.pop(None, []))]
    lines += [f"from {origin} import {', '.join(sorted(by_origin[origin]))}" for origin in sorted(map(str, by_origin))]
    ours, numpy = ([line for line in lines if ("numpy" in line) == is_numpy] for is_numpy in (False, True))
    return [*ours, "", *numpy]


def _name(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.FunctionDef):
        return statement.name
    target: ast.expr | None = statement.target if isinstance(statement, ast.AnnAssign) else None
    if isinstance(statement, ast.Assign):
        (target,) = statement.targets
    return target.id if isinstance(target, ast.Name) else None


def _is_text(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
