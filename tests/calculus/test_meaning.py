"""Values against independent numbers, derivatives against high-precision differences."""

from __future__ import annotations

import itertools
from fractions import Fraction

import mpmath
import pytest
import sympy as sp
from flint import arb

from derive.calculus.frames import Missing, Point, Smooth
from derive.calculus.language import Det, InverseEntry, MaxOver, MinOver, dimension, index, labels, scalar, tensor
from derive.calculus.meaning import Choice, compile, compile_all, evaluate, evaluate_exact, separated
from derive.calculus.program import Meter
from derive.calculus.series import BudgetExceeded, Undefined, Unsupported, ball
from derive.calculus.setting import Assumption, Axis, Definition, Setting

F = Fraction
N, K = dimension("N"), dimension("K")
i, j, k, l, n = (index(c) for c in "ijkln")
x, u, a, b = (scalar(c) for c in "xuab")
z, y, s, h, W, A = (tensor(c) for c in ("z", "y", "s", "h", "W", "A"))
L = scalar("L")
t = labels("t")
D, Delta, Sum = sp.Derivative, sp.KroneckerDelta, sp.Sum
AN, AK = Axis(N), Axis(K)

Z = {1: F(1), 2: F(-1, 2), 3: F(3, 4)}
Y = {1: F(1, 5), 2: F(3, 5), 3: F(1, 5)}
SOFTMAX = Definition("s", (i,), sp.exp(z[i]) / Sum(sp.exp(z[l]), (l, 1, N)), axes=(AN,))
LOSS = Definition("L", (), -Sum(y[i] * sp.log(s[i]), (i, 1, N)))
SETTING = Setting(
    axes={i: AN, j: AN, k: AN},
    shapes={"z": (AN,), "y": (AN,), "W": (AN, AN), "A": (AN, AN), "t": (AN,)},
    labels={"t": AN},
    definitions={"s": SOFTMAX, "L": LOSS},
)


def point(size: int = 3, **indices: int) -> Point:
    values = {("z", (m,)): v for m, v in Z.items()} | {("y", (m,)): v for m, v in Y.items()}
    values |= {("x", ()): F(2, 3), ("a", ()): F(5, 4), ("b", ()): F(-7, 3)}
    for r in range(1, 4):
        for c in range(1, 4):
            values["W", (r, c)] = F(r * r + 2 * c - 4, c + 1)
            values["A", (r, c)] = F((3 * r + c * c) % 7 + (5 if r == c else 0))
        values["t", (r,)] = F(r % 3 + 1)
    return Point({"N": size, "K": 2}, indices, values)


def softmax(values: list[mpmath.mpf]) -> list[mpmath.mpf]:
    total = sum(mpmath.exp(v) for v in values)
    return [mpmath.exp(v) / total for v in values]


def close(value: object, expected: object, tolerance: float = 1e-15) -> bool:
    return abs(float(value.mid()) - float(expected)) <= tolerance * (1 + abs(float(expected)))  # type: ignore[attr-defined]


