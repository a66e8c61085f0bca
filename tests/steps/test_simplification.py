"""Rewritings that people do without a name for them."""

from __future__ import annotations

import sympy as sp

from derive.steps.simplification import case_factors

j, k = sp.symbols("j k", integer=True)
x, w = sp.IndexedBase("x", real=True), sp.IndexedBase("w", real=True)


def test_a_factor_that_is_itself_a_case_is_taken_out_once() -> None:
    inner = sp.Piecewise((1, sp.Eq(j, 0)), (x[j], True), evaluate=False)
    cases = sp.Piecewise((0, sp.Eq(k, 0)), (inner * w[k], True), evaluate=False)
    taken_out = case_factors(cases)
    assert taken_out is not None
    assert not any(power.exp.is_negative for power in taken_out.atoms(sp.Pow))
    assert inner in taken_out.args
    again = case_factors(taken_out)
    assert again is None or again == taken_out
