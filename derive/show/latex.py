r"""SymPy index expressions -> LaTeX as a person writes it, in the language that the reader reads.

A printed piece is text with a shape: an ATOM can take a power, a FACTOR can stand anywhere in a product, an
OPEN piece (``\sum_l a_l``, ``\log x``) swallows what follows it and so comes last or in parentheses, a SUM is
a row of terms. Order is decided by structure alone: numbers, fractions of dimensions, scalars, then factors by
the indices that they carry, what is open last; a sum does not begin with a minus where it has a positive term.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import pairwise
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from derive.calculus.language import Binder, Det, InverseEntry, MaxOver, MinOver
from derive.calculus.setting import Setting
from derive.show.signs import GREEK


@dataclass(frozen=True)
class Style:
    r"""How a note writes things.

    delta      ``delta`` for ``\delta_{ij}``, ``indicator`` for ``\mathbb{1}\{i=j\}``,
               ``identity`` for ``\mathrm{Id}_{ij}``
    ranges     print ``\sum_{l=1}^N`` rather than ``\sum_l``
    power_of_e print ``e^x`` rather than ``\exp(x)``; off where the note has an ``e`` of its own
    order      names of indices: factors stand in their order, others after them by the alphabet
    spellings  names whose entries are not written with indices alone, with their spelling
    bound      names of the indices of the sum that one stands in: factors with them come first
    """

    delta: str = "delta"
    ranges: bool = True
    power_of_e: bool = True
    order: tuple[str, ...] = ()
    spellings: tuple[tuple[str, str], ...] = ()
    bound: frozenset[str] = frozenset()


DEFAULT = Style()


class Shape(IntEnum):
    SUM = 0
    OPEN = 1
    FACTOR = 2
    ATOM = 3


@dataclass(frozen=True)
class Piece:
    text: str
    shape: Shape = Shape.ATOM


def latex(expr: Any, style: Style = DEFAULT) -> str:
    """The LaTeX of an expression, a relation, or a matrix of expressions."""
    tree = sp.sympify(expr, strict=True)  # numbers become SymPy's, text is refused
    return _Printer(style, _bound_names(tree)).print(tree).text


def style_of(source: str, setting: Setting | None = None) -> Style:
    """The style of a note, from its source text and the names that it takes for itself."""
    names = {*setting.shapes, *setting.definitions} if setting else set()
    if (
        re.search(r"\\mathbb\{?\s*1|\\mathbf\{?\s*1\}?\s*[\\({_]|\b1\s*\\\{|\\mathds\{?\s*1", source)
        or r"\delta" in names
    ):
        delta = "indicator"
    elif re.search(r"\\(?:mathrm|operatorname|text)\{Id\}", source) and r"\delta" not in source:
        delta = "identity"
    else:
        delta = "delta"
    return Style(delta=delta, power_of_e="e" not in names)


def spelled(style: Style, setting: Setting) -> Style:
    r"""The style with entries as the author writes them: ``\sigma_k(x_{i\cdot})``."""
    found = tuple((name, d.spelling) for name, d in setting.definitions.items() if d.spelling)
    return replace(style, spellings=found)


# ----- names -----

WORD_SUBSCRIPT = re.compile(r"^(?P<base>.+?)_\{?(?P<word>[^{}]+)\}?$")
FRESH = "lkmnpqrabcdghuv"


def name_latex(name: str, function: bool = False) -> str:
    r"""``alpha`` is ``\alpha``, ``softmax`` is ``\mathrm{softmax}``, ``w_{out}`` is ``w_{\text{out}}``."""
    if name.startswith("\\") and "_" not in name:
        return name
    if match := WORD_SUBSCRIPT.match(name):
        word = match["word"]
        plain = not word.isalpha() or len(word) == 1 or word.startswith("\\")
        inner = name_latex(word) if word in GREEK else word if plain else rf"\text{{{word}}}"
        return f"{name_latex(match['base'], function)}_{_braced(inner)}"
    stem = name.rstrip("'")
    primes = name[len(stem) :]
    if stem in GREEK:
        return rf"\{stem}{primes}"
    if stem.isalpha() and len(stem) > 1 and stem.isascii():
        return rf"\operatorname{{{stem}}}{primes}" if function else rf"\mathrm{{{stem}}}{primes}"
    return name


def _braced(text: str) -> str:
    return text if len(text) == 1 else f"{{{text}}}"


def _binders(expr: Any) -> Iterable[Any]:
    return (node for node in sp.preorder_traversal(expr) if isinstance(node, (sp.Sum, sp.Product, Binder)))


def _bound_names(expr: Any) -> dict[sp.Symbol, str]:
    """Names for the bound indices that have none that can be read back: dummies, ``l_1``, or a name already taken."""
    if not isinstance(expr, sp.Basic):
        return {}
    taken = {symbol.name for symbol in expr.free_symbols if isinstance(symbol, sp.Symbol)}
    taken |= {str(base.label) for base in expr.atoms(sp.IndexedBase)}
    chosen: dict[sp.Symbol, str] = {}
    for node in _binders(expr):
        for limit in node.limits:
            symbol = limit[0]
            if symbol in chosen:
                continue
            readable = re.fullmatch(r"\\?[A-Za-z]+'*", symbol.name) and (
                len(symbol.name.strip("'\\")) == 1 or symbol.name.strip("'\\") in GREEK
            )
            clash = symbol.name in taken and symbol not in expr.free_symbols
            if readable and not clash and symbol.name not in chosen.values():
                chosen[symbol] = name_latex(symbol.name)
            else:
                used = taken | set(chosen.values())
                chosen[symbol] = next((c for c in _candidates(symbol.name) if c not in used), symbol.name)
    return chosen


def _candidates(name: str) -> Iterable[str]:
    letter = next((c for c in name if c.isalpha()), "l")
    for count in range(1, 4):
        yield letter + "'" * count
    yield from FRESH


# ----- order -----


def _indices(expr: Any) -> tuple[str, ...]:
    """The free index names of a factor, in the order in which they appear."""
    bound = {symbol for node in _binders(expr) for symbol in node.bound_symbols} if _has_binder(expr) else set()
    seen: dict[str, None] = {}
    for node in sp.preorder_traversal(expr):
        if isinstance(node, sp.Indexed):
            parts: Iterable[Any] = node.indices
        elif isinstance(node, sp.KroneckerDelta):
            parts = node.args
        else:
            continue
        for part in parts:
            for symbol in sorted(part.free_symbols - bound, key=str):
                if isinstance(symbol, sp.Symbol):
                    seen[symbol.name] = None
    return tuple(seen)


def _has_binder(expr: Any) -> bool:
    return bool(expr.has(sp.Sum, sp.Product, Binder))


def _is_dimension(expr: Any) -> bool:
    """A positive integer symbol, a power, product or root of such."""
    symbols = expr.free_symbols
    return (
        bool(symbols)
        and not expr.has(sp.Indexed)
        and all(s.is_integer and s.is_positive for s in symbols)
        and not _has_binder(expr)
    )


def _weight(factor: Any) -> int:
    """How late a factor stands among those with the same indices."""
    base = factor.base if isinstance(factor, sp.Pow) else factor
    kinds: tuple[tuple[Any, int], ...] = (
        (sp.Number, 0),
        (sp.KroneckerDelta, 1),
        (sp.Symbol, 2),
        (sp.Indexed, 3),
        (sp.exp, 4),
        (sp.Function, 5),
        (sp.Derivative, 6),
        (sp.Subs, 6),
        (sp.Piecewise, 7),
        (sp.Add, 8),
        ((sp.Sum, sp.Product, Binder), 9),
    )
    if _is_dimension(base):
        return 1
    return next((weight for kind, weight in kinds if isinstance(base, kind)), 7)


def for_target(style: Style, target: Any) -> Style:
    """The style with factors in the order of the indices of ``target``: ``(s_k - y_k) x_j`` for ``W_{kj}``."""
    return replace(style, order=_written_indices(target))


def _written_indices(expr: Any) -> tuple[str, ...]:
    """The index names of a target as they are written: above the line first, then below it."""
    seen: dict[str, None] = {}
    for node in sp.preorder_traversal(expr):
        if isinstance(node, sp.Indexed):
            seen |= dict.fromkeys(str(index) for index in node.indices if isinstance(index, sp.Symbol))
    return tuple(seen)


def _factor_key(factor: Any, order: tuple[str, ...] = ()) -> tuple[Any, ...]:
    weight = _weight(factor)
    scalar = weight <= 2 and not isinstance(factor, sp.KroneckerDelta)
    front = 0 if scalar else 1 if isinstance(factor, sp.KroneckerDelta) else 2
    indices = tuple((order.index(i) if i in order else len(order), i) for i in _indices(factor))
    if order and factor.is_Add:
        indices = tuple(sorted(indices))
    return (front, indices if front == 2 else (), weight, sp.default_sort_key(factor))


def _roots(above: list[Any], below: list[Any]) -> tuple[list[Any], list[Any]]:
    r"""Without ``\sqrt{2}/2`` for ``1/\sqrt{2}``; roots of numbers below the line under one sign."""
    for root in [f for f in above if _is_root(f) and f.base in below]:
        above = [f for f in above if f != root]
        below = [root if f == root.base else f for f in below]
    roots = [f for f in below if _is_root(f)]
    if len(roots) > 1:
        below = [f for f in below if f not in roots]
        below.append(sp.Pow(sp.Mul(*(f.base for f in roots)), sp.Rational(1, 2), evaluate=False))
    return above, below


def _is_root(factor: Any) -> bool:
    return isinstance(factor, sp.Pow) and factor.exp == sp.Rational(1, 2) and factor.base.is_number is True


def _in_matrix_order(factors: list[Any], bound: frozenset[str]) -> list[Any]:
    r"""``W_{ij} x_j``, ``x_i W_{ij}``, ``y_i (\delta_{ij} - s_j)`` as their matrices stand; ``y_i s_j`` for bound i."""
    ends = [_ends(f) for f in factors]
    order = list(range(len(factors)))
    for _ in factors:
        for k in range(len(order) - 1):
            one, two = ends[order[k]], ends[order[k + 1]]
            apart = one and bound & set(two) and not bound & set(one)
            late = _is_delta_sum(factors[order[k]]) and set(one) & set(two) and not _is_delta_sum(factors[order[k + 1]])
            if apart or late or (_meet(two, one) and not _meet(one, two)):
                order[k], order[k + 1] = order[k + 1], order[k]
    return [factors[k] for k in order]


def _is_delta_sum(factor: Any) -> bool:
    return isinstance(factor, sp.Add) and factor.has(sp.KroneckerDelta) and not _has_binder(factor)


def _ends(factor: Any) -> tuple[str, ...]:
    """The indices of an entry, or of a sum of entries and deltas; of anything else none."""
    if isinstance(factor, sp.Indexed) and all(isinstance(i, sp.Symbol) for i in factor.indices):
        return tuple(i.name for i in factor.indices)
    if _is_delta_sum(factor):
        delta = min(factor.atoms(sp.KroneckerDelta), key=str)
        others = {i for e in factor.atoms(sp.Indexed) for i in _indices(e)}
        return tuple(sorted(map(str, delta.args), key=lambda i: (i in others, i)))
    return ()


def _meet(one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    return len(one) + len(two) > 2 and bool(one and two) and one[-1] == two[0]


def _term_key(term: Any) -> tuple[Any, ...]:
    factors = sp.Mul.make_args(term)
    heaviest = max(_weight(f) for f in factors)
    no_delta = not any(isinstance(f, sp.KroneckerDelta) for f in factors)
    return (
        heaviest if heaviest > 3 else min(heaviest, 2),
        no_delta,
        _indices(term),
        len(factors),
        sp.default_sort_key(term),
    )


def ordered_terms(expr: Any) -> list[Any]:
    """The terms of a sum as a person orders them; a positive one first, if there is one; ``i + 1`` but ``1 + e^x``."""
    terms = sorted(sp.Add.make_args(expr), key=_term_key)
    if terms[0].is_number and all(term.is_number or _weight(term.as_coeff_Mul()[1]) <= 2 for term in terms):
        terms = [*terms[1:], terms[0]]
    first = next((k for k, term in enumerate(terms) if not _is_negative(term)), 0)
    return [terms[first], *terms[:first], *terms[first + 1 :]]


def _is_negative(term: Any) -> bool:
    if isinstance(term, sp.Sum):
        return _is_negative(term.function) and not isinstance(term.function, sp.Add)
    return bool(term.as_coeff_Mul()[0].is_negative)


# ----- printing -----

FUNCTIONS: Mapping[str, str] = {
    "log": r"\log",
    "tanh": r"\tanh",
    "sinh": r"\sinh",
    "cosh": r"\cosh",
    "sin": r"\sin",
    "cos": r"\cos",
    "tan": r"\tan",
    "atan": r"\arctan",
    "erf": r"\operatorname{erf}",
    "sign": r"\operatorname{sign}",
}
RELATIONS: Mapping[type, str] = {
    sp.Eq: "=",
    sp.Ne: r"\ne",
    sp.Gt: ">",
    sp.Ge: r"\ge",
    sp.Lt: "<",
    sp.Le: r"\le",
}
BIG: Mapping[type, str] = {sp.Sum: r"\sum", sp.Product: r"\prod", MaxOver: r"\max", MinOver: r"\min"}
NEW_ROW = r" \\ "
TALL = re.compile(r"\\(?:d?frac|sum|prod|begin|left|sqrt)")


def parenthesised(text: str) -> str:
    return rf"\left( {text} \right)" if TALL.search(text) else f"({text})"


@dataclass(frozen=True)
class _Printer:
    style: Style
    names: Mapping[sp.Symbol, str] = field(default_factory=dict)

    def print(self, expr: Any) -> Piece:
        for kind, method in METHODS:
            if isinstance(expr, kind):
                return method(self, expr)
        return Piece(rf"\mathtt{{{re.sub(r'[^A-Za-z0-9 ]', ' ', str(expr))}}}")

    def text(self, expr: Any) -> str:
        return self.print(expr).text

    def atom(self, expr: Any) -> str:
        piece = self.print(expr)
        return piece.text if piece.shape is Shape.ATOM else parenthesised(piece.text)

    def closed(self, expr: Any) -> str:
        piece = self.print(expr)
        return piece.text if piece.shape >= Shape.FACTOR else parenthesised(piece.text)

    # names and entries

    def symbol(self, expr: Any) -> Piece:
        return Piece(self.names.get(expr) or name_latex(expr.name))

    def number(self, expr: Any) -> Piece:
        if isinstance(expr, sp.Rational) and not isinstance(expr, sp.Integer):
            sign = "-" if expr.p < 0 else ""
            return Piece(rf"{sign}\frac{{{abs(expr.p)}}}{{{expr.q}}}", Shape.SUM if sign else Shape.FACTOR)
        text = str(expr) if not isinstance(expr, sp.Float) else str(expr).rstrip("0").rstrip(".")
        return Piece(text, Shape.SUM if expr.is_negative else Shape.ATOM)

    def constant(self, expr: Any) -> Piece:
        return Piece({sp.E: "e", sp.pi: r"\pi", sp.oo: r"\infty"}.get(expr, str(expr)))

    def subscript(self, base: str, indices: Iterable[Any]) -> str:
        parts = [self.text(index) for index in indices]
        single = all(re.fullmatch(r"[A-Za-z]'*|\d|\\[a-z]+", part) for part in parts)
        digits = any(a.isdigit() and b.isdigit() for a, b in pairwise(parts))
        if single and not digits:
            joined = "".join(
                p + (" " if p.startswith("\\") and k + 1 < len(parts) else "") for k, p in enumerate(parts)
            )
        else:
            joined = ", ".join(parts)
        plain = "_" not in base and "^" not in base
        return f"{base if plain else f'({base})'}_{_braced(joined)}"

    def indexed(self, expr: Any) -> Piece:
        for name, spelling in self.style.spellings:
            if name == str(expr.base.label):
                text = spelling.format(*map(self.text, expr.indices))
                return Piece(re.sub(r"_\{(\w)\}", r"_\1", text))
        return Piece(self.subscript(name_latex(str(expr.base.label)), expr.indices))

    def delta(self, expr: Any) -> Piece:
        i, j = sorted(expr.args, key=lambda a: (a.is_number, str(a)))
        if self.style.delta == "indicator":
            return Piece(rf"\mathbb{{1}}\{{{self.text(i)}={self.text(j)}\}}", Shape.FACTOR)
        return Piece(self.subscript(r"\mathrm{Id}" if self.style.delta == "identity" else r"\delta", (i, j)))

    # sums of terms and products of factors

    def add(self, expr: Any) -> Piece:
        out = ""
        for term in ordered_terms(expr):
            text = self.text(term)
            if not out:
                out = text
            else:
                out += f" - {text[1:].lstrip()}" if text.startswith("-") else f" + {text}"
        return Piece(out, Shape.SUM)

    def mul(self, expr: Any) -> Piece:
        coefficient, rest = expr.as_coeff_Mul()
        if isinstance(coefficient, sp.Float):
            above, below = [abs(coefficient)], []
        else:
            above = [sp.Integer(abs(coefficient.p))] if abs(coefficient.p) != 1 else []
            below = [sp.Integer(coefficient.q)] if coefficient.q != 1 else []
        for factor in sp.Mul.make_args(rest):
            inverse = self.inverse(factor)
            (above if inverse is None else below).append(factor if inverse is None else inverse)
        above, below = _roots(above, below)
        above.sort(key=lambda f: _factor_key(f, self.style.order))
        above = _in_matrix_order(above, self.style.bound)
        below.sort(key=lambda f: _factor_key(f, self.style.order))
        piece = self.fraction(above, below) if below else self.product(above)
        if coefficient.is_negative:
            text = parenthesised(piece.text) if piece.shape is Shape.SUM else piece.text
            return Piece(f"-{text}", Shape.SUM)
        return piece

    def inverse(self, factor: Any) -> Any | None:
        """``b**k`` for a factor ``b**(-k)``; None for one that stands above the line."""
        if (
            isinstance(factor, sp.Pow)
            and factor.exp.as_coeff_Mul()[0].is_negative
            and factor.base.is_number is not True
        ):
            return sp.Pow(factor.base, -factor.exp)
        if isinstance(factor, sp.Pow) and factor.exp.is_Rational and factor.exp.is_negative:
            return sp.Pow(factor.base, -factor.exp)
        return None

    def fraction(self, above: list[Any], below: list[Any]) -> Piece:
        """One fraction; but a fraction of numbers and dimensions stands before a numerator of several parts."""
        light = all(b.is_number or _is_dimension(b) for b in below)
        front = [f for f in above if f.is_number]
        rest = [f for f in above if not f.is_number]
        heavy = len(rest) > 1 or any(self.print(f).shape <= Shape.OPEN for f in rest)
        if light and rest and (heavy or any(_is_dimension(b) for b in below)):
            body = self.product(rest, after=True)
            return Piece(
                f"{self.bar(front, below)} {body.text}", body.shape if body.shape <= Shape.OPEN else Shape.FACTOR
            )
        return Piece(self.bar(above, below), Shape.FACTOR)

    def bar(self, above: list[Any], below: list[Any]) -> str:
        return rf"\frac{{{self.product(above).text if above else '1'}}}{{{self.product(below).text}}}"

    def product(self, factors: list[Any], after: bool = False) -> Piece:
        """Factors side by side; of those that swallow what follows only the last goes without parentheses."""
        if len(factors) == 1 and not after:
            return self.print(factors[0])
        pieces = [self.print(f) for f in factors]
        closed = [(f, p) for f, p in zip(factors, pieces, strict=True) if p.shape is not Shape.OPEN]
        opened = [(f, p) for f, p in zip(factors, pieces, strict=True) if p.shape is Shape.OPEN]
        texts = [p.text if p.shape >= Shape.FACTOR else parenthesised(p.text) for _, p in closed]
        texts += [self.shut(f, p) for f, p in opened[:-1]] + [p.text for _, p in opened[-1:]]
        return Piece(_side_by_side(texts), Shape.OPEN if opened else Shape.FACTOR)

    def shut(self, factor: Any, piece: Piece) -> str:
        if isinstance(factor, sp.Function) and type(factor).__name__ in FUNCTIONS:
            return self.call(FUNCTIONS[type(factor).__name__], factor.args)
        return parenthesised(piece.text)

    def power(self, expr: Any) -> Piece:
        base, exponent = expr.base, expr.exp
        if (inverse := self.inverse(expr)) is not None:
            return Piece(rf"\frac{{1}}{{{self.text(inverse)}}}", Shape.FACTOR)
        if exponent == sp.Rational(1, 2):
            return Piece(rf"\sqrt{{{self.text(base)}}}")
        if exponent == sp.Rational(1, 3):
            return Piece(rf"\sqrt[3]{{{self.text(base)}}}")
        if exponent.is_Rational and not exponent.is_Integer:
            raised = f"{exponent.p}/{exponent.q}"
        else:
            raised = self.text(exponent)
        name = FUNCTIONS.get(type(base).__name__) if isinstance(base, sp.Function) else None
        if name and exponent.is_Integer:
            return Piece(self.call(f"{name}^{_braced(raised)}", base.args), Shape.FACTOR)
        return Piece(f"{self.atom(base)}^{_braced(raised)}", Shape.FACTOR)

    # functions

    def exponential(self, expr: Any) -> Piece:
        argument = _on_one_line(self.text(expr.args[0]))
        tall = len(re.findall(r"\\frac|\\sum|\\begin", argument)) > 1 or r"\sum" in argument
        if self.style.power_of_e and not tall:
            return Piece(f"e^{_braced(argument)}", Shape.FACTOR)
        return Piece(rf"\exp {parenthesised(argument)}".replace("exp (", "exp("), Shape.FACTOR)

    def call(self, name: str, args: Iterable[Any]) -> str:
        inner = ", ".join(self.text(a) for a in args)
        return f"{name}{parenthesised(inner)}"

    def function(self, expr: Any) -> Piece:
        name = FUNCTIONS.get(type(expr).__name__) or name_latex(type(expr).__name__, function=True)
        argument = expr.args[0]
        bare = self.print(argument)
        if name.startswith(r"\operatorname") or not self.takes_bare(argument, bare):
            return Piece(self.call(name, expr.args), Shape.FACTOR)
        return Piece(f"{name} {bare.text}", Shape.OPEN)

    def takes_bare(self, argument: Any, piece: Piece) -> bool:
        r"""``\log s_i``, ``\log \frac{a}{b}``, ``\log \sum_l e^{z_l}`` need no parentheses."""
        if isinstance(argument, sp.Sum):
            return True
        return piece.shape is Shape.ATOM or (
            piece.text.startswith(r"\frac") and piece.shape is Shape.FACTOR and _one_group(piece.text)
        )

    def applied(self, expr: Any) -> Piece:
        return Piece(self.call(name_latex(expr.func.__name__, function=True), expr.args), Shape.FACTOR)

    def absolute(self, expr: Any) -> Piece:
        inner = self.text(expr.args[0])
        return Piece(rf"\left| {inner} \right|" if TALL.search(inner) else f"|{inner}|")

    def extremum(self, expr: Any) -> Piece:
        name = r"\max" if isinstance(expr, sp.Max) else r"\min"
        args = sorted(expr.args, key=lambda a: (a.is_number, sp.default_sort_key(a)))
        return Piece(self.call(name, args), Shape.FACTOR)

    # binders

    def big(self, expr: Any) -> Piece:
        body = expr.function if isinstance(expr, (sp.Sum, sp.Product)) else expr.body
        sign = ""
        if isinstance(expr, sp.Sum) and _is_negative(body) and not isinstance(body, sp.Add):
            sign, body = "-", -body
        own = frozenset(limit[0].name for limit in expr.limits)
        piece = replace(self, style=replace(self.style, bound=self.style.bound | own)).print(body)
        inner = parenthesised(piece.text) if piece.shape is Shape.SUM else piece.text
        operator = next(name for kind, name in BIG.items() if isinstance(expr, kind))
        heads = " ".join(f"{operator}{self.limit(limit, operator)}" for limit in reversed(expr.limits))
        return Piece(f"{sign}{heads} {inner}", Shape.SUM if sign else Shape.OPEN)

    def limit(self, limit: Any, operator: str) -> str:
        index = self.text(limit[0])
        if len(limit) < 3 or not self.style.ranges or operator in (r"\max", r"\min"):
            return f"_{_braced(index)}"
        return f"_{{{index}={self.text(limit[1])}}}^{_braced(self.text(limit[2]))}"

    def determinant(self, expr: Any) -> Piece:
        (row, _, _), (column, _, _) = expr.limits
        matrix = self.matrix(expr.body, row, column)
        return (
            Piece(rf"\det {matrix.text}", Shape.OPEN)
            if matrix.shape is Shape.ATOM
            else Piece(rf"\det{parenthesised(matrix.text)}", Shape.FACTOR)
        )

    def inverse_entry(self, expr: Any) -> Piece:
        (row, _, _), (column, _, _) = expr.limits
        matrix = self.matrix(expr.body, row, column)
        base = matrix.text if matrix.shape is Shape.ATOM else parenthesised(matrix.text)
        return Piece(self.subscript(f"{base}^{{-1}}", expr.outer))

    def matrix(self, body: Any, row: Any, column: Any) -> Piece:
        """The matrix with entry ``body`` at (row, column), in matrix notation."""
        found = self.product_of_matrices(body, row, column)
        return found or Piece(f"[{self.text(body)}]_{{{self.text(row)}{self.text(column)}}}", Shape.FACTOR)

    def product_of_matrices(self, body: Any, row: Any, column: Any) -> Piece | None:
        if isinstance(body, sp.Indexed) and set(body.indices) == {row, column} and len(body.indices) == 2:
            name = name_latex(str(body.base.label))
            return Piece(name) if body.indices == (row, column) else Piece(rf"{name}^\top", Shape.FACTOR)
        if isinstance(body, sp.KroneckerDelta) and set(body.args) == {row, column}:
            return Piece("I")
        if isinstance(body, sp.Add):
            terms = [self.product_of_matrices(term, row, column) for term in ordered_terms(body)]
            known = [t for t in terms if t is not None]
            return (
                Piece(" + ".join(t.text for t in known).replace("+ -", "- "), Shape.SUM)
                if len(known) == len(terms)
                else None
            )
        if isinstance(body, sp.Sum) and len(body.limits) == 1:
            return self.contraction(body.function, row, body.limits[0][0], column)
        if isinstance(body, sp.Mul):
            free = [f for f in body.args if not f.has(row, column)]
            if not free:
                return None
            rest = self.product_of_matrices(sp.Mul(*(f for f in body.args if f.has(row, column))), row, column)
            if rest:
                inner = rest.text if rest.shape >= Shape.FACTOR else parenthesised(rest.text)
                return Piece(f"{self.closed(sp.Mul(*free))} {inner}", Shape.FACTOR)
        return None

    def contraction(self, body: Any, row: Any, bound: Any, column: Any) -> Piece | None:
        factors = sp.Mul.make_args(body)
        left = [f for f in factors if not f.has(column)]
        right = [f for f in factors if f.has(column)]
        first = self.product_of_matrices(sp.Mul(*left), row, bound)
        second = self.product_of_matrices(sp.Mul(*right), bound, column)
        return Piece(f"{first.text} {second.text}", Shape.FACTOR) if first and second else None

    # derivatives

    def derivative(self, expr: Any) -> Piece:
        body = expr.expr
        if (
            isinstance(body, AppliedUndef)
            and len(body.args) == 1
            and expr.variables == (body.args[0],) * len(expr.variables)
        ):
            return Piece(
                self.call(name_latex(body.func.__name__, function=True) + "'" * len(expr.variables), body.args),
                Shape.FACTOR,
            )
        d = "d" if self.is_total(expr) else r"\partial"
        space = " " if d == r"\partial" else ""
        order = sum(count for _, count in expr.variable_count)
        head = d + (f"^{_braced(str(order))}" if order != 1 else "")
        below = " ".join(
            f"{d}{space}{self.text(v)}" + (f"^{_braced(self.text(n))}" if n != 1 else "")
            for v, n in reversed(expr.variable_count)
        )
        piece = self.print(body)
        if piece.shape is Shape.ATOM and isinstance(body, (sp.Symbol, sp.Indexed)):
            return Piece(rf"\frac{{{head}{space or ' '}{piece.text}}}{{{below}}}", Shape.FACTOR)
        bare = piece.shape is Shape.OPEN or (piece.shape is Shape.FACTOR and not isinstance(body, sp.Mul))
        operand = piece.text if bare else parenthesised(piece.text)
        return Piece(rf"\frac{{{head}}}{{{below}}} {operand}", Shape.OPEN if bare else Shape.FACTOR)

    def is_total(self, expr: Any) -> bool:
        variables = set(expr.variables)
        others = {s for s in expr.expr.free_symbols - variables if not (s.is_integer and s.is_positive)}
        return (
            len(variables) == 1
            and not others
            and isinstance(next(iter(variables)), sp.Symbol)
            and not expr.expr.has(sp.Indexed)
        )

    def substitution(self, expr: Any) -> Piece:
        body = expr.expr
        if (
            isinstance(body, sp.Derivative)
            and isinstance(body.expr, AppliedUndef)
            and body.expr.args == expr.variables
            and len(expr.variables) == 1
        ):
            name = name_latex(body.expr.func.__name__, function=True) + "'" * len(body.variables)
            return Piece(self.call(name, expr.point), Shape.FACTOR)
        where = ", ".join(f"{self.text(v)}={self.text(p)}" for v, p in zip(expr.variables, expr.point, strict=True))
        return Piece(rf"\left. {self.text(body)} \right|_{{{where}}}", Shape.FACTOR)

    # conditions and containers

    def piecewise(self, expr: Any) -> Piece:
        last = len(expr.args) - 1
        rows = [
            f"{self.text(value)} & "
            + (r"\text{otherwise}" if condition == sp.true and k == last else self.text(condition))
            for k, (value, condition) in enumerate(expr.args)
        ]
        return Piece(rf"\begin{{cases}} {NEW_ROW.join(rows)} \end{{cases}}")

    def relation(self, expr: Any) -> Piece:
        sign = next(sign for kind, sign in RELATIONS.items() if isinstance(expr, kind))
        left, right = expr.args
        if isinstance(expr, (sp.Eq, sp.Ne)):
            left, right = sorted((left, right), key=lambda side: (side.is_number, side.is_Symbol, str(side)))
        return Piece(f"{self.text(left)} {sign} {self.text(right)}", Shape.SUM)

    def boolean(self, expr: Any) -> Piece:
        if isinstance(expr, (sp.And, sp.Or)):
            word = "and" if isinstance(expr, sp.And) else "or"
            parts = [self.text(a) for a in sorted(expr.args, key=sp.default_sort_key)]
            return Piece(rf" \text{{ {word} }} ".join(parts), Shape.SUM)
        return Piece(
            rf"\text{{{'not ' if isinstance(expr, sp.Not) else ''}}}"
            + (self.text(expr.args[0]) if expr.args else rf"\text{{{expr}}}"),
            Shape.SUM,
        )

    def contains(self, expr: Any) -> Piece:
        return Piece(rf"{self.text(expr.args[0])} \in {self.text(expr.args[1])}", Shape.SUM)

    def finite_set(self, expr: Any) -> Piece:
        return Piece(rf"\{{{', '.join(self.text(a) for a in sorted(expr.args, key=sp.default_sort_key))}\}}")

    def array(self, expr: Any) -> Piece:
        rows = (" & ".join(self.text(entry) for entry in row) for row in expr.tolist())
        return Piece(rf"\begin{{pmatrix}} {NEW_ROW.join(rows)} \end{{pmatrix}}")


SMALL_FRACTION = re.compile(r"(-?)\\frac\{((?:[^{}]|\{[^{}]*\})*)\}\{(\\?\w+)\}")


def _on_one_line(text: str) -> str:
    r"""``-x^2/2`` for ``-\frac{x^2}{2}`` in an exponent, where both parts are a word or a product."""
    match = SMALL_FRACTION.fullmatch(text)
    if match is None or re.search(r" [+-] |\\(?:frac|sum|left|begin)|^-", match[2]):
        return text
    return f"{match[1]}{match[2]}/{match[3]}"


def _side_by_side(texts: list[str]) -> str:
    out = texts[0] if texts else "1"
    for text in texts[1:]:
        out += (r" \cdot " if text[0].isdigit() else " ") + text
    return out


def _one_group(text: str) -> bool:
    r"""True when ``\frac{…}{…}`` is the whole of ``text``."""
    depth, groups = 0, 0
    for k, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        groups += char == "}" and depth == 0
        if groups == 2:
            return k == len(text) - 1
    return False


METHODS: tuple[tuple[Any, Callable[[_Printer, Any], Piece]], ...] = (
    (sp.Symbol, _Printer.symbol),
    (sp.Number, _Printer.number),
    (sp.NumberSymbol, _Printer.constant),
    (sp.Indexed, _Printer.indexed),
    (sp.IndexedBase, lambda self, expr: Piece(name_latex(str(expr.label)))),
    (sp.KroneckerDelta, _Printer.delta),
    (sp.Add, _Printer.add),
    (sp.Mul, _Printer.mul),
    (sp.exp, _Printer.exponential),
    (sp.Pow, _Printer.power),
    (sp.Abs, _Printer.absolute),
    ((sp.Max, sp.Min), _Printer.extremum),
    (sp.Piecewise, _Printer.piecewise),
    (AppliedUndef, _Printer.applied),
    (sp.Function, _Printer.function),
    (sp.Derivative, _Printer.derivative),
    (sp.Subs, _Printer.substitution),
    ((sp.Sum, sp.Product, MaxOver, MinOver), _Printer.big),
    (Det, _Printer.determinant),
    (InverseEntry, _Printer.inverse_entry),
    (tuple(RELATIONS), _Printer.relation),
    (sp.Contains, _Printer.contains),
    (sp.FiniteSet, _Printer.finite_set),
    (sp.logic.boolalg.Boolean, _Printer.boolean),
    ((sp.MatrixBase, sp.NDimArray), _Printer.array),
)
