"""The straight way for short rows: a few calls on arrays of one shape, with tables that are kept for it.

They run in a context of their own, in which NumPy warns of nothing; they look at their sums, and give up when an
exponential was out of range.
"""

from __future__ import annotations

import math
from contextvars import copy_context
from typing import Any

import numpy as np

from derive.kernels.runtime.arguments import FLOAT32, FLOAT64, INTP, Array
from derive.kernels.runtime.exponentials import SAMPLE, SHORT, SPREAD, extremes, in_pairs
from derive.kernels.runtime.tables import KEPT, keep, ones_of, remembered, row_starts

SHORT_ENTRIES = 1 << 17  # of an array; larger ones go by blocks
WIDE_ENTRIES = 1 << 13  # of float64; up to so many, and of float32 always, sums are made in every entry of a row
LOW_LIMITS = {4: -87.0, 8: -708.0}  # by size of type: exp of more is a normal number
LONG_SUM = 10  # sums of more terms are taken in two parts, which rounds less
SMALL_ENTRIES = 1 << 10  # up to so many, a product with a matrix is sooner done than one with a number
SHAPES32: dict[Any, ShortRows] = {}
SHAPES64: dict[Any, ShortRows] = {}


class Loud:
    """In the place of a context, where the floating-point settings of NumPy (before 2.0) are not part of one."""

    def copy(self) -> Loud:
        return self

    def run(self, function: Any, *arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*arguments)


def quiet_context() -> Any:
    """A context in which NumPy ignores what happens to numbers. A copy of it is entered, at little cost."""
    before, context = np.geterr(), copy_context()
    context.run(np.seterr, all="ignore")
    if np.geterr() == before:
        return context
    np.seterr(**before)
    return Loud()


