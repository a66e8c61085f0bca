r"""Macros of a note: ``\newcommand``, ``\def``, ``\DeclareMathOperator`` and their kin.

Definitions are collected from the whole source; a formula uses the last one before it. Expansion goes on until
nothing is left to expand, within a bound, and keeps places: a character of the body stands where the macro was
used, a character of an argument where it was written.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

MAX_EXPANSIONS = 20_000
MAX_GROWTH = 400_000

_DEFINITION = re.compile(
    r"\\(?P<new>(?:re)?newcommand|providecommand|DeclareRobustCommand|newrobustcmd)\*?(?![A-Za-z])"
    r"|\\(?P<operator>DeclareMathOperator)(?![A-Za-z])\*?|\\(?P<paired>DeclarePairedDelimiter)(?![A-Za-z])|\\(?P<define>[gex]?def)(?![A-Za-z])"
    r"|\\(?P<alias>let)(?![A-Za-z])|\\(?P<environment>(?:re)?newenvironment)\*?(?![A-Za-z])"
)
_NAME = re.compile(r"\s*(?:\{\s*(\\(?:[A-Za-z@]+|[^A-Za-z\s]))\s*\}|(\\(?:[A-Za-z@]+|[^A-Za-z\s])))")
_COUNT = re.compile(r"\s*\[\s*(\d)\s*\]")
_PARAMETERS = re.compile(r"\s*((?:#\d)*)\s*(?=\{)")
_ALIAS = re.compile(r"\s*=?\s*(\\[A-Za-z@]+|.)", re.DOTALL)
_TOKEN = re.compile(r"\\[A-Za-z@]+|\\.|.", re.DOTALL)
_COMMAND = re.compile(r"\\(?:[A-Za-z@]+|[^A-Za-z\s])")


class MacroError(Exception):
    """A macro that cannot be expanded."""


@dataclass(frozen=True)
class Macro:
    arguments: int
    body: str
    default: str | None = None  # of the first argument, which is then optional
    starred: bool = False  # may be followed by a star


@dataclass(frozen=True)
class Macros:
    """By name: where each definition stands, and what it says."""

    places: dict[str, list[int]]
    bodies: dict[str, list[Macro]]

    def __bool__(self) -> bool:
        return bool(self.places)

    def at(self, name: str, offset: int) -> Macro | None:
        """The definition in force at ``offset``: the last one before it, or else the first one of all."""
        if name not in self.places:
            return None
        k = bisect_left(self.places[name], offset)
        return self.bodies[name][max(k - 1, 0)]


def brace_end(text: str, at: int) -> int:
    """Where the group that opens at ``text[at]`` closes, or -1."""
    depth = 0
    for found in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, at):
        depth += (found.group() == "{") - (found.group() == "}")
        if depth == 0:
            return found.start()
    return -1


def collect(text: str) -> tuple[Macros, list[tuple[int, int]]]:
    """The macros that a source defines, and the stretches of the source that define them."""
    macros, spans, at = Macros({}, {}), [], 0
    while found := _DEFINITION.search(text, at):
        definition = _definition(text, found)
        if definition is None:
            at = found.end()
            continue
        name, macro, at = definition
        spans.append((found.start(), at))
        if macro is not None:
            macros.places.setdefault(name, []).append(found.start())
            macros.bodies.setdefault(name, []).append(macro)
    return macros, spans


def _definition(text: str, found: re.Match[str]) -> tuple[str, Macro | None, int] | None:
    """Name, meaning and end of the definition that begins at ``found``."""
    if found["environment"]:
        return _environment(text, found.end())
    named = _NAME.match(text, found.end())
    if named is None:
        return None
    name, at = named[1] or named[2], named.end()
    if found["alias"]:
        alias = _ALIAS.match(text, at)
        return (name, Macro(0, alias[1]), alias.end()) if alias else None
    if found["paired"]:
        return _paired(text, name, at)
    count, default = 0, None
    if found["define"]:
        parameters = _PARAMETERS.match(text, at)
        if parameters is None:
            return None
        count, at = len(parameters[1]) // 2, parameters.end()
    elif found["new"] and (number := _COUNT.match(text, at)):
        count, at = int(number[1]), number.end()
        optional = re.compile(r"\s*\[([^\[\]]*)\]").match(text, at)
        default, at = (optional[1], optional.end()) if optional else (None, at)
    body, end = _argument(text, at)
    if body is None:
        return None
    return name, Macro(count, rf"\operatorname{{{body}}}" if found["operator"] else body, default), end


def _argument(text: str, at: int) -> tuple[str | None, int]:
    while at < len(text) and text[at].isspace():
        at += 1
    if at < len(text) and text[at] == "{":
        end = brace_end(text, at)
        return (text[at + 1 : end], end + 1) if end >= 0 else (None, at)
    token = _TOKEN.match(text, at)
    return (token.group(), token.end()) if token else (None, at)


def _paired(text: str, name: str, at: int) -> tuple[str, Macro | None, int] | None:
    left, at = _argument(text, at)
    right, at = _argument(text, at)
    if left is None or right is None:
        return None
    return name, Macro(1, rf"\left{left} #1 \right{right}", starred=True), at


def _environment(text: str, at: int) -> tuple[str, Macro | None, int] | None:
    for _ in range(3):
        while option := re.compile(r"\s*\[[^\[\]]*\]").match(text, at):
            at = option.end()
        argument, at = _argument(text, at)
        if argument is None:
            return None
    return "", None, at


# ----- expansion -----


class _Input:
    """Tokens of the formula, macro bodies in front of what is left."""

    def __init__(self, text: str, offsets: Sequence[int]) -> None:
        self.frames: list[tuple[str, Sequence[int], int]] = [(text, offsets, 0)]

    def push(self, text: str, offsets: Sequence[int]) -> None:
        while self.frames and self.frames[-1][2] >= len(self.frames[-1][0]):
            self.frames.pop()
        self.frames.append((text, offsets, 0))

    def next(self) -> tuple[str, Sequence[int]] | None:
        while self.frames:
            text, offsets, at = self.frames[-1]
            found = _TOKEN.match(text, at)
            if found is None:
                self.frames.pop()
                continue
            self.frames[-1] = (text, offsets, found.end())
            return found.group(), offsets[at : found.end()]
        return None

    def run(self) -> tuple[str, Sequence[int]] | None:
        """What stands up to the next command, if anything does."""
        if not self.frames:
            return None
        text, offsets, at = self.frames[-1]
        end = text.find("\\", at)
        end = len(text) if end < 0 else end
        self.frames[-1] = (text, offsets, end)
        return (text[at:end], offsets[at:end]) if end > at else None

    def next_visible(self) -> tuple[str, Sequence[int]] | None:
        while (token := self.next()) is not None:
            if not token[0].isspace():
                return token
        return None

    def back(self, token: tuple[str, Sequence[int]] | None) -> None:
        if token is not None:
            self.push(*token)


def expand(text: str, offsets: Sequence[int], macros: Macros) -> tuple[str, Sequence[int]]:
    """``text`` with its macros expanded, and the source offset of every character of the result."""
    if not macros or not any(found.group() in macros.places for found in _COMMAND.finditer(text)):
        return text, offsets
    source = _Input(text, offsets)
    pieces: list[str] = []
    places: list[int] = []
    expansions = 0
    while (token := source.run() or source.next()) is not None:
        word, at = token
        macro = macros.at(word, at[0]) if word[0] == "\\" else None
        if macro is None:
            if pieces and word[0].isalpha() and _ends_in_word(pieces[-1]):
                pieces.append(" ")  # \p x with \p = \partial must not become \partialx
                places.append(at[0])
            pieces.append(word)
            places.extend(at)
        else:
            expansions += 1
            body, body_offsets = _replaced(word, at[0], macro, source)
            source.push(body, body_offsets)
        if expansions > MAX_EXPANSIONS or len(places) > MAX_GROWTH + 2 * len(text):
            raise MacroError(f"the macro {word} expands without end")
    return "".join(pieces), places


def _ends_in_word(piece: str) -> bool:
    return piece[0] == "\\" and piece[-1].isalpha()


def _replaced(word: str, at: int, macro: Macro, source: _Input) -> tuple[str, list[int]]:
    arguments = _arguments(word, at, macro, source)
    text: list[str] = []
    offsets: list[int] = []
    for found in re.finditer(r"#(\d)|\\[A-Za-z@]+|\\.|[^#\\]+|.", macro.body, re.DOTALL):
        if found[1] and 0 < int(found[1]) <= len(arguments):
            argument, argument_offsets = arguments[int(found[1]) - 1]
            if argument[:1].isalpha() and text and _ends_in_word(text[-1]):
                text.append(" ")
                offsets.append(at)
            text.append(argument)
            offsets.extend(argument_offsets)
        else:
            text.append(found.group())
            offsets.extend([at] * len(found.group()))
        if len(offsets) > MAX_GROWTH:
            raise MacroError(f"the macro {word} expands without end")
    return "".join(text), offsets


def _arguments(word: str, at: int, macro: Macro, source: _Input) -> list[tuple[str, Sequence[int]]]:
    found: list[tuple[str, Sequence[int]]] = []
    if macro.starred:
        star = source.next_visible()
        if star is None or star[0] != "*":
            source.back(star)
    if macro.default is not None:
        found.append(_optional(macro.default, at, source))
    while len(found) < macro.arguments:
        argument = _group(source)
        if argument is None:
            raise MacroError(f"the macro {word} lacks an argument")
        found.append(argument)
    return found


def _optional(default: str, at: int, source: _Input) -> tuple[str, Sequence[int]]:
    token = source.next_visible()
    if token is None or token[0] != "[":
        source.back(token)
        return default, [at] * len(default)
    text: list[str] = []
    offsets: list[int] = []
    while (token := source.next()) is not None and token[0] != "]":
        text.append(token[0])
        offsets.extend(token[1])
    return "".join(text), offsets


def _group(source: _Input) -> tuple[str, Sequence[int]] | None:
    token = source.next_visible()
    if token is None or token[0] == "}":
        return None
    if token[0] != "{":
        return token
    depth = 1
    text: list[str] = []
    offsets: list[int] = []
    while (token := source.next()) is not None:
        depth += (token[0] == "{") - (token[0] == "}")
        if depth == 0:
            return "".join(text), offsets
        text.append(token[0])
        offsets.extend(token[1])
    return None
