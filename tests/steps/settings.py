"""What the engine is to derive by itself: definitions, a target, and the closed form as a person writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy import exp, log

from derive.calculus.language import dimension, index, scalar, tensor
from derive.calculus.setting import Assumption, Axis, Definition, Setting
from derive.steps.core import D


@dataclass(frozen=True)
class Case:
    name: str
    target: Any
    setting: Setting
    closed: str
    route: str = "auto"


CASES: list[Case] = []

a, c, i, j, k, l, m, n, p, q = (index(name) for name in "acijklmnpq")
N, K, H, M, d, E = (dimension(name) for name in ("N", "K", "H", "M", "d", "D"))
z, s, y, x, w, r, u, v, b, g, t, h = (tensor(name) for name in "zsyxwruvbgth")
W, X, V, Q, P, O, A, KEY = (tensor(name) for name in ("W", "X", "V", "Q", "P", "O", "A", "K"))
prob, smooth_target = tensor("p"), tensor("q")
W1, W2, b1, b2, pre = (tensor(name) for name in ("W_1", "W_2", "b_1", "b_2", "a"))
xhat, gamma, beta, yhat = tensor("xhat"), tensor("gamma"), tensor("beta"), tensor("y")
L, tau, eps, lam, power, entropy, Z = (scalar(name) for name in ("L", "tau", "epsilon", "lambda", "gamma", "H", "Z"))
mu, var, rms, label, chance, logit = (scalar(name) for name in ("mu", "v", "r", "y", "p", "x"))
sigma = sp.Function("sigma")


def total(body: Any, *limits: tuple[Any, Any]) -> Any:
    return sp.Sum(body, *((at, 1, size) for at, size in limits))


def define(name: str, formals: tuple[Any, ...], body: Any, *sizes: Any) -> Definition:
    return Definition(name, formals, body, axes=tuple(Axis(size) for size in sizes))


def setting(
    shapes: Mapping[str, tuple[Any, ...]],
    definitions: tuple[Definition, ...],
    indices: Mapping[Any, Any],
    *assumed: Any,
    loss_of: Any = None,
    smooth: tuple[str, ...] = (),
) -> Setting:
    axes = {name: tuple(Axis(size) for size in sizes) for name, sizes in shapes.items()}
    axes |= {one.name: one.axes for one in definitions if not one.is_function}
    return Setting(
        axes={at: Axis(size) for at, size in indices.items()},
        shapes=axes,
        definitions={one.name: one for one in definitions},
        assumptions=tuple(Assumption(relation) for relation in assumed),
        depends={} if loss_of is None else {"L": (loss_of,)},
        smooth=frozenset(smooth),
    )


def case(name: str, target: Any, where: Setting, closed: str, route: str = "auto") -> None:
    CASES.append(Case(name, target, where, closed, route))


IJ = {i: N, j: N}
ZY: Mapping[str, tuple[Any, ...]] = {"z": (N,), "y": (N,)}
SOFTMAX = define("s", (i,), exp(z[i]) / total(exp(z[l]), (l, N)), N)
CROSS_ENTROPY = define("L", (), -total(y[i] * log(s[i]), (i, N)))
SUM_Y = sp.Eq(total(y[i], (i, N)), 1)
SOFTMAX_ALONE = setting(ZY, (SOFTMAX,), IJ)
CLASSIFIER = setting(ZY, (SOFTMAX, CROSS_ENTROPY), IJ, SUM_Y)

# --- the five notes

for way in ("auto", "log-derivative", "quotient", "product", "cases"):
    case(f"softmax, {way}", D(s[i], z[j]), SOFTMAX_ALONE, r"s_i (\delta_{ij} - s_j)", way)
for way in ("auto", "log-derivative", "quotient", "product", "cases"):
    case(f"cross-entropy, {way}", D(L, z[j]), CLASSIFIER, "s_j - y_j", way)
case(
    "cross-entropy, any y",
    D(L, z[j]),
    setting(ZY, (SOFTMAX, CROSS_ENTROPY), IJ),
    r"s_j \sum_{i=1}^N y_i - y_j",
)
case("Hessian of cross-entropy", sp.Derivative(L, z[i], z[j]), CLASSIFIER, r"s_i (\delta_{ij} - s_j)")
case("log-softmax", D(log(s[i]), z[j]), SOFTMAX_ALONE, r"\delta_{ij} - s_j")

LINEAR = define("z", (i,), total(W[i, k] * x[k], (k, d)), N)
REGRESSION = setting({"W": (N, d), "x": (d,), "y": (N,)}, (LINEAR, SOFTMAX, CROSS_ENTROPY), {i: N, j: d, k: N}, SUM_Y)
case("softmax regression, W", D(L, W[i, j]), REGRESSION, "(s_i - y_i) x_j")
case("softmax regression, z", D(L, z[k]), REGRESSION, "s_k - y_k")

ROWS = define("s", (i, k), exp(x[i, k]) / total(exp(x[i, l]), (l, K)), N, K)
BATCH = define("L", (), -total(y[i, k] * log(s[i, k]), (k, K), (i, N)) / N)
case(
    "batch, Jacobian",
    D(s[i, k], x[j, l]),
    setting({"x": (N, K)}, (ROWS,), {i: N, k: K, j: N, l: K}),
    r"\delta_{ij} s_{ik} (\delta_{kl} - s_{il})",
)
case(
    "batch, gradient",
    D(L, x[j, l]),
    setting({"x": (N, K), "y": (N, K)}, (ROWS, BATCH), {j: N, l: K}, sp.Eq(total(y[i, k], (k, K)), 1)),
    r"\frac{1}{N} (s_{jl} - y_{jl})",
)

SCORES = define("z", (k,), total(w[k, m] * x[m], (m, d)) + b[k], K)
CHANCES = define("p", (k,), exp(z[k]) / total(exp(z[l]), (l, K)), K)
LIKELIHOOD = setting(
    {"w": (K, d), "x": (d,), "b": (K,)},
    (SCORES, CHANCES, define("L", (), -log(prob[c]))),
    {c: K, i: K, j: d, k: K},
)
case("negative log-likelihood, z", D(L, z[i]), LIKELIHOOD, r"p_i - \delta_{ci}")
case("negative log-likelihood, w", D(L, w[i, j]), LIKELIHOOD, r"(p_i - \delta_{ci}) x_j")
case("negative log-likelihood, b", D(L, b[i]), LIKELIHOOD, r"p_i - \delta_{ci}")

HIDDEN = define("a", (m,), total(v[m, k] * x[k], (k, d)), H)
OUTPUT = define("z", (i,), total(w[i, m] * h[m], (m, H)), N)
TWO_LAYERS = setting(
    {"v": (H, d), "w": (N, H), "x": (d,), "y": (N,)},
    (HIDDEN, define("h", (m,), sigma(pre[m]), H), OUTPUT, SOFTMAX, CROSS_ENTROPY),
    {i: N, j: H, p: H, q: d},
    SUM_Y,
    smooth=("sigma",),
)
case("two layers, w", D(L, w[i, j]), TWO_LAYERS, "(s_i - y_i) h_j")
case("two layers, h", D(L, h[j]), TWO_LAYERS, r"\sum_{i=1}^N (s_i - y_i) w_{ij}")
case("two layers, v", D(L, v[p, q]), TWO_LAYERS, r"\sigma'(a_p) x_q \sum_{i=1}^N (s_i - y_i) w_{ip}")

# --- functions of softmax

case(
    "temperature",
    D(s[i], z[j]),
    setting(ZY, (define("s", (i,), exp(z[i] / tau) / total(exp(z[l] / tau), (l, N)), N),), IJ),
    r"\frac{s_i (\delta_{ij} - s_j)}{\tau}",
)
case(
    "label smoothing",
    D(L, z[j]),
    setting(
        ZY,
        (
            SOFTMAX,
            define("q", (i,), (1 - eps) * y[i] + eps / N, N),
            define("L", (), -total(smooth_target[i] * log(s[i]), (i, N))),
        ),
        IJ,
        SUM_Y,
    ),
    "s_j - q_j",
)
case(
    "focal loss",
    D(L, z[j]),
    setting({"z": (N,)}, (SOFTMAX, define("L", (), -((1 - s[c]) ** power) * log(s[c]))), {c: N, j: N}),
    r"(\gamma s_c (1 - s_c)^{\gamma - 1} \log s_c - (1 - s_c)^{\gamma}) (\delta_{cj} - s_j)",
)
case(
    "KL(p, softmax)",
    D(L, z[j]),
    setting(
        {"z": (N,), "p": (N,)},
        (SOFTMAX, define("L", (), total(prob[i] * log(prob[i] / s[i]), (i, N)))),
        IJ,
        sp.Eq(total(prob[i], (i, N)), 1),
    ),
    "s_j - p_j",
)
case(
    "entropy",
    D(entropy, z[j]),
    setting({"z": (N,)}, (SOFTMAX, define("H", (), -total(s[i] * log(s[i]), (i, N)))), IJ),
    r"-s_j (H + \log s_j)",
)
LSE = setting({"z": (N,)}, (SOFTMAX, define("L", (), log(total(exp(z[l]), (l, N))))), IJ)
case("log-sum-exp", D(L, z[j]), LSE, "s_j")
case("Hessian of log-sum-exp", sp.Derivative(L, z[i], z[j]), LSE, r"s_i (\delta_{ij} - s_j)")
case("JVP", total(D(s[i], z[j]) * v[j], (j, N)), SOFTMAX_ALONE, r"s_i \left( v_i - \sum_{j=1}^N s_j v_j \right)")
case("VJP", total(u[i] * D(s[i], z[j]), (i, N)), SOFTMAX_ALONE, r"s_j \left( u_j - \sum_{i=1}^N s_i u_i \right)")

# --- logistic

SIGMOID = Definition("sigma", (logit,), 1 / (1 + exp(-logit)), is_function=True)
case("sigmoid", D(sigma(logit), logit), setting({}, (SIGMOID,), {}), r"\sigma(x) (1 - \sigma(x))")
case("softplus", D(log(1 + exp(logit)), logit), setting({}, (SIGMOID,), {}), r"\sigma(x)")
case("swish", D(logit * sigma(logit), logit), setting({}, (SIGMOID,), {}), r"\sigma(x) (1 + x - x \sigma(x))")
case(
    "binary cross-entropy, one logit",
    D(L, logit),
    setting(
        {},
        (
            define("p", (), 1 / (1 + exp(-logit))),
            define("L", (), -label * log(chance) - (1 - label) * log(1 - chance)),
        ),
        {},
    ),
    "p - y",
)
BINARY = define("L", (), -total(y[i] * log(sigma(z[i])) + (1 - y[i]) * log(1 - sigma(z[i])), (i, N)))
case("binary cross-entropy, logits", D(L, z[j]), setting(ZY, (SIGMOID, BINARY), IJ), r"\sigma(z_j) - y_j")

# --- regression

RESIDUAL = define("r", (n,), total(X[n, k] * w[k], (k, d)) - y[n], N)
RIDGE = define("L", (), total(r[n] ** 2, (n, N)) / N + lam * total(w[k] ** 2, (k, d)))
case(
    "ridge",
    D(L, w[j]),
    setting({"X": (N, d), "w": (d,), "y": (N,)}, (RESIDUAL, RIDGE), {j: d}),
    r"2 \lambda w_j + \frac{2}{N} \sum_{l=1}^N r_l X_{lj}",
)
case(
    "quadratic form",
    D(L, x[j]),
    setting({"x": (N,), "A": (N, N)}, (define("L", (), total(x[i] * A[i, k] * x[k], (i, N), (k, N))),), IJ),
    r"\sum_{i=1}^N x_i (A_{ij} + A_{ji})",
)
case(
    "norm",
    D(L, x[j]),
    setting({"x": (N,)}, (define("L", (), sp.sqrt(total(x[i] ** 2, (i, N)))),), IJ),
    r"\frac{x_j}{L}",
)

# --- a network with tanh and biases

NETWORK = setting(
    {"W_1": (H, d), "W_2": (N, H), "b_1": (H,), "b_2": (N,), "x": (d,), "y": (N,)},
    (
        define("a", (m,), total(W1[m, k] * x[k], (k, d)) + b1[m], H),
        define("h", (m,), sp.tanh(pre[m]), H),
        define("z", (i,), total(W2[i, m] * h[m], (m, H)) + b2[i], N),
        SOFTMAX,
        CROSS_ENTROPY,
    ),
    {i: N, j: H, p: H, q: d},
    SUM_Y,
)
case("network, W_2", D(L, W2[i, j]), NETWORK, "(s_i - y_i) h_j")
case("network, b_2", D(L, b2[i]), NETWORK, "s_i - y_i")
case("network, W_1", D(L, W1[p, q]), NETWORK, r"(1 - h_p^2) x_q \sum_{i=1}^N (s_i - y_i) (W_2)_{ip}")
case("network, b_1", D(L, b1[p]), NETWORK, r"(1 - h_p^2) \sum_{i=1}^N (s_i - y_i) (W_2)_{ip}")

# --- attention and normalisation, for a loss known by its gradient

ATTENTION = setting(
    {"Q": (N, d), "K": (M, d), "V": (M, E)},
    (
        define("A", (i, j), total(Q[i, a] * KEY[j, a], (a, d)) / sp.sqrt(d), N, M),
        define("P", (i, j), exp(A[i, j]) / total(exp(A[i, l]), (l, M)), N, M),
        define("O", (i, c), total(P[i, j] * V[j, c], (j, M)), N, E),
    ),
    {i: N, j: M, a: d, c: E},
    loss_of=O[i, c],
)
INNER = r"\sum_{c=1}^D \frac{\partial L}{\partial O_{ic}} (V_{jc} - O_{ic})"
case("attention, V", D(L, V[j, c]), ATTENTION, r"\sum_{i=1}^N \frac{\partial L}{\partial O_{ic}} P_{ij}")
case("attention, scores", D(L, A[i, j]), ATTENTION, rf"P_{{ij}} {INNER}")
case("attention, Q", D(L, Q[i, a]), ATTENTION, rf"\frac{{1}}{{\sqrt{{d}}}} \sum_{{j=1}}^M P_{{ij}} K_{{ja}} {INNER}")
case("attention, K", D(L, KEY[j, a]), ATTENTION, rf"\frac{{1}}{{\sqrt{{d}}}} \sum_{{i=1}}^N Q_{{ia}} P_{{ij}} {INNER}")

RMS_NORM = setting(
    {"x": (N,), "gamma": (N,)},
    (
        define("r", (), sp.sqrt(total(x[i] ** 2, (i, N)) / N + eps)),
        define("y", (i,), gamma[i] * x[i] / rms, N),
    ),
    IJ,
    loss_of=yhat[i],
)
case(
    "RMS norm",
    D(L, x[j]),
    RMS_NORM,
    r"\frac{\gamma_j \frac{\partial L}{\partial y_j}}{r} - "
    r"\frac{x_j \sum_{i=1}^N y_i \frac{\partial L}{\partial y_i}}{N r^2}",
)
case("RMS norm, gain", D(L, gamma[j]), RMS_NORM, r"\frac{x_j \frac{\partial L}{\partial y_j}}{r}")

LAYER_NORM = setting(
    {"x": (N,), "gamma": (N,), "beta": (N,)},
    (
        define("mu", (), total(x[i], (i, N)) / N),
        define("v", (), total((x[i] - mu) ** 2, (i, N)) / N),
        define("xhat", (i,), (x[i] - mu) / sp.sqrt(var + eps), N),
        define("y", (i,), gamma[i] * xhat[i] + beta[i], N),
    ),
    IJ,
    loss_of=yhat[i],
)
case(
    "layer norm, Jacobian",
    D(xhat[i], x[j]),
    LAYER_NORM,
    r"\frac{\delta_{ij} - \frac{1}{N} (1 + \mathrm{xhat}_i \mathrm{xhat}_j)}{\sqrt{\epsilon + v}}",
)
case(
    "layer norm",
    D(L, x[j]),
    LAYER_NORM,
    r"\frac{\gamma_j \frac{\partial L}{\partial y_j} - \frac{1}{N} \left( \sum_{i=1}^N \gamma_i "
    r"\frac{\partial L}{\partial y_i} + \mathrm{xhat}_j \sum_{i=1}^N \gamma_i \mathrm{xhat}_i "
    r"\frac{\partial L}{\partial y_i} \right)}{\sqrt{\epsilon + v}}",
)
case("layer norm, gain", D(L, gamma[j]), LAYER_NORM, r"\mathrm{xhat}_j \frac{\partial L}{\partial y_j}")
case("layer norm, shift", D(L, beta[j]), LAYER_NORM, r"\frac{\partial L}{\partial y_j}")

# --- without any definition

case(
    "explicit softmax",
    D(exp(z[i]) / total(exp(z[l]), (l, N)), z[j]),
    setting(ZY, (), IJ),
    r"\frac{e^{z_i} \left( \delta_{ij} - \frac{e^{z_j}}{\sum_{l=1}^N e^{z_l}} \right)}{\sum_{l=1}^N e^{z_l}}",
)
case(
    "explicit cross-entropy",
    D(-total(y[i] * log(exp(z[i]) / total(exp(z[l]), (l, N))), (i, N)), z[j]),
    setting(ZY, (), IJ, SUM_Y),
    r"\frac{e^{z_j}}{\sum_{l=1}^N e^{z_l}} - y_j",
)
