"""Making nodes: sums and products flattened and with equal parts merged, operands arranged.

These hold for every real operand; whatever is only true of some operands, or only wise, is in ``stable``.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from derive.codegen.array import ONE, ZERO, Add, Map, Mul, Node, Number, Use, whole

Term = tuple[Fraction, Use]
Factor = tuple[Use, Fraction]

MINUS_ONE = Fraction(-1)


def relabel(use: Use, labels: tuple[int, ...]) -> tuple[int, ...]:
    """The labels of an operand of ``use.node``, seen from the user: ``labels`` are those inside the node."""
    return tuple(use.labels[k] for k in labels)


def constant(value: Fraction | int) -> Use:
    return Use(Number(Fraction(value)))


def number(use: Use) -> Fraction | None:
    """The value of a rational constant."""
    node = use.node
    return node.value if isinstance(node, Number) and isinstance(node.value, Fraction) else None


def _flat_terms(terms: Iterable[Term]) -> Iterable[Term]:
    for coefficient, use in terms:
        node = use.node
        if isinstance(node, Add):
            yield from _flat_terms((coefficient * c, Use(u.node, relabel(use, u.labels))) for c, u in node.terms)
        elif isinstance(node, Mul) and node.coefficient != 1:
            yield from _flat_terms([(coefficient * node.coefficient, _restricted(node.factors, use))])
        elif (value := number(use)) is not None and value != 1:
            yield coefficient * value, Use(ONE)
        else:
            yield coefficient, use


def _restricted(factors: tuple[Factor, ...], use: Use) -> Use:
    """The product of ``factors`` without coefficient, in the place of the node of ``use``."""
    if not factors:
        return Use(ONE)
    node = multiply(Fraction(1), factors)
    return Use(node, use.labels)


def add(terms: Iterable[Term]) -> Node:
    """sum of coefficient * operand, flattened, equal operands merged. Labels must be 0, 1, ... for the whole sum."""
    merged: dict[Use, Fraction] = {}
    for coefficient, use in _flat_terms(terms):
        merged[use] = merged.get(use, Fraction(0)) + coefficient
    rest = [(c, u) for u, c in merged.items() if c]
    if not rest:
        return ZERO
    if len(rest) == 1:
        coefficient, use = rest[0]
        return multiply(coefficient, [(use, Fraction(1))])
    return Add(tuple(rest))


def _flat_factors(factors: Iterable[Factor]) -> Iterable[tuple[Fraction, Factor | None]]:
    for use, exponent in factors:
        node = use.node
        value = number(use)
        if isinstance(node, Mul) and (exponent.denominator == 1 or (node.coefficient == 1 and len(node.factors) == 1)):
            inner = [(Use(u.node, relabel(use, u.labels)), p * exponent) for u, p in node.factors]
            if node.coefficient != 1:
                yield node.coefficient ** int(exponent), None
            yield from _flat_factors(inner)
        elif value is not None and exponent.denominator == 1 and (value or exponent > 0):
            yield value ** int(exponent), None
        else:
            yield Fraction(1), (use, exponent)


def multiply(coefficient: Fraction, factors: Iterable[Factor]) -> Node:
    """coefficient * product of operand ** exponent, flattened, equal operands merged."""
    merged: dict[Use, Fraction] = {}
    for c, factor in _flat_factors(factors):
        coefficient *= c
        if factor:
            merged[factor[0]] = merged.get(factor[0], Fraction(0)) + factor[1]
    rest = tuple((u, p) for u, p in merged.items() if p)
    if not coefficient:
        return ZERO
    if not rest:
        return Number(coefficient)
    if coefficient == 1 and len(rest) == 1 and rest[0][1] == 1 and rest[0][0] == whole(rest[0][0].node):
        return rest[0][0].node
    return Mul(coefficient, rest)


def negative(use: Use) -> Node:
    return multiply(MINUS_ONE, [(use, Fraction(1))])


def arranged(use: Use) -> Node:
    """A node whose axes are 0, 1, ... of ``use``."""
    return use.node if use == whole(use.node) else Map("copy", (use,))


def function(op: str, *operands: Use) -> Node:
    return Map(op, operands)


def is_multiple(node: Node) -> bool:
    """True for a number times something."""
    return isinstance(node, Mul) and len(node.factors) == 1 and node.factors[0][1] == 1
