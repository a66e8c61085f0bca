"""The other layout: functions that can be computed a block of rows at a time, without temporaries of full size.

The rows are the batch entries, or an axis that every large array has and that is at most summed over in the end (the
examples of a data set). Inside a block an array stands as ``(axes, rows)``: what is one number a row broadcasts by
itself, and the same statements serve long rows (views of the caller's memory) and short ones (transposed copies).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from derive.codegen import array, build
from derive.codegen.array import (
    Add,
    AtLabel,
    Contract,
    Gather,
    Input,
    LogSoftmax,
    LogSumExp,
    Map,
    Mul,
    Node,
    OnDiagonal,
    Positions,
    Size,
    Softmax,
    Use,
    walk,
    whole,
    with_children,
)
from derive.codegen.numpy_source import LETTERS, Straight, constant_text, is_constant, rational
from derive.codegen.shares import Share, Shares, factor_use

ONE = Fraction(1)
SIMPLE = (Input, Map, Add, Mul, Contract, Gather, AtLabel, OnDiagonal, Softmax, LogSoftmax, LogSumExp)


@dataclass(frozen=True)
class RowSum(Node):
    """The sum over the rows of the product of the operands, with labels from ``kept`` on summed over too."""

    operands: tuple[Use, ...]
    kept: int
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return self.operands

    @property
    def sizes(self) -> tuple[Size, ...]:
        return Contract(self.operands, self.kept).sizes


@dataclass(frozen=True)
class Shift(Node):
    """What was subtracted from each row of ``operand`` before its exponentials were taken; free to choose."""

    operand: Node
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (whole(self.operand),)

    @property
    def sizes(self) -> tuple[Size, ...]:
        return ()


@dataclass(frozen=True)
class LogTotal(Node):
    """log sum exp(operand - shift)."""

    operand: Node
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (whole(self.operand),)

    @property
    def sizes(self) -> tuple[Size, ...]:
        return ()


@dataclass(frozen=True)
class Shifted(Node):
    """operand - shift."""

    operand: Node
    __hash__ = Node.__hash__

    @property
    def uses(self) -> tuple[Use, ...]:
        return (whole(self.operand),)

    @property
    def sizes(self) -> tuple[Size, ...]:
        return self.operand.sizes


@dataclass(frozen=True)
class RowProgram:
    """Results without their row axis; which arguments have rows; the size and the places of the row axis.

    ``axis`` is None when the rows are the batch. ``rows[name]`` is the place of the row axis of an argument.
    """

    results: tuple[Node, ...]
    rows: dict[str, int | None]
    size: Size | None
    result_rows: tuple[int | None, ...]


# ----- which axis are the rows -----


def by_rows(arguments: Sequence[Input], results: Sequence[Node]) -> RowProgram | None:
    """The function as a program over rows, when it has that form."""
    if not any(isinstance(n, Softmax | LogSoftmax | LogSumExp | Map) for n in walk(*results)):
        return None
    if all(a.rank <= 1 for a in arguments):
        program = RowProgram(tuple(results), {a.name: 0 for a in arguments}, None, (0,) * len(results))
        return program if suits(program) else None
    for size in dict.fromkeys(s for a in arguments for s in a.axes):
        split = Splitter(size).split(arguments, results)
        if split is not None and suits(split) and has_large(split):
            return split
    return None


def suits(program: RowProgram) -> bool:
    """Every array that has rows is a vector or a number in each row, but for results."""
    depends = row_dependent(program)
    for node in walk(*program.results):
        if node not in depends:
            if isinstance(node, Softmax | LogSoftmax | LogSumExp | Map) and not is_constant(node):
                return False
            continue
        if not isinstance(node, SIMPLE) and not isinstance(node, RowSum):
            return False
        if node.rank > 1 and not (isinstance(node, RowSum) or node in program.results or feeds_result(node, program)):
            return False
        if isinstance(node, Input) and node.rank > 1:
            return False
    # a sum over rows must not be needed inside of the rows again
    after: set[Node] = {n for n in walk(*program.results) if isinstance(n, RowSum)}
    for node in walk(*program.results):
        if any(u.node in after for u in node.uses):
            after.add(node)
    return not any(n in depends and n in after and not isinstance(n, RowSum) for n in walk(*program.results))


def has_large(program: RowProgram) -> bool:
    """Something is computed that has an axis besides the rows: else whole arrays need no memory worth saving."""
    rows = row_dependent(program)
    computed = [n for n in walk(*program.results) if n in rows and not isinstance(n, Input)]
    return any(n.rank or isinstance(n, LogSumExp) for n in computed)


def feeds_result(node: Node, program: RowProgram) -> bool:
    """A term of a result, which is added into it."""
    return any(isinstance(r, Add | Mul) and any(u.node == node for u in r.uses) for r in program.results)


def row_dependent(program: RowProgram) -> set[Node]:
    """The nodes that have a value for each row."""
    found: set[Node] = set()
    for node in walk(*program.results):
        if isinstance(node, Input):
            if program.size is None or program.rows.get(node.name) is not None:
                found.add(node)
        elif not isinstance(node, RowSum) and any(u.node in found for u in node.uses):
            found.add(node)
    return found


class Splitter:
    """Takes the row axis out of every node, where each has it once."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.axis: dict[Node, int | None] = {}
        self.new: dict[Node, Node] = {}

    def split(self, arguments: Sequence[Input], results: Sequence[Node]) -> RowProgram | None:
        rows: dict[str, int | None] = {}
        for a in arguments:
            if a.axes.count(self.size) > 1:
                return None
            rows[a.name] = a.axes.index(self.size) if self.size in a.axes else None
        for node in walk(*results):
            if not self.visit(node):
                return None
        new = tuple(self.new[r] for r in results)
        return RowProgram(new, rows, self.size, tuple(self.axis[r] for r in results))

    def visit(self, node: Node) -> bool:
        if isinstance(node, Input):
            place = node.axes.index(self.size) if self.size in node.axes else None
            axes = tuple(s for k, s in enumerate(node.axes) if k != place)
            self.axis[node], self.new[node] = place, Input(node.name, axes, node.integer)
            return True
        if not node.uses:
            if isinstance(node, Positions) and node.size == self.size:
                return False
            self.axis[node], self.new[node] = None, node
            return True
        found = {u.labels[p] for u in node.uses if (p := self.axis[u.node]) is not None}
        if len(found) > 1 or -1 in found:
            return False
        if not found:
            self.axis[node], self.new[node] = None, self.rebuilt(node, None)
            return all(u.labels.count(x) <= 1 or True for u in node.uses for x in u.labels)
        (label,) = found
        if any(label in u.labels and self.axis[u.node] is None for u in node.uses):
            return False
        return self.visit_row(node, label)

    def visit_row(self, node: Node, label: int) -> bool:
        if isinstance(node, Contract) and label >= node.kept:
            operands = tuple(self.without(u, label) for u in node.operands)
            self.axis[node], self.new[node] = None, RowSum(operands, node.kept)
            return True
        if isinstance(node, Softmax | LogSoftmax | LogSumExp):
            if label == node.axis:
                return False
            axis = node.axis - (node.axis > label)
            self.new[node] = type(node)(self.new[node.operand], axis)
            self.axis[node] = label - (1 if isinstance(node, LogSumExp) and node.axis < label else 0)
            return True
        if isinstance(node, OnDiagonal) and label in (node.first, node.second):
            return False
        if isinstance(node, AtLabel) and label == node.axis:
            return False
        if not isinstance(node, Map | Add | Mul | Contract | Gather | AtLabel | OnDiagonal):
            return False
        self.axis[node], self.new[node] = label, self.rebuilt(node, label)
        return True

    def without(self, use: Use, label: int | None) -> Use:
        labels = [x for k, x in enumerate(use.labels) if k != self.axis[use.node]]
        return Use(self.new[use.node], tuple(x - (label is not None and x > label) for x in labels))

    def rebuilt(self, node: Node, label: int | None) -> Node:
        """The node over operands without rows; labels above the row label move down."""

        def use(u: Use) -> Use:
            return self.without(u, label)

        def down(k: int) -> int:
            return k - (label is not None and k > label)

        match node:
            case Map("copy", (operand,)):
                return build.arranged(use(operand))
            case Map(op, operands):
                return Map(op, tuple(use(u) for u in operands))
            case Add(terms):
                return build.add([(c, use(u)) for c, u in terms])
            case Mul(coefficient, factors):
                return build.multiply(coefficient, [(use(u), p) for u, p in factors])
            case Contract(operands, kept):
                return Contract(tuple(use(u) for u in operands), kept - (label is not None))
            case Gather(source, where):
                return Gather(use(source), use(where))
            case AtLabel(operand, where, axis, size):
                return AtLabel(use(operand), use(where), down(axis), size)
            case OnDiagonal(operand, first, second, size):
                return OnDiagonal(use(operand), down(first), down(second), size)
        return with_children(node, self.new.__getitem__)


