"""What whole arrays share: products that are part of several others, square roots, chains of matrices.

For functions of whole arrays only: a function of rows has forms of its own for quotients of exponentials.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

from derive.codegen import build
from derive.codegen.array import Contract, Mul, Node, Use, walk, whole, with_children
from derive.codegen.contractions import users_of
from derive.codegen.logistic import one_exponential
from derive.codegen.numpy_source import is_constant

Names = dict[Node, str]
Pair = tuple[Node, tuple[int, ...]]  # a product of two factors, and the labels that it has in a larger product
UNIT = Fraction(1)
HALF = Fraction(1, 2)


def shared(roots: tuple[Node, ...], names: Names) -> tuple[tuple[Node, ...], Names]:
    """The same arrays with common parts made once, and the names of nodes that there still are."""
    for step in (one_exponential, square_roots, common_products, unfolded, chains):
        moved = step(roots)
        roots = tuple(moved[root] for root in roots)
        names = {moved[n]: name for n, name in names.items() if n in moved}
    return roots, names


# ----- square roots -----


def square_roots(roots: tuple[Node, ...]) -> dict[Node, Node]:
    """x^(p/2) as a power of sqrt x and of x, where the root is needed more than once."""
    count = Counter(u.node for n in walk(*roots) if isinstance(n, Mul) for u, p in n.factors if p.denominator == 2)
    done: dict[Node, Node] = {}
    for node in walk(*roots):
        new = with_children(node, done.__getitem__)
        if isinstance(node, Mul) and isinstance(new, Mul) and not is_constant(node):
            factors: list[build.Factor] = []
            for (old, p), (use, _) in zip(node.factors, new.factors, strict=True):
                factors += rooted(use, p) if count[old.node] > 1 and p.denominator == 2 else [(use, p)]
            new = Mul(new.coefficient, tuple(factors))
            new = itself(new)
        done[node] = new
    return done


def itself(node: Mul) -> Node:
    """x, for a product of x alone."""
    (use, p), *rest = node.factors
    return use.node if not rest and node.coefficient == p == 1 and use == whole(use.node) else node


def rooted(use: Use, p: Fraction) -> list[build.Factor]:
    sign = UNIT if p > 0 else -UNIT
    root = Mul(UNIT, ((whole(use.node), HALF),))
    rest = p - sign * HALF
    return [(Use(root, use.labels), sign)] + ([(use, rest)] if rest else [])


# ----- products -----


def common_products(roots: tuple[Node, ...]) -> dict[Node, Node]:
    """Products of two factors that stand in several larger ones, the most frequent first."""
    moved = {n: n for n in walk(*roots)}
    for _ in range(32):
        now = tuple(moved[root] for root in roots)
        pair = most_common(now)
        if pair is None:
            break
        done = with_product(now, pair)
        moved = {old: done.get(new, new) for old, new in moved.items()}
    return moved


def most_common(roots: tuple[Node, ...]) -> Node | None:
    count: Counter[Node] = Counter()
    for node in walk(*roots):
        if isinstance(node, Mul) and node.rank and not is_constant(node):
            count.update({product for product, *_ in pairs(node)})
    best = max(count.items(), key=lambda item: (item[1], item[0].rank), default=None)
    return best[0] if best and best[1] > 1 else None


def pairs(node: Mul) -> Iterator[tuple[Node, tuple[int, ...], build.Factor, build.Factor]]:
    """Products of two factors that have every axis of the node, as arrays of their own."""
    for (a, p), (b, q) in combinations(node.factors, 2):
        labels = tuple(dict.fromkeys(a.labels + b.labels))
        plain = len(set(a.labels)) == len(a.labels) and len(set(b.labels)) == len(b.labels)
        whole_size = max(len(a.labels), len(b.labels)) == node.rank
        if not plain or not whole_size or p.denominator != 1 or q.denominator != 1 or (p < 0 and q < 0):
            continue
        order = tuple(sorted(labels)) if len(a.labels) == len(b.labels) else max(a.labels, b.labels, key=len)
        local = [(Use(u.node, tuple(order.index(x) for x in u.labels)), e) for u, e in ((a, p), (b, q))]
        local.sort(key=lambda f: (f[1] < 0,))
        yield Mul(UNIT, tuple(local)), order, (a, p), (b, q)


def with_product(roots: tuple[Node, ...], product: Node) -> dict[Node, Node]:
    """The graph with ``product`` as a factor wherever it is part of a product."""
    done: dict[Node, Node] = {}
    for node in walk(*roots):
        new = with_children(node, done.__getitem__)
        if isinstance(node, Mul) and node != product:
            found = next((x for x in pairs(node) if x[0] == product), None)
            if found is not None:
                _, labels, a, b = found
                rest = [(Use(done[u.node], u.labels), p) for u, p in node.factors if (u, p) not in (a, b)]
                factors = ((Use(done.get(product) or with_children(product, done.__getitem__), labels), UNIT), *rest)
                new = Mul(node.coefficient, factors)
                new = itself(new)
        done[node] = new
    return done


# ----- sums -----


def unfolded(roots: tuple[Node, ...]) -> dict[Node, Node]:
    """The sum of a product of two, without the product as an array."""
    users = users_of(roots)
    done: dict[Node, Node] = {}
    for node in walk(*roots):
        new = with_children(node, done.__getitem__)
        if isinstance(new, Contract) and len(new.operands) == 1 and len(users[node.uses[0].node]) == 1:
            use = new.operands[0]
            inner = use.node
            plain = isinstance(inner, Mul) and inner.coefficient == 1 and len(inner.factors) == 2
            if plain and isinstance(inner, Mul) and all(p == 1 and u.node.rank == inner.rank for u, p in inner.factors):
                new = Contract(tuple(Use(u.node, build.relabel(use, u.labels)) for u, _ in inner.factors), new.kept)
        done[node] = new
    return done


def chains(roots: tuple[Node, ...]) -> dict[Node, Node]:
    """(A B) C as one product of three matrices, whose order is chosen by their sizes."""
    users = users_of(roots)
    done: dict[Node, Node] = {}
    for node in walk(*roots):
        new = with_children(node, done.__getitem__)
        if isinstance(new, Contract) and is_matrix_product(new):
            for k, use in enumerate(new.operands):
                inner = use.node
                if not isinstance(inner, Contract) or not is_matrix_product(inner):
                    continue
                if not all(is_matrix_product(n) for n in users[node.uses[k].node]) or len(set(use.labels)) < 2:
                    continue
                first = [Use(u.node, tuple(use.labels[x] if x < 2 else 3 for x in u.labels)) for u in inner.operands]
                new = Contract((*first, new.operands[1 - k]), 2)
                break
        done[node] = new
    return done


def is_matrix_product(node: Node) -> bool:
    """sum_k a_ik b_kj."""
    if not isinstance(node, Contract) or node.kept != 2 or len(node.operands) != 2:
        return False
    if any(is_constant(u.node) for u in node.operands):
        return False
    return sorted(tuple(sorted(u.labels)) for u in node.operands) == [(0, 2), (1, 2)]
