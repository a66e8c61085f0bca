"""Random claims: well-formed index expressions, rewritings that keep their value, and changes in one place.

Everything is drawn from a ``random.Random``: Hypothesis hands in one that shrinks, the fuzzer one with a seed.
Expressions are defined everywhere but on kinks: logarithms, roots and denominators have positive arguments.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import sympy as sp

from derive.calculus.language import dimension, index, scalar, tensor
from derive.calculus.setting import Assumption, Axis, Definition, Setting

N, M = map(dimension, "NM")
i, j, k, a, b, l = map(index, "ijkabl")
x, z, y, v, A, S, W, s = map(tensor, "xzyvASWs")
p = sp.IndexedBase("p", positive=True)
u, c = map(scalar, "uc")
f = sp.Function("f")
FREE: dict[sp.Symbol, sp.Symbol] = {i: N, j: N, a: M}
AXES = {i: Axis(N), j: Axis(N), a: Axis(M)}
VECTORS = {N: (x, z, y), M: (v,)}
MATRICES = {(N, N): (A, S), (N, M): (W,)}
SHAPES = {
    **{str(t.label): (Axis(N),) for t in (x, z, y, p)},
    "v": (Axis(M),), "A": (Axis(N), Axis(N)), "S": (Axis(N), Axis(N)), "W": (Axis(N), Axis(M)),
}  # fmt: skip
SOFTMAX = Definition("s", (i,), sp.exp(z[i]) / sp.Sum(sp.exp(z[l]), (l, 1, N)), axes=(Axis(N),))

PLAIN = Setting(AXES, SHAPES, definitions={"s": SOFTMAX})
TO_ONE = Assumption(sp.Eq(sp.Sum(y[l], (l, 1, N)), 1))
BITS = Assumption(sp.Contains(y[i], sp.FiniteSet(0, 1)))
SYMMETRIC = Assumption(sp.Eq(S[i, j], S[j, i]))
CENTRED = Assumption(sp.Eq(sp.Sum(x[l], (l, 1, N)), 0))
SETTINGS: dict[str, Setting] = {
    "plain": PLAIN,
    "sums to one": PLAIN.assuming(TO_ONE),
    "one-hot": PLAIN.assuming(TO_ONE, BITS),
    "symmetric": PLAIN.assuming(SYMMETRIC),
    "centred": PLAIN.assuming(CENTRED),
}

Scope = dict[sp.Symbol, sp.Symbol]  # an index, and the dimension that it runs over


@dataclass
class Maker:
    """Draws expressions; each bound index gets a name from a short list, so that names of binders meet."""

    rng: Random
    fresh: Iterator[int] = field(default_factory=itertools.count)

    def choose(self, options: Any) -> Any:
        return self.rng.choice(list(options))

    def bound(self, scope: Scope) -> sp.Symbol:
        free = [index(n) for n in "klmnijab" if index(n) not in scope]
        return self.choose(free[:3]) if free else index(f"q{next(self.fresh)}")

    def over(self, size: sp.Symbol, scope: Scope) -> sp.Symbol:
        return self.choose(q for q, n in scope.items() if n == size)

    # ---- leaves ---------------------------------------------------------------------------------

    def leaf(self, scope: Scope) -> sp.Expr:
        match self.rng.randrange(10):
            case 0 | 1 | 2:
                size = self.choose(set(scope.values()) if len(scope) > 1 else [N]) if M in scope.values() else N
                size = size if size in VECTORS else N
                return self.choose(VECTORS[size])[self.over(size, scope)]
            case 3 | 4:
                return self.choose((A, S))[self.over(N, scope), self.over(N, scope)]
            case 5:
                return W[self.over(N, scope), self.over(M, scope)]
            case 6:
                return p[self.over(N, scope)]
            case 7:
                return sp.KroneckerDelta(self.over(N, scope), self.over(N, scope))
            case 8:
                return s[self.over(N, scope)]
        return self.choose((u, c, N, sp.Rational(1, 2), sp.Integer(2), sp.Integer(-1)))

    def positive(self, depth: int, scope: Scope) -> sp.Expr:
        """An expression that is positive at every point."""
        match self.rng.randrange(6):
            case 0:
                return 1 + self.expr(depth - 2, scope) ** 2
            case 1:
                return 1 + sp.exp(self.expr(depth - 2, scope))
            case 2:
                return p[self.over(N, scope)]
            case 3:
                q = self.bound(scope)
                return sp.Sum(p[q] * sp.exp(self.leaf({**scope, q: N})), (q, 1, N))
        size = self.choose((N, M))
        q = self.bound(scope)
        return sp.Sum(sp.exp(self.expr(depth - 2, {**scope, q: size})), (q, 1, size))

    # ---- nodes ----------------------------------------------------------------------------------

    def expr(self, depth: int, scope: Scope) -> sp.Expr:
        if depth <= 0:
            return self.leaf(scope)
        match self.rng.randrange(16):
            case 0 | 1 | 2:
                return sp.Add(*(self.expr(depth - 1, scope) for _ in range(self.rng.randint(2, 3))))
            case 3 | 4 | 5:
                return sp.Mul(*(self.expr(depth - 1, scope) for _ in range(self.rng.randint(2, 3))))
            case 6 | 7 | 8:
                size, q = self.choose((N, N, M)), self.bound(scope)
                return sp.Sum(self.expr(depth - 1, {**scope, q: size}), (q, 1, size))
            case 9:
                return sp.exp(self.expr(depth - 2, scope))
            case 10:
                return sp.log(self.positive(depth, scope))
            case 11:
                return self.choose((sp.tanh, lambda e: 1 / (1 + sp.exp(-e)), f, sp.Abs))(self.expr(depth - 2, scope))
            case 12:
                return self.expr(depth - 2, scope) / self.positive(depth, scope)
            case 13:
                return self.choose((sp.sqrt, lambda e: e ** sp.Rational(-3, 2)))(self.positive(depth, scope))
            case 14:
                return self.expr(depth - 2, scope) ** self.choose((2, 3))
        return self.derivative(depth, scope)

    def derivative(self, depth: int, scope: Scope) -> sp.Expr:
        q, r = self.over(N, scope), self.over(N, scope)
        variable = self.choose((x[q], z[q], A[q, r], u))
        return sp.Derivative(self.expr(depth - 1, scope), variable)


def expression(rng: Random, depth: int) -> sp.Expr:
    return Maker(rng).expr(depth, dict(FREE))


# ---- places ---------------------------------------------------------------------------------------

Path = tuple[int, ...]


def places(e: sp.Basic, scope: Scope | None = None, path: Path = ()) -> Iterator[tuple[Path, sp.Expr, Scope]]:
    """Every subexpression that is a value, where it stands, and the indices in scope there."""
    scope = dict(FREE) if scope is None else scope
    if isinstance(e, sp.Expr):
        yield path, e, scope
    if isinstance(e, sp.Sum):
        inner = {**scope, **{q: axis_of(last) for q, _, last in reversed(e.limits)}}
        yield from places(e.function, inner, (*path, 0))
    elif isinstance(e, sp.Derivative):
        yield from places(e.expr, scope, (*path, 0))
    elif not isinstance(e, (sp.Indexed, sp.KroneckerDelta, sp.logic.boolalg.Boolean)):
        for n, arg in enumerate(e.args):
            yield from places(arg, scope, (*path, n))


def axis_of(last: sp.Expr) -> sp.Symbol:
    """The dimension of a range that ends there; a range that ends with an index is a part of N."""
    return last if last == M else N


def put(e: sp.Basic, path: Path, new: sp.Expr) -> sp.Basic:
    if not path:
        return new
    args = list(e.args)
    args[path[0]] = put(args[path[0]], path[1:], new)
    return e.func(*args)


def anywhere(rng: Random, e: sp.Expr, changes: tuple[Callable[..., sp.Expr | None], ...]) -> tuple[sp.Expr, str] | None:
    """One of the changes, in one place where it applies, with its name."""
    for _ in range(12):
        path, part, scope = rng.choice(list(places(e)))
        change = rng.choice(changes)
        new = change(Maker(rng), part, scope)
        if new is not None and new != part:
            return sp.sympify(put(e, path, new)), change.__name__
    return None


def fresh_for(e: sp.Basic, scope: Scope) -> sp.Symbol:
    used = {t.name for t in e.atoms(sp.Symbol)} | {t.name for t in scope}
    return next(index(n) for n in (*"klmnqrt", *(f"q{t}" for t in range(99))) if n not in used)


def rename(e: sp.Expr) -> sp.Expr:
    """All binders of ``e`` under other names; only symbols bound there are touched."""
    if isinstance(e, sp.Sum):
        body, limits = e.function, []
        for old, first, last in e.limits:
            q = fresh_for(sp.Tuple(body, e), {r: N for r, _, _ in limits})
            body = substitute(body, old, q)
            limits.append((q, first, last))
        return sp.Sum(rename(body), *limits)
    if not e.args or isinstance(e, (sp.Indexed, sp.KroneckerDelta)):
        return e
    return e.func(*(rename(arg) if isinstance(arg, sp.Expr) else arg for arg in e.args))


def rename_apart(e: sp.Sum, other: sp.Basic) -> sp.Sum:
    """The same sum, its indices foreign to another expression."""
    names = dict.fromkeys(other.atoms(sp.Symbol), N)
    body, limits = e.function, []
    for old, first, last in e.limits:
        q = fresh_for(body, {**names, **{r: N for r, _, _ in limits}})
        body = substitute(body, old, q)
        limits.append((q, first, last))
    return sp.Sum(body, *limits)


def substitute(e: sp.Basic, old: sp.Symbol, new: sp.Basic) -> Any:
    """Free occurrences of an index; a binder of the new name is renamed first."""
    if e == old:
        return new
    if isinstance(e, sp.Sum):
        if any(q == old for q, _, _ in e.limits):
            return e
        if any(q == new for q, _, _ in e.limits):
            e = rename_apart(e, sp.Tuple(e, old, new))
    return e.func(*(substitute(arg, old, new) for arg in e.args)) if e.args else e


# ---- rewritings that keep the value ---------------------------------------------------------------


def renamed(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    return rename(e) if e.has(sp.Sum) else None


def multiplied_out(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    return sp.expand_mul(e, deep=False) if isinstance(e, (sp.Mul, sp.Pow)) else None


def sum_of_terms(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """sum (f + g) = sum f + sum g"""
    if isinstance(e, sp.Sum) and isinstance(e.function, sp.Add):
        return sp.Add(*(sp.Sum(t, *e.limits) for t in e.function.args))
    return None


def factored_out(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """sum c f = c sum f"""
    if not isinstance(e, sp.Sum) or len(e.limits) > 1 or not isinstance(e.function, sp.Mul):
        return None
    q = e.limits[0][0]
    out = [t for t in e.function.args if q not in t.free_symbols]
    return sp.Mul(*out, sp.Sum(sp.Mul(*(t for t in e.function.args if t not in out)), *e.limits)) if out else None


def drawn_in(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """c sum f = sum c f"""
    sums = [t for t in e.args if isinstance(t, sp.Sum)] if isinstance(e, sp.Mul) else []
    if not sums:
        return None
    rest = sp.Mul(*(t for t in e.args if t is not sums[0]))
    inner = rename_apart(sums[0], e)
    return sp.Sum(rest * inner.function, *inner.limits)


def swapped(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """sum_i sum_j f = sum_j sum_i f"""
    names = {q for q, _, _ in e.limits} if isinstance(e, sp.Sum) else set()
    if len(names) > 1 and len(names) == len(e.limits):
        if any(not names.isdisjoint(end.free_symbols) for _, *ends in e.limits for end in ends):
            return None
        return sp.Sum(e.function, *e.limits[1:], e.limits[0])
    return None


def unsifted(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """f(i) = sum_l delta_il f(l)"""
    if isinstance(e, sp.Derivative) or not isinstance(e, (sp.Indexed, sp.exp, sp.Mul)):
        return None
    q = m.choose(scope)
    new = fresh_for(e, scope)
    return sp.Sum(sp.KroneckerDelta(q, new) * substitute(e, q, new), (new, 1, scope[q]))


def split_off(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """sum_l f(l) = f(i) + sum_{l != i} f(l)"""
    if not isinstance(e, sp.Sum) or len(e.limits) > 1 or e.limits[0][1:] not in ((1, N), (1, M)):
        return None
    q, _, size = e.limits[0]
    i_ = m.over(size, scope)
    if q == i_:
        return None  # a delta, as SymPy draws a Piecewise out of the sums around it, bound indices and all
    return substitute(e.function, q, i_) + sp.Sum((1 - sp.KroneckerDelta(q, i_)) * e.function, *e.limits)


def split_range(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """sum_l f(l) = sum_{l <= i} f(l) + sum_{l > i} f(l)"""
    if not isinstance(e, sp.Sum) or len(e.limits) > 1 or e.limits[0][1:] != (1, N):
        return None
    q, i_ = e.limits[0][0], m.over(N, scope)
    back = m.choose((0, 1))
    return sp.Sum(e.function, (q, 1, i_ - back)) + sp.Sum(e.function, (q, i_ - back + 1, N)) if q != i_ else None


def other_way_round(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """sum_i sum_{j <= i} f = sum_j sum_{i >= j} f"""
    if not isinstance(e, sp.Sum) or len(e.limits) != 2:
        return None
    (q, one, last), (r, first, size) = e.limits
    if (one, first, size) != (1, 1, N) or q == r or last not in (r, r - 1):
        return None
    return sp.Sum(e.function, (r, q + r - last, N), (q, 1, N))


def over_itself(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """e Z / Z, Z written twice under different names"""
    q, r = fresh_for(e, scope), index("r0")
    return e * sp.Sum(sp.exp(z[q]), (q, 1, N)) / sp.Sum(sp.exp(z[r]), (r, 1, N))


def plus_and_minus(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    term = m.expr(1, scope)
    new = rename(term)
    return e + term - new if new != term else e * (term + 1) - e * term


def shifted_exponent(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """e^a = e^(a + b) e^-b"""
    if not isinstance(e, sp.exp):
        return None
    b_ = m.leaf(scope)
    return sp.Mul(sp.exp(e.args[0] + b_), 1 / sp.exp(b_), evaluate=False)


def shifted_logarithm(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """log a = log(a e^-b) + b"""
    if not isinstance(e, sp.log):
        return None
    b_ = m.leaf(scope)
    return sp.log(sp.Mul(e.args[0], sp.exp(-b_), evaluate=False)) + b_


def by_sigmoid(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """tanh t = 2 sigma(2 t) - 1"""
    return 2 / (1 + sp.exp(-2 * e.args[0])) - 1 if isinstance(e, sp.tanh) else None


def opened(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """s_i is what it was defined as"""
    if not isinstance(e, sp.Indexed) or e.base != s:
        return None
    q = fresh_for(e, scope)
    return sp.exp(z[e.indices[0]]) / sp.Sum(sp.exp(z[q]), (q, 1, N))


def derived(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """the rules for sums, products and compositions, one level deep"""
    if not isinstance(e, sp.Derivative) or len(e.variables) != 1:
        return None
    t, w = e.expr, e.variables[0]
    if isinstance(t, sp.Add):
        return sp.Add(*(sp.Derivative(g, w) for g in t.args))
    if isinstance(t, sp.Mul):
        parts = t.args
        return sp.Add(*(sp.Mul(*parts[:n], sp.Derivative(g, w), *parts[n + 1 :]) for n, g in enumerate(parts)))
    if isinstance(t, sp.exp):
        return t * sp.Derivative(t.args[0], w)
    if isinstance(t, sp.log):
        return sp.Derivative(t.args[0], w) / t.args[0]
    if isinstance(t, sp.tanh):
        return (1 - t**2) * sp.Derivative(t.args[0], w)
    if isinstance(t, sp.Pow) and t.exp.is_Rational:
        return t.exp * t.base ** (t.exp - 1) * sp.Derivative(t.base, w)
    if isinstance(t, sp.Sum):
        inner = rename_apart(t, e)
        return sp.Sum(sp.Derivative(inner.function, w), *inner.limits)
    return None


KEEPING = (
    renamed, multiplied_out, sum_of_terms, factored_out, drawn_in, swapped, unsifted, split_off, split_range,
    split_range, other_way_round, over_itself,
    plus_and_minus, shifted_exponent, shifted_logarithm, by_sigmoid, opened, derived,
)  # fmt: skip


def times_total(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """e = e sum y, where y sums to one"""
    q = fresh_for(e, scope)
    return e * sp.Sum(y[q], (q, 1, N))


def doubled(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """y_i = y_i^2, where y is one-hot"""
    return e**2 if isinstance(e, sp.Indexed) and e.base == y else None


def transposed(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """S_ij = S_ji, where S is symmetric"""
    return S[e.indices[::-1]] if isinstance(e, sp.Indexed) and e.base == S else None


def plus_total(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """e = e + g sum x, where x is centred"""
    q = fresh_for(e, scope)
    return e + m.leaf(scope) * sp.Sum(x[q], (q, 1, N))


ASSUMED: dict[str, tuple[Callable[..., sp.Expr | None], ...]] = {
    "plain": (),
    "sums to one": (times_total,),
    "one-hot": (times_total, doubled, doubled),
    "symmetric": (transposed, transposed),
    "centred": (plus_total,),
}


def rewritten(rng: Random, e: sp.Expr, kind: str, steps: int) -> tuple[sp.Expr, list[str]]:
    """An expression of the same value, and the laws that were applied.

    Where a derivative is taken, assumed equations are not used: its variables are independent.
    """
    laws = KEEPING + ASSUMED[kind] * 3
    names: list[str] = []
    for _ in range(steps):
        found = anywhere(rng, e, laws)
        if found is not None and not (found[1] in UNDER_NO_DERIVATIVE and e.has(sp.Derivative)):
            e, name = found
            names.append(name)
    return e, names


UNDER_NO_DERIVATIVE = frozenset(("times_total", "doubled", "transposed", "plus_total"))


# ---- changes in one place -------------------------------------------------------------------------


def other_sign(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    return -e


def other_index(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    if not isinstance(e, (sp.Indexed, sp.KroneckerDelta)):
        return None
    indices = list(e.indices if isinstance(e, sp.Indexed) else e.args)
    n = m.rng.randrange(len(indices))
    size = scope.get(indices[n])
    if size is None:
        return None
    indices[n] = m.over(size, scope)
    return e.base[tuple(indices)] if isinstance(e, sp.Indexed) else sp.KroneckerDelta(*indices)


def dropped_factor(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    if not isinstance(e, (sp.Mul, sp.Add)):
        return None
    n = m.rng.randrange(len(e.args))
    return e.func(*e.args[:n], *e.args[n + 1 :])


def other_exponent(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    return e.base ** (e.exp + m.choose((1, -1))) if isinstance(e, sp.Pow) and e.exp.is_Rational else None


def other_tensor(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    swaps = {x: z, z: y, y: x, A: S, S: A, p: x}
    return swaps[e.base][tuple(e.indices)] if isinstance(e, sp.Indexed) and e.base in swaps else None


def transposed_entry(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    return e.base[tuple(e.indices[::-1])] if isinstance(e, sp.Indexed) and e.base in (A, S) else None


def off_by_a_number(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    return m.choose((e + 1, 2 * e, N * e, e / N))


def other_range(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """A sum without one of its terms."""
    if not isinstance(e, sp.Sum) or len(e.limits) > 1 or e.limits[0][1:] not in ((1, N), (1, M)):
        return None
    q, _, size = e.limits[0]
    i_ = m.over(size, scope)
    return sp.Sum((1 - sp.KroneckerDelta(q, i_)) * e.function, *e.limits) if q != i_ else None


def other_end(m: Maker, e: sp.Expr, scope: Scope) -> sp.Expr | None:
    """A sum over a part of its range."""
    if not isinstance(e, sp.Sum) or len(e.limits) > 1:
        return None
    (q, first, last), i_ = e.limits[0], m.over(N, scope)
    return sp.Sum(e.function, m.choose(((q, first, i_), (q, i_, last), (q, first, i_ - 1)))) if q != i_ else None


CHANGING = (
    other_sign, other_index, other_index, dropped_factor, other_exponent, other_tensor, transposed_entry,
    off_by_a_number, other_range, other_end, other_end,
)  # fmt: skip


def changed(rng: Random, e: sp.Expr) -> tuple[sp.Expr, str] | None:
    """The expression with one slip."""
    return anywhere(rng, e, CHANGING)
