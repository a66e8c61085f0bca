"""Random formulas: the source of a function gives what the graph, as it was first lowered, means."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest
import sympy as sp

from derive.calculus.language import dimension, index, scalar, tensor
from derive.calculus.setting import Axis, Setting
from derive.codegen.array import Input, walk
from derive.codegen.evaluate import evaluate
from derive.codegen.lower import CompileError, Lowering
from derive.codegen.module import generate
from derive.notes.document import Place
from derive.notes.note import CompileRequest, Target

N, D, K = (dimension(x) for x in "NDK")
INDICES = {index(name): size for name, size in zip("ijnmdekl", (N, N, N, N, D, D, K, K), strict=True)}
SHAPES: dict[str, tuple[sp.Symbol, ...]] = {
    "W": (N, D), "X": (N, D), "V": (D, K), "z": (N,), "y": (N,), "b": (D,), "S": (N, N),
}
SCALARS = [scalar("c"), scalar("g")]
SETTING = Setting(
    axes={s: Axis(size) for s, size in INDICES.items()},
    shapes={name: tuple(Axis(size) for size in sizes) for name, sizes in SHAPES.items()},
)


def entry(rng: random.Random, free: list[sp.Symbol]) -> sp.Expr:
    """An entry of some tensor at free indices, or a number."""
    for name in rng.sample(list(SHAPES), len(SHAPES)):
        choices = [[s for s in free if INDICES[s] == size] for size in SHAPES[name]]
        if all(choices):
            return tensor(name)[tuple(rng.choice(c) for c in choices)]
    return rng.choice([*SCALARS, sp.Rational(1, 2), sp.Integer(2)])


def function(rng: random.Random, x: sp.Expr) -> sp.Expr:
    logistic = 1 / (1 + sp.exp(-x))
    c = SCALARS[0]
    return rng.choice([
        sp.tanh(x), logistic, sp.log(1 + sp.exp(x)), logistic - 1, x**2, sp.sqrt(1 + x**2) - 1, 1 + sp.erf(x),
        c * sp.log(logistic) + (1 - c) * sp.log(1 - logistic), sp.Abs(x), sp.Max(x, 0),
    ])


def formula(rng: random.Random, depth: int, free: list[sp.Symbol]) -> sp.Expr:
    if depth == 0:
        return entry(rng, free)
    kind = rng.choice(["sum", "product", "over", "over", "log", "function", "function"])
    unused = [s for s in INDICES if s not in free]
    if kind == "sum":
        factors = [1, -1, -1, 2, sp.Rational(-1, 2)]
        return sp.Add(*(rng.choice(factors) * formula(rng, depth - 1, free) for _ in range(rng.choice([2, 2, 3]))))
    if kind == "product":
        return formula(rng, depth - 1, free) * formula(rng, depth - 1, free)
    if kind == "function" or not unused:
        return function(rng, formula(rng, depth - 1, free))
    s = rng.choice(unused)
    if kind == "log":
        others = [x for x in free if INDICES[x] == INDICES[s]]
        unlike = 1 - sp.KroneckerDelta(rng.choice(others), s) if others else sp.S.One
        return sp.log(sp.Sum(unlike * sp.exp(entry(rng, [*free, s])), (s, 1, INDICES[s])) + len(others[:1]))
    body = sp.Mul(*(formula(rng, depth - 1, [*free, s]) for _ in range(rng.choice([1, 2, 2, 3]))))
    return sp.Sum(body if s in body.free_symbols else body * entry(rng, [*free, s]), (s, 1, INDICES[s]))


def targets(rng: random.Random) -> tuple[Target, ...]:
    found = []
    for _ in range(rng.choice([1, 2, 3])):
        free = rng.sample(list(INDICES)[::2], rng.choice([0, 1, 1, 2, 2]))
        expr = formula(rng, rng.choice([2, 3]), free)
        found.append(Target("f", expr, tuple(s for s in free if s in expr.free_symbols)))
    return tuple(found)


def made(request: CompileRequest) -> Any:
    space: dict[str, Any] = {"__name__": "made"}
    exec(compile(generate([request], "random formulas"), "made.py", "exec"), space)
    return space["f"]


@pytest.mark.parametrize("seed", [*range(90), 146, 300, 401])
def test_source_means_what_the_formula_means(seed: int) -> None:
    rng = random.Random(seed)
    found = targets(rng)
    names = [*SHAPES, *map(str, SCALARS)]
    try:
        lowering = Lowering(SETTING, names)
        roots = tuple(lowering.target(t.expr, t.indices) for t in found)
    except CompileError:
        return
    used = sorted({n.name for n in walk(*roots) if isinstance(n, Input)})
    if not used:
        return
    request = CompileRequest(Place(1, 1), tuple("f" for _ in found), found, "f", tuple(used), SETTING)
    try:
        f = made(request)
    except CompileError as error:  # a sum that only counts
        assert "has no value" in str(error)
        return
    sizes = {"N": rng.choice([1, 2, 3]), "D": rng.choice([1, 2, 4]), "K": rng.choice([1, 2])}
    numbers = np.random.default_rng(seed)
    given = {n: numbers.normal(size=tuple(sizes[str(s)] for s in SHAPES.get(n, ()))) for n in used}
    want = [np.array(np.asarray(x), dtype=float) for x in evaluate(roots, given, 40)]
    batched = {n: np.stack([v, v]) if rng.random() < 0.6 else v for n, v in given.items()}
    for arguments in (given, batched):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = f(**arguments)
        for value, expected in zip(got if isinstance(got, tuple) else (got,), want, strict=True):
            value = value[1] if np.ndim(value) > expected.ndim else value
            scale = 1e-9 * max(np.abs(expected).max(initial=0), 1e-6)
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=scale)
