"""From the Compile sentences of a note to the text of a Python module.

    formula -> closed form -> array graph (lower) -> stable forms (stable) -> statements (numpy_source) -> function
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from derive.calculus.setting import Setting
from derive.codegen.array import Extent, Input, Node, Positions, Size, walk, with_children
from derive.codegen.contractions import contracted
from derive.codegen.layout import Layout
from derive.codegen.logistic import one_exponential
from derive.codegen.lower import ClosedForm, CompileError, Lowering
from derive.codegen.names import BadNameError, checked, identifier
from derive.codegen.numpy_source import HELPERS, Straight, is_constant
from derive.codegen.rows import Columns, NotRows, RowProgram, RowSum, by_rows, into, opened, row_dependent
from derive.codegen.shared import shared
from derive.codegen.short import NotShort, Short
from derive.codegen.stable import stabilise
from derive.codegen.standalone import joined, needed
from derive.notes.note import CompileRequest, Target

# The straight way has tested that its arguments are arrays, in ways that a type checker does not follow.
UNTYPED = "arg-type, attr-defined, call-overload, index, operator, union-attr"

Evidence = Callable[[CompileRequest, Target], str]


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


def program(
    request: CompileRequest, closed_form: ClosedForm | None = None, evidence: Evidence | None = None
) -> Program:
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
    derivatives = dict(zip(roots, map(target_name, request.targets), strict=True))
    results, known = arranged(roots, derivatives | lowering.names)
    found = {n.name: n for n in walk(*roots) if isinstance(n, Input)}
    arguments = tuple(found.get(a) or declared(a, request.setting, lowering) for a in names)
    measurable(results, arguments)
    return Program(
        request.name,
        arguments,
        results,
        {a.name: label_size(a.name, request.setting) for a in arguments if a.integer},
        known,
        tuple(t.latex for t in request.targets),
        tuple(evidence(request, t) if evidence else "" for t in request.targets),
    )


def measurable(results: Sequence[Node], arguments: Sequence[Input]) -> None:
    """Every dimension that stands as a number is the size of an argument."""
    known = {size for a in arguments for size in a.axes}
    for node in walk(*results):
        if isinstance(node, Extent | Positions) and (new := set(re.findall(r"[A-Za-z_]\w*", node.size)) - known):
            raise CompileError(f"the dimension {min(new)} has no value: no argument has an axis of that size")


def target_name(target: Target) -> str:
    """A name for a derivative."""
    expr = target.expr
    if not isinstance(expr, sp.Derivative) or len(expr.variables) != 1:
        return ""
    above, below = (getattr(x, "base", x) for x in (expr.expr, expr.variables[0]))
    names = [type(x).__name__ if isinstance(x, AppliedUndef) else str(x) for x in (above, below)]
    try:
        return "_".join(f"d{identifier(n)}" for n in names)
    except BadNameError:
        return ""


def arranged(roots: tuple[Node, ...], names: dict[Node, str]) -> tuple[tuple[Node, ...], dict[Node, str]]:
    """The graph as it is computed, and the names that the note has for what stands in it."""
    moved = {n: n for n in names}
    layout = Layout()
    results = layout(contracted(stabilise(roots, moved), moved))
    known: dict[Node, str] = {}
    for node, name in names.items():
        place = layout.done.get(moved[node])
        if place is not None and not isinstance(place.node, Input) and checked_or_none(name):
            known.setdefault(place.node, name)
    return results, known


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
    raise CompileError(f"nothing in the formula depends on the argument {name}")


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
    lines = ["; ".join(one_line(f) for f in p.formulas) + ".", ""]
    for a in p.arguments:
        kind = f"integer labels from 0 to {p.labels[a.name]} - 1, " if a.integer else ""
        lines.append(f"{a.name}: {kind}{shape_text(a.axes)}")
    lines.append(f"Returns {', '.join(shape_text(r.sizes) for r in p.results)}.")
    evidence = [one_line(e) for e in dict.fromkeys(p.evidence) if e]
    lines += ["", *evidence] if evidence else []
    lines += ["", f"From {note}."] if note else []
    wrapped = [
        textwrap.fill(x, 108, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False) if x else ""
        for x in lines
    ]
    body = "\n".join(wrapped).replace('"""', "'''")
    mark = "r" if "\\" in body else ""
    return textwrap.indent(f'{mark}"""{body}\n"""', "    ")


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def function_source(p: Program, note: str) -> tuple[str, set[str]]:
    """The text of the function and the helpers that it needs."""
    split = by_rows(p.arguments, p.results)
    if split is not None:
        try:
            return rows_source(p, split, note)
        except NotRows:
            pass
    return straight_source(p, note)


