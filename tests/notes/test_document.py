"""Files -> sentences: what is math, where a sentence ends, and that every character knows its place."""

import json
import random
from pathlib import Path

import pytest

from derive.notes.document import Document, Formula, Heading, NoteError, Place, decode, read_document, read_text
from tests.work import calls


def shown(document: Document) -> list[str]:
    return [_shown_item(item) for item in document.items]


def _shown_item(item: object) -> str:
    parts = "".join(p if isinstance(p, str) else f"$${p.latex}$$" if p.display else f"${p.latex}$" for p in item.parts)  # type: ignore[attr-defined]
    parts = " ".join(parts.split())
    return f"{'#' * item.level} {parts}" if isinstance(item, Heading) else parts


MARKDOWN = [
    ("", []),
    ("Let $x = 1$. Then $y = 2$.", ["Let $x = 1$.", "Then $y = 2$."]),
    ("Let $x$ be a vector. $y = 2$", ["Let $x$ be a vector.", "$y = 2$"]),
    ("**Sigmoid.** $\\sigma(x) = 1$", ["Sigmoid.", "$\\sigma(x) = 1$"]),
    ("Wrong: $a = b$.", ["Wrong: $a = b$."]),
    ("Slip: $$a = b$$", ["Slip: $$a = b$$"]),
    ("As published:\n\n$$a = b$$\n\n$$c = d$$", ["As published: $$a = b$$", "$$c = d$$"]),
    ("Then\n$$a = b$$\nwhere $b = 1$.", ["Then $$a = b$$ where $b = 1$."]),
    ("Then\n\n$$a = b$$\n\nwhere $b = 1$.", ["Then $$a = b$$ where $b = 1$."]),
    ("Then\n$$a = b .$$\nNo more.", ["Then $$a = b .$$", "No more."]),
    ("Then\n$$a = b$$\nNo more.", ["Then $$a = b$$", "No more."]),
    ("$$a = b$$\n$$c = d$$", ["$$a = b$$", "$$c = d$$"]),
    ("$$a = b$$\nand\n$$c = d$$", ["$$a = b$$ and $$c = d$$"]),
    ("Define\n$$a = b$$\nand\n$$c = d .$$\nNothing else.", ["Define $$a = b$$ and $$c = d .$$", "Nothing else."]),
    ("If $k = m$, then $$a = b$$", ["If $k = m$, then $$a = b$$"]),
    ("Let $a = 1$\n\n$$c = d$$", ["Let $a = 1$", "$$c = d$$"]),
    ("Let $a = 1$.\n\n$$c = d$$", ["Let $a = 1$.", "$$c = d$$"]),
    (r"With \\(a = 1\\) we have \\[b = 2\\]", ["With $a = 1$ we have $$b = 2$$"]),
    (r"A \\[0.5em] line break.", [r"A \[0.5em] line break."]),
    ("As a matrix,\n\n$$a = b$$", ["As a matrix, $$a = b$$"]),
    ("$$h = 0$$\n\n**log-cosh.** $k = 1$", ["$$h = 0$$", "log-cosh.", "$k = 1$"]),
    (
        "i.e. $k$. Eq. (2) holds w.r.t. $x$. Fig. 3 too, e.g. here. End",
        ["i.e. $k$.", "Eq. (2) holds w.r.t. $x$.", "Fig. 3 too, e.g. here.", "End"],
    ),
    ("It is 2.4 wide. Version 3.", ["It is 2.4 wide.", "Version 3."]),
    ("Really? Yes! Good.", ["Really?", "Yes!", "Good."]),
    (
        "Compile $L$ and $\\frac{a}{b}$ as `grad(z, y)`. Next",
        ["Compile $L$ and $\\frac{a}{b}$ as `grad(z, y)`.", "Next"],
    ),
    ("# Title $x$\n\ntext\n## Sub ##\ntext", ["# Title $x$", "text", "## Sub", "text"]),
    ("Title\n=====\n\nSub\n---\n", ["# Title", "## Sub"]),
    ("- $a = 1$\n- $b = 2$, so\n  $$c = 3$$\n\nAfter", ["$a = 1$", "$b = 2$, so $$c = 3$$", "After"]),
    ("Assume:\n\n- $a > 0$\n- $b > 0$", ["Assume:", "Assume: $a > 0$", "Assume: $b > 0$"]),
    ("1. Let $a = 1$.\n2. Let $b = 2$.", ["Let $a = 1$.", "Let $b = 2$."]),
    ("> Let $a\n> = 1$:\n> $$\n> b\n> - c\n> $$", ["Let $a = 1$: $$b - c$$"]),
    ("| a | b |\n|---|---|\n| $|x| = 1$ | text $y$ |", ["a", "b", "$|x| = 1$", "text $y$"]),
    (
        "*Emph $a$* __b__ ~~c~~ [words $d$](http://x.org/$e$) ![alt](p.png) <b>f</b> &lt; \\* a*b",
        ["Emph $a$ b c words $d$ alt f < * a*b"],
    ),
    ("It costs $5 and $6.", ["It costs $5 and $6."]),
    ("A lone $ here, $x$ there.", ["A lone $ here, $x$ there."]),
    ("Loose $ x = y $ too.", ["Loose $x = y$ too."]),
    ("Escaped \\$x\\$ dollars.", ["Escaped $x$ dollars."]),
    ("Code `$x$` and ``a ` $b$``.", ["Code `$x$` and `a ` $b$`."]),
    ("```python\n$a = b$\n```\n\n~~~\n$$c$$\n~~~\nEnd", ["End"]),
    ("    $a = indented code$\n\nEnd", ["End"]),
    ("```math\na = b\n```\nEnd", ["$$a = b$$", "End"]),
    ("\\(a = b\\) and \\[c = d\\]", ["$a = b$ and $$c = d$$"]),
    ("$`a = b`$ here", ["$a = b$ here"]),
    ("\\begin{align}\na &= b\n\\end{align}", ["$$\\begin{align} a &= b \\end{align}$$"]),
    ("<!-- $a = b$ -->\nText <!-- $c$ --> here", ["Text here"]),
    ("---\ntitle: $x$\n---\n# Head", ["# Head"]),
    ("$$\na = b\n\n- c\n$$", ["$$a = b - c$$"]),
    ("$$\na = b\n# d\n$$", ["$$a = b # d$$"]),
    ("Then $$a\n- b\n= c\n> d$$ ends.", ["Then $$a - b = c > d$$ ends."]),
    ("$x \\text{ if $y$ } z$", ["$x \\text{ if $y$ } z$"]),
    ("<div>\n$a = b$\n</div>", ["$a = b$"]),
    ("$\\newcommand{\\R}{\\mathbb{R}}$\n\nLet $x \\in \\R$.", ["Let $x \\in \\mathbb{R}$."]),
    ("Line with  \nbreak $a$\\\nand $b$", ["Line with break $a$ and $b$"]),
    ("a $x$.\nB $y$", ["a $x$.", "B $y$"]),
    ('See [1]. And (see $x$.) Next "quoted." More', ["See [1].", "And (see $x$.)", 'Next "quoted."', "More"]),
    ("***\n\n- \n\n***", []),
]


