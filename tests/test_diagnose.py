"""Slips that people make, each with the repair that the judge proves."""

from __future__ import annotations

import pytest
import sympy as sp

from derive import diagnose as module
from derive.calculus.judge import prove
from derive.calculus.language import dimension, index, scalar, tensor
from derive.calculus.setting import Assumption, Axis, Definition, Setting
from derive.diagnose import TRIES, Repair, diagnose
from derive.show.latex import Style
from tests.work import calls

N, K = dimension("N"), dimension("K")
i, j, k, l = (index(c) for c in "ijkl")
x, a, lam = scalar("x"), scalar("a"), scalar("\\lambda")
z, y, s, W, X, w, v = (tensor(c) for c in ("z", "y", "s", "W", "X", "w", "v"))
L = scalar("L")
D, Delta, Sum = sp.Derivative, sp.KroneckerDelta, sp.Sum
AN, AK = Axis(N), Axis(K)
SETTING = Setting(
    axes={i: AN, j: AN, k: AK},
    shapes={"z": (AN,), "y": (AN,), "w": (AN,), "v": (AN,), "W": (AN, AN), "X": (AK, AN)},
    definitions={
        "s": Definition("s", (i,), sp.exp(z[i]) / Sum(sp.exp(z[l]), (l, 1, N)), axes=(AN,)),
        "L": Definition("L", (), -Sum(y[i] * sp.log(s[i]), (i, 1, N))),
    },
)
SUMS = SETTING.assuming(Assumption(sp.Eq(Sum(y[i], (i, 1, N)), 1), "sum of y is 1"))
QUADRATIC = Sum(W[k, l] * z[k] * z[l], (k, 1, N), (l, 1, N))


def q(index_symbol: sp.Symbol) -> sp.Expr:
    return Sum((W[index_symbol, l] + W[l, index_symbol]) * z[l], (l, 1, N))


# (left, wrong right side, what the sentence says, setting)
SLIPS = [
    (D(L, z[j]), y[j] - s[j], "sign: the right side is off by a factor $-1$", SUMS),
    (D(s[i], z[j]), Delta(i, j) * s[i] + s[i] * s[j], "sign of the term", SETTING),
    (D(Sum(z[l] ** 2, (l, 1, N)) / N, z[i]), 2 * z[i], r"\frac{1}{N}", SETTING),
    (D(Sum(z[l] ** 2, (l, 1, N)), z[i]), 2 * z[i] / N, "multiplied by $N$", SETTING),
    (D(Sum(z[l] ** 2, (l, 1, N)), z[i]), z[i], "multiplied by $2$", SETTING),
    (D(Sum(z[l] ** 2, (l, 1, N)), z[i]), 4 * z[i], r"multiplied by $\frac{1}{2}$", SETTING),
    (D(Sum(z[l] ** 2, (l, 1, N)) + lam * z[i], z[i]), 2 * z[i], r"a term $\lambda$ is missing", SETTING),
    (D(s[i], z[j]), s[i] * (Delta(i, j) - s[i]), "should be $s_j$", SETTING),
    (D(s[i], z[j]), s[j] * (Delta(i, j) - s[j]), "should be $s_i$", SETTING),
    (D(s[i], z[j]), s[i] * (1 - s[j]), r"\delta_{ij}", SETTING),
    (D(s[i], z[i]), s[i] * s[i], "s_i", SETTING),
    (D(L, z[j]), s[j] - y[j], r"needs $\sum_{l=1}^N y_l = 1$", SETTING),
    (D(QUADRATIC, z[i]), 2 * Sum(W[i, l] * z[l], (l, 1, N)), "needs $W$ to be symmetric", SETTING),
    (D(Sum(W[i, l] * z[l], (l, 1, N)), z[j]), W[j, i], "$i$ and $j$ are swapped", SETTING),
    (D(Sum(X[k, l] * z[l], (l, 1, N)), z[j]), X[k, i], "$i$ and $j$ are swapped", SETTING),
    (sp.Max(x, 0), x, "needs $x > 0$", SETTING),
    (sp.log(x**2), 2 * sp.log(x) + 1, "$1$ does not belong", SETTING),
    (D(sp.log(1 + sp.exp(x)), x), 1 / (1 + sp.exp(x)), "e^", SETTING),
    (D(sp.tanh(x), x), 1 - sp.tanh(x), r"\tanh^2(x)", SETTING),
    (Sum(W[i, j], (i, 1, N)) + W[i, i], Sum(W[j, i], (i, 1, N)) + W[i, i], "should be transposed", SETTING),
    (
        Sum(w[i] * z[i], (i, 1, N)),
        Sum(w[i], (i, 1, N)) * Sum(z[i], (i, 1, N)),
        "a product of sums stands for a sum of products",
        SETTING,
    ),
    (Sum(z[i], (i, 1, N)) ** 2, Sum(z[i] ** 2, (i, 1, N)), "a sum of powers stands for the power of a sum", SETTING),
    (Sum(Delta(i, l) * z[l], (l, 1, N)), Sum(z[l], (l, 1, N)), "l", SETTING),
    (Delta(i, j) * z[i] - z[i] * z[j], -z[i] * z[j], r"\delta_{ij}", SETTING),
    (D(1 / Sum(sp.exp(z[l]), (l, 1, N)), z[i]), -1 / Sum(sp.exp(z[l]), (l, 1, N)) ** 2, "e^", SETTING),
    (sp.exp(x) * sp.exp(a), sp.exp(x * a), "should be $e^{a + x}$", SETTING),
]


