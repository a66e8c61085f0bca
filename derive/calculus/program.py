"""Compiled expressions, and their values at a point: exact rationals where possible, else balls."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
from flint import arb, fmpq

from derive.calculus.frames import DEFAULT_BUDGET, NOTHING, Frame, Key, Machine, Node, Point
from derive.calculus.series import BudgetExceeded, MeaningError, Undefined, ball, real_part

RECURSION = 12_000


@contextmanager
def working_precision(bits: int) -> Iterator[None]:
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Closures nest as deep as expressions do; beyond that a clear error."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RECURSION))
    try:
        yield
    except RecursionError:
        raise BudgetExceeded("the expression is nested too deeply") from None
    finally:
        sys.setrecursionlimit(before)


@dataclass
class Meter:
    """Counts the operations of many runs."""

    spent: int = 0


@dataclass(frozen=True)
class Program:
    """Compiled expressions (or conditions); run at a point."""

    nodes: tuple[Node, ...]
    slots: int
    free: Mapping[str, int]

    def frame(self, point: Point, budget: int) -> Frame:
        values: dict[Key, Any] = {
            k: fmpq(v.numerator, v.denominator) if type(v) is Fraction else _number(v) for k, v in point.values.items()
        }
        for name, i in (*point.sizes.items(), *point.indices.items()):
            values[name, ()] = fmpq(i)
        return Frame(Machine(self.slots, point.functions, budget), values, None, NOTHING)

    def values(
        self, point: Point, precision: int = 64, budget: int = DEFAULT_BUDGET, meter: Meter | None = None
    ) -> list[Any]:
        """The values as exact rationals where possible, else as balls; truth values for conditions."""
        with working_precision(precision), deep_recursion():
            frame = self.frame(point, budget)
            try:
                return [real_part(n.run(frame)) for n in self.nodes]
            except (ZeroDivisionError, OverflowError, ValueError) as problem:
                raise Undefined(str(problem)) from None
            finally:
                if meter is not None:
                    meter.spent += 50 + budget - frame.machine.left

    def where_defined(self, point: Point, precision: int, budget: int, meter: Meter) -> list[Any]:
        """The values as `values` gives them; None for each that is not defined at the point, or costs too much."""
        out: list[Any] = []
        with working_precision(precision), deep_recursion():
            frame = self.frame(point, budget)
            for node in self.nodes:
                try:
                    out.append(real_part(node.run(frame)))
                except (Undefined, BudgetExceeded, ZeroDivisionError, OverflowError, ValueError):
                    out.append(None)
            meter.spent += 50 + budget - frame.machine.left
        return out

    def each(
        self,
        point: Point,
        wanted: Sequence[tuple[int, int]],
        precision: int = 64,
        budget: int = DEFAULT_BUDGET,
        meter: Meter | None = None,
    ) -> list[Any]:
        """The values of some of the expressions, each with the number of its `Choice`; None where one has none."""
        out: list[Any] = []
        with working_precision(precision), deep_recursion():
            frame = self.frame(point, budget)
            for k, chosen in wanted:
                for slot in self.nodes[k].slots:
                    frame.slots[slot] = chosen
                try:
                    out.append(real_part(self.nodes[k].run(frame)))
                except (MeaningError, ZeroDivisionError, OverflowError, ValueError):
                    frame.machine.bits = 0
                    out.append(None)
            if meter is not None:
                meter.spent += 50 + budget - frame.machine.left
        return out

    def run(self, point: Point, precision: int = 64, budget: int = DEFAULT_BUDGET) -> arb:
        """A ball that contains the value of the (first) expression."""
        value = self.values(point, precision, budget)[0]
        with working_precision(precision):
            return ball(value)

    def exact(self, point: Point, budget: int = DEFAULT_BUDGET) -> Fraction | None:
        """The value, if it is a rational number that was computed exactly."""
        value = self.values(point, 64, budget)[0]
        return Fraction(int(value.p), int(value.q)) if type(value) is fmpq else None


def _number(v: Any) -> Any:
    """A value to compute with: rationals as such, the rest as it is."""
    return fmpq(v.numerator, v.denominator) if isinstance(v, (Fraction, int)) else v
