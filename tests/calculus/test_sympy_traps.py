"""What SymPy gets wrong is right here, and what a user may hand in is read rightly or refused by name.

The first table has statements that SymPy's own operations come out with, or should have come out with; the
``TRAPS`` of the last test say what it does today, so that a change there is noticed.
"""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import derive
from derive.calculus.language import Det, InverseEntry, dimension, index, scalar, tensor

i, j, k, l = map(index, "ijkl")
N, M = map(dimension, "NM")
x, y, z, A, B = map(tensor, "xyzAB")
u, v = map(scalar, "uv")
Sum, d, delta, exp, log = sp.Sum, sp.Derivative, sp.KroneckerDelta, sp.exp, sp.log

det = Det(A[i, j], (i, 1, N), (j, 1, N))
trace = Sum(A[i, i], (i, 1, N))
total = Sum(exp(z[l]), (l, 1, N))
softmax = {q: exp(z[q]) / total for q in (i, j, k)}


def inverse(row: Any, column: Any) -> sp.Expr:
    return InverseEntry(A[i, j], (i, 1, N), (j, 1, N), row, column)


RIGHT: list[tuple[str, Any, Any]] = [
    ("the bound index is not captured", d(Sum(z[k] ** 2, (k, 1, N)), z[k]), 2 * z[k]),
    ("nor in a product of sums", d(Sum(z[k] * y[k], (k, 1, N)) * z[k], z[k]),
     y[k] * z[k] + Sum(z[l] * y[l], (l, 1, N))),
    ("a free index beside a bound one of its name", Sum(x[i], (i, 1, N)) * y[i], Sum(x[k] * y[i], (k, 1, N))),
    ("softmax, first derivative", d(softmax[i], z[j]), softmax[i] * (delta(i, j) - softmax[j])),
    ("softmax, second derivative", d(softmax[i], z[j], z[k]),
     softmax[i] * ((delta(i, j) - softmax[j]) * (delta(i, k) - softmax[k]) - softmax[j] * (delta(j, k) - softmax[k]))),
    ("log det", d(log(det), A[k, l]), inverse(l, k)),
    ("det squared", d(det**2, A[k, l]), 2 * det**2 * inverse(l, k)),
    ("log of the trace", d(log(trace), A[k, l]), delta(k, l) / trace),
    ("trace of a square", d(Sum(A[i, j] * A[j, i], (i, 1, N), (j, 1, N)), A[k, l]), 2 * A[l, k]),
    ("the square of a vector", d(Sum(x[i] * x[i], (i, 1, N)), x[k]), 2 * x[k]),
]  # fmt: skip

WRONG: list[tuple[str, Any, Any]] = [
    ("capture in a derivative", d(Sum(z[k] ** 2, (k, 1, N)), z[k]), Sum(2 * z[k], (k, 1, N))),
    ("capture in a substitution", Sum(x[i] * y[j], (i, 1, N)), Sum(x[i] * y[i], (i, 1, N))),
    ("a bound index set free", Sum(x[i], (i, 1, N)), N * x[i]),
    ("no derivative of log det", d(log(det), A[k, l]), 0),
    ("no derivative of det squared", d(det**2, A[k, l]), 0),
    ("no derivative of the log of the trace", d(log(trace), A[k, l]), 0),
    ("no derivative of a square", d(Sum(x[i] * x[i], (i, 1, N)), x[k]), 0),
]


@pytest.mark.parametrize(("left", "right"), [row[1:] for row in RIGHT], ids=[row[0] for row in RIGHT])
def test_right(left: Any, right: Any) -> None:
    verdict = derive.prove(left, right)
    assert verdict.proved, verdict


