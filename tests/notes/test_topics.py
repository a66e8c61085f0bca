"""Which sections of a note are read together."""

from __future__ import annotations

import pytest

from derive.notes.document import read_text
from derive.notes.grammar.formula import parse
from derive.notes.reader import read_expression, read_source
from derive.notes.sections import look, sections
from derive.notes.topics import joined
from derive.pipeline import judged

SOFTMAX = r"Let $z \in \mathbb{R}^N$ and $s_i = \frac{e^{z_i}}{\sum_{l=1}^N e^{z_l}}$."


def parts(*texts: str) -> list[int]:
    """For each of several sections the number of the first that it is read with."""
    document = read_text("\n\n".join(f"## Part\n\n{text}" for text in texts), "md")
    units = sections(document.items)
    for unit in units:
        look(unit, {id(f): parse(f) for sentence in document.sentences for f in sentence.formulas})
    return joined(units)


@pytest.mark.parametrize(
    ("second", "together"),
    [
        (r"$$\frac{\partial s_i}{\partial z_j} = s_i (\delta_{ij} - s_j)$$", True),
        (r"Let $L = -\sum_{i=1}^N y_i \log s_i$. Then $$\frac{\partial L}{\partial z_j} = s_j - y_j$$", True),
        (r"$$s_i = \frac{1}{\sum_{j=1}^N e^{z_j - z_i}}$$", True),
        (r"Let $z \in \mathbb{R}^N$. Then $$s_i = \frac{1}{\sum_{j=1}^N e^{z_j - z_i}}$$", True),
        (r"With $u_i = e^{z_i}$ and $Z = \sum_{l=1}^N u_l$ it is $$s_i = u_i / Z$$", True),
        (r"All of it says that $s$ is on the simplex.", True),
        (r"Let $z \in \mathbb{R}^{N \times K}$ and $s_{nk} = e^{z_{nk}}$. Then $$\sum_n s_{nk} > 0$$", False),
        (r"Let $x \in \mathbb{R}^N$ and $s = \sum_{i=1}^N x_i$. Then $$\frac{\partial s}{\partial x_j} = 1$$", False),
        (r"Let $x \in \mathbb{R}$. $$s = x^2$$ $$\frac{d s}{d x} = 2 x$$", False),
        (r"Let $\sigma(z) = \frac{1}{1 + e^{-z}}$. Then $$\sigma'(z) = \sigma(z) (1 - \sigma(z))$$", False),
        (r"Let $X \in \mathbb{R}^{s \times N}$. $$\operatorname{tr}(X^\top X) = \|X\|_F^2$$", False),
    ],
)
def test_a_section_goes_with_the_one_whose_names_it_uses(second: str, together: bool) -> None:
    assert parts(SOFTMAX, second) == ([0, 0] if together else [0, 1])


def test_a_section_in_between_parts_nothing() -> None:
    assert parts(SOFTMAX, r"Let $x \in \mathbb{R}^N$. $$\nabla_x \|x\|^2 = 2 x$$", r"$$\sum_i s_i = 1$$") == [0, 1, 0]


def test_what_is_used_before_it_is_introduced() -> None:
    assert parts(r"We show that $$\frac{\partial L}{\partial z_j} = s_j - y_j .$$", SOFTMAX) == [0, 0]


def test_functions_of_one_name() -> None:
    sigmoid, tanh = r"$$f(x) = \frac{1}{1 + e^{-x}}$$", r"$$f(x) = \tanh x$$"
    assert parts(f"{sigmoid} $$f'(x) = f(x) (1 - f(x))$$", f"{tanh} $$f'(x) = 1 - f(x)^2$$") == [0, 1]
    assert parts(sigmoid, r"$$f(x) = \frac{e^x}{1 + e^x}$$") == [0, 0]


def test_an_assumption_holds_in_the_sections_below_it() -> None:
    text = r"""
Assume $\sum_{k=1}^K y_k = 1$.

## Softmax

Let $p \in \mathbb{R}^K$ and $L = -\sum_{k=1}^K y_k \log p_k$. Then
$$\sum_{k=1}^K p_k \frac{\partial L}{\partial p_k} = -1 .$$

## Norms

Let $x \in \mathbb{R}^K$. Then $$\nabla_x \|x\|^2 = 2 x .$$
"""
    assert [result.verdict for result in judged(read_source(text))] == ["proved", "proved"]


def test_expressions_are_read_in_the_last_topic_that_knows_their_names() -> None:
    note = read_source(
        f"## A\n\n{SOFTMAX}\n\n## B\n\nLet $W \\in \\mathbb{{R}}^{{K \\times K}}$ and $z = \\operatorname{{tr}} W$."
    )
    assert len(read_expression("s_i", note)[0].indices) == 1
    assert len(read_expression("z", note)[0].indices) == 0
    assert {"s", "W"} <= note.setting.shapes.keys()


@pytest.mark.parametrize(
    ("text", "verdicts"),
    [
        (r"$$D_j s_i = \frac{\partial s_i}{\partial z_j}$$ $$D_j s_i = s_i (\delta_{ij} - s_j)$$", "pp"),
        (r"$$D_j s_i = \frac{\partial s_i}{\partial z_j}$$ $$D_j s_i = s_i (\delta_{ij} - s_i)$$", "pr"),
        (r"$$D_j s_i = \frac{\partial s_i}{\partial z_j} = s_i - s_i s_j$$", "pr"),
        (r"Let $D \in \mathbb{R}^N$. $$D_j s_i = \frac{\partial s_i}{\partial z_j}$$", "r"),
        (r"Let $g \in \mathbb{R}^N$. $$g_j s_i = \frac{\partial s_i}{\partial z_j}$$", "r"),
    ],
)
def test_letters_that_differentiate(text: str, verdicts: str) -> None:
    assert "".join(result.verdict[0] for result in judged(read_source(f"{SOFTMAX}\n\n{text}"))) == verdicts


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        (r"\sum_k \delta_{kk} = N", "undecided"),
        (r"\sum_i (s_i + 1) = 1 + N", "undecided"),
        (r"\sum_i (s_i + 1) = 2 + N", "refuted"),
        (r"\sum_i s_i = 1", "proved"),
        (r"\sum_i s_i = N", "refuted"),
    ],
)
def test_a_letter_may_be_a_size_that_is_not_given(claim: str, verdict: str) -> None:
    text = rf"Let $s_i = \frac{{e^{{z_i}}}}{{\sum_j e^{{z_j}}}}$. Then $${claim}$$"
    assert [result.verdict for result in judged(read_source(text))] == [verdict]
