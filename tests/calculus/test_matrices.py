"""Laws of determinants and inverses, for matrices of every size."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import derive
from derive.calculus.language import Det, InverseEntry, index, scalar, tensor
from tests.calculus.identities import A, M, N, X, d, delta, i, iN, j, jN, k, kN, l, lN, log, m, total, x, y

a, b = map(index, ("a", "b"))
p = index("p")
B = tensor("B")
t, lam = scalar("t"), scalar("lam")


def det(entry: Any, size: Any = N) -> sp.Expr:
    return Det(entry(a, b), (a, 1, size), (b, 1, size))


def inv(entry: Any, row: Any, column: Any, size: Any = N) -> sp.Expr:
    return InverseEntry(entry(a, b), (a, 1, size), (b, 1, size), row, column)


def product(r: Any, c: Any) -> sp.Expr:
    return total(A[r, k] * B[k, c], kN)


def changed(r: Any, c: Any) -> sp.Expr:
    return A[r, c] + x[r] * y[c]


def gram(r: Any, c: Any) -> sp.Expr:
    return total(X[m, r] * X[m, c], (m, M)) + lam * delta(r, c)


def outer_gram(r: Any, c: Any) -> sp.Expr:
    return total(X[r, k] * X[c, k], kN) + lam * delta(r, c)


def _A(r: Any, c: Any) -> sp.Expr:
    return A[r, c]


def _B(r: Any, c: Any) -> sp.Expr:
    return B[r, c]


def turned(r: Any, c: Any) -> sp.Expr:
    return A[c, r]


def scaled(r: Any, c: Any) -> sp.Expr:
    return x[r] * A[r, c] * y[c]


def diagonal(r: Any, c: Any) -> sp.Expr:
    return delta(r, c) * x[r]


around = total(y[k] * inv(_A, k, l) * x[l], kN, lN)
correction = total(inv(_A, i, k) * x[k], kN) * total(y[l] * inv(_A, l, j), lN) / (1 + around)

TRUE: dict[str, tuple[Any, Any]] = {
    "det of a product": (det(product), det(_A) * det(_B)),
    "det of a transpose": (det(turned), det(_A)),
    "det of an inverse": (det(lambda r, c: inv(lambda u, v: A[u, v], r, c)), 1 / det(_A)),
    "det of a multiple": (det(lambda r, c: t * A[r, c]), t**N * det(_A)),
    "det of scaled rows and columns": (
        det(scaled),
        sp.Product(x[i], (i, 1, N)) * sp.Product(y[i], (i, 1, N)) * det(_A),
    ),
    "det of a diagonal": (det(diagonal), sp.Product(x[i], (i, 1, N))),
    "log det of a diagonal": (log(det(lambda r, c: delta(r, c) * sp.exp(x[r]))), total(x[i], iN)),
    "det of a square": (det(lambda r, c: total(A[r, k] * A[k, c], kN)), det(_A) ** 2),
    "det of A^T A": (det(lambda r, c: total(A[k, r] * A[k, c], kN)), det(_A) ** 2),
    "matrix determinant lemma": (det(changed), det(_A) * (1 + around)),
    "det of 1 + x y": (det(lambda r, c: delta(r, c) + x[r] * y[c]), 1 + total(x[i] * y[i], iN)),
    "slope of the det of a product": (d(det(product), A[i, j]), det(product) * inv(_A, j, i)),
    "inverse of a product": (inv(product, i, j), total(inv(_B, i, k) * inv(_A, k, j), kN)),
    "inverse of a transpose": (inv(turned, i, j), inv(_A, j, i)),
    "inverse of an inverse": (inv(lambda r, c: inv(lambda u, v: A[u, v], r, c), i, j), A[i, j]),
    "inverse of a multiple": (inv(lambda r, c: t * A[r, c], i, j), inv(_A, i, j) / t),
    "inverse of a diagonal": (inv(diagonal, i, j), delta(i, j) / x[i]),
    "inverse of scaled rows and columns": (inv(scaled, i, j), inv(_A, i, j) / (x[j] * y[i])),
    "Sherman and Morrison": (inv(changed, i, j), inv(_A, i, j) - correction),
    "push through": (
        total(X[m, i] * inv(outer_gram, m, p, M), (m, M)),
        total(inv(gram, i, j) * X[p, j], jN),
    ),
}
FALSE: dict[str, tuple[Any, Any]] = {
    "inverse of a product in the wrong order": (inv(product, i, j), total(inv(_A, i, k) * inv(_B, k, j), kN)),
    "det of a multiple without the size": (det(lambda r, c: t * A[r, c]), t * det(_A)),
    "determinant lemma turned": (
        det(changed),
        det(_A) * (1 + total(x[k] * inv(_A, k, l) * y[l], kN, lN)),
    ),
    "Sherman and Morrison with a plus": (inv(changed, i, j), inv(_A, i, j) + correction),
    "det of a sum": (det(lambda r, c: A[r, c] + B[r, c]), det(_A) + det(_B)),
    "scaled rows for columns": (inv(scaled, i, j), inv(_A, i, j) / (x[i] * y[j])),
    "det of the all-ones matrix": (det(lambda r, c: x[r] * y[c]), total(x[i] * y[i], iN)),
}


@pytest.mark.parametrize("name", TRUE)
def test_is_proved(name: str) -> None:
    verdict = derive.prove(*TRUE[name])
    assert verdict.proved, verdict


@pytest.mark.parametrize("name", FALSE)
def test_is_refuted(name: str) -> None:
    assert derive.prove(*FALSE[name]).refuted


def test_what_is_assumed_of_an_index_is_not_lost_in_a_sum() -> None:
    """i != j says nothing of the other entries of a column."""
    assert not derive.prove(inv(changed, i, j), inv(_A, i, j), assuming=[sp.Ne(i, j)]).proved


def test_singular_changes_stay_as_they_are() -> None:
    """Two products of a column and a row: no rule may divide by the determinant of one of them."""
    two = det(lambda r, c: x[r] * y[c] + X[1, r] * X[2, c])
    assert not derive.prove(two, sp.Integer(0)).proved
