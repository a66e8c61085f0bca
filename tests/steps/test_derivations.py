"""The engine's own derivations: every step proved, the end as a person writes it, the notes' routes recognisable."""

from __future__ import annotations

import json

import pytest

from derive.calculus.setting import Setting
from derive.calculus.verdict import Kind
from derive.show.latex import latex
from derive.steps import StepError, derivation
from derive.steps.core import D, same
from tests.steps.settings import (
    CASES,
    CLASSIFIER,
    SOFTMAX_ALONE,
    Case,
    L,
    N,
    i,
    j,
    s,
    total,
    y,
    z,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_closed_form(case: Case) -> None:
    made = derivation(case.target, case.setting, route=case.route)
    assert latex(made.result) == case.closed
    for part in (made, *made.lemmas):
        assert [step.verdict.kind for step in part.steps] == [Kind.PROVED] * len(part.steps)


SPELLED_OUT = ("softmax", "cross-entropy", "Hessian", "batch", "entropy", "sigmoid", "ridge", "KL", "swish", "norm")


@pytest.mark.parametrize("case", [case for case in CASES if case.name.startswith(SPELLED_OUT)], ids=lambda c: c.name)
def test_fine_level_ends_where_the_normal_level_ends(case: Case) -> None:
    fine = derivation(case.target, case.setting, route=case.route, level="fine")
    assert latex(fine.result) == case.closed
    assert all(step.verdict.proved for step in fine.steps)


ROUTES = {
    "log-derivative": ["log-derivative trick", "definition", "logarithm of a quotient", "linearity", "folding back"],
    "quotient": ["definition", "quotient rule", "sifting", "splitting the fraction", "folding back", "factoring"],
    "product": ["definition", "product rule", "power rule", "sifting", "folding back", "factoring"],
    "cases": ["definition", "quotient rule", "case split", "folding back", "merging the cases"],
}


@pytest.mark.parametrize("route", ROUTES)
def test_route_reads_as_the_note(route: str) -> None:
    rules = [step.rule for step in derivation(D(s[i], z[j]), SOFTMAX_ALONE, route=route).steps]
    marks = iter(rules)
    assert all(name in marks for name in ROUTES[route]), rules


def test_routes_meet() -> None:
    ends = [derivation(D(s[i], z[j]), SOFTMAX_ALONE, route=route).result for route in ROUTES]
    assert all(same(end, ends[0]) for end in ends)


def test_cross_entropy_goes_as_by_hand() -> None:
    made = derivation(D(L, z[j]), CLASSIFIER)
    assert [latex(step.expr) for step in made.steps] == [
        r"\sum_{i=1}^N \frac{\partial L}{\partial s_i} \frac{\partial s_i}{\partial z_j}",
        r"-\sum_{i=1}^N \frac{y_i \frac{\partial s_i}{\partial z_j}}{s_i}",
        r"-\sum_{i=1}^N \frac{s_i y_i (\delta_{ij} - s_j)}{s_i}",
        r"-\sum_{i=1}^N y_i (\delta_{ij} - s_j)",
        r"\sum_{i=1}^N y_i s_j - \sum_{i=1}^N \delta_{ij} y_i",
        r"\sum_{i=1}^N y_i s_j - y_j",
        r"s_j \sum_{i=1}^N y_i - y_j",
        "s_j - y_j",
    ]
    assert [bool(step.verdict.assumptions) for step in made.steps] == [False] * 7 + [True]


def test_json() -> None:
    made = derivation(D(s[i], z[j]), SOFTMAX_ALONE, route="quotient").to_json()
    assert json.loads(json.dumps(made)) == made
    assert made["target"] == r"\frac{\partial s_i}{\partial z_j}"
    assert made["route"] == "quotient"
    assert made["result"] == made["steps"][-1]["latex"] == r"s_i (\delta_{ij} - s_j)"
    assert {*made["steps"][0]} == {"latex", "rule", "verdict"}


def test_coarse_is_one_step() -> None:
    assert len(derivation(D(L, z[j]), CLASSIFIER, level="coarse").steps) == 1


def test_to_another_form() -> None:
    target = s[j] * (1 - total(y[i], (i, N))) + s[j] * total(y[i], (i, N)) - y[j]
    made = derivation(D(L, z[j]), CLASSIFIER, to=target)
    assert made.result == target
    assert made.steps[-1].verdict.proved


def test_a_wrong_end_is_an_error() -> None:
    with pytest.raises(StepError):
        derivation(D(L, z[j]), CLASSIFIER, to=s[j])


def test_unknown_route_is_named() -> None:
    with pytest.raises(ValueError, match="unknown route 'guess'"):
        derivation(D(L, z[j]), CLASSIFIER, route="guess")


def test_nothing_to_do() -> None:
    made = derivation(s[j], Setting())
    assert made.steps == ()
    assert made.result == s[j]
