"""Every benchmark of this folder in turn: a module with a ``main()`` that prints its table.

``python -m tests.benchmarks [name …]`` runs those that are named.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(wanted: list[str]) -> None:
    names = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    if unknown := set(wanted) - set(names):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    for name in wanted or names:
        run = getattr(importlib.import_module(f"tests.benchmarks.{name}"), "main", None)
        if run is not None:
            print(f"\n== {name}")
            run()


if __name__ == "__main__":
    main(sys.argv[1:])
