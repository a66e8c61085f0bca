"""Numbers for evaluation: balls and rationals, infinitesimals on top of them, functions by their Taylor series.

A `Jet` is a number plus a polynomial in infinitesimals ``e_k`` with ``e_k * e_k = 0``; the coefficient of a product of
infinitesimals is a derivative. A function is given by its Taylor coefficients at a number, which is all that
composing it with a jet needs. All rules are exact in ball arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp
from flint import arb, fmpq, fmpz

Value = Any  # fmpq | arb | Jet

ZERO, ONE = fmpq(0), fmpq(1)
EXACT_BITS = 2048  # longer rationals are rounded to balls


class MeaningError(Exception):
    """No value can be given."""


class Undefined(MeaningError):
    """The expression has no value here; ``final`` is false if more precision might give one."""

    def __init__(self, reason: str, final: bool = True) -> None:
        super().__init__(reason)
        self.final = final


class BudgetExceeded(MeaningError):
    """The work would exceed what was allowed."""


class Unsupported(MeaningError):
    """A construct outside of the language."""


# ---------------------------------------------------------------------------------------------- infinitesimals


class Jet:
    """A number plus infinitesimals: ``terms[mask]`` is the coefficient of the product of ``e_k``, k in mask."""

    __slots__ = ("terms",)

    def __init__(self, terms: dict[int, Any]) -> None:
        self.terms = terms

    @property
    def real(self) -> Any:
        return self.terms.get(0, ZERO)

    def nil(self) -> dict[int, Any]:
        return {m: c for m, c in self.terms.items() if m}

    def __add__(self, other: Any) -> Jet:
        terms = dict(self.terms)
        for m, c in terms_of(other).items():
            terms[m] = terms[m] + c if m in terms else c
        return Jet(terms)

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return Jet({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: Any) -> Jet:
        return self.__add__(-other)

    def __mul__(self, other: Any) -> Jet:
        if type(other) is not Jet:
            return Jet({m: c * other for m, c in self.terms.items()})
        return Jet(times(self.terms, other.terms))

    def __rmul__(self, other: Any) -> Jet:
        return Jet({m: c * other for m, c in self.terms.items()})


def terms_of(x: Any) -> dict[int, Any]:
    return x.terms if type(x) is Jet else {0: x}


def times(a: Mapping[int, Any], b: Mapping[int, Any]) -> dict[int, Any]:
    out: dict[int, Any] = {}
    for m, x in a.items():
        for n, y in b.items():
            if not m & n:
                k = m | n
                out[k] = out[k] + x * y if k in out else x * y
    return out


def real_part(x: Value) -> Any:
    return x.real if type(x) is Jet else x


def compose(taylor: Callable[[Any, int], list[Any]], x: Value) -> Value:
    """f(x) where ``taylor(x0, k)`` gives f(x0), f'(x0), f''(x0)/2, … up to degree k."""
    if type(x) is not Jet:
        return taylor(x, 0)[0]
    nil = x.nil()
    degree = 0
    for m in nil:
        degree |= m
    degree = degree.bit_count()
    coefficients = taylor(x.real, degree)
    out: dict[int, Any] = {0: coefficients[0]}
    power: dict[int, Any] = nil
    for c in coefficients[1:]:
        if not power:
            break
        for m, v in power.items():
            out[m] = out[m] + c * v if m in out else c * v
        power = times(power, nil)
    return Jet(out)


# ------------------------------------------------------------------------------------- functions, by Taylor series


def ball(x: Any) -> arb:
    return x if type(x) is arb else arb(x)


def finite(x: arb) -> arb:
    if not x.is_finite():
        raise Undefined("not a finite number", final=False)
    return x


def demand_positive(x: Any, what: str) -> None:
    if not x > 0:
        raise Undefined(what, final=bool(x <= 0))


def demand_nonzero(x: Any, what: str = "a denominator is zero") -> None:
    if type(x) is fmpq:
        if x == 0:
            raise Undefined(what)
    elif x.contains(0):
        raise Undefined(what, final=x.is_zero())


def t_exp(x: Any, n: int) -> list[Any]:
    out = [ONE if x == 0 else finite(ball(x).exp())]
    for k in range(1, n + 1):
        out.append(out[-1] / k)
    return out


def t_log(x: Any, n: int) -> list[Any]:
    demand_positive(x, "the logarithm of a number that is not positive")
    out = [ZERO if x == 1 else finite(ball(x).log())]
    if n:
        inverse = 1 / x
        power = ONE
        for k in range(1, n + 1):
            power = power * inverse
            out.append(power * fmpq(1 if k % 2 else -1, k))
    return out


