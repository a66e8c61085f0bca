"""The only maker of verdicts.

Both roads are always taken. What the normal form proves is evaluated at several points by ``meaning``,
which shares no code with it; a disagreement is an internal error, never a verdict. What is not proved is
searched for a point where the two sides differ, with enclosures that do not overlap.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any

import sympy as sp

from derive.calculus import witness
from derive.calculus.algebra import Algebra
from derive.calculus.atoms import (
    ONE,
    Atom,
    CalculusError,
    Domain,
    Monomial,
    Poly,
    Rational,
    Term,
    number,
    of,
    parts,
    tidy,
)
from derive.calculus.ground import base_name
from derive.calculus.intake import complete, plain
from derive.calculus.language import index, tensor
from derive.calculus.normal import Normalizer
from derive.calculus.orders import is_bound, is_end, reachable
from derive.calculus.products import WORK, accumulate
from derive.calculus.readback import expression
from derive.calculus.setting import Assumption, Setting
from derive.calculus.verdict import Kind, Verdict

SMALL = 1_500  # monomials that a claim may cost before its factors are kept whole
ORDERS = 6  # pairs of indices whose order is split into cases
SIGNS = 6  # indicators that are split into cases
SHOWN = 12  # terms of a remainder that are shown
CONCRETE = 8  # a range of so many numbers is written out
MATRICES = 2  # inverses that a claim is multiplied by the matrices of


class InternalError(Exception):
    """The two roads disagree: a bug of the calculus. Please report the claim."""


def prove(
    left: sp.Expr, right: sp.Expr, setting: Setting | None = None, refute: bool = True, fewest: bool = True
) -> Verdict:
    """Decide ``left = right`` for every dimension, every index and every value.

    With ``refute=False`` no point of difference is looked for: what is not proved is undecided. With ``fewest=False``
    all assumptions are reported, those that the proof does without too.
    Raises InternalError if the proof and an evaluation disagree, ValueError for expressions that are
    none of the language (a name used at two ranks, an index over two ranges).
    """
    left, right = plain(sp.sympify(left)), plain(sp.sympify(right))
    try:
        setting = complete(left, right, setting or Setting())
    except RecursionError:
        return Verdict(Kind.UNDECIDED, "an expression nested too deeply")
    attempt = Attempt(left, right, setting, setting.assumptions, FIRST)
    if attempt.contradiction:
        return _without_assumptions(left, right, setting, attempt.contradiction)
    if not attempt.zero:
        found = witness.find_witness(left, right, declared((left, right), setting)) if refute else None
        if found is not None:
            return Verdict(Kind.REFUTED, "the two sides differ at a point", witness=found)
        attempt = Attempt(left, right, setting, setting.assumptions, REST, attempt)
    if attempt.zero:
        if fewest:
            attempt = _fewest_assumptions(left, right, setting, attempt)
        return confirmed(_proof(left, right, setting, attempt))
    reason = attempt.resisted + (", and no point was found where they differ" if refute else "")
    return Verdict(Kind.UNDECIDED, reason, rules=attempt.rules, remained=remainder(attempt.rest))


def _without_assumptions(left: sp.Expr, right: sp.Expr, setting: Setting, contradiction: str) -> Verdict:
    """From a contradiction everything follows, so nothing is concluded from it."""
    attempt = Attempt(left, right, setting, ())
    if attempt.zero:
        return confirmed(_proof(left, right, replace(setting, assumptions=()), attempt))
    reason = f"no point satisfies the assumptions: {contradiction} contradicts those before it"
    return Verdict(Kind.UNDECIDED, reason)


# ---- the two roads ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proof:
    """``left = right`` in a setting, by the normal form; no verdict before the equation was evaluated, too.

    ``assumptions``, ``conditions`` and ``rules`` are those of the verdict.
    """

    left: sp.Expr
    right: sp.Expr
    setting: Setting
    assumptions: tuple[str, ...] = ()
    conditions: tuple[sp.Basic, ...] = ()
    rules: tuple[str, ...] = ()


def _proof(left: sp.Expr, right: sp.Expr, setting: Setting, attempt: Attempt) -> Proof:
    used = tuple(dict.fromkeys(label(a) for a in attempt.assumptions))
    return Proof(left, right, setting, used, attempt.conditions, attempt.rules)


def proof(left: sp.Expr, right: sp.Expr, setting: Setting) -> Proof | None:
    """The first road alone; raises ValueError as `prove` does."""
    left, right = plain(sp.sympify(left)), plain(sp.sympify(right))
    try:
        setting = complete(left, right, setting)
    except RecursionError:
        return None
    attempt = Attempt(left, right, setting, setting.assumptions)
    if attempt.contradiction or not attempt.zero:
        return None
    return _proof(left, right, setting, _fewest_assumptions(left, right, setting, attempt))


def confirmed(found: Proof) -> Verdict:
    """The second road: what was proved is evaluated."""
    sides = found.left, found.right
    return _verdict(found, witness.agree(*sides, declared(sides, found.setting)), sides)


def confirmed_along(chain: Sequence[sp.Expr], proofs: Sequence[Proof | None], setting: Setting) -> list[Verdict | None]:
    """The second road for a chain of equations, evaluated at the same points in the setting of the chain.

    ``proofs[k]`` is a proof of ``chain[k] = chain[k + 1]`` or of the part in which the two differ; it is the whole that
    is evaluated, under what the proof assumes. A part is evaluated by itself where the whole has no value.
    """
    verdicts: list[Verdict | None] = [None] * len(proofs)
    groups: dict[tuple[Assumption, ...], list[int]] = {}
    for k, found in enumerate(proofs):
        if found is not None:
            groups.setdefault(found.setting.assumptions, []).append(k)
    for assumptions, links in groups.items():
        first, last = links[0], links[-1]
        part = chain[first : last + 2]
        agreements = witness.along(part, declared(part, replace(setting, assumptions=assumptions)))
        for k in links:
            found, agreement = proofs[k], agreements[k - first]
            assert found is not None
            whole = agreement.checked > 0
            verdicts[k] = _verdict(found, agreement, chain[k : k + 2]) if whole else confirmed(found)
    return verdicts


def _verdict(found: Proof, agreement: witness.Agreement, sides: Sequence[sp.Expr]) -> Verdict:
    """The verdict on what was proved and evaluated."""
    if agreement.disagreements:
        left, right = sides
        raise InternalError(f"proved, but at {agreement.disagreements[0]} the two sides differ: {left} = {right}")
    if not agreement.checked:
        return Verdict(Kind.UNDECIDED, agreement.reason, rules=found.rules)
    return Verdict(Kind.PROVED, "", found.assumptions, found.conditions, found.rules)


def declared(sides: Sequence[sp.Expr], setting: Setting) -> Setting:
    """The setting with the signs that SymPy's own ``positive=True`` gives to names, as assumptions."""
    said: dict[str, Assumption] = {}
    for e in (*sides, *(d.body for d in setting.definitions.values())):
        said |= {name: a for name, a in signed(e) if name not in setting.definitions}
    return setting.assuming(*(said[name] for name in sorted(said)))