def reserved(p: Program) -> set[str]:
    """Names that statements may not take."""
    taken = {a.name for a in p.arguments} | {"out", "axis", "dtype", "np", "given", "work"}
    return taken | set(re.findall(r"[A-Za-z_]\w*", " ".join(x for n in walk(*p.results) for x in n.sizes)))


def header(p: Program, note: str) -> list[str]:
    """The line of the definition and the docstring."""
    parameters = ", ".join(f"{a.name}: ArrayLike" for a in p.arguments)
    parameters += ", axis: int = -1" if p.one_axis else ""
    count = len(p.results)
    kind = "Any" if count == 1 else f"tuple[{', '.join(['Any'] * count)}]"
    outs = "Array | None" if count == 1 else "tuple[Array | None, ...]"
    default = "None" if count == 1 else f"({', '.join(['None'] * count)})"
    return [definition(p.name, f"{parameters}, out: {outs} = {default}", kind), docstring(p, note)]


def definition(name: str, parameters: str, kind: str) -> str:
    """The line, or lines, that open a function."""
    line = f"def {name}({parameters}) -> {kind}:"
    return line if len(line) <= 120 else f"def {name}(\n{filled(parameters)}\n) -> {kind}:"


def filled(text: str) -> str:
    """Arguments, indented, on as many lines as they need."""
    return textwrap.fill(text, 112, initial_indent="    ", subsequent_indent="    ", break_long_words=False,
                         break_on_hyphens=False)


def sizes_used(p: Program, statements: Sequence[str], source: str) -> list[str]:
    """Assignments of the sizes and the type that the statements mention."""
    used = "\n".join(statements)
    lines = [
        f'{size} = {source}.sizes["{size}"]' + (" or np.nan" if divides(size, used) else "")
        for size in dict.fromkeys(s for a in p.arguments for s in a.axes if s.isidentifier())
        if re.search(rf"(?<!\[\")\b{size}\b", used)
    ]
    return lines + ([f"dtype = {source}.dtype"] if re.search(r"\bdtype\b(?!=)", used) else [])


def divides(size: Size, used: str) -> bool:
    """True when numbers are divided by the size: by nan where it is 0, for Python raises an error there."""
    return bool(re.search(rf"/ [(\w.]*\b{size}\b", used))


def straight_source(p: Program, note: str) -> tuple[str, set[str]]:
    """Whole arrays, batch axes first."""
    roots, names = shared(p.results, p.names)
    body = Straight(roots, names, reserved(p))
    results = body.run()
    axis, count = p.one_axis, len(p.results)
    checks = ", ".join(
        f'("{a.name}", {a.name}, {axes_text(a.axes)}' + (f', "{p.labels[a.name]}")' if a.integer else ")")
        for a in p.arguments
    )
    text = header(p, note)
    checks = f'"{p.name}", {checks}{", axis=axis" if axis else ""}'
    line = f"    given = prepare({checks})"
    text.append(line if len(line) <= 120 else f"    given = prepare(\n{textwrap.indent(filled(checks), '    ')}\n    )")
    unpack = ", ".join(a.name for a in p.arguments)
    text.append(f"    {unpack}{',' if len(p.arguments) == 1 else ''} = given.arrays")
    text += [f"    {line}" for line in sizes_used(p, body.lines + results, "given")]
    if body.lines:
        text.append('    with np.errstate(all="ignore"):')
        text += [f"        {line}" for line in body.lines]
    moved = [", axis" if axis and r.rank == 1 else "" for r in p.results]
    placed = [
        f'placed("{p.name}", {r}, {"out" if count == 1 else f"out[{k}]"}, given.result{m})'
        for k, (r, m) in enumerate(zip(results, moved, strict=True))
    ]
    line = f"    return {', '.join(placed)}"
    if len(line) > 120:
        line = "    return (\n" + "".join(f"        {x},\n" for x in placed) + "    )"
    text.append(line)
    return "\n".join(text) + "\n", body.needs | {"prepare", "placed"}


