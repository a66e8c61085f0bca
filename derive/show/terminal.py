"""Reports and derivations in the terminal: tables of claims, formulas laid out, errors that point into the source."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from derive.calculus.verdict import Kind, Witness
from derive.pipeline import Report, Result
from derive.notes.note import Claim, CompileRequest, DeriveRequest, Given, Note, Prose
from derive.show import unicode
from derive.show.box import Box, beside, cells
from derive.show.box import text as text_box
from derive.show.latex import DEFAULT, Style, latex

if TYPE_CHECKING:
    from derive.steps.derivation import Derivation

MARKS: Mapping[str, tuple[str, str]] = {
    Kind.PROVED: ("✓", "green"),
    Kind.REFUTED: ("✗", "red"),
    Kind.UNDECIDED: ("?", "yellow"),
    Kind.UNREAD: ("!", "yellow"),
    Kind.NOT_CHECKED: ("–", "dim"),
}
NARROW, WIDE = 60, 140
PIPE_WIDTH = 110
MARGIN = 34


def console(no_color: bool = False, file: IO[str] | None = None, stderr: bool = False) -> Console:
    """A console that never fails on a character that the stream does not have."""
    stream = file or (sys.stderr if stderr else sys.stdout)
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    made = Console(file=stream, no_color=no_color or None, highlight=False, markup=False, emoji=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = PIPE_WIDTH
    return made


# ----- check -----


def check_table(report: Report, source: Sequence[str] = ()) -> RenderableType:
    """A row a claim: line, claim, verdict; beneath a claim what its verdict rests on or what it needs."""
    if report.error:
        return error_message(report.path, report.error.line, report.error.column, report.error.message, source)
    table = Table(
        box=None,
        padding=(0, 1),
        title=report.path,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        expand=False,
    )
    table.add_column("line", justify="right", style="dim", no_wrap=True)
    table.add_column("claim", ratio=1, overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for result in report.results:
        table.add_row(_where(result), Group(Text(_claim(result.latex)), *details(result, source)), verdict_text(result))
    return Group(table, summary(report.results, report.seconds))


def _where(result: Result) -> str:
    return str(result.line) if result.cell is None else f"[{result.cell}] {result.line}"


def _claim(latex: str) -> str:
    return unicode.linear(latex)


def verdict_text(result: Result) -> Text:
    mark, style = MARKS[result.verdict]
    if result.expected == "false":
        ok = result.verdict == Kind.REFUTED
        return Text(
            f"{'✓' if ok else '✗'} {result.verdict}{', as the note says' if ok else ', but the note denies it'}",
            "green" if ok else "red",
        )
    return Text(f"{mark} {result.verdict}", style)


def details(result: Result, source: Sequence[str] = ()) -> list[Text]:
    """The lines beneath a claim."""
    lines: list[Text] = []
    if result.verdict == Kind.PROVED:
        if result.assumptions:
            lines.append(_dim(f"using {', '.join(map(unicode.linear, result.assumptions))}"))
        if result.conditions:
            lines.append(_dim(f"where {', '.join(map(unicode.linear, result.conditions))}"))
    elif result.verdict == Kind.REFUTED:
        if result.witness:
            lines.append(Text(f"  {witness_text(result.witness)}", "" if result.expected == "true" else "dim"))
        elif result.reason:
            lines.append(_dim(result.reason))
        if result.repair:
            lines.append(Text(f"  {result.repair}", "cyan"))
    elif result.verdict == Kind.UNREAD:
        lines += pointer(result, source)
    elif result.reason:
        lines.append(_dim(result.reason))
        if result.repair:
            lines.append(Text(f"  {result.repair}", "cyan"))
    lines += [Text(f"  warning: {warning}", "yellow") for warning in result.warnings]
    return lines


def _dim(content: str) -> Text:
    return Text(f"  {content}", "dim")


def witness_text(witness: Witness) -> str:
    """``N = 2, i = 1, z_1 = 0, z_2 = 1: left 0.2689, right 0.7311``."""
    points = [witness.sizes, witness.indices, witness.values]
    shown = ", ".join(f"{unicode.linear(str(name))} = {value}" for group in points for name, value in group.items())
    return f"{shown + ': ' if shown else ''}left {witness.left}, right {witness.right}"


def pointer(result: Result, source: Sequence[str]) -> list[Text]:
    """The source line with a caret, and why it could not be read."""
    lines = [Text(f"  {result.reason}", "yellow")]
    if result.cell is None and 0 < result.line <= len(source):
        lines += _caret(source[result.line - 1], result.line, result.column)
    return lines


def _caret(line: str, number: int, column: int) -> list[Text]:
    head = f"  {number} | "
    line, column = _window(line.replace("\t", " ").rstrip("\r\n"), column)
    return [
        Text(head + line, "dim"),
        Text(" " * (len(head) - 2) + "| " + " " * (cells(line[: column - 1])) + "^", "yellow"),
    ]


def _window(line: str, column: int, width: int = 90) -> tuple[str, int]:
    """The part of a long line around a column."""
    if len(line) <= width:
        return line, column
    start = max(0, min(column - width // 2, len(line) - width))
    return ("…" if start else "") + line[start : start + width], column - start + (1 if start else 0)


def summary(results: Sequence[Result], seconds: float) -> Text:
    """``12 claims: 11 proved, 1 refuted``, and the time."""
    counted: dict[str, int] = {}
    for result in results:
        word = "denied and refuted" if result.expected == "false" and result.settled else result.verdict
        counted[word] = counted.get(word, 0) + 1
    parts = ", ".join(f"{count} {word}" for word, count in counted.items())
    style = "green" if all(r.settled for r in results) else "red"
    noun = "claim" if len(results) == 1 else "claims"
    return Text.assemble(
        (f"{len(results)} {noun}: {parts}" if results else "no claims", style), (f"   {seconds:.2f} s", "dim")
    )


def totals(reports: Sequence[Report], seconds: float) -> Text:
    """The last line of a check of several files."""
    line = summary([result for report in reports for result in report.results], seconds)
    unusable = sum(report.error is not None for report in reports)
    files = f"{len(reports)} files, " + (f"{unusable} of them unusable, " if unusable else "")
    return Text.assemble((files, "bold"), line)


def error_message(path: str, line: int, column: int, message: str, source: Sequence[str] = ()) -> Text:
    """``file:line:column: error: message``, the line and a caret."""
    shown = Text.assemble((f"{path}:{line}:{column}: ", "bold"), ("error: ", "bold red"), message)
    if 0 < line <= len(source) and source[line - 1].strip():
        for row in _caret(source[line - 1], line, column):
            shown.append("\n").append_text(row)
    return shown


# ----- show -----


def show_note(note: Note, results: Iterable[Result], width: int, as_read: bool = False) -> Iterable[RenderableType]:
    """A note from top to bottom: prose dimmed, formulas laid out, each claim with its verdict beside it."""
    verdicts = iter(results)
    width = max(NARROW, min(width, WIDE))
    for item in note.items:
        if isinstance(item, Prose):
            yield from _prose(item)
        elif isinstance(item, Given):
            yield _given(item, width, as_read)
        elif isinstance(item, Claim):
            yield _step(item, next(verdicts), width, as_read)
        elif isinstance(item, CompileRequest):
            yield _dim(f"compiles to {item.name}({', '.join(item.arguments)})")
        elif isinstance(item, DeriveRequest):
            yield derived(item, width)


def _prose(item: Prose) -> Iterable[RenderableType]:
    if not item.text.strip():
        return
    if item.level:
        yield Text("")
        yield Text(item.text.strip(), "bold" if item.level > 1 else "bold underline")
    else:
        yield Text(" ".join(item.text.split()), "dim")


def _given(item: Given, width: int, as_read: bool) -> RenderableType:
    if as_read:
        return Text.assemble((f"{item.place.line:>5}  {item.kind}: ", "dim"), item.read or item.latex)
    return Text(str(_indented(unicode.pretty(item.latex, width - 8))))


def _indented(box: Box, by: int = 4) -> Box:
    return beside(text_box(" " * by), box)


def _step(claim: Claim, result: Result, width: int, as_read: bool) -> RenderableType:
    if as_read:
        return Text.assemble(
            (f"{claim.place.line:>5}  claim: ", "dim"), claim.read or claim.latex, " ", verdict_text(result)
        )
    shown = _indented(
        unicode.pretty(right_side(claim) if claim.continues else claim.latex, width - MARGIN),
        8 if claim.continues else 4,
    )
    side = [verdict_text(result)]
    words = claim.reason or _basis(result)
    if words:
        side.append(Text(f"  {words}", "dim"))
    under = [line for line in details(result) if result.verdict != Kind.PROVED]
    return Group(_with_margin(shown, side, width), *under)


def right_side(claim: Claim) -> str:
    sign = "" if claim.right_latex.startswith(claim.latex) else claim.latex[len(claim.left_latex) :].strip()
    return sign or f"= {claim.right_latex}"


def _basis(result: Result) -> str:
    if result.assumptions:
        return f"using {', '.join(map(unicode.linear, result.assumptions))}"
    return ", ".join(result.rules[:2])


def _with_margin(box: Box, margin: Sequence[Text], width: int) -> Text:
    """A box with words to the right of its baseline."""
    column = max(width - MARGIN, box.width + 2)
    out = Text()
    for k, row in enumerate(box.rows):
        out.append(row.rstrip() if k != box.baseline else row)
        if k == box.baseline:
            out.append(" " * (column - box.width))
            for part in margin:
                out.append_text(part)
        if k + 1 < len(box.rows):
            out.append("\n")
    return out


def derived(item: DeriveRequest, width: int) -> RenderableType:
    """The engine's derivation of what a note asks for."""
    from derive.steps.derivation import StepError
    from derive.steps.engine import derivation

    if item.target is None:
        return Text(f"  {item.problem or 'this could not be read'}", "yellow")
    try:
        return steps_view(derivation(item.target.expr, setting=item.setting, route=item.route or "auto"), width)
    except StepError as error:
        return Text(f"  {error}", "red")


def steps_view(made: Derivation, width: int, style: Style = DEFAULT) -> RenderableType:
    """The engine's steps, one below the other, each with its rule and its verdict."""
    width = max(NARROW, min(width, WIDE))
    parts: list[RenderableType] = [steps_view(lemma, width, style) for lemma in made.lemmas]
    parts.append(Text(""))
    target = latex(made.target, style)
    for k, step in enumerate(made.steps):
        shown = unicode.pretty(f"{target if k == 0 else ''} = {latex(step.expr, style)}", width - MARGIN)
        mark, color = MARKS[step.verdict.kind]
        parts.append(
            _with_margin(
                _indented(shown, 4 if k == 0 else 8), [Text(mark, color), Text(f"  {step.rule}", "dim")], width
            )
        )
    return Group(*parts)
