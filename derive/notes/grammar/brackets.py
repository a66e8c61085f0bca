"""Brackets, bars, braces and environments."""

from __future__ import annotations

from derive.notes.grammar import vocabulary as words
from derive.notes.grammar.cursor import LAYOUT, Cursor, Unreadable
from derive.notes.grammar.syntax import (
    Angle,
    Bars,
    Cases,
    Evaluated,
    Factors,
    Fraction,
    Group,
    Indicator,
    Matrix,
    Node,
    Relation,
    Terms,
)
from derive.notes.grammar.tokens import Token


class Brackets(Cursor):
    """What encloses a formula, and matrices and cases."""

    def brace(self, token: Token) -> Node:
        r"""``\underbrace{x}_{words}`` is x."""
        self.pos += 1
        node = self.argument(f"the argument of {self.spelled(token)}")
        if self.kind() == words.BRACES[token.text]:
            self.pos += 1
            self.argument_range("an annotation")
        return node

    def above(self, token: Token) -> Node:
        r"""``\underset{i}{\max} x`` is ``\max_i x``; what stands over a name is a note to it."""
        self.pos += 1
        low, high = self.argument_range("what stands above or below")
        at = self.pos
        inner = self.argument_range("the sign that it belongs to")
        first = self.tokens[inner[0]] if inner[0] < inner[1] else None
        if first is not None and inner[1] - inner[0] == 1 and first.kind in ("func", "big"):
            if first.kind == "func" and first.text not in ("max", "min"):
                return self.call_of(first, token.start)
            return self.big_of(first.text, token.start, self.inside(low, high, lambda: self.binders_of(low, high)))
        self.pos = at
        return self.argument("the sign that it belongs to")

    def braces(self, token: Token) -> Node:
        r"""TeX braces are not seen on paper, so they must not change the reading."""
        opening, closing = self.pos, self.partner[self.pos]
        if closing < 0:
            raise self.fault(token, "")
        self.pos = closing + 1
        over = [i for i in self.top(opening + 1, closing) if self.tokens[i].text == r"\over"]
        if over:
            return Fraction(
                token.start, self.behind(), self.expression(opening + 1, over[0]), self.expression(over[0] + 1, closing)
            )
        if opening + 1 == closing:
            if self.kind() in ("^", "_") or self.peek() is None:
                raise Unreadable(token.start, "an empty group {} where a factor was expected")
            return self.factor()
        node = self.expression(opening + 1, closing)
        alone = all(t.kind in LAYOUT for t in self.tokens[self.low : opening]) and self.peek() is None
        if isinstance(node, Terms) and not alone:
            raise Unreadable(token.start, "braces are not seen on paper: write parentheses around this sum")
        if isinstance(node, Factors) and self.kind() in ("^", "_", "'"):
            raise Unreadable(token.start, "braces are not seen on paper: write parentheses around this product")
        return node

    def bracket(self, token: Token) -> Node:
        opening, closing = self.pos, self.partner[self.pos]
        if closing < 0:
            raise self.fault(token, "")
        closer = self.tokens[closing]
        self.pos = closing + 1
        end = self.behind()
        low, high = opening + 1, closing
        if token.text == "eval":
            return self._left_evaluated(token, low, high)
        if closer.text == "." and token.text == "{" and self.tokens[low].kind == "begin":
            return self._cases(self.tokens[low], low, self.partner[low])
        wanted = words.CLOSED_BY.get(token.text)
        if closer.text != wanted and not (token.text in "([])" and closer.text in "()[]"):
            raise Unreadable(token.start, f"{self.spelled(token)} is closed by {self.spelled(closer)}")
        if token.text == r"\langle":
            return self._angle(token, low, high, end)
        if token.text in ("|", r"\|"):
            return Bars(token.start, end, self.expression(low, high), token.text == r"\|")
        return self._group(token, closer, low, high, end)

    def _group(self, token: Token, closer: Token, low: int, high: int, end: int) -> Node:
        if token.text == "[" and closer.text == "]" and self.has_relation(low, high):
            return Indicator(token.start, end, self.conditions(low, high))
        bar = self._given_bar(low, high) if token.text in "([" else None
        if bar is not None:
            before, behind = self.items(low, bar), self.items(bar + 1, high)
            apart = 0 if self.tokens[bar].text == r"\|" else len(before)  # D(p \| q) has two arguments like any other
            return Group(token.start, end, token.text, before + behind, apart)
        inner = self.items(low, high)
        if len(inner) == 1 and isinstance(inner[0], Matrix) and token.text in "([":
            return inner[0]
        opening = token.text if closer.text == words.CLOSED_BY.get(token.text) else token.text + closer.text
        return Group(token.start, end, opening, inner)

    def _given_bar(self, low: int, high: int) -> int | None:
        r"""The bar of ``p(x \mid \theta)`` or ``D(p \| q)``, which neither closes anything nor is closed."""
        bars = [i for i in self.top(low, high) if self._parts_arguments(i)]
        if len(bars) != 1 or not self.filled(low, bars[0]) or not self.filled(bars[0] + 1, high):
            return None
        return bars[0]

    def _parts_arguments(self, i: int) -> bool:
        token = self.tokens[i]
        if token.kind == "cmd" and token.text == r"\mid":
            return True
        return token.kind == "bar" and self.partner[i] < 0

    def _left_evaluated(self, token: Token, low: int, high: int) -> Node:
        body = self.expression(low, high)
        if self.kind() == "^":
            raise self.fail("_ and the condition of the evaluation")
        if self.kind() != "_":
            raise self.fail("_ and the condition of the evaluation")
        self.pos += 1
        conditions = self.conditions(*self.argument_range("the condition of an evaluation"))
        if self.kind() == "^":
            raise self.fail("no upper bound at an evaluation")
        return Evaluated(token.start, self.behind(), body, conditions)

    def _angle(self, token: Token, low: int, high: int, end: int) -> Node:
        parts = self.split(low, high, {","})
        if len(parts) != 2:
            raise Unreadable(token.start, f"an inner product takes two arguments, found {len(parts)}")
        return Angle(token.start, end, self.expression(*parts[0]), self.expression(*parts[1]))

    def bars(self, token: Token) -> Node:
        opening, closing = self.pos, self.partner[self.pos]
        if closing < opening:
            raise Unreadable(token.start, f"{self.spelled(token)} is never closed")
        self.pos = closing + 1
        body = self.expression(opening + 1, closing)
        return Bars(token.start, self.behind(), body, token.text == r"\|")

    def environment(self, token: Token) -> Node:
        opening, closing = self.pos, self.partner[self.pos]
        if closing < 0:
            raise self.fault(token, "")
        if token.text in words.CASES:
            self.pos = closing + 1
            return self._cases(token, opening, closing)
        if token.text in words.MATRICES:
            self.pos = closing + 1
            return self._matrix(token, opening, closing)
        if token.text in words.ROWS:
            self.pos = closing + 1
            return self.expression(opening + 1, closing)
        self.pos = opening
        raise self.fault(token, "")

    def _cases(self, token: Token, opening: int, closing: int) -> Node:
        rows = [self._case(a, b) for a, b in self.split(opening + 1, closing, {"row"}) if self.filled(a, b)]
        if not rows:
            raise Unreadable(token.start, "cases without a row")
        return Cases(token.start, self.tokens[closing].end, tuple(rows))

    def _case(self, low: int, high: int) -> tuple[Node, tuple[Relation, ...]]:
        cells = self.split(low, high, {"&"})
        if len(cells) == 1:
            cells = self._unaligned(low, high)
        value_low, value_high = self.trim(*cells[0])
        while value_high > value_low and self.tokens[value_high - 1].kind in (",", ";", "."):
            value_high -= 1
        value = self.expression(value_low, value_high)
        low, high = cells[1][0] if len(cells) > 1 else value_high, cells[-1][1]
        if len(cells) == 1 or not self.filled(low, high):
            return value, ()
        while high > low and self.tokens[high - 1].kind in (",", ";", "."):
            high -= 1
        texts = [self.tokens[i] for i in self.top(low, high) if self.tokens[i].kind == "text"]
        if any(words.OTHERWISE.match(t.extra) for t in texts) or self._reads_otherwise(low, high):
            return value, ()
        return value, self.conditions(low, high)

    def _reads_otherwise(self, low: int, high: int) -> bool:
        return bool(
            words.OTHERWISE.match("".join(t.text for t in self.tokens[low:high] if t.kind in ("word", "letter")))
        )

    def _unaligned(self, low: int, high: int) -> list[tuple[int, int]]:
        """``a \\text{ if } b``: a row without ``&`` parts at its first words, comma or wide space."""
        for i in self.top(low, high):
            if self.tokens[i].kind in ("text", "wide", ",") and i > low:
                return [(low, i), (i, high)]
        return [(low, high)]

    def _matrix(self, token: Token, opening: int, closing: int) -> Node:
        rows = []
        for a, b in self.split(opening + 1, closing, {"row"}):
            if self.filled(a, b) or any(t.kind == "&" for t in self.tokens[a:b]):
                rows.append(tuple(self._entry(token, c, d) for c, d in self.split(a, b, {"&"})))
        if not rows:
            raise Unreadable(token.start, f"an empty {token.text}")
        node = Matrix(token.start, self.tokens[closing].end, tuple(rows))
        if token.text in ("vmatrix", "Vmatrix"):
            return Bars(token.start, node.end, node, token.text == "Vmatrix")
        return node

    def _entry(self, token: Token, low: int, high: int) -> Node:
        low, high = self.trim(low, high)
        while high > low and self.tokens[high - 1].kind in (",", ";", "."):
            high -= 1
        if low == high:
            raise Unreadable(self.tokens[low].start, f"an entry of the {token.text} is empty")
        return self.expression(low, high)
