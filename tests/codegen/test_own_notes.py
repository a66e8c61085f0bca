"""Notes of a user's own, in index and in matrix form: what they compile to agrees with torch's autograd."""

from __future__ import annotations

import importlib.util
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from derive.codegen import CompileError, compile_notes
from derive.codegen.closed import ClosedForms
from derive.codegen.evaluate import evaluate
from derive.codegen.module import program
from derive.notes.note import CompileRequest
from derive.notes.reader import read_source

RIDGE = r"""
Let $X \in \mathbb{R}^{N \times D}$, $y \in \mathbb{R}^N$, $w \in \mathbb{R}^D$, $\lambda > 0$ and

$$L = \sum_{n=1}^N \left( \sum_{d=1}^D X_{nd} w_d - y_n \right)^2 + \lambda \sum_{d=1}^D w_d^2$$

Then

$$\frac{\partial L}{\partial w_j} = 2 \sum_{n=1}^N X_{nj} \left( \sum_{d=1}^D X_{nd} w_d - y_n \right) + 2 \lambda w_j$$

Compile $L$ and $\frac{\partial L}{\partial w_j}$ as `ridge(w, X, y, lambda_)`.
"""

MATRIX = r"""
Let $X \in \mathbb{R}^{N \times D}$, $y \in \mathbb{R}^N$, $w \in \mathbb{R}^D$ and $L = \|X w - y\|^2$.
Gradients have the shape of the variable.

$$\nabla_w L = 2 X^\top (X w - y)$$

Compile $L$ and $\nabla_w L$ as `least_squares(w, X, y)`.
"""

FOCAL = r"""
Let $z \in \mathbb{R}^C$, $c \in \{1, \dots, C\}$, $\gamma > 0$, $p_i = \frac{e^{z_i}}{\sum_{l=1}^C e^{z_l}}$ and

$$F = -(1 - p_c)^\gamma \log p_c$$

Then

$$
\frac{\partial F}{\partial z_j}
= \left( \gamma (1 - p_c)^{\gamma - 1} p_c \log p_c - (1 - p_c)^\gamma \right) \left( \mathbb{1}\{j=c\} - p_j \right)
$$

Compile $F$ and $\frac{\partial F}{\partial z_j}$ as `focal(z, c, gamma)`.
"""

HUBER = r"""
Let $x \in \mathbb{R}$ and

$$h(x) = \begin{cases} \frac{1}{2} x^2 & |x| \le 1 \\ |x| - \frac{1}{2} & \text{otherwise} \end{cases}$$

Compile $h(x)$ as `huber(x)`.
"""

GELU = r"""
Let $x \in \mathbb{R}$ and $g(x) = \frac{x}{2} \left(1 + \operatorname{erf}\left(\frac{x}{\sqrt{2}}\right)\right)$.

Compile $g(x)$ and $g'(x)$ as `gelu(x)`.
"""

STACKED = r"""
Let $x \in \mathbb{R}^M$, $W \in \mathbb{R}^{K \times (M+1)}$, $\tilde x = [1; x]$ and $u = W \tilde x$.

Compile $u$ as `layer(W, x)`.
"""

RUNNING = r"""
Let $x \in \mathbb{R}^N$, $i = 1, \dots, N$ and $c_i = \sum_{l=1}^i x_l$.

Compile $c_i$ as `running(x)`.
"""

PAIRS = r"""
Let $x \in \mathbb{R}^N$ and $L = \sum_{i=1}^N \sum_{j=1}^{i-1} (x_i - x_j)^2$.

Compile $L$ as `pairs(x)`.
"""

VARIATION = r"""
Let $x \in \mathbb{R}^N$ and $L = \sum_{i=2}^N (x_i - x_{i-1})^2$.

Compile $L$ and $\frac{\partial L}{\partial x_j}$ as `variation(x)`.
"""

EMBEDDING = r"""
Let $E \in \mathbb{R}^{C \times D}$, $t_n \in \{1, \dots, C\}$ for $n = 1, \dots, N$, and

$$L = \sum_{n=1}^N \sum_{d=1}^D E_{t_n d}^2$$

Compile $L$ and $\frac{\partial L}{\partial E_{vd}}$ as `embedding(E, t)`.
"""

