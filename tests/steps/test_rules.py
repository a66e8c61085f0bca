"""Every rule of the table: its statement is proved, and its function does what the statement says."""

from __future__ import annotations

import pytest

from derive.calculus.judge import prove
from derive.steps.context import Context
from derive.steps.form import Form, meaning
from derive.steps.rules import ARRAYS, BY_NAME, RULES, Rule, cited, i, j


def label(rule: Rule) -> str:
    return f"{rule.name}: {rule.left}"


@pytest.mark.parametrize("rule", RULES, ids=label)
def test_statement_is_proved(rule: Rule) -> None:
    assert prove(*rule.statement, rule.setting).proved


@pytest.mark.parametrize("rule", RULES, ids=label)
def test_function_does_what_the_statement_says(rule: Rule) -> None:
    made = rule.apply(rule.left, Context(rule.setting))
    assert made is not None
    assert made != rule.left
    assert prove(meaning(made), meaning(rule.right), rule.setting).proved
    if isinstance(rule.right, Form):
        assert made == rule.right


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.example is not None], ids=label)
def test_example_is_proved(rule: Rule) -> None:
    made = rule.apply(rule.example, Context(rule.setting))
    assert made is not None
    assert prove(meaning(rule.example), meaning(made), rule.setting).proved


def test_statement_in_matrix_notation_is_read() -> None:
    """A form that says another thing than the rule is told from it."""
    wrong = Form(r"x (s - y)^\top", (j, i), ARRAYS)
    rule = BY_NAME["vectorising"]
    assert wrong.entry == rule.statement[1]
    assert not prove(rule.statement[0], Form(r"(y - s) x^\top", (i, j), ARRAYS).entry, ARRAYS).proved
    with pytest.raises(ValueError, match="shapes"):
        _ = Form("s x", (i, j), ARRAYS).entry


def test_there_are_rules_of_both_kinds() -> None:
    kinds = {(isinstance(rule.left, Form), isinstance(rule.right, Form)) for rule in RULES}
    assert kinds == {(False, False), (False, True), (True, False)}


@pytest.mark.parametrize("rule", RULES, ids=label)
def test_formula_and_example_can_be_shown(rule: Rule) -> None:
    assert " = " in rule.formula
    assert " = " in rule.shown


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("by the quotient rule", "quotient rule"),
        ("Chain Rule", "chain rule"),
        ("log-derivative trick", "log-derivative trick"),
        ("the delta picks out one term", "sifting"),
        ("put (2) into (1)", "definition"),
        ("for every i", None),
    ],
)
def test_cited_rules(words: str, name: str | None) -> None:
    assert cited(words) == name
    assert name is None or name in BY_NAME