@lru_cache(maxsize=4096)
def signed(expr: sp.Basic) -> tuple[tuple[str, Assumption], ...]:
    """The names in an expression that SymPy itself takes to be positive, or not negative."""
    said: list[tuple[str, Assumption]] = []
    entries = expr.atoms(sp.Indexed)
    tensors = {e.base.label for e in entries}
    for e in entries | (expr.atoms(sp.Symbol) - tensors):
        if e.is_integer or not e.is_nonnegative:
            continue
        name = base_name(e)
        if isinstance(e, sp.Indexed):
            plain = tensor(name)[tuple(index(f"{name}{k}") for k in range(len(e.indices)))]
        else:
            plain = sp.Symbol(name, real=True)
        said.append((name, Assumption(sp.Gt(plain, 0) if e.is_positive else sp.Ge(plain, 0))))
    return tuple(said)


# ---- the attempt --------------------------------------------------------------------------------


FIRST = ("quickly",)
REST = ("factored", "multiplied_out", "at_labels")


class Attempt:
    """One try to bring the difference of two sides to zero under given assumptions, by ``ways`` in turn.

    ``before`` is an attempt that failed and is gone on with.
    """

    def __init__(
        self,
        left: sp.Expr,
        right: sp.Expr,
        setting: Setting,
        assumptions: Sequence[Assumption],
        ways: Sequence[str] = FIRST + REST,
        before: Attempt | None = None,
    ) -> None:
        self.assumptions = tuple(assumptions)
        self.zero = False
        self.way = ""
        self.resisted: str = before.resisted if before else ""
        self.rest: Poly = before.rest if before else {}
        self.rules: tuple[str, ...] = before.rules if before else ()
        self.conditions: tuple[sp.Basic, ...] = ()
        self.used: tuple[str, ...] = ()
        self.contradiction: str | None = None
        self.hot: dict[str, int] = before.hot if before else {}
        self.canonical: bool = before.canonical if before else False
        for self.way in ways:
            try:
                getattr(self, f"_{self.way}")(left, right, setting)
            except CalculusError as e:
                self.resisted = str(e)
            except RecursionError:
                self.resisted = "an expression nested too deeply"
            if self.zero:
                break

    @property
    def ways(self) -> tuple[str, ...]:
        """The way that proved it, and the one that must go before."""
        return tuple(dict.fromkeys((*FIRST, self.way)))

    def _quickly(self, left: sp.Expr, right: sp.Expr, setting: Setting) -> None:
        """The canonical form, if it is small."""
        self._run(left, right, setting, work=SMALL)
        self.canonical = True

    def _factored(self, left: sp.Expr, right: sp.Expr, setting: Setting) -> None:
        """Factors of several terms kept whole: cheap for deep networks, where multiplying out explodes."""
        if not self.canonical:
            self._run(left, right, setting, factored=True)

    def _multiplied_out(self, left: sp.Expr, right: sp.Expr, setting: Setting) -> None:
        """The canonical form, whatever it costs."""
        if not self.canonical:
            self._run(left, right, setting)

    def _at_labels(self, left: sp.Expr, right: sp.Expr, setting: Setting) -> None:
        """One-hot tensors read as deltas at a label."""
        if self.hot:
            self._run(left, right, setting, self.hot)

    def _run(
        self,
        left: sp.Expr,
        right: sp.Expr,
        setting: Setting,
        hot: Mapping[str, int] | None = None,
        factored: bool = False,
        work: int = WORK,
    ) -> None:
        n = Normalizer(setting, self.assumptions, hot, factored)
        n.algebra.work = work
        self.hot = n.one_hot()
        self.contradiction = n.contradiction
        n.note_fixed_entries([left, right])
        p = difference(n, left, right)
        if p and n.conditions and n.algebra.sign_unknown:
            p = self._where_defined(n, left, right)
        n.algebra.factored = False
        for c in n.conditions if p else ():
            if c.sign == "1" and c.always and is_free(c.poly):
                p = n.algebra.mul(p, c.poly)
        self.zero = is_zero(n.algebra, p)
        self.rules = tuple(n.algebra.rules)
        self.used = tuple(n.algebra.rewrites.used)
        self.conditions = tuple(dict.fromkeys((*(c.relation for c in n.conditions if c.sign != "1"), *n.kinks)))
        if not self.zero:
            self.resisted = "the difference of the two sides did not come to zero"
            self.rest = p

    def _where_defined(self, n: Normalizer, left: sp.Expr, right: sp.Expr) -> Poly:
        """Again, knowing that logarithms and roots are defined at the points that the claim is about."""
        for c in n.conditions:
            if c.always and c.sign in ("+", "0+"):
                bound = frozenset(v for m in c.poly for a, _ in m for v in a.free if v.startswith("~"))
                n.algebra.rewrites.positive(c.poly, bound, c.sign == "+")
        n.forget()
        return difference(n, left, right)


