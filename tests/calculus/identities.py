"""A page of index calculus: identities that hold for every dimension, and statements that almost do."""

from __future__ import annotations

from typing import Any

import sympy as sp

from derive.calculus.language import MaxOver, dimension, index, scalar, tensor

i, j, k, l, m, n = map(index, "ijklmn")
N, M, K = map(dimension, "NMK")
x, y, z, a, b, p, q, w = map(tensor, "xyzabpqw")
A, B, C, S, X, W = map(tensor, "ABCSXW")
u, v, c, t, r = map(scalar, "uvctr")
f = sp.Function("f")
delta, exp, log, sqrt, tanh, Rational = sp.KroneckerDelta, sp.exp, sp.log, sp.sqrt, sp.tanh, sp.Rational


def total(body: Any, *limits: tuple[sp.Symbol, sp.Expr]) -> sp.Expr:
    return sp.Sum(body, *((index_, 1, size) for index_, size in limits))


def d(expr: Any, *variables: Any) -> sp.Expr:
    return sp.Derivative(expr, *variables)


def sigma(e: Any) -> sp.Expr:
    return 1 / (1 + exp(-e))


iN, jN, kN, lN = (i, N), (j, N), (k, N), (l, N)  # noqa: N816
lse = log(total(exp(z[l]), lN))
mean = total(x[j], jN) / N
norm = sqrt(total(x[i] ** 2, iN))


def softmax(i_: Any) -> sp.Expr:
    return exp(z[i_]) / total(exp(z[l]), lN)


def attention(i_: Any, j_: Any) -> sp.Expr:
    return exp(S[i_, j_]) / total(exp(S[i_, l]), (l, M))


attended = total(attention(i, j) * x[j], (j, M))
max_z = MaxOver(z[k], (k, 1, N))
bias = sp.Sum(W[i, j] * sp.Piecewise((1, sp.Eq(j, 0)), (y[j], True)), (j, 0, N))
row_sums = total(W[i, j] * x[j], (j, M))