# ----- sums of exponentials, taken apart -----


def opened(results: Sequence[Node]) -> tuple[Node, ...]:
    """log sum exp(a) as shift + log sum exp(a - shift), where another part cancels the shift."""
    done: dict[Node, Node] = {}
    roots = set(results)
    for node in walk(*results):
        new = with_children(node, done.__getitem__) if not isinstance(node, RowSum) else RowSum(
            tuple(Use(done[u.node], u.labels) for u in node.operands), node.kept)
        done[node] = open_node(new, node in roots)
    return tuple(done[r] for r in results)


def open_node(node: Node, is_result: bool) -> Node:
    match node:
        case Contract(operands, 0):
            return weighted_log(node, operands)
        case RowSum(operands, 0):
            inside = weighted_log(Contract(operands, 0), operands)
            return node if isinstance(inside, Contract) else RowSum((whole(inside),), 0)
        case LogSumExp(operand, 0) if operand.rank == 1 and not is_result:
            return Add(((ONE, whole(Shift(operand))), (ONE, whole(LogTotal(operand)))))
        case Add():
            return cancelled(build.add(node.terms))
    return node


def weighted_log(node: Contract, operands: tuple[Use, ...]) -> Node:
    """sum w (a - log sum exp a) = sum w (a - shift) - (log total) sum w."""
    found = [k for k, u in enumerate(operands) if isinstance(u.node, LogSoftmax) and u.labels == (0,)]
    if len(found) != 1 or len(operands) != 2 or any(u.labels not in ((0,), ()) for u in operands):
        return node
    inner = operands[found[0]].node
    assert isinstance(inner, LogSoftmax)
    weight = operands[1 - found[0]]
    if weight.labels != (0,):
        return node
    shifted = Contract((weight, Use(Shifted(inner.operand), (0,))), 0)
    total = Mul(ONE, ((whole(LogTotal(inner.operand)), ONE), (whole(Contract((weight,), 0)), ONE)))
    return Add(((ONE, whole(shifted)), (-ONE, whole(total))))


