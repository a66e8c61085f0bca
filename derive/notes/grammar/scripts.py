"""Subscripts, superscripts and primes, and the words that stand there."""

from __future__ import annotations

from collections.abc import Callable

from derive.notes.grammar.cursor import LAYOUT, Cursor, Unreadable
from derive.notes.grammar.syntax import (
    Factors,
    Indicator,
    Name,
    Node,
    Number,
    Prime,
    Subscript,
    Superscript,
    Text,
    Transpose,
    Wildcard,
)
from derive.notes.grammar.tokens import Token, clean

_TRANSPOSES = {r"\top", r"\intercal"}
_ONES = {"1", "I", "Id", "\\chi", "\\delta"}


class Scripts(Cursor):
    """What is written behind and beside a name."""

    def scripts(self, node: Node) -> Node:
        seen: set[str] = set()
        while token := self.peek():
            if token.kind == "'":
                node = self._prime(node)
            elif (
                token.kind == "{"
                and self.partner[self.pos] == self.pos + 1
                and self.kind_at(self.pos + 2) in ("^", "_")
            ):
                self.pos += 2
                seen.clear()
            elif token.kind in ("^", "_"):
                if token.kind in seen:
                    raise Unreadable(
                        token.start,
                        f"double {'superscript' if token.kind == '^' else 'subscript'}; put the first one in braces",
                    )
                seen.add(token.kind)
                self.pos += 1
                node = self._superscript(node) if token.kind == "^" else self._subscript(node)
            else:
                break
        return self._indicator(node)

    def _prime(self, node: Node) -> Node:
        count = 0
        while self.kind() == "'":
            self.pos += 1
            count += 1
        if isinstance(node, Prime):
            return Prime(node.start, self.behind(), node.base, node.count + count)
        return Prime(node.start, self.behind(), node, count)

    def digit(self, token: Token) -> Node:
        if len(token.text) == 1:
            return self.number(token)
        rest = Token("number", token.text[1:], token.start + 1, token.end)
        self.tokens[self.pos] = rest
        return Number(token.start, token.start + 1, token.text[0])

    def _superscript(self, base: Node) -> Node:
        token = self.peek()
        if token is None:
            raise self.fail("an exponent")
        low, high = (
            (self.pos + 1, self.partner[self.pos]) if token.kind == "{" else (self.pos, self._behind_dressed(self.pos))
        )
        content = [t for t in self.tokens[low:high] if t.kind not in LAYOUT] if high > 0 else []
        numbered = self._numbered_transpose(base, token)
        if numbered is not None:
            return numbered
        kinds = [t.kind for t in content]
        if (turned := self._member_transposed(base, low, high)) is not None:
            self.pos = high + (token.kind == "{")
            return turned
        special = self._transposed(base, content)
        if special is not None:
            self.pos = high + (token.kind == "{")
            return special(self.behind())
        if kinds and all(k == "'" for k in kinds):
            self.argument_range("a prime")
            return Prime(base.start, self.behind(), base, len(kinds))
        if word := self._script_word(content):
            self.argument_range("an exponent")
            return with_script(base, "^", word, self.behind())
        if kinds and all(k in ("sign", "rel") for k in kinds):
            self.argument_range("an exponent")
            return _with_sign(base, "^", content, self.behind())
        exponent = self.argument("an exponent")
        return Superscript(base.start, self.behind(), base, exponent)

    def _numbered_transpose(self, base: Node, token: Token) -> Node | None:
        r"""``W^{[2]T}``, ``W^{(l)\top}``: the number belongs to the name, and what it names is transposed."""
        low, high = self.pos + 1, self.partner[self.pos]
        if token.kind != "{" or high < 0 or self.kind_at(low) != "open" or self.tokens[low].text not in ("(", "["):
            return None
        behind = self.partner[low] + 1
        rest = [t for t in self.tokens[behind:high] if t.kind not in LAYOUT] if low < behind < high else []
        plain = len(rest) == 1 and rest[0].text == "T"
        if not rest or (not plain and self._transposed(base, rest) is None):
            return None
        exponent = self.expression(low, behind)
        named = Superscript(base.start, exponent.end, base, exponent)
        transposed = self._transposed(named, rest)
        self.pos = high + 1
        return (
            transposed(self.behind()) if transposed is not None else Transpose(base.start, self.behind(), named, False)
        )

    def _behind_dressed(self, i: int) -> int:
        r"""Behind the one token at ``i``, or behind ``\mathsf{T}``."""
        if self.tokens[i].kind == "dress" and i + 1 < self.high:
            return self.partner[i + 1] + 1 if self.tokens[i + 1].kind == "{" and self.partner[i + 1] > 0 else i + 2
        return i + 1

    def _transposed(self, base: Node, content: list[Token]) -> Callable[[int], Node] | None:
        inverse = bool(content) and content[0].kind == "sign" and content[0].text == "-"
        rest = content[1:] if inverse else content
        text = "".join(t.extra.strip() if t.kind == "text" else t.text for t in rest if t.kind not in "{}")
        plain = len(rest) == 1 and rest[0].text in _TRANSPOSES
        roman = (
            text in (r"\mathsfT", r"\mathrmT", r"\mathitT")
            or (text == "T" and any(t.kind in ("word", "text") for t in rest))
            or (len(rest) == 2 and rest[0].kind == "switch" and rest[1].text == "T")
        )
        if not (plain or roman):
            return None
        return lambda end: Transpose(base.start, end, base, inverse)

    def _member_transposed(self, base: Node, low: int, high: int) -> Node | None:
        r"""``x^{(i)\top}``, ``W^{[2]T}``: the member of a family, transposed."""
        low, high = self.trim(low, high)
        if high - low < 3 or self.tokens[low].kind != "open" or self.partner[low] < low:
            return None
        closing = self.partner[low] + 1
        behind = [t for t in self.tokens[closing:high] if t.kind not in LAYOUT]
        plain = len(behind) == 1 and behind[0].text == "T"
        if not plain and (self._transposed(base, behind) is None or behind[0].kind == "sign"):
            return None
        end = self.tokens[closing - 1].end
        member = Superscript(base.start, end, base, self.expression(low, closing))
        return Transpose(base.start, self.tokens[high - 1].end, member, False)

    def _script_word(self, content: list[Token]) -> str:
        """Roman words, ``*`` and the like, which make a name of its own."""
        if len(content) == 1:
            token = content[0]
            if token.kind == "text":
                return clean(token.extra)
            if token.kind == "word" or (token.kind == "func"):
                return token.text
            if token.text in (r"\cdot", r"\ast", r"\star") and self.source[token.start : token.end] in (
                "*",
                r"\ast",
                r"\star",
            ):
                return "*"
            if token.text == r"\dagger":
                return r"\dagger"
        if len(content) in (2, 4) and content[0].kind in ("dress", "switch") and content[0].text == r"\mathrm":
            inner = [t for t in content[1:] if t.kind not in "{}"]
            if len(inner) == 1 and inner[0].kind in ("letter", "number"):
                return inner[0].text
        if content and all(t.kind in ("word", "text") for t in content):
            return " ".join(clean(t.extra) if t.kind == "text" else t.text for t in content)
        return ""

    def _subscript(self, base: Node) -> Node:
        token = self.peek()
        if token is None:
            raise self.fail("an index")
        braced = token.kind == "{"
        low, high = (self.pos + 1, self.partner[self.pos]) if braced else (self.pos, self.pos + 1)
        content = [t for t in self.tokens[low:high] if t.kind not in LAYOUT] if high > 0 else []
        if not braced and content and content[0].kind in ("text", "word", "func"):
            self.pos += 1
            return with_script(base, "_", self._script_word(content), self.behind())
        if not braced and content and content[0].kind == "op" and content[0].text == r"\cdot":
            self.pos += 1
            return Subscript(base.start, self.behind(), base, (Wildcard(content[0].start, content[0].end),))
        if not braced:
            if content and content[0].kind in ("rel", "sign"):
                self.pos += 1
                return _with_sign(base, "_", content, self.behind())
            if content and content[0].kind == "dress" and (word := self._roman_letter()):
                return with_script(base, "_", word, self.behind())
            index = self.argument("an index")
            return Subscript(base.start, self.behind(), base, (index,))
        self.argument_range("an index")
        end = self.behind()
        if content and (
            (content[0].kind == "rel" and content[0].text != ":")
            or (content[0].kind == "sign" and len(content) == 1)
            or all(t.kind == "sign" for t in content)
        ):
            return _with_sign(base, "_", content, end)
        if _is_one(base) and content and content[0].kind == "open" and self.partner[low] == high - 1:
            low, high = low + 1, high - 1
        if self.has_relation(low, high):
            conditions = self.conditions(low, high)
            if _is_one(base):
                return Indicator(base.start, end, conditions)
            return Subscript(base.start, end, base, tuple(conditions))
        return self._indexed(base, low, high, end)

    def _roman_letter(self) -> str:
        r"""``x_\mathrm{o}``: a roman letter is a word."""
        token = self.tokens[self.pos]
        closing = self.partner[self.pos + 1] if self.pos + 1 < self.high else -1
        if (
            token.text == r"\mathrm"
            and closing == self.pos + 3
            and self.tokens[self.pos + 2].kind in ("letter", "number")
        ):
            self.pos += 4
            return self.tokens[self.pos - 2].text
        return ""

    def _indexed(self, base: Node, low: int, high: int, end: int) -> Node:
        indices: list[Node] = []
        for a, b in self.split(low, high, {",", ";"}):
            content = [t for t in self.tokens[a:b] if t.kind not in LAYOUT]
            if not content:
                raise Unreadable(self.tokens[low - 1].start, "an index is missing")
            if word := self._script_word(content):
                if word == "*":
                    indices.append(Wildcard(content[0].start, content[0].end))
                else:
                    base = with_script(base, "_", word, end)
            else:
                indices += self.index_items(a, b)
        return Subscript(base.start, end, base, tuple(indices)) if indices else base

    def index_items(self, low: int, high: int) -> list[Node]:
        """Indices that stand side by side; a dot or a colon at an end is the whole axis."""
        while low < high and self.tokens[low].kind in LAYOUT:
            low += 1
        before: list[Node] = []
        after: list[Node] = []
        while low < high and self._is_wild(low):
            before.append(Wildcard(self.tokens[low].start, self.tokens[low].end))
            low += 1
        while low < high and self._is_wild(high - 1):
            after.insert(0, Wildcard(self.tokens[high - 1].start, self.tokens[high - 1].end))
            high -= 1
        if low == high:
            return before + after
        node = self.expression(low, high)
        flat = list(node.factors) if isinstance(node, Factors) and not any(node.signs) else [node]
        return before + flat + after

    def _is_wild(self, i: int) -> bool:
        token = self.tokens[i]
        return (token.kind == "op" and token.text == r"\cdot") or (token.kind == "rel" and token.text == ":")

    def _indicator(self, node: Node) -> Node:
        """``1\\{i=j\\}``, ``\\mathbf 1(i=j)``, ``I[x > 0]``."""
        token = self.peek()
        if (
            token
            and token.kind == "open"
            and token.text in ("(", "[", "{")
            and self.partner[self.pos] > 0
            and _is_one(node)
            and self.has_relation(self.pos + 1, self.partner[self.pos])
        ):
            low, high = self.pos + 1, self.partner[self.pos]
            self.pos = high + 1
            return self.scripts(Indicator(node.start, self.behind(), self.conditions(low, high)))
        return node


