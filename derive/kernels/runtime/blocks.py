"""Functions computed a block of rows at a time, in threads where that pays."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from derive.kernels.runtime.arguments import Array, Prepared, placed, prepare, size_of
from derive.kernels.runtime.exponentials import SHORT, Work


def cache_bytes() -> int:
    """The size of the cache that a core has to itself, where the system tells; else a common one."""
    try:
        return max(os.sysconf("SC_LEVEL2_CACHE_SIZE"), 0) or 1 << 20
    except (AttributeError, ValueError, OSError):
        return 1 << 20


BLOCK_BYTES = min(max(cache_bytes() // 2, 1 << 18), 1 << 20)  # of the largest array: it is near between the passes
BUFFER = 512  # entries of NumPy's buffer, for rows from 256 to 8192 entries: a number a row is then not copied
THREAD_ENTRIES = 1 << 20  # less work than this is not worth a hand-over

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
