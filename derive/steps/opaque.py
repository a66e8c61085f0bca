"""Which definitions a step needs: the others are held shut, their names standing for free tensors.

What is proved for every tensor holds for the defined one. A name has to be opened where it stands on one side alone,
and where it stands under a derivative and depends on what is derived by, for a free tensor would be a constant there.
The derivative by a defined name takes that name for a variable itself, so what it depends on is not looked at.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import sympy as sp

from derive.calculus.setting import Definition, Setting
from derive.steps.core import Expr, name_of, names

Uses = Mapping[str, frozenset[str]]


def with_few_definitions(left: Expr, right: Expr, setting: Setting) -> Setting | None:
    """The setting with those definitions alone that ``left = right`` seems to need; None if it needs all."""
    if not setting.definitions:
        return None
    opened = needed(left, right, setting)
    if len(opened) == len(setting.definitions):
        return None
    key = (id(setting.definitions), id(setting.shapes), opened)
    if key not in KEPT:
        if len(KEPT) > 1000:
            KEPT.clear()
        kept = {name: d for name, d in setting.definitions.items() if name in opened}
        held = {name: d.axes for name, d in setting.definitions.items() if name not in opened and d.axes}
        KEPT[key] = (setting, kept, {**held, **setting.shapes})
    _, definitions, shapes = KEPT[key]
    return replace(setting, definitions=definitions, shapes=shapes)


KEPT: dict[Any, tuple[Setting, Any, Any]] = {}  # one mapping for one set of names, so that settings are known again


def needed(left: Expr, right: Expr, setting: Setting) -> frozenset[str]:
    """The names to open."""
    definitions = setting.definitions
    uses = used_by(setting)
    assumed = [a.relation for a in setting.assumptions]
    opened = frozenset(name for name, d in definitions.items() if may_be_size(d))
    while True:
        one, other = (visible(names(side), opened, uses) for side in (left, right))
        seen = (one | other) & definitions.keys()
        spoken = [left, right, *assumed, *(definitions[name].body for name in opened)]
        more = {name for name in seen if never_held(definitions[name], setting)}
        more |= {name for e in spoken for name in varying(e, uses)} & definitions.keys()
        if more <= opened:
            more = set(outermost((one ^ other) & definitions.keys(), uses))
        if more <= opened:
            return opened
        opened |= more


def outermost(said: frozenset[str], uses: Uses) -> frozenset[str]:
    """Those that the others do not use: once they are written out, the rest may stand on both sides."""
    below = {name for other in said for name in written_out(uses[other], uses, uses)}
    return said - below or said


def may_be_size(d: Definition) -> bool:
    return not d.formals and not names(d.body) and bool(d.body.is_integer)


def never_held(d: Definition, setting: Setting) -> bool:
    return d.is_function or d.name in setting.labels


def used_by(setting: Setting) -> Uses:
    """What each name depends on, at one remove."""
    uses = {name: names(d.body) for name, d in setting.definitions.items()}
    for name, entries in setting.depends.items():
        uses[name] = uses.get(name, frozenset()).union(*map(names, entries))
    return uses


def visible(said: Iterable[str], opened: frozenset[str], uses: Uses) -> frozenset[str]:
    """The names that stand on a side once the opened ones are written out."""
    return frozenset(written_out(said, opened, uses)) - opened


def written_out(said: Iterable[str], opened: Container[str], uses: Uses) -> set[str]:
    """The names, and those that the opened ones among them use."""
    found: set[str] = set()
    todo = list(said)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += uses.get(name, ()) if name in opened else ()
    return found


def varying(expr: Any, uses: Uses) -> set[str]:
    """The names under derivatives that depend on what is derived by."""
    found: set[str] = set()
    for e in derivatives(expr):
        for variable in e.variables:
            found |= dependents(names(e.expr), name_of(variable), uses)
    return found


@lru_cache(maxsize=5000)
def derivatives(expr: Any) -> frozenset[Any]:
    return frozenset(expr.atoms(sp.Derivative))


def dependents(said: Iterable[str], variable: str | None, uses: Uses) -> set[str]:
    """Those of the names, and of the names that they use, from which there is a path to the variable."""
    reached: set[str] = set()
    todo = list(said)
    while todo:
        name = todo.pop()
        if name not in reached and name != variable:
            reached.add(name)
            todo += uses.get(name, ())
    found: set[str] = set()
    before = -1
    while before != len(found):
        before = len(found)
        found |= {name for name in reached if variable is None or uses.get(name, frozenset()) & {variable, *found}}
    return found
