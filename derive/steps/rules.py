r"""The rules by name: what ``derive rules`` lists, what a step gives as its reason, what a note may cite.

A rule is one row: its name, its group, its statement as an equation, and the function of the engine
that carries it out. The statement is the only text there is: it is printed as the formula, proved by
the judge, and used to see that the function does what the statement says. A side of it is an index
expression, or a form: a vector or a matrix in the notation of notes, which means what the reader of
notes says. Words by which people call a rule stand in ``ALIASES``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from derive.calculus.language import dimension, index, scalar, tensor
from derive.calculus.setting import Assumption, Axis, Definition, Setting
from derive.steps import simplification as simple
from derive.steps.context import Context
from derive.steps.core import D, Expr, add, changed, divide, everywhere, mul, neg, piecewise, power, total
from derive.steps.differentiation import differentiate, prime
from derive.steps.fold import fold
from derive.steps.form import Form, form_of, latex_of, meaning
from derive.steps.vectorise import vectorised

Side = Expr | Form
Apply = Callable[[Any, Context], Any]  # from a side to a side, or None


@dataclass(frozen=True)
class Rule:
    """``left = right`` holds in ``setting``, and ``apply`` makes right of left; ``example`` is one more left side."""

    name: str
    group: str
    left: Side
    right: Side
    apply: Apply
    setting: Setting = field(default_factory=Setting, repr=False)
    example: Expr | None = None

    @property
    def statement(self) -> tuple[Expr, Expr]:
        """Its two sides as index expressions."""
        return meaning(self.left), meaning(self.right)

    @property
    def formula(self) -> str:
        """The statement in LaTeX."""
        return f"{latex_of(self.left)} = {latex_of(self.right)}"

    @property
    def shown(self) -> str:
        """The example, before and after, in LaTeX; the statement again where there is none."""
        after = None if self.example is None else self.apply(self.example, Context(self.setting))
        return self.formula if after is None else f"{latex_of(self.example)} = {latex_of(after)}"


# --- what the statements speak of -------------------------------------------------------------------------------

N, M, K = dimension("N"), dimension("M"), dimension("K")
i, j, k, l, m, p = (index(name) for name in "ijklmp")
t, c, u_ = scalar("t"), scalar("c"), scalar("u")
a, b, x, z, s, y, w = (tensor(name) for name in ("a", "b", "x", "z", "s", "y", "w"))
A, B, W = tensor("A"), tensor("B"), tensor("W")
f, g = sp.Function("f"), sp.Function("g")
L = scalar("L")

AXIS = Axis(N)
ENTRIES = Setting(axes={i: AXIS, j: AXIS}, shapes=dict.fromkeys("abxzsy", (AXIS,)))
SMOOTH = Setting(smooth=frozenset("fg"))
SOFTMAX = Definition("s", (i,), divide(sp.exp(z[i]), total(sp.exp(z[l]), sp.Tuple(l, 1, N))), axes=(AXIS,))
NAMED = Setting(axes={i: AXIS, j: AXIS}, shapes={"z": (AXIS,), "s": (AXIS,), "y": (AXIS,)}, definitions={"s": SOFTMAX})
CHAINED = Setting(
    axes={j: AXIS},
    shapes={"z": (AXIS,), "s": (AXIS,), "y": (AXIS,)},
    definitions={"s": SOFTMAX, "L": Definition("L", (), sp.Sum(y[i] * sp.log(s[i]), (i, 1, N)))},
)
UNIT = Setting(
    axes={j: AXIS},
    shapes={"y": (AXIS,), "s": (AXIS,)},
    assumptions=(Assumption(sp.Eq(sp.Sum(y[i], (i, 1, N)), 1)),),
)
MATRIX = Setting(
    axes={i: AXIS, j: AXIS}, shapes={"a": (AXIS,), "b": (AXIS,), "A": (AXIS, Axis(M)), "B": (AXIS, Axis(M))}
)

ARRAYS = Setting(
    axes={i: AXIS, j: Axis(M), k: Axis(K), p: AXIS},
    shapes={
        **dict.fromkeys("absy", (AXIS,)),
        "x": (Axis(M),),
        "A": (AXIS, Axis(M)),
        "B": (Axis(M), Axis(K)),
    },
)
STACKED = replace(ARRAYS, axes={**ARRAYS.axes, j: Axis(M + 1, 0)})


def summed(body: Expr, at: Expr = l, size: Expr = N) -> Expr:
    return total(body, sp.Tuple(at, 1, size))


def by_differentiation(name: str, products: bool = False) -> Apply:
    """The rule of that name at the first derivative where it applies."""

    def here(expr: Expr, context: Context) -> Expr | None:
        if not isinstance(expr, sp.Derivative):
            return None
        applied = differentiate(expr.args[0], expr.args[1][0], context, products)
        return applied[1] if applied is not None and applied[0] == name else None

    return at_nodes(here)


def at_nodes(here: Apply) -> Apply:
    return lambda expr, context: everywhere(lambda e: here(e, context))(expr)


def whole(function: Callable[[Expr], Expr | None]) -> Apply:
    return lambda expr, context: function(expr)


def opened(expr: Expr, context: Context) -> Expr | None:
    return everywhere(context.opened)(expr)


def chained(expr: Expr, context: Context) -> Expr | None:
    from derive.steps.routes import chain

    return chain(expr.args[0], expr.args[1][0], context)


def log_derivative(expr: Expr, context: Context) -> Expr | None:
    """f' = f (log f)'"""
    inside, variable = expr.args[0], expr.args[1][0]
    return mul(inside, D(sp.log(inside), variable))


def log_apart(expr: Expr, context: Context) -> Expr | None:
    return simple.logs_apart(expr)


def known(expr: Expr, context: Context) -> Expr | None:
    from derive.steps.routes import assumed

    context.known.extend(assumed(context.setting))
    found = simple.use_known(expr, context)
    return found[1] if found else None


def case_split(expr: Expr, context: Context) -> Expr | None:
    return simple.case_split(expr)


def merge_cases(expr: Expr, context: Context) -> Expr | None:
    return simple.merge_cases(expr)


def as_array(*axes: Expr) -> Apply:
    """The vector or matrix with this entry."""

    def apply(expr: Expr, context: Context) -> Form | None:
        text = vectorised(expr, axes, context.setting)
        return None if text is None else form_of(text, expr, axes, context.setting)

    return apply


def array(text: str, *axes: Expr) -> Form:
    return Form(text, axes, ARRAYS)


def entry_of(form: Form, context: Context) -> Expr:
    return form.entry


df, dg = D(f(t), t), D(g(t), t)
delta_ij = sp.KroneckerDelta(i, j)

DIFFERENTIATION = "differentiation"
SUMS = "sums and deltas"
NAMES = "names"
ALGEBRA = "algebra"
ARRAY_FORMS = "vectors and matrices"

RULES: tuple[Rule, ...] = (
    # --- differentiation
    Rule(
        "derivative of a constant",
        DIFFERENTIATION,
        D(c, t),
        sp.S.Zero,
        by_differentiation("derivative of a constant"),
    ),
    Rule(
        "derivative of an entry",
        DIFFERENTIATION,
        D(z[i], z[j]),
        delta_ij,
        by_differentiation("derivative of an entry"),
        ENTRIES,
        D(W[i, k], W[j, l]),
    ),
    Rule(
        "linearity",
        DIFFERENTIATION,
        D(f(t) - g(t), t),
        df - dg,
        by_differentiation("linearity"),
        SMOOTH,
    ),
    Rule(
        "constant factor",
        DIFFERENTIATION,
        D(c * f(t), t),
        c * df,
        by_differentiation("constant factor"),
        SMOOTH,
    ),
    Rule(
        "sum rule",
        DIFFERENTIATION,
        D(summed(sp.exp(z[l])), z[j]),
        summed(D(sp.exp(z[l]), z[j])),
        by_differentiation("sum rule"),
        ENTRIES,
    ),
    Rule(
        "product rule",
        DIFFERENTIATION,
        D(f(t) * g(t), t),
        add(mul(df, g(t)), mul(f(t), dg)),
        by_differentiation("product rule", products=True),
        SMOOTH,
    ),
    Rule(
        "quotient rule",
        DIFFERENTIATION,
        D(f(t) / g(t), t),
        divide(add(mul(df, g(t)), neg(mul(f(t), dg))), g(t) ** 2),
        by_differentiation("quotient rule"),
        SMOOTH,
    ),
    Rule(
        "power rule",
        DIFFERENTIATION,
        D(f(t) ** 3, t),
        3 * f(t) ** 2 * df,
        by_differentiation("power rule"),
        SMOOTH,
        D(power(summed(sp.exp(z[l])), sp.Integer(-1)), z[j]),
    ),
    Rule(
        "derivative of the exponential",
        DIFFERENTIATION,
        D(sp.exp(f(t)), t),
        sp.exp(f(t)) * df,
        by_differentiation("derivative of the exponential"),
        SMOOTH,
    ),
    Rule(
        "derivative of the logarithm",
        DIFFERENTIATION,
        D(sp.log(f(t)), t),
        divide(df, f(t)),
        by_differentiation("derivative of the logarithm"),
        SMOOTH,
    ),
    Rule(
        "derivative of tanh",
        DIFFERENTIATION,
        D(sp.tanh(f(t)), t),
        mul(1 - sp.tanh(f(t)) ** 2, df),
        by_differentiation("derivative of tanh"),
        SMOOTH,
    ),
    Rule(
        "derivative of sinh",
        DIFFERENTIATION,
        D(sp.sinh(f(t)), t),
        sp.cosh(f(t)) * df,
        by_differentiation("derivative of sinh"),
        SMOOTH,
    ),
    Rule(
        "derivative of cosh",
        DIFFERENTIATION,
        D(sp.cosh(f(t)), t),
        sp.sinh(f(t)) * df,
        by_differentiation("derivative of cosh"),
        SMOOTH,
    ),
    Rule(
        "derivative of the sine",
        DIFFERENTIATION,
        D(sp.sin(f(t)), t),
        sp.cos(f(t)) * df,
        by_differentiation("derivative of the sine"),
        SMOOTH,
    ),
    Rule(
        "derivative of the cosine",
        DIFFERENTIATION,
        D(sp.cos(f(t)), t),
        -sp.sin(f(t)) * df,
        by_differentiation("derivative of the cosine"),
        SMOOTH,
    ),
    Rule(
        "derivative of erf",
        DIFFERENTIATION,
        D(sp.erf(f(t)), t),
        2 / sp.sqrt(sp.pi) * sp.exp(-(f(t) ** 2)) * df,
        by_differentiation("derivative of erf"),
        SMOOTH,
    ),
    Rule(
        "derivative of the absolute value",
        DIFFERENTIATION,
        D(sp.Abs(f(t)), t),
        sp.sign(f(t)) * df,
        by_differentiation("derivative of the absolute value"),
        SMOOTH,
    ),
    Rule(
        "case by case",
        DIFFERENTIATION,
        D(sp.Max(t, 0), t),
        mul(piecewise([(sp.S.One, t > 0), (sp.S.Zero, sp.true)]), D(t, t))
        + mul(piecewise([(sp.S.Zero, t > 0), (sp.S.One, sp.true)]), D(sp.S.Zero, t)),
        by_differentiation("case by case"),
    ),
    Rule(
        "chain rule",
        DIFFERENTIATION,
        D(L, z[j]),
        total(mul(D(L, s[i]), D(s[i], z[j])), sp.Tuple(i, 1, N)),
        chained,
        CHAINED,
    ),
    Rule(
        "chain rule",
        DIFFERENTIATION,
        D(f(g(t)), t),
        prime(f, g(t)) * dg,
        by_differentiation("chain rule"),
        SMOOTH,
    ),
    Rule(
        "log-derivative trick",
        DIFFERENTIATION,
        D(s[i], z[j]),
        mul(s[i], D(sp.log(s[i]), z[j])),
        log_derivative,
        NAMED,
    ),
    # --- sums and deltas
    Rule("sifting", SUMS, summed(sp.KroneckerDelta(l, j) * a[l]), a[j], whole(simple.sift), ENTRIES),
    Rule(
        "distributing the sum",
        SUMS,
        summed((sp.KroneckerDelta(l, j) - b[j]) * a[l]),
        add(summed(sp.KroneckerDelta(l, j) * a[l]), neg(mul(b[j], summed(a[l])))),
        whole(simple.expand_deltas),
        ENTRIES,
    ),
    Rule(
        "taking constants out of the sum",
        SUMS,
        summed(c * a[l]),
        c * summed(a[l]),
        whole(simple.pull),
        ENTRIES,
        summed(c),
    ),
    Rule(
        "exchanging the sums",
        SUMS,
        total(mul(a[k], total(mul(A[k, m], b[m]), sp.Tuple(m, 1, M))), sp.Tuple(k, 1, N)),
        total(mul(total(mul(a[k], A[k, m]), sp.Tuple(k, 1, N)), b[m]), sp.Tuple(m, 1, M)),
        whole(simple.exchange_here),
        Setting(shapes={"a": (AXIS,), "b": (Axis(M),), "A": (AXIS, Axis(M))}),
    ),
    Rule("sum to one", SUMS, s[j] * summed(y[l]), s[j], known, UNIT),
    Rule(
        "stacking the bias",
        SUMS,
        add(mul(W[i, 0], c), total(mul(W[i, l], y[l]), sp.Tuple(l, 1, N))),
        total(mul(W[i, l], piecewise([(c, sp.Eq(l, 0)), (y[l], sp.true)])), sp.Tuple(l, 0, N)),
        whole(simple.stacked),
        Setting(axes={i: AXIS}, shapes={"W": (AXIS, Axis(N + 1, 0)), "y": (AXIS,)}),
    ),
    Rule(
        "different indices",
        SUMS,
        mul(sp.KroneckerDelta(i, j), s[i]),
        sp.S.Zero,
        simple.told_apart,
        replace(ENTRIES, assumptions=(Assumption(sp.Ne(i, j), fixed=frozenset((i, j))),)),
    ),
    Rule(
        "equal indices",
        SUMS,
        mul(sp.KroneckerDelta(i, j), s[j]),
        s[i],
        simple.told_equal,
        replace(ENTRIES, assumptions=(Assumption(sp.Eq(i, j, evaluate=False), fixed=frozenset((i, j))),)),
    ),
    # --- names
    Rule("definition", NAMES, s[j], divide(sp.exp(z[j]), summed(sp.exp(z[l]))), opened, NAMED),
    Rule(
        "folding back",
        NAMES,
        divide(sp.exp(z[j]), summed(sp.exp(z[l]))),
        s[j],
        lambda e, context: changed(e, fold(e, context.folds)),
        NAMED,
    ),
    # --- algebra
    Rule(
        "logarithm of a quotient",
        ALGEBRA,
        sp.log(sp.exp(z[i]) / summed(sp.exp(z[l]))),
        z[i] - sp.log(summed(sp.exp(z[l]))),
        log_apart,
        ENTRIES,
    ),
    Rule(
        "splitting the fraction",
        ALGEBRA,
        divide(add(a[i], neg(b[i])), c),
        add(divide(a[i], c), neg(divide(b[i], c))),
        whole(lambda e: simple.multiplied_out(e)),
        ENTRIES,
    ),
    Rule(
        "multiplying out",
        ALGEBRA,
        mul(a[i], add(b[i], x[i])),
        add(mul(a[i], b[i]), mul(a[i], x[i])),
        whole(lambda e: simple.multiplied_out(e)),
        ENTRIES,
    ),
    Rule(
        "factoring",
        ALGEBRA,
        add(mul(delta_ij, s[i]), neg(mul(s[i], s[j]))),
        mul(s[i], add(delta_ij, neg(s[j]))),
        whole(simple.factored),
        ENTRIES,
    ),
    Rule(
        "collecting",
        ALGEBRA,
        add(summed(a[l] * b[l]), neg(summed(a[l] * x[l]))),
        summed(a[l] * (b[l] - x[l])),
        whole(simple.factored),
        ENTRIES,
    ),
    Rule(
        "factoring the cases",
        ALGEBRA,
        piecewise([(mul(s[i], a[i]), a[i] > 0), (mul(s[i], b[i]), sp.true)]),
        mul(s[i], piecewise([(a[i], a[i] > 0), (b[i], sp.true)])),
        whole(simple.case_factors),
        ENTRIES,
        piecewise([(delta_ij, a[i] > 0), (sp.S.Zero, sp.true)]),
    ),
    Rule(
        "symmetry",
        ALGEBRA,
        add(A[i, j], A[j, i]),
        2 * A[i, j],
        simple.symmetric,
        Setting(
            axes={i: AXIS, j: AXIS},
            shapes={"A": (AXIS, AXIS)},
            assumptions=(Assumption(sp.Eq(A[i, j], A[j, i], evaluate=False)),),
        ),
    ),
    Rule(
        "cancelling",
        ALGEBRA,
        sp.Mul(y[i], sp.Pow(s[i], -1), s[i], evaluate=False),
        y[i],
        whole(simple.cancelled),
        ENTRIES,
    ),
    Rule(
        "case split",
        ALGEBRA,
        mul(s[i], add(delta_ij, neg(s[j]))),
        piecewise([(mul(s[j], 1 - s[j]), sp.Eq(i, j)), (neg(mul(s[i], s[j])), sp.true)]),
        case_split,
        ENTRIES,
    ),
    Rule(
        "merging the cases",
        ALGEBRA,
        piecewise([(mul(s[i], 1 - s[i]), sp.Eq(i, j)), (neg(mul(s[i], s[j])), sp.true)]),
        mul(s[i], add(delta_ij, neg(s[j]))),
        merge_cases,
        ENTRIES,
    ),
    # --- vectors and matrices
    Rule(
        "vectorising",
        ARRAY_FORMS,
        mul(s[i] - y[i], x[j]),
        array(r"(s - y) x^\top", i, j),
        as_array(i, j),
        ARRAYS,
    ),
    Rule("index form", ARRAY_FORMS, array(r"(s - y) x^\top", i, j), mul(s[i] - y[i], x[j]), entry_of, ARRAYS),
    Rule("entrywise product", ARRAY_FORMS, a[i] * b[i], array(r"a \odot b", i), as_array(i), ARRAYS),
    Rule("function of every entry", ARRAY_FORMS, sp.tanh(a[i]), array(r"\tanh(a)", i), as_array(i), ARRAYS),
    Rule("inner product", ARRAY_FORMS, summed(a[l] * b[l]), array(r"a^\top b"), as_array(), ARRAYS, summed(a[l] ** 2)),
    Rule(
        "matrix times vector",
        ARRAY_FORMS,
        summed(A[i, l] * x[l], l, M),
        array("A x", i),
        as_array(i),
        ARRAYS,
        summed(A[i, l] * x[l], l, M) + a[i],
    ),
    Rule("transposed matrix", ARRAY_FORMS, summed(a[l] * A[l, j]), array(r"A^\top a", j), as_array(j), ARRAYS),
    Rule(
        "product of matrices",
        ARRAY_FORMS,
        summed(A[i, l] * B[l, k], l, M),
        array("A B", i, k),
        as_array(i, k),
        ARRAYS,
    ),
    Rule("outer product", ARRAY_FORMS, a[i] * x[j], array(r"a x^\top", i, j), as_array(i, j), ARRAYS),
    Rule(
        "diagonal matrix",
        ARRAY_FORMS,
        a[i] * sp.KroneckerDelta(i, p),
        array(r"\operatorname{diag}(a)", i, p),
        as_array(i, p),
        ARRAYS,
    ),
    Rule(
        "scaled rows",
        ARRAY_FORMS,
        a[i] * A[i, j],
        array(r"\operatorname{diag}(a) A", i, j),
        as_array(i, j),
        ARRAYS,
    ),
    Rule("sums of rows", ARRAY_FORMS, summed(A[i, l], l, M), array(r"A \mathbf{1}", i), as_array(i), ARRAYS),
    Rule(
        "number on top of a vector",
        ARRAY_FORMS,
        piecewise([(sp.S.One, sp.Eq(j, 0)), (x[j], sp.true)]),
        Form(r"\begin{bmatrix} 1 \\ x \end{bmatrix}", (j,), STACKED),
        as_array(j),
        STACKED,
    ),
)

BY_NAME = {rule.name: rule for rule in RULES}

# --- how people call them ---------------------------------------------------------------------------------------

ALIASES: tuple[tuple[str, str], ...] = (
    (r"quotient rule", "quotient rule"),
    (r"product rule|leibniz", "product rule"),
    (r"chain rule", "chain rule"),
    (r"power rule", "power rule"),
    (r"sum rule", "sum rule"),
    (r"linear", "linearity"),
    (r"log[- ]?derivative|log trick", "log-derivative trick"),
    (r"sift|picks? out|selects? one|only .* survives|kronecker", "sifting"),
    (r"sums? (up )?to (1|one)|\\sum.*=\s*1|normali[sz]", "sum to one"),
    (r"log(arithm)? of a (quotient|fraction|product)|logarithm rules?", "logarithm of a quotient"),
    (r"by definition|definition|put .* into|substitut|insert|plug", "definition"),
    (r"factor", "factoring"),
    (r"collect", "collecting"),
    (r"cancel", "cancelling"),
    (r"expand|multiply(ing)? out|distribut", "multiplying out"),
    (r"split(ting)? (the |a )?fraction", "splitting the fraction"),
    (r"cases?\b", "case split"),
    (r"vectori[sz]|matrix form|vector form|in matri|in vectors", "vectorising"),
    (r"index form|index notation|entry by entry|in indices", "index form"),
    (r"stack", "stacking the bias"),
    (r"exponential", "derivative of the exponential"),
    (r"derivative of (the )?log", "derivative of the logarithm"),
)


DIFFERENTIATIONS = frozenset(rule.name for rule in RULES if rule.group == DIFFERENTIATION)
CHAINED_RULES = DIFFERENTIATIONS - {"derivative of a constant", "derivative of an entry", "linearity", "sum rule"}
INVERSES = {"folding back": "definition", "definition": "folding back", "multiplying out": "factoring"}


def carries_out(done: str, named: str) -> bool:
    """Whether a step by one rule is what a person calls by the other; the derivative of a function is a chain rule."""
    if named == "chain rule" and (done.startswith("derivative of") or done == "power rule"):
        return done in CHAINED_RULES
    return done == named or INVERSES.get(done) == named


def cited(words: str) -> str | None:
    """The rule that words beside an equation name, if they name one."""
    for pattern, name in ALIASES:
        if re.search(pattern, words, re.IGNORECASE):
            return name
    return None


# --- what a step may be called ----------------------------------------------------------------------------------

SMALL_STEPS = (
    "simplifying",  # equal factors cancelled, equal terms collected
    "common denominator",
    "expanding the fraction",
    "difference of logarithms",
    "taking constants into the sum",
    "equal indices under the delta",
    "aligning the indices",
    "writing out the entries",
    "away from the kink",
    "hyperbolic tangent",
    "second derivative",
)
NAMES_OF_STEPS = frozenset((*BY_NAME, *SMALL_STEPS))
