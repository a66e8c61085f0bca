"""Sums, products and other big operators with their bounds."""

from __future__ import annotations

from derive.notes.grammar.cursor import LAYOUT, Cursor, Unreadable
from derive.notes.grammar.syntax import Big, Binder, Dots, Factors, Name, Node, Number, Relation, Terms
from derive.notes.grammar.tokens import Token


class Bounds(Cursor):
    """What binds indices: its ranges and its body."""

    def big(self, token: Token) -> Node:
        self.pos += 1
        return self.big_of(token.text, token.start, self.bounds())

    def big_of(self, kind: str, start: int, binders: tuple[Binder, ...]) -> Node:
        if kind in ("max", "min"):
            if self.kind() == "open" and self.partner[self.pos] > 0:
                body = self.scripts(self.primary())
            elif self.kind() == "{":
                body = self.primary()
            else:
                body = self.product("function")
        else:
            body = self.product("body")
        if kind == "prod" and isinstance(body, Factors) and _binds_again(body.factors[-1], binders):
            return _beside(start, binders, body)
        return Big(start, self.behind(), kind, binders, body)

    def bounds(self) -> tuple[Binder, ...]:
        """What stands under and above the sign, in either order."""
        below: tuple[int, int] | None = None
        last: Node | None = None
        while self.kind() in ("_", "^"):
            mark = self.peek()
            assert mark is not None
            self.pos += 1
            if mark.kind == "_":
                if below is not None:
                    raise Unreadable(mark.start, "double subscript")
                below = self._bound_range()
            else:
                if last is not None:
                    raise Unreadable(mark.start, "double superscript")
                last = self.argument("the upper bound")
        if below is None:
            return ()
        low, high = below
        binders = self.inside(low, high, lambda: self.binders_of(low, high))
        return _with_last(binders, last)

    def _bound_range(self) -> tuple[int, int]:
        token = self.peek()
        if token is not None and token.kind == "number" and len(token.text) > 1:
            raise self.fail("an index name")
        return self.argument_range("an index")

    def binders_of(self, low: int, high: int) -> tuple[Binder, ...]:
        self.pos = high
        content = [i for i in range(low, high) if self.tokens[i].kind not in LAYOUT]
        if content and self.tokens[content[0]].text == r"\substack" and self.partner[content[0] + 1] > 0:
            low, high = content[0] + 2, self.partner[content[0] + 1]
        binders: list[Binder] = []
        names: list[Node] = []
        for a, b in self.split(low, high, {",", ";", "row", "text"}):
            if all(t.kind in LAYOUT for t in self.tokens[a:b]):
                continue
            if self.has_relation(a, b):
                binders += self._bound(a, b, names)
                names = []
            elif binders and binders[-1].relation == "=" and self.tokens[a].kind == "dots":
                names = [Dots(self.tokens[a].start, self.tokens[a].end, self.tokens[a].text)]
            elif names and isinstance(names[-1], Dots):
                binders[-1] = _with_last((binders[-1],), self.expression(a, b))[0]
                names = []
            else:
                names += self.index_items(a, b)
        if names:
            binders.append(Binder(names[0].start, names[-1].end, tuple(names)))
        return tuple(binders)

    def _bound(self, low: int, high: int, names: list[Node]) -> list[Binder]:
        """One range, or those of ``1 \\le i < j \\le n``, where the next index is counted from the one before."""
        pairs = self.relations(low, high)
        first = pairs[0]
        start = names[0].start if names else first.start
        if len(pairs) == 1:
            left = self._names(first.left)
            return [Binder(start, first.end, (*names, *left), first.sign, first.right)]
        if len(pairs) >= 2 and {p.sign for p in pairs} <= {r"\le", "<"} and not names and _named(pairs):
            last = pairs[-1]
            upper = last.right if last.sign == r"\le" else _shifted(last.right, "-")
            lower = [p.left if p.sign == r"\le" else _shifted(p.left, "+") for p in pairs[:-1]]
            return [
                Binder(start, last.end, (p.right,), "=", low, upper)
                for p, low in zip(pairs[:-1], lower, strict=True)
            ]
        raise Unreadable(first.start, "this range is not part of the language")

    def _names(self, node: Node) -> tuple[Node, ...]:
        return node.factors if isinstance(node, Factors) and not any(node.signs) else (node,)


def _binds_again(node: Node, binders: tuple[Binder, ...]) -> bool:
    own = {i.text for b in binders for i in b.indices if isinstance(i, Name)}
    return isinstance(node, Big) and any(isinstance(i, Name) and i.text in own for b in node.binders for i in b.indices)


def _beside(start: int, binders: tuple[Binder, ...], body: Factors) -> Factors:
    r"""``\prod_{i<k} x_i \prod_{i>k} x_i``: what binds the index again stands beside the product, not in it."""
    *inner, last = body.factors
    end = inner[-1].end
    held = inner[0] if len(inner) == 1 and not body.signs[0] else Factors(
        body.start, end, body.signs[:-1], tuple(inner)
    )
    return Factors(start, body.end, ("", body.signs[-1]), (Big(start, end, "prod", binders, held), last))


def _with_last(binders: tuple[Binder, ...], last: Node | None) -> tuple[Binder, ...]:
    """The upper bound belongs to the last range that has a first value, or else to the names."""
    if last is None:
        return binders
    ranges = [k for k, b in enumerate(binders) if b.relation in ("=", "")]
    for k in reversed(ranges or range(len(binders))):  # or to what an index is not: \sum_{j \ne i}^N
        b = binders[k]
        if b.relation in ("=", "", r"\ne") and b.last is None:
            return (*binders[:k], Binder(b.start, b.end, b.indices, b.relation, b.first, last), *binders[k + 1 :])
    raise Unreadable(last.start, "an upper bound without a range below")


def _named(pairs: list[Relation]) -> bool:
    """Whether something other than a number stands between each two relations."""
    return not any(isinstance(p.right, Number) for p in pairs[:-1])


def _shifted(node: Node, sign: str) -> Node:
    return Terms(node.start, node.end, ("+", sign), (node, Number(node.end, node.end, "1")))
