"""``python -m derive.codegen``: write derive/kernels anew from the notes; with ``--check``, say what is not current."""

from __future__ import annotations

import sys

from derive.codegen.committed import stale, write

if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        old = stale()
        for name in old:
            print(f"{name} is not current; `make kernels` writes it")
        sys.exit(1 if old else 0)
    for name in write():
        print(name)
