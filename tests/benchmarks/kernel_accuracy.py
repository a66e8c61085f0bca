"""Errors of the kernels in units in the last place, beside those of peers on the same data; and the memory they take.

The goal for softmax and its gradient at labels: neither the mean nor the largest error above that of a peer; for their
logarithms: at most 4. Where softmax misses it, the line below has the errors of the exponential alone, on the logits
less the largest of their row, as peers take it: what a library's exp rounds, its softmax rounds. Besides, rows of at
most 16 entries are summed term after term, by a product with a matrix, which is fast; scipy sums in pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from derive import kernels
from tests.allocations import peak
from tests.benchmarks._peers import special, torch
from tests.precision import KINDS, exact, exact_gradient, logits, ulps

Softmax = Callable[[Any], Any]

SHAPES = {(1, 10): 200, (64, 10): 20, (4096, 3): 1, (4096, 10): 1, (64, 1000): 1, (2, 60_000): 1}  # and how often
MOST_LOG = 4.0
CLOSE = 1.005  # closer means are equal


def peers() -> dict[str, Softmax]:
    found: dict[str, Softmax] = {}
    if special is not None:
        found["scipy"] = lambda z: special.softmax(z, axis=1)
    if torch is not None:
        found["torch"] = lambda z: torch.softmax(torch.from_numpy(z), 1).numpy().copy()
    return found


def errors(kind: str, shape: tuple[int, int], dtype: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, float]]:
    """Those of softmax and of the gradient by whose function it is, and the largest of the logarithms."""
    soft: dict[str, list[Any]] = {}
    grad: dict[str, list[Any]] = {}
    logs = {"log_softmax": 0.0, "logsumexp": 0.0}
    for seed in range(SHAPES[shape]):
        z = logits(kind, shape, dtype, seed)
        rows, t = np.arange(len(z)), np.argmax(z > -np.inf, axis=1)
        p, log_p, total = exact(z)
        wanted = exact_gradient(z, t)
        soft.setdefault("ours", []).append(ulps(kernels.softmax(z), p))
        grad.setdefault("ours", []).append(ulps(kernels.cross_entropy_labels_grad(z, t), wanted))
        for name, softmax in peers().items():
            made = softmax(z)
            soft.setdefault(name, []).append(ulps(made, p))
            made[rows, t] -= 1
            grad.setdefault(name, []).append(ulps(made, wanted))
        logs["log_softmax"] = max(logs["log_softmax"], float(ulps(kernels.log_softmax(z), log_p).max()))
        logs["logsumexp"] = max(logs["logsumexp"], float(ulps(kernels.logsumexp(z), total).max()))
    return joined(soft), joined(grad), logs


def joined(found: dict[str, list[Any]]) -> dict[str, Any]:
    return {name: np.concatenate(parts) for name, parts in found.items()}


def shown(found: dict[str, Any]) -> tuple[str, list[str]]:
    """Mean and largest error of each, and by whom ours are missed."""
    cells, missed = [], []
    for name in ("ours", "scipy", "torch"):
        if name not in found:
            cells.append(f"{'-':>16}")
            continue
        mean, most = float(found[name].mean()), float(found[name].max())
        cells.append(f"{mean:7.3g} {most:8.3g}")
        if float(found["ours"].mean()) > mean * CLOSE or float(found["ours"].max()) > most * CLOSE:
            missed.append(name)
    return "  ".join(cells), missed


def exponentials(kind: str, shape: tuple[int, int], dtype: Any) -> str:
    """The errors of exp alone, as peers take it."""
    z = logits(kind, shape, dtype)
    x = z - z.max(axis=1, keepdims=True)
    wanted = np.exp(x.astype(np.longdouble))
    found = {"NumPy": np.exp(x)}
    if torch is not None:
        found["torch"] = torch.exp(torch.from_numpy(x)).numpy()
    parts = []
    for name, values in found.items():
        error = ulps(values, wanted)
        parts.append(f"{name} {float(error.mean()):.3g} {float(error.max()):.3g}")
    return f"exp alone: {', '.join(parts)}"


def table(dtype: Any) -> None:
    print(f"\n{np.dtype(dtype).name}: mean and largest error of softmax; of the gradient at labels; log, logsumexp")
    print(f"{'':26}{'ours':>16}  {'scipy':>16}  {'torch':>16}   {'ours':>16}  {'scipy':>16}  {'torch':>16}")
    for shape in SHAPES:
        for kind in KINDS:
            soft, grad, logs = errors(kind, shape, dtype)
            (first, soft_missed), (second, grad_missed) = shown(soft), shown(grad)
            most = "  ".join(f"{value:4.2f}{'' if value <= MOST_LOG else ' missed'}" for value in logs.values())
            print(f"{shape[0]}x{shape[1]:<7} {kind:14}  {first}   {second}   {most}", flush=True)
            for what, missed in (("softmax", soft_missed), ("gradient", grad_missed)):
                if missed:
                    why = f"; {exponentials(kind, shape, dtype)}" if what == "softmax" else ""
                    print(f"{'':26}{what} missed against {', '.join(missed)}{why}", flush=True)


def memory() -> None:
    """What calls take beside their results, for 4096x1000 numbers: the goal is a few blocks."""
    z, t = 4 * np.random.default_rng(0).normal(size=(4096, 1000)), np.arange(4096) % 1000
    calls: dict[str, tuple[Callable[[], Any], int]] = {
        "softmax": (lambda: kernels.softmax(z), z.nbytes),
        "log_softmax": (lambda: kernels.log_softmax(z), z.nbytes),
        "value and gradient": (lambda: kernels.mean_cross_entropy_labels_value_and_grad(z, t), z.nbytes),
        "logsumexp": (lambda: kernels.logsumexp(z), 0),
        "value": (lambda: kernels.mean_cross_entropy_labels(z, t), 0),
    }
    print(f"\nmemory beside the result, 4096x1000 float64 ({z.nbytes / 1e6:.0f} MB)")
    for name, (call, result) in calls.items():
        print(f"  {name:20} {(peak(call) - result) / 1e6:6.1f} MB")


def main() -> None:
    kernels.set_threads(1)
    for name, peer in (("scipy", special), ("torch", torch)):
        if peer is None:
            print(f"{name}: not installed, skipped")
    for dtype in (np.float32, np.float64):
        table(dtype)
    memory()


if __name__ == "__main__":
    main()
