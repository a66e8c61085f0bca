"""Names that may stand in generated source: checked, never taken on trust."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from pathlib import Path

RUNTIME = Path(__file__).parent.parent / "kernels" / "runtime"
PARTS = ("arguments", "functions", "tables", "exponentials", "blocks", "short")  # each uses those before it


def runtime_parts() -> list[str]:
    """The texts of the modules that generated modules share, in an order in which they can stand in one file."""
    return [(RUNTIME / f"{part}.py").read_text(encoding="utf-8") for part in PARTS]


def _runtime_names() -> frozenset[str]:
    """The names that generated modules share."""
    body = [n for part in runtime_parts() for n in ast.parse(part).body]
    named = {n.name for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    named |= {a.asname or a.name for n in body if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}
    targets = [t for n in body if isinstance(n, ast.Assign) for t in n.targets]
    targets += [n.target for n in body if isinstance(n, ast.AnnAssign)]
    return frozenset(named | {t.id for t in targets if isinstance(t, ast.Name)})


WORDS = {"np", "numpy", "math", "os", "out", "axis", "dtype", "annotations", "Any", "ArrayLike"}
WORDS |= {"work", "given", "short", "rows"}
RESERVED = frozenset(WORDS) | frozenset(dir(builtins)) | _runtime_names()


class BadNameError(ValueError):
    """A name that cannot stand in Python source."""


def identifier(name: str) -> str:
    r"""A mathematical name as a Python name: ``\hat z`` is ``z_hat``, ``W_1`` is ``W_1``, ``y'`` is ``y_prime``."""
    text = name.replace("'", "_prime").replace("*", "_star")
    accent = re.match(r"\\?(hat|tilde|bar|dot|vec|check|breve|widehat|widetilde|overline)\b[\s{]*(.+?)\}?$", text)
    if accent:
        text = f"{accent[2]}_{accent[1].removeprefix('wide').replace('overline', 'bar')}"
    text = re.sub(r"\\(mathbf|boldsymbol|mathrm|mathcal|mathit|text|operatorname|vec)\b", "", text)
    text = re.sub(r"\W+", "_", text).strip("_")
    if not text or text[0].isdigit():
        raise BadNameError(f"{name!r} cannot be written as a Python name")
    return f"{text}_" if keyword.iskeyword(text) or text in RESERVED else text


def checked(name: str, what: str = "name") -> str:
    """``name`` itself, when it may be defined in generated source."""
    if keyword.iskeyword(name):
        hint = f"; write {name}_" if what == "argument" else ""
        raise BadNameError(f"{what} {name!r} is a keyword of Python{hint}")
    if not name.isidentifier() or not name.isascii():
        raise BadNameError(f"{what} {name!r} is not a Python identifier")
    if name in RESERVED or name.startswith("_"):
        raise BadNameError(f"{what} {name!r} would hide a name that generated source needs")
    return name
