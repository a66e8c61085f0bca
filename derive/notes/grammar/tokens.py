r"""LaTeX math -> tokens, each with its place, brackets matched.

Layout is gone after this page: spaces, sizes, ``\label``; Unicode signs are read as the LaTeX that they stand for.
Every token has a ``kind`` from the tables of :mod:`.vocabulary`, so that the grammar asks for kinds only.
One pass, no recursion, time linear in the length of the source.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable

from derive.notes.grammar import vocabulary as words


class Token:
    """``kind`` of ``text`` at ``start`` to ``end`` of the source; ``extra`` is a reason, a dress or a text's words."""

    __slots__ = ("end", "extra", "kind", "start", "text")

    def __init__(self, kind: str, text: str, start: int, end: int, extra: str = "") -> None:
        self.kind, self.text, self.start, self.end, self.extra = kind, text, start, end, extra

    def __repr__(self) -> str:
        return f"{self.kind}:{self.text}@{self.start}"


_PIECE = re.compile(
    r"(?P<space>(?:\s|~|%[^\n]*(?:\n|$))+)|(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)|(?P<command>\\[A-Za-z]+|\\.|\\$)"
    r"|(?P<assign>:=)|(?P<dots>\.{2,3})|(?P<bars>\|\|(?=[^|]{1,400}\|\|))|(?P<char>.)",
    re.DOTALL,
)
# a function in italics: log(p), and where nothing else can be meant log p_i
_BARE_FUNCTION = re.compile(
    rf"(?<![A-Za-z\\])(?:(?:{'|'.join(sorted(words.BARE_FUNCTIONS, key=len, reverse=True))})(?=\s*(?:\\left\s*)?\()"
    r"|(?:log|exp|tanh|sigmoid|softmax)(?=\s*\\?[A-Za-z]|\s*[_^{0-9]))"
)
_STATED_REASON = re.compile(r"\s*(?:\(.*\)\s*$|(?:by|using|since|because)\b)", re.DOTALL | re.IGNORECASE)
_SPACE = re.compile(r"(?:\s|~|%[^\n]*(?:\n|$))*")
_LENGTH = re.compile(r"\*?(?:\s*\[\s*-?[\d.]+\s*\\?[a-z]+\s*\])?")
_OPTION = re.compile(r"\s*\[[^\[\]]{0,40}\]")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9\-]+\Z")
_SWITCHED = re.compile(r"\s*([A-Za-z]{2,})\s*(?=\})")
_ARGMAX = re.compile(r"(?:\\[,;!:])*\s*\\(max|min)(?![A-Za-z])")
_SPACING = re.compile(r"\\[,;:! ]|[\s~{}]|\\(?:mathrm|text|rm|limits|nolimits)\b")


def _kinds() -> dict[str, tuple[str, str]]:
    """Spelling -> (kind, canonical text)."""
    table: dict[str, tuple[str, str]] = {}
    table |= {s: ("rel", c) for s, c in words.RELATIONS.items()}
    table |= {s: ("arrow", s) for s in words.ARROWS}
    table |= {s: ("sign", c) for s, c in words.SIGNS.items()}
    table |= {s: ("op", c) for s, c in words.OPERATORS.items()}
    table |= {s: ("open", c) for s, c in words.OPENERS.items()}
    table |= {s: ("close", c) for s, c in words.CLOSERS.items()}
    table |= {s: ("bar", c) for s, c in words.BARS.items()}
    table |= {s: ("greek", s) for s in words.GREEK} | {s: ("greek", c) for s, c in words.NAME_ALIASES.items()}
    table |= {s: ("dress", c) for s, c in words.DRESS.items()} | {s: ("switch", c) for s, c in words.SWITCHES.items()}
    table |= {s: ("accent", c) for s, c in words.ACCENTS.items()}
    table |= {s: ("func", c) for s, c in words.FUNCTION_COMMANDS.items()}
    table |= {s: ("big", c) for s, c in words.BIG.items()}
    table |= {s: ("frac", s) for s in words.FRACTIONS}
    table |= {s: ("dots", c) for s, c in words.DOTS.items()}
    table |= {s: ("cmd", s) for s in words.STRUCTURE}
    table |= {s: ("transparent", s) for s in words.TRANSPARENT} | {s: ("brace", s) for s in words.BRACES}
    table |= {s: ("above", s) for s in words.ABOVE} | {s: ("xarrow", c) for s, c in words.ARROWS_WITH_WORDS.items()}
    table |= {s: ("wide", s) for s in words.WIDE}
    table |= {s: (s, s) for s in "{}^_',;.&"} | {
        "\\\\": ("row", "\\\\"),
        r"\cr": ("row", "\\\\"),
        r"\newline": ("row", "\\\\"),
    }
    table |= {s: ("foreign", s) for s in words.FOREIGN} | {
        r"\argmax": ("word", "argmax"),
        r"\argmin": ("word", "argmin"),
    }
    table |= {
        r"\prime": ("'", "'"),
        r"\dd": ("d", "d"),
        r"\diff": ("d", "d"),
        r"\differential": ("d", "d"),
        "ⅆ": ("d", "d"),
    }
    return table