def _is_one(node: Node) -> bool:
    if isinstance(node, Number):
        return node.text == "1"
    return isinstance(node, Name) and node.text in _ONES


def with_script(base: Node, mark: str, word: str, end: int) -> Node:
    r"""``w_{\text{out}}``: the word becomes part of the name."""
    if isinstance(base, Name):
        return Name(base.start, end, f"{base.text}{mark}{{{word}}}", base.dress, base.word)
    if isinstance(base, Subscript):
        return Subscript(base.start, end, with_script(base.base, mark, word, base.base.end), base.indices)
    if isinstance(base, Superscript):
        return Superscript(base.start, end, with_script(base.base, mark, word, base.base.end), base.exponent)
    if isinstance(base, Prime):
        return Prime(base.start, end, with_script(base.base, mark, word, base.base.end), base.count)
    text = Text(base.end, end, word)
    return Subscript(base.start, end, base, (text,)) if mark == "_" else Superscript(base.start, end, base, text)


def _with_sign(base: Node, mark: str, content: list[Token], end: int) -> Node:
    """``s_+``, ``z^-`` are names; behind anything else a sign says what is taken of it."""
    head = base.base if isinstance(base, Subscript) and mark == "^" else base
    if isinstance(head, Name) and head.dress != r"\mathbb" and [t.text for t in content] in (["+"], ["-"]):
        return with_script(base, mark, content[0].text, end)
    text = _sign_text(content)
    return Subscript(base.start, end, base, (text,)) if mark == "_" else Superscript(base.start, end, base, text)


def _sign_text(content: list[Token]) -> Text:
    return Text(content[0].start, content[-1].end, "".join(t.text for t in content))