TRUE: list[tuple[str, Any, Any]] = [
    ("delta sums to one", total(delta(i, j), jN), 1),
    ("delta meets delta", total(delta(i, j) * delta(j, k), jN), delta(i, k)),
    ("delta sifts", total(x[j] * delta(i, j), jN), x[i]),
    ("delta squared", delta(i, j) ** 2, delta(i, j)),
    ("trace by delta", total(A[i, j] * delta(i, j), iN, jN), total(A[k, k], kN)),
    ("delta renames", delta(i, j) * exp(x[i]) * A[i, j], delta(i, j) * exp(x[j]) * A[j, j]),
    ("square of a sum", total(x[i], iN) ** 2, total(x[i] * x[j], iN, jN)),
    ("associativity", total(A[i, j] * B[j, k] * C[k, l], jN, kN), total(total(A[i, j] * B[j, k], jN) * C[k, l], kN)),
    ("cycle of three", total(A[i, j] * A[j, k] * A[k, i], iN, jN, kN), total(A[k, i] * A[j, k] * A[i, j], jN, kN, iN)),
    (
        "bilinear form either way",
        total(x[i] * total(A[i, j] * y[j], jN), iN),
        total(y[j] * total(A[i, j] * x[i], iN), jN),
    ),
    (
        "chain from either end",
        total(q[j] * total(total(A[k, l] * p[l], lN) * B[j, k], kN) * total(C[j, m], (m, M)), jN),
        total(total(q[j] * B[j, k] * total(C[j, m], (m, M)), jN) * total(A[k, l] * p[l], lN), kN),
    ),
    ("variance", total((x[i] - mean) ** 2, iN), total(x[i] ** 2, iN) - total(x[i], iN) ** 2 / N),
    ("idle sum", total(u, iN), N * u),
    ("sum without i", total((1 - delta(i, j)) * x[j], jN), total(x[j], jN) - x[i]),
    ("shifted range", sp.Sum(x[l + 1], (l, 0, N - 1)), total(x[k], kN)),
    ("the first apart", total(x[i], iN), x[1] + sp.Sum(x[i], (i, 2, N))),
    ("the last apart", total(x[i], iN), x[N] + sp.Sum(x[i], (i, 1, N - 1))),
    ("two ends apart, weighted", sp.Sum(i * x[i], (i, 2, N)), total(i * x[i], iN) - x[1]),
    ("one further", total(delta(i, j + 1), iN) * x[j] + total(x[i], iN), (1 - delta(j, N)) * x[j] + total(x[i], iN)),
    ("neither before the other", delta(i, j + 1) * delta(j, i + 1) * x[i], 0),
    ("telescoping", sp.Sum(x[i] - x[i - 1], (i, 1, N)), x[N] - x[0]),
    (
        "summation by parts",
        sp.Sum(w[i] * (x[i] - x[i - 1]), (i, 1, N)),
        w[N] * x[N] - w[1] * x[0] - sp.Sum(x[i] * (w[i + 1] - w[i]), (i, 1, N - 1)),
    ),
    (
        "part of a matrix",
        total(y[k] * sp.Sum(A[k, l] * x[l], (l, 1, N - 1)), kN),
        total(y[k] * A[k, l] * x[l], kN, lN) - x[N] * total(y[k] * A[k, N], kN),
    ),
    ("the last entry", total(delta(N, k) * x[k], kN), x[N]),
    ("bias column", bias, W[i, 0] + total(W[i, j] * y[j], jN)),
    ("rows of attention", total(attention(i, j), (j, M)), 1),
    ("rows of attention, weighted", total(attention(i, j) * w[i], iN, (j, M)), total(w[i], iN)),
    ("softmax of rows", d(attended, S[k, l]), delta(i, k) * attention(i, l) * (x[l] - attended)),
    ("sigmoid prime", d(sigma(u), u), sigma(u) * (1 - sigma(u))),
    ("sigmoid of minus", sigma(-u), 1 - sigma(u)),
    ("tanh by sigmoid", tanh(u), 2 * sigma(2 * u) - 1),
    ("tanh prime", d(tanh(u), u), 1 - tanh(u) ** 2),
    ("hyperbolic", sp.cosh(u) ** 2 - sp.sinh(u) ** 2, 1),
    ("circular", sp.sin(u) ** 2 + sp.cos(u) ** 2, 1),
    ("log sigmoid", log(sigma(u)), -log(1 + exp(-u))),
    ("softplus prime", d(log(1 + exp(u)), u), sigma(u)),
    ("unknown function", d(total(f(x[i]), iN), x[j]), sp.Subs(d(f(t), t), t, x[j])),
    ("chain rule", d(f(u * v), u), v * sp.Subs(d(f(t), t), t, u * v)),
    ("max and min", sp.Max(u, v) + sp.Min(u, v), u + v),
    ("relu of both signs", sp.Max(u, 0) - sp.Max(-u, 0), u),
    ("max by modulus", sp.Max(u, v), (u + v + sp.Abs(u - v)) / 2),
    ("maximum of exponentials", sp.Max(2 * exp(u), exp(v)), exp(sp.Max(u + log(2), v))),
    ("modulus of a product", sp.Abs(u * v), sp.Abs(u) * sp.Abs(v)),
    ("log of two exponentials", log(exp(u) + exp(v)), sp.Max(u, v) + log(1 + exp(-sp.Abs(u - v)))),
    ("shift of log-sum-exp", lse, c + log(total(exp(z[l] - c), lN))),
    ("shift by the maximum", lse, max_z + log(total(exp(z[l] - max_z), lN))),
    ("Hessian of log-sum-exp", d(lse, z[i], z[j]), softmax(i) * (delta(i, j) - softmax(j))),
    ("capture-free derivative", d(total(z[k] ** 2, kN), z[k]), 2 * z[k]),
    ("logarithm of a square", log(u**2), 2 * log(u)),
    ("root of a square", sqrt(4 * u**2), 2 * sp.Abs(u)),
    ("gradient of a norm", d(norm, x[j]), x[j] / norm),
    ("product of exponentials", sp.Product(exp(x[i]), (i, 1, N)), exp(total(x[i], iN))),
    ("product with one exception", sp.Product(u + v * delta(i, j), (j, 1, N)), u ** (N - 1) * (u + v)),
    ("derivative of a product", d(sp.Product(x[i], (i, 1, N)), x[j]), sp.Product(x[i], (i, 1, N)) / x[j]),
    ("quadratic form", d(total(x[i] * A[i, j] * x[j], iN, jN), x[k]), total((A[k, j] + A[j, k]) * x[j], jN)),
    ("error function", d(sp.erf(u), u), 2 / sqrt(sp.pi) * exp(-(u**2))),
    ("parts of one under a sum", total(exp(x[i]) / (1 + exp(x[i])), iN) + total(1 / (1 + exp(x[i])), iN), N),
    (
        "partial fractions under a sum",
        total(1 / ((1 + x[i] ** 2) * (2 + x[i] ** 2)), iN),
        total(1 / (1 + x[i] ** 2), iN) - total(1 / (2 + x[i] ** 2), iN),
    ),
    ("powers of one base", u**r * u ** (2 * r), u ** (3 * r)),
    ("powers of two", 2**N * 2**N, 4**N),
    ("least squares", d(total(row_sums**2, iN), W[k, l]), 2 * total(W[k, j] * x[j], (j, M)) * x[l]),
    ("fractions", 1 / (u + v) + 1 / (u - v), 2 * u / (u**2 - v**2)),
]

