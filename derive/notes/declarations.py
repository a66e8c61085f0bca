"""Names introduced with their spaces, index lists, families and functions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sympy as sp

from derive.notes.document import Formula, Place
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import dump, head_and_indices, letter, whole
from derive.notes.meaning.scope import Entity, Kind
from derive.notes.meaning.shapes import AxisVar, ReadProblem, Value
from derive.notes.records import AssumptionRecord, GivenRecord, LinkRecord
from derive.notes.statements import LOCAL, Mode, bare_names

if TYPE_CHECKING:
    from derive.notes.collect import Collector


def is_index_list(c: Collector, links: tuple[s.Link, ...]) -> bool:
    if len(links) != 2 or links[1].sign != "=" or links[1].side is None or links[0].side is None:
        return False
    right = links[1].side
    return (
        isinstance(right, s.Group)
        and right.opening in ("", "{")
        and any(isinstance(i, s.Dots) for i in right.items)
        and all(letter(n) is not None for n in bare_names(links[0].side))
    )


def span_of(c: Collector, items: tuple[s.Node, ...]) -> tuple[int, Any]:
    """``1, \\dots, N`` -> first value and size."""
    first = whole(items[0]) if len(items) >= 3 and isinstance(items[-2], s.Dots) else None
    if first is None:
        raise ReadProblem("a list of index values is written 1, \\dots, N or 0, \\dots, N - 1")
    if first not in (0, 1):
        raise ReadProblem("an axis is counted from 0 or from 1")
    return first, sp.expand(size_of(c, items[-1]) - first + 1)


def index_list(c: Collector, links: tuple[s.Link, ...], formula: Formula) -> None:
    right = links[1].side
    assert isinstance(right, s.Group) and links[0].side is not None
    place = c.at(formula, links[1].at)
    made = []
    try:
        first, size = span_of(c, right.items)
    except ReadProblem as problem:
        unread(c, links, formula, place, problem.message)
        return
    for node in bare_names(links[0].side):
        name = letter(node)
        assert name is not None
        axis = AxisVar(size, first)
        for waiting in c.families.pop(name, ()):
            c.inventory.axes.unite(axis, waiting)
        made.append(c.bind(Entity(name, Kind.INDEX, range=axis, declared=True)))
    c.note(GivenRecord(*c.here(place), latex=c.written(s.Chain(links)), entities=tuple(made)))


def unread(c: Collector, links: tuple[s.Link, ...], formula: Formula, place: Place, message: str) -> None:
    c.note(LinkRecord(
        *c.here(place), sign=links[1].sign,
        left_latex=links[0].latex.strip(), right_latex=links[1].latex.strip(),
        problem=message, formula=formula,
    ))  # fmt: skip


def declare(c: Collector, chain: s.Chain, formula: Formula, mode: Mode) -> None:
    links = chain.links
    place = c.at(formula, links[1].at)
    bad = next((link.problem for link in links if link.problem is not None), None)
    if bad is not None or any(link.side is None for link in links):
        unread(c, links, formula, place, c.located(formula, bad) if bad else "a side is missing")
        return
    names = bare_names(links[0].side)
    record = GivenRecord(*c.here(place), latex=c.written(chain))
    c.families.pop("", None)
    try:
        names = families_among(c, names)
        if links[1].sign == ":" and len(links) == 3 and links[2].sign == r"\to":
            record.entities = tuple(declare_function(c, n, links[1].side, links[2].side) for n in names)
        elif len(links) == 2 and links[1].side is not None:
            record.entities = tuple(e for n in names for e in declare_name(c, n, links[1].side, chain, formula, mode))
        else:
            raise ReadProblem("this declaration is not known")
    except ReadProblem as problem:
        unread(c, links, formula, place, problem.message)
        lost_names(c, names, problem.message)
        return
    c.note(record)
    record.names = c.names
    c.mention(names, mode)


def families_among(c: Collector, names: list[s.Node]) -> list[s.Node]:
    """``q, k_1, \\dots, k_m``: the dots take the names of one family around them."""
    out: list[s.Node] = []
    while any(isinstance(n, s.Dots) for n in names):
        dots = next(k for k, n in enumerate(names) if isinstance(n, s.Dots))
        base = letter(head_and_indices(names[dots - 1])[0]) if dots else None
        first = dots
        while first and base is not None and letter(head_and_indices(names[first - 1])[0]) == base:
            first -= 1
        out += [*names[:first], listed_family(c, names[first : dots + 2])]
        names = names[dots + 2 :]
    return out + names


def listed_family(c: Collector, names: list[s.Node]) -> s.Node:
    """``x_1, \\dots, x_N`` is the family ``x_n`` over an axis of its own; so is ``x^{(1)}, \\dots, x^{(N)}``."""
    members = [_member(n) for n in names if not isinstance(n, s.Dots)]
    found = [m for m in members if m is not None]
    counts = [whole(index) for _, index in found[:-1]]
    if len(found) < len(members) or not isinstance(names[-2], s.Dots) or len({name for name, _ in found}) != 1:
        raise ReadProblem("a list of names is written x_1, \\dots, x_N")
    base = counts[0]
    if base is None or counts != list(range(base, base + len(counts))):
        raise ReadProblem("a list of names is written x_1, \\dots, x_N")
    if base not in (0, 1):
        raise ReadProblem("an axis is counted from 0 or from 1")
    first, last = names[0], names[-1]
    size = sp.expand(size_of(c, found[-1][1]) - base + 1)
    c.families.setdefault("", []).append(AxisVar(size, base))
    name = s.Name(first.start, last.end, found[0][0])
    return s.Subscript(first.start, last.end, name, (s.Name(first.start, last.end, ""),))


def _member(node: s.Node) -> tuple[str, s.Node] | None:
    """``x_1`` or ``x^{(1)}``, taken apart."""
    head, indices = head_and_indices(node)
    name = letter(head)
    return (name, indices[0]) if name is not None and len(indices) == 1 else None


def lost_names(c: Collector, nodes: list[s.Node], message: str) -> None:
    """Names whose declaration is not understood: nothing that is said of them can be."""
    for node in nodes:
        name = letter(head_and_indices(node)[0])
        if name is not None and name not in c.names:
            c.bind(Entity(name, Kind.TENSOR, problem=f"the declaration of {name} could not be read: {message}"))


def size_of(c: Collector, node: s.Node) -> Any:
    """The number of values of an axis: names that stand in it are dimensions from here on."""
    if isinstance(node, s.Group) and len(node.items) == 1:
        return size_of(c, node.items[0])
    name = letter(node)
    if name is not None:
        entity = c.names.get(name)
        if entity is None or entity.kind is not Kind.DIMENSION:
            entity = c.inventory.made.get(name) or Entity(name, Kind.DIMENSION, declared=True)
            if entity.kind is not Kind.DIMENSION:
                entity = Entity(name, Kind.DIMENSION, declared=True)
            c.bind(entity)
        return entity.sympy
    if isinstance(node, s.Number) and node.text.isdigit():
        return sp.Integer(node.text)
    if isinstance(node, s.Terms):
        return sp.Add(
            *(-size_of(c, t) if sign == "-" else size_of(c, t) for sign, t in zip(node.signs, node.terms, strict=True))
        )
    if isinstance(node, s.Factors) and all(sign in ("", r"\cdot") for sign in node.signs):
        return sp.Mul(*(size_of(c, f) for f in node.factors))
    if isinstance(node, s.Subscript) and all(isinstance(i, s.Number | s.Name) for i in node.indices):
        text = dump_name(node)
        return size_of(c, s.Name(node.start, node.end, text))
    raise ReadProblem("this is not known as the size of an axis")


def sizes_of(c: Collector, node: s.Node) -> list[Any]:
    node = only_item(node)
    if isinstance(node, s.Factors) and r"\times" in node.signs:
        blocks: list[list[tuple[str, s.Node]]] = [[]]
        for sign, factor in zip(node.signs, node.factors, strict=True):
            if sign == r"\times":
                blocks.append([])
                sign = ""
            blocks[-1].append((sign, factor))
        return [size_of(c, _product(block)) for block in blocks]
    return [size_of(c, node)]


def space_of(c: Collector, node: s.Node) -> tuple[str, list[Any], str]:
    """A number field with a power: its letter, the sizes, and ``>`` or ``>=`` if a sign is demanded."""
    node = only_item(node)
    sizes: list[Any] = []
    bound = ""
    while isinstance(node, s.Superscript | s.Subscript):
        if isinstance(node, s.Superscript):
            exponent = only_item(node.exponent)
            if isinstance(exponent, s.Text | s.Name) and getattr(exponent, "text", "") in ("+", "++"):
                bound = ">"
            else:
                sizes = sizes_of(c, node.exponent)
        else:
            bound = _bound_of(node.indices)
        node = only_item(node.base)
    if (
        not isinstance(node, s.Name)
        or node.dress not in (r"\mathbb", r"\mathbf", "")
        or node.text not in ("R", "N", "Z")
    ):
        raise ReadProblem(
            "this set or space is not known; known are \\mathbb{R}^{N \\times K}, \\{1, \\dots, K\\}, "
            "\\{0, 1\\} and [0, 1]"
        )
    if node.dress == "" and node.text in c.names:
        raise ReadProblem(f"{node.text} is not a space here")
    return node.text, sizes, bound


def declare_name(
    c: Collector, node: s.Node, space: s.Node, chain: s.Chain, formula: Formula, mode: Mode
) -> list[Entity]:
    space = only_item(space, "(")
    if isinstance(space, s.Group) and space.opening == "" and any(isinstance(i, s.Dots) for i in space.items):
        space = replace(space, opening="{")  # j \in 1, \dots, N
    if isinstance(node, s.Partial):
        declare_layout(c, node, space)
        return []
    head, indices = head_and_indices(node)
    name = letter(head)
    if name is None and isinstance(head, s.Call) and not head.arguments:
        name = head.function
    formals = [letter(i) for i in indices]
    if name is None or None in formals:
        raise ReadProblem("only a name, with letters as its indices, can be declared")
    family = [family_axis(c, f) for f in formals if f is not None]
    base = only_item(space.base, "(") if isinstance(space, s.Superscript) else None
    if isinstance(base, s.Group) and isinstance(space, s.Superscript) and len(base.items) > 1:
        family = family + [AxisVar(size) for size in sizes_of(c, space.exponent)]
        node, space = (head if not indices else node), base
    if (
        isinstance(space, s.Group)
        and (space.opening == "{" or space.opening in ("[", "(", "(]", "[)", "[(", "]("))
        and len(space.items) > 1
    ):
        return declare_values(c, name, node, family, space, chain, formula, mode)
    field_, sizes, bound = space_of(c, space)
    flat = len(sizes) == 2 and 1 in sizes and name not in c.inventory.crossed
    row = flat and sizes[0] == 1 and sizes[1] != 1
    if flat:  # a matrix of one row or one column, never taken by two indices
        sizes = [size for size in sizes if size != 1]
    axes = tuple(family + [AxisVar(size) for size in sizes])
    if field_ == "N" and not axes and not bound and is_size(c, name):
        return [c.bind(Entity(name, Kind.INDEX, range=AxisVar(), declared=True))]
    if field_ in ("N", "Z") and not axes:
        kind = Kind.DIMENSION if field_ == "N" else Kind.LABEL
        known = c.names.get(name)
        return [known if known is not None and known.kind is kind else c.bind(Entity(name, kind, declared=True))]
    if field_ in ("N", "Z"):
        return [c.bind(Entity(name, Kind.LABELS, axes=axes, range=AxisVar(), declared=True))]
    entity = declared_entity(c, name, axes, len(family), mode)
    entity.row = row
    if bound:
        c.note(AssumptionRecord(
            *c.here(c.at(formula, chain.links[1].at)), text=c.written(chain),
            relations=[(node, r"\ge" if bound == ">=" else ">", s.Number(space.end, space.end, "0"))],
        ))  # fmt: skip
        if not indices and axes:
            record = c.records[-1]
            assert isinstance(record, AssumptionRecord)
            record.relations, record.property = [], ("nonnegative" if bound == ">=" else "positive", name)
    return [entity]


def is_size(c: Collector, name: str) -> bool:
    """Whether a natural number is an index of what the note defines and nowhere the size of an axis."""
    return name in c.inventory.letters and name not in c.names


def family_axis(c: Collector, name: str) -> AxisVar:
    if not name:  # of a list x_1, ..., x_N
        return c.families[""].pop(0)
    entity = c.names.get(name)
    if entity is not None and entity.kind is Kind.INDEX and entity.range is not None:
        return entity.range
    axis = AxisVar()
    c.families.setdefault(name, []).append(axis)
    return axis


def declared_entity(c: Collector, name: str, axes: tuple[AxisVar, ...], family: int, mode: Mode) -> Entity:
    """A repetition or a late declaration tells the shape of what is known; another one makes a new meaning."""
    known = c.names.get(name)
    if known is not None and known.kind in (Kind.TENSOR, Kind.MAP):
        if known.formula is None and known.axes is not None and same_axes(c, known.axes, axes):
            return known
        if known.formula is not None and mode is not Mode.LET and known.section == c.section and known.axes is None:
            known.axes = axes
            return known
    return c.bind(Entity(name, Kind.TENSOR, axes=axes, declared=True, family=family))


def same_axes(c: Collector, a: tuple[AxisVar, ...], b: tuple[AxisVar, ...]) -> bool:
    size = c.inventory.axes.size
    return len(a) == len(b) and all(size(x) is not None and size(x) == size(y) for x, y in zip(a, b, strict=True))


def is_square(c: Collector, entity: Entity) -> bool:
    return len(entity.axes or ()) == 2 and same_axes(c, (entity.axes or ())[:1], (entity.axes or ())[1:])


def declare_values(
    c: Collector,
    name: str,
    node: s.Node,
    family: list[AxisVar],
    space: s.Group,
    chain: s.Chain,
    formula: Formula,
    mode: Mode,
) -> list[Entity]:
    items = space.items
    known = c.names.get(name)
    if space.opening == "{" and not family and counts_on(items):
        kind = Kind.INDEX if is_size(c, name) else Kind.DIMENSION
        return [c.bind(Entity(name, kind, range=AxisVar() if kind is Kind.INDEX else None, declared=True))]
    if space.opening == "{" and any(isinstance(i, s.Dots) for i in items):
        first, size = span_of(c, items)
        values = AxisVar(size, first)
        if (
            known is not None
            and known.kind is Kind.TENSOR
            and known.declared
            and known.axes is not None
            and len(known.axes) != len(family)
        ):
            raise ReadProblem(
                f"{name} is declared with {len(known.axes)} axes, and stands with {len(family)} indices here"
            )
        if family:
            return [c.bind(Entity(name, Kind.LABELS, axes=tuple(family), range=values, declared=True))]
        return [c.bind(Entity(name, Kind.LABEL, range=values, declared=True))]
    place = c.at(formula, chain.links[1].at)
    node = lettered(c, node)
    made = []
    other = known is not None and known.declared and len(known.axes or ()) != len(family)
    if known is None or known.kind not in (Kind.TENSOR, Kind.MAP) or (other and family):
        made = [c.bind(Entity(name, Kind.TENSOR, axes=tuple(family), declared=True))]
    record = AssumptionRecord(
        *c.here(place), text=c.written(chain), local=mode in LOCAL, formula=formula, at=chain.links[1].at
    )
    if made and not record.local:
        record.section = ()  # the set that a name is declared in belongs to the name, as a space does
    if space.opening == "{":
        record.values = (node, items)
    else:
        if len(items) != 2:
            raise ReadProblem("an interval has two ends")
        low = r"\ge" if space.opening[0] == "[" else ">"
        high = r"\le" if space.opening[-1] in "]" or space.opening == "[" else "<"
        record.relations = [(node, low, items[0]), (node, high, items[1])]
        record.relations = [r for r in record.relations if letter(_unsigned(r[2])) != r"\infty"]
    c.note(record)
    return made


def lettered(c: Collector, node: s.Node) -> s.Node:
    """The family that a list of names stands for, under a letter that nothing else is called by."""
    head, indices = head_and_indices(node)
    if [letter(i) for i in indices] != [""]:
        return node
    name = next(x for x in "ijklmnrst" if x not in c.names)
    return s.Subscript(node.start, node.end, head, (s.Name(node.start, node.end, name),))


def declare_layout(c: Collector, node: s.Partial, space: s.Node) -> None:
    _, sizes, _ = space_of(c, space)
    row = len(sizes) == 2 and sizes[0] == 1
    axes = tuple(AxisVar(size) for size in (sizes[1:] if row or (len(sizes) == 2 and sizes[1] == 1) else sizes))
    if len(sizes) == 2 and sizes[1] == 1:
        axes = (AxisVar(sizes[0]),)
    c.inventory.layouts[dump(node)] = Value(axes, lambda *i: sp.Integer(0), row=row)
    c.inventory.laid_out.append((node, c.inventory.layouts[dump(node)]))


def declare_function(c: Collector, node: s.Node, source: s.Node | None, target: s.Node | None) -> Entity:
    name = letter(node)
    if name is None or source is None or target is None:
        raise ReadProblem("only a name can be declared as a function")
    _, to, _ = space_of(c, target)
    _, from_, _ = space_of(c, source)
    if to:
        raise ReadProblem(f"{name} is declared with values in a space of vectors: give its components")
    if from_:
        entity = Entity(name, Kind.TENSOR, axes=(), declared=True)
        entity.depends = ("?",)
        entity.size = tuple(from_)
        return c.bind(entity)
    return c.bind(Entity(name, Kind.FUNCTION, declared=True))


def counts_on(items: tuple[s.Node, ...]) -> bool:
    r"""``1, 2, 3, \dots``: every whole number from 1."""
    values = [whole(i) for i in items[:-1]]
    return isinstance(items[-1], s.Dots) and values == list(range(1, len(values) + 1)) and len(values) > 1


def only_item(node: s.Node, kinds: str = "{") -> s.Node:
    while isinstance(node, s.Group) and node.opening in ("{", kinds) and len(node.items) == 1:
        node = node.items[0]
    return node


def dump_name(node: s.Subscript) -> str:
    inner = "".join(getattr(i, "text", "") for i in node.indices)
    base = getattr(node.base, "text", "")
    return f"{base}_{inner}" if len(inner) == 1 else f"{base}_{{{inner}}}"


def _product(block: list[tuple[str, s.Node]]) -> s.Node:
    if len(block) == 1:
        return block[0][1]
    return s.Factors(block[0][1].start, block[-1][1].end, tuple(b[0] for b in block), tuple(b[1] for b in block))


def _bound_of(indices: tuple[s.Node, ...]) -> str:
    """``_{>0}``, ``_{++}``, ``_{\\ge 0}``; ``_+`` is both to different authors, so it has 0 too."""
    text = "".join(str(getattr(i, "text", "")) for i in indices)
    if text == "+":
        return ">="
    if "+" in text or ">" in text:
        return ">=" if "=" in text else ">"
    if r"\ge" in text:
        return ">="
    raise ReadProblem("this set is not known")


def _unsigned(node: s.Node) -> s.Node:
    return node.terms[0] if isinstance(node, s.Terms) and len(node.terms) == 1 else node
