"""Functions of whole arrays: stable forms along an axis, the error function, entries at labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from derive.kernels.runtime.arguments import Array


def axis_top(x: Array, axis: int) -> Array:
    """The maximum along ``axis``, kept as an axis; 0 where it is infinite, so that nothing is inf - inf."""
    if not x.shape[axis]:
        return np.zeros([1 if k == axis % x.ndim else n for k, n in enumerate(x.shape)], x.dtype)
    m = x.max(axis=axis, keepdims=True)
    return np.asarray(np.where(np.isinf(m), m.dtype.type(0), m))


def shifted_exp(x: Array, axis: int) -> tuple[Array, Array]:
    """exp(x - m) for the maximum m, and its sums."""
    e = np.subtract(x, axis_top(x, axis))
    np.exp(e, out=e)
    return e, e.sum(axis=axis, keepdims=True)


def normalised_exp(x: Array, axis: int) -> Array:
    """exp(x) / sum exp(x), which is the same for x - m."""
    e, total = shifted_exp(x, axis)
    e /= total
    return e


def log_sum_exp(x: Array, axis: int) -> Array:
    """log sum exp(x) = m + log sum exp(x - m)."""
    total = shifted_exp(x, axis)[1]
    return (axis_top(x, axis) + np.log(total)).squeeze(axis)


def log_normalised_exp(x: Array, axis: int) -> Array:
    """x - log sum exp(x) = (x - m) - log sum exp(x - m)."""
    return (x - axis_top(x, axis)) - np.log(shifted_exp(x, axis)[1])


def stable_sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)); where that exponential is infinite, exp(x)."""
    share = np.negative(x, out=np.empty_like(x))
    np.exp(share, out=share)
    share += 1
    np.divide(1, share, out=share)
    if not share.all():
        far = share == 0
        share[far] = np.exp(x[far])
    return share


def exp_far(x: Array) -> Array:
    """exp(-|x|): of it, without overflow, sigmoid and softplus of x and of -x are made."""
    e = np.abs(x, out=np.empty_like(x))
    np.negative(e, out=e)
    return np.asarray(np.exp(e, out=e))


def sigmoid_by(x: Array, e: Array) -> Array:
    """sigmoid(x), with e = exp(-|x|): 1 or e, whichever is exp(min(x, 0)), over 1 + e."""
    share = np.maximum(e, x >= 0, out=np.empty_like(e))
    share /= 1 + e
    return share


def stable_softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    result = exp_far(x)
    np.log1p(result, out=result)
    result += np.maximum(x, 0)
    return result


# Coefficients of the rational functions of erf in the C library of Sun Microsystems (fdlibm), highest power first.
ERF_SMALL = (
    (-2.37630166566501626084e-05, -5.77027029648944159157e-03, -2.84817495755985104766e-02, -3.25042107247001499370e-01,
     1.28379167095512558561e-01),
    (-3.96022827877536812320e-06, 1.32494738004321644526e-04, 5.08130628187576562776e-03, 6.50222499887672944485e-02,
     3.97917223959155352819e-01, 1.0),
)
ERF_ONE = 8.45062911510467529297e-01
ERF_MIDDLE = (
    (-2.16637559486879084300e-03, 3.54783043256182359371e-02, -1.10894694282396677476e-01, 3.18346619901161753674e-01,
     -3.72207876035701323847e-01, 4.14856118683748331666e-01, -2.36211856075265944077e-03),
    (1.19844998467991074170e-02, 1.36370839120290507362e-02, 1.26171219808761642112e-01, 7.18286544141962662868e-02,
     5.40397917702171048937e-01, 1.06420880400844228286e-01, 1.0),
)
ERF_LARGE = (
    (-9.81432934416914548592e00, -8.12874355063065934246e01, -1.84605092906711035994e02, -1.62396669462573470355e02,
     -6.23753324503260060396e01, -1.05586262253232909814e01, -6.93858572707181764372e-01, -9.86494403484714822705e-03),
    (-6.04244152148580987438e-02, 6.57024977031928170135e00, 1.08635005541779435134e02, 4.29008140027567833386e02,
     6.45387271733267880336e02, 4.34565877475229228821e02, 1.37657754143519042600e02, 1.96512716674392571292e01, 1.0),
)
ERF_HUGE = (
    (-4.83519191608651397019e02, -1.02509513161107724954e03, -6.37566443368389627722e02, -1.60636384855821916062e02,
     -1.77579549177547519889e01, -7.99283237680523006574e-01, -9.86494292470009928597e-03),
    (-2.24409524465858183362e01, 4.74528541206955367215e02, 2.55305040643316442583e03, 3.19985821950859553908e03,
     1.53672958608443695994e03, 3.25792512996573918826e02, 3.03380607434824582924e01, 1.0),
)


