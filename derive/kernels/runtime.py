"""What generated kernels share: arguments checked by name and shape, results placed, exponentials kept in range.

This module needs NumPy and nothing else. A module written by ``derive kernels -o`` carries its text.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import pairwise
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FLOAT32, FLOAT64, INTP = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.intp)


class Prepared:
    """Arguments as arrays of one floating type, the sizes of their axes, the type of the result, the leading shape."""

    __slots__ = ("arrays", "dtype", "lead", "result", "sizes")

    def __init__(self, arrays: list[Array], sizes: dict[str, int], dtype: Any, result: Any,
                 lead: tuple[int, ...]) -> None:
        self.arrays, self.sizes, self.dtype, self.result, self.lead = arrays, sizes, dtype, result, lead


def as_array(function: str, name: str, value: Any) -> Array:
    """``value`` as a plain array, or an error that names it."""
    if type(value) is np.ndarray:
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{function}: {name} is a masked array; fill it first, with -inf for a masked logit")
    if isinstance(value, np.matrix):
        raise TypeError(f"{function}: {name} is a numpy.matrix; pass numpy.asarray({name})")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise TypeError(f"{function}: {name} is not an array of numbers: {error}") from None


def float_type(function: str, names: tuple[str, ...], arrays: list[Array]) -> tuple[Any, Any]:
    """The type to compute in and the type of the result: float32 and wider are kept, float16 is widened to compute."""
    first = arrays[0].dtype if arrays else FLOAT64
    if (first is FLOAT64 or first is FLOAT32) and all(a.dtype is first for a in arrays):
        return first, first
    for name, array in zip(names, arrays, strict=True):
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{function}: {name} has dtype {array.dtype}, expected real numbers")
    kinds = [a.dtype for a in arrays if a.dtype.kind == "f"]
    found = np.result_type(*kinds) if kinds else np.dtype(np.float64)
    found = found.newbyteorder("=")
    return (np.dtype(np.float32) if found == np.float16 else found), found


def prepare(function: str, *arguments: tuple[Any, ...], axis: int = -1) -> Prepared:
    """Check ``(name, value, axes)`` and ``(name, value, axes, size)`` for labels below ``size``.

    The axis ``axis`` of an argument of one axis is moved to the end.
    """
    real = [(k, a) for k, a in enumerate(arguments) if len(a) == 3]
    given = [as_array(function, a[0], a[1]) for a in arguments]
    if axis != -1:
        given = [to_end(function, a[0], x, axis) if a[2] else x for a, x in zip(arguments, given, strict=True)]
    dtype, result = float_type(function, tuple(a[0] for _, a in real), [given[k] for k, _ in real])
    sizes: dict[str, int] = {}
    owner: dict[str, str] = {}
    for argument, array in zip(arguments, given, strict=True):
        measured(function, argument[0], array, argument[2], sizes, owner)
    for k, argument in enumerate(arguments):
        if len(argument) == 3:
            if given[k].dtype is not dtype:
                given[k] = given[k].astype(dtype)
        else:
            given[k] = as_labels(function, argument[0], given[k], sizes[argument[3]])
    lead = leading_shape(function, arguments, given)
    return Prepared(given, sizes, dtype, result, lead)


def to_end(function: str, name: str, array: Array, axis: int) -> Array:
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"{function}: axis {axis} is out of range for {name} of shape {array.shape}")
    return np.moveaxis(array, axis, -1)


def measured(function: str, name: str, array: Array, axes: tuple[str, ...], sizes: dict[str, int],
            owner: dict[str, str]) -> None:
    """Match the last axes of ``array`` with ``axes``: a name takes or must equal its size."""
    expected = f"(..., {', '.join(axes)})" if axes else "(...)"
    if array.ndim < len(axes):
        raise ValueError(f"{function}: {name} has shape {array.shape}, expected {expected}")
    for size, actual in zip(axes, array.shape[array.ndim - len(axes):], strict=True):
        if size.isidentifier() and size not in sizes:
            sizes[size], owner[size] = actual, name
        wanted = sizes[size] if size.isidentifier() else size_of(size, sizes)
        if wanted is not None and wanted != actual:
            known = f" with {size} = {wanted}" + (f" as in {owner[size]}" if size in owner else "")
            raise ValueError(f"{function}: {name} has shape {array.shape}, expected {expected}{known}")


def size_of(text: str, sizes: dict[str, int]) -> int | None:
    """The value of a sum of integers and known sizes such as ``N + 1``; None when one is not known yet."""
    total = 0
    for term in text.replace("-", "+-").split("+"):
        value = 1
        for factor in term.split("*"):
            factor = factor.strip()
            sign = -1 if factor.startswith("-") else 1
            factor = factor.lstrip("- ")
            number = int(factor) if factor.isdigit() else sizes.get(factor)
            if number is None:
                return None
            value *= sign * number
        total += value
    return total


def as_labels(function: str, name: str, array: Array, size: int) -> Array:
    """Integer labels from 0 to ``size - 1``."""
    if array.dtype.kind not in "iu":
        raise TypeError(f"{function}: {name} has dtype {array.dtype}, expected integer labels")
    if array.size and (array.item(array.argmin()) < 0 or array.item(array.argmax()) >= size):
        bad = array[(array < 0) | (array >= size)].flat[0]
        raise ValueError(f"{function}: {name} holds the label {bad}, expected 0 to {size - 1}")
    return array if array.dtype is INTP else array.astype(INTP)


def leading_shape(function: str, arguments: tuple[tuple[Any, ...], ...], arrays: list[Array]) -> tuple[int, ...]:
    """The common shape of the leading axes, or an error that names the arguments."""
    leading: list[tuple[int, ...]] = [
        x.shape[: x.ndim - len(argument[2])] for argument, x in zip(arguments, arrays, strict=True)
    ]
    if leading.count(leading[0]) == len(leading):
        return leading[0]
    try:
        return tuple(np.broadcast_shapes(*leading))
    except ValueError:
        shapes = ", ".join(f"{a[0]} {x.shape}" for a, x in zip(arguments, arrays, strict=True))
        raise ValueError(f"{function}: the leading axes of {shapes} do not broadcast") from None


def placed(function: str, value: Any, out: Array | None, dtype: Any, axis: int = -1) -> Any:
    """``value`` as the result: in ``out`` if there is one, else as an array or a scalar of type ``dtype``."""
    if value is out:
        return out
    value = np.asarray(value)
    if axis != -1:
        value = np.moveaxis(value, -1, axis)
    if out is None:
        if value.dtype is not dtype:
            value = value.astype(dtype)
        return value if value.ndim else value[()]
    check_out(function, out, value.shape, dtype)
    np.copyto(out, value, casting="same_kind")
    return out


def check_out(function: str, out: Any, shape: tuple[int, ...], dtype: Any) -> None:
    """``out`` must be a writeable array of the shape of the result that can hold its type."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{function}: out is {type(out).__name__}, expected an array")
    if out.shape != shape:
        raise ValueError(f"{function}: out has shape {out.shape}, expected {shape}")
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise TypeError(f"{function}: out has dtype {out.dtype}, expected {dtype}")
    if not out.flags.writeable:
        raise ValueError(f"{function}: out is read-only")


