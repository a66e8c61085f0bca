"""Logistic functions: 1 - sigma, logarithms of both outcomes together, and one exponential for all of the same number.

``sigmoid(x)`` and ``softplus(x) = log(1 + exp(x))`` of x and of -x are all made of e = exp(-|x|).
"""

from __future__ import annotations

from fractions import Fraction

from derive.codegen import build
from derive.codegen.array import ONE, Add, Map, Mul, Node, Use, walk, whole, with_children

UNIT = Fraction(1)
ZERO = build.constant(0)
Side = tuple[Node, int]  # a number and the sign with which it stands


def complement(node: Node) -> Node | None:
    """1 - sigmoid(x) = sigmoid(-x), with whatever is added."""
    if not isinstance(node, Add):
        return None
    for k, (c, use) in enumerate(node.terms):
        if use.node != ONE:
            continue
        for j, (d, u) in enumerate(node.terms):
            if d == -c and isinstance(u.node, Map) and u.node.op == "sigmoid":
                share = Map("sigmoid", (whole(build.negative(u.node.operands[0])),))
                rest = [t for m, t in enumerate(node.terms) if m not in (j, k)]
                return build.add([*rest, (c, Use(share, u.labels))])
    return None


def both_outcomes(node: Node) -> Node | None:
    """(1 - y) softplus(x) + y softplus(-x) = (max(x, 0) - y x) + log(1 + exp(-|x|)): what cancels does so exactly."""
    if not isinstance(node, Add):
        return None
    found = [(k, *parts) for k, (c, u) in enumerate(node.terms) if (parts := weighted(c, u)) is not None]
    for k, x, labels, above in found:
        for j, other, same, below in found:
            if j == k or same != labels or other != build.negative(whole(x)):
                continue
            total = build.add([(UNIT, whole(above)), (UNIT, whole(below))])
            scale = build.number(Use(total)) if not total.rank else None
            if scale is None:
                continue
            small = whole(Map("log1p", (whole(far(x)),)))
            top = build.add([(scale, whole(Map("maximum", (ZERO, whole(x))))), (-UNIT, whole(times(below, x)))])
            both = Use(Add(((UNIT, whole(top)), (scale, small))), labels)
            rest = [t for m, t in enumerate(node.terms) if m not in (j, k)]
            return Add((*rest, (UNIT, both))) if rest else build.arranged(both)
    return None


def weighted(c: Fraction, use: Use) -> tuple[Node, tuple[int, ...], Node] | None:
    """(x, labels of x, weight) for the term weight * softplus(x)."""
    node = use.node
    scale, factors = (node.coefficient, node.factors) if isinstance(node, Mul) else (UNIT, ((whole(node), UNIT),))
    factors = tuple((Use(u.node, build.relabel(use, u.labels)), p) for u, p in factors)
    plus = [(u, p) for u, p in factors if isinstance(u.node, Map) and u.node.op == "softplus" and p == 1]
    if len(plus) != 1 or len(set(plus[0][0].labels)) < plus[0][0].node.rank:
        return None
    labels = plus[0][0].labels
    rest = [(u, p) for u, p in factors if (u, p) != plus[0]]
    used = {x for u, _ in rest for x in u.labels}
    if used != set(labels[: len(used)]):  # the weight has the first axes of x, or all
        return None
    local = [(Use(u.node, tuple(labels.index(x) for x in u.labels)), p) for u, p in rest]
    inner = plus[0][0].node
    assert isinstance(inner, Map)
    weight = build.multiply(c * scale, local)
    return build.arranged(inner.operands[0]), labels, weight


def times(weight: Node, x: Node) -> Node:
    return build.multiply(UNIT, [(whole(weight), UNIT), (whole(x), UNIT)])


def far(x: Node) -> Node:
    """exp(-|x|)."""
    return Map("exp_far", (whole(x),))


# ----- one exponential -----


def side(node: Map) -> Side | None:
    """x and its sign, for a logistic function of x or of -x."""
    use = node.operands[0]
    if use != whole(use.node):
        return None
    inner = use.node
    if isinstance(inner, Mul) and inner.coefficient == -1 and len(inner.factors) == 1 and inner.factors[0][1] == 1:
        below = inner.factors[0][0]
        return (below.node, -1) if below == whole(below.node) else None
    return inner, 1


def one_exponential(roots: tuple[Node, ...]) -> dict[Node, Node]:
    """Logistic functions of the same number, where there are several, made of one exponential."""
    found = {n: s for n in walk(*roots) if isinstance(n, Map) and n.op in ("sigmoid", "softplus") and (s := side(n))}
    made = {n.operands[0].node for n in walk(*roots) if isinstance(n, Map) and n.op == "exp_far"}
    count: dict[Node, int] = {}
    for x, _ in found.values():
        count[x] = count.get(x, 1 if x in made else 0) + 1
    done: dict[Node, Node] = {}
    for node in walk(*roots):
        new = with_children(node, done.__getitem__)
        if node in found and isinstance(new, Map) and count[found[node][0]] > 1:
            x, sign = found[node]
            new = opened(new.op, done[x], sign)
        done[node] = new
    return done


def opened(op: str, x: Node, sign: int) -> Node:
    """sigmoid or softplus of ``sign * x`` by e = exp(-|x|)."""
    e = far(x)
    operand = x if sign > 0 else build.negative(whole(x))
    if op == "softplus":
        top = Map("maximum", (ZERO, whole(operand)))
        return Add(((UNIT, whole(top)), (UNIT, whole(Map("log1p", (whole(e),))))))
    return Map("sigmoid_by", (whole(operand), whole(e)))
