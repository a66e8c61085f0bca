"""Walking over the tokens of one formula, and what the parts of its grammar ask of each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TypeVar

from derive.notes.grammar import vocabulary as words
from derive.notes.grammar.syntax import Binder, Node, Problem, Relation
from derive.notes.grammar.tokens import Token, near

_T = TypeVar("_T")

MAX_DEPTH = 80  # brackets, scripts and operators inside of each other
LAYOUT = {"&", "row", "wide", "tag"}


class Unreadable(Exception):
    """A stretch that is no formula of the language."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(at, message)


class Cursor(ABC):
    """A position in a range of tokens; ``partner`` pairs the brackets."""

    primaries: dict[str, Callable[[Token], Node]]  # what begins with a token of a kind

    def __init__(self, tokens: list[Token], partner: list[int], source: str) -> None:
        self.tokens, self.partner, self.source = tokens, partner, source
        self.pos = self.low = self.high = self.depth = 0
        self.dress = ""
        self.scoring = False  # a gradient stands directly in front of the function that is read

    # ----- walking -----

    def peek(self) -> Token | None:
        tokens, high = self.tokens, self.high
        while self.pos < high and tokens[self.pos].kind in LAYOUT:
            self.pos += 1
        return tokens[self.pos] if self.pos < high else None

    def kind(self) -> str:
        token = self.peek()
        return token.kind if token else ""

    def here(self) -> int:
        """Offset of the next token, or of the end of the range."""
        token = self.peek()
        if token:
            return token.start
        return self.tokens[self.high - 1].end if self.high and self.high <= len(self.tokens) else len(self.source)

    def behind(self) -> int:
        """Offset where the last token that was read ends."""
        return self.tokens[self.pos - 1].end if self.pos else 0

    def fail(self, expected: str) -> Unreadable:
        token = self.peek()
        return (
            self.fault(token, expected)
            if token
            else Unreadable(self.here(), f"the formula ends where {expected} was expected")
        )

    def fault(self, token: Token, expected: str) -> Unreadable:
        if token.kind == "unknown" and token.text.startswith("\\"):
            return Unreadable(token.start, f"unknown command {token.text}{near(token.text)}")
        if token.kind == "foreign":
            return Unreadable(token.start, f"{token.text} is not part of the language of notes")
        if token.kind == "missing":
            return Unreadable(token.start, f"{token.text} lacks its argument")
        if token.kind == "begin" and token.text not in words.ENVIRONMENTS:
            return Unreadable(
                token.start, f"unknown environment {token.text}{near(token.text, sorted(words.ENVIRONMENTS))}"
            )
        if token.kind in ("{", "open", "begin", "bar") and not self._paired(token):
            return Unreadable(token.start, f"{self.spelled(token)} is never closed")
        if token.kind in ("}", "close", "end"):
            return Unreadable(token.start, f"{self.spelled(token)} closes nothing")
        return Unreadable(token.start, f"found {self.spelled(token)} where {expected} was expected")

    def _paired(self, token: Token) -> bool:
        return self.tokens[self.pos] is token and self.partner[self.pos] >= 0

    def spelled(self, token: Token) -> str:
        text = " ".join(self.source[token.start : token.end].split())
        return text if len(text) <= 30 else text[:29] + "…"

    def top(self, low: int, high: int) -> Iterator[int]:
        """Positions from ``low`` to ``high`` that stand in no bracket."""
        i = low
        while i < high:
            yield i
            closing = self.partner[i]
            i = closing if i < closing < high and self.tokens[i].kind != "bar" else i + 1

    def split(self, low: int, high: int, kinds: set[str]) -> list[tuple[int, int]]:
        parts, start = [], low
        for i in self.top(low, high):
            if self.tokens[i].kind in kinds:
                parts.append((start, i))
                start = i + 1
        return [*parts, (start, high)]

    def inside(self, low: int, high: int, read: Callable[[], _T], what: str = "an operator or the end") -> _T:
        """What ``read`` makes of exactly the tokens from ``low`` to ``high``."""
        saved = self.pos, self.low, self.high
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.depth -= 1
            raise Unreadable(
                self.tokens[low].start if low < len(self.tokens) else 0, f"nested deeper than {MAX_DEPTH} levels"
            )
        try:
            self.pos, self.low, self.high = low, low, high
            result = read()
            if self.peek():
                raise self.fail(what)
            return result
        finally:
            self.pos, self.low, self.high = saved
            self.depth -= 1

    def kind_at(self, i: int) -> str:
        while i < self.high and self.tokens[i].kind in LAYOUT:
            i += 1
        return self.tokens[i].kind if i < self.high else ""

    def trim(self, low: int, high: int) -> tuple[int, int]:
        while low < high and self.tokens[low].kind in LAYOUT:
            low += 1
        while low < high and self.tokens[high - 1].kind in LAYOUT:
            high -= 1
        return low, high

    def kind_at_in(self, i: int, high: int) -> str:
        return self.tokens[i].kind if i < high else ""

    def text_at(self, i: int) -> str:
        while i < self.high and self.tokens[i].kind in LAYOUT:
            i += 1
        return self.tokens[i].text if i < self.high else ""

    def filled(self, low: int, high: int) -> bool:
        return any(t.kind not in LAYOUT for t in self.tokens[low:high])

    # ----- what the parts ask of each other -----

    @abstractmethod
    def argument(self, what: str) -> Node: ...

    @abstractmethod
    def argument_range(self, what: str) -> tuple[int, int]: ...

    @abstractmethod
    def big_of(self, kind: str, start: int, binders: tuple[Binder, ...]) -> Node: ...

    @abstractmethod
    def binders_of(self, low: int, high: int) -> tuple[Binder, ...]: ...

    @abstractmethod
    def call_of(self, token: Token, start: int) -> Node: ...

    @abstractmethod
    def conditions(self, low: int, high: int) -> tuple[Relation, ...]: ...

    @abstractmethod
    def derivative_at(self, i: int) -> bool: ...

    @abstractmethod
    def expression(self, low: int, high: int) -> Node: ...

    @abstractmethod
    def factor(self) -> Node: ...

    @abstractmethod
    def has_relation(self, low: int, high: int) -> bool: ...

    @abstractmethod
    def index_items(self, low: int, high: int) -> list[Node]: ...

    @abstractmethod
    def items(self, low: int, high: int) -> tuple[Node, ...]: ...

    @abstractmethod
    def number(self, token: Token) -> Node: ...

    @abstractmethod
    def primary(self) -> Node: ...

    @abstractmethod
    def product(self, mode: str) -> Node: ...

    @abstractmethod
    def relations(self, low: int, high: int) -> list[Relation]: ...

    @abstractmethod
    def scripts(self, node: Node) -> Node: ...
