r"""Folding back: an expression in terms of the names that the author has for its parts.

``e^{z_a} / \sum_l e^{z_l}`` is ``s_a`` again. A definition is found inside of a product (its factors
among the factors, to whole powers), inside of a sum of terms (its terms among the terms), inside
of a sum over indices (``\sum_k \sum_c P_{ik} G_{ic} V_{kc}`` holds ``O_{ic} = \sum_k P_{ik} V_{kc}``)
and as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import combinations

import sympy as sp
from sympy.core.function import AppliedUndef

from derive.calculus.language import tensor
from derive.calculus.setting import Definition, Setting
from derive.steps.core import (
    Expr,
    add,
    children,
    divide,
    factors,
    free,
    innermost,
    is_size,
    matches,
    mul,
    names,
    neg,
    parts,
    positions,
    power,
    put,
    size,
    some,
    total,
)


@dataclass(frozen=True)
class Pattern:
    """``head`` stands for ``body``; ``holes`` are the formals."""

    name: str
    head: Expr
    body: Expr
    holes: frozenset[sp.Symbol]

    @cached_property
    def required(self) -> frozenset[str]:
        """The names that stand in everything that can be folded."""
        return names(self.body) - {hole.name for hole in self.holes}

    def may_stand_in(self, expr: Expr) -> bool:
        return self.required <= names(expr)


def head_of(definition: Definition) -> Expr:
    """What a definition defines, over its formals: ``s[i]``, ``f(x)`` or the scalar ``L``."""
    if definition.is_function:
        return sp.Function(definition.name)(*definition.formals)
    if definition.formals:
        return tensor(definition.name)[definition.formals]
    return sp.Symbol(definition.name, real=True)


def patterns(setting: Setting, skip: Iterable[str] = ()) -> tuple[Pattern, ...]:
    """The definitions that are worth folding back to, the largest first."""
    out = []
    for name, definition in setting.definitions.items():
        head = head_of(definition)
        if name not in skip and foldable(definition) and name not in names(definition.body):
            holes = frozenset(definition.formals)
            out.append(Pattern(name, head, definition.body, holes))
            out.extend(Pattern(name, *pair, holes) for pair in variants(name, head, definition.body))
    out += [more for pattern in out for more in in_terms_of_others(pattern, out)]
    return tuple(sorted(out, key=lambda p: -size(p.body)))


def in_terms_of_others(pattern: Pattern, known: list[Pattern]) -> Iterator[Pattern]:
    """``p_k`` is also ``e^{z_k}/Z`` where ``Z`` is a name for the denominator."""
    for other in known:
        if other.name != pattern.name and not other.holes and other.required <= pattern.required:
            body = fold(pattern.body, (other,))
            if body != pattern.body and pattern.holes <= free(body):
                yield Pattern(pattern.name, pattern.head, body, pattern.holes)


def variants(name: str, head: Expr, body: Expr) -> Iterator[tuple[Expr, Expr]]:
    """What else p = n/(a + b) says: p b is n - p a; and e^{-u} may be turned over."""
    above = [f for f in factors(body) if not (f.is_Pow and f.exp == -1 and f.base.is_Add)]
    below = [f.base for f in factors(body) if f.is_Pow and f.exp == -1 and f.base.is_Add]
    if len(below) != 1 or len(below[0].args) != 2:
        return
    for one, two in (below[0].args, below[0].args[::-1]):
        if isinstance(two, sp.exp):
            turned = sp.exp(-two.args[0])
            yield head, mul(turned, *above, power(add(mul(one, turned), sp.S.One), sp.S.NegativeOne))
            yield add(mul(*above), neg(mul(head, one))), mul(head, two)


def foldable(definition: Definition) -> bool:
    """The body determines every formal, and is more than a number, a name or an entry."""
    body = definition.body
    if isinstance(body, sp.Indexed | sp.Symbol | sp.Number | sp.KroneckerDelta) or not children(body):
        return False
    return set(definition.formals) <= free(body) and any(isinstance(e, sp.Indexed | sp.Symbol) for e in positions(body))


def fold(expr: Expr, found: Iterable[Pattern]) -> Expr:
    """expr with every body that occurs in it replaced by its name, as long as that makes it shorter."""
    for pattern in found:
        new = innermost(partial(fold_here, pattern=pattern), pattern.may_stand_in)(expr)
        expr = expr if new is None else new
    return expr


def fold_here(expr: Expr, pattern: Pattern) -> Expr | None:
    """The body of the pattern at this very place."""
    if not pattern.may_stand_in(expr):
        return None
    found = next(matches(pattern.body, expr, pattern.holes), None)
    if found is not None:
        return put(pattern.head, found)
    if expr.is_Mul or expr.is_Pow or isinstance(expr, sp.exp):
        return fold_product(expr, pattern)
    if expr.is_Add:
        return fold_terms(expr, pattern)
    if isinstance(expr, sp.Sum):
        return fold_sum(expr, pattern)
    return None


# --- in a product -----------------------------------------------------------------------------------------------

Powers = tuple[tuple[Expr, Expr], ...]


@lru_cache(maxsize=20_000)
def powers(expr: Expr) -> Powers:
    """The factors as base and exponent; ``e^{2a - b}`` is ``(e^a)^2 (e^b)^{-1}``."""
    out: list[tuple[Expr, Expr]] = []
    for factor in factors(expr):
        if isinstance(factor, sp.exp):
            for term in sp.Add.make_args(factor.args[0]):
                number, other = term.as_coeff_Mul()
                out.append((sp.exp(other), number) if number.is_Integer else (sp.exp(term), sp.S.One))
        elif factor.is_Pow and factor.exp.is_Rational:
            out.append((factor.base, factor.exp))
        else:
            out.append((factor, sp.S.One))
    return tuple(out)


def fold_product(expr: Expr, pattern: Pattern) -> Expr | None:
    """The factors of the body among the factors of expr, as often as they occur."""
    wanted = tuple((b, e) for b, e in powers(pattern.body) if not is_size(b))
    number = mul(*(power(b, e) for b, e in powers(pattern.body) if is_size(b)), sp.S.One)
    if not wanted or all(b.is_Symbol for b, _ in wanted):
        return None
    have = powers(expr)
    for found, uses in product_matches(wanted, have, pattern.holes, {}):
        ratios = [have[k][1] / e for k, (_, e) in zip(uses, wanted, strict=True)]
        times = common_ratio(ratios)
        if not times or len(set(uses)) < len(uses):
            continue
        left = list(have)
        for k, (_, e) in zip(uses, wanted, strict=True):
            left[k] = (left[k][0], left[k][1] - times * e)
        head = power(put(pattern.head, found), times)
        new = mul(head, power(number, -times), *(power(b, e) for b, e in left if e != 0))
        if size(new) < size(expr):
            again = fold_product(new, pattern) if new.is_Mul else None
            done = again if again is not None else new
            return None if torn(done, wanted, [have[k][0] for k in uses]) else done
    return None


def torn(expr: Expr, wanted: Powers, used: list[Expr]) -> bool:
    """Whether a part of a power of a function is left beside the name: tanh^2 u is not h tanh u."""
    return any(is_function(b) for b, _ in wanted) and any(b in used for b, _ in powers(expr) if is_function(b))


def is_function(expr: Expr) -> bool:
    return isinstance(expr, sp.Function) and not isinstance(expr, sp.exp | AppliedUndef)


def common_ratio(ratios: list[Expr]) -> Expr:
    """The largest whole number of times that all ratios allow; 0 if they do not agree in sign."""
    if all(r >= 1 for r in ratios):
        return sp.floor(min(ratios))
    if all(r <= -1 for r in ratios):
        return sp.ceiling(max(ratios))
    if len(set(ratios)) == 1 and ratios[0].is_Integer:
        return ratios[0]
    return sp.S.Zero


def product_matches(
    wanted: Powers, have: Powers, holes: frozenset[sp.Symbol], found: dict[sp.Symbol, Expr], used: tuple[int, ...] = ()
) -> Iterator[tuple[dict[sp.Symbol, Expr], tuple[int, ...]]]:
    """Each wanted base is one of the bases at hand; with their positions."""
    if len(used) == len(wanted):
        yield found, used
        return
    base = wanted[len(used)][0]
    for k, (other, _) in enumerate(have):
        if k not in used:
            for first in matches(base, other, holes, found):
                yield from product_matches(wanted, have, holes, dict(first), (*used, k))


# --- in a sum of terms ------------------------------------------------------------------------------------------


def fold_terms(expr: Expr, pattern: Pattern) -> Expr | None:
    """The terms of the body among the terms of expr, possibly with the opposite sign."""
    if not pattern.body.is_Add or len(pattern.body.args) > len(expr.args):
        return None
    for sign in (sp.S.One, sp.S.NegativeOne):
        body = tuple(mul(sign, t) for t in pattern.body.args)
        for found, rest in some(body, expr.args, pattern.holes, {}):
            if pattern.holes <= found.keys():
                return add(mul(sign, put(pattern.head, found)), *rest)
    return None


# --- in a sum over indices --------------------------------------------------------------------------------------


def fold_sum(expr: Expr, pattern: Pattern) -> Expr | None:
    r"""``\sum`` over some of the indices, of some of the factors, where the other factors are free of these indices."""
    number, core = pattern.body.as_coeff_Mul()
    outside = [f for f in factors(core) if not isinstance(f, sp.Sum)]
    sums = [f for f in factors(core) if isinstance(f, sp.Sum)]
    if len(sums) != 1:
        return None
    _, limits, _ = parts(sums[0])
    body_, limits_, _ = parts(expr)
    if len(limits) > len(limits_):
        return None
    for chosen in choices(limits_, len(limits)):
        others = tuple(limit for limit in limits_ if limit not in chosen)
        indices = {limit[0] for limit in chosen}
        inside = [f for f in factors(body_) if free(f) & indices]
        outer = [f for f in factors(body_) if not free(f) & indices]
        part = sp.Sum(mul(*inside), *chosen)
        found = next(matches(sums[0], part, pattern.holes), None)
        if found is not None and pattern.holes <= found.keys():
            scale = mul(number, *(put(f, found) for f in outside))
            new = total(mul(*outer, divide(put(pattern.head, found), scale)), *others)
            return new if size(new) < size(expr) else None
    return None


def choices(limits: tuple[sp.Tuple, ...], count: int) -> Iterator[tuple[sp.Tuple, ...]]:
    yield from combinations(limits, count)
