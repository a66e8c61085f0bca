"""The fixed table of claims that the judge is measured on, as (name, left, right, setting)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from derive.calculus.language import dimension, index, scalar, tensor
from derive.calculus.setting import Assumption, Axis, Definition, Setting

Claim = tuple[str, sp.Expr, sp.Expr, Setting]

i, j, k, l, m, n, p, q = map(index, "ijklmnpq")
N, K, D, H, C = map(dimension, "NKDHC")
delta, exp, log = sp.KroneckerDelta, sp.exp, sp.log
z, y, s, x, w, b = map(tensor, "zysxwb")
W, V, X, P, Q, A, S, O, G = map(tensor, "WVXPQASOG")
L = scalar("L")


def total(body: Any, *limits: tuple[sp.Symbol, sp.Expr]) -> sp.Expr:
    return sp.Sum(body, *((v, 1, size) for v, size in limits))


def d(e: Any, *variables: Any) -> sp.Expr:
    return sp.Derivative(e, *variables)


def define(
    name: str, formals: tuple[sp.Symbol, ...], sizes: tuple[sp.Expr, ...], body: sp.Expr
) -> dict[str, Definition]:
    return {name: Definition(name, formals, body, axes=tuple(map(Axis, sizes)))}


SOFTMAX = define("s", (i,), (N,), exp(z[i]) / total(exp(z[l]), (l, N)))
CROSS_ENTROPY = {**SOFTMAX, **define("L", (), (), -total(y[i] * log(s[i]), (i, N)))}
SUMS_TO_ONE = (Assumption(sp.Eq(total(y[i], (i, N)), 1)),)
VECTOR = {i: Axis(N), j: Axis(N), k: Axis(N)}


def softmax_claims() -> Iterator[Claim]:
    yield "softmax Jacobian", d(s[i], z[j]), s[i] * (delta(i, j) - s[j]), Setting(VECTOR, definitions=SOFTMAX)
    ce = Setting(VECTOR, definitions=CROSS_ENTROPY, assumptions=SUMS_TO_ONE)
    yield "cross-entropy gradient", d(L, z[j]), s[j] - y[j], ce
    yield "cross-entropy Hessian", d(L, z[i], z[j]), s[i] * (delta(i, j) - s[j]), ce
    lse = log(total(exp(z[l]), (l, N)))
    third = s[i] * delta(i, j) * delta(i, k) - delta(i, j) * s[i] * s[k] - delta(i, k) * s[i] * s[j]
    third += -delta(j, k) * s[i] * s[j] + 2 * s[i] * s[j] * s[k]
    yield "third derivative of log-sum-exp", d(lse, z[i], z[j], z[k]), third, Setting(VECTOR, definitions=SOFTMAX)


def batch_claim() -> Claim:
    rows = define("P", (n, k), (N, K), exp(X[n, k]) / total(exp(X[n, l]), (l, K)))
    loss = define("L", (), (), -total(S[n, k] * log(P[n, k]), (n, N), (k, K)) / N)
    given = (Assumption(sp.Eq(total(S[n, k], (k, K)), 1)),)
    setting = Setting(
        {i: Axis(N), j: Axis(K)}, {"S": (Axis(N), Axis(K))}, definitions={**rows, **loss}, assumptions=given
    )
    return "batch gradient", d(L, X[i, j]), (P[i, j] - S[i, j]) / N, setting


def two_layers() -> Claim:
    hidden = define("A", (j,), (H,), 1 / (1 + exp(-total(V[j, p] * x[p], (p, D)))))
    logits = define("z", (i,), (C,), total(W[i, j] * A[j], (j, H)))
    soft = define("s", (i,), (C,), exp(z[i]) / total(exp(z[l]), (l, C)))
    loss = define("L", (), (), -total(y[i] * log(s[i]), (i, C)))
    given = (Assumption(sp.Eq(total(y[i], (i, C)), 1)),)
    setting = Setting({k: Axis(H), q: Axis(D)}, definitions={**hidden, **logits, **soft, **loss}, assumptions=given)
    right = total((s[i] - y[i]) * W[i, k], (i, C)) * A[k] * (1 - A[k]) * x[q]
    return "two-layer network, hidden weights", d(L, V[k, q]), right, setting


def attention() -> Claim:
    scores = define("S", (i, j), (N, N), total(Q[i, p] * X[j, p], (p, D)) / sp.sqrt(D))
    rows = define("P", (i, j), (N, N), exp(S[i, j]) / total(exp(S[i, l]), (l, N)))
    out = define("O", (i, p), (N, D), total(P[i, j] * V[j, p], (j, N)))
    loss = define("L", (), (), total(G[i, p] * O[i, p], (i, N), (p, D)))
    inner = total(G[k, p] * V[j, p], (p, D))
    mean = total(P[k, l] * total(G[k, p] * V[l, p], (p, D)), (l, N))
    right = total(P[k, j] * (inner - mean) * X[j, q], (j, N)) / sp.sqrt(D)
    setting = Setting({k: Axis(N), q: Axis(D)}, definitions={**scores, **rows, **out, **loss})
    return "attention, gradient of the queries", d(L, Q[k, q]), right, setting


def layer_norm() -> Claim:
    eps, mu, r = sp.Symbol("epsilon", positive=True), scalar("mu"), scalar("r")
    body = {
        **define("mu", (), (), total(x[i], (i, N)) / N),
        **define("r", (), (), sp.sqrt(total((x[i] - mu) ** 2, (i, N)) / N + eps)),
        **define("w", (i,), (N,), (x[i] - mu) / r),
        **define("L", (), (), total(G[i] * w[i], (i, N))),
    }
    right = (G[j] - total(G[i], (i, N)) / N - w[j] * total(G[i] * w[i], (i, N)) / N) / r
    return "layer norm backward", d(L, x[j]), right, Setting({j: Axis(N)}, definitions=body)


def network(depth: int) -> Claim:
    """tanh layers of one width; the gradient in the first weights against the backward recursion."""
    definitions: dict[str, Definition] = {}
    below: Any = x
    for t in range(1, depth + 1):
        weights, units = tensor(f"W{t}"), f"h{t}"
        definitions |= define(units, (i,), (N,), sp.tanh(total(weights[i, j] * below[j], (j, N))))
        below = tensor(units)
    definitions |= define("L", (), (), total(below[i], (i, N)))
    definitions |= define(f"g{depth}", (i,), (N,), 1 - below[i] ** 2)
    for t in range(depth - 1, 0, -1):
        units, above = tensor(f"h{t}"), tensor(f"g{t + 1}")
        back = total(tensor(f"W{t + 1}")[j, i] * above[j], (j, N))
        definitions |= define(f"g{t}", (i,), (N,), (1 - units[i] ** 2) * back)
    left = d(L, tensor("W1")[k, l])
    return (
        f"tanh network, depth {depth}",
        left,
        tensor("g1")[k] * x[l],
        Setting({k: Axis(N), l: Axis(N)}, definitions=definitions),
    )


def products(count: int) -> Claim:
    """A product of sums against one sum over all indices."""
    indices = [index(f"i{t}") for t in range(count)]
    tensors = [tensor(f"a{t}") for t in range(count)]
    left = sp.Mul(*(total(a[k] * z[k], (k, N)) for a in tensors))
    body = sp.Mul(*(a[v] * z[v] for a, v in zip(tensors, indices, strict=True)))
    return f"product of {count} sums", left, total(body, *((v, N) for v in indices)), Setting()


def table() -> Iterator[Claim]:
    yield from list(softmax_claims())[:3]
    yield batch_claim()
    yield two_layers()
    yield attention()
    yield layer_norm()
    yield list(softmax_claims())[3]
    for depth in (2, 4, 8, 16):
        yield network(depth)
    for count in range(2, 9):
        yield products(count)
