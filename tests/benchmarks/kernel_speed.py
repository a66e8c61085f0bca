"""The kernels beside what people use: one run, interleaved, one thread, the least time of each.

    python -m tests.benchmarks.kernel_speed [--quick]

Peers that are not installed are skipped with a word. Times are processor time of the thread, so that a busy machine
disturbs less. Where a goal is missed, the line below says by how much, what share of the whole call of the peer NumPy's
exponential alone takes on the same data, and the ratio that NumPy's exponential, one sum and one division would reach
with nothing around them: no function that is made of these can be faster.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from derive import kernels
from tests.benchmarks._peers import special, torch

Call = Callable[[], Any]

SHAPES = [(1, 10), (64, 10), (4096, 10), (4096, 1000), (512, 32000), (8, 128000)]
LARGE = 1 << 20
AWKWARD, FLOOR = 1.5, 1.15  # at most so many times ordinary logits, and NumPy's own passes

# peer, function, shape, dtype -> how many times faster we want to be
GOALS: dict[tuple[str, str, tuple[int, int], str], float] = {}
for _f in ("softmax", "log_softmax", "logsumexp"):
    for _peer in ("scipy", "numpy"):
        for _shape, _goal in (((1, 10), 5), ((64, 10), 1), ((4096, 10), 5), ((4096, 1000), 2), ((512, 32000), 1.5),
                              ((8, 128000), 1)):
            for _t in ("float32", "float64"):
                GOALS[_peer, _f, _shape, _t] = _goal
for _shape, _narrow, _wide in (((64, 10), 4.0, 4.0), ((4096, 10), 12.0, 6.0), ((4096, 1000), 1.0, 1.25),
                               ((512, 32000), 1.0, 1.25), ((8, 128000), 1.0, 1.25)):
    GOALS["torch", "softmax", _shape, "float32"], GOALS["torch", "softmax", _shape, "float64"] = _narrow, _wide
for _shape, _narrow, _wide in (((1, 10), 6.0, 6.0), ((64, 10), 4.0, 4.0), ((4096, 10), 9.0, 5.0),
                               ((4096, 1000), 1.8, 2.5), ((512, 32000), 1.8, 2.5), ((8, 128000), 1.8, 2.5)):
    GOALS["torch", "value and gradient", _shape, "float32"] = _narrow
    GOALS["torch", "value and gradient", _shape, "float64"] = _wide


def numpy_softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def numpy_log_softmax(z: Any) -> Any:
    w = z - z.max(axis=1, keepdims=True)
    return w - np.log(np.exp(w).sum(axis=1, keepdims=True))


def numpy_logsumexp(z: Any) -> Any:
    m = z.max(axis=1)
    return m + np.log(np.exp(z - m[:, None]).sum(axis=1))


def numpy_value_and_gradient(z: Any, t: Any) -> Any:
    p, rows = numpy_softmax(z), np.arange(len(z))
    loss = -np.log(p[rows, t]).mean()
    p[rows, t] -= 1
    return loss, p / len(z)


def entries(z: Any, t: Any) -> dict[str, dict[str, list[Call]]]:
    """function -> who -> variants of which the fastest counts."""
    ours: dict[str, Call] = {
        "softmax": lambda: kernels.softmax(z),
        "log_softmax": lambda: kernels.log_softmax(z),
        "logsumexp": lambda: kernels.logsumexp(z),
        "value and gradient": lambda: kernels.mean_cross_entropy_labels_value_and_grad(z, t),
    }
    if z.size >= LARGE:
        out = np.empty_like(z)
        ours |= {
            "softmax": lambda: kernels.softmax(z, out=out),
            "log_softmax": lambda: kernels.log_softmax(z, out=out),
            "value and gradient": lambda: kernels.mean_cross_entropy_labels_value_and_grad(z, t, out=(None, out)),
        }
    idiomatic: dict[str, Call] = {
        "softmax": lambda: numpy_softmax(z),
        "log_softmax": lambda: numpy_log_softmax(z),
        "logsumexp": lambda: numpy_logsumexp(z),
        "value and gradient": lambda: numpy_value_and_gradient(z, t),
    }
    found: dict[str, dict[str, list[Call]]]
    found = {name: {"ours": [ours[name]], "numpy": [idiomatic[name]]} for name in ours}
    if special is not None:
        found["softmax"]["scipy"] = [lambda: special.softmax(z, axis=1)]
        found["log_softmax"]["scipy"] = [lambda: special.log_softmax(z, axis=1)]
        found["logsumexp"]["scipy"] = [lambda: special.logsumexp(z, axis=1)]
    if torch is not None:
        add_torch(found, z, t)
    return found


def add_torch(found: dict[str, dict[str, list[Call]]], z: Any, t: Any) -> None:
    a, labels = torch.from_numpy(z), torch.from_numpy(t)
    into = torch.empty_like(a)
    rows = torch.arange(len(z))

    def autograd() -> Any:
        x = a.detach().requires_grad_(True)
        torch.nn.functional.cross_entropy(x, labels).backward()
        return x.grad

    def by_hand() -> Any:
        logs = torch.log_softmax(a, 1)
        grad = logs.exp()
        grad[rows, labels] -= 1
        return -logs[rows, labels].mean(), grad.div_(len(z))

    found["softmax"]["torch"] = [lambda: torch.softmax(a, 1), lambda: torch.softmax(a, 1, out=into)]
    found["log_softmax"]["torch"] = [lambda: torch.log_softmax(a, 1), lambda: torch.log_softmax(a, 1, out=into)]
    found["logsumexp"]["torch"] = [lambda: torch.logsumexp(a, 1)]
    found["value and gradient"]["torch"] = [autograd, by_hand]


def race(who: dict[str, list[Call]], repeats: int, seconds: float = 0.004) -> dict[str, float]:
    """The least time of each over the repeats; all are run in turn."""
    runs: list[tuple[str, int, Call, int]] = []
    for name, variants in who.items():
        for k, call in enumerate(variants):
            call()
            started = time.perf_counter()
            call()
            runs.append((name, k, call, max(1, int(seconds / max(time.perf_counter() - started, 1e-9)))))
    times: dict[tuple[str, int], list[float]] = {(n, k): [] for n, k, _, _ in runs}
    for repeat in range(repeats):
        for name, k, call, count in runs[repeat % len(runs):] + runs[: repeat % len(runs)]:
            started = time.thread_time()
            for _ in range(count):
                call()
            times[name, k].append((time.thread_time() - started) / count)
    best: dict[str, float] = {}
    for (name, _), values in times.items():
        best[name] = min(best.get(name, float("inf")), min(values))
    return best


def instruction_set() -> str:
    """The instructions that NumPy takes for exp on this machine."""
    try:
        found = np.lib.introspect.opt_func_info(func_name="^exp$")["exp"]
        return ", ".join(f"{name} {found[code]['current']}" for name, code in (("float32", "ff"), ("float64", "dd")))
    except (AttributeError, KeyError):
        return "unknown instruction set"


def speed(shapes: list[tuple[int, int]], repeats: int) -> None:
    rng = np.random.default_rng(0)
    print(f"\nkernels, one thread; NumPy {np.__version__} ({instruction_set()}); > 1 means that we are faster")
    for name, peer in (("scipy", special), ("torch", torch)):
        print(f"  {name}: not installed, skipped" if peer is None else f"  {name} {version(peer)}")
    print(f"  {'function':19} {'shape':>12} {'dtype':8} {'us':>10} {'ns/entry':>9}   numpy   scipy   torch   (goal)")
    for shape in shapes:
        for dtype in (np.float32, np.float64):
            z = (4 * rng.normal(size=shape)).astype(dtype)
            t = rng.integers(0, shape[1], shape[0])
            for function, who in entries(z, t).items():
                who["exp"] = [exponential(z)]
                who["passes"] = [passes(z, scaled=function != "logsumexp")]
                report(function, shape, np.dtype(dtype).name, race(who, repeats), z.size)


def passes(z: Any, scaled: bool = True) -> Call:
    """The calls of NumPy that softmax cannot do without: exp, a sum, and unless it is not ``scaled`` a division."""
    rows, size = z.shape
    out, totals, ones, scale = np.empty_like(z), np.empty_like(z), np.ones(size, z.dtype), np.ones((rows, 1), z.dtype)
    every = np.ones((size, size), z.dtype) if size <= 16 else ones
    step = max(1, (1 << 19) // (z.itemsize * size))

    def short() -> None:
        np.exp(z, out)
        out.dot(every, totals)
        if scaled:
            np.divide(out, totals, out)

    def long() -> None:
        old = np.setbufsize(512) if size < 8192 else 0
        for a in range(0, rows, step):
            e = out[a : a + step]
            np.exp(z[a : a + step], out=e)
            np.vecdot(e, ones)
            if scaled:
                np.multiply(e, scale[a : a + step], out=e)
        if old:
            np.setbufsize(old)

    return short if size <= 16 else long


def exponential(z: Any) -> Call:
    """One pass of exp over the data, as the kernels make it: in blocks that stay in the cache."""
    e = np.empty_like(z)
    step = max(1, (1 << 20) // (z.itemsize * z.shape[1]))

    def run() -> None:
        with np.errstate(all="ignore"):
            for a in range(0, len(z), step):
                np.exp(z[a : a + step], out=e[a : a + step])

    return run


def report(function: str, shape: tuple[int, int], dtype: str, times: dict[str, float], size: int) -> None:
    cells, missed = [], []
    for peer in ("numpy", "scipy", "torch"):
        if peer not in times:
            cells.append(f"{'-':>7}")
            continue
        ratio, goal = times[peer] / times["ours"], GOALS.get((peer, function, shape, dtype))
        mark = "" if goal is None else f"({goal:g}{'' if ratio >= goal else ' missed'})"
        if goal is not None and ratio < goal:
            share, own = times["exp"] / times[peer], times["exp"] / times["ours"]
            missed.append(f"{peer} by {1 - ratio / goal:.0%}: exp alone takes {share:.0%} of its call and {own:.0%} of "
                          f"ours; exp, sum and division alone reach {times[peer] / times['passes']:.2f}")
        cells.append(f"{ratio:7.2f}{mark}")
    name = f"{shape[0]}x{shape[1]}"
    mine = times["ours"]
    line = f"  {function:19} {name:>12} {dtype:8} {mine * 1e6:10.2f} {mine / size * 1e9:9.3f} {' '.join(cells)}"
    print(line, flush=True)
    for text in missed:
        print(f"{'':35}missed against {text}", flush=True)


def version(module: Any) -> str:
    return str(getattr(module, "__version__", None) or __import__("scipy").__version__)


def awkward(repeats: int) -> None:
    """Masked and spread logits against ordinary ones: the goal is at most 1.5 times their time. Beside it, the same of
    NumPy's exp alone on the logits less the largest of their row."""
    rng = np.random.default_rng(1)
    print(f"\nawkward logits, softmax 4096x1000, time relative to ordinary ones (goal {AWKWARD})")
    for dtype in (np.float32, np.float64):
        ordinary = (4 * rng.normal(size=(4096, 1000))).astype(dtype)
        data = {
            "ordinary": ordinary,
            "masked": np.where(rng.random(ordinary.shape) < 0.5, dtype(-np.inf), ordinary),
            "spread": rng.uniform(-1e4, 1e4, ordinary.shape).astype(dtype),
        }
        out = np.empty_like(ordinary)
        times = race({name: [partial(kernels.softmax, z, out=out)] for name, z in data.items()}, repeats)
        alone = race({name: [exponential(z - z.max(axis=1, keepdims=True))] for name, z in data.items()}, 3)
        for name in ("masked", "spread"):
            ratio, exp = times[name] / times["ordinary"], alone[name] / alone["ordinary"]
            line = f"  {np.dtype(dtype).name:8} {name} {ratio:.2f}"
            print(line + beyond(ratio, AWKWARD, f"NumPy's exp alone takes {exp:.1f} times as long on them"))