X = mpmath.mpf(2) / 3
VALUES = [
    (sp.exp(x), mpmath.exp(X)),
    (sp.log(x), mpmath.log(X)),
    (sp.log(x, 2), mpmath.log(X, 2)),
    (x ** sp.Rational(5, 3), X ** (mpmath.mpf(5) / 3)),
    (x**a, X**1.25),
    (2**N * x, 8 * X),
    (sp.sqrt(N), mpmath.sqrt(3)),
    (sp.sin(x) + sp.cos(x) * sp.tan(x), 2 * mpmath.sin(X)),
    (sp.tanh(x), mpmath.tanh(X)),
    (sp.sinh(b), mpmath.sinh(mpmath.mpf(-7) / 3)),
    (sp.cosh(b), mpmath.cosh(mpmath.mpf(-7) / 3)),
    (sp.erf(x), mpmath.erf(X)),
    (sp.atan(x) + sp.asin(x) + sp.acos(x), mpmath.atan(X) + mpmath.pi / 2),
    (sp.asinh(b) + sp.acosh(a) + sp.atanh(x), mpmath.asinh(mpmath.mpf(-7) / 3) + mpmath.acosh(1.25) + mpmath.atanh(X)),
    (sp.sech(x) * sp.coth(x), 1 / mpmath.sinh(X)),
    (sp.Abs(b) + sp.sign(b), mpmath.mpf(4) / 3),
    (sp.Max(x, b, a) - sp.Min(x, b, a), 1.25 + mpmath.mpf(7) / 3),
    (sp.pi * sp.E, mpmath.pi * mpmath.e),
    (Sum(sp.exp(z[l]), (l, 1, N)), sum(mpmath.exp(mpmath.mpf(v.numerator) / v.denominator) for v in Z.values())),
    (Sum(z[l] * z[k], (l, 1, k), (k, 1, N)), mpmath.mpf(1.8125 + 1.5625) / 2),
    (sp.Product(1 + z[l], (l, 1, N)), 1.75),
    (Sum(l**2, (l, 0, N - 1)), 5),
    (Sum(l**2, (l, 1, 0)), 0),
    (MaxOver(z[l], (l, 1, N)) - MinOver(z[l], (l, 1, N)), 1.5),
    (sp.Piecewise((x, x > 0), (-x, True)), X),
    (sp.Piecewise((1, sp.Eq(i, 2)), (2, i < 2), (3, True)), 1),
    (Delta(i, 2) * 5 + Delta(i, j), 5),
    (z[t[1]], -0.5),
    (Delta(t[1], 2), 1),
    (sp.binomial(N, 2) + sp.factorial(N), 9),
]


@pytest.mark.parametrize(("expr", "expected"), VALUES, ids=[str(e) for e, _ in VALUES])
def test_values(expr: sp.Expr, expected: object) -> None:
    assert close(evaluate(expr, SETTING, point(i=2, j=3)), expected)


def test_enclosures_hold_the_value_at_every_precision() -> None:
    expr = sp.exp(x) * sp.erf(b) / sp.sqrt(a) + sp.tanh(x)
    with mpmath.workdps(400):
        m = mpmath.mpf
        true = mpmath.exp(m(2) / 3) * mpmath.erf(m(-7) / 3) / mpmath.sqrt(m(5) / 4) + mpmath.tanh(m(2) / 3)
        for bits in (32, 64, 256, 1024):
            value = evaluate(expr, SETTING, point(), bits)
            middle, radius = m(str(value.mid().str(350, radius=False))), m(str(value.rad().str(10, radius=False)))
            assert abs(middle - true) <= radius * (1 + m(10) ** -5) + m(10) ** -340
            assert radius < m(2) ** (-bits + 8)


def test_rational_expressions_are_exact() -> None:
    assert evaluate_exact(x**2 / 3 + Sum(z[l], (l, 1, N)), SETTING, point()) == F(4, 27) + F(5, 4)
    assert evaluate_exact(sp.sqrt(sp.Rational(4, 9) * N**2), SETTING, point()) == 2
    assert evaluate_exact(sp.exp(x), SETTING, point()) is None


DERIVATIVES = [
    sp.exp(x) * sp.sin(x),
    sp.log(x) ** 2,
    x ** sp.Rational(7, 3),
    x**a,
    a**x,
    x**x,
    1 / (1 + x**2),
    sp.tanh(x) ** 2,
    sp.erf(x) * sp.erfc(x),
    sp.tan(x),
    sp.atan(x),
    sp.asinh(x),
    sp.acosh(1 + x),
    sp.atanh(x),
    sp.asin(x) * sp.acos(x),
    sp.sqrt(1 + sp.cosh(x)),
    sp.sech(x) + sp.cot(x) + sp.csch(x) + sp.sec(x) + sp.csc(x) + sp.coth(x),
    sp.Abs(x - 2) * x,
    sp.Max(x, x**2, -x),
    sp.log(1 + sp.exp(sp.sinh(x))),
]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("expr", DERIVATIVES, ids=str)
def test_derivatives_of_functions(expr: sp.Expr, order: int) -> None:
    """Against the differences that mpmath takes with 60 digits."""
    value = evaluate(sp.Derivative(expr, (x, order)), SETTING, point())
    with mpmath.workdps(60):
        f = sp.lambdify(x, expr.subs({a: sp.Rational(5, 4)}), "mpmath")
        assert close(value, mpmath.diff(f, mpmath.mpf(2) / 3, order), 1e-12)


