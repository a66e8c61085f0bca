"""Normal form -> SymPy: what remained of a difference, in the language that it came from.

For people, not for proofs: nothing is decided on what is read back.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from derive.calculus.atoms import (
    BINDERS,
    Atom,
    Domain,
    Frozen,
    Monomial,
    Poly,
    Rational,
    Term,
    Unsupported,
    frozen_atoms,
)
from derive.calculus.language import Det, InverseEntry, MaxOver, dimension, index, labels, scalar, tensor

LETTERS = ("k", "l", "m", "n", "p", "q", "r", "i", "j", *(f"i_{n}" for n in range(1, 60)))
NODES = {
    "sum": sp.Sum,
    "prod": sp.Product,
    "max": MaxOver,
    "det": Det,
    "inv": InverseEntry,
    "sinv": InverseEntry,
}
FUNCTIONS = {f.__name__: f for f in (sp.sin, sp.cos, sp.tan, sp.asin, sp.acos, sp.atan, sp.erf)}


def expression(p: Poly) -> sp.Expr:
    """The polynomial as a SymPy expression; raises Unsupported where an atom has no counterpart."""
    taken = {v for m in p for a, _ in m for v in a.free}
    return Reader(taken).poly(p)


class Reader:
    """Gives bound indices letters that are not in use."""

    def __init__(self, taken: set[str]) -> None:
        self.names: dict[str, sp.Symbol] = {}
        self.free = [letter for letter in LETTERS if letter not in taken]

    def poly(self, p: Poly) -> sp.Expr:
        return sp.Add(*(self.monomial(m) * number(c) for m, c in p.items()))

    def frozen(self, f: Frozen) -> sp.Expr:
        return self.poly(dict(f))

    def monomial(self, m: Monomial) -> sp.Expr:
        return sp.Mul(*(self.power(a, e) for a, e in m))

    def power(self, a: Atom, e: Rational) -> sp.Expr:
        if a.kind == "exp":
            return sp.exp(self.monomial(a.args[0]) * number(e))
        return self.atom(a) ** number(e)

    def term(self, t: Term) -> Any:
        if isinstance(t, int):
            return sp.Integer(t)
        if isinstance(t, str):
            return self.names.get(t) or index(t)
        if t[0] == "+":
            return self.term(t[1]) + t[2]
        if t[0] == "Σ":
            return sp.Add(*(c * self.term(s) for s, c in t[1]))
        return labels(t[1])[tuple(map(self.term, t[2]))] if t[2] else dimension(t[1])

    def atom(self, a: Atom) -> sp.Expr:
        args = a.args
        match a.kind:
            case "entry" if args[0] == "#":
                return self.term(args[1][0])
            case "entry":
                return tensor(args[0])[tuple(map(self.term, args[1]))] if args[1] else scalar(args[0])
            case "dim":
                return dimension(args[0])
            case "num":
                return sp.Integer(args[0])
            case "const":
                return sp.pi if args[0] == "pi" else sp.Integer(-1)
            case "delta":
                return sp.KroneckerDelta(*map(self.term, args))
            case "less":
                before = sp.Lt(*map(self.term, args), evaluate=False)
                return sp.Piecewise((1, before), (0, True), evaluate=False)
            case "log":
                return sp.log(self.atom(args[0]) if isinstance(args[0], Atom) else sp.Integer(args[0]))
            case "abs":
                return sp.Abs(self.atom(args[0]))
            case "step":
                return sp.Piecewise((1, sp.Gt(self.atom(args[0]), 0, evaluate=False)), (0, True), evaluate=False)
            case "poly":
                return self.frozen(args[0])
            case "ipow":
                return self.atom(args[0]) ** self.monomial(args[1])
            case "fn":
                return self.function(*args)
        return self.binder(a)

    def function(self, name: str, orders: tuple[int, ...], frozen: tuple[Frozen, ...]) -> sp.Expr:
        f = FUNCTIONS.get(name) or sp.Function(name)
        arguments = list(map(self.frozen, frozen))
        if not any(orders):
            return f(*arguments)
        slots = [sp.Dummy(f"u{n}", real=True) for n in range(len(arguments))]
        counts = [(u, n) for u, n in zip(slots, orders, strict=True) if n]
        return sp.Subs(sp.Derivative(f(*slots), *counts), slots, arguments)

    def binder(self, a: Atom) -> sp.Expr:
        """The bound indices get letters for as long as the body is read."""
        if a.kind not in BINDERS:
            raise Unsupported(f"no expression for {a.kind}")
        matrix = a.kind in ("det", "inv", "sinv")
        domains: tuple[Domain, ...] = a.args[0] if a.kind == "sum" else (a.args[0],) * (2 if matrix else 1)
        busy = {v for b in frozen_atoms(((a.args[1], 1),) if a.kind == "sum" else a.args[1]) for v in b.free}
        own = [f"%{a.height}.{n}" for n in range(len(domains))]
        saved, letters = dict(self.names), [x for x in self.free if x not in busy]
        symbols = [index(letter) for letter in letters[: len(own)]]
        outer, self.free = self.free, letters[len(own) :]
        self.names.update(zip(own, symbols, strict=True))
        limits = [self.limits(s, d) for s, d in zip(symbols, domains, strict=True)]
        body = self.monomial(a.args[1]) if a.kind == "sum" else self.frozen(a.args[1])
        self.names, self.free = saved, outer
        return NODES[a.kind](body, *limits, *map(self.term, a.args[2:]))

    def limits(self, symbol: sp.Symbol, d: Domain) -> tuple[sp.Symbol, sp.Expr, sp.Expr]:
        first = sp.Integer(d.first) if isinstance(d.first, int) else self.frozen(d.first)
        return symbol, first, first + self.frozen(d.size) - 1


def number(c: Rational) -> sp.Rational:
    return sp.Rational(c.numerator, c.denominator)
