"""The committed kernels are what their notes say, to the byte, and need NumPy only."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from derive.codegen.committed import KERNELS, ROOT, stale


def test_kernels_are_current() -> None:
    assert stale() == []


@pytest.mark.parametrize("seed", ["1", "2"])
def test_generation_does_not_depend_on_the_hash_seed(seed: str) -> None:
    code = (
        "import sys; from derive.codegen import compile_notes; from derive.notes.reader import read_note; "
        "path = 'derivations/softmax.md'; "
        "sys.stdout.write(compile_notes([read_note(path)], path, self_contained=False))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
                         env=environment)
    assert run.stdout == (KERNELS / "from_softmax.py").read_text(encoding="utf-8")


def test_import_needs_numpy_only() -> None:
    code = (
        "import sys; before = set(sys.modules); from derive.kernels import softmax; "
        "new = {m.split('.')[0] for m in set(sys.modules) - before}; "
        "print(sorted(new & {'sympy', 'scipy', 'mpmath', 'flint'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
