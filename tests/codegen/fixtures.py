"""Compile requests built by hand from SymPy, as a reader of notes would build them."""

from __future__ import annotations

import sympy as sp

from derive.calculus.language import dimension, index, labels, scalar, tensor
from derive.calculus.setting import Axis, Definition, Setting
from derive.notes.document import Place
from derive.notes.note import CompileRequest, Target

N, K, D, M = (dimension(name) for name in "NKDM")
i, j, k, l, m, n, d = (index(name) for name in "ijklmnd")
z, y, s, v, W, X, b, x, g = (tensor(name) for name in ("z", "y", "s", "v", "W", "X", "b", "x", "g"))
t = labels("t")
c = index("c")
T, lam, gamma, eps = (scalar(name) for name in ("T", "lam", "gamma", "eps"))

PLACE = Place(1, 1)
AN, AK, AD, AM = Axis(N), Axis(K), Axis(D), Axis(M)


def softmax_of(z: sp.IndexedBase, i: sp.Symbol, size: sp.Symbol = N) -> sp.Expr:
    return sp.exp(z[i]) / sp.Sum(sp.exp(z[l]), (l, 1, size))


delta = sp.KroneckerDelta

CLASSES = Setting(
    axes=dict.fromkeys((i, j, k, l), AN) | {c: AN},
    shapes={"z": (AN,), "y": (AN,), "s": (AN,), "v": (AN,)},
    definitions={
        "s": Definition("s", (i,), softmax_of(z, i), axes=(AN,)),
        "L": Definition("L", (), -sp.Sum(y[i] * sp.log(s[i]), (i, 1, N))),
    },
)

L = scalar("L")


def request(name: str, arguments: str, *targets: tuple[sp.Expr, tuple[sp.Symbol, ...]],
            setting: Setting = CLASSES) -> CompileRequest:
    found = tuple(Target(sp.latex(expr), expr, indices) for expr, indices in targets)
    return CompileRequest(PLACE, tuple(t.latex for t in found), found, name, tuple(arguments.split()), setting)


SOFTMAX = (
    request("softmax", "z", (s[i], (i,))),
    request("log_softmax", "z", (sp.log(s[i]), (i,))),
    request("logsumexp", "z", (sp.log(sp.Sum(sp.exp(z[l]), (l, 1, N))), ())),
    request("softmax_jacobian", "z", (s[i] * (delta(i, j) - s[j]), (i, j))),
    request("softmax_vjp", "z v", (s[j] * (v[j] - sp.Sum(v[i] * s[i], (i, 1, N))), (j,))),
    request("cross_entropy", "z y", (L, ())),
    request("cross_entropy_grad", "z y", (s[j] - y[j], (j,))),
    request("cross_entropy_value_and_grad", "z y", (L, ()), (s[j] - y[j], (j,))),
    request("nll", "z c", (-sp.log(s[c]), ())),
    request("nll_grad", "z c", (s[j] - delta(j, c), (j,))),
)

BATCH = Setting(
    axes={n: AM, k: AK, l: AK, j: AK, i: AM},
    shapes={"X": (AM, AK), "t": (AM,), "y": (AM, AK)},
    labels={"t": AK},
    definitions={"q": Definition("q", (n, k), sp.exp(X[n, k]) / sp.Sum(sp.exp(X[n, l]), (l, 1, K)), axes=(AM, AK))},
)
q = tensor("q")

MEAN = (
    request("mean_cross_entropy", "X t",
            (-sp.Sum(sp.log(q[n, t[n]]), (n, 1, M)) / M, ()), setting=BATCH),
    request("mean_cross_entropy_grad", "X t", ((q[n, k] - delta(k, t[n])) / M, (n, k)), setting=BATCH),
    request("mean_cross_entropy_value_and_grad", "X t",
            (-sp.Sum(sp.log(q[n, t[n]]), (n, 1, M)) / M, ()), ((q[n, k] - delta(k, t[n])) / M, (n, k)), setting=BATCH),
)

REGRESSION = Setting(
    axes={i: AM, d: AD, j: AD, k: AD},
    shapes={"X": (AM, AD), "y": (AM,), "w": (AD,)},
)
w = tensor("w")
residual = sp.Sum(X[i, k] * w[k], (k, 1, D)) - y[i]
RIDGE = (
    request("ridge_loss", "w X y lam",
            (sp.Sum(residual**2, (i, 1, M)) + lam * sp.Sum(w[j] ** 2, (j, 1, D)), ()), setting=REGRESSION),
    request("ridge_grad", "w X y lam",
            (2 * sp.Sum(X[i, d] * residual, (i, 1, M)) + 2 * lam * w[d], (d,)), setting=REGRESSION),
)
