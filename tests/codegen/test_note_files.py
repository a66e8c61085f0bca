"""The notes in ``notes/``, as people write them: what they compile to agrees with torch, in every batch and type."""

from __future__ import annotations

import importlib.util
import inspect
import itertools
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from derive.codegen import compile_notes
from derive.notes.reader import read_note

torch = pytest.importorskip("torch")
F = torch.nn.functional
NOTES = Path(__file__).parent / "notes"
SIZES = {"N": 7, "D": 4, "C": 5, "K": 3, "M": 6, "d": 4, "p": 3, "H": 2, "E": 5, "U": 6, "I": 5, "F": 3, "A": 4}


def attention(Q: Any, K: Any, V: Any, B: Any) -> Any:
    return torch.softmax(Q @ K.mT / Q.shape[-1] ** 0.5 + B, -1) @ V


def batch_norm(X: Any, gamma: Any, beta: Any, epsilon: Any) -> Any:
    return gamma * (X - X.mean(0)) / (X.var(0, unbiased=False) + epsilon).sqrt() + beta


def layer_norm(x: Any, g: Any, b: Any, epsilon: Any) -> Any:
    return F.layer_norm(x, (x.shape[-1],), g, b, epsilon.item())


def shares(X: Any, m: Any, a: Any, s: Any) -> Any:
    return a - X.shape[1] / 2 * (2 * np.pi * s**2).log() - ((X[:, None] - m) ** 2).sum(-1) / (2 * s**2)


def mixture(X: Any, m: Any, a: Any, s: Any) -> Any:
    return torch.logsumexp(shares(X, m, a, s), 1).sum()


def chosen(z: Any, t: Any) -> Any:
    return F.log_softmax(z, 1)[torch.arange(len(t)), t]


def nt_xent(Z: Any, c: Any, tau: Any) -> Any:
    S = Z @ Z.T / tau
    others = torch.logsumexp(S.masked_fill(torch.eye(len(Z), dtype=bool), -torch.inf), 1)
    return (others - S[torch.arange(len(Z)), c]).mean()


def policy(z: Any, a: Any, R: Any, beta: Any) -> Any:
    return -(R * chosen(z, a) - beta * (torch.softmax(z, 1) * F.log_softmax(z, 1)).sum(1)).mean()


def distillation(z: Any, w: Any, T: Any) -> Any:
    return T**2 * F.kl_div(F.log_softmax(z / T, 1), F.log_softmax(w / T, 1), reduction="batchmean", log_target=True)


def smoothed(z: Any, t: Any, epsilon: Any, T: Any) -> Any:
    return F.cross_entropy(z / T, (1 - epsilon) * F.one_hot(t, z.shape[1]) + epsilon / z.shape[1])


def factorise(P: Any, Q: Any, R: Any, M: Any, lambda_: Any) -> Any:
    return ((M * (R - P @ Q.T)) ** 2).sum() + lambda_ * ((P**2).sum() + (Q**2).sum())


def regression(w: Any, b: Any, X: Any, y: Any, lambda_: Any) -> Any:
    return F.binary_cross_entropy_with_logits(X @ w + b, y) + lambda_ / 2 * (w**2).sum()


def heads(Q: Any, K: Any, V: Any, W: Any) -> Any:
    return torch.einsum("hnd,hde->ne", attention(Q, K, V, 0), W)