def rows_source(p: Program, split: RowProgram, note: str) -> tuple[str, set[str]]:
    """A block function, what is made of its sums, and the function itself."""
    logistic = one_exponential(split.results)
    roots = opened([logistic[r] for r in split.results])
    split = replace(split, results=roots)
    rows = row_dependent(split)
    sums = [n for n in walk(*roots) if isinstance(n, RowSum)]
    inside = [r for r in roots if r in rows]
    if any(n not in rows and not isinstance(n, Input | RowSum) and not is_constant(n) for n in walk(*inside, *sums)):
        raise NotRows
    if any(r not in rows and not sums for r in roots):
        raise NotRows
    block, needs = block_source(p, inside, sums, rows)
    after, more = after_source(p, roots, rows, sums)
    needs |= more
    arguments = [
        f'("{a.name}", {axes_text(a.axes)}, {split.rows[a.name]}' + (f', "{p.labels[a.name]}")' if a.integer else ")")
        for a in p.arguments
    ]
    places = [split.result_rows[k] if r in rows else None for k, r in enumerate(roots)]
    results = [f"({axes_text(r.sizes)}, {w})" for r, w in zip(roots, places, strict=True)]
    parts = [f'"{p.name}"', quoted(split.size), listed(arguments), listed(results), f"_{p.name}_rows"]
    parts += [f"_{p.name}_sums"] if after else []
    kernel = f"_{p.name} = Kernel(\n" + "".join(f"{filled(x)},\n" for x in parts) + ")"
    values = ", ".join(a.name for a in p.arguments) + ("," if len(p.arguments) == 1 else "")
    outs = "(out,)" if len(p.results) == 1 else "out"
    call = f"_{p.name}(({values}), {outs}{', axis' if p.one_axis else ''})"
    short, trial, more = short_source(p, split, roots)
    text = header(p, note) + trial + [f"    return {call}{'[0]' if len(p.results) == 1 else ''}"]
    needs |= more
    parts = [block, *([after] if after else []), kernel + "\n", *([short] if short else []), "\n".join(text) + "\n"]
    return "\n\n".join(parts), needs | {"Kernel", "Work"}


def short_source(p: Program, split: RowProgram, roots: Sequence[Node]) -> tuple[str, list[str], set[str]]:
    """A function for short rows, and the lines that try it; none when its statements would not be straight."""
    lanes = {s for r in walk(*roots) if isinstance(r, Input) for s in r.sizes}
    try:
        if len(lanes) != 1 or {*split.rows.values(), *split.result_rows} - {0, None}:
            raise NotShort
        body = Short(roots, p.names, reserved(p), next(iter(lanes)))
        results = body.run()
    except NotShort:
        return "", [], set()
    logits = body.logits
    number = "result" if split.size is None else "number"
    values = [r if n.rank else f"rows.{number}({r})" for n, r in zip(roots, results, strict=True)]
    lines = [*body.lines, f"return {', '.join(values)}"]
    if split.size and re.search(rf"\b{split.size}\b", "\n".join(lines)):
        lines.insert(0, f"{split.size} = len({logits.name})")
    parameters = ", ".join(["rows: ShortRows", *(f"{a.name}: Any" for a in p.arguments)])
    made = definition(f"_{p.name}_short", parameters, "Any") + "\n" + "".join(f"    {line}\n" for line in lines)
    guards = ["axis == -1"] if p.one_axis else []
    guards += ["out is None"] if len(roots) == 1 else [f"out[{k}] is None" for k in range(len(roots))]
    guards.append(f"(rows := short_rows({logits.name})) is not None")
    if split.size is not None:
        rank = next(a.rank for a in p.arguments if a.name == logits.name)
        guards.append(f"len(rows.shape) == {rank}")
    conditions = " and ".join(guards)
    if len(conditions) > 100:
        conditions = "(\n        " + "\n        and ".join(guards) + "\n    )"
    run = ", ".join([f"_{p.name}_short", "rows", *(a.name for a in p.arguments)])
    needs = {"short_rows", "ShortRows", "QUIET"}
    if (alone := only_call(lines)) is not None:
        made, run, needs = "", alone, needs - {"ShortRows"}
    text = [f"    if {conditions}:", f"        short = QUIET.copy().run({run})",
            "        if short is not None:", "            return short"]
    return made, text, body.needs | needs


def only_call(lines: Sequence[str]) -> str | None:
    """``rows.softmax, z`` for a function that is nothing but that call: it is made without another one around it."""
    found = re.fullmatch(r"(\w+) = (rows\.\w+)\((\w+)\)", lines[0])
    if found is None or lines[1:] != [f"if {found[1]} is None:", "    return None", f"return {found[1]}"]:
        return None
    return f"{found[2]}, {found[3]}"


def listed(items: Sequence[str]) -> str:
    """A tuple as source."""
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def quoted(name: str | None) -> str:
    return "None" if name is None else f'"{name}"'


