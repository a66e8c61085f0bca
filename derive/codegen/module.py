"""From the Compile sentences of a note to the text of a Python module.

    formula -> closed form -> array graph (lower) -> stable forms (stable) -> statements (numpy_source) -> function
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from derive.calculus.setting import Setting
from derive.codegen.array import Extent, Input, Map, Node, Positions, Size, walk
from derive.codegen.lower import CompileError, ClosedForm, Lowering
from derive.codegen.names import BadNameError, checked, identifier
from derive.codegen.numpy_source import Straight
from derive.codegen.stable import stabilise
from derive.notes.note import CompileRequest, Target

Evidence = Callable[[CompileRequest, Target], str]

RUNTIME = Path(__file__).parent.parent / "kernels" / "runtime.py"


@dataclass(frozen=True)
class Program:
    """A function to be: its arguments in order, its results as graphs, names for intermediates."""

    name: str
    arguments: tuple[Input, ...]
    results: tuple[Node, ...]
    labels: dict[str, Size]
    names: dict[Node, str] = field(default_factory=dict)
    formulas: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def sizes(self) -> list[Size]:
        """The dimensions that the statements mention as numbers, in the order of the arguments."""
        return [n.size for n in walk(*self.results) if isinstance(n, Extent | Positions)]

    @property
    def one_axis(self) -> bool:
        """Every argument has the same one axis or none: the caller may say which it is."""
        sizes = {a.axes for a in self.arguments if a.axes}
        return len(sizes) == 1 and len(next(iter(sizes))) == 1


def program(request: CompileRequest, closed_form: ClosedForm | None = None, evidence: Evidence | None = None) -> Program:
    """The graph of a Compile sentence, in stable form."""
    if request.problem:
        raise CompileError(request.problem)
    try:
        names = [checked(a, "argument") for a in request.arguments]
        checked(request.name, "function")
    except BadNameError as error:
        raise CompileError(str(error)) from None
    if len(set(names)) != len(names):
        raise CompileError(f"{request.name} has the same argument twice")
    lowering = Lowering(request.setting, names, closed_form)
    roots = tuple(lowering.target(t.expr, t.indices) for t in request.targets)
    results = stabilise(roots)
    found = {n.name: n for n in walk(*roots) if isinstance(n, Input)}
    arguments = tuple(found.get(a) or declared(a, request.setting, lowering) for a in names)
    return Program(
        request.name,
        arguments,
        results,
        {a.name: label_size(a.name, request.setting) for a in arguments if a.integer},
        {n: checked_or_none(name) for n, name in lowering.names.items() if checked_or_none(name)},
        tuple(t.latex for t in request.targets),
        tuple(evidence(request, t) if evidence else "" for t in request.targets),
    )


def checked_or_none(name: str) -> str:
    try:
        return checked(name)
    except BadNameError:
        return ""


def declared(name: str, setting: Setting, lowering: Lowering) -> Input:
    """An argument that the result does not depend on: its shape is what the note declares."""
    for known, axes in setting.shapes.items():
        if identifier(known) == name:
            return Input(name, tuple(map(str, (a.size for a in axes))), known in setting.labels)
    for symbol in setting.axes:
        if identifier(symbol.name) == name:
            return Input(name, (), True)
    for known in setting.definitions:
        if identifier(known) == name:
            return Input(name, tuple(str(a.size) for a in setting.definitions[known].axes))
    raise CompileError(f"the argument {name} is not a name of the note")


def label_size(name: str, setting: Setting) -> Size:
    for known, axis in setting.labels.items():
        if identifier(known) == name:
            return str(axis.size)
    for symbol, axis in setting.axes.items():
        if identifier(symbol.name) == name:
            return str(axis.size)
    raise CompileError(f"the range of the labels {name} is not known")


# ----- text -----


def axes_text(axes: Sequence[Size]) -> str:
    return "(" + "".join(f'"{a}", ' for a in axes).rstrip(" ").rstrip("," if len(axes) > 1 else "") + ")"


def shape_text(axes: Sequence[Size]) -> str:
    return f"(..., {', '.join(axes)})" if axes else "(...)"


def docstring(p: Program, note: str) -> str:
    """Formula, shapes, verdict and note."""
    results = [re.sub(r"\s+", " ", f).strip() for f in p.formulas]
    lines = ["; ".join(results).replace("\\", "\\\\").replace('"""', "'''") + ".", ""]
    for a in p.arguments:
        kind = f"integer labels from 0 to {p.labels[a.name]} - 1, " if a.integer else ""
        lines.append(f"{a.name}: {kind}{shape_text(a.axes)}")
    shapes = ", ".join(shape_text(r.sizes) for r in p.results)
    lines.append(f"Returns {shapes}.")
    evidence = [e for e in p.evidence if e]
    if evidence:
        lines += ["", *dict.fromkeys(evidence)]
    if note:
        lines += ["", f"From {note}."]
    body = "\n".join(textwrap.fill(line, 108, subsequent_indent="    ") if line else "" for line in lines)
    return textwrap.indent(f'"""{body}\n"""', "    ")