def is_free(p: Poly) -> bool:
    """Whether only indices of the claim stand in p."""
    return not any(v[0] in "~%" for m in p for a, _ in m for v in a.free)


def difference(n: Normalizer, left: sp.Expr, right: sp.Expr) -> Poly:
    return n.algebra.sub(n.convert(left), n.convert(right))


def remainder(p: Poly) -> sp.Expr | None:
    """What did not cancel, for a person to look at; None where it is long or has no plain form."""
    if not p or len(p) > SHOWN:
        return None
    try:
        return expression(p)
    except CalculusError:
        return None


def _fewest_assumptions(left: sp.Expr, right: sp.Expr, setting: Setting, attempt: Attempt) -> Attempt:
    """Drop each assumption that the proof does without, so that what is reported as used is needed.

    One that says that both sides are defined (h > 0 beside 1/h) is needed: without it the claim is about fewer points.
    """
    narrow = set(attempt.conditions)

    def enough(fewer: Attempt) -> bool:
        return fewer.zero and narrow.issuperset(fewer.conditions)

    kept = [a for a in attempt.assumptions if label(a) in attempt.used]
    if len(kept) < len(attempt.assumptions):
        fewer = Attempt(left, right, setting, kept, attempt.ways)
        if enough(fewer):
            attempt = fewer
        else:
            kept = list(attempt.assumptions)
    for a in list(kept):
        if len(kept) > SIGNS and label(a) not in attempt.used:
            continue
        without = [b for b in kept if b is not a]
        fewer = Attempt(left, right, setting, without, attempt.ways)
        if enough(fewer):
            attempt, kept = fewer, without
    return attempt


