"""The data of the normal form: index terms, domains, atoms, monomials, polynomials.

A polynomial is a dictionary from monomials to rational coefficients; a monomial is a sorted tuple
of (atom, exponent) pairs; an atom is one of the kinds below. Atoms are interned in a table, so
that equality is identity, and numbered in the order of their making, which orders everything.

======== ============================== ==========================================================
kind     args                           meaning
======== ============================== ==========================================================
entry    name, index terms              ``W[i, j]``; a scalar has no indices
dim      name                           a dimension, an integer >= 1
num      prime                          a prime number, only under a fractional exponent
const    name                           ``pi``
delta    index term, index term         1 if equal, else 0
less     index term, index term         1 if the first is less than the second, else 0
exp      monomial                       ``e^m``; its exponent is the coefficient of m
log      atom                           ``log |a|``
abs      atom                           ``|a|``, only under an exponent between 0 and 1
step     atom                           1 where a > 0, 0 where a < 0, silent on a = 0
poly     frozen polynomial              several terms, no common factor, leading coefficient > 0
ipow     atom, monomial                 ``a^m`` for an integer-valued m and an a of either sign
fn       name, orders, frozen args      an opaque function, or its partial derivative of given orders
loss     name, ((tensor, indices), …)   partial derivative of a scalar known only by its gradient
sum      domains, monomial              sum over bound indices of a connected product
prod     domain, frozen polynomial      product over a bound index
max      domain, frozen polynomial      maximum over a bound index
det      domain, frozen polynomial      determinant of a matrix given by its entry
inv      domain, frozen, term, term     entry of the inverse of that matrix
sinv     domain, frozen, term, term     the same of a symmetric matrix, its indices in order
======== ============================== ==========================================================

A bound index of a binding atom is written ``%h.k``: h is the height of the atom, so that names of
nested binders never meet; an index that is being worked on is written ``~n``, each n once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Rational = int | Fraction
# str: a variable; int: a constant; ('@', name, terms): a label entry; ('+', term, int): shifted;
# ('Σ', ((term, int), ...)): a sum of several terms with whole coefficients
Term = Any
Monomial = tuple[tuple["Atom", Rational], ...]
Poly = dict[Monomial, Rational]
Frozen = tuple[tuple[Monomial, Rational], ...]

ONE: Monomial = ()
TRUTHS = ("delta", "less", "step")  # 0 or 1
BINDERS = ("sum", "prod", "max", "det", "inv", "sinv")


class CalculusError(Exception):
    """The calculus has no answer; the message says what stands in the way."""


class Unsupported(CalculusError):
    """A construct that the calculus does not know."""


class Undefined(CalculusError):
    """An expression that is nowhere defined: division by zero, logarithm of zero."""


class BudgetExceeded(CalculusError):
    """The work that a claim may cost is used up."""


@dataclass(frozen=True)
class Domain:
    """What an index runs over: ``size`` values from ``first``. ``certain`` if it is an axis, never empty."""

    first: Any  # an int, or a frozen polynomial
    size: Frozen
    certain: bool = True


def never_empty(size: Poly) -> bool:
    """At least 1 for every dimension >= 1: a sum of dimensions with coefficients >= 0."""
    return bool(size) and all(
        c > 0 and isinstance(c, int) and all(a.kind == "dim" for a, _ in m) for m, c in size.items()
    )


class Atom:
    """``free``: variables that occur free; ``names``: tensors that occur; ``height``: of its binders;
    ``shape``: a number that atoms share which differ by the names of their variables only; ``shifted``: whether an
    index stands with something added to it."""

    __slots__ = ("active", "args", "free", "height", "kind", "names", "serial", "shape", "shifted")
    free: frozenset[str]
    names: frozenset[str]
    height: int

    def __init__(self, serial: int, shape: int, kind: str, args: tuple[Any, ...]) -> None:
        self.serial = serial
        self.shape = shape
        self.kind = kind
        self.args = args
        self.active = kind in ("delta", "less", "step", "poly", "num", "abs", "fn")
        free: set[str] = set()
        names: set[str] = set()
        height = 0
        self.shifted = False
        for part in parts(kind, args):
            if isinstance(part, Atom):
                free |= part.free
                names |= part.names
                height = max(height, part.height)
                self.shifted = self.shifted or part.shifted
            else:
                free |= variables(part)
                names |= label_names(part)
                self.shifted = self.shifted or part_of_shift(part)
        if kind in ("entry", "loss", "dim"):
            names.add(args[0])
        if kind == "loss":
            names.add("loss:" + args[0])
        if kind in BINDERS:
            height += 1
            free = {v for v in free if not v.startswith(f"%{height}.")}
        self.free = frozenset(free)
        self.names = frozenset(names)
        self.height = height

    def __lt__(self, other: Atom) -> bool:
        return self.serial < other.serial

    def __repr__(self) -> str:
        return show_atom(self)


def parts(kind: str, args: tuple[Any, ...]) -> Iterable[Any]:
    """The atoms and index terms that an atom is made of."""
    if kind == "entry":
        yield from args[1]
    elif kind in ("delta", "less"):
        yield from args
    elif kind == "exp":
        yield from atoms_of(args[0])
    elif kind in ("log", "abs", "step"):
        if isinstance(args[0], Atom):
            yield args[0]
    elif kind == "poly":
        yield from frozen_atoms(args[0])
    elif kind == "ipow":
        yield args[0]
        yield from atoms_of(args[1])
    elif kind == "fn":
        for frozen in args[2]:
            yield from frozen_atoms(frozen)
    elif kind == "loss":
        for _, terms in args[1]:
            yield from terms
    elif kind == "sum":
        for domain in args[0]:
            yield from frozen_atoms(domain.size)
        yield from atoms_of(args[1])
    elif kind in ("prod", "max", "det", "inv", "sinv"):
        yield from frozen_atoms(args[0].size)
        yield from frozen_atoms(args[1])
        yield from args[2:]


def atoms_of(m: Monomial) -> Iterable[Atom]:
    return (a for a, _ in m)


def frozen_atoms(frozen: Frozen) -> Iterable[Atom]:
    return (a for m, _ in frozen for a, _ in m)


def variables(term: Term) -> set[str]:
    if isinstance(term, str):
        return {term}
    if isinstance(term, int):
        return set()
    if term[0] == "+":
        return variables(term[1])
    if term[0] == "Σ":
        return set().union(*(variables(t) for t, _ in term[1]))
    return set().union(*(variables(t) for t in term[2])) if term[2] else set()


def label_names(term: Term) -> set[str]:
    if isinstance(term, (str, int)):
        return set()
    if term[0] == "+":
        return label_names(term[1])
    if term[0] == "Σ":
        return set().union(*(label_names(t) for t, _ in term[1]))
    return {term[1]}.union(*(label_names(t) for t in term[2]))


def is_size(term: Term) -> bool:
    """Whether a term is a dimension that stands as an index: the last one of an axis."""
    return isinstance(term, tuple) and term[0] == "@" and not term[2] and not term[1].endswith("°")


def part_of_shift(term: Term) -> bool:
    """Whether a variable with a number added to it stands in a term."""
    return isinstance(term, tuple) and (
        (term[0] in ("+", "Σ") and bool(variables(term))) or (term[0] == "@" and any(map(part_of_shift, term[2])))
    )


def term_order(t: Term) -> tuple[int, str]:
    """Numbers first, then labels, then free variables, then bound ones."""
    if isinstance(t, int):
        return 0, f"{t:020d}"
    if isinstance(t, tuple):
        return 1, repr(t)
    return (3 if t[0] in "~%" else 2), t


def substitute_term(t: Term, sigma: dict[str, Term]) -> Term:
    if isinstance(t, str):
        return sigma.get(t, t)
    if isinstance(t, int):
        return t
    if t[0] == "+":
        return shift(substitute_term(t[1], sigma), t[2])
    if t[0] == "Σ":
        return combined([(substitute_term(s, sigma), c) for s, c in t[1]])
    return (t[0], t[1], tuple(substitute_term(s, sigma) for s in t[2]))


def shift(t: Term, k: int) -> Term:
    if not k:
        return t
    if isinstance(t, int):
        return t + k
    if isinstance(t, tuple) and t[0] == "+":
        return shift(t[1], t[2] + k)
    return ("+", t, k)


def combined(terms: Iterable[tuple[Term, int]]) -> Term:
    """A sum of terms with whole coefficients: one term, shifted perhaps, where no more is left of it."""
    total: dict[Term, int] = {}
    constant = 0
    for t, c in terms:
        base, k = unshifted(t)
        constant += c * (base + k if isinstance(base, int) else k)
        for s, d in () if isinstance(base, int) else addends(base):
            total[s] = total.get(s, 0) + c * d
    left = sorted(((s, d) for s, d in total.items() if d), key=lambda item: term_order(item[0]))
    if not left:
        return constant
    return shift(left[0][0] if len(left) == 1 and left[0][1] == 1 else ("Σ", tuple(left)), constant)


def addends(t: Term) -> tuple[tuple[Term, int], ...]:
    """The terms of a sum, with their coefficients; a term without a number added to it is the sum of itself."""
    return t[1] if isinstance(t, tuple) and t[0] == "Σ" else ((t, 1),)


def is_compound(t: Term) -> bool:
    """Whether a term is a sum of several, or a multiple."""
    base, _ = unshifted(t)
    return isinstance(base, tuple) and base[0] == "Σ"


def solved(a: Term, b: Term) -> tuple[str, Term, int] | None:
    """v, t and s where a = b says v = t for the last variable that stands in it once, and a - b is s (v - t)."""
    base, _ = unshifted(combined(((a, 1), (b, -1))))
    single = [(s, c) for s, c in addends(base) if isinstance(s, str) and abs(c) == 1]
    if not single:
        return None
    v, c = max(single, key=lambda item: term_order(item[0]))
    return v, combined(((a, -c), (b, c), (v, 1))), c


def one_sided(a: Term, b: Term) -> tuple[Term, int, int]:
    """t, k and s where a - b is s (t - k) for a number k, and t begins with a positive coefficient."""
    base, k = unshifted(combined(((a, 1), (b, -1))))
    if isinstance(base, int):
        return base, 0, 1
    sign = 1 if addends(base)[0][1] > 0 else -1
    return combined(((base, sign),)), -sign * k, sign


def unshifted(t: Term) -> tuple[Term, int]:
    """A term without the number that is added to it, and that number."""
    return (t[1], t[2]) if isinstance(t, tuple) and t[0] == "+" else (t, 0)


def masked_term(t: Term, mask: dict[str, str]) -> str:
    if isinstance(t, str):
        return mask.get(t, t)
    if isinstance(t, int):
        return str(t)
    if t[0] == "+":
        return f"{masked_term(t[1], mask)}+{t[2]}"
    if t[0] == "Σ":
        return "+".join(sorted(f"{c}*{masked_term(s, mask)}" for s, c in t[1]))
    return f"{t[1]}[{','.join(masked_term(s, mask) for s in t[2])}]"


def of(a: Atom, e: Rational = 1) -> Poly:
    """The polynomial ``a^e``, for an atom on which no law acts."""
    return {((a, e),): 1}


def number(c: Rational) -> Poly:
    return {ONE: c} if c else {}


def term_of(m: Monomial, c: Rational = 1) -> Poly:
    return {m: c}


def monomial_order(m: Monomial) -> tuple[Any, ...]:
    return tuple((a.serial, e) for a, e in m)


def freeze(p: Poly) -> Frozen:
    return tuple(sorted(p.items(), key=lambda item: monomial_order(item[0])))


def free_of(m: Monomial) -> frozenset[str]:
    return frozenset().union(*(a.free for a, _ in m)) if m else frozenset()


def tidy(c: Rational) -> Rational:
    """A Fraction that is whole becomes an int."""
    return c if type(c) is int else c.numerator if c.denominator == 1 else c


def shape_of(x: Any) -> Any:
    """What is left of an atom's arguments when the names of variables are taken away."""
    if isinstance(x, Atom):
        return -1 - x.shape
    if isinstance(x, str):
        return "?" if x[0] in "%~" else x
    if isinstance(x, Domain):
        return (shape_of(x.first), shape_of(x.size))
    if isinstance(x, tuple):
        parts = tuple(map(shape_of, x))
        return tuple(sorted(parts, key=repr)) if x and isinstance(x[0], tuple) else parts
    return x


