"""The kernels that come with the package: a module for each note in derivations/ that asks for functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NOTES = ROOT / "derivations"
KERNELS = ROOT / "derive" / "kernels"

HEAD = '''"""NumPy functions generated from what the notes in derivations/ prove; they import NumPy only."""
# ruff: noqa

from __future__ import annotations

'''


def modules() -> Iterator[tuple[str, str]]:
    """File names and texts, in order."""
    from derive.codegen import CompileError, compile_notes
    from derive.notes.reader import read_note

    exports: list[tuple[str, list[str]]] = []
    for path in sorted(NOTES.rglob("*.md")):
        if b"Compile $" not in (source := path.read_bytes()):
            continue
        name = path.relative_to(ROOT).as_posix()
        text = compile_notes([read_note(name, source)], name, self_contained=False)
        module, names = "from_" + path.stem.replace("-", "_"), exported(text)
        if twice := {n for _, others in exports for n in others} & set(names):
            raise CompileError(f"{name}: {min(twice)} is compiled in another note too")
        exports.append((module, names))
        yield f"{module}.py", text
    yield "__init__.py", index(exports)


def exported(text: str) -> list[str]:
    """The names in ``__all__``."""
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(statement.value))
    return []


def index(exports: list[tuple[str, list[str]]]) -> str:
    """The text of ``derive/kernels/__init__.py``."""
    lines = [HEAD]
    for module, names in exports:
        if names:
            listed = "".join(f"    {n},\n" for n in sorted(names))
            lines.append(f"from derive.kernels.{module} import (\n{listed})\n")
    lines.append("from derive.kernels.runtime import set_threads\n\n")
    every = sorted({n for _, names in exports for n in names} | {"set_threads"})
    lines.append("__all__ = [\n" + "".join(f'    "{n}",\n' for n in every) + "]\n")
    return "".join(lines)


def stale() -> list[str]:
    """The files that are missing or differ from what the notes say now."""
    return [
        name for name, text in modules()
        if not (KERNELS / name).exists() or (KERNELS / name).read_text(encoding="utf-8") != text
    ]


def write() -> list[str]:
    """Write what is not current; the names of the files that were written."""
    written = []
    for name, text in modules():
        path = KERNELS / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            written.append(name)
    return written
