"""Gradients from deep learning, asked for as one asks on the command line: short closed forms, every step proved."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from derive.ask import Question, ask, form_asked
from derive.show.latex import for_target, latex, style_of
from derive.steps import Derivation, derivation


@dataclass(frozen=True)
class Asked:
    """``target`` under definitions ``let``; ``closed`` is its entry, ``whole`` the vector or matrix, if it is one."""

    name: str
    target: str
    let: tuple[str, ...]
    closed: str
    whole: str = ""
    assume: tuple[str, ...] = ()


SIGMOID = r"\sigma(t) = \frac{1}{1+e^{-t}}"
REGRESSION = (r"X \in \mathbb{R}^{N \times D}", r"w \in \mathbb{R}^D", r"y \in \mathbb{R}^N")
LOGISTIC = (
    *REGRESSION,
    SIGMOID,
    "z = X w",
    r"p_n = \sigma(z_n)",
    r"L = -\sum_{n=1}^N \left( y_n \log p_n + (1 - y_n) \log (1 - p_n) \right)",
)
GAUSSIAN = (
    r"\mu, s, y \in \mathbb{R}^N",
    r"L = \frac{1}{2} \sum_{i=1}^N \left( s_i + (y_i - \mu_i)^2 e^{-s_i} \right)",
)
DIVERGENCE = (
    r"\mu, s \in \mathbb{R}^N",
    r"K = -\frac{1}{2} \sum_{i=1}^N \left( 1 + s_i - \mu_i^2 - e^{s_i} \right)",
)
SOFTMAX = r"s_i = \frac{e^{z_i}}{\sum_{l=1}^N e^{z_l}}"
ATTENTION = (
    r"Q \in \mathbb{R}^{N \times d}",
    r"K \in \mathbb{R}^{M \times d}",
    r"V \in \mathbb{R}^{M \times D}",
    r"A = \frac{1}{\sqrt{d}} Q K^\top",
    r"P_{ij} = \frac{e^{A_{ij}}}{\sum_{l=1}^M e^{A_{il}}}",
    "O = P V",
    r"G \in \mathbb{R}^{N \times D}",
    r"L = \sum_{i=1}^N \sum_{c=1}^D G_{ic} O_{ic}",
)
NORMAL = (
    r"x, m \in \mathbb{R}^D",
    r"v \in \mathbb{R}",
    r"\ell = -\frac{D}{2} \log (2 \pi v) - \frac{1}{2 v} \|x - m\|^2",
)
LINEAR_SOFTMAX = (
    r"A \in \mathbb{R}^{M \times N}",
    r"x \in \mathbb{R}^N",
    r"b \in \mathbb{R}^M",
    "z = A x + b",
    r"s_i = \frac{e^{z_i}}{\sum_{l=1}^M e^{z_l}}",
    r"f = \log \sum_{i=1}^M e^{z_i}",
)
CELL = (r"f, o, u, g, m \in \mathbb{R}^N", "c_i = f_i m_i + u_i g_i", r"h_i = o_i \tanh c_i")

ASKED = (
    Asked(
        "GELU",
        r"\frac{d g}{d x}",
        (
            r"x \in \mathbb{R}",
            r"\Phi(t) = \frac{1}{2} \left( 1 + \operatorname{erf} \frac{t}{\sqrt{2}} \right)",
            r"g = x \Phi(x)",
        ),
        r"\Phi(x) + \frac{1}{\sqrt{2 \pi}} x e^{-x^2/2}",
    ),
    Asked(
        "swish with a slope",
        r"\frac{\partial f}{\partial x}",
        (r"x \in \mathbb{R}", r"\beta \in \mathbb{R}", SIGMOID, r"f = x \sigma(\beta x)"),
        r"\beta f + \sigma(\beta x) (1 - \beta f)",
    ),
    Asked(
        "mish",
        r"\frac{d f}{d x}",
        (r"x \in \mathbb{R}", r"f = x \tanh \log (1 + e^x)"),
        r"\tanh(\log(1 + e^x)) + \frac{x e^x (1 - \tanh^2(\log(1 + e^x)))}{1 + e^x}",
    ),
    Asked(
        "triplet loss inside the margin",
        r"\nabla_a L",
        (r"a, p, n \in \mathbb{R}^D", r"\alpha \in \mathbb{R}", r"L = \|a - p\|^2 - \|a - n\|^2 + \alpha"),
        r"2 (n_i - p_i)",
        r"2 (n - p)",
    ),
    Asked("Gaussian likelihood, mean", r"\frac{\partial L}{\partial \mu_j}", GAUSSIAN, r"e^{-s_j} (\mu_j - y_j)"),
    Asked(
        "Gaussian likelihood, log-variance",
        r"\frac{\partial L}{\partial s_j}",
        GAUSSIAN,
        r"\frac{1}{2} - \frac{1}{2} e^{-s_j} (y_j - \mu_j)^2",
    ),
    Asked("KL divergence of a VAE, mean", r"\nabla_\mu K", DIVERGENCE, r"\mu_i", r"\mu"),
    Asked(
        "KL divergence of a VAE, log-variance",
        r"\nabla_s K",
        DIVERGENCE,
        r"\frac{e^{s_i}}{2} - \frac{1}{2}",
        r"\frac{1}{2} \exp(s) - \frac{1}{2}",
    ),
    Asked("logistic regression", r"\nabla_w L", LOGISTIC, r"\sum_{l=1}^N (p_l - y_l) X_{li}", r"X^\top (p - y)"),
    Asked(
        "logistic regression, Hessian",
        r"\nabla^2_w L",
        LOGISTIC,
        r"\sum_{k=1}^N p_k (1 - p_k) X_{ki} X_{kj}",
        r"X^\top \operatorname{diag}((1 - p) \odot p) X",
    ),
    Asked(
        "Poisson regression",
        r"\nabla_w L",
        (*REGRESSION, r"\eta = X w", r"L = \sum_{n=1}^N \left( e^{\eta_n} - y_n \eta_n \right)"),
        r"\sum_{l=1}^N (e^{\eta_l} - y_l) X_{li}",
        r"X^\top (\exp(\eta) - y)",
    ),
    Asked(
        "softmax with temperature, Hessian",
        r"\frac{\partial^2 L}{\partial z_i \partial z_j}",
        (
            r"z \in \mathbb{R}^N",
            r"\tau \in \mathbb{R}",
            r"s_i = \frac{e^{z_i/\tau}}{\sum_{l=1}^N e^{z_l/\tau}}",
            r"L = \tau \log \sum_{l=1}^N e^{z_l/\tau}",
        ),
        r"\frac{s_i (\delta_{ij} - s_j)}{\tau}",
    ),
    Asked(
        "Huber loss",
        r"\frac{\partial L}{\partial w_j}",
        (
            *REGRESSION,
            "r = X w - y",
            r"L = \sum_{n=1}^N \begin{cases} \frac{1}{2} r_n^2 & |r_n| \le 1 \\ |r_n| - \frac{1}{2} & \text{otherwise}"
            r" \end{cases}",
        ),
        r"\sum_{i=1}^N \begin{cases} r_i & |r_i| \le 1 \\ \operatorname{sign}(r_i) & \text{otherwise} \end{cases}"
        " X_{ij}",
    ),
    Asked(
        "Rayleigh quotient",
        r"\nabla_w L",
        (r"S \in \mathbb{R}^{D \times D}", r"w \in \mathbb{R}^D", r"L = \frac{w^\top S w}{w^\top w}"),
        r"\frac{2 \left( \sum_{j=1}^D S_{ij} w_j - L w_i \right)}{\sum_{k=1}^D w_k^2}",
        r"\frac{2}{\|w\|^2} (S w - L w)",
        (r"S^\top = S",),
    ),
    Asked(
        "matrix factorisation",
        r"\nabla_U L",
        (
            r"R \in \mathbb{R}^{N \times M}",
            r"U \in \mathbb{R}^{N \times K}",
            r"V \in \mathbb{R}^{M \times K}",
            r"L = \frac{1}{2} \| R - U V^\top \|_F^2",
        ),
        r"\sum_{m=1}^M \left( \sum_{k=1}^K U_{ik} V_{mk} - R_{im} \right) V_{mj}",
        r"(U V^\top - R) V",
    ),
    Asked(
        "ridge regression",
        r"\nabla_w L",
        (*REGRESSION, r"\lambda \in \mathbb{R}", r"L = \frac{1}{N} \| X w - y \|^2 + \lambda \| w \|^2"),
        r"2 \lambda w_i + \frac{2}{N} \sum_{l=1}^N \left( \sum_{j=1}^D X_{lj} w_j - y_l \right) X_{li}",
        r"\frac{2}{N} X^\top (X w - y) + 2 \lambda w",
    ),
    Asked(
        "cosine similarity",
        r"\nabla_u c",
        (r"u, v \in \mathbb{R}^D", r"a = \|u\|", r"b = \|v\|", r"c = \frac{u^\top v}{a b}"),
        r"\frac{v_i}{a b} - \frac{c u_i}{a^2}",
        r"\frac{1}{a b} v - \frac{c}{a^2} u",
    ),
    Asked(
        "Mahalanobis distance",
        r"\nabla_x d",
        (r"x, m \in \mathbb{R}^D", r"A \in \mathbb{R}^{D \times D}", r"d = (x - m)^\top A (x - m)"),
        r"\sum_{j=1}^D (A_{ij} + A_{ji}) (x_j - m_j)",
        r"(A + A^\top) (x - m)",
    ),
    Asked(
        "weighted cross-entropy",
        r"\nabla_z L",
        (r"z, y, w \in \mathbb{R}^N", SOFTMAX, r"L = -\sum_{i=1}^N w_i y_i \log s_i"),
        r"s_i \sum_{l=1}^N w_l y_l - w_i y_i",
        r"(w^\top y) s - w \odot y",
    ),
    Asked(
        "InfoNCE",
        r"\nabla_u L",
        (
            r"u \in \mathbb{R}^{N \times N}",
            r"\tau \in \mathbb{R}",
            r"p_{ij} = \frac{e^{u_{ij}/\tau}}{\sum_{l=1}^N e^{u_{il}/\tau}}",
            r"L = -\frac{1}{N} \sum_{i=1}^N \log p_{ii}",
        ),
        r"\frac{p_{ij} - \delta_{ij}}{N \tau}",
        r"\frac{1}{N \tau} (p - I)",
    ),
    Asked(
        "LSTM cell, forget gate", r"\frac{\partial h_i}{\partial f_j}", CELL, r"\delta_{ij} m_i o_i (1 - \tanh^2(c_i))"
    ),
    Asked(
        "LSTM cell, output gate",
        r"\frac{\partial h_i}{\partial a_j}",
        (r"a, c \in \mathbb{R}^N", SIGMOID, r"o_i = \sigma(a_i)", r"h_i = o_i \tanh c_i"),
        r"\delta_{ij} h_i (1 - o_i)",
    ),
    Asked(
        "focal loss of smoothed labels",
        r"\frac{\partial L}{\partial z_j}",
        (
            r"z, q \in \mathbb{R}^N",
            r"\gamma \in \mathbb{R}",
            SOFTMAX,
            r"L = -\sum_{i=1}^N q_i (1 - s_i)^\gamma \log s_i",
        ),
        r"q_j (\gamma s_j (1 - s_j)^{\gamma - 1} \log s_j - (1 - s_j)^{\gamma})"
        r" + s_j \sum_{i=1}^N q_i ((1 - s_i)^{\gamma} - \gamma s_i (1 - s_i)^{\gamma - 1} \log s_i)",
    ),
    Asked(
        "layer norm, JVP",
        r"\sum_{j=1}^N \frac{\partial h_i}{\partial x_j} v_j",
        (
            r"x, v \in \mathbb{R}^N",
            r"\epsilon \in \mathbb{R}",
            r"\mu = \frac{1}{N} \sum_{i=1}^N x_i",
            r"\rho = \sqrt{\frac{1}{N} \sum_{i=1}^N (x_i - \mu)^2 + \epsilon}",
            r"h_i = \frac{x_i - \mu}{\rho}",
        ),
        r"\frac{v_i - \frac{1}{N} \left( \sum_{j=1}^N v_j + h_i \sum_{j=1}^N h_j v_j \right)}{\rho}",
    ),
    Asked(
        "batch norm",
        r"\frac{\partial L}{\partial X_{mj}}",
        (
            r"X, G \in \mathbb{R}^{N \times D}",
            r"\epsilon \in \mathbb{R}",
            r"\mu_j = \frac{1}{N} \sum_{n=1}^N X_{nj}",
            r"\rho_j = \sqrt{\frac{1}{N} \sum_{n=1}^N (X_{nj} - \mu_j)^2 + \epsilon}",
            r"H_{nj} = \frac{X_{nj} - \mu_j}{\rho_j}",
            r"L = \sum_{n=1}^N \sum_{j=1}^D G_{nj} H_{nj}",
        ),
        r"\frac{G_{mj} - \frac{1}{N} \left( \sum_{n=1}^N G_{nj} + H_{mj} \sum_{n=1}^N G_{nj} H_{nj} \right)}{\rho_j}",
    ),
    Asked(
        "attention, queries",
        r"\nabla_{Q} L",
        ATTENTION,
        r"\frac{1}{\sqrt{d}} \sum_{k=1}^M P_{ik} K_{kj} \sum_{m=1}^D (V_{km} - O_{im}) G_{im}",
        r"\frac{1}{\sqrt{d}} (P \odot (G V^\top - (G \odot O) \mathbf{1} \mathbf{1}^\top)) K",
    ),
    Asked(
        "attention, keys",
        r"\nabla_{K} L",
        ATTENTION,
        r"\frac{1}{\sqrt{d}} \sum_{l=1}^N P_{li} Q_{lj} \sum_{m=1}^D (V_{im} - O_{lm}) G_{lm}",
        r"\frac{1}{\sqrt{d}} (P \odot (G V^\top - (G \odot O) \mathbf{1} \mathbf{1}^\top))^\top Q",
    ),
    Asked("attention, values", r"\nabla_{V} L", ATTENTION, r"\sum_{l=1}^N P_{li} G_{lj}", r"P^\top G"),
    Asked(
        "RMS norm, Jacobian",
        r"\frac{\partial y_i}{\partial x_j}",
        (r"x, g \in \mathbb{R}^N", r"r = \sqrt{\frac{1}{N} \sum_{i=1}^N x_i^2}", r"y_i = \frac{g_i x_i}{r}"),
        r"\frac{\delta_{ij} g_i}{r} - \frac{y_i x_j}{N r^2}",
    ),
    Asked(
        "softmax regression over a batch",
        r"\nabla_W L",
        (
            r"X \in \mathbb{R}^{N \times D}",
            r"W \in \mathbb{R}^{D \times K}",
            r"Y \in \mathbb{R}^{N \times K}",
            "Z = X W",
            r"P_{nk} = \frac{e^{Z_{nk}}}{\sum_{l=1}^K e^{Z_{nl}}}",
            r"L = -\frac{1}{N} \sum_{n=1}^N \sum_{k=1}^K Y_{nk} \log P_{nk}",
        ),
        r"\frac{1}{N} \sum_{l=1}^N (P_{lj} - Y_{lj}) X_{li}",
        r"\frac{1}{N} X^\top (P - Y)",
        (r"\sum_{k=1}^K Y_{nk} = 1",),
    ),
    Asked("normal density, mean", r"\nabla_m \ell", NORMAL, r"\frac{x_i - m_i}{v}", r"\frac{1}{v} (x - m)"),
    Asked(
        "normal density, variance",
        r"\frac{d \ell}{d v}",
        NORMAL,
        r"\frac{1}{2} \left( \frac{\sum_{i=1}^D (x_i - m_i)^2}{v^2} - \frac{D}{v} \right)",
    ),
    Asked(
        "regression by a network",
        r"\nabla_{W} L",
        (
            r"x \in \mathbb{R}^D",
            r"W \in \mathbb{R}^{H \times D}",
            r"u, b \in \mathbb{R}^H",
            r"y \in \mathbb{R}",
            "a = W x + b",
            r"h = \tanh a",
            r"L = \frac{1}{2} (u^\top h - y)^2",
        ),
        r"\left( \sum_{k=1}^H h_k u_k - y \right) u_i (1 - h_i^2) x_j",
        r"(h^\top u - y) ((1 - h \odot h) \odot u) x^\top",
    ),
    Asked(
        "Dice loss",
        r"\frac{\partial L}{\partial p_j}",
        (
            r"p, y \in \mathbb{R}^N",
            r"a = \sum_{i=1}^N p_i y_i",
            r"b = \sum_{i=1}^N (p_i + y_i)",
            r"L = 1 - \frac{2 a}{b}",
        ),
        r"\frac{2 (a - b y_j)}{b^2}",
    ),
    Asked("log-sum-exp of scores", r"\nabla_x f", LINEAR_SOFTMAX, r"\sum_{l=1}^M s_l A_{li}", r"A^\top s"),
    Asked(
        "log-sum-exp of scores, Hessian",
        r"\nabla^2_x f",
        LINEAR_SOFTMAX,
        r"\sum_{k=1}^M s_k A_{ki} A_{kj} - \left( \sum_{m=1}^M s_m A_{mi} \right) \sum_{k=1}^M s_k A_{kj}",
        r"A^\top \operatorname{diag}(s) A - A^\top s s^\top A",
    ),
)


def made(asked: Asked) -> tuple[Derivation, str]:
    """The derivation, and its result as it is printed."""
    (request,) = ask(Question(asked.target, asked.let, asked.assume))
    assert request.target is not None
    found = derivation(request.target.expr, request.setting, asked=form_asked(request.target, request.setting))
    return found, latex(found.result, for_target(style_of(asked.target, request.setting), found.target))


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.name)
def test_closed_form(asked: Asked) -> None:
    found, closed = made(asked)
    assert closed == asked.closed
    assert "".join(step.expr.text for step in found.whole) == asked.whole
    assert all(part.proved for part in (found, *found.lemmas))