@pytest.mark.parametrize(("text", "sentences"), MARKDOWN, ids=range(len(MARKDOWN)))
def test_markdown(text: str, sentences: list[str]) -> None:
    assert shown(read_text(text, "md")) == sentences


LATEX = [
    ("Let $x = 1$. % $hidden = 2$\nThen \\(y = 2\\).", ["Let $x = 1$.", "Then $y = 2$."]),
    (
        "\\documentclass{article}\\usepackage{x}\n\\begin{document}\n\\section{One $a$}\nText\n\\end{document}\n$no$",
        ["## One $a$", "Text"],
    ),
    ("\\section{A}\\label{s}\\subsection*{B}\\paragraph{C} text", ["## A", "### B", "##### C", "text"]),
    (
        "The loss is\n\\begin{align}\na &= b \\\\\n&= c\n\\end{align}\nwhere $c = 1$.",
        ["The loss is $$\\begin{align} a &= b \\\\ &= c \\end{align}$$ where $c = 1$."],
    ),
    (
        "\\begin{theorem}[Name] If $a = b$, then $$c = d.$$ \\end{theorem}\n\\begin{proof} Since $e = f$. \\end{proof}",
        ["If $a = b$, then $$c = d.$$", "Since $e = f$."],
    ),
    (
        "Assume:\\begin{itemize}\\item $a > 0$ \\item[x] $b > 0$\\end{itemize} Then $c$.",
        ["Assume:", "Assume: $a > 0$", "Assume: $b > 0$", "Then $c$."],
    ),
    (
        "\\emph{Words} \\textbf{of $a$} see~\\cite{x} in \\eqref{e} 5\\% ``quoted'' \\& more",
        ['Words of $a$ see in (…) 5% "quoted" & more'],
    ),
    (
        "Compile $L$ as \\texttt{loss\\_grad(z, y)}. Or \\verb|f(x)|.",
        ["Compile $L$ as `loss_grad(z, y)`.", "Or `f(x)`."],
    ),
    ("\\begin{verbatim}\n$a = b$\n\\end{verbatim}\nText", ["Text"]),
    ("$$a = b$$\n\n$$c = d$$\n\\[e = f\\]", ["$$a = b$$", "$$c = d$$", "$$e = f$$"]),
    (
        "\\newcommand{\\pd}[2]{\\frac{\\partial #1}{\\partial #2}}\nLet $\\pd{L}{z_j} = 1$.",
        ["Let $\\frac{\\partial L}{\\partial z_j} = 1$."],
    ),
    ("One.\n\nTwo.\\par Three.", ["One.", "Two.", "Three."]),
]


