"""Arguments checked by name and shape, results placed."""

from __future__ import annotations

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