@pytest.mark.parametrize(("left", "wrong", "says", "setting"), SLIPS, ids=[f"{c[0]}={c[1]}" for c in SLIPS])
def test_slips(left: sp.Expr, wrong: sp.Expr, says: str, setting: Setting) -> None:
    assert prove(left, wrong, setting).refuted
    repair = diagnose(left, wrong, setting, prove)
    if repair is None:
        pytest.fail("no repair")
    assert says in repair.sentence
    assert repair.verdict is not None and repair.verdict.proved
    if repair.right is None:
        assert prove(left, wrong, setting.assuming(*repair.assumptions)).proved
    else:
        assert prove(left, repair.right, setting).proved


def test_only_what_is_proved_is_a_repair() -> None:
    """With a judge that proves nothing there is no repair, however well the numbers agree."""
    from derive.calculus.verdict import Kind, Verdict

    assert diagnose(D(L, z[j]), y[j] - s[j], SUMS, lambda *_: Verdict(Kind.UNDECIDED)) is None


def test_the_judge_is_asked_so_many_times_at_most() -> None:
    """The search is bounded by counts, so that it ends at the same place on every machine."""
    from derive.calculus.verdict import Kind, Verdict

    asked: list[sp.Expr] = []

    def never(left: sp.Expr, *_: object) -> Verdict:
        asked.append(left)
        return Verdict(Kind.UNDECIDED)

    for left, wrong, _, setting in SLIPS:
        asked.clear()
        diagnose(left, wrong, setting, never)
        assert len(asked) <= TRIES


def test_without_operations_left_no_further_slip_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    left, wrong = D(s[i], z[j]), s[i] * (Delta(i, j) - s[i])
    assert diagnose(left, wrong, SETTING, prove) is not None
    monkeypatch.setattr(module, "TOTAL", 0)
    assert diagnose(left, wrong, SETTING, prove) is None


def test_a_repair_is_not_the_left_side_again() -> None:
    total = Sum(w[i] * z[i], (i, 1, N))
    repair = diagnose(total, sp.Integer(1), SETTING, prove)
    assert repair is None or repair.right is None or not repair.right.has(total)


def test_far_off_claims_have_no_repair_and_cost_little() -> None:
    far = sp.Rational(3, 7) * sp.cos(a) ** 5
    assert calls(lambda: diagnose(sp.erf(x), far, SETTING, prove)) < 2_000_000
    assert diagnose(sp.erf(x), far, SETTING, prove) is None


def test_repairs_are_data() -> None:
    repair = diagnose(D(L, z[j]), y[j] - s[j], SUMS, prove)
    assert isinstance(repair, Repair) and not repair.assumptions
    assert sp.simplify(repair.right - (s[j] - y[j])) == 0


def test_sentences_are_in_the_style_of_the_note() -> None:
    repair = diagnose(D(s[i], z[j]), s[i] * (1 - s[j]), SETTING, prove, Style(delta="indicator"))
    assert repair is not None
    assert r"\mathbb{1}\{i=j\}" in repair.sentence and r"\delta" not in repair.sentence
