r"""A note as a LaTeX document: prose, equations in ``align*``, verdicts at the right edge, reasons in the margin.

Words are escaped. Mathematics that the reader could read passes through as it stands in the source; what it could
not read is set as text, for nothing is known of it, not even that it compiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from derive.calculus.verdict import Kind, Witness
from derive.notes.note import Claim, DeriveRequest, Note
from derive.pipeline import Result
from derive.show.latex import Style
from derive.show.parts import Display, Paragraph, Remark, answer, page, sign_of, style_of_note, summed_up
from derive.show.signs import COMMANDS
from derive.show.unicode import INLINE_MATH

if TYPE_CHECKING:
    from derive.steps.derivation import Derivation

PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern}
\usepackage{amsmath,amssymb,mathtools}
\usepackage[table]{xcolor}
\usepackage[a4paper,left=2.3cm,right=5.6cm,top=2.4cm,bottom=2.6cm,marginparwidth=4.4cm]{geometry}
\usepackage[hidelinks]{hyperref}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.55em plus 0.1em}
\setcounter{secnumdepth}{0}
\allowdisplaybreaks
\renewcommand{\arraystretch}{1.4}
\definecolor{proved}{HTML}{2E7D32}
\definecolor{refuted}{HTML}{C62828}
\definecolor{open}{HTML}{B26A00}
\definecolor{aside}{HTML}{6B7280}
% a verdict at the right edge of the line, its reason beside it in the margin
\newcommand{\verdict}[3]{\tag*{\textcolor{#1}{$#2$}\rlap{\hspace{0.9em}\textcolor{aside}{\smash{\parbox[t]{4.2cm}{\raggedright\footnotesize\strut#3}}}}}}
\newcommand{\finding}[2]{\par{\small\textcolor{#1}{#2}\par}}
\let\mathbbletter\mathbb
\renewcommand{\mathbb}[1]{\ifx1#1\mathrm{1}\mkern-4.6mu\mathrm{l}\else\mathbbletter{#1}\fi}
\providecommand{\bm}[1]{\boldsymbol{#1}}
\providecommand{\mathds}[1]{\mathbb{#1}}
\providecommand{\mathbbm}[1]{\mathbb{#1}}
"""

SIGNS = {
    Kind.PROVED: ("proved", r"\checkmark"),
    Kind.REFUTED: ("refuted", r"\times"),
    Kind.UNDECIDED: ("open", r"\textbf{?}"),
    Kind.UNREAD: ("open", r"\textbf{!}"),
    Kind.NOT_CHECKED: ("aside", r"\cdot"),
}
SECTIONS = {1: "section*", 2: "subsection*", 3: "subsubsection*", 4: "paragraph", 5: "paragraph", 6: "paragraph"}


def document(note: Note, results: Sequence[Result]) -> str:
    """The document of a note and the results of its claims."""
    blocks = [heading(results), *(block for block in _blocks(note, results) if block)]
    return "\n".join([PREAMBLE + r"\begin{document}", *blocks, r"\end{document}", ""])


def heading(results: Sequence[Result]) -> str:
    """How it stands, in the corner of the first page."""
    return rf"{{\hfill\footnotesize\color{{aside}}{escape(summed_up(results))}\par}}"


def _blocks(note: Note, results: Sequence[Result]) -> Iterator[str]:
    style = style_of_note(note)
    for part in page(note, results):
        if isinstance(part, Paragraph):
            yield paragraph(part)
        elif isinstance(part, Display):
            yield from display(part)
        elif isinstance(part, Remark):
            yield remark(part)
        elif isinstance(part, DeriveRequest):
            yield from derive_block(part, style)
        elif part.problem:
            yield finding("open", prose(part.problem))


def paragraph(part: Paragraph) -> str:
    words = prose(part.text)
    return rf"\{SECTIONS[part.level]}{{{words}}}" if part.level else rf"\par {words}"