def magnitude(c: Rational) -> Rational:
    return -c if c < 0 else c


class Table:
    """Interned atoms. One table serves one question; its numbering is the order of everything in it."""

    def __init__(self) -> None:
        self._atoms: dict[tuple[str, tuple[Any, ...]], Atom] = {}
        self._shapes: dict[Any, int] = {}

    def atom(self, kind: str, *args: Any) -> Atom:
        key = (kind, args)
        found = self._atoms.get(key)
        if found is None:
            shape = self._shapes.setdefault((kind, shape_of(args)), len(self._shapes))
            found = self._atoms[key] = Atom(len(self._atoms), shape, kind, args)
        return found


def show_term(term: Term) -> str:
    if isinstance(term, (str, int)):
        return str(term)
    if term[0] == "+":
        return f"{show_term(term[1])}+{term[2]}"
    if term[0] == "Σ":
        return "+".join(f"{c}*{show_term(t)}" for t, c in term[1])
    return f"{term[1]}[{', '.join(map(show_term, term[2]))}]"


def show_atom(a: Atom) -> str:
    """Plain text for messages: what resisted."""
    match a.kind:
        case "entry":
            return a.args[0] + (f"[{', '.join(map(show_term, a.args[1]))}]" if a.args[1] else "")
        case "dim" | "num" | "const":
            return str(a.args[0])
        case "delta":
            return f"δ({show_term(a.args[0])}, {show_term(a.args[1])})"
        case "less":
            return f"[{show_term(a.args[0])} < {show_term(a.args[1])}]"
        case "exp":
            return f"exp({show_monomial(a.args[0])})"
        case "log":
            return f"log({a.args[0]})"
        case "abs":
            return f"|{a.args[0]}|"
        case "step":
            return f"1{{{a.args[0]} > 0}}"
        case "poly":
            return f"({show(dict(a.args[0]))})"
        case "ipow":
            return f"({a.args[0]})^({show_monomial(a.args[1])})"
        case "fn":
            primes = "'" * sum(a.args[1])
            return f"{a.args[0]}{primes}({', '.join(show(dict(f)) for f in a.args[2])})"
        case "loss":
            return f"∂{a.args[0]}/" + "".join(f"∂{t}[{', '.join(map(show_term, ix))}]" for t, ix in a.args[1])
        case "sum":
            names = ", ".join(f"%{a.height}.{k}" for k in range(len(a.args[0])))
            return f"Σ_{{{names}}} {show_monomial(a.args[1])}"
        case "inv" | "sinv":
            return f"inverse[{show_term(a.args[2])}, {show_term(a.args[3])}]"
    return f"{a.kind}_{{%{a.height}.0}}({show(dict(a.args[1]))})"


def show_monomial(m: Monomial) -> str:
    return " ".join(f"{a}^{e}" if e != 1 else f"{a}" for a, e in m) or "1"


def show(p: Poly) -> str:
    if not p:
        return "0"
    return " + ".join(
        f"{c}" if not m else (show_monomial(m) if c == 1 else f"{c} {show_monomial(m)}") for m, c in p.items()
    )
