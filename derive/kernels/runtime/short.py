"""The straight way for short rows: a few calls on arrays of one shape, with tables that are kept for it.

They run in a context of their own, in which NumPy warns of nothing; they look at their sums, and give up when an
exponential was out of range.
"""

from __future__ import annotations

import math
from contextvars import copy_context
from typing import Any

import numpy as np
from numpy import divide, exp, ndarray

from derive.kernels.runtime.arguments import FLOAT32, FLOAT64, INTP, Array
from derive.kernels.runtime.exponentials import NARROW, SAMPLE, SHORT, SPREAD, extremes, in_pairs
from derive.kernels.runtime.tables import KEPT, keep, ones_of, remembered, row_starts

SHORT_ENTRIES = 1 << 17  # of an array; larger ones go by blocks
WIDE_ENTRIES = 1 << 13  # of float64; up to so many, and of float32 always, sums are made in every entry of a row
LOW_LIMITS = {4: -87.0, 8: -708.0}  # by size of type: exp of more is a normal number
LONG_SUM = 10  # sums of more terms are taken in two parts, which rounds less
SMALL_ENTRIES = 1 << 10  # up to so many, a product with a matrix is sooner done than one with a number
SHAPES32: dict[Any, ShortRows] = {}
SHAPES64: dict[Any, ShortRows] = {}
NO_SHAPES: dict[Any, ShortRows] = {}  # of arrays of other types


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

    __slots__ = ("count", "dtype", "each", "filled", "lead", "least_share", "low", "most_share", "number", "one",
                 "one64", "ones", "others64", "rest_of_row", "shape", "size", "spread", "starts", "wide")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.lead, self.size = shape, shape[:-1], shape[-1]
        self.dtype, self.number = dtype, dtype.type
        self.count, self.low = math.prod(self.lead), LOW_LIMITS[dtype.itemsize]
        self.wide = self.count * self.size <= (WIDE_ENTRIES if dtype is FLOAT64 else SHORT_ENTRIES)
        self.one, self.one64 = ones_of(self.size, dtype), ones_of(self.size, FLOAT64)
        self.ones = remembered(("ones", dtype, self.size), lambda: np.ones((self.size, self.size), dtype))
        self.others64 = remembered(("others", self.size), lambda: 1 - np.eye(self.size))  # sums all but one entry
        self.rest_of_row = remembered(("rest", dtype, self.size), lambda: (-self.others64).astype(dtype))
        self.spread = self.ones if self.wide else self.one
        self.each = ones_of(self.count, dtype)
        self.starts = row_starts(self.count, self.size).reshape(self.lead)
        self.least_share, self.most_share = math.exp(-NARROW) / self.size, math.exp(NARROW) / self.size
        self.filled: dict[float, Array] = {}

    # ----- sums of exponentials -----

    def sums(self, z: Array, e: Array, total: Array, entry: float = -1.0) -> tuple[Array, float] | None:
        """The sums ``total`` of ``e`` = exp(z), and 0; or the sums of exp(z - c), which are then in ``e``, and c.
        None when a sum is not finite, or so small that entries may have lost digits. ``entry`` is the first exponential
        where it is no longer in ``e``."""
        first, entry = total.item(0), e.item(0) if entry < 0 else entry
        if self.least_share * first < entry < self.most_share * first and (found := self.narrow(z, e)):
            return found
        most = total.item(total.argmax())
        if most < math.inf and (z.item(z.argmin()) > self.low or total.item(total.argmin()) >= 0.5):
            return total, 0.0
        return None

    def narrow(self, z: Array, e: Array) -> tuple[Array, float] | None:
        """For logits that hardly differ: what rounds in their exponentials and sums is all the error there is. It is
        least just below 1, and with sums in longer numbers. None when they differ."""
        least, most = extremes(z)
        if not most - least < NARROW:
            return None
        np.subtract(z, most, e)
        np.exp(e, e)
        total = self.exact_sums(e)
        return (total.repeat(self.size).reshape(self.shape) if self.wide else total), most

    def exact_sums(self, e: Array) -> Array:
        """Sums, one a row, taken in longer numbers."""
        return np.asarray(np.add.reduce(e, -1, np.longdouble if self.dtype is FLOAT64 else FLOAT64)).astype(self.dtype)

    def sums_but(self, z: Array, e: Array, places: Any) -> tuple[Array, Any, float] | None:
        """The sums of ``e`` as above, those without the labelled entry, negative and one a row, and the shift. What is
        in ``e`` at the labels is lost."""
        entry = e.item(0)
        if self.wide:
            rest = e.dot(self.rest_of_row)
            entries, total = self.at(rest, places), np.subtract(e, rest, rest)
        else:
            labelled = e.take(places)
            self.set_at(e, places, 0)
            rest = e.dot(self.one)
            entries, total = np.negative(rest), np.add(rest, labelled, rest)
        found = self.sums(z, e, total, entry)
        if found is not None and found[1]:
            self.set_at(e, places, 0)
            entries = -self.thin(self.exact_sums(e))
        return None if found is None else (found[0], entries, found[1])

    def thin(self, total: Array) -> Any:
        """One number a row."""
        return total[..., 0] if total.ndim == len(self.shape) else total

    def log(self, total: Array, shift: float) -> Any:
        """shift + log of sums, one a row."""
        l = np.log(self.thin(total))
        return l + self.number(shift) if shift else l

    def wide_log(self, total: Array, shift: float) -> Array:
        """The same in every entry of the row."""
        l = np.log(self.repeated(total))
        return l + self.number(shift) if shift else l

    def repeated(self, total: Any) -> Array:
        """The number of each row in every entry of it."""
        return total if total.ndim == len(self.shape) else np.asarray(total.repeat(self.size).reshape(self.shape))

    def totals(self, x: Array) -> Array:
        """The sum of each row in every entry of it."""
        return self.repeated(x.dot(self.spread))

    # ----- quotients -----

    def softmax(self, z: Array, factor: float = 1, exact: bool = False) -> Array | None:
        """exp(z) / (factor * sum exp(z)); None when exponentials were out of range."""
        e = np.exp(z)
        sums = self.sums(z, e, e.dot(self.spread))
        if sums is None:
            return None
        self.share(e, sums[0], factor, exact)
        return e

    def share(self, e: Array, total: Array, factor: float = 1, exact: bool = False) -> None:
        """e = e / (factor * total), for the sums ``total`` of ``e``; by the reciprocal where its rounding is hidden.
        What is left in ``total`` are the multiples."""
        if factor != 1:
            total *= self.full(factor) if e.size <= SMALL_ENTRIES else self.number(factor)
        if self.wide:
            np.divide(e, total, e)
            return
        some = e.reshape(-1)[:: max(1, e.size // SAMPLE)]
        if not exact and some.item(some.argmax()) > some.item(some.argmin()) * math.exp(SPREAD):
            np.multiply(e, self.repeated(np.reciprocal(total)), e)
        else:
            np.divide(e, self.repeated(total), e)

    def share_less(self, e: Array, total: Array, rest: Any, places: Any, factor: float = 1) -> None:
        """e = e / (factor * total), less 1 / factor at the labelled entries: there it is rest / (factor * total), for
        the negative sums ``rest`` of the other entries."""
        if self.wide:
            self.set_at(e, places, rest)
            self.share(e, total, factor)
            return
        self.share(e, total, factor)
        self.set_at(e, places, np.divide(rest, total, rest))

    def full(self, factor: float) -> Array:
        """An array of ``factor``."""
        found = self.filled.get(factor)
        return keep(self.filled, factor, np.full(self.shape, factor, self.dtype)) if found is None else found

    # ----- arguments and results -----

    def like(self, y: Any) -> bool:
        """True when ``y`` is an array like the logits."""
        return type(y) is np.ndarray and y.dtype is self.dtype and y.shape == self.shape

    def places(self, labels: Any) -> Any:
        """Places of the labelled entries in the flattened logits; None unless each row has a label in its range."""
        if type(labels) is not np.ndarray or labels.dtype is not INTP or labels.shape != self.lead:
            return None
        unsigned = labels.view(np.uintp)  # a negative label is large
        if unsigned.item(unsigned.argmax()) >= self.size:
            return None
        return self.starts + labels

    def at(self, x: Array, places: Any) -> Any:
        """The labelled entries."""
        return x.take(places)

    def set_at(self, x: Array, places: Any, values: Any) -> None:
        if x.flags.c_contiguous:
            x.reshape(-1)[places] = values
        else:
            x.put(places, values)

    def add_at(self, x: Array, places: Any, value: float) -> None:
        """Add a number at the labelled entries."""
        self.set_at(x, places, x.take(places) + self.number(value))

    def sum_of(self, x: Any) -> Any:
        """The sum of numbers, one a row."""
        return x.dot(self.each)

    def result(self, x: Any) -> Any:
        """Numbers, one a row, as a result."""
        return x

    # ----- logarithms -----

    def log_sums(self, z: Array) -> Any:
        """log sum exp of each row, from exponentials in double precision; None when they are out of range."""
        total = exp64(z).dot(self.one64)
        least, most = extremes(total)
        if not (most < math.inf and least > TINY_SUM):
            return None
        result = np.log(total)
        near = NEAR_ZERO[self.dtype.itemsize]
        if least < 1 + near * 2 and most > 1 - near:
            careful(z, result, near)
        return result if self.dtype is FLOAT64 else result.astype(self.dtype)

    def log_shares(self, z: Array) -> Array | None:
        """The logarithm of exp(z) / sum exp(z); None when they are out of range.

        log s_i = -log(1 + (sum of the other exponentials) / exp z_i), which cancels nowhere. For many narrow numbers
        z - log sum exp(z) is sooner done in double precision, and only what is near zero is taken from the other form.
        """
        if z.size <= WIDE_ENTRIES or self.dtype is FLOAT64:
            e = exp64(z)
            l = log_of_shares(e, self.others64)
            if not in_range(e, l):
                return None
            return l if self.dtype is FLOAT64 else l.astype(self.dtype)
        l64 = z.astype(FLOAT64)
        e = np.exp(l64)
        total = e.dot(self.one64)
        least, most = extremes(total)
        if not (most < math.inf and least > TINY_SUM):
            return None
        l64 -= np.log(total).repeat(self.size).reshape(z.shape)
        l = l64.astype(self.dtype)
        edge = -(2.0**-22) * max(1.0, abs(math.log(most)), abs(math.log(least)))
        if not l.item(l.argmax()) < edge:
            near = np.flatnonzero(l >= edge)
            part, own = e.reshape(-1, self.size)[near // self.size], (np.arange(len(near)), near % self.size)
            largest = part[own]
            part[own] = 0
            l.put(near, -np.log1p(part.dot(self.one64) / largest))
        return l


class OneRow(ShortRows):
    """The same for a single row, whose numbers are Python's: each call of NumPy costs more than the arithmetic."""

    __slots__ = ()

    def sums(self, z: Array, e: Array, total: Array, entry: float = -1.0) -> tuple[Array, float] | None:
        most = total.item(0)
        if self.least_share * most < e.item(0) < self.most_share * most and (found := self.narrow(z, e)):
            return found
        if 0.5 <= most < math.inf or (most < 0.5 and z.item(z.argmin()) > self.low):
            return total, 0.0
        return None

    def softmax(self, z: Array, factor: float = 1, exact: bool = False) -> Array | None:
        e = exp(z)
        total = e.dot(self.ones)
        most = total.item(0)
        if factor != 1 or not 0.5 <= most < INF or self.least_share < e.item(0) / most < self.most_share:
            return ShortRows.softmax(self, z, factor, exact)
        return divide(e, total, e)

    def thin(self, total: Array) -> Any:
        return total.item(0)

    def log(self, total: Array, shift: float) -> Any:
        return math.log(total.item(0)) + shift

    def set_at(self, x: Array, places: Any, values: Any) -> None:
        x.reshape(-1)[places] = values

    def places(self, labels: Any) -> Any:
        if type(labels) is np.ndarray and labels.dtype is INTP and labels.shape == self.lead:
            place = labels.item()
            return place if 0 <= place < self.size else None
        return None

    def at(self, x: Array, places: Any) -> Any:
        return x.item(places)

    def sum_of(self, x: Any) -> Any:
        return x if type(x) is float else x.item()

    def result(self, x: Any) -> Any:
        if not self.lead:
            return self.number(x)
        result = np.empty(self.lead, self.dtype)
        result[...] = x
        return result

    def log_sums(self, z: Array) -> Any:
        total = exp64(z).dot(self.one64).item()
        if not TINY_SUM < total < math.inf:
            return None
        result = math.log(total)
        near = NEAR_ZERO[self.dtype.itemsize]
        return result if abs(result) >= near else careful(z, np.asarray(result), near)

    def log_shares(self, z: Array) -> Array | None:
        e = exp64(z)
        l = log_of_shares(e, self.others64)
        if not (e.item(0) > 1e-20 and l.item(l.argmin()) > -600) and not in_range(e, l):  # the first is the lesser work
            return None
        return l if self.dtype is FLOAT64 else l.astype(self.dtype)


INF = math.inf
TINY_SUM = 1e-280
NEAR_ZERO = {4: 2.0**-20, 8: 0.5}  # by size of type: logarithms of sums that are nearer to zero have lost digits


def exp64(z: Array) -> Array:
    """exp(z) in double precision."""
    if z.dtype is FLOAT64 or z.size > WIDE_ENTRIES:
        return np.exp(z, dtype=FLOAT64)
    e = z.astype(FLOAT64)
    return np.exp(e, e)


def log_of_shares(e: Array, others: Array) -> Array:
    """-log(1 + (sum of the other exponentials) / e)."""
    half = len(others) // 2 if len(others) > LONG_SUM else 0
    l = e.dot(others) if not half else e[..., :half].dot(others[:half])
    if half:
        l += e[..., half:].dot(others[half:])
    l /= e
    np.log1p(l, l)
    np.negative(l, l)
    return l


def in_range(e: Array, logs: Array) -> bool:
    """True when no exponential has lost digits, and no sum of them was infinite."""
    return e.item(e.argmin()) > TINY_SUM and logs.item(logs.argmin()) > -math.inf


def careful(z: Array, result: Array, near: float) -> Any:
    """``result`` = log sum exp(z), with the entries near zero computed from longer numbers."""
    flat = result.reshape(-1)
    at = np.flatnonzero(np.abs(flat) < near)
    if at.size:
        e = np.exp(z.reshape(-1, z.shape[-1])[at].astype(np.longdouble))
        flat[at] = np.log(in_pairs(e.T))
    return result if result.ndim else result.item()


def short_rows(z: Any) -> ShortRows | None:
    """What is kept for arrays like ``z``, if its rows are short and it is not too large."""
    if type(z) is not ndarray:
        return None
    dtype = z.dtype
    known = SHAPES32 if dtype is FLOAT32 else SHAPES64 if dtype is FLOAT64 else NO_SHAPES
    return known.get(z.shape) or new_shape(z.shape, dtype, known)


def new_shape(shape: tuple[int, ...], dtype: Any, known: dict[Any, ShortRows]) -> ShortRows | None:
    if known is NO_SHAPES or not shape or not 0 < shape[-1] <= SHORT or not 0 < math.prod(shape) <= SHORT_ENTRIES:
        return None
    if len(known) >= KEPT:
        known.clear()
    made = known[shape] = (OneRow if math.prod(shape[:-1]) == 1 else ShortRows)(shape, dtype)
    return made


QUIET = quiet_context()