def block_source(p: Program, inside: Sequence[Node], sums: Sequence[Node], rows: set[Node]) -> tuple[str, set[str]]:
    """The function of a block: it fills its results and returns its sums."""
    outs = ["out"] if len(inside) == 1 else [f"out{k}" for k in range(len(inside))]
    body = Columns([*inside, *sums], rows, p.names, reserved(p) | set(outs))
    refs = body.run()
    lines = list(body.lines)
    for out, ref in zip(outs, refs, strict=False):
        lines = into(lines, ref, out) if re.fullmatch(r"\w+", ref) else [*lines, f"{out}[...] = {ref}"]
    lines = [re.sub(r", (shift\w*) = exp_total", ", _ = exp_total", x) if shift_unused(x, lines) else x for x in lines]
    if sums:
        lines.append(f"return {listed(refs[len(inside):])}")
    lines = sizes_used(p, lines, "work") + lines
    parameters = ", ".join(["work: Work", *(f"{a.name}: Array" for a in p.arguments), *(f"{o}: Array" for o in outs)]
                           if inside else ["work: Work", *(f"{a.name}: Array" for a in p.arguments)])
    kind = "tuple[Any, ...]" if sums else "None"
    return f"{definition(f'_{p.name}_rows', parameters, kind)}\n" + "".join(f"    {x}\n" for x in lines), body.needs


def shift_unused(line: str, lines: Sequence[str]) -> bool:
    found = re.match(r"\w+, (\w+) = exp_total", line)
    return found is not None and sum(bool(re.search(rf"\b{found[1]}\b", x)) for x in lines) == 1


def after_source(p: Program, roots: Sequence[Node], rows: set[Node],
                 sums: Sequence[Node]) -> tuple[str, set[str]]:
    """The function that makes the results without rows out of the sums over rows."""
    made = [r for r in roots if r not in rows]
    if not made:
        return "", set()
    inputs = {s: Input(f"sum{k}", s.sizes) for k, s in enumerate(sums)}
    done: dict[Node, Node] = {}
    for node in walk(*made):
        done[node] = inputs.get(node) or with_children(node, lambda n: done.get(n, n))
    body = Straight([done[r] for r in made], p.names, reserved(p) | {i.name for i in inputs.values()}, "work")
    refs = body.run()
    lines = sizes_used(p, body.lines + refs, "work") + body.lines + [f"return {listed(refs)}"]
    parameters = ", ".join(["work: Work", *(f"{i.name}: Any" for i in inputs.values()),
                            *(f"{a.name}: Array" for a in p.arguments)])
    head = definition(f"_{p.name}_sums", parameters, "tuple[Any, ...]")
    return head + "\n" + "".join(f"    {x}\n" for x in lines), body.needs


def compile_request(request: CompileRequest, note: str = "", closed_form: ClosedForm | None = None,
                    evidence: Evidence | None = None) -> str:
    """The source of one function, without the imports and helpers that it needs."""
    return function_source(program(request, closed_form, evidence), note)[0]


def generate(requests: Iterable[CompileRequest], note_name: str, *, closed_form: ClosedForm | None = None,
             evidence: Evidence | None = None, forms: Callable[[CompileRequest], Any] | None = None,
             self_contained: bool = True) -> str:
    """A module with a function for each Compile sentence; importing it needs NumPy only.

    ``forms`` gives, for a sentence, an object that is its ``closed_form`` and has its ``evidence``.
    """
    functions: dict[str, str] = {}
    needs: set[str] = set()
    for request in requests:
        known = forms(request) if forms else None
        try:
            if request.name in functions:
                raise CompileError(f"{request.name} is compiled twice")
            built = program(request, known or closed_form, known.evidence if known else evidence)
            text, more = function_source(built, note_name)
        except (CompileError, BadNameError) as error:
            place = f"cell {request.place.cell}, " if request.place.cell else ""
            path = known.note.path if known else note_name
            where = f"{path}:{place}{request.place.line}:{request.place.column}"
            raise CompileError(f"{where}: {request.name or 'Compile'}: {error}") from None
        functions[request.name] = text
        needs |= more | {h for h in HELPERS.values() if f"{h}(" in text}
    head = f'"""Generated by derive from {note_name}; do not edit."""\n'
    head += f"# ruff: noqa\n# mypy: disable-error-code=\"{UNTYPED}\"\n\nfrom __future__ import annotations\n"
    body = "".join(f"\n\n{t}" for t in functions.values())
    exported = list(functions)
    standard, shared, ours = ["from typing import Any"], "", ""
    if self_contained:
        standard, statements = needed(body)
        shared = f"\n{joined(statements)}" if statements else ""
        exported += ["set_threads"] if any("set_threads" in s.defines for s in statements) else []
    else:
        names = "\n".join(f"    {n}," for n in sorted(needs | {"Array"}))
        ours = f"\nfrom derive.kernels.runtime import (\n{names}\n)\n"
    listed = "".join(f'    "{name}",\n' for name in exported)
    imports = "\n".join(["", *standard, "", "import numpy as np", "from numpy.typing import ArrayLike", ""])
    return f"{head}{imports}{ours}\n__all__ = [\n{listed}]\n{shared}{body}"


__all__ = ["CompileError", "Program", "compile_request", "generate", "program"]
