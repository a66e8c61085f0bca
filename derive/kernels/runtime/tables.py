"""Small tables that are kept for the next call."""

from __future__ import annotations

from typing import Any

import numpy as np

from derive.kernels.runtime.arguments import Array

KEPT = 256  # shapes, and tables
KEPT_ENTRIES = 1 << 14  # of a table
TABLES: dict[Any, Array] = {}


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


def keep(tables: dict[float, Array], key: float, table: Array) -> Array:
    """The table, kept for the next call."""
    if len(tables) >= KEPT:
        tables.clear()
    tables[key] = table
    return table


def ones_of(size: int, dtype: Any) -> Array:
    return remembered(("one", dtype, size), lambda: np.ones(size, dtype))


def row_starts(count: int, size: int) -> Array:
    return remembered(("starts", count, size), lambda: np.arange(count) * size)
