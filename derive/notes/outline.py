"""The syntax tree on one line, as an S-expression: for tests, and for looking at what was read."""

from __future__ import annotations

from functools import singledispatch

from derive.notes.grammar import syntax as s


def outline_chains(chains: tuple[s.Chain, ...]) -> str:
    """Every chain with its words in front, its reasons in angles, problems as ``!``; chains parted by ``;;``."""
    return " ;; ".join(_chain(chain) for chain in chains)


def _chain(chain: s.Chain) -> str:
    words = f"[{chain.words}] " if chain.words else ""
    return words + " ".join(filter(None, (_link(link) for link in chain.links)))


def _link(link: s.Link) -> str:
    side = "!" if link.problem else "" if link.side is None else outline(link.side)
    return " ".join(filter(None, [link.sign, side, f"<{link.reason}>" if link.reason else ""]))


def _list(head: str, *nodes: s.Node) -> str:
    return "(" + " ".join([head, *map(outline, nodes)]) + ")"


@singledispatch
def outline(node: s.Node) -> str:
    raise TypeError(f"no outline for {type(node).__name__}")


@outline.register
def _(node: s.Number) -> str:
    return node.text


@outline.register
def _(node: s.Name) -> str:
    text = node.text.replace(" ", "~")
    return f"{node.dress}.{text}" if node.dress and not node.word else text


@outline.register
def _(node: s.Wildcard) -> str:
    return ":"


@outline.register
def _(node: s.Dots) -> str:
    return node.kind


@outline.register
def _(node: s.Text) -> str:
    return f'"{node.text}"'


@outline.register
def _(node: s.Subscript) -> str:
    return _list("_", node.base, *node.indices)


@outline.register
def _(node: s.Superscript) -> str:
    return _list("^", node.base, node.exponent)


@outline.register
def _(node: s.Transpose) -> str:
    return _list("-T" if node.inverse else "T", node.base)


@outline.register
def _(node: s.Prime) -> str:
    return _list("'" * node.count, node.base)


@outline.register
def _(node: s.Group) -> str:
    items = list(map(outline, node.items))
    bar = ["|"] if node.bar else []
    return "(" + " ".join([node.opening or "list", *items[: node.bar], *bar, *items[node.bar :]]) + ")"


@outline.register
def _(node: s.Bars) -> str:
    return _list("norm" if node.double else "abs", node.body)


@outline.register
def _(node: s.Angle) -> str:
    return _list("angle", node.left, node.right)


@outline.register
def _(node: s.Terms) -> str:
    return "(" + " ".join(f"{sign}{outline(term)}" for sign, term in zip(node.signs, node.terms, strict=True)) + ")"


@outline.register
def _(node: s.Factors) -> str:
    pieces = (
        f"{sign} {outline(factor)}" if sign else outline(factor)
        for sign, factor in zip(node.signs, node.factors, strict=True)
    )
    return "(* " + " ".join(pieces) + ")"


@outline.register
def _(node: s.Fraction) -> str:
    return _list("frac", node.numerator, node.denominator)


@outline.register
def _(node: s.Root) -> str:
    return _list("sqrt", node.body, *([node.degree] if node.degree else []))


@outline.register
def _(node: s.Call) -> str:
    head = node.function + "'" * node.primes
    head += f"_{outline(node.base)}" if node.base else ""
    head += f"^{outline(node.power)}" if node.power else ""
    return _list(head, *node.arguments)


@outline.register
def _(node: s.Binder) -> str:
    names = ",".join(map(outline, node.indices))
    first = node.relation + outline(node.first) if node.first else ""
    return names + first + (f"..{outline(node.last)}" if node.last else "")


@outline.register
def _(node: s.Big) -> str:
    return _list(node.kind, *node.binders, node.body)


@outline.register
def _(node: s.Partial) -> str:
    variables = " ".join(outline(v) + (f"*{count}" if count > 1 else "") for v, count in node.variables)
    return f"({'Dt' if node.total else 'D'} {outline(node.body)} | {variables})"


@outline.register
def _(node: s.Nabla) -> str:
    return (
        f"(nabla{node.order if node.order > 1 else ''} {outline(node.body)} | {' '.join(map(outline, node.variables))})"
    )


@outline.register
def _(node: s.Evaluated) -> str:
    return _list("at", node.body, *node.conditions)


@outline.register
def _(node: s.Indicator) -> str:
    return _list("one", *node.conditions)


@outline.register
def _(node: s.Relation) -> str:
    return _list(node.sign, node.left, node.right)


@outline.register
def _(node: s.Cases) -> str:
    rows = (_list(outline(value) + (" if" if conditions else " else"), *conditions) for value, conditions in node.rows)
    return f"(cases {' '.join(rows)})"


@outline.register
def _(node: s.Matrix) -> str:
    return "(matrix " + " ".join("(" + " ".join(map(outline, row)) + ")" for row in node.rows) + ")"
