r"""A vector or a matrix in the notation of notes, beside what the reader of notes takes its entry to be.

A derivation speaks of entries, a person at last of the whole: ``\nabla_W L = (s - y) x^\top``. A form is
words of the language of notes; what it means is what the reader says, so that the judge can decide
whether it is the index form that it is given out for, and a rule can have a form for its statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from derive.calculus.setting import Axis, Setting
from derive.steps.core import Expr, free, name_of, names, put, rebuild


@dataclass(frozen=True)
class Form:
    r"""``text`` is an array, the names in it have the shapes of ``setting``; ``axes`` are indices for its entry.

    ``row`` tells of an array with one axis that it stands as a row; ``numbers`` are the scalars and dimensions in the
    text that no shape tells of; ``given`` is the entry where it is known, otherwise the text is read.
    """

    text: str
    axes: tuple[sp.Symbol, ...]
    setting: Setting = field(repr=False, compare=False)
    row: bool = False
    numbers: frozenset[sp.Symbol] = field(default=frozenset(), repr=False, compare=False)
    given: Expr | None = field(default=None, repr=False, compare=False)

    @cached_property
    def entry(self) -> Expr:
        """The entry at ``axes``. Raises ValueError where the text cannot be read, or is an array of another shape."""
        return self.given if self.given is not None else read(self)

    @property
    def shown(self) -> str:
        r"""``\left[ (s - y) x^\top \right]_{ij}``; a scalar as it stands."""
        from derive.show.latex import name_latex

        if not self.axes:
            return self.text
        at = [name_latex(index.name) for index in self.axes]
        joined = "".join(at) if all(len(a) == 1 for a in at) else " ".join(at)
        return rf"\left[ {self.text} \right]_{{{joined}}}"


def meaning(side: Expr | Form) -> Expr:
    """The index expression that a side of a statement stands for."""
    return side.entry if isinstance(side, Form) else side


def latex_of(side: Expr | Form, style: Any = None) -> str:
    """A side as it is shown."""
    from derive.show.latex import DEFAULT, latex

    return side.shown if isinstance(side, Form) else latex(side, style or DEFAULT)


# --- reading ----------------------------------------------------------------------------------------------------


def read(form: Form) -> Expr:
    from derive.notes.note import DeriveRequest, NoteError
    from derive.notes.reader import read_note

    sentences = [f"Let {said}." for said in declarations(form)]
    try:
        note = read_note("form.md", "\n\n".join([*sentences, f"Derive ${form.text}$."]))
    except NoteError as error:
        raise ValueError(f"{form.text}: {error.message}") from None
    (request,) = (item for item in note.items if isinstance(item, DeriveRequest))
    if request.target is None:
        raise ValueError(f"{form.text}: {request.problem}")
    found = request.target.axes
    if len(found) != len(form.axes):
        raise ValueError(f"{form.text}: an array with {len(form.axes)} axes is expected")
    if len(found) == 1 and request.target.row != form.row:
        raise ValueError(f"{form.text}: a {'row' if form.row else 'column, not a row,'} is expected")
    entry = put(request.target.expr, dict(zip(found, form.axes, strict=True)))
    return with_own_names(entry, form)


def with_own_names(expr: Expr, form: Form) -> Expr:
    r"""expr with the names that stand in the setting: the reader says ``\lambda`` for ``lambda``."""
    from derive.show.latex import name_latex

    setting = form.setting
    known = {*setting.shapes, *setting.smooth, *setting.depends, *(s.name for s in (*setting.axes, *form.numbers))}
    own = {name_latex(name): name for name in known if name_latex(name) != name}
    if not own:
        return expr
    return renamed(expr, own)


def renamed(expr: Expr, own: Mapping[str, str]) -> Expr:
    """expr with its names changed."""
    if isinstance(expr, sp.Symbol):
        return sp.Symbol(own[expr.name], **expr.assumptions0) if expr.name in own else expr
    if isinstance(expr, sp.Indexed):
        label = str(expr.base.label.name)
        base = sp.IndexedBase(own[label], real=True) if label in own else expr.base
        return base[tuple(renamed(i, own) for i in expr.indices)]
    if isinstance(expr, sp.Subs):
        return sp.Subs(renamed(expr.expr, own), expr.variables, tuple(renamed(e, own) for e in expr.point))
    if not expr.args:
        return expr
    if isinstance(expr, sp.Tuple):
        return sp.Tuple(*(renamed(e, own) for e in expr.args))
    args = tuple(renamed(e, own) for e in expr.args)
    if isinstance(expr, AppliedUndef) and expr.func.__name__ in own:
        return sp.Function(own[expr.func.__name__])(*args)
    return rebuild(expr, args) if args != tuple(expr.args) else expr


def declarations(form: Form) -> Iterator[str]:
    """What the names of a form are: dimensions, scalars, labels, shapes, functions, losses."""
    from derive.show.echo import labels_words, range_words, space_words
    from derive.show.latex import name_latex

    setting = form.setting
    taken = {*setting.shapes, *(s.name for s in setting.axes)}
    letters = (letter for letter in "pqabcdfghuvwmnijkl" if letter not in taken)
    for number in sorted(form.numbers, key=str):
        yield rf"${name_latex(number.name)} \in \mathbb{{{'N' if number.is_integer else 'R'}}}$"
    for label in (s for s in setting.axes if s not in form.axes):
        yield labels_words(label.name, (), setting.axes[label])
    for tensor, axes in setting.shapes.items():
        if all(axis.first == 1 for axis in axes):
            yield space_words(tensor, axes)
        else:
            own = list(islice(letters, len(axes)))
            ranges = ", ".join(map(range_words, own, axes))
            yield rf"${name_latex(tensor)}_{{{' '.join(own)}}} \in \mathbb{{R}}$ for {ranges}"
    for function in sorted(setting.smooth):
        yield rf"${name_latex(function, function=True)} : \mathbb{{R}} \to \mathbb{{R}}$"
    for scalar, entries in setting.depends.items():
        through = " and ".join(f"${name_latex(str(name_of(e)))}$" for e in entries)
        yield f"${name_latex(scalar)}$ be a function of {through}"


def form_of(text: str, expr: Expr, axes: tuple[sp.Symbol, ...], setting: Setting, row: bool = False) -> Form:
    """A form for expr, in which every name is a free tensor, a free scalar or any smooth function: algebra alone."""
    nodes = list(sp.preorder_traversal(expr))
    functions = frozenset(e.func.__name__ for e in nodes if isinstance(e, AppliedUndef))
    depends: dict[str, tuple[Expr, ...]] = {}
    for e in nodes:
        if isinstance(e, sp.Derivative) and isinstance(e.expr, sp.Symbol):
            known = depends.get(e.expr.name, ())
            if name_of(e.variables[0]) not in map(name_of, known):
                depends[e.expr.name] = (*known, e.variables[0])
    tensors = names(expr) | {str(name_of(v)) for found in depends.values() for v in found}
    shapes = {name: axes_of(name, setting) for name in sorted(tensors - functions)}
    shapes = {name: its for name, its in shapes.items() if its}
    own = {s: axis for s, axis in setting.axes.items() if s in free(expr) or s in axes}
    told = {s for its in (*shapes.values(), tuple(own.values())) for axis in its for s in free(axis.size)}
    scalars = {e for e in nodes if isinstance(e, sp.Symbol) and not e.is_integer and e.name in tensors - depends.keys()}
    sizes = {e for e in nodes if isinstance(e, sp.Symbol) and e.is_integer and e.is_positive}
    numbers = frozenset(sizes - told) | {s for s in scalars if s.name not in shapes}
    return Form(text, axes, Setting(own, shapes, smooth=functions, depends=depends), row, numbers)


def axes_of(name: str, setting: Setting) -> tuple[Axis, ...]:
    definition = setting.definitions.get(name)
    return tuple(setting.shapes.get(name) or (definition.axes if definition else ()))
