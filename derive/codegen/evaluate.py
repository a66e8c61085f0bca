"""The meaning of the array language, as a program: slow, literal, in any precision.

Generated source is compared with this. Nothing here is shared with the printing of source.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import singledispatchmethod
from typing import Any

import mpmath
import numpy as np

from derive.codegen.array import (
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

Array = Any


def size_value(size: str, sizes: Mapping[str, int]) -> int:
    """The value of an affine size such as ``2*N + 1``."""
    def value(tree: ast.AST) -> int:
        match tree:
            case ast.Expression(body):
                return value(body)
            case ast.Constant(int(v)):
                return v
            case ast.Name(name):
                return sizes[name]
            case ast.BinOp(left, ast.Add(), right):
                return value(left) + value(right)
            case ast.BinOp(left, ast.Sub(), right):
                return value(left) - value(right)
            case ast.BinOp(left, ast.Mult(), right):
                return value(left) * value(right)
            case ast.BinOp(left, ast.Pow(), right):
                return int(value(left) ** value(right))
            case ast.UnaryOp(ast.USub(), operand):
                return -value(operand)
        raise ValueError(f"not a size: {size}")

    return value(ast.parse(size, mode="eval"))


def _mp_sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


_HIGH: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "sign": lambda x: mpmath.mpf((x > 0) - (x < 0)),
    "maximum": max,
    "minimum": min,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "equal": lambda a, b: a == b,
    "not_equal": lambda a, b: a != b,
    "logical_and": lambda a, b: a and b,
    "logical_or": lambda a, b: a or b,
    "logical_not": lambda a: not a,
    "where": lambda c, a, b: a if c else b,
    "power": lambda a, b: a**b,
    "copy": lambda a: a,
    "ones": lambda a: mpmath.mpf(1),
    "sigmoid": _mp_sigmoid,
    "exp_far": lambda x: mpmath.exp(-abs(x)),
    "sigmoid_by": lambda x, e: (1 if x >= 0 else e) / (1 + e),
    "erfc": mpmath.erfc,
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "arctan": mpmath.atan,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "logaddexp": lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
}


class Evaluator:
    """Values of nodes with entries in mpmath numbers of ``digits`` decimal digits."""

    def __init__(self, inputs: Mapping[str, Array], digits: int = 60) -> None:
        self.inputs = inputs
        self.context = mpmath.workdps(digits)
        self.sizes: dict[str, int] = {}

    def __call__(self, *roots: Node) -> list[Array]:
        with self.context:
            self.measure(*roots)
            done: dict[Node, Array] = {}
            for node in walk(*roots):
                done[node] = self.value(node, done)
            return [done[root] for root in roots]

    def measure(self, *roots: Node) -> None:
        """Read the dimensions off the arguments."""
        for node in walk(*roots):
            if isinstance(node, Input):
                for size, actual in zip(node.axes, np.shape(self.inputs[node.name]), strict=True):
                    if size.isidentifier():
                        self.sizes[size] = actual

    def aligned(self, use: Use, done: Mapping[Node, Array], rank: int) -> Array:
        """The operand with an axis for each of the labels 0 .. rank - 1, of size 1 where it has none."""
        labels = list(range(rank))
        operand = np.asarray(done[use.node])
        value = np.asarray(np.einsum(operand, list(use.labels), [k for k in labels if k in use.labels]), operand.dtype)
        return value.reshape([value.shape[[j for j in labels if j in use.labels].index(k)] if k in use.labels else 1
                              for k in labels])

    def full(self, node: Node) -> tuple[int, ...]:
        return tuple(size_value(s, self.sizes) for s in node.sizes)

    def apply(self, op: str, *operands: Array) -> Array:
        f = _HIGH.get(op) or getattr(mpmath, op)
        return np.frompyfunc(f, len(operands), 1)(*operands)

    @singledispatchmethod
    def value(self, node: Node, done: Mapping[Node, Array]) -> Array:
        raise TypeError(f"cannot evaluate {type(node).__name__}")

    @value.register
    def _(self, node: Input, done: Mapping[Node, Array]) -> Array:
        given = np.asarray(self.inputs[node.name])
        if node.integer:
            return given
        out = np.empty(given.shape, dtype=object)
        for k in np.ndindex(given.shape):
            out[k] = exact(given[k])
        return out

    @value.register
    def _(self, node: Number, done: Mapping[Node, Array]) -> Array:
        if isinstance(node.value, Fraction):
            return np.array(mpmath.mpf(node.value.numerator) / node.value.denominator, dtype=object)
        return np.array(+getattr(mpmath, node.value), dtype=object)

    @value.register
    def _(self, node: Extent, done: Mapping[Node, Array]) -> Array:
        return np.array(mpmath.mpf(size_value(node.size, self.sizes)), dtype=object)

    @value.register
    def _(self, node: Positions, done: Mapping[Node, Array]) -> Array:
        count = size_value(node.size, self.sizes)
        return np.array([mpmath.mpf(node.first + k) for k in range(count)], dtype=object)

    @value.register
    def _(self, node: Map, done: Mapping[Node, Array]) -> Array:
        return np.asarray(self.apply(node.op, *(self.aligned(u, done, node.rank) for u in node.operands)), dtype=object)

    @value.register
    def _(self, node: Add, done: Mapping[Node, Array]) -> Array:
        terms = [mpmath.mpf(c.numerator) / c.denominator * self.aligned(u, done, node.rank) for c, u in node.terms]
        return np.broadcast_to(sum(terms[1:], terms[0]), self.full(node))

    @value.register
    def _(self, node: Mul, done: Mapping[Node, Array]) -> Array:
        result: Array = np.array(mpmath.mpf(node.coefficient.numerator) / node.coefficient.denominator, dtype=object)
        for use, p in node.factors:
            operand = self.aligned(use, done, node.rank)
            power = mpmath.mpf(p.numerator) / p.denominator if p.denominator != 1 else int(p)
            result = result * np.frompyfunc(lambda x, power=power: x**power, 1, 1)(operand)
        return np.broadcast_to(np.asarray(result, dtype=object), self.full(node))

    @value.register
    def _(self, node: Contract, done: Mapping[Node, Array]) -> Array:
        flat: list[Any] = []
        for use in node.operands:
            flat += [np.asarray(done[use.node], dtype=object), list(use.labels)]
        return np.asarray(np.einsum(*flat, list(range(node.kept))), dtype=object)

    @value.register
    def _(self, node: Reduce, done: Mapping[Node, Array]) -> Array:
        rank = 1 + max(node.operand.labels)
        operand = self.aligned(node.operand, done, rank)
        axes = tuple(range(node.kept, rank))
        ufunc = {"max": np.maximum, "min": np.minimum, "prod": np.multiply}[node.op]
        return np.asarray(ufunc.reduce(operand, axis=axes), dtype=object)

    @value.register
    def _(self, node: Gather, done: Mapping[Node, Array]) -> Array:
        out = np.empty(self.full(node), dtype=object)
        source, where = done[node.source.node], done[node.where.node]
        for k in np.ndindex(out.shape):
            at = int(where[tuple(k[x] for x in node.where.labels)])
            out[k] = source[tuple(at if x == -1 else k[x] for x in node.source.labels)]
        return out

    @value.register
    def _(self, node: Take, done: Mapping[Node, Array]) -> Array:
        out = np.empty(self.full(node), dtype=object)
        for k in np.ndindex(out.shape):
            out[k] = done[node.operand.node][tuple(node.position if x == -1 else k[x] for x in node.operand.labels)]
        return out

    @value.register
    def _(self, node: OnDiagonal, done: Mapping[Node, Array]) -> Array:
        out = np.empty(self.full(node), dtype=object)
        for k in np.ndindex(out.shape):
            on = k[node.first] == k[node.second]
            out[k] = done[node.operand.node][tuple(k[x] for x in node.operand.labels)] if on else mpmath.mpf(0)
        return out

    @value.register
    def _(self, node: AtLabel, done: Mapping[Node, Array]) -> Array:
        out = np.empty(self.full(node), dtype=object)
        for k in np.ndindex(out.shape):
            on = k[node.axis] == int(done[node.where.node][tuple(k[x] for x in node.where.labels)])
            out[k] = done[node.operand.node][tuple(k[x] for x in node.operand.labels)] if on else mpmath.mpf(0)
        return out

    @value.register
    def _(self, node: Concat, done: Mapping[Node, Array]) -> Array:
        shape = list(self.full(node))
        pieces = []
        for use in node.pieces:
            piece = self.aligned(use, done, node.rank)
            shape[node.axis] = piece.shape[node.axis]
            pieces.append(np.broadcast_to(piece, shape))
        return np.concatenate(pieces, axis=node.axis)

    @value.register
    def _(self, node: Slice, done: Mapping[Node, Array]) -> Array:
        operand = self.aligned(node.operand, done, node.rank)
        stop = node.start + size_value(node.size, self.sizes)
        return operand[(slice(None),) * node.axis + (slice(node.start, stop),)]

    @value.register
    def _(self, node: Matrix, done: Mapping[Node, Array]) -> Array:
        stack = self.aligned(node.operand, done, node.operand.node.rank)
        out = np.empty(self.full(node), dtype=object)
        for k in np.ndindex(stack.shape[:-2]):
            matrix = mpmath.matrix(stack[k].tolist())
            if node.op == "det":
                out[k] = mpmath.det(matrix)
            else:
                out[k] = np.array((matrix**-1).tolist(), dtype=object)
        return out

    def _exps(self, node: Softmax | LogSoftmax | LogSumExp, done: Mapping[Node, Array]) -> tuple[Array, Array]:
        e = np.asarray(self.apply("exp", done[node.operand]), dtype=object)
        return e, np.add.reduce(e, axis=node.axis)

    @value.register
    def _(self, node: Softmax, done: Mapping[Node, Array]) -> Array:
        e, total = self._exps(node, done)
        return e / np.expand_dims(total, node.axis)

    @value.register
    def _(self, node: LogSoftmax, done: Mapping[Node, Array]) -> Array:
        total = np.asarray(self.apply("log", self._exps(node, done)[1]), dtype=object)
        return done[node.operand] - np.expand_dims(total, node.axis)

    @value.register
    def _(self, node: LogSumExp, done: Mapping[Node, Array]) -> Array:
        return np.asarray(self.apply("log", self._exps(node, done)[1]), dtype=object)


def exact(x: Any) -> Any:
    """A machine number as an exact mpmath number."""
    if isinstance(x, mpmath.mpf):
        return x
    if isinstance(x, np.longdouble) and np.isfinite(x):
        high = float(x)
        return mpmath.mpf(high) + mpmath.mpf(float(x - np.longdouble(high)))
    return mpmath.mpf(float(x)) if not math.isnan(float(x)) else mpmath.nan


def evaluate(roots: tuple[Node, ...], inputs: Mapping[str, Array], digits: int = 60) -> list[Array]:
    """The values of ``roots`` for unbatched arguments, to ``digits`` digits."""
    return Evaluator(inputs, digits)(*roots)
