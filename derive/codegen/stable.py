"""Stable forms: each row is an identity that holds for all reals, and a function that finds its left side in the graph.

The identities are stated as SymPy equations, so that the judge can prove every one of them; the functions match on
structure alone and know no names. What is free in an identity (the shift of softmax) is chosen when the function
runs, and needs no proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from derive.calculus.language import dimension, index, scalar, tensor
from derive.codegen import build
from derive.codegen.array import (
    ONE,
    Add,
    Contract,
    Gather,
    LogSoftmax,
    LogSumExp,
    Map,
    Mul,
    Node,
    Reduce,
    Softmax,
    Take,
    Use,
    rewrite,
    whole,
)
from derive.codegen.logistic import both_outcomes, complement

UNIT = Fraction(1)

_x = scalar("x")
_N, _i, _l, _c, _d = dimension("N"), index("i"), index("l"), scalar("c"), scalar("d")
_z, _w = tensor("z"), tensor("w")


def _sum_exp(shift: sp.Expr = sp.S.Zero) -> sp.Expr:
    return sp.Sum(sp.exp(_z[_l] - shift), (_l, 1, _N))


@dataclass(frozen=True)
class Rule:
    """``left = right`` for all values of what is free in it, and how to go from left to right."""

    name: str
    left: sp.Expr
    right: sp.Expr
    apply: Callable[[Node], Node | None]


# ----- what nodes look like -----


def _exponential(node: Node) -> Node | None:
    """a, for the node exp(a)."""
    if isinstance(node, Map) and node.op == "exp":
        return build.arranged(node.operands[0])
    return None


@dataclass(frozen=True)
class SumExp:
    """sum exp(a) along one axis, seen from a user: the axis of ``exponent`` that is summed, the labels of the rest."""

    exponent: Node
    axis: int
    labels: tuple[int, ...]


def _sum_of_exponentials(use: Use) -> SumExp | None:
    node = use.node
    if not isinstance(node, Contract) or len(node.operands) != 1:
        return None
    inner = node.operands[0]
    exponent = _exponential(inner.node)
    summed = [k for k, label in enumerate(inner.labels) if label >= node.kept]
    if exponent is None or len(summed) != 1 or len(set(inner.labels)) != len(inner.labels):
        return None
    axis = summed[0]
    return SumExp(exponent, axis, tuple(use.labels[x] for k, x in enumerate(inner.labels) if k != axis))


def _without(labels: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return labels[:axis] + labels[axis + 1 :]


def _plus_one(node: Node) -> tuple[Fraction, Use] | None:
    """(c, u) for the node 1 + c * u."""
    if not isinstance(node, Add) or len(node.terms) != 2:
        return None
    ones = [k for k, (c, u) in enumerate(node.terms) if u.node == ONE and c == 1]
    return node.terms[1 - ones[0]] if len(ones) == 1 else None


def _is_positive(node: Node) -> bool:
    return isinstance(node, Softmax) or (isinstance(node, Map) and node.op in ("exp", "sigmoid", "softplus"))


# ----- the rules -----


def normalised(node: Node) -> Node | None:
    """exp(a) ... / sum exp(a), where the numerator may stand under a contraction."""
    if not isinstance(node, Mul):
        return None
    for k, (below, power) in enumerate(node.factors):
        total = _sum_of_exponentials(below) if power <= -1 and power.denominator == 1 else None
        if total is None:
            continue
        for j, (above, p) in enumerate(node.factors):
            if p < 1 or p.denominator != 1:
                continue
            better = _over(above, total)
            if better is not None:
                rest = [f for m, f in enumerate(node.factors) if m not in (j, k)]
                return build.multiply(node.coefficient, [*rest, (above, p - 1), (better, UNIT), (below, power + 1)])
    return None


def _over(above: Use, total: SumExp) -> Use | None:
    """above / total, when ``above`` is such an exponential or a contraction with one."""
    exponent = _exponential(above.node)
    if exponent == total.exponent and _without(above.labels, total.axis) == total.labels:
        return Use(Softmax(total.exponent, total.axis), above.labels)
    if not isinstance(above.node, Contract) or len(above.node.operands) == 1:
        return None
    contract = above.node
    for k, inner in enumerate(contract.operands):
        outer = _without(inner.labels, total.axis) if inner.node.rank == total.exponent.rank else None
        if _exponential(inner.node) != total.exponent or outer is None or any(x >= contract.kept for x in outer):
            continue
        if tuple(above.labels[x] for x in outer) == total.labels:
            soft = Use(Softmax(total.exponent, total.axis), inner.labels)
            operands = (*contract.operands[:k], soft, *contract.operands[k + 1 :])
            return Use(Contract(operands, contract.kept), above.labels)
    return None


def leftover(node: Node) -> Node | None:
    """x / sum exp(a) = x exp(-log sum exp(a))."""
    if not isinstance(node, Mul):
        return None
    for k, (below, power) in enumerate(node.factors):
        total = _sum_of_exponentials(below) if power < 0 else None
        if total is not None:
            terms = [(power, Use(LogSumExp(total.exponent, total.axis), total.labels))]
            rest = [f for m, f in enumerate(node.factors) if m != k]
            for factor in rest:
                exponent = _exponential(factor[0].node)
                if exponent is not None and set(total.labels) <= set(factor[0].labels):  # two that may be inf and 0
                    terms.append((factor[1], Use(exponent, factor[0].labels)))
                    rest.remove(factor)
                    break
            labels = tuple(sorted({x for _, u in terms for x in u.labels}))
            local = [(c, Use(u.node, tuple(labels.index(x) for x in u.labels))) for c, u in terms]
            share = Map("exp", (whole(build.add(local)),))
            return build.multiply(node.coefficient, [*rest, (Use(share, labels), UNIT)])
    return None


def log_of(node: Node) -> Node | None:
    """log of exponentials, sums of them, softmax and products with them; log(1 + x)."""
    if not isinstance(node, Map) or node.op != "log":
        return None
    use = node.operands[0]
    inner = use.node
    if inner == ONE:
        return build.constant(0).node
    total = _sum_of_exponentials(use)
    if total is not None:
        return build.arranged(Use(LogSumExp(total.exponent, total.axis), total.labels))
    match inner:
        case Map("exp", (operand,)):
            return build.arranged(Use(operand.node, build.relabel(use, operand.labels)))
        case Softmax(operand, axis):
            return build.arranged(Use(LogSoftmax(operand, axis), use.labels))
        case Map("sigmoid", (operand,)):
            inside = Map("softplus", (whole(build.negative(operand)),))
            return build.add([(-UNIT, Use(inside, use.labels))])
        case Gather(source, where):
            logs = Map("log", (whole(source.node),))
            return build.arranged(Use(Gather(Use(_log(logs), source.labels), where), use.labels))
        case Take(operand, position):
            logs = Map("log", (whole(operand.node),))
            return build.arranged(Use(Take(Use(_log(logs), operand.labels), position), use.labels))
        case Mul(coefficient, factors):
            return _log_of_product(coefficient, factors, use)
        case Add():
            return _log_one_plus(inner, use)
    return None


def _log(node: Node) -> Node:
    return log_of(node) or node


def _log_of_product(coefficient: Fraction, factors: tuple[build.Factor, ...], use: Use) -> Node | None:
    """log(c x^p ...) with the positive factors taken out."""
    out = [(u, p) for u, p in factors if _is_positive(u.node) or _sum_of_exponentials(u) is not None]
    if not out:
        return None
    rest = [f for f in factors if f not in out]
    terms = [(p, Use(_log(Map("log", (whole(u.node),))), build.relabel(use, u.labels))) for u, p in out]
    if rest or coefficient != 1:
        left = build.multiply(coefficient, [(Use(u.node, build.relabel(use, u.labels)), p) for u, p in rest])
        labels = sorted({x for u, _ in rest for x in build.relabel(use, u.labels)})
        if labels != list(range(len(labels))):
            return None
        terms.append((UNIT, whole(Map("log", (whole(left),)))))
    return build.add(terms)


def _log_one_plus(inner: Node, use: Use) -> Node | None:
    found = _plus_one(inner)
    if found is None:
        return None
    c, u = found
    exponent = _exponential(u.node) if c == 1 else None
    if exponent is not None:
        return build.arranged(Use(Map("softplus", (whole(exponent),)), build.relabel(use, u.labels)))
    if u.node == ONE:
        return None
    scaled = build.multiply(c, [(whole(u.node), UNIT)])
    return build.arranged(Use(Map("log1p", (whole(scaled),)), build.relabel(use, u.labels)))


def log_minus_lse(node: Node) -> Node | None:
    """a - log sum exp(a)."""
    if not isinstance(node, Add):
        return None
    for k, (c, below) in enumerate(node.terms):
        lse = below.node
        if not isinstance(lse, LogSumExp):
            continue
        for j, (d, above) in enumerate(node.terms):
            if d == -c and above.node == lse.operand and _without(above.labels, lse.axis) == below.labels:
                rest = [t for m, t in enumerate(node.terms) if m not in (j, k)]
                return build.add([*rest, (d, Use(LogSoftmax(lse.operand, lse.axis), above.labels))])
    return None


def chosen(node: Node) -> Node | None:
    """One entry of log softmax: z_c - log sum exp z."""
    hole = node.source if isinstance(node, Gather) else node.operand if isinstance(node, Take) else None
    if hole is None or not isinstance(hole.node, LogSoftmax) or hole.labels[hole.node.axis] != -1:
        return None
    inner = hole.node
    entry: Node
    if isinstance(node, Gather):
        entry = Gather(Use(inner.operand, hole.labels), node.where)
    else:
        assert isinstance(node, Take)
        entry = Take(Use(inner.operand, hole.labels), node.position)
    lse = Use(LogSumExp(inner.operand, inner.axis), _without(hole.labels, inner.axis))
    return Add(((UNIT, whole(entry)), (-UNIT, lse)))


def chosen_term(node: Node) -> Node | None:
    """An entry of a sum or of a product is the sum or product of the entries."""
    if not isinstance(node, Gather) or not isinstance(node.source.node, Add):
        return None
    inner = node.source.node
    if not any(isinstance(u.node, LogSoftmax | OnDiagonalLike) for _, u in inner.terms):
        return None
    terms = []
    for c, u in inner.terms:
        labels = build.relabel(node.source, u.labels)
        if -1 in labels:
            piece: Node = Gather(Use(u.node, labels), node.where)
            piece = chosen(piece) or piece
            terms.append((c, whole(piece)))
        else:
            terms.append((c, Use(u.node, labels)))
    return build.add(terms)


OnDiagonalLike = LogSumExp


def sigmoid(node: Node) -> Node | None:
    """1 / (1 + exp(-x)) and exp(x) / (1 + exp(x))."""
    if not isinstance(node, Mul):
        return None
    for k, (below, power) in enumerate(node.factors):
        found = _plus_one(below.node) if power <= -1 and power.denominator == 1 else None
        exponent = _exponential(found[1].node) if found and found[0] == 1 else None
        if found is None or exponent is None:
            continue
        labels = build.relabel(below, found[1].labels)
        rest = [f for m, f in enumerate(node.factors) if m != k]
        above = next((m for m, (u, p) in enumerate(rest) if p >= 1 and u == Use(found[1].node, labels)), None)
        if above is not None:
            u, p = rest[above]
            rest[above] = (u, p - 1)
            share = Map("sigmoid", (whole(exponent),))
        else:
            share = Map("sigmoid", (whole(build.negative(whole(exponent))),))
        return build.multiply(node.coefficient, [*rest, (Use(share, labels), UNIT), (below, power + 1)])
    return None


def erf_complement(node: Node) -> Node | None:
    """1 - erf(x) = erfc(x), 1 + erf(x) = erfc(-x), with whatever is added."""
    if not isinstance(node, Add):
        return None
    for k, (c, one) in enumerate(node.terms):
        for j, (d, u) in enumerate(node.terms):
            if one.node == ONE and abs(d) == abs(c) and isinstance(u.node, Map) and u.node.op == "erf":
                operand = whole(build.multiply(-d / c, [(u.node.operands[0], UNIT)]))
                rest = [t for m, t in enumerate(node.terms) if m not in (j, k)]
                return build.add([*rest, (c, Use(Map("erfc", (operand,)), u.labels))])
    return None


def root_minus_one(node: Node) -> Node | None:
    """sqrt(1 + x) - 1 = x / (1 + sqrt(1 + x)), with whatever is added."""
    if not isinstance(node, Add):
        return None
    for k, (c, one) in enumerate(node.terms):
        for j, (d, root) in enumerate(node.terms):
            inner = _under_root(root.node) if one.node == ONE and d == -c else None
            if inner is None or not any(a == 1 and u.node == ONE for a, u in inner.terms):
                continue
            x = build.add([*inner.terms, (-UNIT, Use(ONE))])
            below = build.add([(UNIT, Use(ONE)), (UNIT, whole(root.node))])
            quotient = build.multiply(d, [(whole(x), UNIT), (whole(below), -UNIT)])
            rest = [t for m, t in enumerate(node.terms) if m not in (j, k)]
            return build.add([*rest, (UNIT, Use(quotient, root.labels))]) if quotient.rank == root.node.rank else None
    return None


def _under_root(node: Node) -> Add | None:
    """a, for the node sqrt(a) of a sum."""
    if isinstance(node, Mul) and node.coefficient == 1 and len(node.factors) == 1:
        use, p = node.factors[0]
        if p == Fraction(1, 2) and use == whole(use.node) and isinstance(use.node, Add):
            return use.node
    return None


def log_of_product(node: Node) -> Node | None:
    """log prod x = sum log |x|, where the product is positive; nan where it is negative."""
    if not isinstance(node, Map) or node.op != "log" or not isinstance(node.operands[0].node, Reduce):
        return None
    use = node.operands[0]
    product = use.node
    assert isinstance(product, Reduce)
    if product.op != "prod" or (isinstance(product.operand.node, Map) and product.operand.node.op == "sign"):
        return None
    factor, labels = product.operand.node, product.operand.labels
    sizes = Map("log", (whole(factor if _is_positive(factor) else Map("abs", (whole(factor),))),))
    terms = [(UNIT, Use(Contract((Use(_log(sizes), labels),), product.kept), use.labels))]
    if not _is_positive(factor):
        sign = Reduce("prod", Use(Map("sign", (whole(factor),)), labels), product.kept)
        terms.append((UNIT, Use(Map("log", (whole(sign),)), use.labels)))
    return build.add(terms)


def only_branch(node: Node) -> Node | None:
    """The same whether or not."""
    if isinstance(node, Map) and node.op == "where" and node.operands[1] == node.operands[2]:
        use = node.operands[1]
        return build.arranged(use) if use.node.rank == node.rank else None
    return None


def expm1(node: Node) -> Node | None:
    """exp(x) - 1."""
    if not isinstance(node, Add):
        return None
    for k, (c, u) in enumerate(node.terms):
        for j, (d, v) in enumerate(node.terms):
            if d == -c and v.node == ONE and (exponent := _exponential(u.node)) is not None:
                rest = [t for m, t in enumerate(node.terms) if m not in (j, k)]
                return build.add([*rest, (c, Use(Map("expm1", (whole(exponent),)), u.labels))])
    return None


def _exp_pair(node: Node) -> tuple[Fraction, Fraction, Use, Use] | None:
    """(c, d, a, b) for the node c exp(a) + d exp(b), where a constant 1 is exp(0)."""
    if isinstance(node, Map) and node.op == "expm1":
        return UNIT, -UNIT, node.operands[0], Use(build.constant(0).node)
    if isinstance(node, Mul) and len(node.factors) == 1 and node.factors[0][1] == 1:
        use, scale = node.factors[0][0], node.coefficient
        pair = _exp_pair(use.node) if isinstance(use.node, Map) else None
        return (scale, -scale, Use(pair[2].node, build.relabel(use, pair[2].labels)), pair[3]) if pair else None
    if not isinstance(node, Add) or len(node.terms) != 2:
        return None
    found = []
    for c, u in node.terms:
        exponent = build.constant(0).node if u.node == ONE else _exponential(u.node)
        if exponent is None:
            return None
        found.append((c, Use(exponent, () if u.node == ONE else u.labels)))
    (c, a), (d, b) = found
    return c, d, a, b


def hyperbolic(node: Node) -> Node | None:
    """(e^a - e^b) / (e^a + e^b) = tanh((a - b) / 2)."""
    if not isinstance(node, Mul):
        return None
    for k, (below, power) in enumerate(node.factors):
        bottom = _exp_pair(below.node) if power <= -1 and power.denominator == 1 else None
        if bottom is None or bottom[0] != bottom[1]:
            continue
        for j, (above, p) in enumerate(node.factors):
            top = _exp_pair(above.node) if p >= 1 and above.labels == below.labels else None
            if top is None or top[0] != -top[1] or {top[2], top[3]} != {bottom[2], bottom[3]}:
                continue
            half = build.add([(Fraction(1, 2), top[2]), (Fraction(-1, 2), top[3])])
            scale = top[0] / bottom[0]
            rest = [f for m, f in enumerate(node.factors) if m not in (j, k)]
            share = (Use(Map("tanh", (whole(half),)), below.labels), UNIT)
            return build.multiply(node.coefficient * scale, [*rest, (above, p - 1), share, (below, power + 1)])
    return None


def log_sum_of_two(node: Node) -> Node | None:
    """log(e^a + e^b)."""
    if not isinstance(node, Map) or node.op != "log":
        return None
    use = node.operands[0]
    pair = _exp_pair(use.node)
    if pair is None or pair[0] != 1 or pair[1] != 1 or _plus_one(use.node):
        return None
    a, b = (Use(u.node, build.relabel(use, u.labels)) for u in pair[2:])
    return Map("logaddexp", (a, b))


_s = sp.exp(_z[_i]) / _sum_exp()
_OTHERS = sp.Sum((1 - sp.KroneckerDelta(_i, _l)) * sp.exp(_z[_l]), (_l, 1, _N))
_TANH = (sp.exp(_c) - sp.exp(_d)) / (sp.exp(_c) + sp.exp(_d))

RULES: tuple[Rule, ...] = (
    Rule("softmax does not see a shift", _s, sp.exp(_z[_i] - _c) / _sum_exp(_c), normalised),
    Rule("shift of log-sum-exp", sp.log(_sum_exp()), _c + sp.log(_sum_exp(_c)), log_of),
    Rule("log of softmax", sp.log(_s), (_z[_i] - _c) - sp.log(_sum_exp(_c)), log_minus_lse),
    Rule("log of softmax by the others", sp.log(_s), -sp.log(1 + _OTHERS / sp.exp(_z[_i])), log_minus_lse),
    Rule("an entry of log softmax", sp.log(_s), _z[_i] - sp.log(_sum_exp()), chosen),
    Rule("an entry of a sum", sp.log(_s) + _w[_i], _w[_i] + (_z[_i] - sp.log(_sum_exp())), chosen_term),
    Rule("hyperbolic tangent", _TANH, sp.tanh((_c - _d) / 2), hyperbolic),
    Rule("logistic function", 1 / (1 + sp.exp(-_x)), sp.exp(_x) / (1 + sp.exp(_x)), sigmoid),
    Rule("complement of the logistic function", 1 - 1 / (1 + sp.exp(-_x)), 1 / (1 + sp.exp(_x)), complement),
    Rule("both outcomes", _c * sp.log(1 + sp.exp(-_x)) + (1 - _c) * sp.log(1 + sp.exp(_x)),
         sp.log(1 + sp.exp(_x)) - _c * _x, both_outcomes),
    Rule("complement of the error function", 1 + sp.erf(_x), 1 - sp.erf(-_x), erf_complement),
    Rule("square root less one", sp.sqrt(1 + _x) - 1, _x / (1 + sp.sqrt(1 + _x)), root_minus_one),
    Rule("logarithm of a product", sp.log(sp.Product(_z[_l], (_l, 1, _N))), sp.Sum(sp.log(_z[_l]), (_l, 1, _N)),
         log_of_product),
    Rule("cases that are alike", sp.Piecewise((_c, _x > 0), (_c, True)), _c, only_branch),
    Rule("log of a sum of two exponentials", sp.log(sp.exp(_c) + sp.exp(_d)), _c + sp.log(1 + sp.exp(_d - _c)),
         log_sum_of_two),
    Rule("exponential minus one", sp.exp(_x) - 1, sp.exp(_x / 2) * (sp.exp(_x / 2) - sp.exp(-_x / 2)), expm1),
    Rule("reciprocal of a sum of exponentials", 1 / _sum_exp(), sp.exp(-sp.log(_sum_exp())), leftover),
)


def stabilise(roots: tuple[Node, ...], moved: dict[Node, Node] | None = None) -> tuple[Node, ...]:
    """The same arrays in forms that neither overflow nor cancel where the mathematics does not; ``moved`` learns what
    became of each node."""

    def step(node: Node) -> Node | None:
        if any(build.is_multiple(u.node) for u in node.uses):
            match node:
                case Mul(coefficient, factors):
                    node = build.multiply(coefficient, factors)
                case Add(terms):
                    node = build.add(terms)
        for rule in RULES:
            better = rule.apply(node)
            if better is not None:
                return better
        return node

    previous: tuple[Node, ...] = ()
    for _ in range(8):
        if roots == previous:
            break
        previous, roots = roots, rewrite(roots, step, moved)
    return roots