@pytest.mark.parametrize(("at", "wrt"), [(1, 1), (1, 2), (3, 2)])
def test_softmax_jacobian_and_loss(at: int, wrt: int) -> None:
    p = point(i=at, j=wrt)
    with mpmath.workdps(40):
        numbers = [mpmath.mpf(v.numerator) / v.denominator for v in Z.values()]

        def moved(v: mpmath.mpf) -> list[mpmath.mpf]:
            return [v if m == wrt - 1 else w for m, w in enumerate(numbers)]

        jacobian = mpmath.diff(lambda v: softmax(moved(v))[at - 1], numbers[wrt - 1])
        ys = [mpmath.mpf(v.numerator) / v.denominator for v in Y.values()]
        loss = mpmath.diff(
            lambda v: -sum(q * mpmath.log(r) for q, r in zip(ys, softmax(moved(v)), strict=True)), numbers[wrt - 1]
        )
        assert close(evaluate(D(s[i], z[j]), SETTING, p), jacobian)
        assert close(evaluate(D(L, z[j]), SETTING, p), loss)


EQUAL = [
    (D(Sum(z[k] ** 2, (k, 1, N)), z[k]), 2 * z[k]),
    (D(Sum(z[k] ** 2, (k, 1, N)), z[i], z[j]), 2 * Delta(i, j)),
    (D(s[i], z[j]), s[i] * (Delta(i, j) - s[j])),
    (D(L, s[j]), -y[j] / s[j]),
    (D(L, s[i], s[j]), Delta(i, j) * y[i] / s[i] ** 2),
    (Sum(D(L, s[k]) * D(s[k], z[j]), (k, 1, N)), D(L, z[j])),
    (D(D(L, s[i]), z[j]), y[i] / s[i] * (Delta(i, j) - s[j])),
    (D(D(s[i], z[j]), z[k]), D(s[i], z[k], z[j])),
    (D(Sum(W[k, l] * z[l], (l, 1, N)), W[i, j]), Delta(k, i) * z[j]),
    (D(Sum(W[k, l] * z[k] * z[l], (k, 1, N), (l, 1, N)), z[i]), Sum((W[i, l] + W[l, i]) * z[l], (l, 1, N))),
    (D(sp.log(Det(A[k, l], (k, 1, N), (l, 1, N))), A[i, j]), InverseEntry(A[k, l], (k, 1, N), (l, 1, N), j, i)),
    (
        Sum(A[i, n] * InverseEntry(A[k, l], (k, 1, N), (l, 1, N), n, j), (n, 1, N)),
        Delta(i, j),
    ),
    (
        D(InverseEntry(A[k, l], (k, 1, N), (l, 1, N), 1, 2), A[i, j]),
        -InverseEntry(A[k, l], (k, 1, N), (l, 1, N), 1, i) * InverseEntry(A[k, l], (k, 1, N), (l, 1, N), j, 2),
    ),
    (D(MaxOver(z[l], (l, 1, N)), z[i]), Delta(i, 1)),
    (D(sp.Product(z[l], (l, 1, N)), z[i]), sp.Product(z[l], (l, 1, N)) / z[i]),
    (D(x, x), sp.Integer(1)),
    (D(z[i], x), sp.Integer(0)),
    (sp.Subs(D(sp.exp(u**2), u), u, x), 2 * x * sp.exp(x**2)),
    (D(sp.Subs(D(sp.sin(u), u), u, x**2), x), -2 * x * sp.sin(x**2)),
]


