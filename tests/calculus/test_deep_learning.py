"""Statements of deep learning's derivations, each of which the judge proves for every size."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from derive.calculus import judge
from derive.calculus.language import Det, InverseEntry, MaxOver, dimension, index, scalar, tensor
from derive.calculus.setting import Assumption, Axis, Definition, Setting

S, Eq, D, KD = sp.Sum, sp.Eq, sp.Derivative, sp.KroneckerDelta
exp, log, sqrt, R = sp.exp, sp.log, sp.sqrt, sp.Rational
i, j, k, l, m, n, a, b, q, r = map(index, "ijklmnabqr")
N, M, K, T, Dm = map(dimension, ("N", "M", "K", "T", "D"))
x, y, z, A, W, X, G, w, Q, V, P, Sc, g, be, s, p, h, vv, O = map(
    tensor, ("x", "y", "z", "A", "W", "X", "G", "w", "Q", "V", "P", "S", "g", "be", "s", "p", "h", "v", "O")
)
u, v, t, c, be1, mu, tau, lam, al, Ls, m1, m2 = map(
    scalar, ("u", "v", "t", "c", "beta", "mu", "tau", "lambda", "alpha", "L", "m1", "m2")
)
eps, sg, s1, s2, ga, de, pn, px = (
    sp.Symbol(n_, positive=True) for n_ in ("epsilon", "sigma", "s1", "s2", "gamma", "delta", "q", "p")
)
CLAIMS: list[tuple[str, sp.Expr, sp.Expr, Setting]] = []


def total(body: Any, *limits: tuple[sp.Symbol, sp.Expr]) -> sp.Expr:
    return S(body, *((v_, 1, size) for v_, size in limits))


def df(name: str, formals: tuple[sp.Symbol, ...], sizes: tuple[sp.Expr, ...], body: Any) -> dict[str, Definition]:
    return {name: Definition(name, formals, body, axes=tuple(map(Axis, sizes)))}


def case(name: str, left: Any, right: Any, setting: Setting | None = None, *given: sp.Basic) -> None:
    assumed = (setting or Setting()).assuming(*map(Assumption, given))
    CLAIMS.append((name, sp.sympify(left), sp.sympify(right), assumed))


def sig(e: Any) -> sp.Expr:
    return 1 / (1 + exp(-e))


def sm(i_: Any) -> sp.Expr:
    return exp(z[i_]) / total(exp(z[l]), (l, N))


smd = df("s", (i,), (N,), sm(i))
SM = Setting(definitions=smd)
# entropy
H = -total(s[i] * log(s[i]), (i, N))
case("entropy grad", D(H, z[j]), -s[j] * (log(s[j]) + H), SM)
case("entropy = lse - mean", H, log(total(exp(z[l]), (l, N))) - total(s[i] * z[i], (i, N)), SM)
case(
    "label smoothing",
    D(-total(((1 - eps) * y[i] + eps / N) * log(s[i]), (i, N)), z[j]),
    s[j] - (1 - eps) * y[j] - eps / N,
    SM,
    Eq(total(y[i], (i, N)), 1),
)
tempered = Setting(definitions=df("s", (i,), (N,), exp(z[i] / tau) / total(exp(z[l] / tau), (l, N))))
case("temperature J", D(s[i], z[j]), s[i] * (KD(i, j) - s[j]) / tau, tempered)
case("temperature dtau", D(s[i], tau), s[i] * (total(s[k] * z[k], (k, N)) - z[i]) / tau**2, tempered)
# focal
case(
    "focal binary dp",
    D(-((1 - px) ** ga) * log(px), px),
    ga * (1 - px) ** (ga - 1) * log(px) - (1 - px) ** ga / px,
    None,
    px < 1,
)
case(
    "focal logits",
    D(-((1 - sig(u)) ** 2) * log(sig(u)), u),
    (1 - sig(u)) ** 2 * (2 * sig(u) * log(sig(u)) - (1 - sig(u))),
)
case(
    "focal logits gamma",
    D(-((1 - sig(u)) ** ga) * log(sig(u)), u),
    (1 - sig(u)) ** ga * (ga * sig(u) * log(sig(u)) - (1 - sig(u))),
)
# KL gaussians
case("KL gauss", D(log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - R(1, 2), s1), s1 / s2**2 - 1 / s1)
case(
    "KL gauss dm",
    D(log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - R(1, 2), s2),
    1 / s2 - (s1**2 + (m1 - m2) ** 2) / s2**3,
)
lv, mm = h, tensor("m")
case("VAE KL dlogvar", D(-R(1, 2) * total(1 + lv[i] - mm[i] ** 2 - exp(lv[i]), (i, N)), lv[j]), (exp(lv[j]) - 1) / 2)
# KL softmaxes
pd_ = df("p", (i,), (N,), exp(x[i]) / total(exp(x[l]), (l, N)))
P2 = Setting(definitions={**smd, **pd_})
KL = total(p[i] * log(p[i] / s[i]), (i, N))
case("KL dq", D(KL, z[j]), s[j] - p[j], P2)
case("KL dp", D(KL, x[j]), p[j] * (log(p[j] / s[j]) - KL), P2)
# gaussian likelihood
ll = -R(1, 2) * total((x[i] - mu) ** 2, (i, N)) / sg**2 - N * log(sg) - N * log(2 * sp.pi) / 2
case("gauss dmu", D(ll, mu), total(x[i] - mu, (i, N)) / sg**2)
case("gauss dsigma", D(ll, sg), total((x[i] - mu) ** 2, (i, N)) / sg**3 - N / sg)
gp = sp.Product(exp(-((x[i] - mu) ** 2) / (2 * sg**2)) / sqrt(2 * sp.pi * sg**2), (i, 1, N))
case("gauss product", log(gp), ll)
bp = sp.Product(v ** y[i] * (1 - v) ** (1 - y[i]), (i, 1, N))
# activations
case("ELU", D(sp.Piecewise((u, u > 0), (al * (exp(u) - 1), True)), u), sp.Piecewise((1, u > 0), (al * exp(u), True)))
case(
    "ELU2",
    D(sp.Piecewise((u, u > 0), (al * (exp(u) - 1), True)), u),
    sp.Piecewise((1, u > 0), (sp.Piecewise((u, u > 0), (al * (exp(u) - 1), True)) + al, True)),
)
case(
    "SELU",
    D(lam * sp.Piecewise((u, u > 0), (al * (exp(u) - 1), True)), u),
    lam * sp.Piecewise((1, u > 0), (al * exp(u), True)),
)
hub = sp.Piecewise((u**2 / 2, sp.Abs(u) <= de), (de * (sp.Abs(u) - de / 2), True))
case("Huber", D(hub, u), sp.Piecewise((u, sp.Abs(u) <= de), (de * sp.sign(u), True)))
case("Huber clip", D(hub, u), sp.Max(-de, sp.Min(de, u)))
case("hinge", D(sp.Max(0, 1 - c * u), u), sp.Piecewise((-c, c * u < 1), (0, True)))
hs = S(sp.Max(0, 1 - y[i] * total(w[j] * X[i, j], (j, M))), (i, 1, N))
case(
    "hinge vec",
    D(hs, w[k]),
    -S(y[i] * X[i, k] * sp.Piecewise((1, y[i] * total(w[j] * X[i, j], (j, M)) < 1), (0, True)), (i, 1, N)),
)
gel = u * (1 + sp.erf(u / sqrt(2))) / 2
case("GELU", D(gel, u), (1 + sp.erf(u / sqrt(2))) / 2 + u * exp(-(u**2) / 2) / sqrt(2 * sp.pi))
case("swish", D(u * sig(c * u), u), c * u * sig(c * u) + sig(c * u) * (1 - c * u * sig(c * u)))
case(
    "mish",
    D(u * sp.tanh(log(1 + exp(u))), u),
    sp.tanh(log(1 + exp(u))) + u * sig(u) * (1 - sp.tanh(log(1 + exp(u))) ** 2),
)
case("softsign", D(u / (1 + sp.Abs(u)), u), 1 / (1 + sp.Abs(u)) ** 2)
case("softplus", log(1 + exp(u)), sp.Max(u, 0) + log(1 + exp(-sp.Abs(u))))
case("logsigmoid", log(sig(u)), -log(1 + exp(-u)))
case("bce logits", -(c * log(sig(u)) + (1 - c) * log(1 - sig(u))), sp.Max(u, 0) - u * c + log(1 + exp(-sp.Abs(u))))
# cosine
nx = sqrt(total(x[l] ** 2, (l, N)))
ny = sqrt(total(y[l] ** 2, (l, N)))
cs = total(x[i] * y[i], (i, N)) / (nx * ny)
case("cosine", D(cs, x[j]), y[j] / (nx * ny) - cs * x[j] / nx**2)
case("norm grad", D(nx, x[j]), x[j] / nx)
case("unit J", D(x[i] / nx, x[j]), (KD(i, j) - x[i] * x[j] / nx**2) / nx)
# InfoNCE
nce = -total(log(exp(Sc[i, i] / tau) / total(exp(Sc[i, j] / tau), (j, N))), (i, N)) / N
case("InfoNCE dS", D(nce, Sc[k, l]), (exp(Sc[k, l] / tau) / total(exp(Sc[k, j] / tau), (j, N)) - KD(k, l)) / (N * tau))
dd = {
    **df("S", (i, j), (N, N), total(Q[i, q] * X[j, q], (q, Dm)) / tau),
    **df("P", (i, j), (N, N), exp(Sc[i, j]) / total(exp(Sc[i, l]), (l, N))),
}
nce2 = -total(log(P[i, i]), (i, N)) / N
case("InfoNCE dQ", D(nce2, Q[k, r]), (total(P[k, j] * X[j, r], (j, N)) - X[k, r]) / (N * tau), Setting(definitions=dd))
case("InfoNCE dK", D(nce2, X[k, r]), (total(P[i, k] * Q[i, r], (i, N)) - Q[k, r]) / (N * tau), Setting(definitions=dd))
case(
    "CLIP",
    D((nce + -total(log(exp(Sc[j, j] / tau) / total(exp(Sc[i, j] / tau), (i, N))), (j, N)) / N) / 2, Sc[k, l]),
    (
        exp(Sc[k, l] / tau) / total(exp(Sc[k, j] / tau), (j, N))
        + exp(Sc[k, l] / tau) / total(exp(Sc[i, l] / tau), (i, N))
        - 2 * KD(k, l)
    )
    / (2 * N * tau),
)
# batch norm
bn = {
    **df("mu", (k,), (M,), total(X[n, k], (n, N)) / N),
    **df("v", (k,), (M,), total((X[n, k] - tensor("mu")[k]) ** 2, (n, N)) / N),
    **df("h", (n, k), (N, M), (X[n, k] - tensor("mu")[k]) / sqrt(vv[k] + eps)),
    **df("L", (), (), total(G[n, k] * (g[k] * h[n, k] + be[k]), (n, N), (k, M))),
}
BN = Setting(definitions=bn)
case(
    "BN dx",
    D(Ls, X[m, j]),
    g[j] / sqrt(vv[j] + eps) * (G[m, j] - total(G[n, j], (n, N)) / N - h[m, j] * total(G[n, j] * h[n, j], (n, N)) / N),
    BN,
)
case("BN dgamma", D(Ls, g[j]), total(G[n, j] * h[n, j], (n, N)), BN)
case("BN dbeta", D(Ls, be[j]), total(G[n, j], (n, N)), BN)
case("BN mean", total(h[n, k], (n, N)), 0, BN)
case("BN var", total(h[n, k] ** 2, (n, N)) / N, vv[k] / (vv[k] + eps), BN)
# RMS
rms = {**df("r", (), (), sqrt(total(x[l] ** 2, (l, N)) / N + eps)), **df("h", (i,), (N,), x[i] / scalar("r"))}
case("RMS J", D(h[i], x[j]), (KD(i, j) - h[i] * h[j] / N) / scalar("r"), Setting(definitions=rms))
# softmax of softmax
case(
    "softmax of softmax",
    D(exp(s[i]) / total(exp(s[l]), (l, N)), z[j]),
    (lambda t_: t_(i) * (s[i] * (KD(i, j) - s[j]) - total(t_(k) * s[k] * (KD(k, j) - s[j]), (k, N))))(
        lambda a_: exp(s[a_]) / total(exp(s[l]), (l, N))
    ),
    SM,
)
# third derivs softmax second
case("softmax 2nd", D(s[i], z[j], z[k]), s[i] * ((KD(i, j) - s[j]) * (KD(i, k) - s[k]) - s[j] * (KD(j, k) - s[k])), SM)
# det/inverse


def inv(A_: Any, a_: Any, b_: Any) -> sp.Expr:
    return InverseEntry(A_[a, b], (a, 1, N), (b, 1, N), a_, b_)


det = Det(A[a, b], (a, 1, N), (b, 1, N))
case("logdet", D(log(det), A[i, j]), inv(A, j, i))
case("det", D(det, A[i, j]), det * inv(A, j, i))
case("inv", D(inv(A, k, l), A[i, j]), -inv(A, k, i) * inv(A, j, l))
case("A inv", total(A[i, k] * inv(A, k, j), (k, N)), KD(i, j))
case("inv A", total(inv(A, i, k) * A[k, j], (k, N)), KD(i, j))
case("tr inv", D(total(inv(A, k, k), (k, N)), A[i, j]), -total(inv(A, j, k) * inv(A, k, i), (k, N)))
rid = total(X[n, a] * X[n, b], (n, M)) + lam * KD(a, b)


def rinv(a_: Any, b_: Any) -> sp.Expr:
    return InverseEntry(rid, (a, 1, N), (b, 1, N), a_, b_)


def west(i_: Any) -> sp.Expr:
    return total(rinv(i_, k) * total(X[n, k] * y[n], (n, M)), (k, N))


case(
    "ridge stationary",
    D(total((y[n] - total(X[n, j] * w[j], (j, N))) ** 2, (n, M)) + lam * total(w[j] ** 2, (j, N)), w[i]),
    2 * (total(total(X[n, i] * X[n, j], (n, M)) * w[j], (j, N)) + lam * w[i] - total(X[n, i] * y[n], (n, M))),
)
# geometric
case("geo", (1 - be1) * S(be1**i, (i, 0, T - 1)), 1 - be1**T)
case("geo2", S(be1**i, (i, 0, T - 1)), (1 - be1**T) / (1 - be1))
case("geo 1..T", (1 - be1) * S(be1 ** (T - i), (i, 1, T)), 1 - be1**T)
case("geo tail", (1 - be1) * S(be1 ** (i - 1), (i, 1, T)), 1 - be1**T)
case("adam bias", (1 - be1) * S(be1 ** (T - i) * u, (i, 1, T)), (1 - be1**T) * u)
case("momentum const", (1 - be1) * S(be1 ** (T - i) * g[j], (i, 1, T)) / (1 - be1**T), g[j])
case("gauss sum", S(i, (i, 1, N)), N * (N + 1) / 2)
case("squares sum", S(i**2, (i, 1, N)), N * (N + 1) * (2 * N + 1) / 6)
case("gauss sum 0", S(i, (i, 0, N - 1)), N * (N - 1) / 2)
case("prod const", sp.Product(be1, (i, 1, T)), be1**T)
case("prod d", D(sp.Product(x[i], (i, 1, N)), x[j]), sp.Product(x[i], (i, 1, N)) / x[j])
# attention
sc = total(Q[i, q] * X[j, q], (q, Dm)) / sqrt(Dm)
at = {
    **df("S", (i, j), (N, M), sc),
    **df("P", (i, j), (N, M), exp(Sc[i, j]) / total(exp(Sc[i, l]), (l, M))),
    **df("O", (i, r), (N, K), total(P[i, j] * V[j, r], (j, M))),
    **df("L", (), (), total(G[i, r] * O[i, r], (i, N), (r, K))),
}
AT = Setting(definitions=at)


def d_rows(i_: Any, j_: Any) -> sp.Expr:
    return total(G[i_, r] * V[j_, r], (r, K))


def d_scores(i_: Any, j_: Any) -> sp.Expr:
    return P[i_, j_] * (d_rows(i_, j_) - total(P[i_, l] * d_rows(i_, l), (l, M)))


case("att dV", D(Ls, V[k, m]), total(P[i, k] * G[i, m], (i, N)), AT)
case("att d_rows", D(Ls, P[i, j]), d_rows(i, j), AT)
case("att dS", D(Ls, Sc[i, j]), d_scores(i, j), AT)
case("att dS D trick", D(Ls, Sc[i, j]), P[i, j] * (d_rows(i, j) - total(G[i, r] * O[i, r], (r, K))), AT)
case("att dQ", D(Ls, Q[k, m]), total(d_scores(k, j) * X[j, m], (j, M)) / sqrt(Dm), AT)
case("att dK", D(Ls, X[k, m]), total(d_scores(i, k) * Q[i, m], (i, N)) / sqrt(Dm), AT)
case("att dO", D(Ls, O[i, r]), G[i, r], AT)
# misc
case(
    "lse shift max",
    log(total(exp(z[l]), (l, N))),
    MaxOver(z[k], (k, 1, N)) + log(total(exp(z[l] - MaxOver(z[k], (k, 1, N))), (l, N))),
)
case(
    "lse hess psd",
    total(y[i] * y[j] * D(log(total(exp(z[l]), (l, N))), z[i], z[j]), (i, N), (j, N)),
    total(s[i] * y[i] ** 2, (i, N)) - total(s[i] * y[i], (i, N)) ** 2,
    SM,
)
case(
    "var identity",
    total((x[i] - total(x[j], (j, N)) / N) ** 2, (i, N)),
    total(x[i] ** 2, (i, N)) - total(x[i], (i, N)) ** 2 / N,
)
case(
    "pairwise var",
    total((x[i] - x[j]) ** 2, (i, N), (j, N)),
    2 * N * total(x[i] ** 2, (i, N)) - 2 * total(x[i], (i, N)) ** 2,
)
case(
    "mse",
    D(total((total(W[i, j] * x[j], (j, M)) - y[i]) ** 2, (i, N)) / 2, W[k, l]),
    (total(W[k, j] * x[j], (j, M)) - y[k]) * x[l],
)
case("frob", D(total((A[i, j]) ** 2, (i, N), (j, N)), A[k, l]), 2 * A[k, l])
case(
    "trace A^3",
    D(total(A[i, j] * A[j, k] * A[k, i], (i, N), (j, N), (k, N)), A[m, n]),
    3 * total(A[n, k] * A[k, m], (k, N)),
)
case(
    "ppo clip",
    D(sp.Min(u * c, sp.Max(1 - eps, sp.Min(1 + eps, u)) * c), c),
    sp.Min(u * c, sp.Max(1 - eps, sp.Min(1 + eps, u)) * c) / c,
)
case("sigmoid d3", D(sig(u), u, u, u), sig(u) * (1 - sig(u)) * (1 - 6 * sig(u) + 6 * sig(u) ** 2))
case("triplet", D(total((x[i] - y[i]) ** 2, (i, N)) - total((x[i] - z[i]) ** 2, (i, N)), x[j]), 2 * (z[j] - y[j]))
case(
    "weight norm",
    D(g[1] * total(w[i] * x[i], (i, N)) / sqrt(total(w[l] ** 2, (l, N))), w[j]),
    g[1] / sqrt(total(w[l] ** 2, (l, N))) * (x[j] - total(w[i] * x[i], (i, N)) * w[j] / total(w[l] ** 2, (l, N))),
)
case(
    "Lp norm",
    D(total(sp.Abs(x[l]) ** 3, (l, N)) ** R(1, 3), x[j]),
    x[j] * sp.Abs(x[j]) / total(sp.Abs(x[l]) ** 3, (l, N)) ** R(2, 3),
)
case(
    "Lq norm",
    D(total(sp.Abs(x[l]) ** pn, (l, N)) ** (1 / pn), x[j]),
    sp.sign(x[j]) * sp.Abs(x[j]) ** (pn - 1) * total(sp.Abs(x[l]) ** pn, (l, N)) ** (1 / pn - 1),
)
xp = sp.Symbol("x", positive=True)
case("pow param", D(xp**pn, xp), pn * xp ** (pn - 1))
case("poisson", D(total(exp(z[i]) - y[i] * z[i], (i, N)), z[j]), exp(z[j]) - y[j])
case("sparsemax-like", total(sp.Max(z[i], 0), (i, N)) - total(sp.Max(-z[i], 0), (i, N)), total(z[i], (i, N)))
case("abs sum", total(sp.Max(z[i], 0), (i, N)) + total(sp.Max(-z[i], 0), (i, N)), total(sp.Abs(z[i]), (i, N)))
case("glu", D(u * sig(v), v), u * sig(v) * (1 - sig(v)))
case("sum of cubes mean zero", total((x[i] - total(x[j], (j, N)) / N), (i, N)), 0)
case(
    "kurt",
    total((x[i] - total(x[j], (j, N)) / N) ** 3, (i, N)),
    total(x[i] ** 3, (i, N))
    - 3 * total(x[i], (i, N)) * total(x[i] ** 2, (i, N)) / N
    + 2 * total(x[i], (i, N)) ** 3 / N**2,
)
case("lstm", D(sig(u) * c + sig(v) * sp.tanh(t), t), sig(v) * (1 - sp.tanh(t) ** 2))
case("jsd-like", total(p[i] * log(p[i]), (i, N)) - total(p[i] * log(s[i]), (i, N)), KL, P2)
case("dropout", total(y[i] * x[i] / (1 - c), (i, N)), total(y[i] * x[i], (i, N)) / (1 - c))
case("matrix inv product", total(inv(A, i, k) * A[k, l] * inv(A, l, j), (k, N), (l, N)), inv(A, i, j))
case("woodbury-like", total(inv(A, i, k) * (A[k, j] + lam * KD(k, j)), (k, N)), KD(i, j) + lam * inv(A, i, j))


@pytest.mark.parametrize(("left", "right", "setting"), [row[1:] for row in CLAIMS], ids=[row[0] for row in CLAIMS])
def test_proved(left: sp.Expr, right: sp.Expr, setting: Setting) -> None:
    verdict = judge.prove(left, right, setting)
    assert verdict.proved, verdict