def label(a: Assumption) -> str:
    return a.text or str(a.relation)


# ---- zero ---------------------------------------------------------------------------------------


def is_zero(algebra: Algebra, p: Poly) -> bool:
    """Strategies, each of which proves p = 0 where it succeeds."""
    return any(
        strategy(algebra, p)
        for strategy in STRATEGIES
    )


def by_order(algebra: Algebra, p: Poly) -> bool:
    """Truths of order turned one way; then, case by case, the orders that free indices may have."""
    if not find(p, lambda a: a.kind == "less"):
        return False
    algebra.oriented = True
    algebra.forget()
    try:
        turned = algebra.replace(p, lambda a: bool(find(of(a), lambda b: b.kind == "less")), lambda a: None)
        return not without_denominators(algebra, turned) or _in_each_order(algebra, turned, ())
    finally:
        algebra.oriented = False
        algebra.forget()


def _in_each_order(algebra: Algebra, p: Poly, links: tuple[tuple[Term, ...], ...]) -> bool:
    """p = 0 where i < j, where i = j and where j < i, for each two free indices whose order matters."""
    free = sorted(find(p, lambda a: a.kind == "less" and not any(is_bound(t) or is_end(t) for t in a.args)))
    pairs = [a.args for a in free if all(isinstance(t, str) for t in a.args)]
    if not pairs or len(links) >= ORDERS:
        return not without_denominators(algebra, p)
    i, j = pairs[0]
    if not _is_excluded(algebra, i, j, equal=True) and not _in_each_order(algebra, algebra.rename(p, {j: i}), links):
        return False
    for before, after in ((i, j), (j, i)):
        case = (*links, (before, after))
        if _is_excluded(algebra, before, after) or any(x in later for x, later in reachable(list(case)).items()):
            continue
        values = {("less", before, after): 1, ("less", after, before): 0, ("delta", i, j): 0, ("delta", j, i): 0}

        def value(a: Atom, values: dict[Any, int] = values) -> Poly | None:
            known = values.get((a.kind, *a.args)) if a.kind in ("less", "delta") else None
            return None if known is None else number(known)

        q = algebra.replace(p, lambda a: not a.free.isdisjoint((i, j)), value)
        if q and not _in_each_order(algebra, q, case):
            return False
    return True


def _is_excluded(algebra: Algebra, before: Term, after: Term, equal: bool = False) -> bool:
    """Whether it is assumed that ``before`` is not less than ``after``, or not equal to it."""
    for low, high, strict, label in algebra.rewrites.ordered:
        if (low, high) == (after, before) or (equal and strict and (low, high) == (before, after)):
            if equal and not strict:
                continue
            algebra.rewrites.used.setdefault(label)
            return True
    return False


def cleared(algebra: Algebra, p: Poly) -> bool:
    """Multiply by the denominators of several terms: p = 0 where p D = 0, D not zero."""
    return not without_denominators(algebra, p)


def without_denominators(algebra: Algebra, p: Poly) -> Poly:
    for _ in range(6):
        lows: dict[Atom, Rational] = {}
        for m in p:
            for a, e in m:
                if a.kind == "poly" and e < 0:
                    lows[a] = min(lows.get(a, 0), e)
        if not lows:
            break
        raised: Poly = {}
        for m, c in p.items():
            accumulate(raised, algebra.settle_raised(m, lows, c))
        p = raised
    return p


