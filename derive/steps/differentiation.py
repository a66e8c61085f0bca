r"""The rules of differentiation, each at one standing derivative ``D(e, v)``: which one applies, and what it gives.

``differentiate`` returns the name of the rule and the expression with the derivatives that remain,
so that a derivation can show every rule by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import sympy as sp
from sympy.core.function import AppliedUndef

from derive.calculus.language import Det, InverseEntry
from derive.steps.context import Context, arguments
from derive.steps.core import (
    D,
    Expr,
    add,
    binds,
    delta,
    distinct,
    divide,
    free,
    fresh,
    mul,
    name_of,
    names,
    neg,
    parts,
    piecewise,
    power,
    put,
    rename_bound,
    symbols,
    total,
)

Applied = tuple[str, Expr]

CONSTANT = "derivative of a constant"
ENTRY = "derivative of an entry"
LINEARITY = "linearity"
CONSTANT_FACTOR = "constant factor"
SUM = "sum rule"
PRODUCT = "product rule"
QUOTIENT = "quotient rule"
POWER = "power rule"
EXPONENTIAL = "derivative of the exponential"
LOGARITHM = "derivative of the logarithm"
CHAIN = "chain rule"
CASEWISE = "case by case"


def differentiate(expr: Expr, variable: Expr, context: Context, products: bool = False) -> Applied | None:
    """One rule at ``D(expr, variable)``; a quotient is read as a product if ``products``."""
    name = name_of(variable)
    assert name is not None
    if not context.depends(expr, name):
        return CONSTANT, sp.S.Zero
    if name_of(expr) == name:
        return ENTRY, mul(*(delta(i, j) for i, j in zip(arguments(expr), arguments(variable), strict=True)))
    if expr.is_Add:
        return LINEARITY, add(*(mul(n, D(f, variable)) for n, f in (term.as_coeff_Mul() for term in expr.args)))
    if expr.is_Mul:
        return _product(expr, variable, context, products)
    if expr.is_Pow:
        return _power(expr, variable, context)
    if binds(expr):
        return _binder(expr, variable)
    if isinstance(expr, sp.Piecewise):
        return CASEWISE, piecewise((D(value, variable), condition) for value, condition in expr.args)
    if isinstance(expr, sp.Max | sp.Min):
        return _extremum(expr, variable, context)
    if isinstance(expr, sp.Subs):
        return _prime(expr, variable)
    if expr.func in DERIVATIVES:
        rule, outer = DERIVATIVES[expr.func]
        return rule, mul(outer(expr.args[0]), D(expr.args[0], variable))
    if isinstance(expr, AppliedUndef):
        return _function(expr, variable, context)
    return None


def _product(expr: Expr, variable: Expr, context: Context, products: bool) -> Applied:
    """(c f)' = c f';  (g/h)' = (g' h - g h')/h^2;  (f g)' = f' g + f g'"""
    name = str(name_of(variable))
    constants = [f for f in expr.args if not context.depends(f, name)]
    varying = [f for f in expr.args if context.depends(f, name)]
    if constants:
        return CONSTANT_FACTOR, mul(*constants, D(mul(*varying), variable))
    below = [f for f in varying if is_denominator(f)]
    above = [f for f in varying if not is_denominator(f)]
    if below and above and not products:
        g, h = mul(*above), power(mul(*below), sp.S.NegativeOne)
        return QUOTIENT, divide(add(mul(D(g, variable), h), neg(mul(g, D(h, variable)))), power(h, sp.Integer(2)))
    each = [mul(*varying[:k], D(f, variable), *varying[k + 1 :]) for k, f in enumerate(varying)]
    return PRODUCT, add(*each)


def is_denominator(factor: Expr) -> bool:
    return bool(factor.is_Pow and factor.exp.is_number and factor.exp.is_negative)


def _power(expr: Expr, variable: Expr, context: Context) -> Applied:
    """(u^n)' = n u^{n-1} u';  (a^u)' = a^u log a u'"""
    base, exponent = expr.args
    name = str(name_of(variable))
    if not context.depends(exponent, name):
        return POWER, mul(exponent, power(base, exponent - 1), D(base, variable))
    if not context.depends(base, name):
        return EXPONENTIAL, mul(expr, sp.log(base), D(exponent, variable))
    return "logarithmic differentiation", mul(expr, D(mul(exponent, sp.log(base)), variable))


def _binder(expr: Expr, variable: Expr) -> Applied | None:
    r"""(\sum_l f)' = \sum_l f'; the derivatives of a product, a determinant and an inverse."""
    expr = rename_bound(expr, {s.name for s in free(variable)})
    body, limits, outer = parts(expr)
    if isinstance(expr, sp.Sum):
        return SUM, total(D(body, variable), *limits)
    if isinstance(expr, sp.Product):
        return "derivative of a product", mul(expr, total(divide(D(body, variable), body), *limits))
    if isinstance(expr, Det | InverseEntry):
        return _matrix(expr, body, limits, outer, variable)
    return None


def _matrix(expr: Expr, body: Expr, limits: tuple[Expr, ...], outer: tuple[Expr, ...], variable: Expr) -> Applied:
    r"""(det A)' = det A \sum A^{-1}_{ba} A'_{ab};  (A^{-1})'_{kl} = -\sum A^{-1}_{ka} A'_{ab} A^{-1}_{bl}"""
    taken = {s.name for s in symbols(expr) | symbols(variable)} | names(expr) | names(variable)
    a = fresh(limits[0][0], taken)
    b = fresh(limits[1][0], taken | {a.name})
    ranges = sp.Tuple(a, *limits[0][1:]), sp.Tuple(b, *limits[1][1:])
    change = D(put(body, {limits[0][0]: a, limits[1][0]: b}), variable)
    if isinstance(expr, Det):
        inverse = distinct(InverseEntry(body, *limits, b, a))
        return "derivative of a determinant", mul(expr, total(mul(inverse, change), *ranges))
    left = InverseEntry(body, *limits, outer[0], a)
    right = InverseEntry(body, *limits, b, outer[1])
    return "derivative of an inverse", neg(total(mul(left, change, right), *ranges))


def _extremum(expr: Expr, variable: Expr, context: Context) -> Applied | None:
    """max(u, v)' = u' where u > v, and v' elsewhere."""
    if len(expr.args) != 2:
        return None
    first, second = sorted(expr.args, key=lambda e: not context.depends(e, str(name_of(variable))))
    condition = first > second if isinstance(expr, sp.Max) else first < second
    here = piecewise([(sp.S.One, condition), (sp.S.Zero, sp.true)])
    there = piecewise([(sp.S.Zero, condition), (sp.S.One, sp.true)])
    return CASEWISE, add(mul(here, D(first, variable)), mul(there, D(second, variable)))