def _trigonometric(x: Any, n: int, start: int, values: Callable[[arb], tuple[arb, arb]], sign: int) -> list[Any]:
    """The series of a function whose derivatives cycle through (s, c, sign*s, sign*c)."""
    s, c = (ZERO, ONE) if x == 0 else values(ball(x))
    cycle = [s, c, sign * s, sign * c]
    out = []
    for k in range(n + 1):
        v = cycle[(k + start) % 4]
        out.append(v if k < 2 else v / math.factorial(k))
    if type(out[0]) is arb:
        finite(out[0])
    return out


def _hyperbolic(x: arb) -> tuple[arb, arb]:
    s, c = x.sinh_cosh()
    return s, c


def _circular(x: arb) -> tuple[arb, arb]:
    s, c = x.sin_cos()
    return s, c


def t_sin(x: Any, n: int) -> list[Any]:
    return _trigonometric(x, n, 0, _circular, -1)


def t_cos(x: Any, n: int) -> list[Any]:
    return _trigonometric(x, n, 1, _circular, -1)


def t_sinh(x: Any, n: int) -> list[Any]:
    return _trigonometric(x, n, 0, _hyperbolic, 1)


def t_cosh(x: Any, n: int) -> list[Any]:
    return _trigonometric(x, n, 1, _hyperbolic, 1)


def _riccati(first: Any, n: int, sign: int) -> list[Any]:
    """The series of the solution of t' = 1 + sign t^2."""
    t = [first]
    for k in range(n):
        square = sum((t[i] * t[k - i] for i in range(k + 1)), ZERO)
        t.append(((1 if k == 0 else 0) + sign * square) / (k + 1))
    return t


def t_tanh(x: Any, n: int) -> list[Any]:
    return _riccati(ZERO if x == 0 else ball(x).tanh(), n, -1)


def t_tan(x: Any, n: int) -> list[Any]:
    return _riccati(ZERO if x == 0 else finite(ball(x).tan()), n, 1)


def _integrated(first: Any, derivative: list[Any]) -> list[Any]:
    return [first, *(d / (k + 1) for k, d in enumerate(derivative))]


def _square_plus(x: Any, c: int, n: int) -> list[Any]:
    """The series of c + u^2 at x."""
    return ([c + x * x, 2 * x, ONE] + [ZERO] * n)[: n + 1]


def _series_power(base: list[Any], a: fmpq) -> list[Any]:
    """The series of base^a for a series with a nonzero constant term."""
    out = [power(base[0], a)]
    for k in range(1, len(base)):
        total = ZERO
        for i in range(1, k + 1):
            total = total + (a * i - (k - i)) * base[i] * out[k - i]
        out.append(total / (base[0] * k))
    return out


def t_atan(x: Any, n: int) -> list[Any]:
    first = ZERO if x == 0 else ball(x).atan()
    return _integrated(first, _series_power(_square_plus(x, 1, n - 1), fmpq(-1)) if n else [])


def t_asinh(x: Any, n: int) -> list[Any]:
    first = ZERO if x == 0 else ball(x).asinh()
    return _integrated(first, _series_power(_square_plus(x, 1, n - 1), fmpq(-1, 2)) if n else [])


def t_acosh(x: Any, n: int) -> list[Any]:
    demand_positive(x - 1, "acosh outside of its domain")
    return _integrated(ball(x).acosh(), _series_power(_square_plus(x, -1, n - 1), fmpq(-1, 2)) if n else [])


def _one_minus_square(x: Any, n: int) -> list[Any]:
    return [-c for c in _square_plus(x, -1, n)]


def t_atanh(x: Any, n: int) -> list[Any]:
    demand_positive(1 - x * x, "atanh outside of its domain")
    first = ZERO if x == 0 else ball(x).atanh()
    return _integrated(first, _series_power(_one_minus_square(x, n - 1), fmpq(-1)) if n else [])


def t_asin(x: Any, n: int) -> list[Any]:
    demand_positive(1 - x * x, "asin outside of its domain")
    first = ZERO if x == 0 else ball(x).asin()
    return _integrated(first, _series_power(_one_minus_square(x, n - 1), fmpq(-1, 2)) if n else [])


def t_acos(x: Any, n: int) -> list[Any]:
    first, *rest = t_asin(x, n)
    return [arb.pi() / 2 - first, *(-c for c in rest)]


def t_erf(x: Any, n: int) -> list[Any]:
    """erf' = g with g' = -2 x g."""
    first = ZERO if x == 0 else ball(x).erf()
    if not n:
        return [first]
    g = [2 / arb.pi().sqrt() * (-ball(x) * ball(x)).exp()]
    for k in range(n - 1):
        g.append(-2 * (x * g[k] + (g[k - 1] if k else ZERO)) / (k + 1))
    return _integrated(first, g)


def t_erfc(x: Any, n: int) -> list[Any]:
    first, *rest = t_erf(x, n)
    return [ball(x).erfc() if x != 0 else ONE, *(-c for c in rest)]


