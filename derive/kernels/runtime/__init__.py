"""What generated kernels share; it needs NumPy alone. A module that ``derive kernels`` writes carries all of it."""

from __future__ import annotations

from derive.kernels.runtime.arguments import Array, placed, prepare
from derive.kernels.runtime.blocks import Kernel, set_threads
from derive.kernels.runtime.exponentials import (
    Work,
    column_sums,
    exp_total,
    inner_products,
    less_shift,
    log_normalised,
    log_sum_exp_of,
    normalise,
    sum_over_rows,
)
from derive.kernels.runtime.functions import (
    add_at,
    chained,
    contracted,
    exp_far,
    joined,
    log_normalised_exp,
    log_sum_exp,
    normalised_exp,
    picked,
    sigmoid_by,
    stable_erf,
    stable_erfc,
    stable_sigmoid,
    stable_softplus,
)
from derive.kernels.runtime.short import QUIET, ShortRows, short_rows

__all__ = [
    "QUIET",
    "Array",
    "Kernel",
    "ShortRows",
    "Work",
    "add_at",
    "chained",
    "column_sums",
    "contracted",
    "exp_far",
    "exp_total",
    "inner_products",
    "joined",
    "less_shift",
    "log_normalised",
    "log_normalised_exp",
    "log_sum_exp",
    "log_sum_exp_of",
    "normalise",
    "normalised_exp",
    "picked",
    "placed",
    "prepare",
    "set_threads",
    "short_rows",
    "sigmoid_by",
    "stable_erf",
    "stable_erfc",
    "stable_sigmoid",
    "stable_softplus",
    "sum_over_rows",
]
