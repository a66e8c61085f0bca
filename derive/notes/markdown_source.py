r"""Markdown -> blocks. Math is found first and hidden behind placeholders, then the Markdown parser sees only prose.

So a line of a display that begins with ``-``, ``>`` or ``=`` makes no list, quotation or heading, and a ``|`` in a
formula cuts no table. A placeholder is as long as what it hides and carries its number in private-use characters,
so that columns stay true and the order of the formulas is never guessed.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from derive.notes.document import Atom, Block, Finder, Formula, Lines, Places, Source, Trouble
from derive.notes.grammar import vocabulary as words
from derive.notes.grammar.macros import MacroError, Macros, collect, expand

_BASE, _FIRST, _FILL, _SKIP = 6000, 0xE001, "\ue000", "\uf8ff"
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_MARK = re.compile(rf"([\ue001-\uf8fe])([\ue001-\uf8fe]){_FILL}*(?:\n[ \t]*{_FILL}+)*|[{_FILL}{_SKIP}]+")
_ONLY_HIDDEN = re.compile(rf"(?m)^[ \t]*{_SKIP}[{_SKIP} \t]*$")
_MANY_LISTS = 60_000

_FENCE = re.compile(r"(?m)^(?P<indent>[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)(?P<fence>`{3,}|~{3,})(?P<info>[^\n`]*)$")
_BEGIN_ROWS = "|".join(sorted(words.ROWS - {"math", "split", "aligned", "gathered", "alignedat", "multlined"}))
_OPENING = re.compile(
    r"(?P<doubled>\\\\[(\[])|(?P<escape>\\[\\`*_{}\[\]<>#+\-.!|~$\"'%&,/:;=?@^](?<!\\\[))"
    r"|(?P<comment><!--)|(?P<ticks>`+)|(?P<double>\$\$)|(?P<ticked>\$`)|(?P<single>\$)|(?P<paren>\\\()|(?P<bracket>\\\[)"
    rf"|\\begin\{{(?P<begin>(?:{_BEGIN_ROWS})\*?)\}}"
)
_FRONT = re.compile(r"\A---[ \t]*\n(?:.*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_DOLLAR = re.compile(r"\\.|\$|\n[ \t>]*\n|\n[ \t>]*\Z", re.DOTALL)
_PREFIX = re.compile(r"[ \t]*(?:>[ \t]?)*[ \t]*")
_COMMANDS = re.compile(r"\\(?:text\w*|mathrm|operatorname)\s*\{[^{}]*\}|\\[A-Za-z]+")
_PROSE = re.compile(r"[A-Za-z]{3,}\s+[A-Za-z]{2,}")
_TEXT_OPEN = re.compile(r"\\(?:text\w*|mbox|hbox|textrm)\s*\{[^{}]*\Z")


@dataclass(frozen=True)
class _Span:
    """Math from ``start`` to ``end`` of the source with its delimiters; its content from ``low`` to ``high``."""

    start: int
    end: int
    low: int
    high: int
    display: bool


def read(text: str) -> Source:
    return read_cells([(None, text)])


def read_cells(cells: Sequence[tuple[int | None, str]]) -> Source:
    """Markdown cells in order; macros of one hold in all that follow."""
    source = Source()
    base = 0
    macros = Macros({}, {})
    readers = []
    for cell, text in cells:
        found, spans = collect(text) if "\\" in text else (Macros({}, {}), [])
        for name, places in found.places.items():
            macros.places.setdefault(name, []).extend(base + p for p in places)
            macros.bodies.setdefault(name, []).extend(found.bodies[name])
        readers.append(_Reader(text, cell, base, macros, spans, source))
        base += len(text) + 1
    for reader in readers:
        reader.read()
    return source


class _Reader:
    def __init__(
        self, text: str, cell: int | None, base: int, macros: Macros, definitions: list[tuple[int, int]], source: Source
    ) -> None:
        self.text, self.base, self.macros, self.source = text, base, macros, source
        self.lines = Lines(text, cell)
        self.definitions = definitions
        self.spans: list[_Span] = []
        self.hidden: list[tuple[int, int]] = list(definitions)
        self.begins_item = False
        self.finder = Finder(text)

    def read(self) -> None:
        self._find_math()
        masked = self._masked()
        self.rows = masked.split("\n")
        self.blocks(_parser(masked).parse(masked))

    # ----- math -----

    def _find_math(self) -> None:
        text, at = self.text, 0
        front = _FRONT.match(text)
        if front and ":" in front.group():
            self.hidden.append((0, front.end()))
            at = front.end()
        fences = iter(self._fences())
        fence = next(fences, None)
        self.no_ticks: dict[int, int] = {}
        while found := _OPENING.search(text, at):
            while fence and fence[1] <= found.start():
                fence = next(fences, None)
            if fence and fence[0] <= found.start():
                at = fence[1]
                continue
            at = self._opened(found)

    def _fences(self) -> Iterator[tuple[int, int]]:
        """Stretches of fenced code."""
        at = 0
        while opening := _FENCE.search(self.text, at):
            closing = re.compile(
                rf"(?m)^[ \t>]*{re.escape(opening['fence'][0])}{{{len(opening['fence'])},}}[ \t]*$"
            ).search(self.text, opening.end())
            end = closing.end() if closing else len(self.text)
            yield opening.start(), end
            at = end

    def _opened(self, found: re.Match[str]) -> int:
        """Reads what opens at ``found``; where to go on."""
        kind = found.lastgroup
        start, after = found.span()
        if kind == "escape":
            return after
        if kind == "comment":
            end = self.text.find("-->", after)
            end = len(self.text) if end < 0 else end + 3
            self.hidden.append((start, end))
            return end
        if kind == "ticks":
            return self._code(start, after)
        if kind == "double":
            return self._double(start, after)
        if kind == "single":
            return self._single(start, after)
        if kind == "begin":
            return self._until(start, start, f"\\end{{{found['begin']}}}", True, keep=True)
        if kind == "ticked":
            return self._until(start, after, "`$", False)
        if kind == "doubled":  # the backslash is itself escaped where Markdown is read before the mathematics
            display = self.text[after - 1] == "["
            return self._until(start, after, r"\\]" if display else r"\\)", display)
        return self._until(start, after, r"\)" if kind == "paren" else r"\]", kind == "bracket")

    def _code(self, start: int, after: int) -> int:
        """The end of the code span that opens here, or of the ticks if none does."""
        size = after - start
        if size > 16 or self.no_ticks.get(size, len(self.text) + 1) <= after:
            return after
        closing = re.compile(rf"(?<!`)`{{{size}}}(?!`)").search(self.text, after)
        if closing is None:
            self.no_ticks[size] = after
            return after
        return after if self.finder.blank(after) < closing.start() else closing.end()

    def _add(self, start: int, end: int, low: int, high: int, display: bool) -> int:
        while low < high and self.text[low].isspace():
            low += 1
        while low < high and self.text[high - 1].isspace():
            high -= 1
        self.spans.append(_Span(start, end, low, high, display))
        return end

    def _double(self, start: int, after: int) -> int:
        closing, end = self.finder.find("$$", after), self.finder.blank(after)
        if closing >= 0 and (closing < end or self._alone(start, after, closing)):
            return self._add(start, closing + 2, after, closing, True)
        self.source.troubles.append(Trouble(self.lines.place(start), "$$ is never closed"))
        return self._add(start, end, after, end, True) if self.text[after:end].strip() else after

    def _alone(self, start: int, after: int, closing: int) -> bool:
        """Whether both ``$$`` stand alone on their lines; then blank lines may stand between them."""
        before = self.text[self._line_start(start) : start]
        behind = self.text[after : self.text.find("\n", after)]
        lead = self.text[self._line_start(closing) : closing]
        return (
            not before.strip(" \t>")
            and not behind.strip()
            and not lead.strip(" \t>")
            and "\n#" not in self.text[after:closing]
        )

    def _single(self, start: int, after: int) -> int:
        """``$…$``: no white space inside of the dollars unless it is clearly math; no digit behind."""
        at = after
        while found := _DOLLAR.search(self.text, at):
            at = found.end()
            if found.group()[0] == "\\":
                continue
            if found.group() != "$":
                return after
            content = self.text[after : found.start()]
            if "{" in content[-400:] and _TEXT_OPEN.search(content[-400:]):
                inner = self.text.find("$", at)
                at = inner + 1 if 0 <= inner < at + 200 else at
                continue
            if not content or not self._reads_as_math(content, self.text[at : at + 1]):
                return after if content else at
            return self._add(start, at, after, found.start(), False)
        return after

    def _reads_as_math(self, content: str, behind: str) -> bool:
        tight = not content[0].isspace() and not content[-1].isspace()
        if tight:
            return not behind.isdigit() and not (
                behind.isalpha() and " " in content and not re.search(r"[\\_^=]", content)
            )
        plain = _COMMANDS.sub(" 1 ", content)
        if "\n" in content or "\\$" in content or _PROSE.search(plain):
            return False
        return bool(re.search(r"[\\_^=<>]", content)) or (len(content.strip()) <= 2 and content.strip().isalpha())

    def _until(self, start: int, after: int, closing: str, display: bool, keep: bool = False) -> int:
        end = self.finder.find(closing, after)
        if end < 0 or (not keep and self.finder.blank(after) < end):
            if keep:
                self.source.troubles.append(Trouble(self.lines.place(start), f"{closing} is missing"))
            return after + 1 if not keep else after + 6
        stop = end + len(closing)
        return self._add(start, stop, after, stop if keep else end, display)

    # ----- placeholders -----

    def _masked(self) -> str:
        chars: list[str] = []
        at = 0
        text = _PRIVATE.sub("\ufffd", self.text)
        marks = [(s.start, s.end, k) for k, s in enumerate(self.spans)]
        marks += [(a, b, -1) for a, b in self.hidden]
        for start, end, k in sorted(marks):
            if start < at:
                continue  # a definition inside of math is taken out there
            chars.append(text[at:start])
            chars.append(self._placeholder(start, end, k))
            at = end
        chars.append(text[at:])
        return _ONLY_HIDDEN.sub("", "".join(chars)) if self.hidden else "".join(chars)

    def _placeholder(self, start: int, end: int, k: int) -> str:
        depth = self._quote_depth(start)
        lines = self.text[start:end].split("\n")
        masked = [_fill(lines[0], k)]
        for line in lines[1:]:
            prefix = _quote_prefix(line, depth)
            masked.append(
                line[:prefix] + (_FILL * max(len(line) - prefix, 1) if k >= 0 else _SKIP * (len(line) - prefix))
            )
        return "\n".join(masked)

    def _quote_depth(self, start: int) -> int:
        found = _PREFIX.match(self.text, self._line_start(start), start)
        return found.group().count(">") if found else 0

    def _line_start(self, at: int) -> int:
        return self.lines.starts[bisect_right(self.lines.starts, at) - 1]

    # ----- formulas -----

    def _formula(self, span: _Span) -> Formula | None:
        offsets: Sequence[int] = range(span.low, span.high)
        latex = self.text[span.low : span.high]
        depth = self._quote_depth(span.start)
        inner = [(a, b) for a, b in self.definitions if span.low <= a and b <= span.high] if self.definitions else []
        if (depth and "\n" in latex) or inner:
            kept = self._kept(span, depth, inner)
            latex, offsets = "".join(self.text[k] for k in kept), kept
        problem = None
        if self.macros:
            try:
                shifted = (
                    range(offsets.start + self.base, offsets.stop + self.base)
                    if isinstance(offsets, range)
                    else [k + self.base for k in offsets]
                )
                latex, expanded = expand(latex, shifted, self.macros)
                offsets = (
                    range(span.low, span.high)
                    if expanded is shifted and isinstance(offsets, range)
                    else [k - self.base for k in expanded]
                )
            except MacroError as error:
                problem = str(error)
        if not latex.strip():
            return None
        return Formula(latex, Places(self.lines, offsets), span.display, problem)

    def _kept(self, span: _Span, depth: int, inner: list[tuple[int, int]]) -> list[int]:
        """Offsets of the content without the marks of a quotation and without macro definitions."""
        kept: list[int] = []
        at = span.low
        for k, line in enumerate(self.text[span.low : span.high].split("\n")):
            begins = k > 0 or not self.text[self._line_start(at) : at].strip()
            skip = _quote_prefix(line, depth) if begins and depth else 0
            kept += range(at + skip, min(at + len(line) + 1, span.high))
            at += len(line) + 1
        kept = [k for k in kept if not any(a <= k < b for a, b in inner)]
        while kept and self.text[kept[0]].isspace():
            kept.pop(0)
        while kept and self.text[kept[-1]].isspace():
            kept.pop()
        return kept

    # ----- blocks -----

    def blocks(self, tokens: list[Token]) -> None:
        level, tables, cells = 0, 0, (-1, 0)
        for token in tokens:
            if token.type == "heading_open":
                level = int(token.tag[1])
            elif token.type == "heading_close":
                level = 0
            elif token.type == "list_item_open":
                self.begins_item = True
            elif token.type in ("tr_open", "tr_close"):
                tables += token.nesting
                self._end_item()
            elif token.type in ("list_item_close", "td_close", "th_close", "blockquote_open", "blockquote_close", "hr"):
                self._end_item()
            elif token.type == "inline" and token.map:
                line = token.map[0]
                cells = cells if cells[0] == line else (line, 0)
                found, column = self._lines_of(token, cells[1] if tables else 0)
                cells = (line, column)
                self._block(found, level)
            elif token.type == "fence" and token.info.strip().lower() in ("math", "latex-math") and token.map:
                self._math_fence(token)
            elif (
                token.type == "html_block"
                and token.map
                and not re.match(r"\s*<(script|style|pre)\b", token.content, re.I)
            ):
                rows = [(k, 0, self.rows[k]) for k in range(token.map[0], min(token.map[1], len(self.rows)))]
                self._block(rows, 0)
        self._end_item()

    def _end_item(self) -> None:
        """The sentence that was read last ends here."""
        if self.source.blocks:
            self.source.blocks[-1].ends = True

    def _lines_of(self, token: Token, column: int) -> tuple[list[tuple[int, int, str]], int]:
        """The lines of a block, each with its number and the column where its text begins."""
        assert token.map is not None
        found = []
        for k, content in enumerate(token.content.split("\n")):
            number = token.map[0] + k
            if number >= len(self.rows):
                break
            row, trimmed = self.rows[number], content.strip()
            at = row.find(trimmed, column) if k == 0 else len(row.rstrip()) - len(trimmed)
            if at < 0 or not row.startswith(trimmed, at):
                at = max(row.find(trimmed), min(column, len(row)) if k == 0 else 0)
            found.append((number, at, trimmed))
            column = at + len(trimmed) if k == 0 else column
        return found, column

    def _math_fence(self, token: Token) -> None:
        assert token.map is not None
        first, last = token.map[0] + 1, token.map[0] + 1 + token.content.count("\n")
        kept: list[int] = []
        for number, content in zip(range(first, last), token.content.split("\n"), strict=False):
            start = self.lines.starts[number]
            row = self.text[start : self.text.find("\n", start) if "\n" in self.text[start:] else len(self.text)]
            at = start + max(len(row.rstrip()) - len(content.rstrip()), 0)
            kept += range(at, min(at + len(content.rstrip()) + 1, len(self.text)))
        while kept and self.text[kept[0]].isspace():
            kept.pop(0)
        while kept and self.text[kept[-1]].isspace():
            kept.pop()
        if not kept:
            return
        latex, offsets, problem = "".join(self.text[k] for k in kept), [k + self.base for k in kept], None
        try:
            latex, expanded = expand(latex, offsets, self.macros)
            offsets = list(expanded)
        except MacroError as error:
            problem = str(error)
        formula = Formula(latex, Places(self.lines, [k - self.base for k in offsets]), True, problem)
        self.source.blocks.append(Block([Atom(kept[0], formula)], self.lines, 0, self.begins_item))
        self.begins_item = False

    def _block(self, rows: list[tuple[int, int, str]], level: int) -> None:
        atoms: list[Atom] = []
        text = "\n".join(content for _, _, content in rows)
        starts, at = [], 0
        for _, _, content in rows:
            starts.append(at)
            at += len(content) + 1

        def offset(k: int) -> int:
            row = bisect_right(starts, k) - 1
            return self.lines.starts[rows[row][0]] + rows[row][1] + k - starts[row]

        for at, content, code in _inline(text):
            if code == "math":
                formula = self._formula(self.spans[int(content)])
                if formula is not None:
                    atoms.append(Atom(self.spans[int(content)].low, formula))
            elif content:
                atoms.append(Atom(offset(at), content, code == "code"))
        if atoms:
            self.source.blocks.append(Block(atoms, self.lines, level, self.begins_item))
            self.begins_item = False


def _fill(line: str, k: int) -> str:
    if k < 0:
        return _SKIP * len(line)
    mark = chr(_FIRST + k // _BASE) + chr(_FIRST + k % _BASE)
    return mark + _FILL * (len(line) - 2)


def _quote_prefix(line: str, depth: int) -> int:
    """The length of the ``> > `` that a line of a quotation begins with, and of its indentation."""
    at = 0
    for _ in range(depth):
        found = re.compile(r"[ \t]*>").match(line, at)
        if found is None:
            break
        at = found.end()
    while at < len(line) and line[at] in " \t":
        at += 1
    return at


def _parser(masked: str) -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    if len(re.findall(r"(?m)^[ \t>]*[-*+][ \t]", masked)) > _MANY_LISTS:
        parser.disable("list")
    return parser


# ----- inline: what remains of prose when its marks are taken off -----

_INLINE = re.compile(
    rf"(?P<mark>{_MARK.pattern})|(?P<escape>\\[!-/:-@\[-`{{-~\n])|(?P<ticks>`+)|(?P<image>!\[(?P<alt>[^\[\]]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\))"
    r"|(?P<link>\[(?P<words>[^\[\]]*)\](?:\([^()\s]*(?:\s+\"[^\"]*\")?\)|\[[^\[\]]*\]))"
    r"|(?P<tag></?[A-Za-z][^<>\n]*>)|(?P<auto><[a-z]+://[^<>\s]*>)|(?P<entity>&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|\w{2,31});)"
    r"|(?P<emphasis>\*+|~~|(?<![A-Za-z0-9])_+(?=\S)|(?<=\S)_+(?![A-Za-z0-9]))",
    re.DOTALL,
)


def _inline(text: str) -> Iterator[tuple[int, str, str]]:
    """Offset, content and kind ("", "code", "math") of the pieces of a block."""
    at = position = 0
    no_ticks: dict[int, int] = {}
    while found := _INLINE.search(text, position):
        start, end = found.span()
        position = end
        if found["link"] is not None:
            yield from _plain(text, at, start)
            yield from ((found.start("words") + k, content, kind) for k, content, kind in _inline(found["words"]))
        elif found["ticks"]:
            closing = _closing_ticks(text, start, end, no_ticks)
            if closing is None:
                continue
            position = closing[1]
            yield from _plain(text, at, start)
            yield start, f"`{' '.join(text[end : closing[0]].split())}`", "code"
        elif found["emphasis"] and not _is_emphasis(text, start, end):
            continue
        else:
            yield from _plain(text, at, start)
            yield from _marked(found, start)
        at = position
    yield from _plain(text, at, len(text))


def _marked(found: re.Match[str], start: int) -> Iterator[tuple[int, str, str]]:
    """What a mark of inline Markdown stands for."""
    if (group := found["mark"]) is not None:
        if group[0] not in (_FILL, _SKIP):
            yield start, str((ord(group[0]) - _FIRST) * _BASE + ord(group[1]) - _FIRST), "math"
    elif found["escape"]:
        yield start, found["escape"][1], ""
    elif found["image"]:
        yield start, found["alt"], ""
    elif found["tag"]:
        yield start, " " if found["tag"].lower().startswith("<br") else "", ""
    elif found["auto"]:
        yield start, found["auto"][1:-1], ""
    elif found["entity"]:
        yield start, html.unescape(found["entity"]), ""


def _plain(text: str, start: int, end: int) -> Iterator[tuple[int, str, str]]:
    if start < end:
        yield start, text[start:end], ""


def _is_emphasis(text: str, start: int, end: int) -> bool:
    before, behind = text[start - 1 : start], text[end : end + 1]
    if before.isalnum() and behind.isalnum():
        return False
    return not ((not before or before.isspace()) and (not behind or behind.isspace()))


def _closing_ticks(text: str, start: int, end: int, none: dict[int, int]) -> tuple[int, int] | None:
    size = end - start
    if size > 16 or none.get(size, len(text) + 1) <= end:
        return None
    closing = re.compile(rf"(?<!`)`{{{size}}}(?!`)").search(text, end)
    if closing is None:
        none[size] = end
        return None
    return closing.span()