Loss = Callable[..., Any]
# note, function, arguments by their axes (after a colon: labels below a size, or what numbers), values, loss, gradients
TABLE: list[tuple[str, str, str, list[Loss], Loss | None, str]] = [
    ("attention", "attend", "Q=Nd K=Md V=Mp B=NM", [attention], None, ""),
    ("attention", "attend_backward", "Q=Nd K=Md V=Mp B=NM G=Np", [],
     lambda Q, K, V, B, G: (G * attention(Q, K, V, B)).sum(), "Q K V"),
    ("attention-matrix", "masked_attention_grads", "Q=Nd K=Nd V=Nd M=NN G=Nd",
     [lambda Q, K, V, M, G: (G * attention(Q, K, V, M)).sum()],
     lambda Q, K, V, M, G: (G * attention(Q, K, V, M)).sum(), "Q K V"),
    ("batch-norm", "batch_norm", "X=ND gamma=D beta=D epsilon=:pos", [batch_norm], None, ""),
    ("batch-norm", "batch_norm_backward", "X=ND gamma=D U=ND epsilon=:pos", [],
     lambda X, gamma, U, epsilon, beta: (U * batch_norm(X, gamma, beta, epsilon)).sum(), "X gamma beta~gamma"),
    ("binary-cross-entropy", "bce_logits", "z=N y=N:01 w=N", [F.binary_cross_entropy_with_logits],
     F.binary_cross_entropy_with_logits, "z"),
    ("distillation", "distillation", "z=NC w=NC T=:pos", [distillation], distillation, "z"),
    ("diagonal-gaussian", "gaussian_nll", "x=N mu=N v=N:pos",
     [lambda x, mu, v: v.log().sum() / 2 + ((x - mu) ** 2 / v).sum() / 2],
     lambda x, mu, v: v.log().sum() / 2 + ((x - mu) ** 2 / v).sum() / 2, "v"),
    ("gaussian-mixture", "mixture", "X=ND m=KD a=K s=:pos",
     [mixture, lambda X, m, a, s: torch.softmax(shares(X, m, a, s), 1)], mixture, "m"),
    ("info-nce", "info_nce", "Q=ND K=ND tau=:pos",
     [lambda Q, K, tau: F.cross_entropy(Q @ K.T / tau, torch.arange(len(Q)))],
     lambda Q, K, tau: F.cross_entropy(Q @ K.T / tau, torch.arange(len(Q))), "Q K"),
    ("layer-norm", "layer_norm", "x=N g=N b=N epsilon=:pos", [layer_norm], None, ""),
    ("layer-norm", "layer_norm_backward", "x=N g=N u=N epsilon=:pos", [],
     lambda x, g, u, epsilon, b: (u * layer_norm(x, g, b, epsilon)).sum(), "x g b~x"),
    ("logistic-regression", "logistic_regression", "w=D b= X=ND y=N:01 lambda_=:pos", [regression], regression, "w b"),
    ("masked-cross-entropy", "masked_cross_entropy", "z=NC t=N:C m=N:pos",
     [lambda z, t, m: -(m * chosen(z, t)).sum() / m.sum()],
     lambda z, t, m: -(m * chosen(z, t)).sum() / m.sum(), "z"),
    ("matrix-factorisation", "factorise", "P=UF Q=IF R=UI M=UI lambda_=:pos", [factorise], factorise, "P Q"),
    ("multi-head", "multi_head", "Q=HND K=HND V=HND W=HDE", [heads], None, ""),
    ("nt-xent", "nt_xent", "Z=ND c=N:N tau=:pos", [nt_xent], None, ""),
    ("pca", "pca_loss", "W=DK X=ND", [lambda W, X: ((X - X @ W @ W.T) ** 2).sum()],
     lambda W, X: ((X - X @ W @ W.T) ** 2).sum(), "W"),
    ("policy-gradient", "policy_gradient", "z=NA a=N:A R=N beta=:pos", [policy], policy, "z"),
    ("pseudo-huber", "pseudo_huber", "f=N y=N delta=:pos",
     [lambda f, y, delta: (delta**2 * ((1 + ((f - y) / delta) ** 2).sqrt() - 1)).sum()],
     lambda f, y, delta: (delta**2 * ((1 + ((f - y) / delta) ** 2).sqrt() - 1)).sum(), "f"),
    ("skip-gram", "skip_gram", "v=D u=D U=KD", [lambda v, u, U: -F.logsigmoid(u @ v) - F.logsigmoid(-U @ v).sum()],
     lambda v, u, U: -F.logsigmoid(u @ v) - F.logsigmoid(-U @ v).sum(), "v u U"),
    ("label-smoothing", "smoothed", "z=NC t=N:C epsilon=:pos T=:pos", [smoothed], smoothed, "z"),
    ("class-weights", "weighted_regression", "W=CD b=C X=ND t=N:C omega=C",
     [lambda W, b, X, t, omega: -(omega[t] * chosen(X @ W.T + b, t)).mean()],
     lambda W, b, X, t, omega: -(omega[t] * chosen(X @ W.T + b, t)).mean(), "W b"),
]