@pytest.mark.parametrize(("left", "right"), EQUAL, ids=[str(e) for e, _ in EQUAL])
@pytest.mark.parametrize("at", [(1, 1, 2), (1, 2, 2), (3, 2, 1), (2, 2, 2)])
def test_identities_of_derivatives(left: sp.Expr, right: sp.Expr, at: tuple[int, int, int]) -> None:
    p = point(i=at[0], j=at[1], k=at[2])
    lv, rv = compile_all([left, right], SETTING).values(p, 128)
    assert lv == rv or abs(lv - rv) < arb(1e-30)


def test_definitions_open_down_to_the_variable_and_no_further() -> None:
    setting = Setting(
        definitions={
            "m": Definition("m", (), x**2),
            "v": Definition("v", (), scalar("m") + x),
            "L": Definition("L", (), scalar("v") * scalar("m") * x),
        }
    )
    m, v = scalar("m"), scalar("v")
    p = Point(values={("x", ()): F(3)})
    assert evaluate_exact(D(L, v), setting, p) == 27  # m x
    assert evaluate_exact(D(L, m), setting, p) == 3 * (12 + 9)  # v x + m x, v opened to m + x
    assert evaluate_exact(D(L, x), setting, p) == 5 * 81 + 4 * 27
    assert evaluate_exact(D(D(L, v), x), setting, p) == 27
    assert evaluate_exact(D(m, v), setting, p) == 0


def test_functions_of_a_note() -> None:
    f, g, w = sp.Function("f"), sp.Function("g"), scalar("w")
    setting = Setting(
        definitions={
            "f": Definition("f", (u,), 1 / (1 + sp.exp(-u)), is_function=True),
            "g": Definition("g", (u, w), f(u * w) * f(w), is_function=True),
        }
    )
    p = point()
    sigma = f(x)
    pairs = [
        (D(f(x), x), sigma * (1 - sigma)),
        (sp.Subs(D(f(u), (u, 2)), u, x), sigma * (1 - sigma) * (1 - 2 * sigma)),
        (f(-f(x)), 1 - f(f(x))),
        (D(f(f(x)), x), f(f(x)) * (1 - f(f(x))) * sigma * (1 - sigma)),
        (D(g(x, a), x), a * f(x * a) * (1 - f(x * a)) * f(a)),
        (sp.Subs(D(g(u, a), u), u, x**2), a * f(x**2 * a) * (1 - f(x**2 * a)) * f(a)),
    ]
    for left, right in pairs:
        lv, rv = compile_all([left, right], setting).values(p)
        assert lv.overlaps(rv) and abs(lv - rv) < arb(1e-15)


def test_unknown_functions_obey_the_chain_rule() -> None:
    f = sp.Function("f")
    p = point()
    p.functions["f"] = Smooth(((F(1), F(2), F(-3), F(1, 2)),))
    inner = sp.Subs(D(f(u), u), u, x**2)
    assert evaluate_exact(D(f(x**2), x) - 2 * x * inner, SETTING, p) == 0
    assert evaluate_exact(f(x), SETTING, p) == 1 + F(4, 3) - 3 * F(4, 9) + F(4, 27)
    with pytest.raises(Missing):
        evaluate(sp.Function("q")(x), SETTING, p)


def test_unknown_loss_through_its_gradient() -> None:
    M = tensor("M")
    setting = Setting(
        axes={i: AN, j: AN},
        shapes={"z": (AN,), "W": (AN, AN), "M": (AN,)},
        definitions={"M": Definition("M", (i,), Sum(W[i, l] * z[l], (l, 1, N)), axes=(AN,))},
        depends={"L": (M[i],)},
    )
    p = point(i=2, j=3)
    p.values |= {("L", ()): F(1)} | {("dL/dM", (m,)): F(m * m, 3) for m in (1, 2, 3)}
    pairs = [
        (D(L, W[i, j]), D(L, M[i]) * z[j]),
        (D(L, z[j]), Sum(D(L, M[k]) * W[k, j], (k, 1, N))),
        (D(L, M[i]), sp.Rational(4, 3)),
        (D(L, z[i], z[j]), Sum(D(L, M[k], M[l]) * W[k, i] * W[l, j], (k, 1, N), (l, 1, N))),
        (D(L, M[i], M[j]), D(L, M[j], M[i])),
    ]
    for left, right in pairs:
        assert evaluate_exact(left - right, setting, p) == 0


