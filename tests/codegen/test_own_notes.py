"""Notes of a user's own, in index and in matrix form: what they compile to agrees with torch's autograd."""

from __future__ import annotations

import ast
import importlib.util
import re
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
from derive.notes.reader import read_note, read_source

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

RMS_NORM = r"""
Let $x, g, u \in \mathbb{R}^N$, $\epsilon > 0$, $r = \sqrt{\epsilon + \frac{1}{N} \sum_{i=1}^N x_i^2}$,
$y_i = g_i \frac{x_i}{r}$ and $L = \sum_{i=1}^N u_i y_i$.

Compile $L$, $\frac{\partial L}{\partial x_j}$ and $\frac{\partial L}{\partial g_j}$ as `rms_norm(x, g, u, epsilon)`.
"""

ATTENTION = r"""
Let $Q \in \mathbb{R}^{N \times D}$, $K \in \mathbb{R}^{M \times D}$, $V \in \mathbb{R}^{M \times E}$,
$G \in \mathbb{R}^{N \times E}$. The scores are $S = \frac{1}{\sqrt{D}} Q K^\top$, and

$$P_{ij} = \frac{e^{S_{ij}}}{\sum_{l=1}^M e^{S_{il}}}, \qquad O = P V, \qquad L = \operatorname{tr}(G^\top O).$$

Compile $L$, $\nabla_Q L$, $\nabla_K L$ and $\nabla_V L$ as `attention(Q, K, V, G)`.
"""

GELU_NETWORK = r"""
Let $x \in \mathbb{R}^D$, $W \in \mathbb{R}^{H \times D}$, $b \in \mathbb{R}^H$, $V \in \mathbb{R}^{C \times H}$,
$c, y \in \mathbb{R}^C$ and $\phi(a) = \frac{a}{2} (1 + \operatorname{erf}(\frac{a}{\sqrt{2}}))$.
Let $a = W x + b$, $h = \phi(a)$, $o = V h + c$ and $L = \frac{1}{2} \|o - y\|^2$.

Compile $L$, $\frac{\partial L}{\partial W_{ij}}$, $\frac{\partial L}{\partial b_i}$,
$\frac{\partial L}{\partial V_{ij}}$ and $\frac{\partial L}{\partial c_i}$ as `network(W, b, V, c, x, y)`.
"""

ONE_LABEL = r"""
Let $z \in \mathbb{R}^{N \times C}$, $t \in \{1, \dots, C\}$,
$p_{ni} = \frac{e^{z_{ni}}}{\sum_{l=1}^C e^{z_{nl}}}$ and $L = -\frac{1}{N} \sum_{n=1}^N \log p_{nt}$.

Compile $L$ and $\frac{\partial L}{\partial z_{mj}}$ as `one_label(z, t)`.
"""

TWO_SOFTMAXES = r"""
Let $x, y \in \mathbb{R}^N$, $p_i = \frac{e^{x_i}}{\sum_{l=1}^N e^{x_l}}$
and $q_i = \frac{e^{y_i}}{\sum_{l=1}^N e^{y_l}}$.

Compile $p_i - 2 q_i$ as `difference(x, y)`.
"""

SIZES = {"M": 3, "K": 2, "M + 1": 4, "N": 7, "D": 4, "C": 5, "E": 2, "H": 6}


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
        positive = a.name in ("gamma", "lambda_", "epsilon")
        found[a.name] = rng.integers(0, 5, shape) if a.integer else rng.normal(size=shape) + (3 if positive else 0)
    return found


