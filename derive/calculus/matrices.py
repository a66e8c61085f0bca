"""Determinants and inverses of matrices that are given by their entry, a polynomial in the names of a row and a column.

A common factor comes out of each row and each column, a diagonal matrix is the list of its entries, a product of
square matrices goes factor by factor, a rank-one change of a diagonal or free matrix is a change of one number. What is
left is an atom; of a matrix and its transpose only one is an atom. A matrix of a few rows is written out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from derive.calculus.atoms import ONE, Atom, Domain, Monomial, Poly, Term, free_of, number, of
from derive.calculus.products import accumulate
from derive.calculus.sums import Sums

ROWS = 3  # of a matrix that is written out
FACTORS = 5  # bound indices of a product of matrices


@dataclass(frozen=True)
class Matrix:
    """The square matrix with entry ``body`` at the names ``row`` and ``column``."""

    body: Poly
    row: str
    column: str
    domain: Domain


@dataclass(frozen=True)
class RankOne:
    """``rest + left_a right_b``."""

    rest: Poly
    left: Poly
    right: Poly


class Matrices(Sums):
    """Sums, and determinants and inverses."""

    def matrix(self, kind: str, p: Poly, names: Sequence[str], domain: Domain, *terms: Term) -> Poly:
        """The determinant, or an entry of the inverse, of the matrix with entry p at the names of row and column."""
        row, column = names
        a = Matrix(p, row, column, domain)
        return self.determinant(a) if kind == "det" else self.inverse(a, *terms)

    def determinant(self, a: Matrix) -> Poly:
        """det of a matrix in normal form."""
        if not a.body and a.domain.certain:
            return {}
        written = self._rows(a)
        if written is not None:
            return self._expanded(written)
        entries = self._diagonal(a)
        if entries is not None:
            return self.product_over(entries, a.row, a.domain)
        base = self._base_of_inverse(a)
        if base is not None:
            return self.power(self.determinant(base), -1)
        change = self._rank_one(a)
        if change is not None:
            return self.mul(self.determinant(self._with(a, change.rest)), self._changed(a, change))
        scaled = self._scaled(a)
        if scaled is not None:
            outer, rows, columns, core = scaled
            factors = [self.symbolic_power(outer, self.count(a.domain))]
            factors += [self.product_over(p, v, a.domain) for p, v in ((rows, a.row), (columns, a.column))]
            return self.mul(self.product(factors), self.determinant(core))
        pair = self._factors(a)
        if pair is not None:
            return self.mul(*map(self.determinant, pair))
        return self._matrix_atom("det", a)

    def inverse(self, a: Matrix, k: Term, l: Term) -> Poly:
        """The entry (k, l) of the inverse in normal form."""
        written = self._rows(a)
        if written is not None:
            return self.mul(self._adjugate(a, written, k, l), self.power(self._expanded(written), -1))
        entries = self._diagonal(a)
        if entries is not None:
            return self.mul(self.delta(k, l), self.power(self.rename(entries, {a.row: k}), -1))
        base = self._base_of_inverse(a)
        if base is not None:
            return self.rename(base.body, {base.row: k, base.column: l})
        change = self._rank_one(a)
        if change is not None:
            rest = self._with(a, change.rest)
            taken = self.product((self._applied(rest, change.left, k), self._applied(rest, change.right, l, True)))
            return self.sub(self.inverse(rest, k, l), self.mul(taken, self.power(self._changed(a, change), -1)))
        scaled = self._scaled(a)
        if scaled is not None:
            outer, rows, columns, core = scaled
            below = self.product((outer, self.rename(rows, {a.row: l}), self.rename(columns, {a.column: k})))
            return self.mul(self.inverse(core, k, l), self.power(below, -1))
        pair = self._factors(a)
        if pair is not None:
            left, right = pair
            v = self.fresh(a.domain)
            return self.sum_over(self.mul(self.inverse(right, k, v), self.inverse(left, v, l)), v, a.domain)
        return self._matrix_atom("inv", a, k, l)

    # ---- matrices of a few rows ---------------------------------------------------------------------

    def _rows(self, a: Matrix) -> list[list[Poly]] | None:
        """All entries, where the size is a small number."""
        size = dict(a.domain.size)
        count = size.get(ONE, 0)
        if size.keys() - {ONE} or not 0 < count <= ROWS or not isinstance(a.domain.first, int):
            return None
        values = range(a.domain.first, a.domain.first + int(count))
        return [[self.rename(a.body, {a.row: i, a.column: j}) for j in values] for i in values]

    def _expanded(self, rows: Sequence[Sequence[Poly]]) -> Poly:
        """The determinant, by its first row."""
        if not rows:
            return number(1)
        out: Poly = {}
        for j, entry in enumerate(rows[0]):
            if entry:
                accumulate(out, self.mul(entry, self._expanded(without(rows, 0, j))), (-1) ** j)
        return out

    def _adjugate(self, a: Matrix, rows: Sequence[Sequence[Poly]], k: Term, l: Term) -> Poly:
        """Its entry (k, l): the cofactor of row l and column k."""
        out: Poly = {}
        for i, j in itertools.product(range(len(rows)), repeat=2):
            place = self.mul(self.delta(k, i + a.domain.first), self.delta(l, j + a.domain.first))
            if place:
                accumulate(out, self.mul(place, self._expanded(without(rows, j, i))), (-1) ** (i + j))
        return out

    # ---- the forms of a matrix --------------------------------------------------------------------

    def _with(self, a: Matrix, body: Poly) -> Matrix:
        return Matrix(body, a.row, a.column, a.domain)

    def _diagonal(self, a: Matrix) -> Poly | None:
        """f where the entry is delta_{ab} f_a."""
        out: Poly = {}
        for m, c in a.body.items():
            rest = tuple((b, e) for b, e in m if not (b.kind == "delta" and {*b.args} == {a.row, a.column}))
            if len(rest) == len(m):
                return None
            accumulate(out, self.rename({rest: c}, {a.column: a.row}))
        return out or None

    def _base_of_inverse(self, a: Matrix) -> Matrix | None:
        """B where the entry is (B^-1)_{ab}."""
        if len(a.body) != 1:
            return None
        ((m, c),) = a.body.items()
        if c != 1 or len(m) != 1 or m[0][1] != 1 or m[0][0].kind not in ("inv", "sinv"):
            return None
        atom = m[0][0]
        base = self.matrix_of(atom)
        names = {a.row, a.column}
        if base.domain != a.domain or {*atom.args[2:]} != names or names & frozenset().union(*map(free_of, base.body)):
            return None
        return base if atom.args[2] == a.row else Matrix(base.body, base.column, base.row, base.domain)

    def _scaled(self, a: Matrix) -> tuple[Poly, Poly, Poly, Matrix] | None:
        """det (c u_a A_{ab} v_b) = c^N (prod u) det A (prod v); None where nothing comes out."""
        if not a.body:
            return None
        m, c, core = self.together(a.body)
        parts: dict[tuple[bool, bool], Poly] = {}
        for b, e in m:
            key = (a.row in b.free, a.column in b.free)
            parts[key] = self.mul(parts.get(key, number(1)), of(b, e))
        one = number(1)
        inner = self.mul(parts.get((True, True), one), core)
        outer = self.scale(parts.get((False, False), one), c)
        rows, columns = parts.get((True, False), one), parts.get((False, True), one)
        if inner == one or inner == a.body or (outer, rows, columns) == (one, one, one):
            return None
        return outer, rows, columns, self._with(a, inner)

    def _factors(self, a: Matrix) -> tuple[Matrix, Matrix] | None:
        """L and R where the entry is sum_v L_{av} R_{vb}, both of them square."""
        if len(a.body) != 1:
            return None
        ((m, c),) = a.body.items()
        if c != 1 or len(m) != 1 or m[0][0].kind != "sum" or m[0][1] != 1:
            return None
        bound, opened = self.open_sum(m[0][0])
        if len(opened) != 1:
            return None
        bound, opened = self._flatten(bound, next(iter(opened)))
        if len(opened) != 1 or len(bound) > FACTORS:
            return None
        ((inner, c),) = opened.items()
        for v in bound:
            if self.domains[v] == a.domain:
                others = [u for u in bound if u != v]
                sides = self._apart(inner, a.row, a.column, others)
                if sides is not None:
                    left, right = (self.close_all([u for u in others if u in free_of(s)], {s: 1}) for s in sides)
                    left = self.scale(left, c)
                    return Matrix(left, a.row, v, a.domain), Matrix(right, v, a.column, a.domain)
        return None

    def _apart(self, m: Monomial, row: str, column: str, others: Iterable[str]) -> tuple[Monomial, Monomial] | None:
        """The factors that hang together with the row, by the names of ``others``, and those that do not."""
        names, linked = set(others), {row}
        while True:
            more = set().union(*(b.free & (names | {column}) for b, _ in m if b.free & linked)) - linked
            if not more:
                break
            linked |= more
        if column in linked:
            return None
        left = tuple((b, e) for b, e in m if b.free & linked)
        right = tuple((b, e) for b, e in m if not b.free & linked)
        return left, right

    def _rank_one(self, a: Matrix) -> RankOne | None:
        """A diagonal or a free matrix, and a product of a column and a row that is added to it."""
        change: Poly = {}
        rest: Poly = {}
        for m, c in a.body.items():
            mixed = any(a.row in b.free and a.column in b.free for b, _ in m)
            (rest if mixed else change)[m] = c
        if not change or not rest:
            return None
        if self._diagonal(self._with(a, rest)) is None and not self._is_free(rest, a):
            return None
        m, c, core = self.together(change)
        sides: list[Poly] = [number(c), number(1)]
        for factor in (*(of(b, e) for b, e in m), core):
            free = frozenset().union(*(b.free for k in factor for b, _ in k))
            if a.row in free and a.column in free:
                return None
            side = 1 if a.column in free else 0
            sides[side] = self.mul(sides[side], factor)
        return RankOne(rest, *sides)

    def _is_free(self, p: Poly, a: Matrix) -> bool:
        """Whether the entries are those of a tensor of which nothing is known: almost always it has an inverse."""
        if len(p) != 1:
            return False
        ((m, _),) = p.items()
        mixed = [(b, e) for b, e in m if a.row in b.free and a.column in b.free]
        if len(mixed) != 1 or mixed[0][1] != 1 or mixed[0][0].kind != "entry":
            return False
        name, terms = mixed[0][0].args
        others = [(b, e) for b, e in m if (b, e) not in mixed]
        return (
            name not in self.defined
            and {*terms} == {a.row, a.column}
            and all(name not in b.names for b, _ in others)
            and all(a.row not in b.free and a.column not in b.free for b, _ in others)
            and not self.rewrites.constrains(name)
        )

    def _changed(self, a: Matrix, change: RankOne) -> Poly:
        """1 + right (rest)^-1 left, the factor by which a rank-one change multiplies the determinant."""
        v = self.fresh(a.domain)
        applied = self._applied(self._with(a, change.rest), change.left, v)
        right = self.rename(change.right, {a.column: v})
        return self.add(number(1), self.sum_over(self.mul(right, applied), v, a.domain))

    def _applied(self, a: Matrix, vector: Poly, at: Term, across: bool = False) -> Poly:
        """Entry ``at`` of A^-1 u, or of v A^-1 where the vector stands across."""
        v = self.fresh(a.domain)
        entry = self.inverse(a, v, at) if across else self.inverse(a, at, v)
        own = a.column if across else a.row
        return self.sum_over(self.mul(entry, self.rename(vector, {own: v})), v, a.domain)

    # ---- atoms --------------------------------------------------------------------------------------

    def _matrix_atom(self, kind: str, a: Matrix, *terms: Term) -> Poly:
        """The atom of a matrix or its transpose, whichever comes first."""
        straight = self.bind(kind, a.body, (a.row, a.column), a.domain, *terms)
        turned = self.bind(kind, a.body, (a.column, a.row), a.domain, *terms[::-1])
        first, second = (next(iter(p))[0][0] for p in (straight, turned))
        if second < first:
            straight, a = turned, Matrix(a.body, a.column, a.row, a.domain)
        form = next(iter(straight))[0][0].args[:2]
        if kind == "inv" and form not in self._noted:
            self._noted.add(form)
            self._note_inverse(a)
        return straight

    def _note_inverse(self, a: Matrix) -> None:
        """sum_b A_{ab} (A^-1)_{bl} = delta_{al} = sum_b (A^-1)_{ab} A_{bl}, known of every inverse that occurs."""
        names = (a.row, a.column)
        i, j, l = (self.fresh(a.domain) for _ in range(3))
        for one, at in (
            (self.rename(a.body, dict(zip(names, (i, j), strict=True))), (j, l)),
            (self.rename(a.body, dict(zip(names, (j, l), strict=True))), (i, j)),
        ):
            inverse = self.bind("inv", a.body, names, a.domain, *at)
            total = self.sum_over(self.mul(one, inverse), j, a.domain)
            equation = self.sub(total, self.delta(i, l))
            if equation:
                self.rewrites.equation(equation, frozenset((i, l)), "inverse", always=True)

    def matrix_of(self, atom: Atom) -> Matrix:
        """The matrix that an atom is the determinant or an entry of the inverse of, under fresh names."""
        domain, frozen = atom.args[:2]
        row, column = self.fresh(domain), self.fresh(domain)
        body = self.rename(dict(frozen), {f"%{atom.height}.0": row, f"%{atom.height}.1": column})
        return Matrix(body, row, column, domain)


def without(rows: Sequence[Sequence[Poly]], i: int, j: int) -> list[list[Poly]]:
    """A matrix without one row and one column."""
    return [[x for n, x in enumerate(row) if n != j] for m, row in enumerate(rows) if m != i]
