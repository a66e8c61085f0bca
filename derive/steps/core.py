"""Rewriting of index expressions without capture: building, substituting, comparing, matching.

SymPy's own ``subs``, ``xreplace``, ``diff`` and ``simplify`` know nothing of bound indices. Everything
here does: a binder is renamed before anything is put into its scope that mentions its index. The
constructors ``add``, ``mul``, ``total`` do what a person does without thinking (collect equal terms,
cancel equal factors, drop an empty sum) and no more; above all ``2 (a + b)`` stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import permutations
from typing import Any

import sympy as sp

from derive.calculus.language import Binder

Expr = Any
Rewrite = Callable[[Expr], Expr | None]

LETTERS = ("l", "k", "m", "n", "p", "q", "r", "a", "b", "c", "d", "j", "i", "t", "u", "v")


# --- building ---------------------------------------------------------------------------------------------------


def add(*terms: Expr) -> Expr:
    """a + b + …, equal terms collected."""
    return sp.Add(*terms)


def mul(*factors: Expr) -> Expr:
    """a b …, equal factors collected; a number is not multiplied into a sum."""
    coefficient = sp.S.One
    rest: list[Expr] = []
    for factor in factors:
        number, other = factor.as_coeff_Mul()
        coefficient *= number
        rest.extend(other.args if other.is_Mul else (other,))
    number, other = sp.Mul(*rest).as_coeff_Mul()
    coefficient *= number
    if other.is_Add and coefficient != 1 and coefficient != 0:
        return sp.Mul(coefficient, other, evaluate=False)
    return coefficient * other


def neg(expr: Expr) -> Expr:
    return mul(sp.S.NegativeOne, expr)


def divide(numerator: Expr, denominator: Expr) -> Expr:
    return mul(numerator, power(denominator, sp.S.NegativeOne))


def power(base: Expr, exponent: Expr) -> Expr:
    """base^exponent, over each factor of the base when the exponent is an integer."""
    if base.is_Mul and exponent.is_Integer:
        return mul(*(power(factor, exponent) for factor in base.args))
    return sp.Pow(base, exponent)


def total(body: Expr, *limits: Expr) -> Expr:
    """sum over limits of body; a number or a dimension stands before the sum, the sum of 0 is 0."""
    if body == 0 or not limits:
        return body
    sizes = [f for f in factors(body) if is_size(f)]
    if sizes and len(sizes) < len(factors(body)):
        return mul(*sizes, total(mul(*(f for f in factors(body) if f not in sizes)), *limits))
    if isinstance(body, sp.Sum):
        return total(body.args[0], *body.args[1:], *limits)
    out = sp.Expr.__new__(sp.Sum, body, *limits)  # SymPy's own constructor would move factors into cases
    out.is_commutative = True
    return out


def is_size(expr: Expr) -> bool:
    """A number, or built of dimensions alone."""
    return bool(expr.is_number) or (
        not binds(expr) and all(isinstance(s, sp.Symbol) and s.is_integer and s.is_positive for s in expr.free_symbols)
    )


def D(expr: Expr, variable: Expr) -> Expr:
    """The derivative of expr with respect to variable, standing unevaluated."""
    return sp.Expr.__new__(sp.Derivative, expr, sp.Tuple(variable, sp.S.One))


def delta(i: Expr, j: Expr) -> Expr:
    return sp.KroneckerDelta(i, j)


def terms(expr: Expr) -> tuple[Expr, ...]:
    """The terms of a sum; the number before a parenthesis is multiplied in."""
    if expr.is_Add:
        return tuple(expr.args)
    number, other = expr.as_coeff_Mul()
    if other.is_Add:
        return tuple(mul(number, term) for term in other.args)
    return (expr,)


def factors(expr: Expr) -> tuple[Expr, ...]:
    return tuple(expr.args) if expr.is_Mul else (expr,)


def binds(expr: Expr) -> bool:
    return isinstance(expr, sp.Sum | sp.Product | Binder)


def parts(expr: Expr) -> tuple[Expr, tuple[Any, ...], tuple[Expr, ...]]:
    """Body, limits and outer arguments of a binding node."""
    limits = tuple(a for a in expr.args[1:] if isinstance(a, sp.Tuple))
    return expr.args[0], limits, tuple(a for a in expr.args[1:] if not isinstance(a, sp.Tuple))


def rebuild(expr: Expr, args: Iterable[Expr]) -> Expr:
    """The node of expr over other arguments, by the constructors above."""
    args = tuple(args)
    if expr.is_Add:
        return add(*args)
    if expr.is_Mul:
        return mul(*args)
    if expr.is_Pow:
        return power(*args)
    if isinstance(expr, sp.Sum):
        return total(*args)
    if isinstance(expr, sp.Derivative):
        return sp.Expr.__new__(sp.Derivative, *args)
    if isinstance(expr, sp.Piecewise):
        return piecewise([tuple(row) for row in args])
    return expr.func(*args)


def rebuild_raw(expr: Expr, args: Iterable[Expr]) -> Expr:
    """The node of expr over other arguments as they stand: nothing cancels."""
    if expr.is_Add or expr.is_Mul or expr.is_Pow:
        return expr.func(*args, evaluate=False)
    return rebuild(expr, args)


def piecewise(rows: Iterable[tuple[Expr, Expr]]) -> Expr:
    """Cases; a false case is dropped, a true one closes the list."""
    kept: list[tuple[Expr, Expr]] = []
    for value, condition in rows:
        if condition == sp.false:
            continue
        kept.append((value, condition))
        if condition == sp.true:
            break
    if len(kept) == 1 and kept[0][1] == sp.true:
        return kept[0][0]
    return sp.Piecewise(*kept, evaluate=False)


# --- free and bound ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=50_000)
def free(expr: Expr) -> frozenset[Any]:
    """The symbols that stand free in expr: indices, scalars, dimensions; not the names of tensors."""
    if isinstance(expr, sp.Symbol):
        return frozenset((expr,))
    if isinstance(expr, sp.Indexed):
        return union(expr.indices)
    if binds(expr):
        body, limits, outer = parts(expr)
        bound = {limit[0] for limit in limits}
        return (free(body) - bound) | union(bound_ for limit in limits for bound_ in limit[1:]) | union(outer)
    if isinstance(expr, sp.Subs):
        return (free(expr.expr) - set(expr.variables)) | union(expr.point)
    return union(expr.args)


def union(exprs: Iterable[Expr]) -> frozenset[Any]:
    return frozenset().union(*(free(e) for e in exprs))


@lru_cache(maxsize=50_000)
def names(expr: Expr) -> frozenset[str]:
    """The names of tensors, scalars and functions that stand in expr; not those of indices and dimensions."""
    if isinstance(expr, sp.Indexed):
        return frozenset((expr.base.label.name,)).union(*(names(e) for e in expr.indices))
    if isinstance(expr, sp.Symbol):
        return frozenset() if expr.is_integer else frozenset((expr.name,))
    head = (expr.func.__name__,) if isinstance(expr, sp.core.function.AppliedUndef) else ()
    return frozenset(head).union(*(names(e) for e in expr.args))


def name_of(expr: Expr) -> str | None:
    """The name of an entry, of a scalar or of an applied function."""
    if isinstance(expr, sp.Indexed):
        return str(expr.base.label.name)
    if isinstance(expr, sp.Symbol):
        return str(expr.name)
    if isinstance(expr, sp.core.function.AppliedUndef):
        return str(expr.func.__name__)
    return None


@lru_cache(maxsize=50_000)
def symbols(expr: Expr) -> frozenset[Any]:
    """Every symbol in expr, bound ones too."""
    if isinstance(expr, sp.Symbol):
        return frozenset((expr,))
    args = expr.indices if isinstance(expr, sp.Indexed) else expr.args
    return frozenset().union(*(symbols(e) for e in args))


def fresh(like: Expr, avoid: Collection[str]) -> Expr:
    """An index with a letter that is not in avoid: the letter of ``like`` if that is so."""
    for letter in (like.name, *LETTERS):
        if letter not in avoid:
            return sp.Symbol(letter, integer=True)
    count = 1
    while f"{like.name}_{count}" in avoid:
        count += 1
    return sp.Symbol(f"{like.name}_{count}", integer=True)


def rename_bound(expr: Expr, avoid: Collection[str]) -> Expr:
    """A binding node whose indices have names that are not in avoid."""
    body, limits, outer = parts(expr)
    taken = {s.name for s in symbols(expr)} | names(body)
    renamed = {}
    for limit in limits:
        if limit[0].name in avoid:
            renamed[limit[0]] = fresh(limit[0], taken | set(avoid))
            taken.add(renamed[limit[0]].name)
    if not renamed:
        return expr
    limits = tuple(sp.Tuple(renamed.get(limit[0], limit[0]), *limit[1:]) for limit in limits)
    return rebuild(expr, (put(body, renamed), *limits, *outer))


def put(expr: Expr, values: Mapping[Any, Expr]) -> Expr:
    """expr with its free symbols replaced, all at once and without capture."""
    values = {s: v for s, v in values.items() if s != v}
    return _put(expr, values) if values else expr


def _put(expr: Expr, values: Mapping[Any, Expr]) -> Expr:
    if isinstance(expr, sp.Symbol):
        return values.get(expr, expr)
    if not any(s in free(expr) for s in values):
        return expr
    if isinstance(expr, sp.Indexed):
        return expr.base[tuple(_put(index, values) for index in expr.indices)]
    if binds(expr):
        values = {s: v for s, v in values.items() if s in free(expr)}
        expr = rename_bound(expr, {s.name for v in values.values() for s in free(v)})
        body, limits, outer = parts(expr)
        limits = tuple(sp.Tuple(limit[0], *(_put(e, values) for e in limit[1:])) for limit in limits)
        return rebuild(expr, (_put(body, values), *limits, *(_put(e, values) for e in outer)))
    if isinstance(expr, sp.Subs):
        return sp.Subs(expr.expr, expr.variables, tuple(_put(e, values) for e in expr.point))
    return rebuild(expr, (_put(e, values) for e in expr.args))


def distinct(expr: Expr, avoid: frozenset[str] = frozenset()) -> Expr:
    """expr with no index bound inside the scope of an index of the same name, nor of a free one."""
    return _distinct(expr, frozenset(s.name for s in free(expr)) | avoid)


@lru_cache(maxsize=20_000)
def _distinct(expr: Expr, used: frozenset[str]) -> Expr:
    if isinstance(expr, sp.Symbol | sp.Number | sp.Indexed) or not expr.args:
        return expr
    if binds(expr):
        expr = rename_bound(expr, used)
        if not binds(expr):
            return expr
        body, limits, outer = parts(expr)
        inner = used | {limit[0].name for limit in limits}
        return rebuild(expr, (_distinct(body, inner), *limits, *(_distinct(e, used) for e in outer)))
    args = tuple(_distinct(e, used) for e in expr.args)
    return expr if args == expr.args else rebuild(expr, args)


def unified(expr: Expr) -> Expr:
    """expr with sums that differ in the names of their indices alone written alike, so that they meet."""
    seen: dict[Expr, Expr] = {}

    def walk(e: Expr) -> Expr:
        old = children(e)
        new = tuple(walk(c) for c in old)
        e = e if new == old else with_children(e, new)
        return seen.setdefault(canonical(e), e) if binds(e) else e

    sums = [e for e in positions(expr) if binds(e)]
    return expr if len({canonical(e) for e in sums}) == len(set(sums)) else walk(expr)


# --- traversal --------------------------------------------------------------------------------------------------


def children(expr: Expr) -> tuple[Expr, ...]:
    """The subexpressions that a rule may rewrite: not indices, limits, conditions or the variable of a derivative."""
    if isinstance(expr, sp.Indexed | sp.Symbol | sp.Number | sp.KroneckerDelta | sp.Subs):
        return ()
    if binds(expr):
        return (expr.args[0],)
    if isinstance(expr, sp.Derivative):
        return (expr.args[0],)
    if isinstance(expr, sp.Piecewise):
        return tuple(row[0] for row in expr.args)
    return tuple(expr.args)


def with_children(expr: Expr, new: Iterable[Expr], build: Callable[..., Expr] = rebuild) -> Expr:
    new = tuple(new)
    if binds(expr) or isinstance(expr, sp.Derivative):
        return build(expr, (new[0], *expr.args[1:]))
    if isinstance(expr, sp.Piecewise):
        return build(expr, tuple(sp.Tuple(value, row[1]) for value, row in zip(new, expr.args, strict=True)))
    return build(expr, new)


@lru_cache(maxsize=50_000)
def kinds(expr: Expr) -> frozenset[type]:
    """The types of expr and its subexpressions."""
    return frozenset((type(expr),)).union(*(kinds(e) for e in children(expr)))


def has_sum(expr: Expr) -> bool:
    return sp.Sum in kinds(expr)


def stands(expr: Expr) -> bool:
    """Whether a derivative stands in expr, at a place that a rule may rewrite."""
    return sp.Derivative in kinds(expr)


def anything(expr: Expr) -> bool:
    return True


def everywhere(
    rule: Rewrite, build: Callable[..., Expr] = rebuild, where: Callable[[Expr], bool] = anything
) -> Rewrite:
    """The rule at every outermost position where it applies; ``None`` if there is none.

    No position is looked at in an expression for which ``where`` is false.
    """

    def walk(expr: Expr) -> Expr:
        if not where(expr):
            return expr
        new = rule(expr)
        if new is not None and new != expr:
            return new
        old = children(expr)
        below = tuple(walk(e) for e in old)
        return expr if below == old else with_children(expr, below, build)

    return lambda expr: changed(expr, walk(expr))


def innermost(rule: Rewrite, where: Callable[[Expr], bool] = anything) -> Rewrite:
    """The rule at every position, from the leaves up; none in an expression for which ``where`` is false."""

    def walk(expr: Expr) -> Expr:
        if not where(expr):
            return expr
        old = children(expr)
        below = tuple(walk(e) for e in old)
        expr = expr if below == old else with_children(expr, below)
        new = rule(expr)
        return expr if new is None else new

    return lambda expr: changed(expr, walk(expr))


def once(rule: Rewrite) -> Rewrite:
    """The rule at the first position where it applies, outermost and leftmost."""

    def walk(expr: Expr) -> Expr | None:
        new = rule(expr)
        if new is not None and new != expr:
            return new
        old = children(expr)
        for k, child in enumerate(old):
            below = walk(child)
            if below is not None:
                return with_children(expr, (*old[:k], below, *old[k + 1 :]))
        return None

    return walk


def changed(old: Expr, new: Expr | None) -> Expr | None:
    return None if new is None or new == old else new


def positions(expr: Expr) -> Iterator[Expr]:
    """expr and its subexpressions, from the top."""
    yield expr
    for child in children(expr):
        yield from positions(child)


@lru_cache(maxsize=20_000)
def evaluated(expr: Expr) -> Expr:
    """expr built anew, so that what cancels is gone."""
    old = children(expr)
    return with_children(expr, (evaluated(e) for e in old)) if old else expr


# --- comparing --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=50_000)
def canonical(expr: Expr, depth: int = 0) -> Expr:
    """expr with its bound indices named by their depth: equal up to names of bound indices is equal."""
    if isinstance(expr, sp.Symbol | sp.Number | sp.Indexed) or not expr.args:
        return expr
    if binds(expr):
        body, limits, outer = parts(expr)
        marks = {limit[0]: sp.Symbol(f"_{depth + k}", integer=True) for k, limit in enumerate(limits)}
        body = canonical(put(body, marks), depth + len(limits))
        limits = tuple(sp.Tuple(marks[limit[0]], *limit[1:]) for limit in limits)
        return rebuild(expr, (body, *limits, *(canonical(e, depth) for e in outer)))
    return rebuild(expr, (canonical(e, depth) for e in expr.args))


def same(a: Expr, b: Expr) -> bool:
    """Equal up to the names of bound indices."""
    one, two = canonical(a), canonical(b)
    return one is two or bool(hash(one) == hash(two) and one == two)


@lru_cache(maxsize=50_000)
def size(expr: Expr) -> int:
    """How much there is to write: the cost that a closed form keeps small."""
    if isinstance(expr, sp.Indexed):
        return 2
    if isinstance(expr, sp.KroneckerDelta):
        return 3
    if isinstance(expr, sp.Symbol | sp.Number):
        return 1
    if binds(expr) or isinstance(expr, sp.exp):
        return 3 + size(expr.args[0])
    if isinstance(expr, sp.Derivative):
        return 2 + size(expr.args[0])
    if expr.is_Pow:
        return (1 if expr.exp == -1 else 1 + size(expr.exp)) + size(expr.base)
    if expr.is_Mul:
        below = [size(e) for e in expr.args if e != -1]
        return sum(below) + (1 if expr.args[0].is_Number and expr.args[0].is_negative else 0)
    return 1 + sum(size(e) for e in children(expr) or expr.args)


# --- matching ---------------------------------------------------------------------------------------------------

Found = Mapping[Any, Expr]


def matches(pattern: Expr, expr: Expr, holes: frozenset[Any], found: Found | None = None) -> Iterator[Found]:
    """Every way to fill the holes of pattern so that it is expr, factors and terms in any order."""
    found = found or {}
    if pattern in holes:
        if pattern in found:
            if same(found[pattern], expr):
                yield found
        elif not pattern.is_integer or _is_index(expr):
            yield {**found, pattern: expr}
        return
    if not (free(pattern) & (holes | found.keys())):
        if same(pattern, expr):
            yield found
        return
    if isinstance(pattern, sp.Indexed):
        if isinstance(expr, sp.Indexed) and pattern.base == expr.base and len(pattern.indices) == len(expr.indices):
            yield from _all(pattern.indices, expr.indices, holes, found)
        return
    if type(pattern) is not type(expr) or pattern.func != expr.func:
        return
    if binds(pattern):
        yield from _binders(pattern, expr, holes, found)
    elif pattern.is_Add or pattern.is_Mul or isinstance(pattern, sp.KroneckerDelta | sp.Max | sp.Min):
        if len(pattern.args) == len(expr.args):
            for found_, _ in some(pattern.args, expr.args, holes, found):
                yield found_
    elif len(pattern.args) == len(expr.args):
        yield from _all(pattern.args, expr.args, holes, found)


def _is_index(expr: Expr) -> bool:
    return bool(expr.is_integer) or isinstance(expr, sp.Indexed)


def _all(patterns: Any, exprs: Any, holes: frozenset[Any], found: Found) -> Iterator[Found]:
    """Each pattern is the expression at the same place."""
    if not patterns:
        yield found
        return
    for first in matches(patterns[0], exprs[0], holes, found):
        yield from _all(patterns[1:], exprs[1:], holes, first)


def some(patterns: Any, exprs: Any, holes: frozenset[Any], found: Found) -> Iterator[tuple[Found, tuple[Expr, ...]]]:
    """Each pattern is a different one of the expressions; with what is left of these."""
    if not patterns:
        yield found, tuple(exprs)
        return
    for k, expr in enumerate(exprs):
        for first in matches(patterns[0], expr, holes, found):
            yield from some(patterns[1:], (*exprs[:k], *exprs[k + 1 :]), holes, first)


def _binders(pattern: Expr, expr: Expr, holes: frozenset[Any], found: Found) -> Iterator[Found]:
    body, limits, outer = parts(pattern)
    body_, limits_, outer_ = parts(expr)
    if len(limits) != len(limits_) or len(outer) != len(outer_):
        return
    taken = sum(s.name.startswith("_bound") for s in symbols(expr) | symbols(pattern))
    marks = [sp.Symbol(f"_bound{taken + k}", integer=True) for k in range(len(limits))]
    body_ = put(body_, {limit[0]: mark for limit, mark in zip(limits_, marks, strict=True)})
    for order in permutations(range(len(limits))):
        pairs = [(limits[p], limits_[k]) for k, p in enumerate(order)]
        inner = put(body, {limits[p][0]: marks[k] for k, p in enumerate(order)})
        ranges = tuple(e for limit, _ in pairs for e in limit[1:]), tuple(e for _, limit in pairs for e in limit[1:])
        for first in _all((*ranges[0], *outer), (*ranges[1], *outer_), holes, found):
            for second in matches(inner, body_, holes, first):
                if not any(mark in free(value) for mark in marks for value in second.values()):
                    yield second


def match(pattern: Expr, expr: Expr, holes: frozenset[Any]) -> Found | None:
    return next(matches(pattern, expr, holes), None)
