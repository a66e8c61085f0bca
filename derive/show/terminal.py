"""Reports and derivations in the terminal: tables of claims, formulas laid out, errors that point into the source."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import IO, TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from derive.calculus.verdict import Kind, Witness
from derive.notes.note import Claim, DeriveRequest, Given, Note, Relation
from derive.pipeline import Report, Result
from derive.remarks import Remark as NoteRemark
from derive.show import unicode
from derive.show.ascii import HANDLER
from derive.show.box import Box, beside, cells
from derive.show.box import text as text_box
from derive.show.echo import echo
from derive.show.latex import DEFAULT, Style
from derive.show.parts import (
    Display,
    Link,
    Paragraph,
    Remark,
    answer,
    chains_before,
    page,
    sign_of,
    style_of_note,
    summed_up,
)

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
INDENT, WIDEST_LEFT = 4, 24
READ_INDENT = 21
PLACE = re.compile(r"\(line (\d+), column (\d+)\)")


def console(no_color: bool = False, file: IO[str] | None = None, stderr: bool = False) -> Console:
    """A console that never fails on a character that the stream does not have."""
    stream = file or (sys.stderr if stderr else sys.stdout)
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors=HANDLER)
    made = Console(file=stream, no_color=no_color or None, highlight=False, markup=False, emoji=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = PIPE_WIDTH
    return made


# ----- check -----


def check_table(report: Report, source: Sequence[str] = ()) -> RenderableType:
    """A row a claim: line, claim, verdict; beneath a claim what its verdict rests on or what it needs."""
    fault = report.error
    told = [error_message(report.path, fault.line, fault.column, fault.message, source)] if fault else []
    if told and not report.results:
        return told[0]
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
    noticed = [_remark(report.path, remark) for remark in report.remarks]
    return Group(table, *noticed, *told, summary(report.results, report.seconds))


def _remark(path: str, remark: NoteRemark) -> Text:
    return Text.assemble(
        (f"{path}:{remark.place.line}:{remark.place.column}: ", "bold"),
        ("warning: ", "bold yellow"),
        unicode.sentence(remark.message),
    )


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


def details(result: Result, source: Sequence[str] = ()) -> list[RenderableType]:
    """The lines beneath a claim."""
    return [Padding(line, (0, 0, 0, 2)) for line in _lines(result, source)]


def _lines(result: Result, source: Sequence[str]) -> Iterator[Text]:
    if result.verdict == Kind.UNREAD:
        yield from pointer(result, source)
    elif result.verdict == Kind.REFUTED and result.witness:
        yield Text(witness_text(result.witness), "dim" if result.settled else "")
    elif result.verdict != Kind.PROVED and result.reason:
        yield _dim(unicode.sentence(result.reason))
    if result.verdict == Kind.PROVED and result.assumptions:
        yield _dim(f"using {', '.join(map(unicode.statement, result.assumptions))}")
    if result.conditions:
        yield _dim(f"where {', '.join(unicode.linear(c) for c in result.conditions)}")
    if result.repair:
        yield Text(unicode.sentence(result.repair), "cyan")
    for warning in result.warnings:
        yield Text(f"warning: {unicode.sentence(warning)}", "yellow")


def _dim(content: str) -> Text:
    return Text(content, "dim")


def witness_text(witness: Witness) -> str:
    """``N = 2, i = 1, z_1 = 0, z_2 = 1: left 0.2689, right 0.7311``."""
    points = [witness.sizes, witness.indices, witness.values]
    shown = ", ".join(f"{unicode.linear(str(name))} = {value}" for group in points for name, value in group.items())
    return f"{shown + ': ' if shown else ''}left {witness.left}, right {witness.right}"


def pointer(result: Result, source: Sequence[str]) -> list[Text]:
    """Why a claim could not be read, and the source line with a caret at the place that this names."""
    lines = [Text(unicode.sentence(result.reason), "yellow")]
    named = PLACE.findall(result.reason)
    line, column = map(int, named[-1]) if named else (result.line, result.column)
    if result.cell is None and 0 < line <= len(source):
        lines += _caret(source[line - 1], line, column)
    return lines


def _caret(line: str, number: int, column: int) -> list[Text]:
    line = "".join(c if c.isprintable() or c == "\t" else "·" for c in line)
    head = f"{number} | "
    line, column = _window(line.replace("\t", " "), column)
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
    """How many claims came out how, and the time."""
    style = "green" if all(result.settled for result in results) else "red"
    return Text.assemble((summed_up(results), style), (f"   {seconds:.2f} s", "dim"))


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


def show_note(
    note: Note, results: Iterable[Result], width: int, as_read: bool = False, fine: bool = False
) -> Iterable[RenderableType]:
    """A note from top to bottom: prose dimmed, formulas laid out, each claim with its verdict beside it."""
    width = max(NARROW, min(width, WIDE))
    style = style_of_note(note)
    if as_read:
        yield from _as_read(note, results, width)
        return
    for k, part in enumerate(page(note, results)):
        if k:
            yield Text("")
        if isinstance(part, Paragraph):
            yield _paragraph(part)
        elif isinstance(part, Display):
            yield from _display(part, width, style, note if fine else None)
        elif isinstance(part, Remark):
            yield from _chain([(part.claim, part.result)], width, style, note if fine else None)
        elif isinstance(part, DeriveRequest):
            yield derived(part, width, style)
        elif part.problem:
            yield Text(f"    {part.problem}", "yellow")
        else:
            yield _dim(f"    {part.name}({', '.join(part.arguments)}) is written by: derive kernels")


def _paragraph(part: Paragraph) -> RenderableType:
    styles = {0: "dim", 1: "bold underline"}
    return Text(unicode.words(part.text), styles.get(part.level, "bold"))


def _display(part: Display, width: int, style: Style, fine: Note | None) -> Iterable[RenderableType]:
    for k, item in enumerate(part.given):
        yield Group(*([Text("")] if k else []), Text(str(_indented(unicode.pretty(item.latex, width - 2 * INDENT)))))
    for k, chain in enumerate(part.chains):
        if k:
            yield Text("")
        yield from _chain(chain, width, style, fine)


def _chain(chain: Sequence[Link], width: int, style: Style, fine: Note | None) -> Iterable[RenderableType]:
    """Links below one another, level at their signs."""
    indent = sign_column(chain[0][0].left_latex)
    for k, (claim, result) in enumerate(chain):
        yield _step(claim, result, width, indent, continues=k > 0)
        if fine is not None:
            yield from _between(fine, claim, result, width, style)


def sign_column(left: str) -> int:
    """Where the relation signs of a chain stand, one below the other."""
    width = unicode.pretty(left).width
    return INDENT + width if width <= WIDEST_LEFT else 2 * INDENT


def _as_read(note: Note, results: Iterable[Result], width: int) -> Iterator[RenderableType]:
    """Each statement with what it was taken to mean; what a claim rests on where it was not said before."""
    verdicts = iter(results)
    said: set[str] = set()
    for item in note.items:
        if isinstance(item, Given):
            meaning = [part for part in item.read.split("; ") if part]
            said.update(meaning)
            yield _statement(item, item.kind, Text())
            yield from _understood((m for m in meaning if unicode.words(m) != unicode.linear(item.latex)), width)
        elif isinstance(item, Claim):
            yield _statement(item, "claim", verdict_text(next(verdicts)))
            yield from _understood(_meaning(item, said), width)


def _statement(item: Given | Claim, kind: str, verdict: Text) -> Text:
    return Text.assemble((f"{item.place.line:>5}  {kind:12}", "dim"), unicode.linear(item.latex), "   ", verdict)


def _understood(lines: Iterable[str], width: int) -> Iterator[RenderableType]:
    for line in lines:
        for row in wrap(unicode.words(line), width - READ_INDENT):
            yield Text(" " * READ_INDENT + row, "cyan")


def _meaning(claim: Claim, said: set[str]) -> Iterator[str]:
    full = echo(claim)
    if full is None:
        yield claim.problem or "this could not be read"
        return
    if unicode.linear(full.equation) != unicode.linear(claim.latex):
        yield f"${full.equation}$"
    if full.under:
        yield full.under
    yield from full.remarks
    for line in full.given:
        verb, _, rest = line.partition(" ")
        if rest not in said:
            said.add(rest)
            yield f"where {rest}" if verb == "Let" else f"assuming {rest}"


def _step(claim: Claim, result: Result, width: int, indent: int, continues: bool = False) -> RenderableType:
    by = indent if continues and claim.problem is None else INDENT
    source = f"{sign_of(claim)} {claim.right_latex}" if continues and claim.problem is None else claim.latex
    shown = _indented(unicode.pretty(source, width - MARGIN - by), by)
    under = details(result) if result.verdict != Kind.PROVED else []
    return Group(_with_margin(shown, _mark(result), _basis(claim, result), width), *under)


def _basis(claim: Claim, result: Result) -> str:
    """The person's own words, else what the proof rests on."""
    if claim.reason:
        return unicode.words(claim.reason)
    if result.verdict == Kind.PROVED and result.assumptions:
        return f"using {', '.join(map(unicode.statement, result.assumptions))}"
    return ", ".join(result.rules[:2]) if result.verdict == Kind.PROVED else ""


