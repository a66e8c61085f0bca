"""The engine: how long a derivation takes to be found, and to be judged step by step, in processor time."""

from __future__ import annotations

import time

from derive.show.latex import latex
from derive.steps import derivation
from derive.steps.engine import PROOFS
from tests.steps.settings import CASES

SOON = 0.1


def main() -> None:
    taken = []
    for case in CASES:
        PROOFS.clear()
        started = time.process_time()
        made = derivation(case.target, case.setting, route=case.route)
        seconds = time.process_time() - started
        taken.append(seconds)
        print(f"{1000 * seconds:8.1f} ms  {len(made.steps):3} steps  {case.name:34} {latex(made.result)[:60]}")
    taken.sort()
    print(f"{1000 * taken[len(taken) // 2]:8.1f} ms  median, {1000 * taken[-1]:.0f} ms at most")
    print(f"{sum(t < SOON for t in taken)} of {len(taken)} under {1000 * SOON:.0f} ms")


if __name__ == "__main__":
    main()
