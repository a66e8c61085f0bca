"""The committed kernels are what their notes say, to the byte, and need NumPy only."""

from __future__ import annotations

import subprocess
import sys

from derive.codegen.committed import modules, stale


def test_kernels_are_current() -> None:
    assert stale() == []


def test_generation_is_deterministic() -> None:
    assert list(modules()) == list(modules())


def test_import_needs_numpy_only() -> None:
    code = (
        "import sys; before = set(sys.modules); from derive.kernels import softmax; "
        "new = {m.split('.')[0] for m in set(sys.modules) - before}; "
        "print(sorted(new & {'sympy', 'scipy', 'mpmath', 'flint'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