def _mark(result: Result) -> Text:
    """The sign of the verdict; in words where it is not the usual one."""
    usual = result.verdict == Kind.PROVED and result.settled
    return Text(*MARKS[Kind.PROVED]) if usual else verdict_text(result)


def _indented(box: Box, by: int = INDENT) -> Box:
    return beside(text_box(" " * by), box)


def _with_margin(box: Box, mark: Text, words: str, width: int) -> Text:
    """A box with words to the right of its baseline, wrapped there."""
    column = max(width - MARGIN, box.width + 2)
    first, *more = wrap(words, max(width - column - len(mark) - 2, 16)) or [""]
    margin = [Text.assemble(mark, (f"  {first}".rstrip(), "dim"))]
    margin += [Text(" " * (len(mark) + 2) + line, "dim") for line in more]
    rows = [*box.rows, *[" " * box.width] * (len(margin) - box.below - 1)]
    lines = []
    for k, row in enumerate(rows):
        level = k - box.baseline
        inside = 0 <= level < len(margin)
        lines.append(Text.assemble(row + " " * (column - box.width), margin[level]) if inside else Text(row.rstrip()))
    return Text("\n").join(lines)


def derived(item: DeriveRequest, width: int, style: Style = DEFAULT) -> RenderableType:
    """The engine's derivation of what a note asks for."""
    made = answer(item)
    return Text(f"    {made}", "yellow") if isinstance(made, str) else steps_view(made, width, style)


