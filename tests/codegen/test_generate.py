"""Generated source against the interpreter of the array language, for every fixture, with and without batch axes."""

from __future__ import annotations

import importlib.util
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from derive.codegen.evaluate import evaluate
from derive.codegen.module import generate, program
from tests.codegen.fixtures import MEAN, RIDGE, SOFTMAX

REQUESTS = (*SOFTMAX, *MEAN, *RIDGE)
SIZES = {"N": 5, "K": 4, "D": 3, "M": 6}


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> types.ModuleType:
    path = tmp_path_factory.mktemp("kernels") / "generated.py"
    path.write_text(generate(REQUESTS, "a note"))
    return load(path)


def load(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("generated_kernels", path)
    assert spec and spec.loader
    found = importlib.util.module_from_spec(spec)
    sys.modules["generated_kernels"] = found
    spec.loader.exec_module(found)
    return found


def arguments(prog: Any, rng: np.random.Generator, batch: tuple[int, ...] = ()) -> dict[str, Any]:
    found = {}
    for a in prog.arguments:
        shape = batch + tuple(SIZES[x] for x in a.axes)
        if a.integer:
            found[a.name] = rng.integers(0, SIZES[prog.labels[a.name]], shape)
        else:
            found[a.name] = rng.normal(size=shape)
    return found


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: r.name)
@pytest.mark.parametrize("batch", [(), (3,), (2, 3), (0,)], ids=str)
def test_source_means_what_the_graph_means(module: types.ModuleType, request_: Any, batch: tuple[int, ...]) -> None:
    prog = program(request_)
    given = arguments(prog, np.random.default_rng(7), batch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = getattr(module, prog.name)(**given)
    got = got if isinstance(got, tuple) else (got,)
    for value, root in zip(got, prog.results, strict=True):
        assert np.shape(value) == batch + tuple(SIZES[x] for x in root.sizes)
    for at in np.ndindex(batch):
        expected = evaluate(prog.results, {k: v[at] for k, v in given.items()}, 30)
        for value, want in zip(got, expected, strict=True):
            assert np.allclose(np.asarray(value)[at], np.asarray(want, dtype=float), rtol=1e-12, atol=1e-14)