@pytest.mark.parametrize(("text", "sentences"), LATEX, ids=range(len(LATEX)))
def test_latex(text: str, sentences: list[str]) -> None:
    assert shown(read_text(text, "tex")) == sentences


def notebook(*cells: tuple[str, str]) -> str:
    return json.dumps(
        {"cells": [{"cell_type": kind, "source": source.splitlines(True)} for kind, source in cells], "nbformat": 4}
    )


def test_notebook() -> None:
    document = read_text(
        notebook(("markdown", "# A\n\nLet\n$x = 1$."), ("code", "y = '$a = b$'"), ("markdown", "$$c = d$$")), "ipynb"
    )
    assert shown(document) == ["# A", "Let $x = 1$.", "$$c = d$$"]
    assert document.sentences[0].formulas[0].places[0] == Place(4, 2, 0)
    assert document.sentences[1].formulas[0].places[0] == Place(1, 3, 2)


def test_macros_of_one_cell_hold_in_the_next() -> None:
    document = read_text(
        notebook(("markdown", "$\\newcommand{\\R}{\\mathbb{R}}$"), ("markdown", "$x \\in \\R$")), "ipynb"
    )
    assert shown(document) == ["$x \\in \\mathbb{R}$"]


def test_sections_are_numbered_by_their_path() -> None:
    document = read_text("a\n# A\nb\n## B\nc\n## C\nd\n# D\ne", "md")
    assert [s.section for s in document.sentences] == [(), (1,), (1, 1), (1, 2), (2,)]
    assert [h.section for h in document.headings] == [(1,), (1, 1), (1, 2), (2,)]


# ----- places -----

PLACED = [
    "Let $x = 1$\nand $y_i$.",
    "> quoted $a\n> = b$ and\n> > deeper $c\n> > = d$",
    "- item $a$\n  - inner $b =\n    c$\n1. $d$",
    "\t$tab$\n- a\t$b$",
    "# Head $h$ #\n\n$$\n  a =\n  b\n$$",
    "| x $a$ | $b$ |\n|--|--|\n| $|c|$ | d $e$ |",
    "```math\na =\n  b\n```",
    "> ```math\n> a = b\n> ```",
    "- ```math\n  a\n  = b\n  ```",
    "*em $a$* `code` [l $b$](u) $c$",
    "&amp; \\* $a$ <b>$c$</b>",
    "\\begin{align}\na &= b\n\\end{align}",
    "---\nt: 1\n---\n$a$",
    "<!-- c -->$a$",
    "> $$\n> a = b\n> - c\n> $$",
    "ünï $ä$ 😀 $b$",
    "* $a$\n\n  $$b\n  + c$$",
    "$$a\n\nb$$\n$c$",
]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("text", PLACED, ids=range(len(PLACED)))
def test_every_character_knows_its_place(text: str, line_end: str) -> None:
    rows = text.split("\n")
    document = read_text("\ufeff" + text.replace("\n", line_end), "md")
    formulas = [part for item in document.items for part in item.parts if isinstance(part, Formula)]
    assert formulas or "tab" in text
    for formula in formulas:
        assert len(formula.places) == len(formula.latex)
        for char, place in zip(formula.latex, formula.places, strict=True):
            assert (rows[place.line - 1] + "\n")[place.column - 1] == char


def test_a_macro_has_the_place_of_its_use() -> None:
    text = "\\newcommand{\\pd}[2]{\\frac{\\partial #1}{\\partial #2}}\n\nLet $a = \\pd{L}{z_j}$."
    for kind in ("md", "tex"):
        [formula] = [f for s in read_text(text, kind).sentences for f in s.formulas]  # type: ignore[arg-type]
        assert formula.latex == "a = \\frac{\\partial L}{\\partial z_j}"
        assert formula.places[formula.latex.index("\\frac")] == Place(3, 10)
        assert formula.places[formula.latex.index("L")] == Place(3, 14)
        assert formula.places[formula.latex.index("z_j") + 2] == Place(3, 19)


def test_sentences_know_where_they_begin() -> None:
    document = read_text("# T\n\nOne two. Three $x$.\n> Four", "md")
    assert [s.place for s in document.sentences] == [Place(3, 1), Place(3, 10), Place(4, 3)]


def test_corpus_of_derivations_keeps_places() -> None:
    for path in sorted((Path(__file__).parents[2] / "derivations").glob("*.md")):
        rows = path.read_text(encoding="utf-8").split("\n")
        for sentence in read_document(path).sentences:
            for formula in sentence.formulas:
                assert all(
                    (rows[p.line - 1] + "\n")[p.column - 1] == c
                    for c, p in zip(formula.latex, formula.places, strict=True)
                )