KINDS = _kinds()


def near(spelling: str, known: list[str] = words.KNOWN) -> str:
    """The nearest known spelling, as the end of a message."""
    close = difflib.get_close_matches(spelling, known, n=1, cutoff=0.76 if len(spelling) > 4 else 0.85)
    return f"; did you mean {close[0]}?" if close else ""


def _braces(source: str) -> dict[int, int]:
    """Position of each ``{`` -> position of its ``}``."""
    closing: dict[int, int] = {}
    stack: list[int] = []
    for found in re.finditer(r"\\.|[{}]", source, re.DOTALL):
        if found.group() == "{":
            stack.append(found.start())
        elif found.group() == "}" and stack:
            closing[stack.pop()] = found.start()
    return closing


class Lexer:
    def __init__(self, source: str) -> None:
        self.source = source
        self.braces = _braces(source)
        self.tokens: list[Token] = []
        self.lefts: list[int] = []
        self.nesting = 0
        self.double_bar = -1  # where ||x|| closes
        self.after: dict[str, Callable[[str, int, int], int]] = {r"\left": self._left, r"\right": self._right}
        self.after |= dict.fromkeys(words.TEXTS, self._text) | dict.fromkeys(words.TAGS, self._tag)
        self.after |= dict.fromkeys(words.OPERATOR_NAMES, self._operator_name)
        self.after |= dict.fromkeys(words.IGNORED_WITH_ARGUMENT, self._ignored)
        self.after |= dict.fromkeys(words.DRESS, self._dress)
        self.after |= dict.fromkeys(words.SWITCHES, self._switch) | {r"\arg": self._arg}
        self.after |= {
            r"\begin": self._begin,
            r"\end": self._end,
            r"\not": self._not,
            "\\\\": self._row,
            r"\textcolor": self._textcolor,
        }

    def read(self, start: int, end: int) -> None:
        while start < end:
            found = _PIECE.match(self.source, start, end)
            assert found is not None
            start = self._piece(found.lastgroup or "", found.group(), start, found.end())

    def _piece(self, group: str, text: str, start: int, end: int) -> int:
        if group == "space":
            return end
        if group == "number":
            self._add("number", text, start, end)
        elif group == "bars":
            self._add("bar", r"\|", start, end)
            self.double_bar = self.source.find("||", end)
        elif text == "|" and start == self.double_bar:
            self._add("bar", r"\|", start, start + 2)
            return start + 2
        elif group == "dots":
            self._add("dots", r"\dots", start, end)
        elif text in self.after:
            return self.after[text](text, start, end)
        elif text in KINDS:
            self._add(*KINDS[text], start, end)
        elif group == "char" and (bare := _BARE_FUNCTION.match(self.source, start)):
            known = words.FUNCTIONS.get(bare.group())
            self._add("func" if known else "word", known or bare.group(), start, bare.end(), r"\mathrm")
            return bare.end()
        elif group == "char":
            self._char(text, start, end)
            return self._combined(end)
        elif text not in words.IGNORED:
            self._add("unknown", text, start, end)
        return end

    def _add(self, kind: str, text: str, start: int, end: int, extra: str = "") -> None:
        self.tokens.append(Token(kind, text, start, end, extra))

    # ----- single characters -----

    def _char(self, char: str, start: int, end: int) -> None:
        if char.isascii():
            self._add("letter" if char.isalpha() else "unknown", char, start, end)
        elif char in words.UNICODE:
            for spelling in words.UNICODE[char]:
                kind, text = KINDS.get(
                    spelling,
                    ("number" if spelling.isdigit() else "cmd" if spelling.startswith("\\") else "letter", spelling),
                )
                self._add(kind, text, start, end)
        elif char in words.SUPERSCRIPTS or char in words.SUBSCRIPTS:
            self._script(char, start, end)
        elif unicodedata.category(char) in ("Cf", "Cc", "Zs", "Mn"):
            return  # invisible
        elif (parts := unicodedata.normalize("NFD", char)) and len(parts) == 2 and parts[1] in words.COMBINING:
            self._add("accent", words.COMBINING[parts[1]], start, end)
            self._char(parts[0], start, end)
        else:
            plain = unicodedata.normalize("NFKC", char)
            self._add(
                "letter" if len(plain) == 1 and plain.isalpha() else "unknown",
                plain if len(plain) == 1 else char,
                start,
                end,
            )

    def _script(self, char: str, start: int, end: int) -> None:
        """A raised or lowered character; a run of them is one script."""
        up = char in words.SUPERSCRIPTS
        plain = (words.SUPERSCRIPTS if up else words.SUBSCRIPTS)[char]
        mark = "^" if up else "_"
        if (
            self.tokens
            and self.tokens[-1].kind == "}"
            and self.tokens[-1].extra == mark
            and self.tokens[-1].end == start
        ):
            self.tokens.pop()
        else:
            self._add(mark, mark, start, end)
            self._add("{", "{", start, end)
        kind = "number" if plain.isdigit() else "sign" if plain in "+-" else "letter"
        last = self.tokens[-1]
        if kind == last.kind == "number":
            last.text, last.end = last.text + plain, end
        else:
            self._add(kind, plain, start, end)
        self._add("}", "}", start, end, mark)

    def _combined(self, end: int) -> int:
        """An accent that stands behind its letter, as Unicode has it."""
        if (
            end < len(self.source)
            and self.source[end] in words.COMBINING
            and self.tokens
            and self.tokens[-1].kind in ("letter", "greek")
        ):
            letter = self.tokens.pop()
            kind, text = KINDS[words.COMBINING[self.source[end]]]
            self._add(kind, text, letter.start, end + 1)
            self.tokens.append(letter)
            return end + 1
        return end

    # ----- commands with an argument that is not math -----

    def _argument(self, position: int) -> tuple[int, int, int] | None:
        """Start and end of the argument's text, and where reading goes on; None if there is none."""
        found = _SPACE.match(self.source, position)
        at = found.end() if found else position
        if at >= len(self.source):
            return None
        if self.source[at] == "{":
            close = self.braces.get(at)
            return None if close is None else (at + 1, close, close + 1)
        if self.source[at] in "}\\&":
            return None
        return at, at + 1, at + 1

    def _star(self, end: int) -> int:
        return end + 1 if self.source[end : end + 1] == "*" else end

    def _missing(self, text: str, start: int, end: int) -> int:
        self._add("missing", text, start, end)
        return end

    def _ignored(self, text: str, start: int, end: int) -> int:
        argument = self._argument(self._star(end))
        return argument[2] if argument else end

    def _textcolor(self, text: str, start: int, end: int) -> int:
        argument = self._argument(end)
        self._add("transparent", text, start, end)
        return argument[2] if argument else end

    def _tag(self, text: str, start: int, end: int) -> int:
        argument = self._argument(self._star(end))
        if argument is None:
            return self._missing(text, start, end)
        self._add("tag", text, start, argument[2], clean(self.source[argument[0] : argument[1]]))
        return argument[2]

    def _operator_name(self, text: str, start: int, end: int) -> int:
        argument = self._argument(self._star(end))
        if argument is None:
            return self._missing(text, start, end)
        word = _SPACING.sub("", self.source[argument[0] : argument[1]])
        self._word(word, start, argument[2], r"\mathrm")
        return argument[2]

    def _word(self, word: str, start: int, end: int, dress: str) -> None:
        if word == "d":
            self._add("d", "d", start, end)
        elif word in words.FUNCTIONS and word != "sqrt":
            self._add("func", words.FUNCTIONS[word], start, end)
        else:
            self._add("word", word, start, end, dress)

    def _dress(self, text: str, start: int, end: int) -> int:
        """A roman word is one token; anything else under a font is read as math."""
        dress = words.DRESS[text]
        argument = self._argument(end)
        if argument is None and self.source[end:].lstrip()[:1] in ("", "}", "&"):
            return self._missing(text, start, end)
        content = self.source[argument[0] : argument[1]].strip() if argument else ""
        if content == "d" and dress in (r"\mathrm", r"\mathsf"):
            self._add("d", "d", start, argument[2] if argument else end)
            return argument[2] if argument else end
        if argument and _WORD.match(content) and (dress not in words.BOLD_LIKE or content in words.FUNCTIONS):
            self._word(content, start, argument[2], dress)
            return argument[2]
        self._add("dress", dress, start, end)
        return end

    def _switch(self, text: str, start: int, end: int) -> int:
        r"""``{\rm CE}`` is a word."""
        found = _SWITCHED.match(self.source, end)
        if found:
            self._word(found[1], start, found.end(), words.SWITCHES[text])
            return found.end()
        self._add("switch", words.SWITCHES[text], start, end)
        return end

    def _arg(self, text: str, start: int, end: int) -> int:
        found = _ARGMAX.match(self.source, end)
        self._add(
            *(("word", "arg" + found[1]) if found else ("foreign", text)),
            start,
            found.end() if found else end,
            r"\mathrm",
        )
        return found.end() if found else end

    def _text(self, text: str, start: int, end: int) -> int:
        argument = self._argument(end)
        if argument is None:
            return self._missing(text, start, end)
        low, high, after = argument
        content = self.source[low:high]
        if "$" in content and self.nesting < 2 and not _STATED_REASON.match(content):
            self._mixed(start, low, high)
        elif content.strip():
            self._add("row" if "intertext" in text else "text", text, start, after, content)
            if "intertext" in text:
                self.tokens[-1].extra = ""
                self._add("text", text, start, after, content)
        return after

    def _mixed(self, start: int, low: int, high: int) -> None:
        r"""``\text{if $i = j$}``: words and math in turn."""
        self.nesting += 1
        inside = False
        for piece in re.finditer(r"(?:\\.|[^$\\])+|\$", self.source[low:high], re.DOTALL):
            if piece.group() == "$":
                inside = not inside
            elif inside:
                self.read(low + piece.start(), low + piece.end())
            elif piece.group().strip():
                self._add("text", r"\text", low + piece.start(), low + piece.end(), piece.group())
        self.nesting -= 1

    # ----- environments and delimiters -----

    def _begin(self, text: str, start: int, end: int) -> int:
        argument = self._argument(end)
        if argument is None or self.source[argument[0] - 1] != "{":
            return self._missing(text, start, end)
        name = self.source[argument[0] : argument[1]].strip().rstrip("*")
        after = argument[2]
        if option := _OPTION.match(self.source, after):
            after = option.end() if name in words.ROWS | words.MATRICES and _is_placement(option.group()) else after
        if name in words.WITH_ARGUMENT and (columns := self._argument(after)) and self.source[columns[0] - 1] == "{":
            after = columns[2]
        self._add("begin", name, start, after)
        return after

    def _end(self, text: str, start: int, end: int) -> int:
        argument = self._argument(end)
        if argument is None:
            return self._missing(text, start, end)
        self._add("end", self.source[argument[0] : argument[1]].strip().rstrip("*"), start, argument[2])
        return argument[2]

    def _row(self, text: str, start: int, end: int) -> int:
        found = _LENGTH.match(self.source, end)
        end = found.end() if found else end
        self._add("row", text, start, end)
        return end

    def _not(self, text: str, start: int, end: int) -> int:
        for spelling in ("=", r"\in"):
            found = re.compile(r"\s*" + re.escape(spelling) + r"(?![A-Za-z])").match(self.source, end)
            if found:
                self._add("rel", words.RELATIONS[r"\not" + spelling], start, found.end())
                return found.end()
        self._add("unknown", text, start, end)
        return end

    def _delimiter(self, position: int) -> tuple[str, int]:
        found = _SPACE.match(self.source, position)
        at = found.end() if found else position
        piece = _PIECE.match(self.source, at)
        return (piece.group(), piece.end()) if piece else ("", at)

    def _left(self, text: str, start: int, end: int) -> int:
        delimiter, after = self._delimiter(end)
        canonical = (
            words.OPENERS.get(delimiter)
            or words.BARS.get(delimiter)
            or {"<": r"\langle", ".": ".", "]": "]", ")": ")"}.get(delimiter)
        )
        if canonical is None:
            return self._missing(text, start, end)
        self.lefts.append(len(self.tokens))
        self._add("open", canonical, start, after)
        return after

    def _right(self, text: str, start: int, end: int) -> int:
        delimiter, after = self._delimiter(end)
        canonical = (
            words.CLOSERS.get(delimiter)
            or words.BARS.get(delimiter)
            or {">": r"\rangle", ".": ".", "[": "[", "(": "("}.get(delimiter)
        )
        if canonical is None:
            return self._missing(text, start, end)
        opener = self.tokens[self.lefts.pop()] if self.lefts else None
        if opener is not None and opener.text == "." and canonical == "|":
            opener.text, canonical = "eval", "eval"
        elif opener is not None and opener.text == "." and canonical != ".":
            opener.kind = "nothing"
        elif canonical == "." and opener is not None:
            if opener.text == ".":
                opener.kind = "nothing"
            if opener.text == "." or not self._begins_environment(opener):
                return after
        self._add("close", canonical, start, after)
        return after

    def _begins_environment(self, opener: Token) -> bool:
        found = _SPACE.match(self.source, opener.end)
        return self.source.startswith(r"\begin", found.end() if found else opener.end)