@cache
def source(note: str, whole: bool = True) -> str:
    path = NOTES / f"{note}.md"
    return compile_notes([read_note(path.name, path.read_bytes())], path.name, self_contained=whole)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    folder = tmp_path_factory.mktemp("notes")

    @cache
    def load(note: str) -> Any:
        path = folder / f"{note.replace('-', '_')}.py"
        path.write_text(source(note))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def given(arguments: str, sizes: dict[str, int], batch: tuple[int, ...] = ()) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    found = {}
    for name, kind in (a.split("=") for a in arguments.split()):
        axes, _, what = kind.partition(":")
        shape = batch + tuple(sizes[x] for x in axes)
        match what:
            case "":
                found[name] = rng.normal(size=shape)
            case "pos":
                found[name] = rng.uniform(0.5, 1.5, shape)
            case "01":
                found[name] = rng.integers(0, 2, shape).astype(float)
            case size:
                found[name] = rng.integers(0, sizes[size], shape)
    return found


def wanted(values: list[Loss], loss: Loss | None, gradients: str, arguments: dict[str, Any]) -> list[Any]:
    """The values and gradients by torch; ``b~x``: a variable of zeros like ``x``, that the function does not have."""
    tensors = {k: torch.tensor(v) for k, v in arguments.items()}
    found = [f(*(tensors[p] for p in names(f, tensors))).detach().numpy() for f in values]
    variables = [v.partition("~") for v in gradients.split()]
    tensors |= {v: torch.zeros_like(tensors[like]) for v, _, like in variables if like}
    for v, *_ in variables:
        tensors[v].requires_grad_(True)
    if loss is not None:
        loss(*(tensors[p] for p in names(loss, tensors))).backward()
    return [*found, *(tensors[v].grad.numpy() for v, *_ in variables)]


def names(f: Loss, tensors: dict[str, Any]) -> list[str]:
    """The parameters of a loss; of one of torch's, all the arguments in order."""
    own = list(inspect.signature(f).parameters)
    return own if set(own) <= set(tensors) else list(tensors)


def results(function: Any, arguments: dict[str, Any]) -> tuple[Any, ...]:
    """What the function returns: no warning, no argument written over, no memory that is another's."""
    before = {k: v.copy() for k, v in arguments.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = function(**arguments)
    got = got if isinstance(got, tuple) else (got,)
    arrays = [g for g in got if isinstance(g, np.ndarray)]
    assert not any(np.shares_memory(a, b) for a, b in itertools.combinations([*arrays, *arguments.values()], 2))
    assert all(np.array_equal(before[k], arguments[k]) for k in before)
    return got


def agree(got: tuple[Any, ...], want: list[Any], tolerance: float) -> None:
    for value, expected in zip(got, want, strict=True):
        np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance * (np.abs(expected).max() + 1e-3))


@pytest.mark.parametrize("note,name,arguments,values,loss,gradients", TABLE, ids=[t[1] for t in TABLE])
def test_agrees_with_torch(note: str, name: str, arguments: str, values: list[Loss], loss: Loss | None, gradients: str,
                           compiled: Callable[[str], Any]) -> None:
    function = getattr(compiled(note), name)
    for sizes in (SIZES, SIZES | {"N": 1}, dict.fromkeys(SIZES, 1), dict.fromkeys(SIZES, 20)):
        if name == "nt_xent" and sizes["N"] == 1:
            continue
        one = given(arguments, sizes)
        agree(results(function, one), wanted(values, loss, gradients, one), 1e-12)
        narrow = {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in one.items()}
        got = results(function, narrow)
        assert all(np.asarray(g).dtype == np.float32 for g in got)
        agree(got, wanted(values, loss, gradients, one), 3e-4)