def quotient(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    """The value of a rational function."""
    above, below = (np.full_like(x, c[0]) for c in coefficients)
    for value, rest in ((above, coefficients[0][1:]), (below, coefficients[1][1:])):
        for c in rest:
            value *= x
            value += c
    above /= below
    return above


def stable_erf(x: Any) -> Array:
    """The error function, in double precision."""
    given = np.asarray(x)
    x = np.asarray(given, np.float64)
    result = by_size(np.abs(x), 1.0, (
        (0.84375, lambda a: a + a * quotient(ERF_SMALL, a * a)),
        (1.25, lambda a: ERF_ONE + quotient(ERF_MIDDLE, a - 1)),
        (1 / 0.35, lambda a: 1 - erf_tail(ERF_LARGE, a)),
        (6.0, lambda a: 1 - erf_tail(ERF_HUGE, a)),
    ))
    return np.asarray(np.copysign(result, x), given.dtype if given.dtype.kind == "f" else np.float64)


def stable_erfc(x: Any) -> Array:
    """1 - erf(x), in double precision: exact also where it is far below 1."""
    given = np.asarray(x)
    x = np.asarray(given, np.float64)
    result = by_size(np.abs(x), 0.0, (
        (0.25, lambda a: 1 - (a + a * quotient(ERF_SMALL, a * a))),
        (0.84375, lambda a: 0.5 - (a - 0.5 + a * quotient(ERF_SMALL, a * a))),
        (1.25, lambda a: 1 - ERF_ONE - quotient(ERF_MIDDLE, a - 1)),
        (1 / 0.35, lambda a: erf_tail(ERF_LARGE, a)),
        (28.0, lambda a: erf_tail(ERF_HUGE, a)),
    ))
    np.subtract(2, result, out=result, where=x < 0)
    return np.asarray(result, given.dtype if given.dtype.kind == "f" else np.float64)


def by_size(a: Array, beyond: float, pieces: tuple[tuple[float, Any], ...]) -> Array:
    """A function of numbers that are not negative, in pieces: (up to, function), ``beyond`` them a constant."""
    flat = a.reshape(-1)
    result = np.where(np.isnan(flat), flat, beyond)
    low = 0.0
    for high, function in pieces:
        at = np.flatnonzero((flat >= low) & (flat < high))
        if at.size:
            result[at] = function(flat.take(at))
        low = high
    return result.reshape(a.shape)


def erf_tail(coefficients: tuple[tuple[float, ...], tuple[float, ...]], a: Array) -> Array:
    """1 - erf(a): exp(-a^2) with the square of the leading half of a, which is exact, and the rest apart."""
    lead = np.asarray(a, np.float32).astype(np.float64)
    part = quotient(coefficients, 1 / (a * a))
    return np.asarray(np.exp(-lead * lead - 0.5625) * np.exp((lead - a) * (lead + a) + part) / a)


def picked(source: Array, where: Array) -> Array:
    """``source`` at the labels ``where`` along its last axis; the other axes broadcast."""
    shape = np.broadcast_shapes(source.shape[:-1], np.shape(where))
    source = np.broadcast_to(source, (*shape, source.shape[-1]))
    return np.take_along_axis(source, np.broadcast_to(where, shape)[..., None], -1)[..., 0]


def contracted(subscripts: str, a: Array, b: Array) -> Array:
    """``einsum`` of two arrays with leading axes, every letter in two of three places: one product of matrices."""
    given, result = subscripts.split("->")
    mine, other = given.split(",")
    batch = [k for k in mine if k in other and k in result]
    summed = [k for k in mine if k not in result]
    left, right = [k for k in mine if k not in other], [k for k in other if k not in mine]
    product = joined_axes(a, mine, batch, left, summed) @ joined_axes(b, other, batch, summed, right)
    sizes = dict(zip(mine + other, a.shape[a.ndim - len(mine) :] + b.shape[b.ndim - len(other) :], strict=True))
    lead = product.shape[: product.ndim - len(batch) - 2]
    product = product.reshape(*lead, *(sizes[k] for k in batch + left + right))
    order = [len(lead) + (batch + left + right).index(k) for k in result]
    return product.transpose(*range(len(lead)), *order)


def chained(a: Array, b: Array, c: Array) -> Array:
    """a @ b @ c, the cheaper of both products first."""
    i, j = a.shape[-2:]
    k, l = c.shape[-2:]
    return (a @ b) @ c if i * k * (j + l) <= j * l * (i + k) else a @ (b @ c)


def joined_axes(x: Array, letters: str, *groups: list[str]) -> Array:
    """The axes of the first group one by one, those of each other group as one axis."""
    lead = x.ndim - len(letters)
    turned = x.transpose(*range(lead), *(lead + letters.index(k) for group in groups for k in group))
    sizes = dict(zip(letters, x.shape[lead:], strict=True))
    return turned.reshape(*x.shape[:lead], *(sizes[k] for k in groups[0]),
                          *(math.prod(sizes[k] for k in group) for group in groups[1:]))


def add_at(target: Array, where: Array, value: Any, axis: int) -> Array:
    """``target`` with ``value`` added at the labels ``where`` along ``axis``, written over where it has all the axes.

    Labels and value have ``axis`` with size 1, or are numbers; leading axes broadcast.
    """
    own = (*target.shape[:axis], 1, *target.shape[axis:][1:])
    shape = list(np.broadcast_shapes(own, np.shape(where), np.shape(value)))
    index = np.broadcast_to(where, shape)
    shape[axis] = target.shape[axis]
    if target.shape != tuple(shape):
        target = np.array(np.broadcast_to(target, shape))
    entries = np.take_along_axis(target, index, axis)
    entries += np.asarray(value, target.dtype)
    np.put_along_axis(target, index, entries, axis)
    return target


def joined(pieces: list[Array], axis: int) -> Array:
    """Pieces joined along ``axis``; they broadcast along the others."""
    rank = max(p.ndim for p in pieces)
    axis %= rank
    pieces = [p.reshape((1,) * (rank - p.ndim) + p.shape) for p in pieces]
    shape = np.broadcast_shapes(*((*p.shape[:axis], 1, *p.shape[axis + 1 :]) for p in pieces))
    full = [np.broadcast_to(p, (*shape[:axis], p.shape[axis], *shape[axis + 1 :])) for p in pieces]
    return np.concatenate(full, axis=axis)
