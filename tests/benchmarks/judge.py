"""What a claim costs the judge: its proof, and the evaluation that cross-checks it; growth with depth and with sums.

Beside it, in the same run, what SymPy's own ``diff`` and ``simplify`` need for the same derivatives written out for a
small N: it has no way to do them for every N, so the two columns answer different questions.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import sympy as sp

from derive.calculus import judge, witness
from derive.calculus.intake import complete
from tests.benchmarks.claims import Claim, table

REPEATS = 5
SMALL = 3  # the N for which SymPy is asked
ENOUGH = 2.0  # seconds after which a measurement is not repeated


def milliseconds(call: Callable[[], Any]) -> float:
    """The median over several runs, in an interpreter that has seen the claim before."""
    taken: list[float] = []
    while len(taken) < REPEATS and sum(taken) < ENOUGH:
        started = time.process_time()
        call()
        taken.append(time.process_time() - started)
    return 1e3 * statistics.median(taken)


def measured(claim: Claim) -> tuple[str, float, float, str]:
    name, left, right, setting = claim
    full = complete(left, right, setting)
    proof = milliseconds(lambda: judge.Attempt(left, right, full, full.assumptions))
    check = milliseconds(lambda: witness.agree(left, right, full))
    return name, proof, check, judge.prove(left, right, setting).kind.value


# ---- SymPy, with N written out ------------------------------------------------------------------------


def written_out() -> Iterator[tuple[str, Callable[[], bool]]]:
    """Derivatives of the same table for N = SMALL, in all components: does ``simplify`` bring each difference to 0?"""
    z, y = sp.symbols(f"z:{SMALL}", real=True), sp.symbols(f"y:{SMALL - 1}", real=True)
    y = (*y, 1 - sum(y))
    total = sum(map(sp.exp, z))
    s = [sp.exp(t) / total for t in z]
    loss = -sum(a * sp.log(b) for a, b in zip(y, s, strict=True))
    lse = sp.log(total)
    places = range(SMALL)

    def same(pairs: Iterator[tuple[Any, Any]]) -> bool:
        return all(sp.simplify(left - right) == 0 for left, right in pairs)

    def delta(i: int, j: int) -> int:
        return int(i == j)

    yield "softmax Jacobian", lambda: same(
        (sp.diff(s[i], z[j]), s[i] * (delta(i, j) - s[j])) for i in places for j in places
    )
    yield "cross-entropy gradient", lambda: same((sp.diff(loss, z[j]), s[j] - y[j]) for j in places)
    yield "cross-entropy Hessian", lambda: same(
        (sp.diff(loss, z[i], z[j]), s[i] * (delta(i, j) - s[j])) for i in places for j in places
    )
    yield "log-sum-exp gradient", lambda: same((sp.diff(lse, z[j]), s[j]) for j in places)


def attempted(call: Callable[[], bool]) -> str:
    try:
        return "proved" if call() else "not brought to 0"
    except Exception as e:  # SymPy's simplify raises what it likes
        return f"raises {type(e).__name__}"


def main() -> None:
    print(f"milliseconds of processor time, median of {REPEATS}, for every N")
    print(f"{'claim':44}{'proof':>9}{'check':>9}  verdict")
    for claim in table():
        name, proof, check, verdict = measured(claim)
        print(f"{name:44}{proof:9.1f}{check:9.1f}  {verdict}")
    print(f"\nSymPy {sp.__version__}, diff and simplify, milliseconds, for N = {SMALL} only")
    for name, call in written_out():
        sp.core.cache.clear_cache()  # else it would look up what it has simplified before
        started = time.process_time()
        outcome = attempted(call)
        print(f"{name:44}{1e3 * (time.process_time() - started):9.1f}           {outcome}")


if __name__ == "__main__":
    main()
