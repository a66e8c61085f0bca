"""What the tool says it read, read again, has the same meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.calculus.judge import prove
from derive.notes.note import Claim, Note
from derive.pipeline import check, load
from derive.show.echo import echo

ROOT = Path(__file__).parents[2]
NOTES = {path.stem: path for folder in ("derivations", "tests/examples") for path in (ROOT / folder).rglob("*.md")}


def echoed(claim: Claim) -> Claim:
    """The claim of the note that its echo is."""
    full = echo(claim)
    assert full is not None
    claims = load("echo.md", full.text).claims
    assert len(claims) == 1, full.text
    (again,) = claims
    assert again.problem is None, f"{full.text}: {again.problem}"
    return again


def differences(claim: Claim) -> list[str]:
    again = echoed(claim)
    found = []
    for side, other in ((claim.left, again.left), (claim.right, again.right)):
        if side != other and not prove(side, other, claim.setting, refute=False).proved:
            found.append(f"{side} became {other}")
    for name in _used(claim) & claim.setting.shapes.keys():
        if _plain(claim.setting.shapes[name]) != _plain(again.setting.shapes.get(name)):
            found.append(f"{name} has {claim.setting.shapes[name]}, then {again.setting.shapes.get(name)}")
    for symbol, axis in again.setting.axes.items():
        if _plain(claim.setting.axes.get(symbol)) != _plain(axis):
            found.append(f"{symbol} on {claim.setting.axes.get(symbol)} became {axis}")
    for name, definition in again.setting.definitions.items():
        own = claim.setting.definitions.get(name)
        if own is None or _plain(definition.axes) != _plain(own.axes):
            found.append(f"{name} is defined otherwise")
    return found


def _used(claim: Claim) -> set[str]:
    bodies = [claim.left, claim.right, *(d.body for d in claim.setting.definitions.values())]
    return {str(base.label) for body in bodies for base in body.atoms(sp.IndexedBase)}


def _plain(axes: Any) -> str:
    """Axes as text; the size of one that nobody named is written in two ways."""
    return str(axes).replace("{", "").replace("}", "")


def _speaks_of_two_axes_at_once(claim: Claim) -> bool:
    """An index under a condition that keeps it within an axis, or compared with one of another axis."""
    return bool(claim.left.has(sp.Piecewise) or claim.right.has(sp.Piecewise)) or any(
        "two axes" in warning for warning in claim.warnings
    )


@pytest.mark.parametrize("path", NOTES.values(), ids=NOTES.keys())
def test_every_claim_of_the_notes_reads_back(path: Path) -> None:
    claims = [claim for claim in load(path).claims if echo(claim) and not _speaks_of_two_axes_at_once(claim)]
    assert claims or path.stem == "README"
    assert {claim.place.line: found for claim in claims if (found := differences(claim))} == {}


# ----- notes made at random -----

DECLARED = (
    r"Let $x, y \in \mathbb{R}^N$, $W \in \mathbb{R}^{M \times N}$, $t \in \mathbb{R}$, $c \in \{1, \dots, N\}$ "
    r"and $f : \mathbb{R} \to \mathbb{R}$."
)
DEFINED = (
    r"Let $s_i = \frac{e^{x_i}}{\sum_{l=1}^N e^{x_l}}$.",
    r"Let $a = W x$.",
    r"Let $L = -\sum_k y_k \log s_k$.",
    r"Let $h_k = f(\sum_j W_{kj} s_j)$.",
    r"Let $\ell = -\log s_c$.",
    r"Let $u_i = x_{i+1}$ for $i = 0, \dots, N - 1$.",
    r"Let $g(r) = \frac{r}{1 + e^{-r}}$.",
)
ASSUMED = (r"Assume $\sum_i y_i = 1$.", r"Assume $t > 0$.", r"Assume $y$ is one-hot.", r"Assume $x_i \ne 0$.")
SIDES = (
    r"\frac{\partial L}{\partial x_j}",
    r"\frac{\partial s_i}{\partial x_j}",
    r"\frac{\partial^2 \ell}{\partial x_i \partial x_j}",
    r"\frac{\partial h_k}{\partial W_{ij}}",
    r"s_i (\delta_{ij} - s_j)",
    r"\sum_{j \ne i} x_j",
    r"(W x)_k t",
    r"\| x - y \|^2",
    r"\max_j x_j",
    r"g'(t) + t^2",
    r"a_k x_c",
    r"\frac{1}{N} \sum_{k=1}^M W_{kj}",
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(DEFINED), unique=True),
    st.lists(st.sampled_from(ASSUMED), unique=True, max_size=2),
    st.sampled_from(SIDES),
    st.sampled_from(SIDES),
)
def test_claims_at_random_read_back(defined: list[str], assumed: list[str], left: str, right: str) -> None:
    note = load("random.md", "\n\n".join([DECLARED, *defined, *assumed, f"$${left} = {right}$$"]))
    for claim in note.claims:
        if echo(claim) is not None:
            assert differences(claim) == []


# ----- what is said -----


def claim_of(source: str) -> tuple[Note, Claim]:
    note = load("n.md", source)
    return note, note.claims[-1]


def test_everything_that_was_inferred_is_said() -> None:
    _, claim = claim_of(r"Let $L = \sum_{i=1}^N w_i x_i^2$. Then $\partial L / \partial x_j = 0$.")
    full = echo(claim)
    assert full is not None
    assert r"Let $w \in \mathbb{R}^{N}$" in full.given
    assert full.under == r"for $j = 1, \dots, N$"


def test_opened_vectors_are_said_by_their_entries() -> None:
    _, claim = claim_of(r"Let $A \in \mathbb{R}^{M \times N}$ and $x \in \mathbb{R}^N$. Then $A x = 2 A x$.")
    full = echo(claim)
    assert full is not None
    assert full.equation == r"\sum_{j=1}^N A_{ij} x_j = \sum_{k=1}^N 2 A_{ik} x_k"
    assert full.under == r"for $i = 1, \dots, M$"


def test_what_a_derivative_goes_through_is_said() -> None:
    text = (ROOT / "tests/examples/slip.md").read_text(encoding="utf-8")
    full = echo(claim_of(text)[1])
    assert full is not None
    assert full.remarks == ("Here $L$ depends on $z$ through $s$.",)


def test_an_assumption_that_has_no_bearing_is_left_out() -> None:
    _, claim = claim_of(r"Let $x, y \in \mathbb{R}^N$. Assume $\sum_i y_i = 1$. Then $\sum_i x_i = 0$.")
    full = echo(claim)
    assert full is not None
    assert full.given == (r"Let $x \in \mathbb{R}^{N}$",)


def test_an_unread_claim_has_no_echo() -> None:
    report = check("n.md", r"Then $\foo = 1$.")
    assert [claim["read"] for claim in report.to_json()["claims"]] == [""]


def test_json_carries_the_echo() -> None:
    report = check("n.md", r"Let $x \in \mathbb{R}$. Then $(x + 1)^2 = x^2 + 2 x + 1$.")
    (claim,) = report.to_json()["claims"]
    assert claim["read"] == r"Let $x \in \mathbb{R}$. Then $(x + 1)^2 = x^2 + 2 x + 1$."
