"""The LaTeX document: untrusted words are escaped, formulas pass through, pdflatex compiles the whole."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from derive.pipeline import Result, check
from derive.show.document import balanced, document, escape, math, prose

NOTES = Path(__file__).parents[2] / "derivations"

HOSTILE = r"""# Signs: 50% of _all_ $ & # ~ ^ \ { } <b> \input{/etc/passwd}

Let $x \in \mathbb{R}$ and `code_with_underscores`. \newcommand{\R}{\mathbb{R}}

$$x + \input{/etc/passwd} = x$$

$$x = \unknowncommand{x}$$

$$x = \text{50% & more_ #1} x$$

$$\frac{x}{1 = x$$

Wrong: $x = x + 1$.

$$
\begin{aligned}
(x + 1)^2 &= x^2 + 2 x + 1 && \text{expand & collect} \\
&= x^2 + 2 x + 2
\end{aligned}
$$
"""


def compiled(source: str, folder: Path) -> str:
    """The log of pdflatex; the test is skipped where there is none."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    (folder / "note.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "note.tex"]
    run = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout[-2500:]
    return run.stdout


def exported(path: Path, text: str | None = None) -> str:
    report = check(path, text)
    assert report.note is not None
    return document(report.note, report.results)


@pytest.mark.parametrize("note", sorted(NOTES.rglob("*.md")), ids=lambda path: path.stem)
def test_every_note_compiles(note: Path, tmp_path: Path) -> None:
    report = check(note)
    if not report.results:
        pytest.skip("nothing is claimed in it")
    assert report.note is not None
    log = compiled(document(report.note, report.results), tmp_path)
    assert "Overfull \\hbox" not in log or max(_overfull(log)) < 40


def _overfull(log: str) -> list[float]:
    return [float(line.split("(")[1].split("pt")[0]) for line in log.splitlines() if line.startswith("Overfull \\hbox")]


def test_hostile_words_compile_and_reach_nothing(tmp_path: Path) -> None:
    source = exported(Path("hostile.md"), HOSTILE)
    assert "\\input" not in source.replace(r"\textbackslash{}input", "")
    compiled(source, tmp_path)


def test_words_are_escaped() -> None:
    assert escape(r"50% of \{a_b} & #1 $x$") == r"50\% of \textbackslash{}\{a\_b\} \& \#1 \$x\$"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("let $x_i$ be *any*", r"let $x_i$ be \emph{any}"),
        ("`a_b` is **bold**", r"\texttt{a\_b} is \textbf{bold}"),
        ("costs 5$ or 50%", r"costs 5\$ or 50\%"),
        ("α ≤ 1", r"\ensuremath{\alpha} \ensuremath{\leq} 1"),
    ],
)
def test_prose(words: str, expected: str) -> None:
    assert prose(words) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"\frac{a}{b}", r"\frac{a}{b}"),
        (r"a &= b \\", "a = b"),
        (r"a \label{eq:1} \nonumber", "a"),
        (r"\begin{cases} a & b \\ c & d \end{cases}", r"\begin{cases} a & b \\ c & d \end{cases}"),
        ("a % comment", "a"),
    ],
)
def test_math_passes_through(source: str, expected: str) -> None:
    assert " ".join(math(source).split()) == expected


@pytest.mark.parametrize(
    "source", [r"\frac{a", r"\left( a", r"\begin{cases} a", r"a } b {", r"\input{x}", r"\def\a{b}", "a $ b", "a # b"]
)
def test_math_that_could_break_the_document_is_set_as_text(source: str) -> None:
    assert math(source).startswith(r"\text{")
    assert balanced(math(source))


def test_the_verdict_stands_with_its_line() -> None:
    source = exported(
        Path("t.md"), "Let $x \\in \\mathbb{R}$.\n\n$$(x+1)^2 = x^2 + 2x + 1$$\n\n$$(x+1)^2 = x^2 + 1$$\n"
    )
    good, bad = (line for line in source.splitlines() if line.startswith("(x+1)^2"))
    assert r"\verdict{proved}" in good
    assert r"\verdict{refuted}" in bad
    assert "left side is 4, the right side 2" in source


def test_a_result_without_a_witness_prints() -> None:
    from derive.calculus.setting import Setting
    from derive.notes.document import Place
    from derive.notes.note import Claim, Note

    claim = Claim(Place(1, 1), "a = b", "a", "b", None, None, Setting(), problem="no idea")
    result = Result(1, 1, None, "a = b", "unread", "true", "no idea")
    assert "no idea" in document(Note("x.md", (claim,), Setting()), [result])