# ----- input that is no note -----


@pytest.mark.parametrize(
    ("data", "message", "place"),
    [
        (b"ok\nab\xff", "byte 0xff", Place(2, 3)),
        (b"\xfe\xff\x00a", "byte 0xfe", Place(1, 1)),
        (b"one\ntwo\x00", "null byte", Place(2, 4)),
        ("ä\n".encode("latin-1"), "byte 0xe4", Place(1, 1)),
    ],
)
def test_not_text(data: bytes, message: str, place: Place) -> None:
    with pytest.raises(NoteError, match=message) as caught:
        decode(data)
    assert caught.value.place == place


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"cells": 3}', "[" * 100_000])
def test_not_a_notebook(text: str) -> None:
    with pytest.raises(NoteError, match="notebook"):
        read_text(text, "ipynb")


@pytest.mark.parametrize(
    "cell",
    [
        "3",
        "null",
        '{"cell_type": "markdown"}',
        '{"cell_type": "markdown", "source": [1, "$a$"]}',
        '{"cell_type": "markdown", "source": 5}',
    ],
)
def test_odd_cells_are_empty(cell: str) -> None:
    read_text(f'{{"cells": [{cell}]}}', "ipynb")


def test_unknown_ending(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_text("x")
    with pytest.raises(NoteError, match="not a kind of note"):
        read_document(path)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("$$a = b\n\nmore", "md", "never closed"),
        ("\\begin{align} a", "md", "is missing"),
        ("\\[ a", "tex", "never closed"),
        ("\\begin{equation} a", "tex", "is missing"),
        ("$a", "tex", "never closed"),
    ],
)
def test_math_that_never_ends_is_told(text: str, kind: str, message: str) -> None:
    [trouble] = read_text(text, kind).troubles  # type: ignore[arg-type]
    assert message in trouble.message
    assert trouble.place == Place(1, 1)


HUGE = {
    "paragraphs": "Let $x_i = 1$ be one. Then\n\n$$a = b$$\n\n",
    "words": "word ",
    "dollars": "$ ",
    "tight dollars": "$a ",
    "ticks": "`a ",
    "quotes": "> a\n",
    "lists": "- a\n",
    "braces": "{",
    "brackets": "[",
    "links": "[a](b) ",
    "stars": "*a ",
    "comments": "<!-- ",
    "displays": "$$",
    "parens": "\\(",
    "begin": "\\begin{align}",
    "fences": "```\n",
    "html": "<a ",
    "macros": "\\newcommand",
    "defs": "\\def\\a{\\a}",
    "lines": "\n",
    "tabs": "\t",
    "under": "_a_",
    "pipes": "| a | b |\n|--|--|\n",
    "backslashes": "\\",
}


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("kind", ["md", "tex"])
def test_large_files_end(name: str, kind: str) -> None:
    piece = HUGE[name]
    text = piece * (100_000 // len(piece))
    assert calls(lambda: read_text(text, kind)) < 60 * len(text)  # type: ignore[arg-type]


def test_mutated_notes_never_raise() -> None:
    source = random.Random(3)
    texts = [text for text, _ in MARKDOWN + LATEX] + PLACED
    marks = [
        "$",
        "$$",
        "`",
        "\n",
        "\n\n",
        "> ",
        "- ",
        "{",
        "}",
        "\\",
        "<!--",
        "-->",
        "```math\n",
        "\\begin{align}",
        "\\end{align}",
        "\\newcommand{\\a}{\\a b}",
        "\\a",
        "#",
        "|",
        "\t",
        "\\item ",
        "\\section{",
        "%",
        "[",
        "](",
        "\ue001\ue000",
        "\u2028",
        "\x0c",
        "\\(",
        "\\]",
        "\\verb|",
        "\\text{$",
    ]
    for _ in range(500):
        text = source.choice(texts) + source.choice(["", "\n", "\n\n"]) + source.choice(texts)
        for _ in range(source.randint(1, 5)):
            at = source.randint(0, len(text))
            text = text[:at] + source.choice(marks) + text[at + source.choice([0, 0, 1, 3]) :]
        for kind in ("md", "tex"):
            document = read_text(text, kind)  # type: ignore[arg-type]
            for item in document.items:
                for part in item.parts:
                    assert isinstance(part, str) or len(part.places) == len(part.latex)


@pytest.mark.parametrize("kind", ["md", "tex", "ipynb"])
def test_what_is_too_large_is_refused(kind: str) -> None:
    text = "Let $x \\in \\mathbb{R}$.\n\n" * 100_000
    if kind == "ipynb":
        text = json.dumps({"cells": [{"cell_type": "markdown", "source": text}]})
    with pytest.raises(NoteError, match="too large for a note"):
        read_text(text, kind)  # type: ignore[arg-type]