FALSE: list[tuple[str, Any, Any]] = [
    ("delta sums to N", total(delta(i, j), jN), N),
    ("delta meets delta, wrong end", total(delta(i, j) * delta(j, k), jN), delta(i, j)),
    ("sum of squares", total(x[i], iN) ** 2, total(x[i] ** 2, iN)),
    ("product of sums as a sum of products", total(x[i], iN) * total(y[i], iN), total(x[i] * y[i], iN)),
    ("transposed", total(A[i, j] * x[j], jN), total(A[j, i] * x[j], jN)),
    ("only for N = 1", total(x[i], iN), x[i]),
    ("only for two", total(x[i], iN) ** 2 - total(x[i] ** 2, iN), 2 * x[i] * (total(x[j], jN) - x[i])),
    ("trace as a total", total(A[i, i], iN), total(A[i, j], iN, jN)),
    (
        "cycle of three, one turned",
        total(A[i, j] * A[j, k] * A[k, i], iN, jN, kN),
        total(A[i, j] * A[j, k] * A[i, k], iN, jN, kN),
    ),
    ("variance without 1/N", total((x[i] - mean) ** 2, iN), total(x[i] ** 2, iN) - total(x[i], iN) ** 2),
    ("idle sum forgotten", total(u, iN), u),
    ("sum without i, i kept", total((1 - delta(i, j)) * x[j], jN), total(x[j], jN)),
    ("shifted range, not the index", sp.Sum(x[l + 1], (l, 0, N - 1)), N * x[i]),
    ("a size of another axis as an index", total(delta(M, k), kN), 1),
    ("bias forgotten", bias, total(W[i, j] * y[j], jN)),
    ("columns of attention", total(attention(i, j), iN), 1),
    ("attention Jacobian without delta", d(attended, S[k, l]), attention(i, l) * (x[l] - attended)),
    ("attention Jacobian, other entry", d(attended, S[k, l]), delta(i, k) * attention(i, l) * (x[k] - attended)),
    ("sigmoid prime, sign", d(sigma(u), u), -sigma(u) * (1 - sigma(u))),
    ("sigmoid odd", sigma(-u), -sigma(u)),
    ("tanh by sigmoid, not doubled", tanh(u), 2 * sigma(u) - 1),
    ("tanh prime, not squared", d(tanh(u), u), 1 - tanh(u)),
    ("hyperbolic, plus", sp.cosh(u) ** 2 + sp.sinh(u) ** 2, 1),
    ("log sigmoid, sign", log(sigma(u)), -log(1 + exp(u))),
    ("softplus prime of minus", d(log(1 + exp(u)), u), sigma(-u)),
    ("chain rule, inner forgotten", d(f(u * v), u), sp.Subs(d(f(t), t), t, u * v)),
    ("max as a sum", sp.Max(u, v), u + v),
    ("relu as identity", sp.Max(u, 0), u),
    ("maximum of exponentials, factor forgotten", sp.Max(2 * exp(u), exp(v)), 2 * exp(sp.Max(u, v))),
    ("modulus of a sum", sp.Abs(u + v), sp.Abs(u) + sp.Abs(v)),
    ("log of a sum", log(exp(u) + exp(v)), u + v),
    ("shift, wrong sign", lse, -c + log(total(exp(z[l] - c), lN))),
    ("gradient as Hessian", d(lse, z[i], z[j]), softmax(i) * delta(i, j)),
    ("Hessian, diagonal everywhere", d(lse, z[i], z[j]), softmax(i) * (1 - softmax(i))),
    ("captured derivative", d(total(z[k] ** 2, kN), z[k]), 2 * total(z[k], kN)),
    ("root of a square, no modulus", sqrt(u**2), u),
    ("exp of half a logarithm", exp(log(u**2) / 2), u),
    ("gradient of a norm, squared", d(norm, x[j]), x[j] / norm**2),
    ("product of exponentials, counted", sp.Product(exp(x[i]), (i, 1, N)), exp(N * x[i])),
    ("product with one exception everywhere", sp.Product(1 + u * delta(i, j), (j, 1, N)), (1 + u) ** N),
    ("quadratic form as if symmetric", d(total(x[i] * A[i, j] * x[j], iN, jN), x[k]), 2 * total(A[k, j] * x[j], jN)),
    ("error function, factor", d(sp.erf(u), u), exp(-(u**2)) / sqrt(sp.pi)),
    ("parts of one, counted once", total(exp(x[i]) / (1 + exp(x[i])), iN) + total(1 / (1 + exp(x[i])), iN), 1),
    ("powers added", 2**N * 2**N, 2 ** (N + 2)),
    ("least squares, wrong entry", d(total(row_sums**2, iN), W[k, l]), 2 * total(W[k, j] * x[j], (j, M)) * x[j]),
    ("fractions, numerators added", 1 / u + 1 / v, 2 / (u + v)),
    ("near in digits", u * (1 + Rational(1, 10**30)), u),
    (
        "triple products agree below three",
        total(x[i], iN) ** 3,
        3 * total(x[i], iN) * total(x[i] ** 2, iN) - 2 * total(x[i] ** 3, iN),
    ),
]
