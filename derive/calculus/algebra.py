"""The algebra of the normal form, complete: products, powers, sums, and here derivatives.

Every operation takes normal forms and returns one. The layers are read in this order:
``products`` (what a product of atoms is), ``powers`` (values), ``sums`` (binders), ``matrices``, derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from derive.calculus.atoms import (
    Atom,
    Poly,
    Term,
    Unsupported,
    of,
    term_of,
)
from derive.calculus.matrices import Matrices
from derive.calculus.products import accumulate


class Algebra(Matrices):
    """One workspace: a table of atoms, the domains of indices, what is known about signs, and a budget."""

    # ---- derivatives ----------------------------------------------------------------------------

    def differentiate(self, p: Poly, name: str, terms: tuple[Term, ...]) -> Poly:
        """The partial derivative of p in the entry ``name[terms]``."""
        out: Poly = {}
        for m, c in p.items():
            for a, e in m:
                if not self._depends_on(a, name):
                    continue
                slope = self._slope(a, name, terms)
                if not slope:
                    continue
                powers = dict(m)
                if a.kind == "exp":  # d e^(c m) = c e^(c m) dm
                    rest = self.settle(powers, c * e)
                else:
                    powers[a] = e - 1
                    rest = self.settle({b: k for b, k in powers.items() if k}, c * e)
                accumulate(out, self.mul(rest, slope))
        return self.compact(out) if self.factored else out

    def _depends_on(self, a: Atom, name: str) -> bool:
        return name in a.names or any(n.startswith("loss:") for n in a.names)

    def _slope(self, a: Atom, name: str, terms: tuple[Term, ...]) -> Poly:
        key = (a, name, terms)
        found = self._derived.get(key)
        if found is None:
            self.spend()
            found = self._derived[key] = self._compute_slope(a, name, terms)
        return found

    def _compute_slope(self, a: Atom, name: str, terms: tuple[Term, ...]) -> Poly:
        """da for most atoms; dm for ``e^m``."""
        args = a.args

        def inner(p: Poly) -> Poly:
            return self.differentiate(p, name, terms)

        match a.kind:
            case "entry":
                if args[0] != name:
                    return {}
                self.used("derivative of an entry")
                return self._entry_slope(name, args[1], terms)
            case "exp":
                self.used("derivative of the exponential")
                return inner(term_of(args[0], 1))
            case "log":
                self.used("derivative of the logarithm")
                return self.mul(inner(of(args[0])), self.power(of(args[0]), -1))
            case "poly":
                return inner(dict(args[0]))
            case "abs":
                return self.mul(inner(of(args[0])), self.signum(args[0]))
            case "step" | "delta" | "less" | "dim" | "num" | "const":
                return {}
            case "ipow":
                whole = self.product((term_of(args[1], 1), of(a), self.power(of(args[0]), -1)))
                return self.mul(whole, inner(of(args[0])))
            case "fn":
                self.used("chain rule")
                return self.add(
                    {}, *(self.mul(self._function_slope(a, k), inner(dict(f))) for k, f in enumerate(args[2]))
                )
            case "loss":
                return self._loss_slope(a, name, terms)
            case "sum":
                self.used("derivative of a sum")
                new, body = self.open_sum(a)
                return self.close_all(new, inner(body))
            case "prod":
                domain, body, v = self.open_one(a)
                ratio = self.mul(inner(body), self.power(body, -1))
                return self.mul(of(a), self.sum_over(ratio, v, domain))
            case "inv" | "sinv":
                return self._inverse_slope(a, inner)
            case "det":
                return self._determinant_slope(a, inner)
        raise Unsupported(f"the derivative of {a.kind}")

    def _entry_slope(self, name: str, own: tuple[Term, ...], terms: tuple[Term, ...]) -> Poly:
        """d W_{ij} / d W_{kl} = delta_{ik} delta_{jl}; for a symmetric tensor that is not what is meant."""
        if self.rewrites.is_symmetric(name):
            raise Unsupported(f"the derivative in an entry of {name}, whose entries are not independent")
        return self.product(self.delta(s, t) for s, t in zip(own, terms, strict=True))

    def loss(self, name: str, slots: Iterable[tuple[str, tuple[Term, ...]]]) -> Poly:
        """A partial derivative of a scalar known by its gradient; the order of differentiation does not matter."""
        return self.single("loss", name, tuple(sorted(slots, key=repr)))

    def _loss_slope(self, a: Atom, name: str, terms: tuple[Term, ...]) -> Poly:
        """dL = sum over the quantities that L is a function of."""
        loss, slots = a.args
        out: Poly = {}
        for tensor, axes in self.depends.get(loss, ()):
            if tensor == name:
                accumulate(out, self.loss(loss, [*slots, (tensor, terms)]))
                continue
            inside = self.open_entry(tensor, tuple(v := [self.fresh(d) for d in axes]))
            if inside is None:
                continue
            slope = self.differentiate(inside, name, terms)
            accumulate(out, self.close_all(v, self.mul(slope, self.loss(loss, [*slots, (tensor, tuple(v))]))))
        return out

    def _inverse_slope(self, a: Atom, inner: Callable[[Poly], Poly]) -> Poly:
        """d(A^-1)_{kl} = - sum_{ab} (A^-1)_{ka} dA_{ab} (A^-1)_{bl}."""
        matrix, (k, l) = self.matrix_of(a), a.args[2:]
        u, v = matrix.row, matrix.column
        left, right = self.inverse(self.matrix_of(a), k, u), self.inverse(self.matrix_of(a), v, l)
        return self.close_all([u, v], self.scale(self.product((left, inner(matrix.body), right)), -1))

    def _determinant_slope(self, a: Atom, inner: Callable[[Poly], Poly]) -> Poly:
        """d det A = det A sum_{ab} (A^-1)_{ba} dA_{ab}."""
        matrix = self.matrix_of(a)
        u, v = matrix.row, matrix.column
        back = self.inverse(self.matrix_of(a), v, u)
        return self.mul(of(a), self.close_all([u, v], self.mul(back, inner(matrix.body))))
