"""NumPy source from the array language: one straight line of whole-array statements, as a person would write it.

Arrays stand as ``(..., axes)``: leading batch axes first, then the axes of the node. Buffers of dead temporaries are
written over in place. ``rows`` emits the other layout, for functions that can be computed a block of rows at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import singledispatchmethod

from derive.codegen.array import (
    ONE,
    ZERO,
    Add,
    AtLabel,
    Concat,
    Contract,
    Extent,
    Gather,
    Input,
    LogSoftmax,
    LogSumExp,
    Map,
    Matrix,
    Mul,
    Node,
    Number,
    OnDiagonal,
    Positions,
    Reduce,
    Slice,
    Softmax,
    Take,
    Use,
    walk,
)

LETTERS = "ijklmnpqrstuvwxyz"

OPERATORS = {
    "greater": ">",
    "greater_equal": ">=",
    "less": "<",
    "less_equal": "<=",
    "equal": "==",
    "not_equal": "!=",
}

HELPERS = {
    "sigmoid": "stable_sigmoid",
    "sigmoid_by": "sigmoid_by",
    "exp_far": "exp_far",
    "softplus": "stable_softplus",
    "erf": "stable_erf",
    "erfc": "stable_erfc",
}

IRRATIONAL = {
    "ninf": "-np.inf",
    "pi": "np.pi",
    "e": "np.e",
    "euler_gamma": "np.euler_gamma",
    "golden_ratio": "((1 + 5**0.5) / 2)",
}

NAMES = {"exp": "e", "exp_far": "e", "log": "log", "where": "chosen", "inv": "inverse", "tanh": "t"}
NAMES |= dict.fromkeys(OPERATORS, "where")


def rational(value: Fraction) -> str:
    """A rational as source: exact where it is an integer, else a quotient that rounds once."""
    if value.denominator == 1:
        return str(value.numerator)
    text = f"{value.numerator} / {value.denominator}"
    return f"({text})"


def is_constant(node: Node) -> bool:
    """A number that depends on sizes at most."""
    return isinstance(node, Number | Extent) or (
        node.rank == 0 and isinstance(node, Map | Add | Mul) and all(is_constant(u.node) for u in node.uses)
    )


def constant_text(node: Node) -> str:
    """A constant as a Python expression; a Python number, so that float32 stays float32."""
    match node:
        case Number(value):
            return rational(value) if isinstance(value, Fraction) else IRRATIONAL[value]
        case Extent(size):
            return size if size.isidentifier() else f"({size})"
        case Add(terms):
            return "(" + " + ".join(f"{rational(c)} * {constant_text(u.node)}" for c, u in terms) + ")"
        case Mul(coefficient, factors):
            above = [power_text(constant_text(u.node), p) for u, p in factors if p > 0]
            below = [power_text(constant_text(u.node), -p) for u, p in factors if p < 0]
            if coefficient != 1 or not above:
                above.insert(0, rational(coefficient))
            return "(" + " / ".join([" * ".join(above), *below]) + ")"
        case Map(op, operands):
            values = [constant_text(u.node) for u in operands]
            if op in OPERATORS:
                return f"({values[0]} {OPERATORS[op]} {values[1]})"
            if op in HELPERS:
                return f"float({HELPERS[op]}({', '.join(f'np.float64({v})' for v in values)}))"
            return f"float(np.{op}({', '.join(values)}))"
    raise TypeError(f"not a constant: {type(node).__name__}")


def power_text(text: str, p: Fraction) -> str:
    if p == 1:
        return text
    return f"{text} ** {rational(p)}"


class Straight:
    """Emits the statements that compute ``roots``."""

    def __init__(self, roots: Sequence[Node], names: dict[Node, str], taken: Iterable[str],
                 source: str = "given") -> None:
        self.roots = tuple(roots)
        self.source = source
        self.names = names
        self.taken = set(taken)
        self.lines: list[str] = []
        self.text: dict[Node, str] = {}
        self.owned: set[Node] = set()
        self.needs: set[str] = set()
        order = [n for n in walk(*roots) if not is_constant(n)]
        self.position = {n: k for k, n in enumerate(order)}
        self.last = dict(self.position)
        for node in order:
            for use in node.uses:
                if use.node in self.position:
                    self.last[use.node] = max(self.last[use.node], self.position[node])
        for root in roots:
            self.last[root] = len(order)
        self.depends: dict[Node, frozenset[str]] = {}
        for node in order:
            mine = frozenset({node.name}) if isinstance(node, Input) else frozenset()
            self.depends[node] = mine.union(*(self.depends.get(u.node, frozenset()) for u in node.uses))
        self.order = order

    def run(self) -> list[str]:
        """The names or expressions of the results; the statements are in ``lines``."""
        for node in self.order:
            if isinstance(node, Input):
                self.text[node] = node.name
            else:
                self.emit(node)
        return self.results()

    def results(self) -> list[str]:
        """The results, each with memory of its own: none is an argument, a view of something or another result."""
        found: list[str] = []
        for root in self.roots:
            text = self.ref(root)
            own = is_constant(root) or root in self.owned or not root.rank
            found.append(f"np.array({text})" if not own or text in found else text)
        return found

    # ----- operands -----

    def fresh(self, node: Node) -> str:
        kind = node.op if isinstance(node, Map | Reduce | Matrix) else type(node).__name__.lower()
        wanted = self.names.get(node) or NAMES.get(kind, kind[0] if kind.isidentifier() else "t")
        name, k = wanted, 1
        while name in self.taken:
            k += 1
            name = f"{wanted}{k}"
        self.taken.add(name)
        return name

    def ref(self, node: Node) -> str:
        return constant_text(node) if is_constant(node) else self.text[node]

    def count(self, size: str) -> str:
        """A size as an integer; alone, its name is a number that may stand in a quotient."""
        return re.sub(r"[A-Za-z_]\w*", lambda name: f'{self.source}.sizes["{name[0]}"]', size)

    def aligned(self, use: Use, rank: int) -> str:
        """The operand with axes for the labels 0 .. rank - 1."""
        if is_constant(use.node):
            return constant_text(use.node)
        text = self.ref(use.node)
        present = sorted(set(use.labels))
        if list(use.labels) != present:
            text = self.view(text, use.labels, present)
            self.lend(use.node)
        if len(present) < rank:
            text += "[..., " + ", ".join(":" if k in present else "None" for k in range(rank)) + "]"
        return text

    def view(self, text: str, labels: Sequence[int], wanted: Sequence[int]) -> str:
        """The array with its axes in another order, or its diagonal."""
        if len(labels) == len(wanted) > 1:
            turned = [k for k, (x, y) in enumerate(zip(labels, wanted, strict=True)) if x != y]
            if len(turned) == 2:
                first, second = (k - len(labels) for k in turned)
                return f"np.swapaxes({text}, {second}, {first})"
        mine, theirs = ("".join(LETTERS[k] for k in x) for x in (labels, wanted))
        return f"np.einsum('...{mine}->...{theirs}', {text})"

    def lend(self, node: Node) -> None:
        """A view of the node is about: its buffer must stay as it is."""
        self.owned.discard(node)

    def reusable(self, node: Node, use: Use, others: Iterable[Use]) -> bool:
        """The buffer of ``use`` may take the result ``node``."""
        mine = self.depends.get(use.node, frozenset())
        return (
            use.node in self.owned
            and self.last[use.node] == self.position[node]
            and use.labels == tuple(range(node.rank))
            and use.node.sizes == node.sizes
            and all(mine >= self.depends.get(u.node, frozenset()) for u in others)
            and sum(u.node == use.node for u in node.uses) == 1
        )

    def assign(self, node: Node, expression: str, owned: bool = True) -> None:
        name = self.fresh(node)
        self.lines.append(f"{name} = {expression}")
        self.text[node] = name
        if owned and node.rank:  # what has no axes may be a scalar, which cannot be written over
            self.owned.add(node)

    def take_over(self, node: Node, use: Use) -> str:
        """The buffer of ``use`` becomes that of ``node``."""
        name = self.text[use.node]
        self.text[node] = name
        self.owned.discard(use.node)
        self.owned.add(node)
        return name

    # ----- statements -----

    @singledispatchmethod
    def emit(self, node: Node) -> None:
        raise TypeError(f"no source for {type(node).__name__}")

    @emit.register
    def _(self, node: Positions) -> None:
        count = self.count(node.size)
        stop = count if node.first == 0 else f"{node.first} + {count}"
        self.assign(node, f"np.arange({node.first}, {stop}, dtype=dtype)")

    @emit.register
    def _(self, node: Map) -> None:
        uses = node.operands
        if node.op == "copy":
            alone = self.turns_into(node, uses[0])
            return self.assign(node, self.aligned(uses[0], node.rank), owned=alone)
        if node.op == "ones":
            return self.assign(node, f"np.ones_like({self.ref(uses[0].node)})")
        operands = [self.aligned(u, node.rank) for u in uses]
        if node.op == "where":
            return self.assign(node, self.choice(node, operands))
        if node.op in OPERATORS:
            return self.assign(node, f"{operands[0]} {OPERATORS[node.op]} {operands[1]}", owned=False)
        if node.op in HELPERS:
            self.needs.add(HELPERS[node.op])
            return self.assign(node, f"{HELPERS[node.op]}({', '.join(operands)})")
        for use in uses:
            if self.reusable(node, use, uses):
                name = self.take_over(node, use)
                self.lines.append(f"np.{node.op}({', '.join(operands)}, out={name})")
                return None
        return self.assign(node, f"np.{node.op}({', '.join(operands)})")

    def turns_into(self, node: Node, use: Use) -> bool:
        """True when a view of the operand is all that is left of it."""
        return (use.node in self.owned and self.last[use.node] == self.position[node]
                and len(set(use.labels)) == use.node.rank == node.rank)

    def choice(self, node: Map, operands: list[str]) -> str:
        """``a`` where the condition holds, else ``b``; constants stay Python numbers of the working type."""
        if [u.node for u in node.operands[1:]] == [ONE, ZERO] and not is_constant(node.operands[0].node):
            return f"{operands[0]}.astype(dtype)"
        values = [f"dtype.type({t})" if is_constant(u.node) else t
                  for t, u in zip(operands[1:], node.operands[1:], strict=True)]
        return f"np.where({operands[0]}, {', '.join(values)})"

    @emit.register
    def _(self, node: Mul) -> None:
        factors = sorted(node.factors, key=lambda f: len(set(f[0].labels)))
        base = next((f for f in factors if f[1] == 1 and self.reusable(node, f[0], node.uses)), None)
        rest = [f for f in factors if f is not base]
        text = self.product(node.coefficient, rest, node.rank)
        if base is None:
            return self.assign(node, text, owned=node.coefficient != 1 or len(rest) > 1 or rest[0][1] != 1)
        name = self.take_over(node, base[0])
        if text != "1":
            simple = len(rest) == 1 and node.coefficient == 1 and rest[0][1] == -1
            if simple:
                self.lines.append(f"{name} /= {self.aligned(rest[0][0], node.rank)}")
            else:
                self.lines.append(f"{name} *= {text}")
        return None

    def product(self, coefficient: Fraction, factors: Sequence[tuple[Use, Fraction]], rank: int) -> str:
        """A product as text, operands of low rank first."""
        text, started = ("", False)
        if coefficient == -1 and factors:
            text = "-"
        elif coefficient != 1 or not factors:
            text, started = rational(coefficient), True
        for use, p in factors:
            operand = self.powered(self.aligned(use, rank), abs(p))
            if p > 0:
                text += f" * {operand}" if started else operand
            else:
                text += f" / {operand}" if started else f"1 / {operand}"
            started = True
        return text

    def powered(self, text: str, p: Fraction) -> str:
        if p == 1:
            return text
        if p == 2:
            return f"np.square({text})"
        if p == 3:
            return f"({text} * np.square({text}))"
        if p == 4:
            return f"np.square(np.square({text}))"
        if p == Fraction(1, 2):
            return f"np.sqrt({text})"
        if p == Fraction(3, 2):
            return f"({text} * np.sqrt({text}))"
        return f"np.power({text}, {rational(p)})"

    @emit.register
    def _(self, node: Add) -> None:
        special = [(c, u) for c, u in node.terms if isinstance(u.node, OnDiagonal | AtLabel) and self.sparse(node, u)]
        dense = [t for t in node.terms if t not in special]
        if special and not self.covers(node, dense, special):
            self.assign(node, self.zeros(node))
            if dense:
                self.lines.append(f"{self.text[node]} += {self.sum_text(dense, node.rank)}")
        else:
            self.dense_sum(node, dense)
        for c, use in special:
            self.scatter(node, c, use)

    def covers(self, node: Add, dense: Sequence[tuple[Fraction, Use]], special: Sequence[tuple[Fraction, Use]]) -> bool:
        """True when the sum of the dense terms has every axis, batch axes too."""
        reach = frozenset().union(*(self.depends.get(u.node, frozenset()) for _, u in dense))
        wanted = frozenset().union(*(self.depends.get(u.node, frozenset()) for _, u in special
                                     if isinstance(u.node, OnDiagonal)))  # add_at makes room for batch axes
        return len({x for _, u in dense for x in u.labels}) == node.rank and wanted <= reach

    def sparse(self, node: Add, use: Use) -> bool:
        return self.last[use.node] == self.position[node]

    def zeros(self, node: Node) -> str:
        """An array of zeros of the shape of the node, batch and all."""
        batch = [self.text[n] for n in self.order if isinstance(n, Input) and n.name in self.depends[node]]
        ranks = {n.name: n.rank for n in self.order if isinstance(n, Input)}
        leading = ", ".join(f"{b}.shape[:{b}.ndim - {ranks[b]}]" if ranks[b] else f"np.shape({b})" for b in batch)
        shape = ", ".join(map(self.count, node.sizes))
        lead = f"*np.broadcast_shapes({leading}), " if batch else ""
        return f"np.zeros(({lead}{shape},), dtype)"

    def dense_sum(self, node: Node, terms: Sequence[tuple[Fraction, Use]]) -> None:
        if (last := self.correction(node, terms)) is not None:
            self.dense_sum(node, [t for t in terms if t is not last])
            self.lines.append(f"{self.text[node]} {self.signed(last[0], self.aligned(last[1], node.rank))}")
            return None
        base = next((t for t in terms if t[0] in (1, -1) and self.reusable(node, t[1], node.uses)), None)
        if base is None:
            text = self.sum_text(terms, node.rank)
            return self.assign(node, f"np.array({text})" if len(terms) == 1 and terms[0][0] == 1 else text)
        rest = [t for t in terms if t is not base]
        sign = base[0]
        name = self.take_over(node, base[1])
        text = self.sum_text(rest, node.rank)
        if not rest:
            if sign < 0:
                self.lines.append(f"np.negative({name}, out={name})")
        elif sign == 1:
            if len(rest) == 1 and rest[0][0] < 0:
                self.lines.append(f"{name} -= {self.sum_text([(-rest[0][0], rest[0][1])], node.rank)}")
            else:
                self.lines.append(f"{name} += {text}")
        else:
            self.lines.append(f"np.subtract({text}, {name}, out={name})")
        return None

    def correction(self, node: Node, terms: Sequence[tuple[Fraction, Use]]) -> tuple[Fraction, Use] | None:
        """A term log1p(x), which may be all that is left when the others cancel: it is added last."""
        found = [t for t in terms if isinstance(t[1].node, Map) and t[1].node.op == "log1p"]
        rest = [u for _, u in terms if u is not found[0][1]] if len(found) == 1 else []
        mine = frozenset().union(*(self.depends.get(u.node, frozenset()) for u in rest))
        full = {x for u in rest for x in u.labels} == set(range(node.rank)) and node.rank + len(mine) > 0
        if len(rest) < 2 or not full or not self.has_buffer(node):
            return None
        return found[0] if self.depends.get(found[0][1].node, frozenset()) <= mine else None

    def has_buffer(self, node: Node) -> bool:
        """The node is an array that can be added to."""
        return bool(node.rank)

    def sum_text(self, terms: Sequence[tuple[Fraction, Use]], rank: int) -> str:
        text = ""
        ordered = sorted(terms, key=lambda t: t[0] < 0)
        for c, use in ordered:
            operand = self.aligned(use, rank) if use.node != ONE else "1"
            size = abs(c)
            if use.node == ONE:
                operand, size = rational(size), Fraction(1)
            if size != 1:
                operand = f"{rational(size)} * {operand}"
            if not text:
                text = f"-{operand}" if c < 0 else operand
            else:
                text += f" - {operand}" if c < 0 else f" + {operand}"
        return text

    def scatter(self, node: Add, c: Fraction, use: Use) -> None:
        """Add a term that lives on a diagonal or at a label."""
        name = self.text[node]
        inner = use.node
        if isinstance(inner, OnDiagonal):
            first, second = use.labels[inner.first], use.labels[inner.second]
            letters = [LETTERS[k] for k in range(node.rank)]
            letters[second] = letters[first]
            kept = "".join(LETTERS[k] for k in range(node.rank) if k != second)
            view = f"np.einsum('...{''.join(letters)}->...{kept}', {name})"
            diagonal = self.fresh(inner)
            labels = tuple(use.labels[k] for k in inner.operand.labels)
            squeezed = tuple(k - (k > second) for k in labels)
            self.lines.append(f"{diagonal} = {view}")
            operand = self.aligned(Use(inner.operand.node, squeezed), node.rank - 1)
            self.lines.append(f"{diagonal} {self.signed(c, operand)}")
        elif isinstance(inner, AtLabel):
            self.needs.add("add_at")
            axis = use.labels[inner.axis]
            where = self.aligned(Use(inner.where.node, tuple(use.labels[k] for k in inner.where.labels)), node.rank)
            value = self.aligned(Use(inner.operand.node, tuple(use.labels[k] for k in inner.operand.labels)), node.rank)
            value = value if c == 1 else f"-{value}" if c == -1 else f"{rational(c)} * {value}"
            self.lines.append(f"{name} = add_at({name}, {where}, {value}, {axis - node.rank})")

    def signed(self, c: Fraction, operand: str) -> str:
        sign = "-=" if c < 0 else "+="
        return f"{sign} {operand}" if abs(c) == 1 else f"{sign} {rational(abs(c))} * {operand}"

    @emit.register
    def _(self, node: OnDiagonal) -> None:
        if not self.only_added(node):
            self.alone(node)

    @emit.register
    def _(self, node: AtLabel) -> None:
        if not self.only_added(node):
            self.alone(node)

    def only_added(self, node: Node) -> bool:
        """True when every use is a term of one sum, which will scatter it."""
        users = [n for n in self.order if any(u.node == node for u in n.uses)]
        if node in self.roots or len(users) != 1 or not isinstance(users[0], Add):
            return False
        for use in node.uses:  # the operands must live until the sum
            if use.node in self.last:
                self.last[use.node] = max(self.last[use.node], self.position[users[0]])
                self.lend(use.node)
        return True

    def alone(self, node: OnDiagonal | AtLabel) -> None:
        self.assign(node, self.zeros(node))
        holder = Add(((Fraction(1), Use(node, tuple(range(node.rank)))),))
        self.text[holder] = self.text[node]
        self.scatter(holder, Fraction(1), holder.terms[0][1])

    @emit.register
    def _(self, node: Contract) -> None:
        if len(node.operands) == 1:
            return self.assign(node, self.along_axes(node.operands[0], node.kept, "sum"))
        matrix = self.matrix_product(node)
        if matrix:
            return self.assign(node, matrix)
        if chain := self.chain(node):
            return self.assign(node, chain)
        subscripts = ",".join("..." + "".join(LETTERS[k] for k in u.labels) for u in node.operands)
        result = "..." + "".join(LETTERS[k] for k in range(node.kept))
        operands = ", ".join(self.ref(u.node) for u in node.operands)
        extra = ", optimize=True" if len(node.operands) > 2 else ""
        return self.assign(node, f"np.einsum('{subscripts}->{result}', {operands}{extra})")

    def chain(self, node: Contract) -> str | None:
        """A product of three matrices."""
        if len(node.operands) != 3 or node.kept != 2 or any(len(set(u.labels)) != 2 for u in node.operands):
            return None
        ends = [[u for u in node.operands if set(u.labels) & {0, 1} == end] for end in ({0}, set[int](), {1})]
        if any(len(found) != 1 for found in ends):
            return None
        ((first,), (middle,), (last,)) = ends
        if set(first.labels + last.labels) != {0, 1, *middle.labels}:
            return None
        self.needs.add("chained")
        (s,), (t,) = (set(u.labels) - {0, 1} for u in (first, last))
        matrices = [self.turned(first, -1, s), self.turned(middle, -1, t), self.turned(last, -1, 1)]
        return f"chained({', '.join(matrices)})"

    def along_axes(self, use: Use, kept: int, method: str) -> str:
        """The sum, product or extreme over the labels from ``kept`` on."""
        labels = use.labels
        free = [k for k in labels if k < kept]
        if free == sorted(free) and len(set(labels)) == len(labels):
            text, axes = self.ref(use.node), [k - len(labels) for k, x in enumerate(labels) if x >= kept]
        else:
            rank = max(labels) + 1
            text, axes = self.aligned(use, rank), [k - rank for k in range(kept, rank)]
        return f"{text}.{method}(axis={axes[0] if len(axes) == 1 else tuple(axes)})"

    def matrix_product(self, node: Contract) -> str | None:
        """``a @ b`` where that is what the contraction is, with axes turned or joined; None without a matrix."""
        if len(node.operands) != 2 or any(is_constant(u.node) for u in node.operands):
            return None
        a, b = node.operands
        if any(len(set(u.labels)) < len(u.labels) for u in (a, b)):
            return None
        both = [k for k in a.labels if k in b.labels]
        summed, batch = [k for k in both if k >= node.kept], [k for k in both if k < node.kept]
        left, right = ([k for k in u.labels if k not in both] for u in (a, b))
        if not summed or not (left or right) or any(k >= node.kept for k in left + right):
            return None
        order = batch == list(range(len(batch))) and all(list(u.labels[: len(batch)]) == batch for u in (a, b))
        if order and len(summed) == 1 and len(left) <= 1 and len(right) <= 1:
            if left > right:
                a, b, left, right = b, a, right, left
            return self.simple_product(a, b, summed[0], left, right)
        self.needs.add("contracted")
        subscripts = ",".join("".join(LETTERS[k] for k in u.labels) for u in (a, b))
        return f"contracted('{subscripts}->{LETTERS[: node.kept]}', {self.ref(a.node)}, {self.ref(b.node)})"

    def simple_product(self, a: Use, b: Use, summed: int, left: list[int], right: list[int]) -> str:
        """A product of matrices, or of a matrix and a vector, behind axes that both have alike."""
        if left and right:
            return f"{self.turned(a, -1, summed)} @ {self.turned(b, -2, summed)}"
        matrix, vector = (a, b) if left else (b, a)
        return f"({self.turned(matrix, -1, summed)} @ {self.ref(vector.node)}[..., None])[..., 0]"

    def turned(self, use: Use, place: int, label: int) -> str:
        """A matrix with ``label`` at axis ``place``."""
        text = self.ref(use.node)
        return text if use.labels[place] == label else f"np.swapaxes({text}, -1, -2)"

    @emit.register
    def _(self, node: Reduce) -> None:
        self.assign(node, self.along_axes(node.operand, node.kept, node.op))

    @emit.register
    def _(self, node: Gather) -> None:
        self.needs.add("picked")
        rank = node.rank
        labels = tuple(rank if k == -1 else k for k in node.source.labels)
        source = self.aligned(Use(node.source.node, labels), rank + 1)
        where = self.aligned(node.where, rank)
        if is_constant(node.where.node):
            where = f"np.intp({where})"
        self.assign(node, f"picked({source}, {where})")

    @emit.register
    def _(self, node: Take) -> None:
        after = len(node.operand.labels) - 1 - node.axis
        index = f"[..., {node.position}" + ", :" * after + "]"
        self.lend(node.operand.node)
        name = self.ref(node.operand.node) + index
        labels = tuple(k for k in node.operand.labels if k != -1)
        if labels != tuple(range(node.rank)):
            mine = "".join(LETTERS[k] for k in labels)
            name = f"np.einsum('...{mine}->...{LETTERS[: node.rank]}', {name})"
        self.assign(node, name, owned=False)

    @emit.register
    def _(self, node: Slice) -> None:
        after = node.rank - 1 - node.axis
        stop = f"{node.start} + {self.count(node.size)}"
        self.lend(node.operand.node)
        self.assign(node, f"{self.aligned(node.operand, node.rank)}[..., {node.start}:{stop}" + ", :" * after + "]",
                    owned=False)

    @emit.register
    def _(self, node: Concat) -> None:
        self.needs.add("joined")
        pieces = ", ".join(self.aligned(u, node.rank) for u in node.pieces)
        self.assign(node, f"joined([{pieces}], {node.axis - node.rank})")

    @emit.register
    def _(self, node: Matrix) -> None:
        self.assign(node, f"np.linalg.{node.op}({self.aligned(node.operand, node.operand.node.rank)})")

    def along(self, function: str, node: Softmax | LogSoftmax | LogSumExp) -> None:
        self.needs.add(function)
        self.assign(node, f"{function}({self.ref(node.operand)}, {node.axis - node.operand.rank})")

    @emit.register
    def _(self, node: Softmax) -> None:
        self.along("normalised_exp", node)

    @emit.register
    def _(self, node: LogSoftmax) -> None:
        self.along("log_normalised_exp", node)

    @emit.register
    def _(self, node: LogSumExp) -> None:
        self.along("log_sum_exp", node)