def prime(function: Expr, at: Expr) -> Expr:
    """f'(at), standing for itself."""
    u = sp.Symbol("u", real=True)
    return sp.Subs(sp.Derivative(function(u), u), u, at)


def _prime(expr: Expr, variable: Expr) -> Applied | None:
    """(f'(u))' = f''(u) u'"""
    if len(expr.variables) != 1:
        return None
    u = expr.variables[0]
    second = sp.Subs(sp.Derivative(expr.expr, u), u, expr.point[0])
    return CHAIN, mul(second, D(expr.point[0], variable))


def _function(expr: Expr, variable: Expr, context: Context) -> Applied | None:
    """(f(u))' = f'(u) u'; a function of several arguments is opened if it can be."""
    if expr.args == (variable,):
        return CHAIN, prime(expr.func, variable)
    if len(expr.args) == 1:
        return CHAIN, mul(prime(expr.func, expr.args[0]), D(expr.args[0], variable))
    opened = context.opened(expr)
    return None if opened is None else ("definition", D(opened, variable))


DERIVATIVES: dict[object, tuple[str, Callable[[Expr], Expr]]] = {
    sp.exp: (EXPONENTIAL, lambda u: sp.exp(u)),
    sp.log: (LOGARITHM, lambda u: power(u, sp.S.NegativeOne)),
    sp.tanh: ("derivative of tanh", lambda u: 1 - sp.tanh(u) ** 2),
    sp.sinh: ("derivative of sinh", sp.cosh),
    sp.cosh: ("derivative of cosh", sp.sinh),
    sp.sin: ("derivative of the sine", sp.cos),
    sp.cos: ("derivative of the cosine", lambda u: -sp.sin(u)),
    sp.erf: ("derivative of erf", lambda u: 2 / sp.sqrt(sp.pi) * sp.exp(-(u**2))),
    sp.Abs: ("derivative of the absolute value", sp.sign),
}


@lru_cache(maxsize=50_000)
def has_derivative(expr: Expr) -> bool:
    return any(isinstance(e, sp.Derivative) for e in sp.preorder_traversal(expr))


__all__ = ["Applied", "differentiate", "has_derivative", "prime"]