def _is_placement(option: str) -> bool:
    return option.strip()[1:-1].strip() in ("t", "b", "c", "")


def clean(text: str) -> str:
    r"""The words of ``\text{…}`` or ``\tag{…}`` for a person: no commands, no outer parentheses."""
    text = re.sub(r"\\(?:text|mathrm|textit|textbf|mbox|rm|emph|textrm)\b\s*", "", text)
    text = re.sub(r"\\[,;:! ]|~|\\q?quad", " ", text).replace("{", "").replace("}", "").replace("$", "")
    text = " ".join(text.split())
    while len(text) > 1 and text[0] + text[-1] in ("()", "[]") and text.find(text[-1]) == len(text) - 1:
        text = text[1:-1].strip()
    return text


# ----- brackets -----

_OPERAND_ENDS = {"number", "letter", "greek", "close", "}", "'", "word", "end", "dots", "text", "d"}


def match(tokens: list[Token]) -> list[int]:
    """For each opening or closing token the index of its partner, else -1. Bars pair by what stands before them."""
    partner = [-1] * len(tokens)
    stack: list[int] = []
    hard: list[int] = []  # positions in ``stack`` of braces and environments
    for i, token in enumerate(tokens):
        kind = token.kind
        if kind in ("{", "begin"):
            hard.append(len(stack))
            stack.append(i)
        elif kind in ("}", "end"):
            _close_hard(tokens, partner, stack, hard, i)
        elif kind == "open":
            stack.append(i)
        elif kind == "close":
            floor = hard[-1] + 1 if hard else 0
            while len(stack) > floor and tokens[stack[-1]].kind == "bar":
                stack.pop()
            if len(stack) > floor:
                _pair(partner, stack.pop(), i)
        elif kind == "bar":
            _bar(tokens, partner, stack, hard, i)
    return partner