def function_source(p: Program, note: str) -> tuple[str, set[str]]:
    """The text of the function and the helpers that it needs."""
    taken = {a.name for a in p.arguments} | {"out", "axis", "dtype", "np", "given"}
    taken |= {s for s in re.findall(r"[A-Za-z_]\w*", " ".join(x for n in walk(*p.results) for x in n.sizes))}
    body = Straight(p.results, p.names, taken)
    results = body.run()
    axis = p.one_axis
    parameters = ", ".join(f"{a.name}: ArrayLike" for a in p.arguments)
    parameters += ", axis: int = -1" if axis else ""
    count = len(p.results)
    kind = "Any" if count == 1 else f"tuple[{', '.join(['Any'] * count)}]"
    outs = "Array | None" if count == 1 else "tuple[Array | None, ...]"
    default = "None" if count == 1 else f"({', '.join(['None'] * count)})"
    head = f"def {p.name}({parameters}, out: {outs} = {default}) -> {kind}:"
    text = [head, docstring(p, note)]
    checks = ", ".join(
        f'("{a.name}", {a.name}, {axes_text(a.axes)}' + (f', "{p.labels[a.name]}")' if a.integer else ")")
        for a in p.arguments
    )
    text.append(f'    given = prepare("{p.name}", {checks}{", axis=axis" if axis else ""})')
    unpack = ", ".join(a.name for a in p.arguments)
    text.append(f"    {unpack}{',' if len(p.arguments) == 1 else ''} = given.arrays")
    used = "\n".join(body.lines + results)
    for size in dict.fromkeys(s for a in p.arguments for s in a.axes if s.isidentifier()):
        if re.search(rf"\b{size}\b", used):
            text.append(f'    {size} = given.sizes["{size}"]')
    if re.search(r"\bdtype\b", used):
        text.append("    dtype = given.dtype")
    if body.lines:
        text.append('    with np.errstate(all="ignore"):')
        text += [f"        {line}" for line in body.lines]
    moved = [", axis" if axis and r.rank == 1 else "" for r in p.results]
    placed = [
        f'place("{p.name}", {r}, {"out" if count == 1 else f"out[{k}]"}, given.result{m})'
        for k, (r, m) in enumerate(zip(results, moved, strict=True))
    ]
    text.append(f"    return {', '.join(placed)}")
    return "\n".join(text) + "\n", body.needs | {"prepare", "place"}


def compile_request(request: CompileRequest, note: str = "", closed_form: ClosedForm | None = None,
                    evidence: Evidence | None = None) -> str:
    """The source of one function, without the imports and helpers that it needs."""
    return function_source(program(request, closed_form, evidence), note)[0]


def generate(requests: Iterable[CompileRequest], note_name: str, *, closed_form: ClosedForm | None = None,
             evidence: Evidence | None = None, self_contained: bool = True) -> str:
    """A module with a function for each Compile sentence; importing it needs NumPy only."""
    functions: dict[str, str] = {}
    needs: set[str] = set()
    for request in requests:
        if request.name in functions:
            raise CompileError(f"{request.name} is compiled twice")
        text, more = function_source(program(request, closed_form, evidence), note_name)
        functions[request.name] = text
        needs |= more
    exported = "\n".join(f'    "{name}",' for name in functions)
    head = f'"""Generated by derive from {note_name}. Do not edit: `derive kernels {note_name} -o FILE` writes it again."""\n'
    imports = "from __future__ import annotations\n\nfrom typing import Any\n\nimport numpy as np\n"
    typing = "from numpy.typing import ArrayLike\n"
    listed = f"\n__all__ = [\n{exported}\n]\n"
    if self_contained:
        shared = runtime_text()
    else:
        names = "\n".join(f"    {n}," for n in sorted(needs | {"Array"}))
        typing += f"\nfrom derive.kernels.runtime import (\n{names}\n)\n"
        shared = ""
    return head + "\n" + imports + typing + listed + shared + "".join(f"\n\n{t}" for t in functions.values())


def runtime_text() -> str:
    """The helpers, without their module docstring and imports."""
    text = RUNTIME.read_text()
    start = text.index("Array = np.ndarray")
    return "\n" + text[start:]


__all__ = ["CompileError", "Map", "Program", "compile_request", "generate", "program"]