SIZES = {"M": 3, "K": 2, "M + 1": 4, "N": 7, "D": 4, "C": 5}


def compiled(text: str, folder: Path) -> tuple[types.ModuleType, Any]:
    note = read_source(text)
    path = folder / "own.py"
    path.write_text(compile_notes([note], "own.md"))
    spec = importlib.util.spec_from_file_location("own", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    request = next(item for item in note.items if isinstance(item, CompileRequest))
    return module, program(request, ClosedForms(note))


def arguments(prog: Any) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    found = {}
    for a in prog.arguments:
        shape = tuple(SIZES[s] for s in a.axes)
        positive = a.name in ("gamma", "lambda_")
        found[a.name] = rng.integers(0, 5, shape) if a.integer else rng.normal(size=shape) + (3 if positive else 0)
    return found


OWN = {
    "ridge": RIDGE, "matrix form": MATRIX, "focal": FOCAL, "huber": HUBER, "gelu": GELU, "stacked bias": STACKED,
    "running sum": RUNNING, "sum over pairs": PAIRS, "total variation": VARIATION, "embedding": EMBEDDING,
}


@pytest.mark.parametrize("text", OWN.values(), ids=OWN)
def test_source_means_what_the_note_says(text: str, tmp_path: Path) -> None:
    module, prog = compiled(text, tmp_path)
    given = arguments(prog)
    got = getattr(module, prog.name)(**given)
    got = got if isinstance(got, tuple) else (got,)
    for value, want in zip(got, evaluate(prog.results, given, 30), strict=True):
        np.testing.assert_allclose(value, np.asarray(want, dtype=float), rtol=1e-12)


def losses(torch: Any) -> dict[str, Any]:
    def focal(z: Any, c: Any, gamma: Any) -> Any:
        logs = torch.log_softmax(z, -1)[c]
        return -((1 - logs.exp()) ** gamma) * logs

    return {
        "ridge": (RIDGE, lambda w, X, y, lambda_: ((X @ w - y) ** 2).sum() + lambda_ * (w**2).sum()),
        "matrix": (MATRIX, lambda w, X, y: ((X @ w - y) ** 2).sum()),
        "focal": (FOCAL, focal),
        "variation": (VARIATION, lambda x: (x[1:] - x[:-1]).square().sum()),
        "embedding": (EMBEDDING, lambda E, t: (E[t] ** 2).sum()),
    }


@pytest.mark.parametrize("name", ["ridge", "matrix", "focal", "variation", "embedding"])
def test_gradient_agrees_with_autograd(name: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    text, loss = losses(torch)[name]
    module, prog = compiled(text, tmp_path)
    given = arguments(prog)
    value, grad = getattr(module, prog.name)(**given)
    tensors = {k: torch.tensor(v) for k, v in given.items()}
    first = tensors[prog.arguments[0].name].requires_grad_(True)
    expected = loss(**tensors)
    expected.backward()
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    np.testing.assert_allclose(grad, first.grad.numpy(), rtol=1e-12, atol=1e-13)


def test_gelu_agrees_with_autograd(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    module, prog = compiled(GELU, tmp_path)
    x = np.linspace(-4, 4, 41)
    value, grad = getattr(module, prog.name)(x)
    a = torch.tensor(x, requires_grad=True)
    expected = torch.nn.functional.gelu(a)
    expected.sum().backward()
    np.testing.assert_allclose(value, expected.detach().numpy(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(grad, a.grad.numpy(), rtol=1e-12, atol=1e-15)


UNCOMPILED = [
    (r"Let $x \in \mathbb{R}^{N+2}$, $w \in \mathbb{R}^3$ and $y_i = \sum_{k=1}^3 w_k x_{i+k-1}$ for $i = 1, \dots, N$."
     "\n\nCompile $y_i$ as `f(x, w)`.", "cannot stand as an index"),
    (r"Let $x \in \mathbb{R}^N$ and $y_i = x_i + a$." "\n\nCompile $y_i$ as `f(x)`.", "a has no value"),
]


@pytest.mark.parametrize("text,says", UNCOMPILED, ids=[s for _, s in UNCOMPILED])
def test_what_has_no_array_form_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(CompileError, match=says):
        compile_notes([read_source(text)], "own.md")
