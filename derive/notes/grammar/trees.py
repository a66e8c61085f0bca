"""Syntax trees: what stands below a node, which name a tree is, which indices a name has, which letters are free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from derive.notes.grammar import syntax as s


def children(node: Any) -> Iterator[s.Node]:
    """The nodes directly below a node, through tuples."""
    for name in _field_names(type(node)):
        x = getattr(node, name)
        if isinstance(x, s.Node):
            yield x
        elif isinstance(x, tuple):
            yield from _nodes(x)


_FIELDS: dict[type, tuple[str, ...]] = {}


def _field_names(cls: Any) -> tuple[str, ...]:
    if cls not in _FIELDS:
        _FIELDS[cls] = tuple(
            f.name for f in fields(cls) if f.name not in ("start", "end", "text", "dress", "sign", "signs")
        )
    return _FIELDS[cls]


def _nodes(items: tuple[Any, ...]) -> Iterator[s.Node]:
    for x in items:
        if isinstance(x, s.Node):
            yield x
        elif isinstance(x, tuple):
            yield from _nodes(x)


def walk(node: Any) -> Iterator[Any]:
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(children(top))


def letter(node: Any) -> str | None:
    """The name that a tree is, if it is nothing but a name."""
    if isinstance(node, s.Name):
        return node.text
    if isinstance(node, s.Prime) and isinstance(node.base, s.Name):
        return node.base.text + "'" * node.count
    if isinstance(node, s.Group) and node.opening == "{" and len(node.items) == 1:
        return letter(node.items[0])
    return None


def is_number(node: Any, text: str | None = None) -> bool:
    return isinstance(node, s.Number) and (text is None or node.text == text)


def whole(node: Any) -> int | None:
    """The number that a numeral without a point is."""
    return int(node.text) if isinstance(node, s.Number) and node.text.isdigit() else None


def paren_index(node: Any) -> tuple[s.Node, ...] | None:
    """The indices of ``x^{(n)}`` and ``x^{[n]}``."""
    while isinstance(node, s.Group) and node.opening == "{" and len(node.items) == 1:
        node = node.items[0]
    if isinstance(node, s.Group) and node.opening in ("(", "[") and node.items:
        return node.items
    return None


def head_and_indices(node: Any) -> tuple[Any, tuple[s.Node, ...]]:
    """``x^{(n)}_j`` -> x and (n, j): the indices in parentheses come first."""
    while isinstance(node, s.Group) and node.opening == "{" and len(node.items) == 1:
        node = node.items[0]
    if isinstance(node, s.Subscript):
        head, before = head_and_indices(node.base)
        return head, before + node.indices
    if isinstance(node, s.Superscript):
        inside = paren_index(node.exponent)
        if inside is not None:
            if isinstance(node.base, s.Subscript):
                head, before = head_and_indices(node.base.base)
                return head, before + inside + node.base.indices
            head, before = head_and_indices(node.base)
            return head, before + inside
    return node, ()


def value_names(node: Any) -> Iterator[str]:
    """Names that stand for a value: not as an index, under a sum or in a condition."""
    if isinstance(node, s.Name):
        yield node.text
    elif isinstance(node, s.Subscript) or (isinstance(node, s.Superscript) and paren_index(node.exponent)):
        yield from value_names(node.base)
    elif isinstance(node, s.Big):
        yield from value_names(node.body)
    elif isinstance(node, s.Cases):
        for body, _ in node.rows:
            yield from value_names(body)
    elif not isinstance(node, s.Indicator | s.Relation):
        for child in children(node):
            yield from value_names(child)


ORDERED = ("<", ">", r"\le", r"\ge")


def free_letters(node: Any, bound: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names that stand as an index, or where a sum begins, and that no sum binds."""
    if isinstance(node, s.Big):
        inner = bound | {name for b in node.binders for i in b.indices if (name := letter(i)) is not None}
        for b in node.binders:
            for part in (b.first, b.last):
                if part is not None:
                    if b.relation in (r"\ne", *ORDERED) or (part is b.first and b.relation == "="):
                        yield from _letters_of_index(part, inner)
                    yield from free_letters(part, bound)
        yield from free_letters(node.body, inner)
        return
    if isinstance(node, s.Subscript):
        for i in node.indices:
            yield from _letters_of_index(i, bound)
    if isinstance(node, s.Superscript) and (inside := paren_index(node.exponent)):
        for i in inside:
            yield from _letters_of_index(i, bound)
    for child in children(node):
        yield from free_letters(child, bound)


def free_names(node: Any, bound: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names that stand anywhere, as indices or as values, and that no sum binds."""
    if isinstance(node, s.Big):
        inner = bound | {name for b in node.binders for i in b.indices if (name := letter(i)) is not None}
        for part in (p for b in node.binders for p in (b.first, b.last) if p is not None):
            yield from free_names(part, bound)
        yield from free_names(node.body, inner)
    elif isinstance(node, s.Name):
        if node.text not in bound:
            yield node.text
    else:
        for child in children(node):
            yield from free_names(child, bound)


def _letters_of_index(node: Any, bound: frozenset[str]) -> Iterator[str]:
    name = letter(node)
    if name is not None:
        if name not in bound:
            yield name
    elif isinstance(node, s.Terms | s.Factors | s.Group):
        for child in children(node):
            yield from _letters_of_index(child, bound)


def signed(node: Any) -> tuple[int, Any]:
    while isinstance(node, s.Group) and len(node.items) == 1:
        node = node.items[0]
    if isinstance(node, s.Terms) and len(node.terms) == 1:
        sign, body = signed(node.terms[0])
        return (-sign if node.signs[0] == "-" else sign), body
    return 1, node


def span(node: Any) -> tuple[int, int] | None:
    return (node.start, node.end) if isinstance(node, s.Node) else None


def counted_words(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def dump(node: Any) -> str:
    """A tree as text without its places: two trees with one text are the same formula."""
    if isinstance(node, tuple):
        return "(" + ",".join(dump(n) for n in node) + ")"
    if isinstance(node, s.Node | s.Binder):
        if isinstance(node, s.Group) and node.opening == "{" and len(node.items) == 1:
            return dump(node.items[0])
        inner = ",".join(dump(getattr(node, f.name)) for f in fields(node) if f.name not in ("start", "end", "dress"))
        return f"{type(node).__name__}[{inner}]"
    return repr(node)