def test_zero_based_names_of_one_based_axes() -> None:
    left = Sum(z[l] * Delta(l, i), (l, 0, N - 1))
    assert evaluate_exact(left - z[i], SETTING, point(i=2)) == 0


UNDEFINED = [
    1 / (x - sp.Rational(2, 3)),
    sp.log(b),
    sp.log(z[1] - 1),
    sp.sqrt(b),
    b**a,
    sp.sign(z[1] - 1),
    D(sp.Abs(x - sp.Rational(2, 3)), x),
    D(sp.Max(x, sp.Rational(2, 3)), x),
    sp.Piecewise((1, x > sp.Rational(2, 3)), (0, True)),
    sp.Piecewise((1, sp.Eq(x, sp.Rational(2, 3))), (0, True)),
    sp.Piecewise((1, x < 0)),
    D(sp.sqrt(z[1] - 1), z[1]),
    z[N + 1],
    MaxOver(z[l], (l, 1, 0)),
]


@pytest.mark.parametrize("expr", UNDEFINED, ids=str)
def test_undefined(expr: sp.Expr) -> None:
    with pytest.raises((Undefined, Missing)) as problem:
        evaluate(expr, SETTING, point())
    if isinstance(problem.value, Undefined):
        assert problem.value.final


def test_what_precision_might_settle_is_not_final() -> None:
    with pytest.raises(Undefined) as problem:
        evaluate(1 / (sp.exp(x) * sp.exp(-x, evaluate=False) - sp.sin(x) ** 2 - sp.cos(x) ** 2), SETTING, point())
    assert not problem.value.final


def test_conditions_on_a_finite_set_are_decided() -> None:
    setting = Setting(shapes={"y": (AN,)}, assumptions=(Assumption(sp.Contains(y[i], sp.FiniteSet(0, 1))),))
    p = Point({"N": 1}, {}, {("y", (1,)): F(1)})
    assert evaluate_exact(sp.Piecewise((5, sp.Eq(y[1], 1)), (7, True)), setting, p) == 5


def test_false_index_truth_hides_what_stands_beside_it() -> None:
    assert evaluate_exact(Sum((1 - Delta(i, l)) / (z[i] - z[l]), (l, 1, N)), SETTING, point(2, i=1)) == F(2, 3)


NESTED = x
for _ in range(40):
    NESTED = 1 + NESTED**2
TOWER = scalar("q1")
DEEP = Setting(
    definitions={
        f"q{m}": Definition(f"q{m}", (), scalar(f"q{m + 1}") ** 2 + scalar(f"q{m + 1}") if m < 60 else x)
        for m in range(1, 61)
    }
)


def test_work_is_bounded() -> None:
    with pytest.raises(BudgetExceeded):
        evaluate(Sum(l, (l, 1, 10**12)), SETTING, point())
    with pytest.raises(BudgetExceeded):
        evaluate(sp.Derivative(sp.exp(x), (x, 30)), SETTING, point())
    assert evaluate(x ** (10**9), SETTING, point()) < 1e-9
    assert evaluate(sp.Integer(-1) ** N, SETTING, Point({"N": 10**9 + 1})) == -1


def test_shared_definitions_are_opened_once() -> None:
    p = Point(values={("x", ()): F(1, 100)})
    value = compile(D(TOWER, x), DEEP).run(p)
    assert value.is_finite() and value > 0