def floor(repeats: int) -> None:
    """Softmax against the sum of the NumPy passes that it cannot do without: the goal is within 15 %."""
    rng = np.random.default_rng(2)
    print(f"\nshare of NumPy's own passes, softmax 4096x1000 (goal {FLOOR})")
    for dtype in (np.float32, np.float64):
        z = (4 * rng.normal(size=(4096, 1000))).astype(dtype)
        out = np.empty_like(z)
        times = race({"ours": [partial(kernels.softmax, z, out=out)], "passes": [passes(z)]}, repeats)
        ratio = times["ours"] / times["passes"]
        why = "the rest looks at the data, to tell what shift and which sums it bears"
        print(f"  {np.dtype(dtype).name:8} {ratio:.2f}" + beyond(ratio, FLOOR, why))


def beyond(ratio: float, goal: float, why: str) -> str:
    return f"   missed by {ratio / goal - 1:.0%}: {why}" if ratio > goal else ""


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small shapes, few repeats")
    quick = parser.parse_args(arguments).quick
    kernels.set_threads(1)
    if torch is not None:
        torch.set_num_threads(1)
    speed(SHAPES[:4] if quick else SHAPES, 3 if quick else 7)
    awkward(3 if quick else 7)
    floor(3 if quick else 7)


if __name__ == "__main__":
    main(sys.argv[1:])
