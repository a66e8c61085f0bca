"""What generated kernels share: arguments checked by name and shape, results placed, sums of exponentials kept in range.

This module needs NumPy and nothing else. A module written by ``derive kernels -o`` carries its text.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Prepared:
    """Arguments as arrays of one floating type, the sizes of their axes, and the type of the result."""

    def __init__(self, arrays: list[Array], sizes: dict[str, int], dtype: Any, result: Any) -> None:
        self.arrays, self.sizes, self.dtype, self.result = arrays, sizes, dtype, result


def as_array(function: str, name: str, value: Any) -> Array:
    """``value`` as a plain array, or an error that names it."""
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
        measure(function, argument[0], array, argument[2], sizes, owner)
    for k, argument in enumerate(arguments):
        if len(argument) == 3:
            given[k] = given[k].astype(dtype, copy=False)
        else:
            given[k] = as_labels(function, argument[0], given[k], sizes[argument[3]])
    leading_shape(function, arguments, given)
    return Prepared(given, sizes, dtype, result)


def to_end(function: str, name: str, array: Array, axis: int) -> Array:
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"{function}: axis {axis} is out of range for {name} of shape {array.shape}")
    return np.moveaxis(array, axis, -1)


def measure(function: str, name: str, array: Array, axes: tuple[str, ...], sizes: dict[str, int],
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
    if array.size and (array.min() < 0 or array.max() >= size):
        bad = array[(array < 0) | (array >= size)].flat[0]
        raise ValueError(f"{function}: {name} holds the label {bad}, expected 0 to {size - 1}")
    return array.astype(np.intp, copy=False)


def leading_shape(function: str, arguments: tuple[tuple[Any, ...], ...], arrays: list[Array]) -> tuple[int, ...]:
    """The common shape of the leading axes, or an error that names the arguments."""
    leading = [a.shape[: a.ndim - len(argument[2])] for argument, a in zip(arguments, arrays, strict=True)]
    try:
        return np.broadcast_shapes(*leading)
    except ValueError:
        shapes = ", ".join(f"{a[0]} {x.shape}" for a, x in zip(arguments, arrays, strict=True))
        raise ValueError(f"{function}: the leading axes of {shapes} do not broadcast") from None


def place(function: str, value: Any, out: Array | None, dtype: Any, axis: int = -1) -> Any:
    """``value`` as the result: in ``out`` if there is one, else as an array or a scalar of type ``dtype``."""
    value = np.asarray(value)
    if axis != -1:
        value = np.moveaxis(value, -1, axis)
    if out is None:
        value = value.astype(dtype, copy=False)
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


def top(x: Array, axis: int) -> Array:
    """The maximum along ``axis``, kept as an axis; 0 where it is infinite, so that x - top(x) is never inf - inf."""
    if not x.shape[axis]:
        return np.zeros([1 if k == axis % x.ndim else n for k, n in enumerate(x.shape)], x.dtype)
    m = x.max(axis=axis, keepdims=True)
    return np.where(np.isinf(m), m.dtype.type(0), m)


def shifted_exp(x: Array, axis: int) -> tuple[Array, Array]:
    """exp(x - m) for the maximum m, and its sums."""
    e = np.subtract(x, top(x, axis))
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
    return (top(x, axis) + np.log(total)).squeeze(axis)


def log_normalised_exp(x: Array, axis: int) -> Array:
    """x - log sum exp(x) = (x - m) - log sum exp(x - m)."""
    return (x - top(x, axis)) - np.log(shifted_exp(x, axis)[1])


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), with the exponential of a number that is not positive."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def pick(source: Array, where: Array) -> Array:
    """``source`` at the labels ``where`` along its last axis; the other axes broadcast."""
    return np.take_along_axis(source, np.asarray(where)[..., None], -1)[..., 0]


def add_at(target: Array, where: Array, value: Any, axis: int) -> None:
    """Add ``value`` to ``target`` at the labels ``where`` along ``axis``; both have that axis with size 1, or are numbers."""
    shape = [1 if k == axis % target.ndim else n for k, n in enumerate(target.shape)]
    index = np.broadcast_to(where, shape)
    entries = np.take_along_axis(target, index, axis)
    entries += np.asarray(value, target.dtype)
    np.put_along_axis(target, index, entries, axis)


def join(pieces: list[Array], axis: int) -> Array:
    """Pieces joined along ``axis``; they broadcast along the others."""
    rank = max(p.ndim for p in pieces)
    axis %= rank
    pieces = [p.reshape((1,) * (rank - p.ndim) + p.shape) for p in pieces]
    shape = np.broadcast_shapes(*(p.shape[:axis] + (1,) + p.shape[axis + 1 :] for p in pieces))
    full = [np.broadcast_to(p, (*shape[:axis], p.shape[axis], *shape[axis + 1 :])) for p in pieces]
    return np.concatenate(full, axis=axis)