# ----- along an axis -----


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
    """1 / (1 + exp(-x)), with the exponential of a number that is not positive."""
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1, e) / (1 + e))


def stable_softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


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
    (-2.24409524465858183362e01, 4.74528541206955367215e02, 2.55305040343316442583e03, 3.19985821950859553908e03,
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
    size = np.abs(x)
    result = np.where(size < 6, np.nan, np.where(np.isnan(x), x, 1.0))
    for low, high, part in (
        (0.0, 0.84375, lambda a: a + a * quotient(ERF_SMALL, a * a)),
        (0.84375, 1.25, lambda a: ERF_ONE + quotient(ERF_MIDDLE, a - 1)),
        (1.25, 1 / 0.35, lambda a: 1 - erf_tail(ERF_LARGE, a)),
        (1 / 0.35, 6.0, lambda a: 1 - erf_tail(ERF_HUGE, a)),
    ):
        where = (size >= low) & (size < high)
        if where.any():
            result[where] = part(size[where])
    return np.asarray(np.copysign(result, x), given.dtype if given.dtype.kind == "f" else np.float64)


def erf_tail(coefficients: tuple[tuple[float, ...], tuple[float, ...]], a: Array) -> Array:
    """1 - erf(a): exp(-a^2) with the square of the leading half of a, which is exact, and the rest apart."""
    lead = np.asarray(a, np.float32).astype(np.float64)
    part = quotient(coefficients, 1 / (a * a))
    return np.asarray(np.exp(-lead * lead - 0.5625) * np.exp((lead - a) * (lead + a) + part) / a)


def picked(source: Array, where: Array) -> Array:
    """``source`` at the labels ``where`` along its last axis; the other axes broadcast."""
    return np.take_along_axis(source, np.asarray(where)[..., None], -1)[..., 0]


def add_at(target: Array, where: Array, value: Any, axis: int) -> None:
    """Add ``value`` at the labels ``where`` along ``axis``; both have that axis with size 1, or are numbers."""
    shape = [1 if k == axis % target.ndim else n for k, n in enumerate(target.shape)]
    index = np.broadcast_to(where, shape)
    entries = np.take_along_axis(target, index, axis)
    entries += np.asarray(value, target.dtype)
    np.put_along_axis(target, index, entries, axis)


def joined(pieces: list[Array], axis: int) -> Array:
    """Pieces joined along ``axis``; they broadcast along the others."""
    rank = max(p.ndim for p in pieces)
    axis %= rank
    pieces = [p.reshape((1,) * (rank - p.ndim) + p.shape) for p in pieces]
    shape = np.broadcast_shapes(*((*p.shape[:axis], 1, *p.shape[axis + 1 :]) for p in pieces))
    full = [np.broadcast_to(p, (*shape[:axis], p.shape[axis], *shape[axis + 1 :])) for p in pieces]
    return np.concatenate(full, axis=axis)


# ----- functions computed a block of rows at a time -----
#
# Inside a block an array stands as (axes, rows). For long rows these are transposed views of the memory of the caller,
# for short ones transposed copies, so that the inner loops run along the rows.

def cache_bytes() -> int:
    """The size of the cache that a core has to itself, where the system tells; else a common one."""
    try:
        return max(os.sysconf("SC_LEVEL2_CACHE_SIZE"), 0) or 1 << 20
    except (AttributeError, ValueError, OSError):
        return 1 << 20


BLOCK_BYTES = min(max(cache_bytes() // 2, 1 << 18), 1 << 20)  # of the largest array: it is near between the passes
SHORT = 16  # rows of at most so many entries are copied
BUFFER = 512  # entries of NumPy's buffer, for rows from 256 to 8192 entries: a number a row is then not copied
THREAD_ENTRIES = 1 << 20  # less work than this is not worth a hand-over
FEW = 1 << 12  # so many entries may be computed in the widest type
PIECE = 512  # entries of a long row that are summed by one dot product
SAMPLE = 512  # entries of a row that are looked at
LOOKS = 8  # data is looked at again after so many blocks
SPREAD = 8.0  # logits that differ by more: their exponentials are less exact than a quotient or a sum
SMALL_REST = 0.05  # a sum besides the largest entry for which the rounding of differences shows
LOWEST = -700.0  # below it np.exp of float64 leaves the vector unit on some machines
HIGHEST = {4: 88.0, 8: 709.0}  # by size of type: exp of more is infinite
NARROW = 0.25  # logits that differ by less: their exponentials are most exact just below 1
REACH = {4: 104.0, 8: 746.0}  # exp of a number that is so far below zero is zero
SPARSE = 8  # one entry of so many, or less, is not zero: they are computed apart

_threads = 0


def set_threads(count: int) -> None:
    """How many threads large inputs may use; 0 for as many as the process may run on."""
    global _threads
    if count < 0:
        raise ValueError(f"set_threads: {count} is negative")
    _threads = count


def thread_count() -> int:
    """The number of threads in use for large inputs."""
    if _threads:
        return _threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Work:
    """What a run over rows has learnt about its data, and the buffers of a block, kept for the next one.

    speculate  the shift 0 is worth trying
    low, deep  some entries, or their differences from the largest, are far below zero
    sparse     most exponentials are zero
    rough      roundings of a sum and of a reciprocal would not show
    finite     no sum of the last block is infinite or nan
    few        places of the exponentials of the last block that are not zero, and they over their sums, when the others
               were left out
    rest       sums of the last block without the labelled entries, and ``total`` with them, in longer numbers
    """

    __slots__ = ("blocks", "buffers", "deep", "dtype", "few", "finite", "low", "rest", "rough", "sizes", "sparse",
                 "speculate", "total")

    def __init__(self, sizes: dict[str, int], dtype: Any) -> None:
        self.speculate, self.finite = True, True
        self.low, self.deep, self.sparse, self.rough = False, False, False, False
        self.few: tuple[Array, Array] | None = None
        self.rest: Any = None
        self.total: Any = None
        self.blocks = 0
        self.sizes, self.dtype = sizes, dtype
        self.buffers: dict[Any, Array] = {}

    def look(self, x: Array) -> None:
        """Every few blocks, some entries of some rows are looked at."""
        self.blocks += 1
        if self.blocks % LOOKS != 1 or not x.size:
            return
        part = x[:: max(1, len(x) // SAMPLE), :: max(1, x.shape[1] // 2)]
        low, high = extremes(part)
        width, reach = high - low, REACH.get(x.itemsize, math.inf)
        self.speculate = not (high > HIGHEST.get(x.itemsize, math.inf) or width < NARROW)
        self.low, self.deep = not low > LOWEST, not width < -LOWEST
        self.rough = len(x) > SHORT and width > SPREAD
        self.sparse = width > reach and int(np.count_nonzero(part > high - reach)) * SPARSE <= part.size

    def like(self, key: Any, x: Array) -> Array:
        """A buffer of the shape, type and order of ``x``; a key gets the same one again."""
        found = self.buffers.get(key)
        if found is None or found.shape != x.shape or found.strides != x.strides:
            found = self.buffers[key] = np.empty_like(x)
        return found


class Kernel:
    """A function of rows.

    arguments  (name, axes, place of the row axis or None[, size that labels are below])
    results    (axes, place of the row axis), or (axes, None) for what ``after`` makes of the sums
    rows       the size that is the row axis; None when the rows are the batch
    block      fills the results of a block and returns its sums over rows
    """

    def __init__(self, name: str, rows: str | None, arguments: tuple[tuple[Any, ...], ...],
                 results: tuple[tuple[tuple[str, ...], int | None], ...], block: Any, after: Any = None) -> None:
        self.name, self.rows, self.arguments, self.results = name, rows, arguments, results
        self.block, self.after = block, after

    def __call__(self, values: tuple[Any, ...], outs: tuple[Any, ...], axis: int = -1) -> tuple[Any, ...]:
        checked = [(a[0], v, a[1], *a[3:]) for a, v in zip(self.arguments, values, strict=True)]
        given = prepare(self.name, *checked, axis=axis)
        lead = given.lead
        if self.rows is None:
            results = self.over_batch(given, lead, outs, axis)
        elif lead:
            results = self.over_problems(given, lead)
        else:
            results = self.solve(given.arrays, given, tuple(self.usable(o, s, given) for o, s in
                                                            zip(outs, self.shapes(given), strict=True)))
        moved = [axis if len(r[0]) == 1 else -1 for r in self.results]
        return tuple(placed(self.name, r, o, given.result, m) for r, o, m in zip(results, outs, moved, strict=True))

    def shapes(self, given: Prepared) -> list[tuple[int, ...]]:
        found = []
        for axes, where in self.results:
            shape = [size_of(s, given.sizes) or 0 for s in axes]
            if where is not None and self.rows is not None:
                shape.insert(where, given.sizes[self.rows])
            found.append(tuple(shape))
        return found

    def usable(self, out: Any, shape: tuple[int, ...], given: Prepared) -> Array | None:
        """``out``, when the result can be computed in it: of the right type, in order, apart from the arguments."""
        if not isinstance(out, np.ndarray) or out.dtype is not given.dtype or out.shape != shape:
            return None
        if not out.flags.c_contiguous or not out.flags.writeable:
            return None
        return None if any(np.may_share_memory(out, a) for a in given.arrays) else out

    def over_batch(self, given: Prepared, lead: tuple[int, ...], outs: tuple[Any, ...], axis: int) -> list[Array]:
        count = math.prod(lead)
        flat = []
        for array, argument in zip(given.arrays, self.arguments, strict=True):
            own = array.shape[array.ndim - len(argument[1]):]
            full = array if array.shape == lead + own else np.broadcast_to(array, lead + own)
            flat.append(full.reshape(count, *own))
        shapes = self.shapes(given)
        ready = [self.usable(o, lead + s, given) if axis == -1 else None for o, s in zip(outs, shapes, strict=True)]
        buffers = tuple(b if b is None else b.reshape(count, *s) for b, s in zip(ready, shapes, strict=True))
        results = self.solve(flat, given, buffers, count)
        return [b if b is not None else r.reshape(lead + s) for b, r, s in zip(ready, results, shapes, strict=True)]

    def over_problems(self, given: Prepared, lead: tuple[int, ...]) -> list[Array]:
        """One problem for each entry of the leading axes."""
        full = [np.broadcast_to(x, lead + x.shape[x.ndim - len(a[1]):])
                for x, a in zip(given.arrays, self.arguments, strict=True)]
        results = [np.empty(lead + s, given.dtype) for s in self.shapes(given)]
        for at in np.ndindex(lead):
            for result, value in zip(results, self.solve([x[at] for x in full], given, (None,) * len(results)),
                                     strict=True):
                result[at] = value
        return results

    def solve(self, arrays: list[Array], given: Prepared, buffers: tuple[Array | None, ...],
              count: int | None = None) -> list[Array]:
        """The results of one problem; ``count`` rows, or as many as the row axis has."""
        places = [0 if self.rows is None else a[2] for a in self.arguments]
        rows = given.sizes[self.rows] if count is None and self.rows is not None else count or 0
        views = [x if p is None else rows_last(x, p) for x, p in zip(arrays, places, strict=True)]
        shapes = self.shapes(given) if self.rows is not None else [(rows, *s) for s in self.shapes(given)]
        places_out = [0 if self.rows is None else r[1] for r in self.results]
        results: list[Array] = []
        targets = []
        for shape, where, buffer in zip(shapes, places_out, buffers, strict=True):
            result = np.empty(shape, given.dtype) if buffer is None else buffer
            results.append(result)
            if where is not None:
                targets.append(rows_last(result, where))
        sums = self.over_rows(views, [p is not None for p in places], targets, rows, given)
        if self.after is not None:
            made = iter(self.after(Work(given.sizes, given.dtype), *sums, *arrays))
            results = [r if w is not None else next(made) for r, w in zip(results, places_out, strict=True)]
        return results

    def over_rows(self, views: list[Array], split: list[bool], targets: list[Array], rows: int,
                  given: Prepared) -> list[Any]:
        widths = [v[..., 0].size if rows else 0 for v, s in zip([*views, *targets], split + [True] * len(targets),
                                                                strict=True) if s]
        width = max([*widths, 1])
        step = max(1, min(rows or 1, BLOCK_BYTES // (width * given.dtype.itemsize)))
        copied = max([v.shape[0] for v, s in zip([*views, *targets], split + [True] * len(targets), strict=True)
                      if s and v.ndim > 1] or [0]) <= SHORT and rows > 1

        def run(start: int, stop: int) -> list[Any]:
            work = Work(given.sizes, given.dtype)
            total: list[Any] = []
            old = np.setbufsize(BUFFER) if 256 <= width < 8192 else 0
            try:
                with np.errstate(all="ignore"):
                    for a in range(start, max(stop, start + 1), step):
                        b = min(stop, a + step)
                        sums = self.one_block(work, views, split, targets, a, b, copied)
                        total = list(sums) if not total else [t + s for t, s in zip(total, sums, strict=True)]
            finally:
                if old:
                    np.setbufsize(old)
            return total

        if rows * width < THREAD_ENTRIES or thread_count() < 2 or rows < 2 * step:
            return run(0, rows)
        return in_threads(run, rows, step)

    def one_block(self, work: Work, views: list[Array], split: list[bool], targets: list[Array], a: int, b: int,
                  copied: bool) -> Any:
        blocks = [v[..., a:b] if s else v for v, s in zip(views, split, strict=True)]
        outs = [t[..., a:b] for t in targets]
        if not copied:
            return self.block(work, *blocks, *outs) or ()
        blocks = [np.ascontiguousarray(v) if s and v.ndim > 1 else v for v, s in zip(blocks, split, strict=True)]
        made = [np.empty(o.shape, o.dtype) if o.ndim > 1 else o for o in outs]
        sums = self.block(work, *blocks, *made) or ()
        for out, value in zip(outs, made, strict=True):
            if out is not value:
                out[...] = value
        return sums


def rows_last(x: Array, place: int) -> Array:
    """A view with the row axis at the end."""
    if x.ndim == 1:
        return x
    return x.T if x.ndim == 2 and place == 0 else np.moveaxis(x, place, -1)


def in_threads(run: Any, rows: int, step: int) -> list[Any]:
    """Run consecutive shares of the rows in threads; sums are added in the order of the rows."""
    count = min(thread_count(), rows // step)
    edges = [rows * k // count for k in range(count + 1)]
    with ThreadPoolExecutor(count - 1) as pool:
        others = [pool.submit(run, a, b) for a, b in pairwise(edges[1:])]
        parts = [run(edges[0], edges[1]), *(f.result() for f in others)]
    return [sum(values[1:], values[0]) for values in zip(*parts, strict=True)]


# ----- inside a block -----


def column_sums(x: Array, rough: bool = False) -> Array:
    """Sums down the first axis of (axis, rows), in pairs; if rough, as dot products: faster, less exact."""
    size, rows = x.shape[0], x.T
    if size <= SHORT:
        return in_pairs(x)
    if not rows.flags.c_contiguous:
        return np.asarray(np.add.reduce(x, axis=0))
    if not rough or x.itemsize > 8:
        return np.asarray(np.add.reduce(rows, axis=1))
    if size <= PIECE * 4:
        return row_dot(rows, ones_of(size, x.dtype))
    whole = size // PIECE
    shape, strides = (len(rows), whole, PIECE), (rows.strides[0], PIECE * x.itemsize, x.itemsize)
    pieces = np.ndarray(shape, x.dtype, rows, 0, strides)
    total = np.add.reduce(row_dot(pieces, ones_of(PIECE, x.dtype)), axis=1)
    if whole * PIECE < size:
        total += row_dot(rows[:, whole * PIECE :], ones_of(size - whole * PIECE, x.dtype))
    return np.asarray(total)


def ones_of(size: int, dtype: Any) -> Array:
    return remembered(("one", dtype, size), lambda: np.ones(size, dtype))


def in_pairs(x: Array) -> Array:
    """The sum over the first axis, halved again and again."""
    while len(x) > 1:
        half = len(x) // 2
        added = x[:half] + x[half : 2 * half]
        if len(x) % 2:
            added[0] += x[-1]
        x = added
    return x[0] if len(x) else np.zeros(x.shape[1:], x.dtype)


def row_dot(a: Array, b: Array) -> Array:
    """Dot products along the last axis."""
    return np.asarray(VECDOT(a, b)) if VECDOT else np.asarray(np.einsum("...i,...i->...", a, b))


VECDOT = getattr(np, "vecdot", None)


def inner_products(a: Array, b: Array) -> Array:
    """sum_k a_k b_k for each row."""
    if a.shape[0] < SHORT or a.T.strides[-1] != a.itemsize or b.T.strides[-1] != b.itemsize:
        return np.asarray(np.einsum("kr,kr->r", a, b))
    return row_dot(a.T, b.T)


def column_top(x: Array) -> Array:
    """The maximum of each row; 0 where it is infinite or there is none, so that x - top is never inf - inf."""
    if not x.shape[0]:
        return np.zeros(x.shape[1], x.dtype)
    rows = x.T
    if len(x) > SHORT and rows.flags.c_contiguous:
        at = rows.argmax(axis=1)
        at += row_starts(len(rows), len(x))
        top = rows.reshape(-1).take(at)
    else:
        top = np.maximum.reduce(x, axis=0)
    if not np.isfinite(top).all():
        top[np.isinf(top)] = 0
    return np.asarray(top)


def exp_into(x: Array, e: Array, low: bool) -> None:
    """e = exp(x); float64 data with entries far below are clipped first, which keeps np.exp in the vector unit."""
    if e.dtype.itemsize != 8 or not low:
        np.exp(x, out=e)
        return
    edge = np.less(x, LOWEST + 46)  # where exp is tiny, but not to be lost in the subtraction
    edge &= x > LOWEST - 46
    some = np.divmod(np.flatnonzero(edge.T), len(x))[::-1] if edge.any() else None
    tiny = np.exp(x[some]) if some is not None else None
    np.maximum(x, remembered(("lowest", len(x)), lambda: np.full((len(x), 1), LOWEST)), out=e)
    np.exp(e, out=e)
    np.subtract(e, EXP_LOWEST, out=e)  # exactly 0 where it was clipped; no other entry of this size is left as it is
    if some is not None:
        e[some] = tiny


EXP_LOWEST = float(np.exp(np.full(16, LOWEST))[0])


def extremes(x: Array) -> tuple[float, float]:
    """The least and the largest entry; nan if there is one."""
    return x.item(x.argmin()), x.item(x.argmax())


def exp_total(x: Array, e: Array, work: Work, labels: Array | None = None) -> tuple[Array, Any]:
    """e = exp(x - c), its sums and c, a number or one a row. Where few are not zero they are in ``work.few`` instead.
    With labels, the sums without the labelled entries are in ``work.rest``.

    What is made of them does not depend on c. So c = 0 is tried first: it saves two passes and a rounding. A sum of at
    least 1/2 loses no entry that would be a normal number after division. Rows out of range are computed once more
    with their maximum as c; when there are many, so are the blocks to come.
    """
    work.look(x)
    work.finite, work.few = True, None
    if work.speculate and not work.sparse:
        exp_into(x, e, work.low)
        total = summed(e, labels, work)
        if total.size:
            least, most = extremes(total)
            if least >= 0.5 and most < math.inf:
                return total, 0.0
            bad = np.flatnonzero(~((total >= 0.5) & (total < math.inf)))
            if bad.size * 4 <= total.size and labels is None:
                return total, shifted_rows(x, e, total, bad, work)
        work.speculate = False
    top = column_top(x)
    work.rough = False  # the difference has rounded already
    if work.sparse and labels is None and (sums := exp_few(x, top, e, work)) is not None:
        return sums, top
    np.subtract(x, top, out=e)
    exp_into(e, e, work.deep)
    total = summed(e, labels, work)
    work.finite = bool(np.isfinite(total).all())
    return total, top


def summed(e: Array, labels: Array | None, work: Work) -> Array:
    """The sums of the exponentials; with labels, also those of the other entries, and zeros at the labels."""
    if labels is None:
        return column_sums(e, work.rough)
    total = None if work.rough else column_sums(e)
    places = labels, np.arange(labels.size)
    entries = e[places]
    e[places] = 0
    work.rest = column_sums(e, work.rough)
    work.total = work.rest.astype(np.float64 if e.itemsize < 8 else np.longdouble) + entries
    return work.total.astype(e.dtype) if total is None else total


def shifted_rows(x: Array, e: Array, total: Array, bad: Array, work: Work) -> Array:
    """exp(x - c) and its sums for the rows ``bad``, with their maxima as c; c for every row."""
    part = x.T[bad].T
    top = column_top(part)
    np.subtract(part, top, out=part)
    exp_into(part, part, True)
    sums = column_sums(part)
    e.T[bad], total[bad] = part.T, sums
    work.finite = bool(np.isfinite(sums).all())
    shift = np.zeros(total.shape, total.dtype)
    shift[bad] = top
    return shift


def exp_few(x: Array, top: Array, e: Array, work: Work) -> Array | None:
    """The sums of exp(x - top) where few terms are not zero, which are kept apart; None when they are many, or a row
    has no sum."""
    rows = x.T
    if not rows.flags.c_contiguous or not e.T.flags.c_contiguous:
        return None
    few = np.flatnonzero(np.greater_equal(rows, (top - x.dtype.type(REACH[x.itemsize]))[:, None]))
    if few.size * 4 > x.size:
        return None
    at = few // len(x)
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    if len(starts) < len(rows):
        return None
    values = rows.reshape(-1).take(few)
    values -= top.take(at)
    values = np.exp(values, dtype=np.result_type(x.dtype, np.float64))
    total = np.add.reduceat(values, starts, dtype=np.longdouble).astype(values.dtype)
    if not np.isfinite(total).all():
        return None
    work.few = few, values / total.take(at)
    return total.astype(x.dtype, copy=False)


def normalise(e: Array, total: Array, work: Work, factor: Any = None, labels: Array | None = None,
              exact: bool = False) -> None:
    """e = factor * e / total, less ``factor`` at the labels; by the reciprocal where its rounding does not show.

    At a label the difference is that of the other entries, negative, over the sum: nothing cancels.
    """
    if not work.finite:  # a row with +inf has no softmax
        total = np.where(np.isinf(total), e.dtype.type(np.nan), total)
    if work.few is not None:
        e.fill(0)
        e.T.reshape(-1)[work.few[0]] = work.few[1] if factor is None else work.few[1] * factor
    elif work.rough and not exact:
        np.multiply(e, np.divide(1 if factor is None else factor, total), out=e)
    else:
        np.divide(e, total if factor is None else total / factor, out=e)
    if labels is not None:
        rest = work.rest / work.total
        e[labels, np.arange(labels.size)] = -rest if factor is None else -rest * factor


def less_shift(x: Array, shift: Any) -> Array:
    """x - shift."""
    return x if isinstance(shift, float) else np.asarray(x - shift)


def log_total(e: Array, total: Array, x: Array, top: Array) -> Array:
    """log of the sums of e = exp(x - top); where the largest is most of it, log1p of the sum of the rest."""
    logs = np.log(total)
    near = np.flatnonzero((total >= 1) & (total < 2))
    if near.size:
        logs[near] = np.log1p(rest_of(x.T[near], top[near]))
    return np.asarray(logs)


def rest_of(rows: Array, top: Array) -> Array:
    """sum exp(row - top) without the largest entry. What is rounded off in the difference is put back: it is all that
    counts when the rest is small."""
    most = top[:, None]
    off = rows - most
    back = off - rows
    lost = (rows - (off - back)) - (most + back)
    part = np.exp(off)
    part += np.multiply(part, lost, out=lost)
    part[np.arange(len(rows)), rows.argmax(axis=1)] = 0
    part[np.isnan(part)] = 0  # of masked entries
    return in_pairs(part.T) if part.shape[1] <= SHORT else np.asarray(np.add.reduce(part, axis=1))


def log_normalised(x: Array, out: Array, work: Work) -> None:
    """out = x - log sum exp(x): exact to a few units in the last place, also near zero."""
    e = work.like("exp", out)
    work.look(x)
    long = x.T.flags.c_contiguous and out.T.flags.c_contiguous and len(x) > SHORT
    if long and work.speculate and not work.sparse and log_normalised_at_once(x, out, e, work):
        return
    top = column_top(x)
    np.subtract(x, top, out=out)
    exp_into(out, e, work.deep)
    np.subtract(out, log_total(e, column_sums(e), x, top), out=out)


def log_normalised_at_once(x: Array, out: Array, e: Array, work: Work) -> bool:
    """The same from exp(x) as it is; False where that is out of range.

    With p = exp(largest) and the sum r of the others, log(p + r) = largest + log1p(r / p). It is subtracted in two
    parts, so that nothing is lost where it nearly cancels.
    """
    exp_into(x, e, work.low)
    rows, flat = x.T, e.T.reshape(-1)
    at = rows.argmax(axis=1)
    at += row_starts(len(rows), len(x))
    largest = rows.reshape(-1).take(at).astype(np.result_type(x.dtype, np.float64), copy=False)
    peak = np.exp(largest)
    flat[at] = 0
    rest = column_sums(e, work.rough and x.itemsize < 8)
    least, most = extremes(rest + peak)
    if not (least >= 0.5 and most < math.inf):
        work.speculate = False
        return False
    log = np.log1p(rest / peak)
    if x.itemsize == 8 and (small := np.flatnonzero(rest < peak)).size:
        log[small] = np.log1p(rest[small] / np.exp(largest[small].astype(np.longdouble)))
    first = (largest + log).astype(x.dtype)
    second = (largest - first) + log
    np.subtract(x, first, out=out)
    np.subtract(out, second.astype(x.dtype, copy=False), out=out)
    return True


def log_sum_exp_of(x: Array, total: Array, shift: Any) -> Array:
    """shift + log total; rows whose result is near zero, where that cancels, are computed once more with care."""
    result = np.log(total)
    result += shift
    again(x, result)
    return np.asarray(result)


def again(x: Array, result: Array) -> None:
    """Compute the entries of ``result = log sum exp(x)`` that are near zero with care."""
    near = np.flatnonzero(np.abs(result) < 1)
    if near.size:
        part = x.T[near].T
        if x.dtype.itemsize < 8:
            part = part.astype(np.float64)
        elif part.size <= FEW or near.size * 16 < result.size:
            part = part.astype(np.longdouble)
        top = column_top(part)
        e = np.exp(part - top)
        result[near] = top + log_total(e, np.add.reduce(e, axis=0), part, top)


def sum_over_rows(x: Array) -> Any:
    """The sum of numbers, one a row, in double precision or better."""
    return np.add.reduce(x, dtype=np.result_type(x.dtype, np.float64))


# ----- the straight way for short rows -----
#
# A few calls on arrays of one shape, with tables that are kept for it. They run in a context of their own, in which
# NumPy warns of nothing; they look at their sums, and give up when an exponential was out of range.

SHORT_ENTRIES = 1 << 17  # of an array; larger ones go by blocks
WIDE_ENTRIES = 1 << 13  # of float64; up to so many, and of float32 always, sums are made in every entry of a row
LOW_LIMITS = {4: -87.0, 8: -708.0}  # by size of type: exp of more is a normal number
LONG_SUM = 10  # sums of more terms are taken in two parts, which rounds less
SMALL_ENTRIES = 1 << 10  # up to so many, a product with a matrix is sooner done than one with a number
KEPT = 256  # shapes, and tables
KEPT_ENTRIES = 1 << 14  # of a table
TABLES: dict[Any, Array] = {}
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


def keep(tables: dict[float, Array], key: float, table: Array) -> Array:
    """The table, kept for the next call."""
    if len(tables) >= KEPT:
        tables.clear()
    tables[key] = table
    return table


def row_starts(count: int, size: int) -> Array:
    return remembered(("starts", count, size), lambda: np.arange(count) * size)


def remembered(key: Any, make: Any) -> Array:
    """A table, kept for the next call if it is small."""
    table = TABLES.get(key)
    if table is None:
        table = make()
        table.flags.writeable = False
        if table.size <= KEPT_ENTRIES:
            if len(TABLES) >= KEPT:
                TABLES.clear()
            TABLES[key] = table
    return table


QUIET = quiet_context()