@pytest.mark.parametrize(("left", "right"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong(left: Any, right: Any) -> None:
    assert not derive.prove(left, right).proved


# ---- what users hand in ---------------------------------------------------------------------------------

p, q = sp.symbols("p q", cls=sp.Idx)
dummy = sp.Dummy("i", integer=True)
plain_i, plain_j = sp.symbols("i j")
plain_x, plain_y = sp.IndexedBase("x"), sp.IndexedBase("y")
range_i, range_j = sp.Idx("i", N), sp.Idx("j", N)
shaped = sp.IndexedBase("x", shape=(N,))
P, Q = sp.MatrixSymbol("P", N, N), sp.MatrixSymbol("Q", N, N)
sifted = Sum(delta(i, j) * x[i], (i, 1, N))

READ: list[tuple[str, Any, Any]] = [
    ("Idx", Sum(x[p] * delta(p, q), (p, 1, N)), x[q]),
    ("Idx counted from 0", Sum(x[p] * delta(p, q), (p, 0, N - 1)), x[q]),
    ("Idx with a range", d(Sum(shaped[range_i] ** 2, (range_i, 0, N - 1)), shaped[range_j]), 2 * shaped[range_j]),
    ("plain symbols", d(Sum(plain_x[plain_i] * plain_y[plain_i], (plain_i, 1, N)), plain_x[plain_j]), plain_y[plain_j]),
    ("Dummy", Sum(x[dummy] * y[i], (dummy, 1, N)), y[i] * Sum(x[k], (k, 1, N))),
    ("unevaluated derivative", sp.Derivative(Sum(x[i] ** 3, (i, 1, N)), x[j]), 3 * x[j] ** 2),
    ("derivative in a product", sp.Derivative(u**2 * v, u, v), 2 * u),
    ("product", sp.Product(exp(x[i]), (i, 1, N)), exp(Sum(x[i], (i, 1, N)))),
    ("product of a constant", sp.Product(u, (i, 1, N)), u**N),
    ("entries of matrix symbols", Sum(P[i, k] * delta(k, j), (k, 1, N)), P[i, j]),
    ("derivative in a matrix entry", sp.Derivative(Sum(P[i, k] * Q[k, i], (i, 1, N), (k, 1, N)), P[k, l]), Q[l, k]),
    ("entries of an array", sp.ImmutableDenseNDimArray([u, v, u + v])[2], u + v),
    ("entries of a matrix", sp.Matrix([[u, v], [v, u]]).det(), u**2 - v**2),
    ("cases on indices", sp.Piecewise((x[i], sp.Eq(i, j)), (0, True)), delta(i, j) * x[j]),
    ("cases on values", sp.Piecewise((u, u > 0), (-u, True)), sp.Abs(u)),
]

REFUSED: list[tuple[str, Any, str]] = [
    ("integral", sp.Integral(u**2, (u, 0, 1)), "Integral"),
    ("limit", sp.Limit(sp.sin(u) / u, u, 0), "Limit"),
    ("a matrix as a whole", P * Q, "Mat"),
    ("an unknown function of the library", sp.besselj(0, u), "besselj"),
    ("a complex number", sp.I * u, "I"),
    ("a function by the name of another", sp.Function("tanh")(u), "tanh"),
]


@pytest.mark.parametrize(("left", "right"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_read_rightly(left: Any, right: Any) -> None:
    verdict = derive.prove(left, right)
    assert verdict.proved, verdict
    assert not derive.prove(left, right + 1).proved


@pytest.mark.parametrize(("expr", "word"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused_by_name(expr: Any, word: str) -> None:
    try:
        verdict = derive.prove(expr, expr)
    except (ValueError, TypeError) as refused:
        assert word in str(refused)
    else:
        assert not verdict.proved
        assert not verdict.refuted
        assert word in verdict.reason


def test_range_conditions_of_a_sifted_sum() -> None:
    """``doit`` answers with a condition on the range of the free index, which its axis fulfils."""
    done = sifted.doit()
    assert isinstance(done, sp.Piecewise)
    verdict = derive.prove(done, x[j])
    assert verdict.proved, verdict
    assert derive.prove(sifted, done).proved
    assert not derive.prove(done, 2 * x[j]).proved


# ---- what SymPy does ------------------------------------------------------------------------------------


def test_traps() -> None:
    """If one of these changes, SymPy has been mended there."""
    assert sp.diff(Sum(z[k] ** 2, (k, 1, N)), z[k]) == Sum(2 * z[k], (k, 1, N))
    assert Sum(x[i] * y[j], (i, 1, N)).subs(j, i) == Sum(x[i] * y[i], (i, 1, N))
    inner = Sum(sp.Piecewise((0, sp.Eq(k, l)), (x[l], True)), (l, 1, N))
    assert l not in inner.free_symbols
    assert l in Sum(exp(inner), (k, 1, N)).free_symbols