def steps_view(made: Derivation, width: int, style: Style = DEFAULT) -> RenderableType:
    """The engine's steps, one below the other, each with its rule and its verdict."""
    from derive.steps.form import latex_of

    width = max(NARROW, min(width, WIDE))
    parts: list[RenderableType] = []
    for lemma in made.lemmas:
        parts += [steps_view(lemma, width, style), Text("")]
    if not made.chains(style):
        parts.append(
            Text(f"    {unicode.linear(latex_of(made.target, style))} stands as it is: no rule applies", "yellow")
        )
    for left, links in made.chains(style):
        indent = sign_column(left)
        for k, (shown, step) in enumerate(links):
            source = f"{'' if k else left} = {shown}"
            laid = _indented(unicode.pretty(source, width - MARGIN - (indent if k else 0)), indent if k else INDENT)
            parts.append(_with_margin(laid, Text(*MARKS[step.verdict.kind]), unicode.words(step.rule), width))
    return Group(*parts)


# ----- explanations and rules -----


def explanation_view(note: Note, claim: Claim, result: Result, width: int) -> RenderableType:
    """One link, its verdict, and the elementary steps between its sides."""
    width = max(NARROW, min(width, WIDE))
    style = style_of_note(note)
    steps = list(_between(note, claim, result, width, style, least=1))
    return Group(_step(claim, result, width, INDENT), *steps)


def _between(
    note: Note, claim: Claim, result: Result, width: int, style: Style, least: int = 2
) -> Iterable[RenderableType]:
    """The elementary steps of a link, if there are at least so many; for a wrong one, where it should have led."""
    if claim.left is None or claim.right is None or claim.relation is not Relation.EQUAL:
        return
    from derive.steps.derivation import StepError
    from derive.steps.earlier import known_from
    from derive.steps.explain import explain
    from derive.steps.form import Form
    from derive.steps.rules import cited

    known = known_from(chains_before(note, claim), claim.setting)
    rule = cited(claim.reason) if claim.reason else None
    sides = ((claim.left_latex, claim.left), (claim.right_latex, claim.right))
    first, last = (Form(text, claim.axes, claim.setting, given=entry) for text, entry in sides)
    holds = result.verdict != Kind.REFUTED
    try:
        found = explain(
            claim.left, claim.right, claim.setting, given=known, holds=holds, wanted=rule, written=(first, last)
        )
    except StepError as error:
        yield Text(f"    {error}", "red")
        return
    chains = [found.derivation, *([found.other] if found.other else [])]
    if rule is not None and found.reaches:
        yield Padding(_dim(whether_cited(rule, chains)), (0, 0, 0, INDENT * 2))
    if found.reaches and sum(len(made.steps) for made in chains) < least:
        return
    for k, made in enumerate(chains):
        if k:
            yield Padding(_dim("and from the right side"), (0, 0, 0, INDENT * 2))
        if made.steps:
            yield Padding(steps_view(made, width - INDENT, style), (0, 0, 1, INDENT))
    if not found.reaches:
        words = "from the left side one comes to this instead" if result.verdict == Kind.REFUTED else NO_WAY
        yield Padding(Text(words, "yellow"), (0, 0, 1, 2 * INDENT))


def whether_cited(rule: str, chains: Sequence[Derivation]) -> str:
    """Whether the rule that the author names is among the steps."""
    from derive.steps.rules import carries_out

    called = f"the {rule}" if rule.split()[-1] in ("rule", "trick", "definition") else rule
    does = any(carries_out(step.rule, rule) for made in chains for step in made.steps)
    return f"{called} does it" if does else f"these steps do without {called}"


NO_WAY = "these steps do not reach the right side: the rules know no way there"


def rules_view(width: int) -> RenderableType:
    """Every rule with its statement and an example, by groups."""
    from derive.steps.rules import RULES

    parts: list[RenderableType] = []
    for group in dict.fromkeys(rule.group for rule in RULES):
        table = Table(box=None, padding=(0, 1), show_header=False, expand=False)
        table.add_column(no_wrap=True, style="bold")
        table.add_column(overflow="fold")
        for rule in (rule for rule in RULES if rule.group == group):
            table.add_row(rule.name, unicode.linear(rule.formula))
            if rule.shown != rule.formula:
                table.add_row("", Text(f"such as  {unicode.linear(rule.shown)}", "dim"))
        parts += [Text(f"\n{group}", "underline"), table]
    return Group(*parts)