def cancelled(node: Node) -> Node:
    """Terms in the order (a - shift) - log total, so that large parts cancel first."""
    if not isinstance(node, Add):
        return node
    return Add(tuple(sorted(node.terms, key=lambda t: (isinstance(t[1].node, LogTotal), isinstance(t[1].node, Shift)))))


# ----- statements -----


class Columns(Straight):
    """Emits the statements of one block; arrays stand as (axes, rows)."""

    def __init__(self, roots: Sequence[Node], rows: set[Node], names: dict[Node, str], taken: Iterable[str]) -> None:
        super().__init__(roots, names, taken, "work")
        self.rows = rows
        self.groups: dict[Node, tuple[str, str, str]] = {}
        self.works: dict[Node, str] = {}
        self.shares = Shares(self.order, self.roots, lambda n: n.rank == 0, self.has_rows)

    def assign(self, node: Node, expression: str, owned: bool = True) -> None:
        super().assign(node, expression, owned)
        if owned and node in self.rows:
            self.owned.add(node)

    def has_rows(self, node: Node) -> bool:
        return node in self.rows

    def has_buffer(self, node: Node) -> bool:
        return node in self.rows

    def reusable(self, node: Node, use: Use, others: Iterable[Use]) -> bool:
        """All that has rows has the same rows."""
        return (
            use.node in self.owned
            and self.last[use.node] == self.position[node]
            and use.labels == tuple(range(node.rank))
            and use.node.sizes == node.sizes
            and (use.node in self.rows or node not in self.rows)
            and sum(u.node == use.node for u in node.uses) == 1
        )

    def covers(self, node: Add, dense: Sequence[tuple[Fraction, Use]], special: Sequence[tuple[Fraction, Use]]) -> bool:
        labels = {x for _, u in dense for x in u.labels}
        return len(labels) == node.rank and any(u.node in self.rows for _, u in dense)

    def dense_sum(self, node: Node, terms: Sequence[tuple[Fraction, Use]]) -> None:
        if not any(isinstance(u.node, Shift) for _, u in terms):
            return super().dense_sum(node, terms)
        (c, first), *rest = terms
        name = self.take_over(node, first) if c == 1 and self.reusable(node, first, node.uses) else ""
        if not name:
            self.assign(node, self.sum_text([terms[0]], node.rank) + ("" if isinstance(first.node, Shift) else " + 0"))
            name = self.text[node]
        for d, use in rest:
            self.lines.append(f"{name} {self.signed(d, self.aligned(use, node.rank))}")
        return None

    def aligned(self, use: Use, rank: int) -> str:
        if is_constant(use.node):
            return constant_text(use.node)
        text = self.ref(use.node)
        present = sorted(set(use.labels))
        tail = "R" if self.has_rows(use.node) else ""
        if list(use.labels) != present:
            mine = "".join(LETTERS[k] for k in use.labels)
            text = f"np.einsum('{mine}{tail}->{''.join(LETTERS[k] for k in present)}{tail}', {text})"
            self.lend(use.node)
        leading = rank - len(present)
        if present == list(range(leading, rank)) and (tail or not present):
            return text
        index = [":" if k in present else "None" for k in range(rank)] + [":" if tail else "None"]
        return f"{text}[{', '.join(index)}]"

    def exponentials(self, operand: Node) -> tuple[str, str, str]:
        """The names of exp(operand - shift), its sums and the shift."""
        if operand not in self.groups:
            e, total, shift = (self.unused(n) for n in ("e", "total", "shift"))
            self.needs.add("exp_total")
            x, work = self.ref(operand), self.work_of(operand)
            self.lines.append(f'{e} = work.like("{e}", {x})')
            share = self.shares.at_label(operand)
            labels = f", {self.ref(share.at.where.node)}" if share and share.at else ""
            self.lines.append(f"{total}, {shift} = exp_total({x}, {e}, {work}{labels})")
            self.groups[operand] = e, total, shift
            self.lend(operand)
        return self.groups[operand]

    def work_of(self, operand: Node) -> str:
        """What is learnt about the exponentials of ``operand``, apart from what is learnt about others."""
        if operand not in self.works:
            self.works[operand] = name = self.unused("work") if self.works else "work"
            if name != "work":
                self.lines.append(f"{name} = work.other({len(self.works)})")
        return self.works[operand]

    def unused(self, wanted: str) -> str:
        name, k = wanted, 1
        while name in self.taken:
            k += 1
            name = f"{wanted}{k}"
        self.taken.add(name)
        return name

    def share(self, node: Node, share: Share) -> None:
        """factor * exp / total, in the place of the exponentials."""
        e, total, _ = self.exponentials(share.soft.operand)
        self.needs.add("normalise")
        more = [] if share.factor == array.ONE else [self.factor_text(share)]
        if share.at is not None:
            more = [*more, f"labels={self.ref(share.at.where.node)}"]
        elif not more and self.shares.subtracted(node):
            more = ["exact=True"]
        self.lines.append(f"normalise({', '.join([e, total, self.work_of(share.soft.operand), *more])})")
        self.text[node] = e
        self.owned.add(node)

    def factor_text(self, share: Share) -> str:
        coefficient, factors = factor_use(share)
        return self.product(coefficient, factors, 0)

    def along(self, function: str, node: Softmax | LogSoftmax | LogSumExp) -> None:
        if isinstance(node, Softmax):
            self.share(node, Share(node, array.ONE))
        elif isinstance(node, LogSoftmax):
            self.needs.add("log_normalised")
            x = self.ref(node.operand)
            name = self.fresh(node)
            self.lines.append(f'{name} = work.like("{name}", {x})')
            self.lines.append(f"log_normalised({x}, {name}, {self.work_of(node)})")
            self.text[node] = name
            self.owned.add(node)
        else:
            self.needs.add("log_sum_exp_of")
            e, total, shift = self.exponentials(node.operand)
            self.assign(node, f"log_sum_exp_of({self.ref(node.operand)}, {total}, {shift})")

    def emit_row(self, node: Node) -> bool:
        """Nodes with a form of their own in this layout."""
        if isinstance(node, Shift | LogTotal | Shifted):
            return self.emit_part(node)
        if self.shares.later(node):
            return True
        if isinstance(node, Mul | Add) and (share := self.shares.made_by(node)):
            self.share(node, share)
            return True
        if isinstance(node, RowSum):
            self.emit_row_sum(node)
            return True
        if isinstance(node, Contract):
            return self.emit_contract(node)
        if isinstance(node, Gather) and node.source.labels == (-1,) and node.rank == 0:
            where = self.ref(node.where.node)
            source = self.ref(node.source.node)
            self.assign(node, f"{source}[{where}, np.arange({where}.size)]" if self.has_rows(node.source.node)
                        else f"{source}[{where}]")
            return self.has_rows(node.where.node)
        return False

    def emit_part(self, node: Shift | LogTotal | Shifted) -> bool:
        e, total, shift = self.exponentials(node.operand)
        if isinstance(node, Shift):
            self.text[node] = shift
        elif isinstance(node, LogTotal):
            self.assign(node, f"np.log({total})")
        else:
            self.needs.add("less_shift")
            self.assign(node, f"less_shift({self.ref(node.operand)}, {shift})", owned=False)
        return True

    def emit_contract(self, node: Contract) -> bool:
        rows = [self.has_rows(u.node) for u in node.operands]
        if len(node.operands) == 1 and rows[0] and node.operands[0].labels == (0,):
            self.needs.add("column_sums")
            self.assign(node, f"column_sums({self.ref(node.operands[0].node)})")
            return True
        if len(node.operands) == 2 and node.kept == 0 and all(u.labels == (0,) for u in node.operands) and all(rows):
            self.needs.add("inner_products")
            a, b = (self.ref(u.node) for u in node.operands)
            self.assign(node, f"inner_products({a}, {b})")
            return True
        if len(node.operands) == 2 and sorted(rows) == [False, True]:
            vector, matrix = (node.operands if rows[0] else node.operands[::-1])
            if node.kept == 1 and vector.labels == (1,) and sorted(matrix.labels) == [0, 1]:
                text = self.ref(matrix.node)
                turned = text if matrix.labels == (1, 0) else f"{text}.T"
                self.assign(node, f"({self.ref(vector.node)}.T @ {turned}).T")
                return True
            weights, vector = (node.operands if not rows[0] else node.operands[::-1])
            if node.kept == 0 and weights.labels == vector.labels == (0,):
                self.assign(node, f"{self.ref(weights.node)} @ {self.ref(vector.node)}")
                return True
        subscripts = ",".join("".join(LETTERS[k] for k in u.labels) + ("R" if r else "")
                              for u, r in zip(node.operands, rows, strict=True))
        result = "".join(LETTERS[k] for k in range(node.kept)) + "R"
        operands = ", ".join(self.ref(u.node) for u in node.operands)
        extra = ", optimize=True" if len(node.operands) > 2 else ""
        self.assign(node, f"np.einsum('{subscripts}->{result}', {operands}{extra})")
        return True

    def emit_row_sum(self, node: RowSum) -> None:
        rows = [self.has_rows(u.node) for u in node.operands]
        operands = [self.ref(u.node) for u in node.operands]
        labels = sorted(u.labels for u in node.operands)
        if len(operands) == 1 and rows[0] and node.operands[0].labels == tuple(range(node.kept)):
            if node.kept == 0:
                self.needs.add("sum_over_rows")
            text = f"sum_over_rows({operands[0]})" if node.kept == 0 else f"{operands[0]}.sum(axis=-1)"
            self.assign(node, text, owned=False)
        elif node.kept == 2 and len(operands) == 2 and all(rows) and labels == [(0,), (1,)]:
            a, b = operands if node.operands[0].labels == (0,) else operands[::-1]
            self.assign(node, f"{a} @ {b}.T", owned=False)
        elif len(operands) == 2 and all(rows) and labels in ([(), ()], [(), (0,)]) and node.kept == len(labels[1]):
            a, b = operands if node.operands[0].labels else operands[::-1]
            self.assign(node, f"{a} @ {b}", owned=False)
        else:
            subscripts = ",".join("".join(LETTERS[k] for k in u.labels) + ("R" if r else "")
                                  for u, r in zip(node.operands, rows, strict=True))
            result = "".join(LETTERS[k] for k in range(node.kept))
            extra = ", optimize=True" if len(operands) > 2 else ""
            self.assign(node, f"np.einsum('{subscripts}->{result}', {', '.join(operands)}{extra})", owned=False)

    def scatter(self, node: Add, c: Fraction, use: Use) -> None:
        inner = use.node
        name = self.text[node]
        if isinstance(inner, AtLabel) and node.rank == 1 and self.has_rows(inner.where.node):
            where = self.ref(inner.where.node)
            value = self.aligned(Use(inner.operand.node, ()), 0) if inner.operand.labels == () else None
            if value is not None:
                self.lines.append(f"{name}[{where}, np.arange({where}.size)] {self.signed(c, value)}")
                return
        if isinstance(inner, OnDiagonal) and len(use.labels) == 2 == node.rank:
            diagonal = self.unused("diagonal")
            self.lines.append(f"{diagonal} = np.einsum('iiR->iR', {name})")
            self.lines.append(f"{diagonal} {self.signed(c, self.aligned(Use(inner.operand.node, (0,)), 1))}")
            return
        raise NotRows

    def zeros(self, node: Node) -> str:
        raise NotRows

    def run(self) -> list[str]:
        for node in self.order:
            if isinstance(node, Input):
                self.text[node] = node.name
            elif not self.emit_row(node):
                self.emit(node)
        return [self.ref(root) for root in self.roots]


