"""The array language: what a compiled function computes, as a graph of operations on arrays.

Axes have no names here. A node has an ordered tuple of axes, known by their sizes; whoever uses it says, in
a ``Use``, which of its own axes each of them is. So ``sum_l exp(z_l)`` and ``sum_k exp(z_k)`` are the same node, and
``s_j`` beside ``s_i`` is one array used twice. The axes of a node are 0, 1, ...; labels beyond them are summed over.

Node types are closed; operations on them are functions elsewhere (``evaluate``, ``stable``, ``numpy_source``).
Constructors check, they do not simplify. Leading batch axes do not appear: every operation is per batch entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cached_property

Size = str  # a dimension: a name, a number or an affine expression of names, as source text


@dataclass(frozen=True)
class Node:
    """An array-valued expression."""

    @property
    def sizes(self) -> tuple[Size, ...]:
        raise NotImplementedError

    @property
    def uses(self) -> tuple[Use, ...]:
        return ()

    @property
    def rank(self) -> int:
        return len(self.sizes)

    @cached_property
    def _hash(self) -> int:
        return hash((type(self).__name__, *(getattr(self, f.name) for f in fields(self))))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True)
class Use:
    """``node`` with its axes standing for ``labels`` of the user; a repeated label takes a diagonal."""

    node: Node
    labels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.labels) != self.node.rank:
            raise ValueError(f"{type(self.node).__name__} of rank {self.node.rank} used with {len(self.labels)} labels")


def whole(node: Node) -> Use:
    """The node with its own axes."""
    return Use(node, tuple(range(node.rank)))


def _sizes(uses: tuple[Use, ...], rank: int | None = None) -> tuple[Size, ...]:
    known: dict[int, Size] = {}
    for use in uses:
        for label, size in zip(use.labels, use.node.sizes, strict=True):
            known.setdefault(label, size)
    count = len(known) if rank is None else rank
    return tuple(known[k] for k in range(count))


# ----- leaves -----


@dataclass(frozen=True, eq=True)
class Input(Node):
    """An argument. ``integer`` for labels, which count from zero."""

    name: str
    axes: tuple[Size, ...] = ()
    integer: bool = False
    __hash__ = Node.__hash__

    @property
    def sizes(self) -> tuple[Size, ...]:
        return self.axes


@dataclass(frozen=True)
class Number(Node):
    """A rational, or one of the constants ``pi`` and ``e``."""

    value: Fraction | str
    __hash__ = Node.__hash__

    @property
    def sizes(self) -> tuple[Size, ...]:
        return ()


@dataclass(frozen=True)
class Extent(Node):
    """A size as a number."""

    size: Size
    __hash__ = Node.__hash__

    @property
    def sizes(self) -> tuple[Size, ...]:
        return ()


@dataclass(frozen=True)
class Positions(Node):
    """first, first + 1, ...: the values of an index along its axis."""

    size: Size
    first: int
    __hash__ = Node.__hash__

    @property
    def sizes(self) -> tuple[Size, ...]:
        return (self.size,)


# ----- elementwise -----


@dataclass(frozen=True)
class Map(Node):
    """``op`` of its operands, entry by entry."""

    op: str
    operands: tuple[Use, ...]
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return self.operands

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        return _sizes(self.operands)


@dataclass(frozen=True)
class Add(Node):
    """sum of coefficient * operand."""

    terms: tuple[tuple[Fraction, Use], ...]
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return tuple(use for _, use in self.terms)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        return _sizes(self.uses)


@dataclass(frozen=True)
class Mul(Node):
    """coefficient * product of operand ** exponent."""

    coefficient: Fraction
    factors: tuple[tuple[Use, Fraction], ...]
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return tuple(use for use, _ in self.factors)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        return _sizes(self.uses)


# ----- along axes -----


@dataclass(frozen=True)
class Contract(Node):
    """sum, over every label from ``kept`` on, of the product of the operands."""

    operands: tuple[Use, ...]
    kept: int
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return self.operands

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        return _sizes(self.operands, self.kept)


@dataclass(frozen=True)
class Reduce(Node):
    """``op`` (max, min, prod) over every label from ``kept`` on."""

    op: str
    operand: Use
    kept: int
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (self.operand,)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        return _sizes(self.uses, self.kept)


@dataclass(frozen=True)
class Gather(Node):
    """``source`` at ``where`` along its axis ``axis``; the labels of ``where`` are integers counted from zero.

    ``source`` labels the gathered axis -1; the others are the labels of the result.
    """

    source: Use
    where: Use
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (self.source, self.where)

    @cached_property
    def axis(self) -> int:
        return self.source.labels.index(-1)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        known = dict(zip(self.source.labels, self.source.node.sizes, strict=True))
        known.update(zip(self.where.labels, self.where.node.sizes, strict=True))
        known.pop(-1)
        return tuple(known[k] for k in range(len(known)))


@dataclass(frozen=True)
class Take(Node):
    """``operand`` at the fixed position ``position`` (counted from zero) of the axis that it labels -1."""

    operand: Use
    position: int
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (self.operand,)

    @cached_property
    def axis(self) -> int:
        return self.operand.labels.index(-1)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        known = dict(zip(self.operand.labels, self.operand.node.sizes, strict=True))
        known.pop(-1)
        return tuple(known[k] for k in range(len(known)))


@dataclass(frozen=True)
class OnDiagonal(Node):
    """delta_{first, second} * operand: zero off the diagonal of the axes ``first`` and ``second`` of the result.

    The operand uses ``first`` only.
    """

    operand: Use
    first: int
    second: int
    size: Size
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (self.operand,)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        known = dict(zip(self.operand.labels, self.operand.node.sizes, strict=True))
        known |= {self.first: self.size, self.second: self.size}
        return tuple(known[k] for k in range(len(known)))


@dataclass(frozen=True)
class AtLabel(Node):
    """delta_{axis, where} * operand: zero but where the new axis ``axis`` is the label ``where``."""

    operand: Use
    where: Use
    axis: int
    size: Size
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (self.operand, self.where)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        known = {self.axis: self.size}
        for use in self.uses:
            known.update(zip(use.labels, use.node.sizes, strict=True))
        return tuple(known[k] for k in range(len(known)))


@dataclass(frozen=True)
class Concat(Node):
    """Pieces joined along the axis ``axis``; each has all the axes of the result."""

    pieces: tuple[Use, ...]
    axis: int
    size: Size
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return self.pieces

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        known = {self.axis: self.size}
        for use in self.pieces:
            for label, size in zip(use.labels, use.node.sizes, strict=True):
                known.setdefault(label, size)
        return tuple(known[k] for k in range(len(known)))


@dataclass(frozen=True)
class Slice(Node):
    """``operand`` from position ``start`` on, ``size`` entries of its axis ``axis``."""

    operand: Use
    axis: int
    start: int
    size: Size
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (self.operand,)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        sizes = list(_sizes(self.uses))
        sizes[self.axis] = self.size
        return tuple(sizes)


@dataclass(frozen=True)
class Matrix(Node):
    """``op`` (inv, det, logabsdet) of the matrix whose axes are the last two labels of the operand."""

    op: str
    operand: Use
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (self.operand,)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        sizes = _sizes(self.uses)
        return sizes if self.op == "inv" else sizes[:-2]


# ----- stable forms: made by stable.py, each equal to what it replaces -----


@dataclass(frozen=True)
class Softmax(Node):
    """exp(a) / sum exp(a) along the axis ``axis`` of ``operand``."""

    operand: Node
    axis: int
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (whole(self.operand),)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        return self.operand.sizes


@dataclass(frozen=True)
class LogSoftmax(Node):
    """a - log sum exp(a) along the axis ``axis`` of ``operand``."""

    operand: Node
    axis: int
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (whole(self.operand),)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        return self.operand.sizes


@dataclass(frozen=True)
class LogSumExp(Node):
    """log sum exp(a) along the axis ``axis`` of ``operand``."""

    operand: Node
    axis: int
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (whole(self.operand),)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        return self.operand.sizes[: self.axis] + self.operand.sizes[self.axis + 1 :]


ONE = Number(Fraction(1))
ZERO = Number(Fraction(0))

# ----- walking -----


def children(node: Node) -> tuple[Node, ...]:
    return tuple(use.node for use in node.uses)


def walk(*roots: Node) -> Iterator[Node]:
    """Every node once, operands before their users, in a fixed order."""
    seen: set[Node] = set()
    for root in roots:
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if node in seen:
                continue
            if ready:
                seen.add(node)
                yield node
            else:
                stack.append((node, True))
                stack.extend((child, False) for child in reversed(children(node)))


def with_uses(node: Node, f: Callable[[Use], Use]) -> Node:
    """The node with every use of an operand replaced by ``f`` of it."""
    match node:
        case Add(terms):
            return Add(tuple((c, f(u)) for c, u in terms))
        case Mul(coefficient, factors):
            return Mul(coefficient, tuple((f(u), p) for u, p in factors))
    changes: dict[str, object] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Use):
            changes[field.name] = f(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], Use):
            changes[field.name] = tuple(f(u) for u in value)
    return replace(node, **changes) if changes else node


def with_children(node: Node, f: Callable[[Node], Node]) -> Node:
    """The node with every operand replaced by ``f`` of it; the axes of operands stay."""
    if isinstance(node, Softmax | LogSoftmax | LogSumExp):
        return replace(node, operand=f(node.operand))
    return with_uses(node, lambda use: Use(f(use.node), use.labels))


def rewrite(roots: tuple[Node, ...], rule: Callable[[Node], Node | None],
            moved: dict[Node, Node] | None = None) -> tuple[Node, ...]:
    """Apply ``rule`` to every node, operands first, until it answers None; ``moved`` learns what became of each."""
    done: dict[Node, Node] = {}
    for node in walk(*roots):
        new = with_children(node, done.__getitem__)
        for _ in range(32):
            better = rule(new)
            if better is None or better == new:
                break
            new = better
        done[node] = new
    if moved is not None:
        moved.update({old: done.get(now, now) for old, now in moved.items()})
    return tuple(done[root] for root in roots)