def by_signs(algebra: Algebra, p: Poly, known: tuple[tuple[Atom, int], ...] = ()) -> bool:
    """Split on the signs of what stands under max, |x|, indicators; impossible combinations are left out."""
    steps = find(p, lambda a: a.kind == "step" and not any(v[0] in "~%" for v in a.free))
    innermost = sorted(a for a in steps if not find(of(a.args[0]), lambda b: b.kind == "step"))
    if not innermost:
        return bool(known) and not without_denominators(algebra, p)
    if len(known) >= SIGNS:
        return False
    for value in (1, 0):
        case = (*known, (innermost[0], value))
        if infeasible(algebra, case):
            continue
        q = algebra.replace(p, lambda a: True, partial(_in_case, *case[-1]))
        if q and not by_signs(algebra, q, case):
            return False
    return True


def _in_case(which: Atom, value: Rational, a: Atom) -> Poly | None:
    return number(value) if a is which else None


def find(p: Poly, wanted: Callable[[Atom], bool]) -> set[Atom]:
    """Atoms at any depth."""
    seen: set[Atom] = set()
    todo = [a for m in p for a, _ in m]
    while todo:
        a = todo.pop()
        if a not in seen:
            seen.add(a)
            todo += [b for b in parts(a.kind, a.args) if isinstance(b, Atom)]
    return {a for a in seen if wanted(a)}


def infeasible(algebra: Algebra, case: Iterable[tuple[Atom, int]]) -> bool:
    """True if no point has these signs: Fourier-Motzkin elimination on monomials as unknowns."""
    rows: list[Poly] = []
    for a, value in case:
        inner = a.args[0]
        p: Poly = dict(inner.args[0]) if inner.kind == "poly" else of(inner)
        rows.append(algebra.scale(p, 1 if value else -1))
    monomials = {m for row in rows for m in row if m != ONE}
    rows += [{m: 1} for m in monomials if algebra.sign_of({m: 1}) == "+"]
    for m in sorted(monomials, key=lambda k: [(a.serial, e) for a, e in k]):
        up = [r for r in rows if r.get(m, 0) > 0]
        down = [r for r in rows if r.get(m, 0) < 0]
        rows = [r for r in rows if not r.get(m, 0)]
        if len(up) * len(down) > 200:
            return False
        for r, s in itertools.product(up, down):
            combined = algebra.add(algebra.scale(r, tidy(Fraction(-s[m]))), algebra.scale(s, tidy(Fraction(r[m]))))
            rows.append(combined)
    return any(not r.keys() - {ONE} and r.get(ONE, 0) <= 0 for r in rows)


def written_out(algebra: Algebra, p: Poly) -> bool:
    """Sums over so and so many numbers are written out, and free indices over them take each value."""
    short = find(p, lambda a: a.kind == "sum" and all(concrete(d) for d in a.args[0]))
    free = {v for m in p for a, _ in m for v in a.free if v in algebra.domains and concrete(algebra.domains[v])}
    if (not short and not free) or len(free) > 3:
        return False

    def value(a: Atom) -> Poly | None:
        if a not in short:
            return None
        names, body = algebra.open_sum(a)
        for name, d in zip(names, a.args[0], strict=True):
            body = algebra.add({}, *(algebra.rename(body, {name: k}) for k in values_of(d)))
        return algebra.replace(body, lambda b: True, value)

    q = algebra.replace(p, lambda a: True, value)
    names = sorted(free)
    for point in itertools.product(*(values_of(algebra.domains[v]) for v in names)):
        sigma: dict[str, Term] = dict(zip(names, point, strict=True))
        if without_denominators(algebra, algebra.rename(q, sigma)):
            return False
    return True


def concrete(d: Domain) -> bool:
    size = dict(d.size)
    return not size.keys() - {ONE} and 0 < size.get(ONE, 0) <= CONCRETE and isinstance(d.first, int)


def values_of(d: Domain) -> range:
    return range(d.first, d.first + int(dict(d.size)[ONE]))