@pytest.mark.parametrize("note,name,arguments,values,loss,gradients", TABLE, ids=[t[1] for t in TABLE])
def test_leading_axes_and_none(note: str, name: str, arguments: str, values: list[Loss], loss: Loss | None,
                               gradients: str, compiled: Callable[[str], Any]) -> None:
    """A batch of problems, one of them in one argument alone, none at all, and axes of no length."""
    function = getattr(compiled(note), name)
    many = given(arguments, SIZES, (3,))
    got = results(function, many)
    for k in range(3):
        agree(tuple(g[k] for g in got), wanted(values, loss, gradients, {n: v[k] for n, v in many.items()}), 1e-12)
    for alone in many:
        mixed = {n: v if n == alone else v[0] for n, v in many.items()}
        for g, want in zip(results(function, mixed), got, strict=True):
            np.testing.assert_allclose(g[0] if np.ndim(g) == np.ndim(want) else g, want[0], rtol=1e-12, atol=1e-13)
    results(function, given(arguments, SIZES, (0,)))
    labelled = {a.partition(":")[2] for a in arguments.split()}
    for size in set(SIZES) - labelled:
        results(function, given(arguments, SIZES | {size: 0}))


LOOKS = [  # a note, what its source has, what it has not
    ("attention-matrix", "P = normalised_exp(S, -1)", "[..., None, :, :]"),
    ("attention-matrix", "np.swapaxes(P, -1, -2) @ G", "np.einsum('...kj->...jk'"),
    ("class-weights", "labels=t", "np.zeros"),
    ("binary-cross-entropy", "sigmoid_by(z, e)", "stable_softplus(z)"),
    ("logistic-regression", "dL_dw", "Kernel("),
    ("layer-norm", "np.array(u)", "np.power"),
    ("multi-head", "contracted('kil,klj->ij', O, W)", ".sum("),
    ("nt-xent", "log_sum_exp", "np.exp(S)"),
    ("pca", "chained(", "np.einsum('...ji->...ij'"),
    ("pseudo-huber", "1 + m", "-= 1"),
]


@pytest.mark.parametrize("note,has,lacks", LOOKS, ids=[f"{n} {k}" for k, (n, *_) in enumerate(LOOKS)])
def test_source_is_what_one_would_write(note: str, has: str, lacks: str) -> None:
    text = source(note, whole=False)
    assert has in text
    assert lacks not in text


HOSTILE = [0.0, 1e-300, -1e-9, 30.0, -30.0, 700.0, -700.0, 800.0, -1e5, 1e5]


def test_confident_logits_lose_no_digits(compiled: Callable[[str], Any]) -> None:
    bce = compiled("binary-cross-entropy").bce_logits
    for z, y in itertools.product(HOSTILE, (0.0, 1.0)):
        loss, grad = results(bce, {"z": np.array([z]), "y": np.array([y]), "w": np.ones(1)})
        np.testing.assert_allclose(loss, np.logaddexp(0, -z if y else z), rtol=1e-14)
        assert np.isfinite(grad).all()


def test_small_errors_are_not_lost_in_one(compiled: Callable[[str], Any]) -> None:
    huber = compiled("pseudo-huber").pseudo_huber
    loss, grad = results(huber, {"f": np.array([1e-9]), "y": np.zeros(1), "delta": np.array(1.0)})
    np.testing.assert_allclose([loss, grad[0]], [5e-19, 1e-9], rtol=1e-12)


def test_a_long_product_does_not_overflow(compiled: Callable[[str], Any]) -> None:
    nll = compiled("diagonal-gaussian").gaussian_nll
    for v in (1e-5, 1e5):
        loss, _ = results(nll, {"x": np.zeros(200), "mu": np.zeros(200), "v": np.full(200, v)})
        np.testing.assert_allclose(loss, 100 * np.log(v), rtol=1e-12)
