r"""A ``.tex`` file -> blocks: comments and preamble off, headings, paragraphs, math and its environments.

Only what a reader of the paper sees is kept: words of commands such as ``\emph{…}`` stay, ``\label`` and ``\cite`` go,
``\texttt`` and ``\verb`` are code spans. Environments that are no math (``theorem``, ``proof``, ``itemize``) are prose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from derive.notes.document import Atom, Block, Finder, Formula, Lines, Places, Source, Trouble
from derive.notes.grammar import vocabulary as words
from derive.notes.grammar.macros import MacroError, brace_end, collect, expand

LEVELS = {
    "part": 1,
    "title": 1,
    "chapter": 1,
    "section": 2,
    "subsection": 3,
    "subsubsection": 4,
    "paragraph": 5,
    "subparagraph": 6,
}
_DISPLAYS = words.ROWS - {"split", "aligned", "gathered", "alignedat", "multlined", "math", "subequations"}
_VERBATIM = {
    "verbatim",
    "lstlisting",
    "comment",
    "minted",
    "Verbatim",
    "filecontents",
    "tikzpicture",
    "thebibliography",
    "alltt",
}
_DROPPED = {  # with their arguments
    "label",
    "ref",
    "eqref",
    "autoref",
    "cref",
    "Cref",
    "cite",
    "citep",
    "citet",
    "citealp",
    "citeauthor",
    "pageref",
    "vspace",
    "hspace",
    "includegraphics",
    "bibliography",
    "bibliographystyle",
    "input",
    "include",
    "usepackage",
    "documentclass",
    "setlength",
    "setcounter",
    "addtocounter",
    "thispagestyle",
    "pagestyle",
    "author",
    "date",
    "thanks",
    "index",
    "graphicspath",
    "hypersetup",
    "newtheorem",
    "theoremstyle",
    "color",
    "phantom",
    "nocite",
    "affil",
    "address",
    "email",
    "numberwithin",
    "allowdisplaybreaks",
    "linewidth",
    "selectlanguage",
    "bibitem",
    "vskip",
    "hskip",
    "geometry",
    "captionsetup",
    "crefname",
    "Crefname",
    "newcounter",
    "tableofcontents",
}
_REFERENCES = {"ref", "eqref", "autoref", "cref", "Cref"}
_CODE = {"texttt", "lstinline", "mintinline", "code"}
_ENDS = {
    "par",
    "item",
    "newline",
    "bigskip",
    "medskip",
    "smallskip",
    "newpage",
    "clearpage",
    "hline",
    "midrule",
    "toprule",
    "bottomrule",
    "maketitle",
    "appendix",
    "linebreak",
    "pagebreak",
}

_ENVIRONMENTS = "|".join(sorted(re.escape(name) for name in _DISPLAYS))
_TOKEN = re.compile(
    rf"(?P<comment>%[^\n]*(?:\n[ \t]*(?=[^\s])|$|(?=\n)))|\\begin\s*\{{(?P<display>(?:{_ENVIRONMENTS})\*?)\}}"
    r"|\\(?P<edge>begin|end)\s*\{(?P<environment>[^{}]*)\}(?P<options>(?:\[[^\[\]]*\])*)"
    r"|(?P<double>\$\$)|(?P<single>\$)|(?P<paren>\\\()|(?P<bracket>\\\[)"
    r"|\\verb\*?(?P<fence>[^A-Za-z\s*])(?P<verb>[^\n]*?)(?P=fence)"
    r"|\\(?P<command>[A-Za-z@]+)\*?[ \t]*|\\(?P<escaped>.)|(?P<blank>\n[ \t]*\n\s*)"
    r"|(?P<brace>[{}])|(?P<quote>``|'')|(?P<tie>~)",
    re.DOTALL,
)
_OPTION = re.compile(r"[ \t]*\[[^\[\]]*\]")
_DOLLAR = re.compile(r"\\.|\$|\n[ \t]*\n", re.DOTALL)
_TEXT_OPEN = re.compile(r"\\(?:text\w*|mbox|hbox)\s*\{[^{}]*\Z")


def read(text: str) -> Source:
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = Lines(text)
        self.source = Source()
        self.finder = Finder(text)
        self.macros, self.definitions = collect(_without_comments(text))
        self.atoms: list[Atom] = []
        self.begins_item = False

    def read(self) -> Source:
        at, end = self._body()
        definitions = iter(self.definitions)
        definition = next(definitions, None)
        while at < end:
            while definition and definition[1] <= at:
                definition = next(definitions, None)
            if definition and definition[0] <= at:
                at = definition[1]
                continue
            stop = min(end, definition[0]) if definition else end
            found = _TOKEN.search(self.text, at, stop)
            self._words(at, found.start() if found else stop)
            at = self._token(found, end) if found else stop
        self._end_block()
        return self.source

    def _body(self) -> tuple[int, int]:
        begin = re.search(r"(?m)^[^%\n]*?\\begin\s*\{document\}", self.text)
        end = self.text.find(r"\end{document}", begin.end() if begin else 0)
        return begin.end() if begin else 0, end if end >= 0 else len(self.text)

    # ----- tokens -----

    def _token(self, found: re.Match[str], end: int) -> int:
        """Takes what stands at ``found``; where reading goes on."""
        start, after = found.span()
        if found["comment"] is not None:
            return after
        if found["display"]:
            return self._display(start, after, found["display"])
        if found["edge"]:
            return self._edge(found, after, end)
        if found["double"] or found["bracket"]:
            return self._delimited(start, after, "$$" if found["double"] else r"\]", True)
        if found["paren"]:
            return self._delimited(start, after, r"\)", False)
        if found["single"]:
            return self._single(start, after)
        if found["verb"] is not None:
            self._add(start, f"`{found['verb']}`", code=True)
        elif found["command"]:
            return self._command(found["command"], start, after)
        elif found["blank"]:
            self._end_block()
        elif not found["brace"]:  # groups of prose are not seen
            self._add(start, _spelled(found))
        return after

    def _edge(self, found: re.Match[str], after: int, end: int) -> int:
        name = found["environment"].strip()
        if found["edge"] == "begin" and name.rstrip("*") in _VERBATIM:
            self._end_block()
            close = self.finder.find(f"\\end{{{name}}}", after)
            return end if close < 0 else close + len(name) + 6
        if name != "document":
            self._end_block(ends=found["edge"] == "end")
        return after

    def _command(self, name: str, start: int, after: int) -> int:
        if name in LEVELS and (argument := self._argument(after)):
            self._heading(LEVELS[name], *argument)
            return argument[1] + 1
        if name in _ENDS:
            self._end_block()
            self.begins_item = self.begins_item or name == "item"
            option = _OPTION.match(self.text, after)
            return option.end() if option and name == "item" else after
        if name in _REFERENCES:
            self._add(start, "(…)")
        if name in _DROPPED:
            return self._after_arguments(after)
        if name in _CODE and (argument := self._argument(after)):
            self._add(
                start, "`" + re.sub(r"\\([_%$#&{}])", r"\1", self.text[argument[0] : argument[1]]) + "`", code=True
            )
            return argument[1] + 1
        if name in ("ldots", "dots"):
            self._add(start, "…")
        return after

    def _argument(self, at: int) -> tuple[int, int] | None:
        """The range inside of the braces that open at ``at``, options skipped."""
        while option := _OPTION.match(self.text, at):
            at = option.end()
        if at >= len(self.text) or self.text[at] != "{":
            return None
        end = brace_end(self.text, at)
        return (at + 1, end) if end >= 0 else None

    def _after_arguments(self, at: int) -> int:
        while True:
            option = _OPTION.match(self.text, at)
            if option:
                at = option.end()
            elif at < len(self.text) and self.text[at] == "{" and (end := brace_end(self.text, at)) >= 0:
                at = end + 1
            else:
                return at

    def _heading(self, level: int, low: int, high: int) -> None:
        self._end_block()
        inner = _Reader.__new__(_Reader)
        inner.text, inner.lines, inner.source = self.text, self.lines, Source()
        inner.macros, inner.definitions, inner.atoms = self.macros, [], []
        inner.begins_item, inner.finder = False, Finder(self.text)
        at = low
        while at < high:
            found = _TOKEN.search(self.text, at, high)
            inner._words(at, found.start() if found else high)
            if found and found["command"] in LEVELS:
                at = found.end()
                continue
            at = inner._token(found, high) if found else high
        inner._end_block()
        atoms = [atom for block in inner.source.blocks for atom in block.atoms]
        self.source.blocks.append(Block(atoms or [Atom(low, "")], self.lines, level))

    # ----- math -----

    def _delimited(self, start: int, after: int, closing: str, display: bool) -> int:
        end = self.finder.find(closing, after)
        if end < 0:
            self.source.troubles.append(Trouble(self.lines.place(start), f"{self.text[start:after]} is never closed"))
            return after
        self._formula(after, end, display)
        return end + len(closing)

    def _single(self, start: int, after: int) -> int:
        at = after
        while found := _DOLLAR.search(self.text, at):
            at = found.end()
            if found.group()[0] == "\\":
                continue
            if found.group() != "$":
                break
            content = self.text[after : found.start()]
            if "{" in content[-400:] and _TEXT_OPEN.search(content[-400:]):
                inner = self.text.find("$", at)
                at = inner + 1 if 0 <= inner < at + 200 else at
                continue
            self._formula(after, found.start(), False)
            return at
        self.source.troubles.append(Trouble(self.lines.place(start), "$ is never closed"))
        return after

    def _display(self, start: int, after: int, name: str) -> int:
        closing = f"\\end{{{name}}}"
        end = self.finder.find(closing, after)
        if end < 0:
            self.source.troubles.append(Trouble(self.lines.place(start), f"{closing} is missing"))
            end = self.finder.blank(after)
            self._formula(start, end, True)
            return end
        self._formula(start, end + len(closing), True)
        return end + len(closing)

    def _formula(self, low: int, high: int, display: bool) -> None:
        while low < high and self.text[low].isspace():
            low += 1
        while low < high and self.text[high - 1].isspace():
            high -= 1
        if low >= high:
            return
        offsets: Sequence[int] = range(low, high)
        latex, problem = self.text[low:high], None
        try:
            latex, offsets = expand(latex, offsets, self.macros)
        except MacroError as error:
            problem = str(error)
        self.atoms.append(Atom(low, Formula(latex, Places(self.lines, offsets), display, problem)))

    # ----- prose -----

    def _words(self, start: int, end: int) -> None:
        if start < end:
            self._add(start, self.text[start:end])

    def _add(self, at: int, content: str, code: bool = False) -> None:
        if content:
            self.atoms.append(Atom(at, content, code))

    def _end_block(self, ends: bool = False) -> None:
        if any(isinstance(a.content, Formula) or a.content.strip() for a in self.atoms):
            self.source.blocks.append(Block(self.atoms, self.lines, 0, self.begins_item, ends))
            self.begins_item = False
        elif ends and self.source.blocks and not self.begins_item:
            self.source.blocks[-1].ends = True
        self.atoms = []


def _spelled(found: re.Match[str]) -> str:
    """An escaped character, a quotation mark, a tie, as it looks on paper."""
    if found["quote"]:
        return '"'
    if found["tie"]:
        return " "
    escaped = found["escaped"]
    return " " if escaped in "\\, \n;:" else "" if escaped in "!-/@\"'`^" else escaped


def _without_comments(text: str) -> str:
    """Comments as blanks, so that offsets stay."""
    return re.sub(r"(?<!\\)((?:\\\\)*)%[^\n]*", lambda found: found[1] + " " * (len(found[0]) - len(found[1])), text)