def _pair(partner: list[int], a: int, b: int) -> None:
    partner[a], partner[b] = b, a


def _close_hard(tokens: list[Token], partner: list[int], stack: list[int], hard: list[int], i: int) -> None:
    wanted = "{" if tokens[i].kind == "}" else "begin"
    if hard and tokens[stack[hard[-1]]].kind == wanted:
        at = hard.pop()
        _pair(partner, stack[at], i)
        del stack[at:]


def _bar(tokens: list[Token], partner: list[int], stack: list[int], hard: list[int], i: int) -> None:
    floor = hard[-1] + 1 if hard else 0
    open_bar = len(stack) > floor and tokens[stack[-1]].kind == "bar" and tokens[stack[-1]].text == tokens[i].text
    before = tokens[i - 1] if i else None
    ends = before is not None and (
        before.kind in _OPERAND_ENDS
        or (before.kind == "bar" and partner[i - 1] >= 0)
        or (before.kind == "sign" and i > 1 and tokens[i - 2].kind in ("^", "_"))  # z^-
    )
    if open_bar and ends:
        _pair(partner, stack.pop(), i)
    elif ends and i + 1 < len(tokens) and tokens[i + 1].kind == "_":
        return  # the bar of an evaluation
    else:
        stack.append(i)


def tokenize(source: str) -> list[Token]:
    lexer = Lexer(source)
    lexer.read(0, len(source))
    return [
        token for token in lexer.tokens if token.kind != "nothing" and not (token.kind == "open" and token.text == ".")
    ]