def test_deep_expressions() -> None:
    assert evaluate(NESTED, SETTING, point()) > 0
    deep = x
    for _ in range(300):
        deep = sp.sin(1 + deep, evaluate=False)
    assert evaluate(deep, SETTING, point()).is_finite()
    cyclic = Setting(definitions={"m": Definition("m", (), scalar("m") + 1)})
    with pytest.raises(Unsupported):
        evaluate(scalar("m"), cyclic, point())


def test_unknown_constructs_are_named() -> None:
    with pytest.raises(Unsupported, match="Integral"):
        evaluate(sp.Integral(x, (x, 0, 1)), SETTING, point())


def test_a_choice_has_the_value_of_the_expression_that_is_chosen() -> None:
    """Many variants of one place in one program, under binders and functions, also where one has no value."""
    w = tensor("w")
    setting = Setting(shapes={"w": (Axis(N),)})
    variants = [w[i], w[i] ** 2, sp.Integer(1), sp.log(w[i] - 5), sp.exp(w[i]), sp.KroneckerDelta(i, 1)]

    def right(e: sp.Expr) -> sp.Expr:
        return 1 / (1 + sp.Sum(e * w[i], (i, 1, N))) + sp.tanh(w[1])

    at = Point({"N": 2}, {}, {("w", (1,)): Fraction(1, 2), ("w", (2,)): Fraction(3)})
    chosen = compile_all([right(Choice(*variants))], setting).each(at, [(0, n) for n in range(len(variants))])
    for e, value in zip(variants, chosen, strict=True):
        alone = compile_all([right(e)], setting).each(at, [(0, 0)])[0]
        assert (alone is None) == (value is None)
        assert value is None or ball(value).overlaps(ball(alone))


SEPARATE = [  # a sum over several indices, and how many sums it comes apart into, beside what stands before them
    (z[i] * y[j], 2),
    (z[i] * y[j] * W[i, k], 2),
    (z[i] * y[j] * W[i, k] * Delta(k, j), 1),
    (2 * x * z[i] * sp.exp(y[j] * x), 2),
    (z[i] + y[j] * z[k], 1),
    (z[i] ** 2 * Sum(y[l] * z[j], (l, 1, N)), 2),
    (z[i] * D(y[k] * z[j], z[j]), 2),
]


@pytest.mark.parametrize(("body", "count"), SEPARATE)
def test_a_sum_of_a_product_comes_apart(body: sp.Expr, count: int) -> None:
    indices = [v for v in (i, j, k) if body.has(v)]
    limits = [(v, 1, N) for v in indices]
    apart = separated(Sum(body, *limits))
    assert sum(isinstance(e, sp.Sum) for e in apart) == count
    for size in (1, 2, 3):
        each = Point({"N": size}, {}, point(size).values)
        rows = itertools.product(range(1, size + 1), repeat=len(indices))
        by_hand = sum(value_at(body, each, dict(zip(indices, row, strict=True))) for row in rows)
        assert abs(float(evaluate(Sum(body, *limits), SETTING, each).mid()) - float(by_hand)) < 1e-12


def value_at(body: sp.Expr, at: Point, indices: dict[sp.Symbol, int]) -> float:
    """The body at these values of the indices, which stand free in it."""
    there = Point(at.sizes, {v.name: n for v, n in indices.items()}, at.values)
    return float(evaluate(body, SETTING, there).mid())


def test_a_range_that_depends_on_an_index_stays() -> None:
    nested = sp.Expr.__new__(Sum, z[i] * y[j], sp.Tuple(j, 1, i), sp.Tuple(i, 1, N))
    assert separated(nested) == [nested]


def test_a_product_of_many_sums_costs_no_more_than_its_factors() -> None:
    many = [index(f"m{m}") for m in range(9)]
    meter = Meter()
    body = sp.Mul(*(z[v] * y[v] for v in many))
    compile(Sum(body, *((v, 1, N) for v in many)), SETTING).values(point(3), meter=meter)
    assert meter.spent < 2_000  # 3^9 products would be many times that
