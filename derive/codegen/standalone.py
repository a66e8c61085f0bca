"""What a module needs of the shared runtime, as text: the definitions that it uses and those that these use."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from derive.codegen.names import runtime_parts

OURS = ("__future__", "derive", "numpy.typing")  # what the module imports itself, or contains


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a runtime module: its text with the comments above it, and the names in it."""

    text: str
    defines: frozenset[str]
    uses: frozenset[str]


@cache
def runtime() -> tuple[dict[str, str], tuple[Statement, ...]]:
    """The imports of the runtime by the name that they give, and its other statements in order."""
    imports: dict[str, str] = {}
    found: list[Statement] = []
    for text in runtime_parts():
        lines, end = text.split("\n"), 0
        for node in ast.parse(text).body:
            start, end = end, node.end_lineno or 0
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports.update(imported(node))
            elif not is_docstring(node):
                block = "\n".join(lines[start:end]).strip("\n")
                found.append(Statement(block, defined(node), frozenset(names_in(node))))
    return imports, tuple(found)


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Name and statement of each import that a module does not have anyway."""
    origin = node.module or "" if isinstance(node, ast.ImportFrom) else ""
    if origin.split(".")[0] in OURS or origin in OURS:
        return
    for alias in node.names:
        name = alias.asname or alias.name
        said = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
        if said != "numpy as np":
            yield name, f"from {origin} import {said}" if origin else f"import {said}"


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def defined(node: ast.stmt) -> frozenset[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return frozenset({name})
        case ast.Assign(targets=targets):
            return frozenset(names_in(*targets))
        case ast.AnnAssign(target=target):
            return frozenset(names_in(target))
    return frozenset()


def names_in(*nodes: ast.AST) -> set[str]:
    return {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name)}


def needed(source: str) -> tuple[list[str], list[Statement]]:
    """The imports and the statements of the runtime that ``source`` needs."""
    imports, statements = runtime()
    wanted = names_in(ast.parse(source))
    kept: set[int] = set()
    grown = True
    while grown:
        more = [k for k, s in enumerate(statements) if k not in kept and (s.defines & wanted or not s.defines)]
        kept.update(more)
        grown = bool(more)
        wanted.update(*(statements[k].uses for k in more))
        if "thread_count" in wanted:
            wanted.add("set_threads")
    lines = {line for name, line in imports.items() if name in wanted | {"Any"}}
    return sorted(lines, key=lambda line: (line.startswith("from"), line)), [statements[k] for k in sorted(kept)]


def joined(statements: list[Statement]) -> str:
    """The statements as the text of a module: constants together, definitions apart."""
    text, before = "", ""
    for statement in statements:
        large = statement.text.lstrip().startswith(("def ", "class ", "@")) or "\ndef " in statement.text
        text += ("\n\n\n" if large or before == "large" else "\n") + statement.text
        before = "large" if large else "small"
    return text.lstrip("\n") + "\n"


__all__ = ["joined", "needed"]
