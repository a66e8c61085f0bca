"""The five notes: what they derive is derived by the engine from their definitions, and every link is expanded."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from derive.ask import form_asked
from derive.notes.note import Claim, DeriveRequest, Note, Relation
from derive.notes.reader import read_expression, read_note
from derive.pipeline import judge_claim
from derive.show.latex import for_target, latex
from derive.show.parts import chains_before, style_of_note
from derive.steps import derivation
from derive.steps.core import same
from derive.steps.earlier import known_from
from derive.steps.explain import Explanation, explain
from derive.steps.form import Form
from derive.steps.rules import BY_NAME, NAMES_OF_STEPS

FOLDER = Path(__file__).parents[2] / "derivations"
NOTES = ("softmax", "softmax-regression", "batch-cross-entropy", "two-layer-network", "negative-log-likelihood")


@cache
def note(name: str) -> Note:
    return read_note(FOLDER / f"{name}.md")


RESULTS: tuple[tuple[str, str, str, str], ...] = (
    ("softmax", r"\frac{\partial s_i}{\partial z_j}", "log-derivative", r"s_i (\mathbb{1}\{i=j\} - s_j)"),
    ("softmax", r"\frac{\partial}{\partial z_j} \log s_i", "auto", r"\mathbb{1}\{i=j\} - s_j"),
    ("softmax", r"\frac{\partial L}{\partial z_j}", "auto", "s_j - y_j"),
    ("softmax-regression", r"\frac{\partial \log S_i}{\partial z_k}", "auto", r"\delta_{ik} - S_k"),
    ("softmax-regression", r"\frac{\partial S_i}{\partial z_k}", "log-derivative", r"S_i (\delta_{ik} - S_k)"),
    ("softmax-regression", r"\frac{\partial z_k}{\partial W_{kj}}", "auto", "x_j"),
    ("softmax-regression", r"\frac{\partial L}{\partial z_k}", "auto", "S_k - y_k"),
    ("softmax-regression", r"\frac{\partial L}{\partial W_{kj}}", "auto", "(S_k - y_k) x_j"),
    ("softmax-regression", r"\frac{\partial L}{\partial x_j}", "auto", r"\sum_{i=1}^C (S_i - y_i) W_{ij}"),
    (
        "batch-cross-entropy",
        r"\frac{\partial \sigma_k(x_{i\cdot})}{\partial x_{jl}}",
        "cases",
        r"\mathrm{Id}_{ij} \sigma_k(x_{i\cdot}) (\mathrm{Id}_{kl} - \sigma_l(x_{i\cdot}))",
    ),
    (
        "batch-cross-entropy",
        r"\frac{\partial L}{\partial x_{jl}}",
        "auto",
        r"\frac{1}{N} (\sigma_l(x_{j\cdot}) - \tilde y_{jl})",
    ),
    ("two-layer-network", r"\frac{\partial z_i}{\partial \hat z_j}", "product", r"z_i (\delta_{ij} - z_j)"),
    ("two-layer-network", r"-\frac{\partial E}{\partial z_i}", "auto", r"\frac{r_i}{z_i}"),
    ("two-layer-network", r"-\frac{\partial E}{\partial \hat z_j}", "auto", "r_j - z_j"),
    ("two-layer-network", r"\frac{\partial \hat z_i}{\partial y_j}", "auto", "w_{ij}"),
    ("two-layer-network", r"-\frac{\partial E}{\partial y_j}", "auto", r"\sum_{i=1}^K (r_i - z_i) w_{ij}"),
    ("two-layer-network", r"\frac{\partial y_i}{\partial \hat y_j}", "auto", r"\delta_{ij} \sigma'(\hat y_i)"),
    ("negative-log-likelihood", r"\frac{\partial \ell}{\partial p_c}", "auto", r"-\frac{1}{p_c}"),
    ("negative-log-likelihood", r"\frac{\partial p_k}{\partial z_i}", "cases", r"p_k (\delta_{ik} - p_i)"),
    ("negative-log-likelihood", r"\frac{\partial z_i}{\partial w_i}", "auto", "x_j"),
    ("negative-log-likelihood", r"\frac{\partial z_i}{\partial b_i}", "auto", "1"),
    ("negative-log-likelihood", r"\frac{\partial \ell}{\partial w_i}", "auto", r"(p_i - \delta_{ci}) x_j"),
    ("negative-log-likelihood", r"\frac{\partial \ell}{\partial b_i}", "auto", r"p_i - \delta_{ci}"),
)


@pytest.mark.parametrize(("name", "target", "route", "closed"), RESULTS, ids=lambda text: text)
def test_result_from_the_definitions(name: str, target: str, route: str, closed: str) -> None:
    asked, setting = read_expression(target, note(name))
    made = derivation(asked.expr, setting, route)
    assert latex(made.result, for_target(style_of_note(note(name)), made.target)) == closed
    assert all(part.proved for part in (made, *made.lemmas))


STACKED: tuple[tuple[str, str], ...] = (
    (r"\frac{\partial \hat z_k}{\partial w_{ij}}", r"\bar y_j \delta_{ik}"),
    (r"-\frac{\partial E}{\partial w_{ij}}", r"(r_i - z_i) \bar y_j"),
    (r"\frac{\partial \hat y_i}{\partial v_{ij}}", r"\bar x_j"),
    (r"-\frac{\partial E}{\partial v_{ij}}", r"\left[ \sum_l (r_l - z_l) w_{li} \right] \sigma'(\hat y_i) \bar x_j"),
)


@pytest.mark.parametrize(("target", "form"), STACKED, ids=lambda text: text)
def test_gradients_for_weights_with_a_bias_column(target: str, form: str) -> None:
    from derive.calculus.judge import prove

    asked, setting = read_expression(target, note("two-layer-network"))
    made = derivation(asked.expr, setting)
    wanted, where = read_expression(form, note("two-layer-network"))
    assert made.proved
    assert prove(made.result, wanted.expr, where).proved


VECTORS = (
    ("softmax", r"\frac{\partial L}{\partial z}", r"(s - y)^\top"),
    ("softmax", r"\nabla_z L", "s - y"),
    ("softmax-regression", r"\frac{\partial L}{\partial z}", "S - y"),
    ("softmax-regression", r"\frac{\partial L}{\partial W}", r"(S - y) x^\top"),
    ("softmax-regression", r"\frac{\partial L}{\partial x}", r"W^\top (S - y)"),
    ("softmax-regression", r"\frac{\partial S}{\partial z}", r"\operatorname{diag}(S) - S S^\top"),
    ("batch-cross-entropy", r"\frac{\partial L}{\partial x}", r"\frac{1}{N} (q - \tilde y)^\top"),
    ("batch-cross-entropy", r"\nabla_x L", r"\frac{1}{N} (q - \tilde y)"),
    ("two-layer-network", r"-\left( \nabla_y E \right)^\top", r"(r - z)^\top W"),
    ("two-layer-network", r"-\nabla_w E", r"(r - z) \bar y^\top"),
    ("two-layer-network", r"-\nabla_v E", r"(\sigma'(\hat y) \odot (W^\top (r - z))) \bar x^\top"),
    ("negative-log-likelihood", r"\frac{\partial \ell}{\partial w_i}", r"(p_i - \delta_{ci}) x"),
)


@pytest.mark.parametrize(("name", "target", "form"), VECTORS, ids=lambda text: text)
def test_whole_is_derived_entry_by_entry_and_vectorised(name: str, target: str, form: str) -> None:
    asked, setting = read_expression(target, note(name))
    whole = form_asked(asked, setting)
    made = derivation(asked.expr, setting, asked=whole)
    assert [step.expr.text for step in made.whole] == [form]
    assert made.steps[0].rule == "index form" and made.whole[0].rule == "vectorising"
    assert made.proved
    source = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    claimed = read_note("note.md", f"{source}\n\nThen ${target} = {form}$.\n").claims[-1]
    assert judge_claim(claimed).verdict == "proved"


TO_A_FORM = (
    ("two-layer-network", r"-\nabla_w E", r"(r - z) [1, y^\top]"),
    ("two-layer-network", r"-\nabla_v E", r"\left( (-\nabla_y E) \odot \sigma'(\hat y) \right) [1, x^\top]"),
)


@pytest.mark.parametrize(("name", "target", "form"), TO_A_FORM, ids=lambda text: text)
def test_whole_is_led_to_the_note_s_own_form(name: str, target: str, form: str) -> None:
    asked, setting = read_expression(target, note(name))
    to, _ = read_expression(form, note(name))
    made = derivation(asked.expr, setting, to=form_asked(to, setting), asked=form_asked(asked, setting))
    assert made.proved
    assert made.chains()[-1][1][-1][0] == form


def links() -> list[Any]:
    return [
        pytest.param(name, k, id=f"{name}-{k}") for name in NOTES for k, claim in enumerate(note(name).claims)
    ]  # a note's links are few and each takes some hundredths of a second


def explained(name: str, claim: Claim) -> Explanation:
    assert claim.left is not None and claim.right is not None
    known = known_from(chains_before(note(name), claim), claim.setting)
    sides = ((claim.left_latex, claim.left), (claim.right_latex, claim.right))
    first, last = (Form(text, claim.axes, claim.setting, given=entry) for text, entry in sides)
    return explain(claim.left, claim.right, claim.setting, given=known, holds=claim.expected, written=(first, last))


@pytest.mark.parametrize(("name", "k"), links())
def test_link_is_expanded_one_rule_at_a_time(name: str, k: int) -> None:
    claim: Claim = note(name).claims[k]
    if claim.relation is not Relation.EQUAL:
        pytest.skip("no equation")
    found = explained(name, claim)
    assert found.reaches == claim.expected
    assert found.derivation.steps
    for step in (*found.derivation.steps, *(found.other.steps if found.other else ())):
        assert step.verdict.proved, (step.rule, step.expr)
        assert step.rule in NAMES_OF_STEPS or step.rule.startswith("line "), step.rule
    shown = [text for _, links in found.derivation.chains() for text, _ in links]
    assert len(set(shown)) == len(shown)  # nothing goes round in circles


EXPLAINED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("softmax-regression", r"\log e^{z_i} - \log \sum_{j=1}^C e^{z_j}", ("definition", "logarithm of a quotient")),
    (
        "softmax-regression",
        r"\frac{\partial z_i}{\partial z_k} - \frac{\partial}{\partial z_k} \log \sum_{j=1}^C e^{z_j}",
        ("definition", "logarithm of a quotient", "linearity"),
    ),
    (
        "softmax-regression",
        r"-\sum_{i=1}^C y_i \frac{\partial \log S_i}{\partial z_k}",
        ("definition", "constant factor", "sum rule", "constant factor"),
    ),
    (
        "softmax-regression",
        r"\operatorname{diag}(S) - S S^\top",
        ("index form", "line 78", "multiplying out", "vectorising"),
    ),
    ("softmax-regression", "S - y", ("index form", "vectorising")),
    (
        "batch-cross-entropy",
        r"\frac{1}{N} \left( q - \tilde{y} \right)^T",
        ("index form", "line 72", "folding back", "vectorising"),
    ),
    ("two-layer-network", r"(r - z)^\top W", ("index form", "line 84", "folding back", "vectorising")),
    ("negative-log-likelihood", r"p_k \left( \delta_{ki} - p_i \right)", ("merging the cases",)),
)


@pytest.mark.parametrize(("name", "right", "rules"), EXPLAINED, ids=lambda text: str(text))
def test_link_is_expanded_by_these_rules(name: str, right: str, rules: tuple[str, ...]) -> None:
    claim = next(claim for claim in note(name).claims if claim.right_latex == right and claim.expected)
    assert tuple(step.rule for step in explained(name, claim).derivation.steps) == rules


def test_a_product_of_derivatives_is_led_to_where_the_left_side_leads() -> None:
    chain = next(claim for claim in note("softmax-regression").claims if "W_{kj}" in claim.left_latex)
    found = explained("softmax-regression", chain)
    assert found.reaches and found.other is not None
    assert same(found.derivation.result, found.other.result)
    rules = [step.rule for step in found.other.steps]
    assert rules[0] == "definition" and "folding back" not in rules


def requests() -> list[Any]:
    return [
        pytest.param(name, item, id=f"{name}: {item.latex}")
        for name in NOTES
        for item in note(name).items
        if isinstance(item, DeriveRequest)
    ]


@pytest.mark.parametrize(("name", "request_"), requests())
def test_derive_sentences_are_answered(name: str, request_: DeriveRequest) -> None:
    from derive.show.parts import answer

    made = answer(request_)
    assert not isinstance(made, str), made
    assert made.proved and made.steps


def test_rules_of_steps_are_listed() -> None:
    assert BY_NAME.keys() <= NAMES_OF_STEPS
