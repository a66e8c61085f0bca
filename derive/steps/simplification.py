r"""The rules that bring a differentiated expression to its closed form: sums, deltas, fractions, common factors.

Each function rewrites a whole expression and returns ``None`` where it does not apply. Rules that
make an expression longer for the moment (taking a sum apart, splitting a fraction) are tried and
kept only where a sum becomes known or a name is found again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import sympy as sp

from derive.steps.context import Context
from derive.steps.core import (
    Expr,
    Rewrite,
    add,
    binds,
    divide,
    evaluated,
    everywhere,
    factors,
    free,
    has_sum,
    innermost,
    is_size,
    mul,
    neg,
    parts,
    piecewise,
    positions,
    power,
    put,
    rename_bound,
    size,
    symbols,
    terms,
    total,
    unified,
    union,
)
from derive.steps.fold import fold, fold_here, powers

# --- sums and deltas --------------------------------------------------------------------------------------------


def is_delta(expr: Expr) -> bool:
    return isinstance(expr, sp.KroneckerDelta) or (expr.is_Pow and isinstance(expr.base, sp.KroneckerDelta))


def sift_here(expr: Expr, context: Context | None = None) -> Expr | None:
    r"""\sum_l \delta_{lj} f_l = f_j, where j lies in the range of the sum"""
    if not isinstance(expr, sp.Sum):
        return None
    body, limits, _ = parts(expr)
    for factor in factors(body):
        if is_delta(factor):
            for limit in limits:
                value = other_index(factor, limit[0])
                if value is not None and within(value, limit, context):
                    rest = mul(*(f for f in factors(body) if f != factor))
                    new = total(put(rest, {limit[0]: value}), *(other for other in limits if other != limit))
                    return sift_here(new, context) or new
    return None


def within(value: Expr, limit: Expr, context: Context | None) -> bool:
    """Whether a free index begins where the range begins; one that is counted from elsewhere may lie outside of it."""
    first = context.first(value) if context is not None else None
    return first is None or not limit[1].is_Integer or first == limit[1]


def other_index(factor: Expr, index: Expr) -> Expr | None:
    """What a delta says that the index is."""
    one, two = (factor.base if factor.is_Pow else factor).args
    if one == index and index not in free(two):
        return two
    return one if two == index and index not in free(one) else None


def pull_here(expr: Expr) -> Expr | None:
    r"""\sum_l c f_l = c \sum_l f_l, and \sum_l c = N c"""
    if not isinstance(expr, sp.Sum):
        return None
    body, limits, _ = parts(expr)
    indices = {limit[0] for limit in limits}
    used = free(body) | union(e for limit in limits for e in limit[1:])
    idle = [limit for limit in limits if limit[0] not in used]
    outside = [f for f in factors(body) if not free(f) & indices]
    if not outside and not idle:
        return None
    inside = mul(*(f for f in factors(body) if free(f) & indices))
    kept = tuple(limit for limit in limits if limit not in idle)
    return mul(*outside, *(add(limit[2], neg(limit[1]), sp.S.One) for limit in idle), total(inside, *kept))


def spread_here(expr: Expr, wanted: Callable[[Expr, Expr], bool], squares: bool = True) -> Expr | None:
    r"""\sum_l (a_l + b_l) c_l = \sum_l a_l c_l + \sum_l b_l c_l, for a factor (a + b) that is wanted."""
    if not isinstance(expr, sp.Sum):
        return None
    body, limits, _ = parts(expr)
    for factor in factors(body):
        opened = open_factor(factor) if squares else factor
        if opened.is_Add and wanted(opened, expr):
            rest = [f for f in factors(body) if f is not factor]
            each = (total(mul(*rest, term), *limits) for term in opened.args)
            return add(*(pull_here(e) or e for e in each))
    return None


def open_factor(factor: Expr) -> Expr:
    """(a + b)^2 is a sum of terms too."""
    if factor.is_Pow and factor.base.is_Add and factor.exp == 2:
        return add(*(mul(a, b) for a in factor.base.args for b in factor.base.args))
    return factor


def has_bound_delta(opened: Expr, expr: Expr) -> bool:
    indices = {limit[0] for limit in expr.args[1:]}
    return any(is_delta(f) and free(f) & indices for term in opened.args for f in delta_factors(term))


def delta_factors(term: Expr) -> Iterable[Expr]:
    for f in factors(term):
        if f.is_Add:
            for inner in f.args:
                yield from delta_factors(inner)
        else:
            yield f


def separates(opened: Expr, expr: Expr) -> bool:
    """A term has an entry that does not belong under the sum."""
    indices = {limit[0] for limit in expr.args[1:]}
    return any(not free(f) & indices and has_entry(f) for term in opened.args for f in factors(term))


def has_entry(expr: Expr) -> bool:
    return any(isinstance(e, sp.Indexed | sp.KroneckerDelta) for e in positions(expr))


def separate_here(expr: Expr) -> Expr | None:
    r"""\sum_i (a_i + b_i c_j) = \sum_i a_i + c_j \sum_i b_i"""
    return spread_here(expr, lambda opened, whole: separates(opened, whole), squares=False)


def expand_deltas_here(expr: Expr) -> Expr | None:
    """A sum taken apart so that its deltas can sift."""
    return spread_here(expr, has_bound_delta)


def with_number(rule: Rewrite) -> Rewrite:
    """The rule at a sum, where the number before the sum goes to each of the terms that come out."""

    def here(expr: Expr) -> Expr | None:
        number, rest = expr.as_coeff_Mul()
        if number == 1 or not isinstance(rest, sp.Sum):
            return rule(expr)
        new = rule(rest)
        return None if new is None else add(*(mul(number, term) for term in terms(new)))

    return here


def sift(expr: Expr, context: Context | None = None) -> Expr | None:
    return innermost(partial(sift_here, context=context), has_sum)(expr)


pull = innermost(pull_here, has_sum)
expand_deltas = everywhere(with_number(expand_deltas_here), where=has_sum)
separate = everywhere(with_number(separate_here), where=has_sum)


# --- what sums are known to be ----------------------------------------------------------------------------------


def use_known(expr: Expr, context: Context) -> tuple[str, Expr] | None:
    """The first known equation that applies, everywhere."""
    for known in context.known:
        new = innermost(partial(fold_here, pattern=known.pattern), known.pattern.may_stand_in)(expr)
        if new is not None:
            return known.rule, new
    return None


def fold_all(expr: Expr, context: Context) -> Expr | None:
    new = fold(expr, [p for p in context.folds if p.name not in context.closed])
    return new if new != expr and size(new) <= size(expr) else None


def settle(expr: Expr, context: Context) -> Expr:
    """Sifted, constants taken out, known sums used, names found: quietly, to see where an attempt leads."""
    for _ in range(12):
        new = (
            sift(expr, context) or pull(expr) or (use_known(expr, context) or ("", None))[1] or fold_all(expr, context)
        )
        if new is None:
            return expr
        expr = unified(new)
    return expr


def spread_all(expr: Expr) -> Expr:
    """Every sum over indices taken apart into its terms."""
    for _ in range(12):
        new = everywhere(with_number(lambda e: spread_here(e, lambda opened, whole: True)), where=has_sum)(expr)
        if new is None:
            break
        expr = new
    return expr


def take_apart(expr: Expr, context: Context) -> Expr | None:
    """Sums taken apart where one of their pieces is then known."""

    def attempt(e: Expr) -> Expr | None:
        if not isinstance(e, sp.Sum):
            return None
        new = spread_all(e)
        return new if new != e and size(settle(new, context)) < size(e) else None

    return everywhere(with_number(attempt), where=has_sum)(expr)


def exchange(expr: Expr, context: Context) -> Expr | None:
    r"""\sum_k a_k \sum_c b_{kc} = \sum_c \sum_k a_k b_{kc}, where a name is then found in the inner sum."""

    def attempt(e: Expr) -> Expr | None:
        if not isinstance(e, sp.Sum):
            return None
        flat = flattened(e)
        if flat is None:
            return None
        new = fold_all(flat, context)
        return new if new is not None and size(new) < size(e) else None

    return everywhere(attempt, where=has_sum)(expr)


def flattened(expr: Expr) -> Expr | None:
    """A sum of a product with sums among its factors as one sum over all the indices."""
    body, limits, _ = parts(expr)
    inner = [f for f in factors(body) if isinstance(f, sp.Sum)]
    if not inner:
        return None
    outside = [f for f in factors(body) if not isinstance(f, sp.Sum)]
    taken = {s.name for s in symbols(mul(*outside, sp.S.One))} | {limit[0].name for limit in limits}
    for one in inner:
        renamed = rename_bound(one, taken)
        body_, limits_, _ = parts(renamed)
        taken |= {s.name for s in symbols(renamed)}
        outside.append(body_)
        limits = (*limits, *limits_)
    return total(mul(*outside), *limits)


def exchange_here(expr: Expr) -> Expr | None:
    r"""\sum_k a_k \sum_m b_{km} = \sum_m \sum_k a_k b_{km}"""
    if not isinstance(expr, sp.Sum):
        return None
    flat = flattened(expr)
    if flat is None:
        return None
    body, limits, _ = parts(flat)
    outer, inner = limits[len(expr.args) - 1 :], limits[: len(expr.args) - 1]
    indices = {limit[0] for limit in inner}
    inside = [f for f in factors(body) if free(f) & indices]
    outside = [f for f in factors(body) if not free(f) & indices]
    return total(mul(*outside, nested(mul(*inside), *inner)), *outer)


def nested(body: Expr, *limits: Expr) -> Expr:
    return total(body, *limits)


def logs_apart(expr: Expr) -> Expr | None:
    """log(a b / c) = log a + log b - log c, at every logarithm."""

    def here(e: Expr) -> Expr | None:
        return log_apart(e.args[0]) if isinstance(e, sp.log) and (e.args[0].is_Mul or e.args[0].is_Pow) else None

    return everywhere(here)(expr)


def log_apart(body: Expr) -> Expr:
    """log(a^p b^q / c) = p log a + q log b - log c"""
    out = []
    for f in factors(body):
        base, exponent = f.as_base_exp() if f.is_Pow else (f, sp.S.One)
        out.append(mul(exponent, sp.log(base)))
    return add(*out)


def align(expr: Expr, context: Context) -> Expr | None:
    """The indices under deltas made equal, where terms then meet."""
    apart = innermost(lambda e: add(*expanded_terms(e)) if e.is_Add else None)(expr) or expr
    new = innermost(align_here)(apart)
    return new if new is not None and size(closed(new, context)) < size(closed(expr, context)) else None


def case_split(expr: Expr, keep: tuple[Expr, ...] = ()) -> Expr | None:
    """f(\\delta_{ij}) = f(1) with i for j if i = j, else f(0)"""
    bound = {limit[0] for e in positions(expr) if binds(e) for limit in parts(e)[1]}
    deltas = [e for e in positions(expr) if isinstance(e, sp.KroneckerDelta) and not free(e) & bound]
    if not deltas:
        return None
    i, j = deltas[0].args
    gone, stays = (j, i) if j in keep else (i, j)
    if not isinstance(gone, sp.Symbol):
        gone, stays = stays, gone
    different = everywhere(lambda e: sp.S.Zero if e == deltas[0] else None)(expr)
    return piecewise([(put(expr, {gone: stays}), sp.Eq(i, j)), (different, sp.true)])


def stacked(expr: Expr) -> Expr | None:
    r"""w_0 c + \sum_{l=1}^N w_l u_l = \sum_{l=0}^N w_l (c; u)_l"""
    if not expr.is_Add:
        return None
    for one in expr.args:
        if not isinstance(one, sp.Sum) or len(one.args) != 2 or not one.args[1][1].is_Integer:
            continue
        body, (limit,), _ = parts(one)
        l, start, end = limit
        for weight in (f for f in factors(body) if isinstance(f, sp.Indexed) and l in f.indices):
            bias = put(weight, {l: start - 1})
            for other in expr.args:
                if other is not one and bias in factors(other):
                    rows = [(divide(other, bias), sp.Eq(l, start - 1)), (divide(body, weight), sp.true)]
                    rest = [e for e in expr.args if e is not one and e is not other]
                    return add(total(mul(weight, piecewise(rows)), sp.Tuple(l, start - 1, end)), *rest)
    return None


def told_apart(expr: Expr, context: Context) -> Expr | None:
    r"""\delta_{ij} = 0, where i and j are assumed to be different."""
    pairs = {frozenset(a.relation.args) for a in context.setting.assumptions if isinstance(a.relation, sp.Ne)}
    if not pairs:
        return None
    return everywhere(lambda e: sp.S.Zero if is_delta(e) and frozenset(e.args) in pairs else None)(expr)


def told_equal(expr: Expr, context: Context) -> Expr | None:
    """i in the place of j, where the two are assumed to be equal."""
    for assumption in context.setting.assumptions:
        if isinstance(assumption.relation, sp.Equality) and assumption.fixed:
            i, j = assumption.relation.args
            if isinstance(i, sp.Symbol) and isinstance(j, sp.Symbol) and j in free(expr):
                return put(expr, {j: i})
    return None


def symmetric(expr: Expr, context: Context) -> Expr | None:
    r"""A_{ij} + A_{ji} = 2 A_{ij} for a matrix that is assumed to be symmetric, the row a free index if one is."""
    pairs = [a.relation.args for a in context.setting.assumptions if isinstance(a.relation, sp.Equality)]
    known = {one.base for one, two in pairs if is_mirrored(one, two)}

    def here(e: Expr) -> Expr | None:
        for one in e.args if e.is_Add else ():
            for two in e.args:
                if isinstance(one, sp.Indexed) and one.base in known and one != two and is_mirrored(one, two):
                    free_row = one if one.indices[0] in context.setting.axes else two
                    return add(mul(sp.Integer(2), free_row), *(a for a in e.args if a not in (one, two)))
        return None

    return innermost(here)(expr) if known else None


def is_mirrored(one: Expr, two: Expr) -> bool:
    """A_{ij} and A_{ji}"""
    if not (isinstance(one, sp.Indexed) and isinstance(two, sp.Indexed) and one.base == two.base):
        return False
    return len(one.indices) == 2 and one.indices == two.indices[::-1]


def align_here(expr: Expr) -> Expr | None:
    """\\delta_{ij} a_j = \\delta_{ij} a_i"""
    if not expr.is_Mul:
        return None
    new = expr
    for one in [f for f in expr.args if isinstance(f, sp.KroneckerDelta)]:
        i, j = one.args
        if isinstance(j, sp.Symbol):
            new = mul(one, *(put(f, {j: i}) for f in factors(new) if f != one))
    return None if new == expr else new


def merge_cases(expr: Expr) -> Expr | None:
    """a if i = j, else b: b + \\delta_{ij} (a - b), as short as it gets."""
    if not isinstance(expr, sp.Piecewise) or len(expr.args) != 2 or not isinstance(expr.args[0][1], sp.Eq):
        return None
    (equal, condition), (different, _) = expr.args
    i, j = condition.args
    candidates = []
    for one, two in ((i, j), (j, i)):
        if isinstance(one, sp.Symbol):
            gap = add(*expanded_terms(equal), *(neg(t) for t in expanded_terms(put(different, {one: two}))))
            for value in (gap, put(gap, {two: one}) if isinstance(two, sp.Symbol) else gap):
                whole = add(mul(sp.KroneckerDelta(i, j), value), different)
                candidates.append(factored(whole) or whole)
    return min(candidates, key=size, default=None)


def expanded_terms(expr: Expr) -> tuple[Expr, ...]:
    """The terms of expr, products of sums multiplied out."""
    new = expr
    for _ in range(6):
        opened = add(*(multiplied_out(t) or t for t in terms(new)))
        if opened == new:
            break
        new = opened
    return terms(new)


def multiply_out(expr: Expr, context: Context) -> Expr | None:
    """a (b + c) + … multiplied out where terms then cancel or come to be known."""

    def attempt(e: Expr) -> Expr | None:
        if not (e.is_Add or e.is_Mul):
            return None
        new = e
        for _ in range(4):
            opened = add(*(multiplied_out(t) or t for t in terms(new)))
            if opened == new:
                break
            new = opened
        ways = [way for way in (new, *by_one_factor(e)) if way != e]
        best = min(ways, key=lambda way: size(closed(way, context)), default=e)
        return best if size(closed(best, context)) < size(closed(e, context)) else None

    new = everywhere(attempt)(expr)
    return new if new is not None and size(closed(new, context)) < size(closed(expr, context)) else None


def by_one_factor(expr: Expr) -> Iterable[Expr]:
    """a b (c/a + d/b) = b c + a d: a product with one of its sums taken apart, where a denominator in it cancels."""
    if expr.is_Mul:
        for factor in expr.args:
            rest = [f for f in expr.args if f is not factor]
            below = {f.base for t in terms(factor) for f in factors(t) if f.is_Pow and f.exp.is_negative}
            if factor.is_Add and below & {f.base if f.is_Pow else f for f in rest}:
                yield add(*(mul(*rest, term) for term in factor.args))


def closed(expr: Expr, context: Context) -> Expr:
    """Where an expression leads: settled and factored."""
    done = settle(expr, context)
    return factored(done) or done


def split_fraction_here(expr: Expr, context: Context) -> Expr | None:
    r"""(a - b)/c = a/c - b/c, where names are then found in the terms."""
    new = multiplied_out(expr)
    if new is None or not any(f.is_Pow and f.exp.is_negative for f in expr.args):
        return None
    return new if size(settle(new, context)) < size(settle(expr, context)) else None


def multiplied_out(expr: Expr) -> Expr | None:
    """A product with one sum of terms among its factors, term by term."""
    if not expr.is_Mul:
        return None
    for factor in expr.args:
        if factor.is_Add:
            rest = [f for f in expr.args if f is not factor]
            return add(*(mul(*rest, term) for term in factor.args))
    return None


def case_factors(expr: Expr) -> Expr | None:
    """c a if t > 0, else c b: c times the cases a, b; a case that is 0 has every factor."""

    def here(e: Expr) -> Expr | None:
        if not isinstance(e, sp.Piecewise):
            return None
        rows = [(value, condition) for value, condition in e.args]
        given = [factors(value) for value, _ in rows if value != 0]
        if not given:
            return None
        common = [f for f in given[0] if not f.is_Number and all(f in other for other in given[1:])]
        if not common:
            return None
        inside = piecewise((_without(value, common), condition) for value, condition in rows)
        return mul(*common, inside)

    return innermost(here)(expr)


def _without(value: Expr, common: Sequence[Expr]) -> Expr:
    """A product less factors that it has; dividing would ask whether they are 0."""
    if value == 0:
        return value
    rest = list(factors(value))
    for factor in common:
        rest.remove(factor)
    return mul(*rest)


# --- common factors ---------------------------------------------------------------------------------------------


def factored(expr: Expr) -> Expr | None:
    """Common factors taken out wherever that makes the expression shorter."""
    new = innermost(factor_here)(expr) or expr
    new = innermost(sign_here)(new) or new
    return None if new == expr else new


def factor_here(expr: Expr) -> Expr | None:
    if not expr.is_Add:
        return None
    best = expr
    while True:
        better = min(groupings(best), key=size, default=best)
        if size(better) >= size(best):
            break
        best = better
    return None if best == expr else best


def groupings(expr: Expr) -> Iterable[Expr]:
    """expr with one common factor taken out of the terms that have it."""
    if not expr.is_Add:
        if expr.is_Mul:
            for k, f in enumerate(expr.args):
                if f.is_Add:
                    rest = expr.args[:k] + expr.args[k + 1 :]
                    yield from (mul(*rest, g) for g in groupings(f))
        return
    split = [dict(merged(term)) for term in expr.args]
    for base in dict.fromkeys(b for s in split for b in s):
        group = [k for k, s in enumerate(split) if base in s]
        positive = [k for k in group if split[k][base].is_positive]
        negative = [k for k in group if k not in positive]
        for members in (positive, negative):
            if len(members) > 1 and (members is positive or not nested_fractions(members, split)):
                yield take_out(expr.args, members, split)
    numbers = [term.as_coeff_Mul()[0] for term in expr.args]
    scaled = any(f.is_Pow and f.base.is_integer for term in expr.args for f in factors(term))
    if not scaled and len(set(map(abs, numbers))) == 1 and abs(numbers[0]) != 1:
        yield mul(abs(numbers[0]), add(*(mul(t, 1 / abs(numbers[0])) for t in expr.args)))
    yield from joined_sums(expr)


def nested_fractions(members: list[int], split: list[dict[Expr, Expr]]) -> bool:
    """Whether a denominator other than a dimension stays behind when the common one is taken out."""
    common = common_powers(members, split)
    rests = [{b: e - common.get(b, 0) for b, e in split[k].items()} for k in members]
    return any(e.is_negative and not is_size(b) for rest in rests for b, e in rest.items())


def merged(term: Expr) -> list[tuple[Expr, Expr]]:
    """Bases and exponents of a term without its number."""
    out: dict[Expr, Expr] = {}
    for base, exponent in powers(term):
        if not base.is_Number:
            out[base] = out.get(base, 0) + exponent
    return [(b, e) for b, e in out.items() if e.is_number]


def take_out(args: tuple[Expr, ...], members: list[int], split: list[dict[Expr, Expr]]) -> Expr:
    """All that the members have in common, times what remains of them, plus the others."""
    outside = mul(*(power(b, e) for b, e in common_powers(members, split).items()))
    inside = add(*(divide(args[k], outside) for k in members))
    others = [a for k, a in enumerate(args) if k not in members]
    return add(mul(outside, inside), *others)


def common_powers(members: list[int], split: list[dict[Expr, Expr]]) -> dict[Expr, Expr]:
    common: dict[Expr, Expr] = {}
    for base in split[members[0]]:
        exponents = [split[k].get(base, sp.S.Zero) for k in members]
        if all(e.is_positive for e in exponents):
            common[base] = min(exponents)
        elif all(e.is_negative for e in exponents):
            common[base] = max(exponents)
    return common


def joined_sums(expr: Expr) -> Iterable[Expr]:
    r"""\sum_l a_l c_l + \sum_l b_l c_l = \sum_l (a_l + b_l) c_l"""
    args = expr.args
    for j in range(len(args)):
        for k in range(j + 1, len(args)):
            joined = join(args[j], args[k])
            if joined is not None:
                yield add(joined, *(a for m, a in enumerate(args) if m not in (j, k)))


def join(one: Expr, two: Expr) -> Expr | None:
    first = [f for f in factors(one) if isinstance(f, sp.Sum)]
    second = [f for f in factors(two) if isinstance(f, sp.Sum)]
    if len(first) != 1 or len(second) != 1:
        return None
    (body, limits, _), (body_, limits_, _) = parts(first[0]), parts(second[0])
    if len(limits) != len(limits_) or any(a[1:] != b[1:] for a, b in zip(limits, limits_, strict=True)):
        return None
    outside, outside_ = divide(one, first[0]), divide(two, second[0])
    if has_entry(outside) or has_entry(outside_):
        return None
    if free(outside_) & {limit[0] for limit in limits} or free(outside) & {limit[0] for limit in limits}:
        return None
    renamed = put(body_, {b[0]: a[0] for a, b in zip(limits, limits_, strict=True)})
    both = add(mul(outside, body), mul(outside_, renamed))
    inner = factor_here(both)
    if inner is None:
        return None
    new = total(inner, *limits)
    return pull_here(new) or new


def sign_here(expr: Expr) -> Expr | None:
    """-(a - b) = b - a and -a - b = -(a + b) inside of a product."""
    if expr.is_Mul:
        number = expr.args[0]
        flips = [f for f in expr.args if f.is_Add and all(t.as_coeff_Mul()[0].is_negative for t in f.args)]
        if flips:
            return mul(sp.S.NegativeOne, neg_terms(flips[0]), *(f for f in expr.args if f is not flips[0]))
        mixed = [f for f in expr.args if f.is_Add and any(t.as_coeff_Mul()[0].is_negative for t in f.args)]
        turned = sum_turned(expr) if number.is_Number and number.is_negative and not mixed else None
        if turned is not None:
            return turned
        if number.is_Number and number.is_negative and mixed and not any(t == 1 for t in mixed[0].args):
            return mul(sp.S.NegativeOne, neg_terms(mixed[0]), *(f for f in expr.args if f is not mixed[0]))
    return None


def sum_turned(expr: Expr) -> Expr | None:
    r"""-\sum_l (a_l - b_l) c_l = \sum_l (b_l - a_l) c_l"""
    for one in expr.args:
        if isinstance(one, sp.Sum):
            body, limits, _ = parts(one)
            for f in factors(body):
                if f.is_Add and any(t.as_coeff_Mul()[0].is_negative for t in f.args):
                    new = total(mul(neg_terms(f), *(g for g in factors(body) if g is not f)), *limits)
                    return mul(sp.S.NegativeOne, new, *(g for g in expr.args if g is not one))
    return None


def neg_terms(expr: Expr) -> Expr:
    return add(*(neg(t) for t in expr.args))


def cancelled(expr: Expr) -> Expr | None:
    """expr built anew, if that makes it shorter."""
    new = evaluated(expr)
    return new if size(new) < size(expr) else None
