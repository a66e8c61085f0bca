"""Inverses and determinants: what cancels, what is symmetric, and their derivatives."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import derive
from derive.calculus.language import Det, InverseEntry, index, scalar
from tests.calculus.identities import A, B, M, N, X, d, delta, i, iN, j, jN, k, kN, l, log, m, total, w, x, y

a, b, c = map(index, ("a", "b", "c"))
lam = scalar("lam")
SYMMETRIC = [sp.Eq(A[i, j], A[j, i])]


def inverse(row: Any, column: Any) -> sp.Expr:
    return InverseEntry(A[i, j], (i, 1, N), (j, 1, N), row, column)


def gram(row: Any, column: Any) -> sp.Expr:
    return total(X[m, row] * X[m, column], (m, M)) + lam * delta(row, column)


def gram_inverse(row: Any, column: Any) -> sp.Expr:
    return InverseEntry(gram(i, j), (i, 1, N), (j, 1, N), row, column)


def quadratic() -> sp.Expr:
    return total((x[i] - y[i]) * inverse(i, j) * (x[j] - y[j]), iN, jN)


det = Det(A[i, j], (i, 1, N), (j, 1, N))
bilinear = total(x[i] * inverse(i, j) * y[j], iN, jN)
gradient = 2 * total(inverse(k, j) * (x[j] - y[j]), jN)


def small(n: int) -> tuple[Any, Any]:
    return (i, 1, n), (j, 1, n)


det2, det3 = (Det(A[i, j], *small(n)) for n in (2, 3))
product2 = sp.Sum(A[i, k] * B[k, j], (k, 1, 2))

ridge = total(gram(a, b) * total(gram_inverse(b, c) * X[m, c] * w[m], (c, N), (m, M)), (b, N))

TRUE: dict[str, tuple[Any, Any, list[Any]]] = {
    "inverse": (total(A[i, j] * inverse(j, k), jN), delta(i, k), []),
    "inverse in a chain": (total(x[i] * inverse(i, j) * A[j, k] * y[k], iN, jN, kN), total(x[i] * y[i], iN), []),
    "inverse of a symmetric matrix": (inverse(k, l), inverse(l, k), SYMMETRIC),
    "gradient of a quadratic form": (d(quadratic(), x[k]), gradient, SYMMETRIC),
    "inverse of a sum of matrices": (total(gram(a, b) * gram_inverse(b, c), (b, N)), delta(a, c), []),
    "a Gram matrix is symmetric": (gram_inverse(a, b), gram_inverse(b, a), []),
    "ridge normal equations": (ridge, total(X[m, a] * w[m], (m, M)), []),
    "log-determinant": (d(log(det), A[k, l]), inverse(l, k), []),
    "square of a determinant": (d(det**2, A[k, l]), 2 * det**2 * inverse(l, k), []),
    "bilinear form": (d(bilinear, A[k, l]), -total(inverse(i, k) * x[i], iN) * total(inverse(l, j) * y[j], jN), []),
    "determinant of two rows": (det2, A[1, 1] * A[2, 2] - A[1, 2] * A[2, 1], []),
    "determinant of a product of two rows": (Det(product2, *small(2)), det2 * Det(B[i, j], *small(2)), []),
    "log-determinant of three rows": (d(log(det3), A[k, l]), InverseEntry(A[i, j], *small(3), l, k), []),
    "inverse of two rows": (InverseEntry(A[i, j], *small(2), 1, 2), -A[1, 2] / det2, []),
    "inverse of three rows": (sp.Sum(A[k, l] * InverseEntry(A[i, j], *small(3), l, m), (l, 1, 3)), delta(k, m), []),
}
FALSE: dict[str, tuple[Any, Any]] = {
    "inverse of two rows turned": (InverseEntry(A[i, j], *small(2), 1, 2), -A[2, 1] / det2),
    "inverse turned": (inverse(k, l), inverse(l, k)),
    "quadratic form as if symmetric": (d(quadratic(), x[k]), gradient),
    "log-determinant turned": (d(log(det), A[k, l]), inverse(k, l)),
    "bilinear form turned": (
        d(bilinear, A[k, l]),
        -total(inverse(i, l) * x[i], iN) * total(inverse(k, j) * y[j], jN),
    ),
}


@pytest.mark.parametrize("name", TRUE)
def test_is_proved(name: str) -> None:
    left, right, assuming = TRUE[name]
    verdict = derive.prove(left, right, assuming=assuming)
    assert verdict.proved, verdict


@pytest.mark.parametrize("name", FALSE)
def test_is_refuted(name: str) -> None:
    left, right = FALSE[name]
    assert derive.prove(left, right).refuted
