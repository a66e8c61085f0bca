"""Every rule of the table: its statement is proved, and its function does what the statement says."""

from __future__ import annotations

import pytest

from derive.calculus.judge import prove
from derive.steps.context import Context
from derive.steps.rules import BY_NAME, RULES, Rule, cited


def label(rule: Rule) -> str:
    return f"{rule.name}: {rule.left}"


@pytest.mark.parametrize("rule", RULES, ids=label)
def test_statement_is_proved(rule: Rule) -> None:
    assert prove(rule.left, rule.right, rule.setting).proved


@pytest.mark.parametrize("rule", RULES, ids=label)
def test_function_does_what_the_statement_says(rule: Rule) -> None:
    made = rule.apply(rule.left, Context(rule.setting))
    assert made is not None
    assert made != rule.left
    assert prove(made, rule.right, rule.setting).proved


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.example is not None], ids=label)
def test_example_is_proved(rule: Rule) -> None:
    made = rule.apply(rule.example, Context(rule.setting))
    assert made is not None
    assert prove(rule.example, made, rule.setting).proved


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