OWN = {
    "ridge": RIDGE, "matrix form": MATRIX, "focal": FOCAL, "huber": HUBER, "gelu": GELU, "stacked bias": STACKED,
    "running sum": RUNNING, "sum over pairs": PAIRS, "total variation": VARIATION, "embedding": EMBEDDING,
    "one label": ONE_LABEL, "two softmaxes": TWO_SOFTMAXES,
    "RMS norm": RMS_NORM, "attention": ATTENTION, "GELU network": GELU_NETWORK,
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
    """Name -> note, loss; the gradients are by the first arguments, one each."""

    def network(W: Any, b: Any, V: Any, c: Any, x: Any, y: Any) -> Any:
        return ((V @ torch.nn.functional.gelu(W @ x + b) + c - y) ** 2).sum() / 2

    def focal(z: Any, c: Any, gamma: Any) -> Any:
        logs = torch.log_softmax(z, -1)[c]
        return -((1 - logs.exp()) ** gamma) * logs

    return {
        "ridge": (RIDGE, lambda w, X, y, lambda_: ((X @ w - y) ** 2).sum() + lambda_ * (w**2).sum()),
        "matrix": (MATRIX, lambda w, X, y: ((X @ w - y) ** 2).sum()),
        "focal": (FOCAL, focal),
        "variation": (VARIATION, lambda x: (x[1:] - x[:-1]).square().sum()),
        "embedding": (EMBEDDING, lambda E, t: (E[t] ** 2).sum()),
        "one label": (ONE_LABEL, lambda z, t: -torch.log_softmax(z, 1)[:, t].mean()),
        "RMS norm": (RMS_NORM, lambda x, g, u, epsilon: (u * g * x / (epsilon + (x**2).mean()).sqrt()).sum()),
        "attention": (ATTENTION, lambda Q, K, V, G: (G * (torch.softmax(Q @ K.T / Q.shape[1] ** 0.5, 1) @ V)).sum()),
        "GELU network": (GELU_NETWORK, network),
    }


NAMES = ["ridge", "matrix", "focal", "variation", "embedding", "one label", "RMS norm", "attention", "GELU network"]


@pytest.mark.parametrize("name", NAMES)
def test_gradient_agrees_with_autograd(name: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    text, loss = losses(torch)[name]
    module, prog = compiled(text, tmp_path)
    given = arguments(prog)
    value, *grads = getattr(module, prog.name)(**given)
    tensors = {k: torch.tensor(v) for k, v in given.items()}
    variables = [tensors[a.name].requires_grad_(True) for a in prog.arguments[: len(grads)]]
    expected = loss(**tensors)
    expected.backward()
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    for grad, variable in zip(grads, variables, strict=True):
        np.testing.assert_allclose(grad, variable.grad.numpy(), rtol=1e-12, atol=1e-13)


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


@pytest.mark.parametrize("size", [5, 40, 1000])
def test_two_softmaxes_learn_nothing_from_each_other(size: int, tmp_path: Path) -> None:
    """One of logits so far apart that most of their exponentials are zero, one of ordinary logits."""
    module, _ = compiled(TWO_SOFTMAXES, tmp_path)
    rng = np.random.default_rng(2)
    spread, ordinary = rng.uniform(-1e4, 1e4, (300, size)), rng.normal(size=(300, size))

    def softmax(z: Any) -> Any:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    for x, y in ((spread, ordinary), (ordinary, spread), (spread, spread[::-1])):
        np.testing.assert_allclose(module.difference(x, y), softmax(x) - 2 * softmax(y), rtol=1e-10, atol=1e-14)


SENTENCES = [  # a sentence about softmax of z in R^N, what is said of it behind the place
    ("Compile $s_i$ as `class(z)`.", "class: function 'class' is a keyword of Python"),
    ("Compile $s_i$ as `np(z)`.", "np: function 'np' would hide a name that generated source needs"),
    ("Compile $s_i$ as `_own(z)`.", "_own: function '_own' would hide a name"),
    ("Compile $s_i$ as `column_sums(z)`.", "function 'column_sums' would hide a name"),
    ("Compile $s_i$ as `f(out)`.", "f: argument 'out' would hide a name"),
    ("Compile $s_i$ as `f(lambda)`.", "f: argument 'lambda' is a keyword of Python; write lambda_"),
    ("Compile $s_i$ as `2f(z)`.", "Compile: a Compile sentence ends in the name and arguments"),
    ("Compile $s_i$.", "Compile: a Compile sentence ends in the name and arguments"),
    ("Compile $s_i$ as `f(z, z)`.", "f: f has the same argument twice"),
    ("Compile $s_i$ as `f()`.", "f: z has no value: it is neither an argument nor defined"),
    ("Compile $s_i$ as `f(z, y)`.", "f: nothing in the formula depends on the argument y"),
    ("Compile $s_i$ as `f(z, N)`.", "f: nothing in the formula depends on the argument N"),
    ("Compile $R$ as `f(z)`.", "f: R has no value"),
    ("Compile $s_i +$ as `f(z)`.", "f: the formula ends where a factor was expected"),
]


@pytest.mark.parametrize("sentence,says", SENTENCES, ids=[s for s, _ in SENTENCES])
def test_a_sentence_that_cannot_be_compiled_is_refused_at_its_place(sentence: str, says: str) -> None:
    text = r"Let $y, z \in \mathbb{R}^N$ and $s_i = \frac{e^{z_i}}{\sum_{l=1}^N e^{z_l}}$." + f"\n\n  {sentence}\n"
    with pytest.raises(CompileError, match=f"^a note.md:3:3: .*{re.escape(says)}"):
        compile_notes([read_note("a note.md", text.encode())], "a note.md")


def test_a_function_is_compiled_once() -> None:
    text = r"Let $z \in \mathbb{R}^N$ and $q = \sum_{i=1}^N z_i$. Compile $q$ as `f(z)`." + "\n\nCompile $q$ as `f(z)`."
    with pytest.raises(CompileError, match=r"^a note\.md:3:1: f: f is compiled twice"):
        compile_notes([read_note("a note.md", text.encode())], "a note.md")


@pytest.mark.parametrize("text,says", UNCOMPILED, ids=[s for _, s in UNCOMPILED])
def test_what_has_no_array_form_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(CompileError, match=says):
        compile_notes([read_source(text)], "own.md")


def test_a_module_has_no_more_than_it_uses() -> None:
    """What is left of the shared runtime is used, and nothing that is used is missing."""
    other = "Let $z \\in \\mathbb{R}^N$.\n\nCompile $\\log \\sum_k e^{z_k}$ as `lse(z)`."
    for text, large in ((RIDGE, False), (other, True)):
        source = compile_notes([read_source(text)], "own.md")
        assert ("set_threads" in source) == ("class Kernel" in source) == ("def exp_into" in source) == large
        tree = ast.parse(source)
        used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        defined = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        assert defined - used <= {"ridge", "lse", "set_threads"}


@pytest.mark.parametrize("name", ["exp", "divide", "ndarray", "pairwise"])
def test_names_that_the_runtime_imports_are_kept(name: str) -> None:
    note = read_source(f"Let $z \\in \\mathbb{{R}}^N$.\n\nCompile $\\sum_k e^{{z_k}}$ as `{name}(z)`.")
    with pytest.raises(CompileError, match="would hide a name"):
        compile_notes([note], "own.md")