class NotRows(Exception):
    """The block has no form in this layout; the other one serves."""


def into(lines: list[str], name: str, out: str) -> list[str]:
    """The statements with the buffer ``name`` placed in ``out``."""
    made = next((k for k, line in enumerate(lines) if line.startswith(f"{name} = ")), None)
    if made is None:
        return [*lines, f"{out}[...] = {name}"]
    expression = lines[made][len(name) + 3 :]
    rest = [re.sub(rf"\b{name}\b", out, line) for line in lines[made + 1 :]]
    if expression.startswith(("np.empty_like(", "work.like(")):
        first = []
    elif (call := re.fullmatch(r"(np\.\w+)\((.*)\)", expression)) and balanced(call[2]) and "out=" not in call[2]:
        first = [f"{call[1]}({call[2]}, out={out})"] if call[1] in UFUNCS else [f"{out}[...] = {expression}"]
    elif simple := re.fullmatch(r"([\w.\[\], :]+?) ([-+*/]) ([\w.\[\], :]+)", expression):
        first = [f"{INFIX[simple[2]]}({simple[1]}, {simple[3]}, out={out})"]
    else:
        first = [f"{out}[...] = {expression}"]
    return [*lines[:made], *first, *rest]


INFIX = {"+": "np.add", "-": "np.subtract", "*": "np.multiply", "/": "np.divide"}
UFUNCS = frozenset(f"np.{f}" for f in (
    "exp", "log", "log1p", "expm1", "tanh", "sinh", "cosh", "sin", "cos", "sqrt", "square", "abs", "negative",
    "maximum", "minimum", "sign", "power", "arctan", "reciprocal",
))


def balanced(text: str) -> bool:
    """No closing bracket before its opening one."""
    depth = 0
    for c in text:
        depth += (c in "([") - (c in ")]")
        if depth < 0:
            return False
    return depth == 0


__all__ = ["Columns", "NotRows", "RowProgram", "RowSum", "by_rows", "into", "opened", "rational", "row_dependent"]
