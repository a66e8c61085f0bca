"""What a name, a letter or a number that stands alone means."""

from __future__ import annotations

from typing import Any

import sympy as sp

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import span
from derive.notes.meaning.functions import derivative_at, nearest
from derive.notes.meaning.reading import Meaning
from derive.notes.meaning.scope import Entity, Formula, Kind
from derive.notes.meaning.shapes import ReadProblem, Value, scalar_value

SIGNED = frozenset({"_{+}", "_{-}", "^{+}", "^{-}"})
IDENTITY_NAMES = frozenset({"I", "Id", r"\mathrm{Id}", r"\operatorname{Id}", r"\mathbb{I}"})


def read_number(m: Meaning, node: s.Number) -> Value:
    return scalar_value(sp.Rational(node.text))


def read_name(m: Meaning, node: s.Name) -> Value:
    name = node.text
    if name in m.params:
        return m.params[name]
    if name in m.bound:
        m.bound[name].counted = True
        return scalar_value(m.bound[name].symbol)
    if is_ones(node):
        return m.algebra.constant(int(name))
    entity = m.names.get(name)
    if entity is None and name in m.free and m.inventory.later_value(name, m.position) is None:
        return counted(m, name)
    entity = entity or m.entity(name)
    if entity is None:
        if name == "e":
            return scalar_value(sp.E)
        if name in (r"\pi", "π") and not m.inventory.usage.get(name):
            return scalar_value(sp.pi)
        if name in IDENTITY_NAMES:
            return m.algebra.identity()
        if name == r"\infty":
            raise ReadProblem("infinity is not a number of the language", span(node))
        if node.dress == r"\mathbb":
            raise ReadProblem(f"\\mathbb{{{name}}} is not known here", span(node))
        entity = unintroduced(m, node)
    return entity_value(m, entity, node)


def unintroduced(m: Meaning, node: s.Name) -> Entity:
    """A letter that the note never introduces is a free quantity; a word is not."""
    if node.word and len(node.text) > 1:
        raise ReadProblem(f"{node.text} is not known and not introduced{nearest(node.text)}", span(node))
    plain, script = node.text[:-4], node.text[-4:]
    if script in SIGNED and m.entity(plain) is not None:
        raise ReadProblem(f"{node.text} can be a name, a part or an inverse of {plain}: introduce it", span(node))
    return m.inventory.implicit(node.text, m.names)


def counted(m: Meaning, name: str) -> Value:
    here = m.free_letter(name)
    here.counted = True
    return scalar_value(here.symbol)


def entity_value(m: Meaning, entity: Entity, node: Any) -> Value:
    if entity.kind is Kind.INDEX:
        return counted(m, entity.name)
    if entity.kind in (Kind.DIMENSION, Kind.LABEL):
        m.used[id(entity)] = entity
        return scalar_value(entity.sympy)
    m.resolve(entity)
    if entity.kind is Kind.FUNCTION:
        if entity.formula is None:
            raise ReadProblem(f"{entity.name} is a function and stands without its argument", span(node))
        return apply_function(m, entity, own_arguments(m, entity.formula, node), 0, node)
    axes = entity.axes or ()
    if not axes:
        return scalar_value(entity.sympy)
    base = entity.indexed
    return Value(axes, lambda *i: base[i], row=entity.row)


def own_arguments(m: Meaning, formula: Formula, node: Any) -> list[Value]:
    """The bare name of a function of scalars is its value at its own parameters."""
    owns = [(param, m.names.get(param)) for param in formula.params]
    return [
        entity_value(m, own, node)
        if own is not None and own.kind is Kind.TENSOR
        else scalar_value(sp.Symbol(param, real=True))
        for param, own in owns
    ]


def apply_function(m: Meaning, entity: Entity, arguments: list[Value], primes: int, node: Any) -> Value:
    f = sp.Function(entity.symbol)
    if primes and len(arguments) != 1:
        raise ReadProblem(f"the prime of {entity.name} needs one argument", span(node))

    def at(*x: Any) -> sp.Expr:
        return f(*x) if not primes else derivative_at(f, x[0], primes)

    return m.algebra.combine(at, arguments, f"the arguments of {entity.name}")


def is_ones(node: s.Name) -> bool:
    r"""``\mathbf 1``, ``\mathbb 1``, ``\mathbf 0``."""
    return node.text in ("1", "0") and bool(node.dress)
