"""Exponentials of a block of rows, their sums and logarithms, and what their data teaches.

Inside a block an array stands as (axes, rows). For long rows these are transposed views of the memory of the caller,
for short ones transposed copies, so that the inner loops run along the rows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from derive.kernels.runtime.arguments import Array
from derive.kernels.runtime.tables import ones_of, remembered, row_starts

SHORT = 16  # rows of at most so many entries are copied
FEW = 1 << 12  # so many entries may be computed in the widest type
PIECE = 512  # entries of a long row that are summed by one dot product
SAMPLE = 512  # entries of a row that are looked at
LOOKS = 8  # data is looked at again after so many blocks
SPREAD = 8.0  # logits that differ by more: their exponentials are less exact than a quotient or a sum
LOWEST = -700.0  # below it np.exp of float64 leaves the vector unit on some machines
HIGHEST = {4: 88.0, 8: 709.0}  # by size of type: exp of more is infinite
NARROW = 0.25  # logits that differ by less: their exponentials are most exact just below 1
REACH = {4: 104.0, 8: 746.0}  # exp of a number that is so far below zero is zero
SPARSE = 8  # one entry of so many, or less, is not zero: they are computed apart


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

    __slots__ = ("blocks", "buffers", "deep", "dtype", "few", "finite", "low", "others", "rest", "rough", "sizes",
                 "sparse", "speculate", "total")

    def __init__(self, sizes: dict[str, int], dtype: Any) -> None:
        self.speculate, self.finite = True, True
        self.low, self.deep, self.sparse, self.rough = False, False, False, False
        self.few: tuple[Array, Array] | None = None
        self.rest: Any = None
        self.total: Any = None
        self.blocks = 0
        self.sizes, self.dtype = sizes, dtype
        self.buffers: dict[Any, Array] = {}
        self.others: dict[int, Work] = {}

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

    def other(self, key: int) -> Work:
        """The same for the exponentials of another array."""
        if key not in self.others:
            self.others[key] = Work(self.sizes, self.dtype)
        return self.others[key]

    def like(self, key: Any, x: Array, dtype: Any = None) -> Array:
        """A buffer of the shape, type (or ``dtype``) and order of ``x``; a key gets the same one again."""
        kind = key, x.shape, x.strides
        found = self.buffers.get(kind)
        if found is None:
            found = self.buffers[kind] = np.empty_like(x, dtype)
        return found


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


def in_pairs(x: Array) -> Array:
    """The sum over the first axis, halved again and again; never a view of it."""
    if len(x) == 1:
        return x[0].copy()
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
    """e = exp(x); float64 data with entries far below are clipped first, which keeps np.exp in the vector unit.

    np.exp2 of float32 is faster on some machines, but the rounding of x / log 2 loses more digits than peers lose.
    """
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
    edge = top - x.dtype.type(REACH[x.itemsize])
    few = np.flatnonzero(np.greater_equal(rows, edge[:, None], out=work.like("few", x, np.bool_).T))
    if few.size * 4 > x.size:
        return None
    firsts = row_starts(len(rows), len(x))
    starts = few.searchsorted(firsts)
    counts = few.searchsorted(firsts + len(x)) - starts
    if not counts.all():
        return None
    values = rows.reshape(-1).take(few)
    values -= top.repeat(counts)
    values = np.exp(values, dtype=np.result_type(x.dtype, np.float64))
    wider = values if x.itemsize < 8 else values.astype(np.longdouble)
    total = np.add.reduceat(wider, starts).astype(values.dtype)
    if not np.isfinite(total).all():
        return None
    work.few = few, values / total.repeat(counts)
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
    work.look(x)
    long = x.T.flags.c_contiguous and out.T.flags.c_contiguous and len(x) > SHORT
    if long and work.speculate and not work.sparse and log_normalised_at_once(x, out, work):
        return
    e = work.like("exp", out)
    top = column_top(x)
    np.subtract(x, top, out=out)
    exp_into(out, e, work.deep)
    np.subtract(out, log_total(e, column_sums(e), x, top), out=out)


def log_normalised_at_once(x: Array, out: Array, work: Work) -> bool:
    """The same from exp(x) as it is; False where that is out of range. The exponentials stand in ``out`` meanwhile:
    writing to it is slow at first, and is hidden by their computation.

    With p = exp(largest) and the sum r of the others, log(p + r) = largest + log1p(r / p). It is subtracted in two
    parts, so that nothing is lost where it nearly cancels.
    """
    exp_into(x, out, work.low)
    rows, flat = x.T, out.T.reshape(-1)
    at = rows.argmax(axis=1)
    at += row_starts(len(rows), len(x))
    largest = rows.reshape(-1).take(at).astype(np.result_type(x.dtype, np.float64), copy=False)
    peak = np.exp(largest)
    flat[at] = 0
    rest = column_sums(out, work.rough and x.itemsize < 8)
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
