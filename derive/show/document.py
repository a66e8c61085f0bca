r"""A note as a LaTeX document: prose, equations in ``align*``, verdicts at the right edge, reasons in the margin.

Words are escaped. Mathematics that the reader could read passes through as it stands in the source; what it could
not read is set as text, for nothing is known of it, not even that it compiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from derive.calculus.verdict import Kind
from derive.notes.note import Claim, CompileRequest, DeriveRequest, Given, Note, Prose
from derive.pipeline import Result
from derive.show.latex import Style, latex
from derive.show.parts import is_inline, sign_of, style_of_note
from derive.show.signs import COMMANDS
from derive.show.unicode import INLINE_MATH

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
\definecolor{proved}{HTML}{2E7D32}
\definecolor{refuted}{HTML}{C62828}
\definecolor{open}{HTML}{B26A00}
\definecolor{aside}{HTML}{6B7280}
% a verdict at the right edge of the line, its reason beside it in the margin
\newcommand{\verdict}[3]{\tag*{\textcolor{#1}{$#2$}\rlap{\hspace{0.9em}\smash{\parbox[t]{4.1cm}{\raggedright\scriptsize\color{aside}#3}}}}}
\newcommand{\finding}[2]{{\small\color{#1}#2\par}}
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
    blocks = [block for block in _blocks(note, results) if block]
    return "\n".join([PREAMBLE + r"\begin{document}", *blocks, r"\end{document}", ""])


def _blocks(note: Note, results: Sequence[Result]) -> Iterator[str]:
    found = iter(results)
    words = ""
    pending: list[tuple[Claim, Result]] = []
    for item in note.items:
        if pending and not (isinstance(item, Claim) and item.continues):
            yield from chain_block(pending)
            pending = []
        if isinstance(item, Claim):
            pending.append((item, next(found)))
        elif isinstance(item, Prose):
            words = item.text
            yield prose_block(item)
        elif isinstance(item, Given) and not is_inline(item, words):
            yield given_block(item)
        elif isinstance(item, CompileRequest):
            yield compile_block(item)
        elif isinstance(item, DeriveRequest):
            yield from derive_block(item, style_of_note(note))
    if pending:
        yield from chain_block(pending)


def chain_block(chain: Sequence[tuple[Claim, Result]]) -> Iterator[str]:
    """Links that follow one another, as one display; what a refuted one needs stands below."""
    first = chain[0][0]
    rows = [_row(math(first.left_latex), claim, result, k) for k, (claim, result) in enumerate(chain)]
    yield align(rows)
    for claim, result in chain:
        yield from _findings(claim, result)


def align(rows: Sequence[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _row(left: str, claim: Claim, result: Result, number: int) -> str:
    readable = claim.problem is None
    if not readable:
        body = f"& {verbatim(claim.latex)}"
    else:
        body = f"{left if number == 0 else ''} &{sign_of(claim)} {math(claim.right_latex)}"
    return body + verdict(result.verdict, _margin(claim, result), denied=result.expected == "false")


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
        return "using " + ", ".join(f"${math(a)}$" for a in result.assumptions)
    return ""


def _findings(claim: Claim, result: Result) -> Iterator[str]:
    if result.verdict == Kind.PROVED:
        if result.conditions:
            yield finding("aside", "Where " + ", ".join(f"${math(c)}$" for c in result.conditions) + ".")
        return
    if result.verdict == Kind.REFUTED and result.witness:
        w = result.witness
        values = [
            f"${math(str(k))} = {escape(str(v))}$" for part in (w.sizes, w.indices, w.values) for k, v in part.items()
        ]
        at = f"at {', '.join(values)} the " if values else "the "
        yield finding(
            "refuted" if not result.settled else "aside",
            f"Refuted: {at}left side is {escape(w.left)}, the right side {escape(w.right)}.",
        )
    elif result.reason:
        yield finding("open", f"{escape(result.verdict.capitalize())}: {prose(result.reason)}")
    if result.repair:
        yield finding("aside", prose(result.repair))


def finding(color: str, words: str) -> str:
    return rf"\finding{{{color}}}{{{words}}}"


def prose_block(item: Prose) -> str:
    words = prose(" ".join(item.text.split()))
    if not words:
        return ""
    return rf"\{SECTIONS[item.level]}{{{words}}}" if item.level else words + "\n"


def given_block(item: Given) -> str:
    return f"\\[ {math(item.latex)} \\]"


def compile_block(item: CompileRequest) -> str:
    call = escape(f"{item.name}({', '.join(item.arguments)})")
    return finding("aside", f"{', '.join(f'${math(m)}$' for m in item.latex)} is compiled as \\texttt{{{call}}}.")


def derive_block(item: DeriveRequest, style: Style) -> Iterator[str]:
    """What the engine derives in answer to a "Derive" sentence."""
    from derive.steps.derivation import StepError
    from derive.steps.engine import derivation

    if item.target is None:
        yield finding("open", prose(item.problem or "This could not be read."))
        return
    try:
        made = derivation(item.target.expr, setting=item.setting, route=item.route or "auto")
    except StepError as error:
        yield finding("open", prose(str(error)))
        return
    yield align(
        [
            f"{latex(made.target, style) if k == 0 else ''} &= {latex(step.expr, style)}"
            + verdict(step.verdict.kind, escape(step.rule))
            for k, step in enumerate(made.steps)
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