class ShortRows:
    """Sums along the rows of arrays of one shape.

    A sum is *wide* when it stands in every entry of its row, so that nothing has to be broadcast. For few entries that
    is how sums are made, by a product with a matrix; for many they are made one a row, and repeated.
    """

    __slots__ = ("count", "dtype", "each", "lead", "low", "number", "one", "one64", "ones", "others", "others64",
                 "scaled_ones", "shape", "size", "spread", "starts", "wide")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.lead, self.size = shape, shape[:-1], shape[-1]
        self.dtype, self.number = dtype, dtype.type
        self.count, self.low = math.prod(self.lead), LOW_LIMITS[dtype.itemsize]
        self.wide = self.count * self.size <= (WIDE_ENTRIES if dtype is FLOAT64 else SHORT_ENTRIES)
        self.one, self.one64 = ones_of(self.size, dtype), ones_of(self.size, FLOAT64)
        self.ones = remembered(("ones", dtype, self.size), lambda: np.ones((self.size, self.size), dtype))
        self.others64 = remembered(("others", self.size), lambda: 1 - np.eye(self.size))  # sums all but one entry
        self.others = remembered(("others", dtype, self.size), lambda: self.others64.astype(dtype))
        self.spread = self.ones if self.wide else self.one
        self.each = ones_of(self.count, dtype)
        self.starts = row_starts(self.count, self.size).reshape(self.lead)
        self.scaled_ones: dict[float, Array] = {}

    def lost(self, z: Array, total: Any) -> bool:
        """True when a sum of exp(z) is not finite, or so small that entries may have lost digits."""
        if self.count == 1:
            most = total.item(0)
            return not (0.5 <= most < math.inf or (most < 0.5 and z.item(z.argmin()) > self.low))
        most = total.item(total.argmax())
        return not (most < math.inf and (z.item(z.argmin()) > self.low or total.item(total.argmin()) >= 0.5))

    def thin(self, total: Any) -> Any:
        """One number a row."""
        return total[..., 0] if total.ndim == len(self.shape) else total

    def repeated(self, total: Any) -> Array:
        """The number of each row in every entry of it."""
        return total if total.ndim == len(self.shape) else np.asarray(total.repeat(self.size).reshape(self.shape))

    def totals(self, x: Array) -> Array:
        """The sum of each row in every entry of it."""
        return self.repeated(x.dot(self.spread))

    def share(self, e: Array, total: Any, factor: float = 1, exact: bool = False) -> Any:
        """e = e / (factor * total), for the sums ``total`` of ``e``; by the reciprocal where its rounding is hidden.
        The multiples of the sums are returned."""
        if factor != 1:
            total = e.dot(self.scaled(factor)) if e.size <= SMALL_ENTRIES else total * self.number(factor)
        if total.ndim == len(self.shape):
            np.divide(e, total, e)
            return total
        some = e.reshape(-1)[:: max(1, e.size // SAMPLE)]
        if not exact and some.item(some.argmax()) > some.item(some.argmin()) * math.exp(SPREAD):
            np.multiply(e, self.repeated(np.reciprocal(total)), e)
        else:
            np.divide(e, self.repeated(total), e)
        return total

    def sums_but(self, e: Array, places: Array) -> tuple[Any, Any]:
        """The sums of ``e``, and one a row without the labelled entry, which may be left zero."""
        if e.size <= WIDE_ENTRIES:
            others = e.dot(self.others)
            return others + e, others.item(places.item()) if self.count == 1 else others.take(places)
        entries = e.take(places)
        self.set_at(e, places, 0)
        rest = e.dot(self.one)
        return rest + entries, rest

    def share_less(self, e: Array, total: Any, rest: Any, places: Array, factor: float = 1) -> None:
        """e = e / (factor * total), less 1 / factor at the labelled entries: there it is - rest / (factor * total)."""
        total = self.share(e, total, factor)
        if self.count == 1:
            e.reshape(-1)[places.item()] = -rest / total.item(0)
            return
        rest /= self.thin(total)
        self.set_at(e, places, np.negative(rest, rest))

    def set_at(self, x: Array, places: Array, values: Any) -> None:
        if x.flags.c_contiguous:
            x.reshape(-1)[places] = values
        else:
            x.put(places, values)

    def scaled(self, factor: float) -> Array:
        """A matrix of ``factor``."""
        found = self.scaled_ones.get(factor)
        return keep(self.scaled_ones, factor, self.ones * self.number(factor)) if found is None else found

    def like(self, y: Any) -> bool:
        """True when ``y`` is an array like the logits."""
        return type(y) is np.ndarray and y.dtype is self.dtype and y.shape == self.shape

    def places(self, labels: Any) -> Any:
        """Places of the labelled entries in the flattened logits; None unless each row has a label in its range."""
        if type(labels) is not np.ndarray or labels.dtype is not INTP or labels.shape != self.lead:
            return None
        if self.count == 1:
            return labels if 0 <= labels.item() < self.size else None
        unsigned = labels.view(np.uintp)  # a negative label is large
        if unsigned.item(unsigned.argmax()) >= self.size:
            return None
        return self.starts + labels

    def add_at(self, x: Array, places: Array, value: float) -> None:
        """Add a number at the labelled entries."""
        entries = x.take(places)
        entries += self.number(value)
        self.set_at(x, places, entries)

    def sum_of(self, x: Any) -> Any:
        """The sum of numbers, one a row."""
        return x.item() if self.count == 1 else x.dot(self.each)

    # ----- logarithms -----

    def log_sums(self, z: Array) -> Any:
        """log sum exp of each row, from exponentials in double precision; None when they are out of range."""
        total = exp64(z).dot(self.one64)
        least, most = (total.item(), total.item()) if self.count == 1 else extremes(total)
        if not (most < math.inf and least > TINY_SUM):
            return None
        result = np.log(total)
        near = NEAR_ZERO[self.dtype.itemsize]
        if least < 1 + near * 2 and most > 1 - near:
            result = careful(z, np.asarray(result), near)
        return result if self.dtype is FLOAT64 else result.astype(self.dtype)

    def log_shares(self, z: Array) -> Array | None:
        """The logarithm of exp(z) / sum exp(z); None when they are out of range.

        log s_i = -log(1 + (sum of the other exponentials) / exp z_i), which cancels nowhere. For many narrow numbers
        z - log sum exp(z) is sooner done in double precision, and only what is near zero is taken from the other form.
        """
        if z.size <= WIDE_ENTRIES or self.dtype is FLOAT64:
            l = log_of_shares(z, self.others64)
            return l if l is None or self.dtype is FLOAT64 else l.astype(self.dtype)
        e = exp64(z)
        total = e.dot(self.one64)
        least, most = extremes(total)
        if not (most < math.inf and least > TINY_SUM):
            return None
        log = np.log(total)
        first = log.astype(self.dtype)
        second = (log - first).astype(self.dtype)
        l = z - first.repeat(self.size).reshape(z.shape)
        l -= second.repeat(self.size).reshape(z.shape)
        edge = -(2.0**-22) * max(1.0, abs(math.log(most)), abs(math.log(least)))
        if not l.item(l.argmax()) < edge:
            near = np.flatnonzero(l >= edge)
            part, own = e.reshape(-1, self.size)[near // self.size], (np.arange(len(near)), near % self.size)
            largest = part[own]
            part[own] = 0
            l.put(near, -np.log1p(part.dot(self.one64) / largest))
        return l


TINY_SUM = 1e-280
NEAR_ZERO = {4: 2.0**-20, 8: 0.5}  # by size of type: logarithms of sums that are nearer to zero have lost digits


def exp64(z: Array) -> Array:
    """exp(z) in double precision."""
    if z.dtype is FLOAT64 or z.size > WIDE_ENTRIES:
        return np.exp(z, dtype=FLOAT64)
    e = z.astype(FLOAT64)
    return np.exp(e, e)


def log_of_shares(z: Array, others: Array) -> Array | None:
    """-log(1 + (sum of the other exponentials) / exp z); None when they are out of range."""
    e = exp64(z)
    half = len(others) // 2 if len(others) > LONG_SUM else 0
    l = e.dot(others) if not half else e[..., :half].dot(others[:half])
    if half:
        l += e[..., half:].dot(others[half:])
    if not (e.item(e.argmin()) > TINY_SUM and l.item(l.argmax()) < math.inf):
        return None
    l /= e
    np.log1p(l, l)
    np.negative(l, l)
    return l


def careful(z: Array, result: Array, near: float) -> Any:
    """``result`` = log sum exp(z), with the entries near zero computed from longer numbers."""
    flat = result.reshape(-1)
    at = np.flatnonzero(np.abs(flat) < near)
    if at.size:
        e = np.exp(z.reshape(-1, z.shape[-1])[at].astype(np.longdouble))
        flat[at] = np.log(in_pairs(e.T))
    return flat.reshape(result.shape) if result.ndim else flat[0]


def short_rows(z: Any) -> ShortRows | None:
    """What is kept for arrays like ``z``, if its rows are short and it is not too large."""
    if type(z) is not np.ndarray:
        return None
    dtype, shape = z.dtype, z.shape
    known = SHAPES32 if dtype is FLOAT32 else SHAPES64 if dtype is FLOAT64 else None
    return None if known is None else known.get(shape) or new_shape(shape, dtype, known)


def new_shape(shape: tuple[int, ...], dtype: Any, known: dict[Any, ShortRows]) -> ShortRows | None:
    if not shape or not 0 < shape[-1] <= SHORT or not 0 < math.prod(shape) <= SHORT_ENTRIES:
        return None
    if len(known) >= KEPT:
        known.clear()
    made = known[shape] = ShortRows(shape, dtype)
    return made


QUIET = quiet_context()
