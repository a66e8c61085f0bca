"""Formulas -> trees: two tables, and what must hold of every formula, well formed or not."""

import dataclasses
import random
from pathlib import Path

import pytest

from derive.notes.document import read_document
from derive.notes.grammar import syntax
from derive.notes.grammar.formula import as_formula, parse, parse_text
from derive.notes.grammar.tokens import tokenize
from derive.notes.outline import outline, outline_chains
from tests.work import calls

HERE = Path(__file__).parent


def rows(name: str) -> list[tuple[str, str]]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("   ==>   ")) for line in lines if line and not line.startswith("#  ")]  # type: ignore[misc]


FORMULAS = [row for row in rows("formulas.txt") if len(row) == 2 and not row[0].startswith("# formula")]
MALFORMED = [row for row in rows("malformed.txt") if len(row) == 2 and not row[0].startswith("# formula")]


def problems(latex: str) -> list[syntax.Problem]:
    return [link.problem for chain in parse_text(latex) for link in chain.links if link.problem]


@pytest.mark.parametrize(("latex", "tree"), FORMULAS, ids=range(len(FORMULAS)))
def test_tree(latex: str, tree: str) -> None:
    assert outline_chains(parse_text(latex)) == tree
    assert not problems(latex)


@pytest.mark.parametrize(("latex", "message"), MALFORMED, ids=range(len(MALFORMED)))
def test_malformed(latex: str, message: str) -> None:
    first = problems(latex)[0]
    assert f"{first.at}: {first.message}" == message


def test_the_tables_are_long() -> None:
    assert len(FORMULAS) > 350
    assert len(MALFORMED) > 55


# ----- places -----


def nodes(value: object) -> list[syntax.Node]:
    if isinstance(value, tuple):
        return [node for item in value for node in nodes(item)]
    if not isinstance(value, syntax.Node):
        return []
    return [value, *(node for field in dataclasses.fields(value) for node in nodes(getattr(value, field.name)))]


@pytest.mark.parametrize("latex", [latex for latex, _ in FORMULAS], ids=range(len(FORMULAS)))
def test_spans_lie_inside_of_their_link(latex: str) -> None:
    for chain in parse_text(latex):
        for link in chain.links:
            at = latex.find(link.latex)
            for node in nodes(link.side):
                assert 0 <= node.start <= node.end <= len(latex)
                assert node.start >= at or r"\underset" in latex


def test_spans_are_those_of_the_source() -> None:
    latex = r"\frac{a_{i}}{\hat b + 2} = \sum_{l=1}^N \mathbf{x}_l"
    sides = [link.side for chain in parse_text(latex) for link in chain.links]
    spans = {latex[n.start : n.end] for n in nodes(tuple(s for s in sides if s))}
    assert spans >= {
        r"\frac{a_{i}}{\hat b + 2}",
        "a_{i}",
        "a",
        "i",
        r"\hat b + 2",
        r"\hat b",
        "2",
        r"\sum_{l=1}^N \mathbf{x}_l",
        r"\mathbf{x}_l",
        r"\mathbf{x}",
    }


def test_links_know_where_their_sign_stands() -> None:
    latex = r"\begin{aligned} a &= b \\ &\le c \end{aligned}"
    [chain] = parse_text(latex)
    assert [(link.sign, latex[link.at : link.at + 3].split()[0]) for link in chain.links[1:]] == [
        ("=", "="),
        (r"\le", r"\le"[:3]),
    ]
    assert [link.latex for link in chain.links] == ["a", "b", "c"]


def test_as_formula_counts_lines() -> None:
    formula = as_formula("a\n= b")
    [chain] = parse(formula)
    place = formula.places[chain.links[1].at]
    assert (place.line, place.column) == (2, 1)


# ----- no relation is lost -----


@pytest.mark.parametrize(
    "latex",
    [
        r"a = \foo + b = c",
        "a = (b = c",
        "f(x = (y",
        r"a = { b = c",
        r"\begin{foo} a = b \\ c = d \end{foo}",
        "= = =",
        r"\left( a = b \right) = ]",
        r"a \overset{x}{=} \frac{b = c",
        r"a = b, = c; d < ! > e",
        r"\boxed{a = b} = \unknown{c}",
    ],
)
def test_every_relation_is_reported(latex: str) -> None:
    links = [link for chain in parse_text(latex) for link in chain.links if link.sign]
    depth, expected = 0, 0
    for chain in parse_text(latex):
        assert all(link.side is not None or link.problem for link in chain.links[1:])
    del depth, expected
    assert (
        len(links)
        == {
            r"a = \foo + b = c": 2,
            "a = (b = c": 2,
            "f(x = (y": 1,
            r"a = { b = c": 2,
            r"\begin{foo} a = b \\ c = d \end{foo}": 2,
            "= = =": 3,
            r"\left( a = b \right) = ]": 1,
            r"a \overset{x}{=} \frac{b = c": 2,
            r"a = b, = c; d < ! > e": 4,
            r"\boxed{a = b} = \unknown{c}": 2,
        }[latex]
    )


# ----- hostile input -----