def two_valued(algebra: Algebra, p: Poly) -> bool:
    """An entry c with c^2 = u c + v, that is with two values a and b, is linear in every function:
    f(c) = (f(a) (c - b) - f(b) (c - a)) / (a - b)."""
    values = algebra.rewrites.two_valued()
    if not values:
        return False

    def speaks(a: Atom) -> bool:
        return not a.names.isdisjoint(values)

    def split(q: Poly) -> Poly:
        out: Poly = {}
        for m, c in q.items():
            term: Poly = {ONE: c}
            for a, e in m:
                term = algebra.mul(term, factor(a, e) if speaks(a) else {((a, e),): 1})
            accumulate(out, term)
        return out

    def factor(a: Atom, e: Rational) -> Poly:
        if a.kind == "sum":
            names, body = algebra.open_sum(a)
            return algebra.power(algebra.close_all(names, split(body)), e)
        inside = find(of(a), lambda b: b.kind == "entry" and b.args[0] in values)
        c = min(inside, default=None)
        if a.kind == "entry" or c is None or any(v[0] == "%" for v in c.free):
            return algebra.power(of(a), e) if isinstance(e, int) and e < 0 else {((a, e),): 1}
        one, other = values[c.args[0]]
        gap = Fraction(1) / (one - other)
        at = [split(algebra.replace({((a, e),): 1}, speaks, partial(_in_case, c, v))) for v in (one, other)]
        first = algebra.mul(at[0], {((c, 1),): gap, ONE: -other * gap})
        second = algebra.mul(at[1], {((c, 1),): -gap, ONE: one * gap})
        return algebra.add(first, second)

    return not without_denominators(algebra, split(p))


def times_matrices(algebra: Algebra, p: Poly, depth: int = 0) -> bool:
    """p_k = 0 for all k where sum_k M_{ak} p_k = 0 for all a: an inverse of M at a free index is multiplied away."""
    if depth == MATRICES or algebra.rewrites.distinct:
        return False
    tried: set[tuple[object, ...]] = set()
    for atom in sorted(find(p, lambda a: a.kind in ("inv", "sinv"))):
        matrix = algebra.matrix_of(atom)
        for k, at_row in ((atom.args[2], True), (atom.args[3], False)):
            key = (atom.args[:2], k, at_row)
            if key in tried or not _ranges_freely(algebra, k, matrix.domain):
                continue
            tried.add(key)
            own, other = (matrix.column, matrix.row) if at_row else (matrix.row, matrix.column)
            total = algebra.sum_over(algebra.mul(matrix.body, algebra.rename(p, {k: own})), own, matrix.domain)
            algebra.domains[other] = matrix.domain
            if not without_denominators(algebra, total) or times_matrices(algebra, total, depth + 1):
                return True
    return False


def _ranges_freely(algebra: Algebra, k: Term, domain: Domain) -> bool:
    """Whether a term is an index that may have every value of a domain, whatever is assumed."""
    return isinstance(k, str) and k[0] != "%" and algebra.domains.get(k) == domain and not algebra.rewrites.names(k)


def inside_sums(algebra: Algebra, p: Poly) -> bool:
    """sum_v f(v) = 0 where f(v) = 0: terms that are sums over one and the same range are put under one sum."""
    terms: list[tuple[Monomial, Atom, Rational]] = []
    rest: Poly = {}
    for m, c in p.items():
        sums = [a for a, e in m if a.kind == "sum" and e == 1 and find({a.args[1]: 1}, lambda b: b.kind == "poly")]
        if len(sums) == 1:
            terms.append((tuple((a, e) for a, e in m if a is not sums[0]), sums[0], c))
        else:
            rest[m] = c
    if not terms or without_denominators(algebra, rest):
        return False
    groups: dict[object, list[tuple[Monomial, Atom, Rational]]] = {}
    for term in terms:
        groups.setdefault(term[1].args[0], []).append(term)
    return all(_under_one_sum(algebra, group) for group in groups.values())


def _under_one_sum(algebra: Algebra, group: Iterable[tuple[Monomial, Atom, Rational]]) -> bool:
    group = list(group)
    names = [algebra.fresh(d) for d in group[0][1].args[0]]
    total: Poly = {}
    for m, a, c in group:
        new, body = algebra.open_sum(a)
        aligned = algebra.rename(body, dict(zip(new, names, strict=True)))
        accumulate(total, algebra.mul({m: c}, aligned))
    return not without_denominators(algebra, total)


STRATEGIES = (
    lambda _, p: not p, cleared, by_order, by_signs, written_out, two_valued, inside_sums, times_matrices,
)  # fmt: skip