def display(part: Display) -> Iterator[str]:
    """What is given, or chains one below the other; what refuted links need stands below."""
    if part.given:
        yield "\\begin{gather*}\n" + " \\\\\n".join(math(item.latex) for item in part.given) + "\n\\end{gather*}"
    if part.chains:
        yield align([_row(*link, first=k == 0) for chain in part.chains for k, link in enumerate(chain)])
    for chain in part.chains:
        for claim, result in chain:
            yield from _findings(claim, result)


def align(rows: Sequence[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _row(claim: Claim, result: Result, first: bool) -> str:
    left = math(claim.left_latex) if first else ""
    body = (
        f"{left} &{sign_of(claim)} {math(claim.right_latex)}" if claim.problem is None else f"& {verbatim(claim.latex)}"
    )
    return body + verdict(result.verdict, _margin(claim, result), denied=result.expected == "false")


def remark(part: Remark) -> str:
    """The verdict on what was claimed in a sentence, at the end of a line of its own."""
    color, sign = SIGNS[Kind(part.result.verdict)]
    color = "aside" if part.result.settled and part.result.expected == "false" else color
    found = " ".join(_findings(part.claim, part.result, frame="{words}"))
    shown = math(part.claim.latex) if part.claim.problem is None else verbatim(part.claim.latex)
    return finding(color, f"${sign}$ ${shown}$ {part.result.verdict}. {found}".rstrip())


def verdict(kind: str, words: str = "", denied: bool = False) -> str:
    color, sign = SIGNS[Kind(kind)]
    if denied and kind == Kind.REFUTED:
        color = "aside"
    return rf" \verdict{{{color}}}{{{sign}}}{{{words}}}"


def _margin(claim: Claim, result: Result) -> str:
    """The person's own reason, else what the proof rests on."""
    if claim.reason:
        return prose(claim.reason)
    if result.expected == "false":
        return "denied by the note" if result.settled else "denied by the note, yet not refuted"
    if result.verdict == Kind.PROVED and result.assumptions:
        return "using " + ", ".join(map(statement, result.assumptions))
    return ""


def _findings(claim: Claim, result: Result, frame: str = "") -> Iterator[str]:
    """What there is to say of a link besides its sign, each in a line of its own unless ``frame`` says otherwise."""

    def said(color: str, words: str) -> str:
        return frame.format(words=words) if frame else finding(color, words)

    if result.conditions:
        yield said("aside", "Where " + ", ".join(map(statement, result.conditions)) + ".")
    if result.verdict == Kind.REFUTED and result.witness:
        yield said("aside" if result.settled else "refuted", _point(result.witness))
    elif result.verdict != Kind.PROVED and result.reason:
        yield said("open", f"{escape(result.verdict.capitalize())}: {prose(result.reason)}.")
    if result.repair:
        yield said("aside", prose(result.repair))


def _point(witness: Witness) -> str:
    groups = (witness.sizes, witness.indices, witness.values)
    values = [f"${math(str(name))} = {escape(str(value))}$" for group in groups for name, value in group.items()]
    at = f"At {', '.join(values)} the" if values else "The"
    return f"{at} left side is {escape(witness.left)}, the right side {escape(witness.right)}."


def finding(color: str, words: str) -> str:
    return rf"\finding{{{color}}}{{{words}}}"


def derive_block(item: DeriveRequest, style: Style) -> Iterator[str]:
    """What the engine derives in answer to a "Derive" sentence."""
    made = answer(item)
    if isinstance(made, str):
        yield finding("open", prose(made))
        return
    for lemma in made.lemmas:
        yield steps_block(lemma, style)
    yield steps_block(made, style)


def steps_block(made: Derivation, style: Style) -> str:
    return align(
        [
            f"{'' if k else left} &= {shown}" + verdict(step.verdict.kind, prose(step.rule))
            for left, links in made.chains(style)
            for k, (shown, step) in enumerate(links)
        ]
    )


# ----- untrusted text -----

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
LATIN = re.compile(r"[\u00a0-\u017f\u2010-\u2026]")
# commands that reach outside of the formula: files, definitions, other modes
OUTWARD = re.compile(
    r"\\(input|include|openin|openout|read|write|immediate|csname|catcode|def|edef|gdef|xdef|let|futurelet|newcommand|renewcommand|usepackage"
    r"|special|directlua|begingroup|endgroup|end\s*\{document\}|loop|expandafter|everypar|everymath|output|shipout|toks|string|jobname|href|url)(?![A-Za-z])"
)
LAYOUT = re.compile(
    r"\\(label|tag\*?|eqref|ref)\s*\{[^{}]*\}|\\(nonumber|notag|displaylimits|qedhere)(?![A-Za-z])|\\intertext\s*\{[^{}]*\}"
)


def escape(words: str) -> str:
    """Words as text, whatever signs they hold."""
    return "".join(_glyph(c) for c in words)


def _glyph(char: str) -> str:
    if char in SPECIAL:
        return SPECIAL[char]
    if char in COMMANDS:
        return f"\\ensuremath{{{COMMANDS[char]}}}"
    return char if (char.isascii() and char.isprintable()) or LATIN.match(char) else "?" if not char.isspace() else " "


def prose(words: str) -> str:
    """Words with inline math, ``code``, *emphasis* and **strong**."""
    out, at = [], 0
    for match in INLINE_MATH.finditer(words):
        out += [_emphasis(words[at : match.start()]), f"${math(match[1])}$"]
        at = match.end()
    return "".join([*out, _emphasis(words[at:])])


def statement(said: str) -> str:
    """A formula, or words with inline math."""
    return prose(said) if "$" in said else f"${math(said)}$"


def _emphasis(words: str) -> str:
    shown = escape(words)
    shown = re.sub(r"`([^`]+)`", r"\\texttt{\1}", shown)
    shown = re.sub(r"\*\*([^*]+)\*\*", r"\\textbf{\1}", shown)
    return re.sub(r"\*([^*\s][^*]*)\*", r"\\emph{\1}", shown)


def verbatim(source: str) -> str:
    return rf"\text{{\small\ttfamily {escape(' '.join(source.split()))}}}"


def math(source: str) -> str:
    """A formula as it stands, without labels and alignment of its own; as text where it could break the document."""
    shown = strip_alignment(LAYOUT.sub("", source)).strip().rstrip(",;")
    shown = re.sub(r"(?<!\\)%.*", "", shown)
    shown = re.sub(r"\n\s*\n", "\n", shown)
    safe = (
        balanced(shown)
        and not OUTWARD.search(shown)
        and not re.search(r"(?<!\\)[#$]", shown)
        and all(c.isascii() or c in COMMANDS for c in shown)
    )
    if not safe:
        return verbatim(source)
    return "".join(f"{COMMANDS[c]} " if c in COMMANDS else c for c in shown)


TOKEN = re.compile(
    r"\\begin\s*\{(\w+\*?)\}|\\end\s*\{(\w+\*?)\}|\\left(?![A-Za-z])|\\right(?![A-Za-z])|\\\\|\\.|[{}&]", re.S
)


def strip_alignment(source: str) -> str:
    r"""Without the ``&`` and ``\\`` of a surrounding alignment; those of inner matrices and cases stay."""
    out, at, depth = [], 0, 0
    for match in TOKEN.finditer(source):
        token = match[0]
        depth += bool(match[1]) - bool(match[2])
        if depth <= 0 and token in ("&", "\\\\"):
            out.append(source[at : match.start()] + " ")
            at = match.end()
    return "".join([*out, source[at:]])


def balanced(source: str) -> bool:
    r"""Braces, ``\left`` and ``\right``, ``\begin`` and ``\end`` close in the order in which they open."""
    opened: list[str] = []
    for match in TOKEN.finditer(source):
        token = match[0]
        if token == "{" or token == r"\left" or match[1]:
            opened.append(match[1] or token)
        elif token == "}" or token == r"\right" or match[2]:
            wanted = {"}": "{", r"\right": r"\left"}.get(token, match[2])
            if not opened or opened.pop() != wanted:
                return False
    return not opened