SHAPES = [
    "{" * 10_000 + "x" + "}" * 10_000,
    "(" * 10_000,
    r"\frac{a}{" * 10_000,
    r"\sum_i " * 10_000,
    r"\log " * 10_000,
    r"\hat " * 10_000,
    "a = b \\\\ " * 3_000,
    "a, " * 5_000,
    "a & " * 5_000,
    "|a " * 5_000,
    r"\text{and} " * 3_000,
    r"\text{$" * 3_000,
    "d" * 20_000,
    "dx/dy " * 3_000,
    "'" * 10_000,
    r"\begin{aligned} " * 3_000,
    r"\begin{foo} " * 3_000,
    r"\left( " * 3_000,
    r"\right) " * 3_000,
    "{a_" * 3_000,
    "}{" * 5_000,
    "1" * 50_000,
    "x^" * 5_000,
    "-" * 10_000,
    r"a \overset{x}{=} " * 2_000,
    "\\",
    "\\begin{",
    "%",
    "\\left",
    "||" * 3_000,
]


@pytest.mark.parametrize("latex", SHAPES, ids=range(len(SHAPES)))
def test_hostile_shapes_end(latex: str) -> None:
    calls(lambda: parse_text(latex))


def test_work_grows_linearly() -> None:
    def work(count: int) -> int:
        return calls(lambda: parse_text(r"\frac{a_i}{b} + \sum_i x_i (y - z), c = d \\ " * count))

    assert work(500) < 6 * work(100)


PIECES = [
    r"\frac",
    "{",
    "}",
    "a",
    "x_i",
    "^",
    "_",
    r"\sum_{l=1}^N",
    "(",
    ")",
    "[",
    "]",
    r"\{",
    r"\}",
    "|",
    r"\|",
    "=",
    r"\le",
    ",",
    ";",
    "&",
    r"\\",
    r"\partial",
    r"\nabla_x",
    "d",
    "/",
    r"\log",
    r"\max",
    r"\mathbf",
    r"\text{if}",
    r"\text{by x}",
    r"\tag{1}",
    r"\left",
    r"\right",
    ".",
    "'",
    r"\begin{cases}",
    r"\end{cases}",
    r"\begin{aligned}",
    r"\end{aligned}",
    r"\begin{pmatrix}",
    r"\end{pmatrix}",
    r"\quad",
    "1",
    "0.5",
    "+",
    "-",
    r"\cdot",
    r"\hat",
    r"\mathrm{d}",
    r"\operatorname{diag}",
    r"\overset{a}",
    r"\underbrace",
    r"\sqrt",
    r"\foo",
    "$",
    "#",
    "~",
    "δ",
    "²",
    "ŷ",
    "!",
    r"\mathbb 1",
    r"\dots",
    r"\in",
    ":",
    r"\substack",
    r"\color{red}",
    r"\boxed",
    r"\Rightarrow",
    r"\forall",
    r"\mid",
    r"\bf",
    r"\over",
    r"\prime",
    r"\top",
]


def test_mutated_formulas_never_raise() -> None:
    source = random.Random(7)
    corpus = [latex for latex, _ in FORMULAS + MALFORMED]
    for _ in range(3_000):
        latex = mutated(source, source.choice(corpus))
        chains = parse_text(latex)
        assert all(link.side is None or outline(link.side) for chain in chains for link in chain.links), latex


def test_random_pieces_never_raise() -> None:
    source = random.Random(11)
    for _ in range(3_000):
        latex = " ".join(source.choice(PIECES) for _ in range(source.randint(1, 14)))
        outline_chains(parse_text(latex))


def mutated(source: random.Random, latex: str) -> str:
    for _ in range(source.randint(1, 4)):
        at, to = sorted(source.randint(0, len(latex)) for _ in range(2))
        change = source.randrange(5)
        if change == 0:
            latex = latex[:at] + latex[to:]
        elif change == 1:
            latex = latex[:at] + source.choice(PIECES) + latex[at:]
        elif change == 2:
            latex = latex[:to] + latex[at:to] + latex[to:]
        elif change == 3:
            latex = latex[:at] + latex[at + 1 :]
        else:
            latex = latex[:at] + latex[at:to][::-1] + latex[to:]
    return latex[:600]


# ----- notes by other hands -----


def test_tokens_keep_their_places() -> None:
    latex = "\\hat{x}  + δ % comment\n\\mathrm{Id}_{ij}"
    assert [latex[t.start : t.end] for t in tokenize(latex)] == [
        "\\hat",
        "{",
        "x",
        "}",
        "+",
        "δ",
        "\\mathrm{Id}",
        "_",
        "{",
        "i",
        "j",
        "}",
    ]


def test_a_small_note_is_read_fast(tmp_path: Path) -> None:
    note = tmp_path / "note.md"
    note.write_text(
        "Let $z \\in \\mathbb{R}^N$.\n\n$$\\frac{\\partial s_i}{\\partial z_j} = s_i (\\delta_{ij} - s_j)$$\n\n" * 125,
        encoding="utf-8",
    )
    document = read_document(note)
    formulas = [formula for sentence in document.sentences for formula in sentence.formulas]
    assert calls(lambda: [parse(formula) for formula in formulas]) < 6_000 * len(formulas)
