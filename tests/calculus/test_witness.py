"""Points that meet assumptions, and claims that are almost right: each must be told from the true one beside it."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
import sympy as sp

from derive.calculus.frames import Point
from derive.calculus.language import InverseEntry, dimension, index, labels, scalar, tensor
from derive.calculus.meaning import evaluate
from derive.calculus.points import MIXED, Budget, Problem
from derive.calculus.setting import Assumption, Axis, Definition, Setting
from derive.calculus.witness import agree, find_witness, points, within

N, K = dimension("N"), dimension("K")
i, j, k, l, n = (index(c) for c in "ijkln")
x, a, b = (scalar(c) for c in "xab")
z, y, s, W, Q, c = (tensor(name) for name in ("z", "y", "s", "W", "Q", "c"))
t = labels("t")
L = scalar("L")
D, Delta, Sum, Eq = sp.Derivative, sp.KroneckerDelta, sp.Sum, sp.Eq
AN, AK = Axis(N), Axis(K)
PLAIN = Setting(
    axes={i: AN, j: AN, k: AN},
    shapes={"z": (AN,), "y": (AN,), "c": (AN,), "W": (AN, AN), "Q": (AN, AN), "t": (AN,)},
    labels={"t": AN},
    definitions={
        "s": Definition("s", (i,), sp.exp(z[i]) / Sum(sp.exp(z[l]), (l, 1, N)), axes=(AN,)),
        "L": Definition("L", (), -Sum(y[i] * sp.log(s[i]), (i, 1, N))),
    },
)


def given(*relations: sp.Basic, fixed: tuple[sp.Symbol, ...] = ()) -> Setting:
    return PLAIN.assuming(*(Assumption(r, str(r), frozenset(fixed)) for r in relations))


SUM_ONE = Eq(Sum(y[i], (i, 1, N)), 1)
ONE_HOT = (sp.Contains(y[i], sp.FiniteSet(0, 1)), SUM_ONE)
ONE_HOT_PRODUCTS = (Eq(y[i] ** 2, y[i]), Eq(y[i] * y[j], Delta(i, j) * y[i]), SUM_ONE)
ORTHOGONAL = Eq(Sum(Q[i, k] * Q[j, k], (k, 1, N)), Delta(i, j))
UNIT = Eq(Sum(z[i] ** 2, (i, 1, N)), 1)
CENTRED = Eq(Sum(z[i], (i, 1, N)), 0)


# (true side, true side, its near miss, setting)
PAIRS = [
    (D(s[i], z[j]), s[i] * (Delta(i, j) - s[j]), s[i] * (Delta(i, j) - s[i]), PLAIN),
    (D(L, z[j]), s[j] * Sum(y[i], (i, 1, N)) - y[j], s[j] - y[j], PLAIN),
    (D(L, z[j]), s[j] - y[j], y[j] - s[j], given(SUM_ONE)),
    (D(L, z[j]), s[j] - y[j], s[j] - y[j] ** 2 / 2, given(*ONE_HOT)),
    (Sum(y[i] ** 2, (i, 1, N)), sp.Integer(1), Sum(y[i], (i, 1, N)) + 1, given(*ONE_HOT)),
    (Sum(y[i] ** 3, (i, 1, N)), sp.Integer(1), N, given(*ONE_HOT_PRODUCTS)),
    (W[i, j] + W[j, i], 2 * W[i, j], 2 * W[i, i], given(Eq(W[i, j], W[j, i]))),
    (Sum(Q[k, i] * Q[k, j], (k, 1, N)), Delta(i, j), sp.Integer(1), given(ORTHOGONAL)),
    (Sum(Q[i, k] ** 2, (k, 1, N)), sp.Integer(1), Sum(Q[i, k], (k, 1, N)) ** 2, given(ORTHOGONAL)),
    (Sum(z[i] ** 2, (i, 1, N)) ** 2, sp.Integer(1), Sum(z[i] ** 4, (i, 1, N)), given(UNIT)),
    (
        Sum((z[i] + z[j]) ** 2, (i, 1, N), (j, 1, N)),
        2 * N * Sum(z[i] ** 2, (i, 1, N)),
        2 * Sum(z[i] ** 2, (i, 1, N)),
        given(CENTRED),
    ),
    (c[i] ** 3, c[i], c[i] ** 2, given(Eq(c[i] ** 2, 1))),
    (sp.Abs(x), x, -x, given(x > 0)),
    (sp.log(a * x), sp.log(a) + sp.log(x), sp.log(a) * sp.log(x), given(x > 0, a > 0)),
    (sp.log(x) - sp.log(1 - x), sp.log(x / (1 - x)), sp.log(x * (1 - x)), given(x > 0, x < 1)),
    (Delta(i, j) * z[i], sp.Integer(0), z[i], given(sp.Ne(i, j), fixed=(i, j))),
    (z[i] * y[j], z[i] * y[i], z[j] * y[k], given(Eq(i, j), fixed=(i, j))),
    (a**2, b**2, a * b + 1, given(Eq(a, b))),
    (a, Sum(sp.exp(z[i]), (i, 1, N)), Sum(z[i], (i, 1, N)), given(Eq(a, Sum(sp.exp(z[i]), (i, 1, N))))),
    (Sum(z[k] * Delta(k, t[i]), (k, 1, N)), z[t[i]], z[i], PLAIN),
    (Sum(y[i] * z[i], (i, 1, N)), Sum(y[j] * z[j], (j, 1, N)), Sum(y[i], (i, 1, N)) * Sum(z[i], (i, 1, N)), PLAIN),
]


@pytest.mark.parametrize(("left", "right", "wrong", "setting"), PAIRS, ids=[f"{p[0]}={p[1]}" for p in PAIRS])
def test_true_claims_have_no_witness_and_near_misses_have_one(
    left: sp.Expr, right: sp.Expr, wrong: sp.Expr, setting: Setting
) -> None:
    assert find_witness(left, right, setting) is None
    agreement = agree(left, right, setting)
    assert agreement.holds and agreement.checked >= 3
    found = find_witness(left, wrong, setting)
    assert found is not None and found.left != found.right
    assert not agree(left, wrong, setting, 24).holds


@pytest.mark.parametrize("setting", [p[3] for p in PAIRS if p[3] is not PLAIN])
def test_points_meet_the_assumptions_exactly(setting: Setting) -> None:
    made = list(points(sum((z[i], y[i], c[i], x, a, b, W[i, j], Q[i, j]), sp.Integer(0)), z[k], setting, 5))
    assert made
    for point in made:
        for assumption in setting.assumptions:
            free = sorted({i, j, k} & assumption.relation.free_symbols - assumption.fixed, key=str)
            for idx in itertools.product(range(1, point.sizes["N"] + 1), repeat=len(free)):
                indices = point.indices | dict(zip((f.name for f in free), idx, strict=True))
                _assert_holds(assumption.relation, setting, Point(point.sizes, indices, point.values, point.functions))


def _assert_holds(relation: sp.Basic, setting: Setting, point: Point) -> None:
    if isinstance(relation, sp.Contains):
        value = evaluate(relation.args[0], setting, point)
        assert any(value == int(m) for m in relation.args[1])
        return
    if relation.lhs == a and relation.rhs.has(sp.Sum):
        return  # a takes the value of a transcendental expression, enclosed when it is evaluated
    if relation == Eq(a, b):
        return
    gap = evaluate(relation.lhs - relation.rhs, setting, point)
    assert {sp.Eq: gap == 0, sp.Ne: gap != 0, sp.Gt: gap > 0, sp.Lt: gap < 0}[type(relation)]


def test_only_n_equal_1() -> None:
    found = find_witness(Sum(sp.exp(z[i]), (i, 1, N)), sp.exp(Sum(z[i], (i, 1, N))), PLAIN)
    assert found is not None and found.sizes == {"N": 2}


def test_only_at_coinciding_indices() -> None:
    found = find_witness(z[i] * z[j], z[i] * z[j] + Delta(i, j) * Delta(j, k), PLAIN)
    assert found is not None and len(set(found.indices.values())) == 1


def test_only_at_distinct_indices() -> None:
    found = find_witness(Delta(i, j) * z[i] ** 2, z[i] * z[j] * (1 - (1 - Delta(i, j)) / 2), PLAIN)
    assert found is not None and found.indices["i"] != found.indices["j"]


@pytest.mark.parametrize("d", [2, 3, 4])
def test_identity_that_fails_first_at_n_equal_to_the_number_of_bound_indices(d: int) -> None:
    """The elementary symmetric sum of degree d, times d!, is 0 for every N < d."""
    bound = [index(f"m{q}") for q in range(d)]
    distinct = sp.Mul(*(1 - Delta(p, q) for p, q in itertools.combinations(bound, 2)))
    left = Sum(distinct * sp.Mul(*(z[q] for q in bound)), *((q, 1, N) for q in bound))
    found = find_witness(left, sp.Integer(0), PLAIN)
    assert found is not None and found.sizes == {"N": d}


def test_sizes_of_different_dimensions_vary_on_their_own() -> None:
    V = tensor("V")
    setting = Setting(axes={i: AN}, shapes={"V": (AN, AK)})
    found = find_witness(Sum(V[i, l], (l, 1, K)) * N, Sum(V[i, l], (l, 1, K)) * K, setting)
    assert found is not None and found.sizes["N"] != found.sizes["K"]


@pytest.mark.parametrize("digits", [10, 30, 300])
def test_sides_that_agree_to_many_digits(digits: int) -> None:
    tiny = sp.Rational(1, 10**digits)
    found = find_witness(sp.exp(x) * (1 + tiny), sp.exp(x), PLAIN)
    assert found is not None and found.left != found.right
    close = find_witness(sp.pi, sp.Rational(str(sp.pi.n(digits))), PLAIN)
    assert close is not None and close.left[: digits - 2] == close.right[: digits - 2] and close.left != close.right


def test_values_for_a_person() -> None:
    found = find_witness(Sum(y[i], (i, 1, N)), sp.Integer(1), PLAIN)
    assert found is not None and found.sizes == {"N": 1} and found.values == {"y": "(0)"}
    assert (found.left, found.right) == ("0", "1")
    found = find_witness(W[i, j], W[j, i], PLAIN)
    assert found is not None and found.values["W"].count("0") == 3


def test_signs_and_kinks_are_not_refutations() -> None:
    step = sp.Piecewise((1, x > 0), (0, True))
    assert find_witness(D(sp.Max(x, 0), x), step, PLAIN) is None
    assert find_witness(step, (1 + sp.sign(x)) / 2, PLAIN) is None
    assert find_witness(D(sp.Max(x, 0), x), sp.Integer(1), PLAIN) is not None
    huber = sp.Piecewise((x, sp.Abs(x) <= a), (a, True))
    assert find_witness(sp.Piecewise((x, sp.Abs(x) <= a), (a * sp.sign(x), True)), huber, given(a > 0)) is not None


def test_where_a_side_is_not_defined_nothing_is_refuted() -> None:
    assert find_witness(sp.log(x**2), 2 * sp.log(x), PLAIN) is None
    assert find_witness(sp.sqrt(x) * sp.sqrt(a), sp.sqrt(x * a), PLAIN) is None
    nowhere = agree(sp.log(-sp.exp(x)), sp.Integer(0), PLAIN)
    assert not nowhere.checked and nowhere.reason


def test_assumptions_that_no_point_meets() -> None:
    nothing = given(Eq(a, 1), Eq(a, 2))
    assert find_witness(a, sp.Integer(5), nothing) is None
    assert not agree(a, sp.Integer(5), nothing).checked
    impossible = given(Eq(Sum(y[i], (i, 1, N)), 1), Eq(Sum(y[i], (i, 1, N)), 2))
    assert "assumptions" in agree(y[i], y[i] + 1, impossible).reason


def test_labels_stay_in_their_axis() -> None:
    found = find_witness(Sum(z[k] * Delta(k, t[i]), (k, 1, N)), Sum(z[k], (k, 1, N)), PLAIN)
    assert found is not None
    assert all(1 <= int(v) <= found.sizes["N"] for v in found.values["t"].strip("()").split(","))


def test_unknown_functions_and_losses() -> None:
    f = sp.Function("f")
    u = scalar("u")
    inner = sp.Subs(D(f(u), u), u, x**2)
    assert find_witness(D(f(x**2), x), 2 * x * inner, PLAIN) is None
    assert find_witness(D(f(x**2), x), inner, PLAIN) is not None
    M = tensor("M")
    setting = Setting(
        axes={i: AN, j: AN},
        shapes={"W": (AN, AN), "z": (AN,), "M": (AN,)},
        definitions={"M": Definition("M", (i,), Sum(W[i, l] * z[l], (l, 1, N)), axes=(AN,))},
        depends={"E": (M[i],)},
    )
    E = scalar("E")
    assert find_witness(D(E, W[i, j]), D(E, M[i]) * z[j], setting) is None
    assert find_witness(D(E, W[i, j]), D(E, M[j]) * z[i], setting) is not None


def test_inverse_and_determinant_points_are_regular() -> None:
    product = Sum(W[i, k] * InverseEntry(W[a_, b_], (a_, 1, N), (b_, 1, N), k, j), (k, 1, N))
    assert agree(product, Delta(i, j), PLAIN).holds
    assert find_witness(product, sp.Integer(1), PLAIN) is not None


a_, b_ = index("a_"), index("b_")


def test_approximations_are_decided_by_enclosures() -> None:
    third = sp.Rational(1, 3)
    assert within(sp.exp(1), sp.Rational("2.718"), sp.Rational(1, 2000), Setting()).proved
    assert within(sp.exp(1), sp.Rational("2.719"), sp.Rational(1, 2000), Setting()).refuted
    assert within(third, sp.Rational("0.333"), sp.Rational(1, 2000), Setting()).proved
    assert not within(x, x, sp.Rational(1, 2000), PLAIN).proved
    assert within(x, x + 1, sp.Rational(1, 2000), PLAIN).refuted


def test_free_indices_over_a_known_size_are_all_looked_at() -> None:
    four = Axis(sp.Integer(4))
    v = Definition("v", (i,), sp.exp(i) / Sum(sp.exp(l), (l, 1, 4)), axes=(four,))
    setting = Setting(axes={i: four}, definitions={"v": v})
    nearly = sp.Piecewise((sp.Rational("0.032"), Eq(i, 1)), (sp.Rational("0.087"), Eq(i, 2)), (tensor("v")[i], True))
    assert within(tensor("v")[i], nearly, sp.Rational(1, 2000), setting).proved
    wrong = sp.Piecewise((sp.Rational("0.645"), Eq(i, 4)), (tensor("v")[i], True))
    refused = within(tensor("v")[i], wrong, sp.Rational(1, 2000), setting)
    assert refused.refuted and refused.witness is not None and refused.witness.indices == {"i": 4}


def test_the_search_is_deterministic() -> None:
    claim = D(L, z[j]), s[j] - y[j] ** 2, given(SUM_ONE)
    assert find_witness(*claim) == find_witness(*claim)


def test_the_budget_bounds_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    original = Problem.compare

    def counting(self: Problem, *args: object) -> object:
        counted.append(1)
        return original(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Problem, "compare", counting)
    assert find_witness(Sum(z[i], (i, 1, N)), Sum(z[j], (j, 1, N)), PLAIN, Budget(points=10)) is None
    assert len(counted) <= 16


def test_rational_points_of_a_sphere() -> None:
    problem = Problem(z[1], z[2], given(UNIT), Budget())
    seen = set()
    for _ in range(20):
        point = problem.point({"N": 3}, {"i": 1, "j": 1, "k": 1}, MIXED)
        entries = [Fraction(point.values["z", (m,)]) for m in (1, 2, 3)]
        assert sum(v * v for v in entries) == 1
        seen.add(tuple(entries))
    assert len(seen) > 5
