"""What may import what: calculus <- notes, steps, codegen <- check <- show, cli; kernels import NumPy alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "derive"
STANDARD = sys.stdlib_module_names

# folder -> what of derive its modules may import when they are loaded; the innermost folder that is named counts
ALLOWED = {
    "calculus": ("derive.calculus",),
    "notes": ("derive.calculus", "derive.notes"),
    "notes/grammar": ("derive.notes.grammar", "derive.notes.document"),
    "steps": ("derive.calculus", "derive.steps"),
    "codegen": ("derive.calculus", "derive.notes", "derive.steps", "derive.codegen"),
    "kernels": ("derive.kernels",),
}
MODULES = sorted({path for folder in ALLOWED for path in (PACKAGE / folder).rglob("*.py")})


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports as it is loaded, relative ones made absolute."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ".".join(path.relative_to(PACKAGE.parent).parent.parts)
    for node in _at_load(tree.body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] + "." if node.level else ""
            yield f"{base}{node.module or ''}".rstrip(".")


def _at_load(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        for part in ("body", "orelse", "handlers", "finalbody"):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield from _at_load(getattr(node, part, []))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_arrows(path: Path) -> None:
    inside = path.relative_to(PACKAGE).as_posix()
    allowed = ALLOWED[max((folder for folder in ALLOWED if inside.startswith(folder + "/")), key=len)]
    ours = [name for name in imports(path) if name.split(".")[0] == "derive"]
    assert [name for name in ours if not name.startswith(allowed)] == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "kernels").rglob("*.py")), ids=lambda path: path.name)
def test_kernels_import_numpy_alone(path: Path) -> None:
    others = {name.split(".")[0] for name in imports(path)} - STANDARD - {"numpy", "derive", "__future__"}
    assert others == set()


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("from derive.kernels import softmax", ("sympy", "rich")),
        ("import derive.cli; derive.cli.parser().format_help()", ("sympy", "numpy", "rich")),
        ("import derive", ("sympy", "numpy", "rich")),
    ],
)
def test_what_is_not_needed_is_not_imported(code: str, absent: tuple[str, ...]) -> None:
    check = f"{code}; import sys; print([m for m in {absent!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout.strip() == "[]", run.stderr