def t_abs(x: Any, n: int) -> list[Any]:
    if n == 0:
        return [abs(x)]
    if x > 0:
        return [x, ONE] + [ZERO] * (n - 1)
    if x < 0:
        return [-x, -ONE] + [ZERO] * (n - 1)
    raise Undefined("the absolute value at its kink", final=bool(x == 0))


def t_sign(x: Any, n: int) -> list[Any]:
    if x > 0:
        return [ONE] + [ZERO] * n
    if x < 0:
        return [-ONE] + [ZERO] * n
    raise Undefined("the sign of zero", final=bool(x == 0))


def t_step(x: Any, n: int) -> list[Any]:
    return [(c + (k == 0)) / 2 for k, c in enumerate(t_sign(x, n))]


def _value_only(name: str, function: Callable[[Any], Any]) -> Callable[[Any, int], list[Any]]:
    def taylor(x: Any, n: int) -> list[Any]:
        if n:
            raise Unsupported(f"the derivative of {name}")
        return [finite(function(ball(x)))]

    return taylor


def t_factorial(x: Any, n: int) -> list[Any]:
    if n or type(x) is not fmpq or x.q != 1 or not 0 <= x <= 300:
        raise Undefined("a factorial of this number")
    return [fmpq(math.factorial(int(x.p)))]


TAYLOR: dict[Any, Callable[[Any, int], list[Any]]] = {
    sp.exp: t_exp, sp.log: t_log,
    sp.sin: t_sin, sp.cos: t_cos, sp.tan: t_tan, sp.asin: t_asin, sp.acos: t_acos, sp.atan: t_atan,
    sp.sinh: t_sinh, sp.cosh: t_cosh, sp.tanh: t_tanh, sp.asinh: t_asinh, sp.acosh: t_acosh, sp.atanh: t_atanh,
    sp.erf: t_erf, sp.erfc: t_erfc, sp.Abs: t_abs, sp.sign: t_sign, sp.Heaviside: t_step,
    sp.gamma: _value_only("gamma", lambda x: x.gamma()), sp.loggamma: _value_only("loggamma", lambda x: x.lgamma()),
    sp.digamma: _value_only("digamma", lambda x: x.digamma()), sp.factorial: t_factorial,
    sp.floor: _value_only("floor", lambda x: x.floor()), sp.ceiling: _value_only("ceiling", lambda x: x.ceil()),
}  # fmt: skip

RECIPROCAL = {sp.sec: t_cos, sp.csc: t_sin, sp.cot: t_tan, sp.sech: t_cosh, sp.csch: t_sinh, sp.coth: t_tanh}

CONSTANTS: dict[Any, Callable[[], Any]] = {
    sp.pi: arb.pi, sp.E: arb.const_e, sp.EulerGamma: arb.const_euler, sp.Catalan: arb.const_catalan,
    sp.GoldenRatio: lambda: (1 + arb(5).sqrt()) / 2,
}  # fmt: skip


# ----------------------------------------------------------------------------------------------------- powers


def rounded(x: Any) -> Any:
    """Long rationals become balls."""
    if type(x) is Jet:
        return Jet({m: rounded(c) for m, c in x.terms.items()})
    return arb(x) if type(x) is fmpq and x.height_bits() > EXACT_BITS else x


def _integer_power(x: Any, n: int) -> Any:
    if n < 0:
        demand_nonzero(x)
    if type(x) is fmpq and x.height_bits() * abs(n) > EXACT_BITS:
        if x in (0, 1, -1):
            return x * x if n % 2 == 0 else x
        x = arb(x)
    return finite(x ** fmpz(n)) if type(x) is arb else x**n


def _exact_root(x: fmpq, q: int) -> fmpq | None:
    p, d = x.p.root(q), x.q.root(q)
    return fmpq(p, d) if p**q == x.p and d**q == x.q else None


def power(x: Any, a: fmpq) -> Any:
    """x^a of plain numbers."""
    if a.q == 1:
        return _integer_power(x, int(a.p))
    if x == 0 and a > 0:
        return ZERO
    demand_positive(x, "a fractional power of a number that is not positive")
    if type(x) is fmpq and a.q < 10:
        root = _exact_root(x, int(a.q))
        if root is not None:
            return _integer_power(root, int(a.p))
    x = ball(x)
    root = x.sqrt() if a.q == 2 else x.root(int(a.q)) if a.q < 1000 else x ** fmpq(1, a.q)
    return finite(_integer_power(root, int(a.p)))


def t_power(a: fmpq) -> Callable[[Any, int], list[Any]]:
    def taylor(x: Any, n: int) -> list[Any]:
        out, binomial = [], ONE
        for k in range(n + 1):
            out.append(binomial * power(x, a - k) if binomial != 0 else ZERO)
            binomial = binomial * (a - k) / (k + 1)
        return out

    return taylor
