"""The straight way for short rows of ordinary numbers: a few calls on whole arrays, and one look at the sums.

Arrays stand as ``(..., N)``. A sum over a row is left in every entry of the row (by a product with a matrix of ones, or
repeated), so that no operand has to be broadcast. The statements make a function that gives None where exponentials are
out of range; it is emitted only for functions that take the exponentials of an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from derive.codegen.array import (
    ONE,
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
    Size,
    Softmax,
    Use,
    walk,
)
from derive.codegen.numpy_source import Straight, constant_text, is_constant, rational
from derive.codegen.rows import UFUNCS, LogTotal, RowSum, Shift, Shifted
from derive.codegen.shares import Share, Shares, factor_use


class NotShort(Exception):
    """The function has no straight way; the general one serves."""


class Short(Straight):
    """Emits the statements of the straight way."""

    def __init__(self, roots: Sequence[Node], names: dict[Node, str], taken: set[str], lane: Size) -> None:
        super().__init__(roots, names, taken | {"rows"})
        self.lane = lane
        self.thin: dict[Node, str] = {}
        self.sums = self.rest = self.shift = ""
        self.exps = ""
        self.places: dict[Node, str] = {}
        self.mode_thin = False
        self.shares = Shares(self.order, self.roots, is_constant, lambda n: isinstance(n, Input))
        self.logits = self.find_logits()
        self.wanted = self.forms()

    def find_logits(self) -> Input:
        """The argument whose exponentials are taken."""
        found = {n.operand for n in walk(*self.roots)
                 if isinstance(n, Softmax | LogSoftmax | LogSumExp | LogTotal | Shifted)}
        if len(found) != 1 or not isinstance(logits := found.pop(), Input):
            raise NotShort
        return logits

    def forms(self) -> dict[Node, set[str]]:
        """In which forms each number a row is needed: one a row (thin), or in every entry of the row (wide)."""
        wanted: dict[Node, set[str]] = {n: set() for n in self.order}
        for root in self.roots:
            if not isinstance(root, Input | Softmax | LogSoftmax | LogSumExp | Map | Add | Mul | Contract | RowSum):
                raise NotShort
            if root.rank == 0:
                wanted[root].add("thin")
        for node in reversed(self.order):
            for use in node.uses:
                if use.node not in wanted or use.node.rank:
                    continue
                if isinstance(node, RowSum):
                    wanted[use.node].add("thin")
                elif node.rank:
                    wanted[use.node].add("wide")
                elif not isinstance(node, Contract):
                    wanted[use.node] |= wanted[node]
        return wanted

    # ----- operands -----

    def aligned(self, use: Use, rank: int) -> str:
        node = use.node
        if is_constant(node):
            return constant_text(node)
        if node.rank == 0 and self.mode_thin:
            return self.thin[node]
        if node.rank > 1:
            raise NotShort
        return self.text[node]

    def reusable(self, node: Node, use: Use, others: object) -> bool:
        return (
            use.node in self.owned
            and self.last[use.node] == self.position[node]
            and use.node.sizes == node.sizes
            and sum(u.node == use.node for u in node.uses) == 1
        )

    def covers(self, node: Add, dense: object, special: object) -> bool:
        return bool(dense)

    def zeros(self, node: Node) -> str:
        raise NotShort

    def exponentials(self) -> str:
        if not self.exps:
            self.exps = self.unused("e")
            self.lines.append(f"{self.exps} = np.exp({self.logits.name})")
        return self.exps

    def unused(self, wanted: str) -> str:
        name, k = wanted, 1
        while name in self.taken:
            k += 1
            name = f"{wanted}{k}"
        self.taken.add(name)
        return name

    def total(self) -> str:
        """The sums of the exponentials, in the form in which they are made."""
        if not self.sums:
            e, self.sums = self.exponentials(), self.unused("total")
            share, found, operands = self.shares.at_label(self.logits), self.unused("sums"), f"{self.logits.name}, {e}"
            if share and share.at:
                self.rest = self.unused("rest")
                call, parts = f"sums_but({operands}, {self.place_of(share.at.where.node)})", [self.sums, self.rest]
            else:
                call, parts = f"sums({operands}, {e}.dot(rows.spread))", [self.sums]
            self.shift = self.unused("shift") if any(isinstance(n, LogTotal) for n in self.order) else "_"
            self.lines.append(f"{found} = rows.{call}")
            self.give_up(f"{found} is None")
            self.lines.append(f"{', '.join([*parts, self.shift])} = {found}")
            for node in self.order:  # at once: the sums may be written over
                if isinstance(node, LogTotal):
                    self.row_node(node)
        return self.sums

    def log_total(self, function: str) -> str:
        """The shift and the logarithm of the sums: they are only used together."""
        return f"rows.{function}({self.total()}, {self.shift})"

    def give_up(self, condition: str) -> None:
        self.lines += [f"if {condition}:", "    return None"]

    def place_of(self, labels: Node) -> str:
        """The places of the labelled entries."""
        if not isinstance(labels, Input):
            raise NotShort
        if labels not in self.places:
            self.places[labels] = self.unused("places")
            self.lines.append(f"{self.places[labels]} = rows.places({labels.name})")
            self.give_up(f"{self.places[labels]} is None")
        return self.places[labels]

    # ----- statements -----

    def run(self) -> list[str]:
        self.check_arguments()
        for node in self.order:
            if isinstance(node, Input):
                self.text[node] = node.name
            elif node.rank:
                self.lane_node(node)
            else:
                self.row_node(node)
        return [self.thin[r] if r.rank == 0 else self.ref(r) for r in self.roots]

    def check_arguments(self) -> None:
        """The other arguments are arrays like the logits, or labels of them."""
        for node in self.order:
            if isinstance(node, Input) and node != self.logits:
                if not node.rank and not node.integer:
                    raise NotShort
                if node.integer:
                    self.place_of(node)
                else:
                    self.give_up(f"not rows.like({node.name})")

    def lane_node(self, node: Node) -> None:
        if node.rank > 1 or node.sizes != (self.lane,):
            raise NotShort
        if self.shares.later(node):
            return
        if isinstance(node, Softmax | Mul | Add) and (share := self.shares.made_by(node)):
            self.share(node, share)
        elif isinstance(node, LogSoftmax):
            self.log_softmax(node)
        elif isinstance(node, Shifted):
            self.text[node] = self.logits.name
        elif isinstance(node, AtLabel):
            if not self.only_added(node):
                raise NotShort
        elif isinstance(node, Map | Add | Mul):
            self.emit(node)
        else:
            raise NotShort

    def log_softmax(self, node: LogSoftmax) -> None:
        name = self.fresh(node)
        self.lines.append(f"{name} = rows.log_shares({self.logits.name})")
        self.give_up(f"{name} is None")
        self.text[node] = name
        self.owned.add(node)

    def share(self, node: Node, share: Share) -> None:
        """The exponentials over a multiple of their sum, in their place."""
        coefficient, factors = factor_use(share)
        more = [] if share.factor == ONE else [self.product(1 / coefficient, [(u, -p) for u, p in factors], 0)]
        if share.at is None and not self.exps and not any(isinstance(n, LogTotal) for n in self.order):
            self.text[node] = self.softmax(node, more)
            self.owned.add(node)
            return
        total, e = self.total(), self.exponentials()
        if share.at is not None:
            places = self.place_of(share.at.where.node)
            self.lines.append(f"rows.share_less({', '.join([e, total, self.rest, places, *more])})")
        else:
            if not more and self.shares.subtracted(node):
                more = ["exact=True"]
            self.lines.append(f"rows.share({', '.join([e, total, *more])})")
        self.text[node] = e
        self.owned.add(node)

    def softmax(self, node: Node, more: list[str]) -> str:
        """All of it in one call, where nothing else is made of the exponentials."""
        more = ["exact=True"] if not more and self.shares.subtracted(node) else more
        self.exps = self.unused("e")
        self.lines.append(f"{self.exps} = rows.softmax({', '.join([self.logits.name, *more])})")
        self.give_up(f"{self.exps} is None")
        return self.exps

    def row_node(self, node: Node) -> None:
        wanted = self.wanted[node]
        if isinstance(node, Shift):
            self.text[node] = self.thin[node] = "0"
            return
        if isinstance(node, LogTotal):
            self.total()
        if "wide" in wanted and node not in self.text:
            self.wide(node)
        if "thin" in wanted and node not in self.thin:
            self.narrow(node)

    def wide(self, node: Node) -> None:
        match node:
            case LogTotal():
                self.assign(node, self.log_total("wide_log"))
            case Contract(operands, 0) if all(u.labels == (0,) for u in operands):
                product = " * ".join(self.text[u.node] for u in operands)
                self.assign(node, f"rows.totals({product})")
            case Map() | Add() | Mul():
                self.emit(node)
            case _:
                raise NotShort

    def narrow(self, node: Node) -> None:
        """One number a row; these may be scalars, and are never written over."""
        name = self.fresh(node)
        self.mode_thin = True
        try:
            self.lines.append(f"{name} = {self.narrow_text(node)}")
        finally:
            self.mode_thin = False
        if isinstance(node, LogSumExp):
            self.give_up(f"{name} is None")
        self.thin[node] = name

    def narrow_text(self, node: Node) -> str:
        match node:
            case _ if node in self.text:
                return f"{self.text[node]}[..., 0]"
            case LogSumExp():
                return f"rows.log_sums({self.logits.name})"
            case LogTotal():
                return self.log_total("log")
            case Contract(operands, 0) if all(u.labels == (0,) for u in operands):
                product = " * ".join(self.text[u.node] for u in operands)
                return f"({product}).dot(rows.one)" if len(operands) > 1 else f"{product}.dot(rows.one)"
            case Gather(source, where) if isinstance(source.node, Input) and isinstance(where.node, Input):
                return f"rows.at({source.node.name}, {self.place_of(where.node)})"
            case RowSum((use,), 0) if use.labels == ():
                return f"rows.sum_of({self.thin[use.node]})"
            case Map(op, operands) if f"np.{op}" in UFUNCS:
                return f"np.{op}({', '.join(self.aligned(u, 0) for u in operands)})"
            case Add(terms):
                kept = [t for t in terms if not isinstance(t[1].node, Shift)]
                return self.sum_text(kept, 0)
            case Mul(coefficient, factors):
                return self.product(coefficient, factors, 0)
        raise NotShort

    def scatter(self, node: Add, c: Fraction, use: Use) -> None:
        inner = use.node
        if not isinstance(inner, AtLabel) or not is_constant(inner.operand.node) or inner.where.labels:
            raise NotShort
        value = constant_text(inner.operand.node)
        amount = value if c == 1 else f"-{value}" if c == -1 else f"{rational(c)} * {value}"
        self.lines.append(f"rows.add_at({self.text[node]}, {self.place_of(inner.where.node)}, {amount})")
