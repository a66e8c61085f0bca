"""Random claims thrown at the judge: ``python -m tests.fuzz_judge [cases] [first seed] [depth]``.

Each case has a seed, from which it can be made again. What keeps its value must not be refuted; what was changed in
one place must not be proved, unless many evaluations agree; nothing may raise but what is documented.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import sympy as sp

from derive.calculus import judge, witness
from derive.calculus.intake import complete
from derive.calculus.setting import Setting
from tests.calculus.strategies import SETTINGS, changed, expression, rewritten

SLOW = 20.0  # seconds beyond which a case counts as a hang


@dataclass
class Tally:
    """What became of the cases, and those that went wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    undecided: Counter[str] = field(default_factory=Counter)


def comes_to_zero(left: sp.Expr, right: sp.Expr, setting: Setting) -> bool:
    """The normal form's own answer, without the cross-check."""
    full = complete(left, right, setting)
    return judge.Attempt(left, right, full, full.assumptions).zero


def differs(left: sp.Expr, right: sp.Expr, setting: Setting) -> bool:
    """True if some point tells the two sides apart."""
    apart = witness.agree(left, right, setting, 16).disagreements
    return bool(apart) or witness.find_witness(left, right, setting) is not None


def kept(seed: int, depth: int, tally: Tally) -> None:
    """A rewriting that keeps the value: proved, or undecided at worst."""
    rng = Random(seed)
    kind = rng.choice(list(SETTINGS))
    left = expression(rng, rng.randint(1, depth))
    right, laws = rewritten(rng, left, kind, rng.randint(1, 3))
    if left == right:
        tally.counts["same"] += 1
    elif comes_to_zero(left, right, SETTINGS[kind]):
        tally.counts["equal, proved"] += 1
    elif differs(left, right, SETTINGS[kind]):
        tally.wrong.append(f"seed {seed}: an equality is refuted ({kind}; {', '.join(laws)})\n  {left}\n  {right}")
    else:
        tally.counts["equal, undecided"] += 1
        tally.undecided[", ".join(sorted(laws))] += 1


def slipped(seed: int, depth: int, tally: Tally) -> None:
    """A change in one place, on top of a rewriting: proved only if the two are equal."""
    rng = Random(seed)
    kind = rng.choice(list(SETTINGS))
    left = expression(rng, rng.randint(1, depth))
    right, _ = rewritten(rng, left, kind, rng.randint(0, 2))
    change = changed(rng, right)
    if change is None or change[0] == left:
        tally.counts["same"] += 1
    elif not comes_to_zero(left, change[0], SETTINGS[kind]):
        tally.counts["slip, not proved"] += 1
    elif differs(left, change[0], SETTINGS[kind]):
        tally.wrong.append(f"seed {seed}: a slip is proved ({kind}; {change[1]})\n  {left}\n  {change[0]}")
    else:
        tally.counts["slip without effect, proved"] += 1


def run(cases: int, first: int, depth: int) -> Tally:
    tally = Tally()
    for seed in range(first, first + cases):
        known = len(tally.wrong)
        started = time.perf_counter()
        try:
            (kept if seed % 2 else slipped)(seed, depth, tally)
        except Exception:  # whatever is raised here is a finding
            tally.wrong.append(f"seed {seed}: {traceback.format_exc(limit=-3)}")
        if (spent := time.perf_counter() - started) > SLOW:
            tally.wrong.append(f"seed {seed}: took {spent:.0f} s")
        for text in tally.wrong[known:]:
            print(text, flush=True)
    return tally


def main(arguments: list[str]) -> int:
    cases, first, depth = (int(a) for a in [*arguments, *("200000", "0", "5")[len(arguments) :]])
    tally = run(cases, first, depth)
    print(f"seeds {first} to {first + cases - 1}, depth up to {depth}")
    for what, count in sorted(tally.counts.items()):
        print(f"{count:9}  {what}")
    for laws, count in tally.undecided.most_common(8):
        print(f"{count:9}  undecided after {laws}")
    print(f"{len(tally.wrong):9}  went wrong")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
