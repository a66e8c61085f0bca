"""Sums of products in the form in which they cost least, whatever the sizes are.

A sum of a sum is one sum; three factors are multiplied two by two; a product of matrices meets a vector from the right;
and where a factor is itself a sum of smaller arrays, the sum is taken term by term rather than over the large one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from derive.codegen import build
from derive.codegen.array import Add, Contract, Input, Node, Use, walk, with_children

Users = Mapping[Node, list[Node]]
Rule = Callable[[Contract, Users], Node | None]
UNIT = Fraction(1)


def users_of(roots: tuple[Node, ...]) -> dict[Node, list[Node]]:
    """Who uses each node, once for each use; a root is used by itself."""
    found: dict[Node, list[Node]] = {n: [] for n in walk(*roots)}
    for node in found:
        for use in node.uses:
            found[use.node].append(node)
    for root in roots:
        found[root].append(root)
    return found


def contracted(roots: tuple[Node, ...], moved: dict[Node, Node] | None = None) -> tuple[Node, ...]:
    """The same arrays with their sums rearranged; ``moved`` learns what became of each node."""
    for _ in range(8):
        users, done = users_of(roots), dict[Node, Node]()

        def mapped(node: Node, done: dict[Node, Node] = done) -> Node:
            if node not in done:
                done[node] = with_children(node, mapped)
            return done[node]

        for node in walk(*roots):
            done[node] = with_children(better(node, users) or node, mapped)
        if all(done[n] == n for n in users):
            break
        roots = tuple(done[root] for root in roots)
        if moved is not None:
            moved.update({old: mapped(now) for old, now in moved.items()})
    return roots


def better(node: Node, users: Users) -> Node | None:
    if not isinstance(node, Contract):
        return None
    return next((found for rule in RULES if (found := rule(node, users)) is not None), None)


def merged(node: Contract, users: Users) -> Node | None:
    """The sum of a sum that nothing else uses."""
    if len(node.operands) != 1:
        return None
    outer = node.operands[0]
    inner = outer.node
    if not isinstance(inner, Contract) or len(users[inner]) != 1 or len(set(outer.labels)) < len(outer.labels):
        return None
    beyond = 1 + max([*outer.labels, node.kept - 1])
    operands = [
        Use(u.node, tuple(outer.labels[x] if x < inner.kept else x - inner.kept + beyond for x in u.labels))
        for u in inner.operands
    ]
    return Contract(tuple(operands), node.kept)


def term_by_term(node: Contract, users: Users) -> Node | None:
    """sum_k (a_j + b_i) c_ik = sum_k a_j c_ik + sum_k b_i c_ik, where the sum in brackets is larger than its terms."""
    summed = {x for u in node.operands for x in u.labels if x >= node.kept}
    for k, use in enumerate(node.operands):
        rest = node.operands[:k] + node.operands[k + 1 :]
        if not isinstance(use.node, Add) or not rest or not only_contracted(use.node, users):
            continue
        if max(u.node.rank for _, u in use.node.terms) >= use.node.rank:
            continue
        terms = [(c, Use(u.node, build.relabel(use, u.labels))) for c, u in use.node.terms]
        if all(summed <= {x for o in (*rest, u) for x in o.labels} for _, u in terms):
            return build.add([(c, product_sum((*rest, u), node.kept)) for c, u in terms])
    return None


def product_sum(operands: tuple[Use, ...], kept: int) -> Use:
    """The sum of the product over the labels from ``kept`` on, with the labels below that occur."""
    scalars = tuple(u for u in operands if not u.labels)
    operands = tuple(u for u in operands if u.labels)
    free = sorted({x for u in operands for x in u.labels if x < kept})
    order = free + sorted({x for u in operands for x in u.labels if x >= kept})
    total: Node = Contract(tuple(Use(u.node, tuple(order.index(x) for x in u.labels)) for u in operands), len(free))
    if scalars:
        total = build.multiply(UNIT, [*((u, UNIT) for u in scalars), (Use(total, tuple(range(len(free)))), UNIT)])
    return Use(total, tuple(free))


def outside(node: Contract, users: Users) -> Node | None:
    """sum_k a_i b_ik = a_i sum_k b_ik."""
    out = [u for u in node.operands if all(x < node.kept for x in u.labels)]
    rest = tuple(u for u in node.operands if u not in out)
    if not out or not rest:
        return None
    return build.multiply(UNIT, [*((u, UNIT) for u in out), (product_sum(rest, node.kept), UNIT)])


def only_contracted(node: Node, users: Users) -> bool:
    """Every user sums a product of the node with something else."""
    return all(
        isinstance(n, Contract) and len(n.operands) > 1 and sum(u.node == node for u in n.operands) == 1
        for n in users[node]
    )


def paired(node: Contract, users: Users) -> Node | None:
    """Of more than two factors, two are multiplied first: one that has no axis beyond those of another, entry by
    entry; else two that have an axis for themselves, summed over it."""
    if len(node.operands) <= 2 or any(len(set(u.labels)) < len(u.labels) for u in node.operands):
        return None
    return absorbed(node) or summed_first(node)


def absorbed(node: Contract) -> Node | None:
    for small in sorted(node.operands, key=lambda u: u.node.rank):
        hosts = [u for u in node.operands if u is not small and set(small.labels) <= set(u.labels)]
        if not hosts:
            continue
        host = next((u for u in hosts if not isinstance(u.node, Input)), hosts[0])
        local = Use(small.node, tuple(host.labels.index(x) for x in small.labels))
        product = build.multiply(UNIT, [(local, UNIT), (Use(host.node, tuple(range(host.node.rank))), UNIT)])
        rest = tuple(u for u in node.operands if u is not small and u is not host)
        return Contract((*rest, Use(product, host.labels)), node.kept)
    return None


def summed_first(node: Contract) -> Node | None:
    for k, a in enumerate(node.operands):
        for b in node.operands[k + 1 :]:
            rest = tuple(u for u in node.operands if u is not a and u is not b)
            outside = set(range(node.kept)) | {x for u in rest for x in u.labels}
            both = list(dict.fromkeys(a.labels + b.labels))
            kept = [x for x in both if x in outside]
            if len(kept) == len(both) or len(kept) > max(a.node.rank, b.node.rank):
                continue
            order = kept + [x for x in both if x not in outside]
            uses = tuple(Use(u.node, tuple(order.index(x) for x in u.labels)) for u in (a, b))
            return renumbered((*rest, Use(Contract(uses, len(kept)), tuple(kept))), node.kept)
    return None


def renumbered(operands: tuple[Use, ...], kept: int) -> Contract:
    """A contraction whose summed labels are numbered anew."""
    summed = [x for x in dict.fromkeys(x for u in operands for x in u.labels) if x >= kept]
    new = {x: x for x in range(kept)} | {x: kept + k for k, x in enumerate(summed)}
    return Contract(tuple(Use(u.node, tuple(new[x] for x in u.labels)) for u in operands), kept)


def right_first(node: Contract, users: Users) -> Node | None:
    """(A B) v = A (B v)."""
    if len(node.operands) != 2:
        return None
    for matrix, vector in (node.operands, node.operands[::-1]):
        inner = matrix.node
        if not isinstance(inner, Contract) or len(inner.operands) != 2 or len(users[inner]) != 1 or inner.kept != 2:
            continue
        if vector.node.rank != 1 or vector.labels[0] < node.kept or vector.labels[0] not in matrix.labels:
            continue
        at = matrix.labels.index(vector.labels[0])
        plain = [sorted(u.labels) for u in inner.operands] in ([[0, 2], [1, 2]], [[1, 2], [0, 2]])
        if not plain or len(set(matrix.labels)) < 2:
            continue
        near, far = inner.operands if at in inner.operands[0].labels else inner.operands[::-1]
        product = Contract((Use(near.node, tuple(0 if x == 2 else 1 for x in near.labels)), Use(vector.node, (1,))), 1)
        other, beyond = matrix.labels[1 - at], vector.labels[0]
        outer = Use(far.node, tuple(beyond if x == 2 else other for x in far.labels))
        return renumbered((outer, Use(product, (beyond,))), node.kept)
    return None


RULES: tuple[Rule, ...] = (merged, outside, term_by_term, paired, right_first)
