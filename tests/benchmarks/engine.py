"""The engine: how long a derivation takes to be found, and to be judged step by step."""

from __future__ import annotations

import time

from derive.show.latex import latex
from derive.steps import derivation
from derive.steps.engine import VERDICTS
from tests.steps.settings import CASES


def main() -> None:
    taken = []
    for case in CASES:
        VERDICTS.clear()
        started = time.perf_counter()
        made = derivation(case.target, case.setting, route=case.route)
        seconds = time.perf_counter() - started
        taken.append(seconds)
        print(f"{1000 * seconds:8.1f} ms  {len(made.steps):3} steps  {case.name:34} {latex(made.result)[:60]}")
    taken.sort()
    print(f"{1000 * taken[len(taken) // 2]:8.1f} ms  median, {1000 * taken[-1]:.0f} ms at most")


if __name__ == "__main__":
    main()
