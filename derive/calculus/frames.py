"""A program while it runs: the numbers of a point, the variables in force, what has been worked out under them.

Bound indices are slots of an array, so that no capture can happen. A derivative opens a frame in which its variables
carry infinitesimals; what does not depend on these is looked up in the frame around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from flint import fmpq

from derive.calculus.series import BudgetExceeded, MeaningError, Undefined, real_part, rounded

Key = tuple[str, tuple[int, ...]]
Run = Callable[["Frame"], Any]

DEFAULT_BUDGET = 400_000


class Missing(MeaningError):
    """The point gives no value for a name that is needed."""

    def __init__(self, key: Key) -> None:
        super().__init__(f"no value for {key[0]}{list(key[1]) or ''}")
        self.key = key


@dataclass(frozen=True)
class Smooth:
    """A sample of an unknown smooth function: ``sum_a p_a(u_a) + cross * prod_a u_a``; coefficients from degree 0."""

    parts: tuple[tuple[Fraction, ...], ...]
    cross: Fraction = Fraction(0)


@dataclass
class Point:
    """Numbers for everything that is free: dimensions, indices (at the base of their axis), scalars and entries.

    ``values[name, ()]`` is a scalar, ``values[name, (1, 2)]`` an entry; labels are values too. The gradient of an
    unknown loss ``L`` with respect to ``Y[i, k]`` is the entry ``values['dL/dY', (i, k)]``.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    indices: dict[str, int] = field(default_factory=dict)
    values: dict[Key, Fraction] = field(default_factory=dict)
    functions: dict[str, Smooth] = field(default_factory=dict)


class Frame:
    """One state of the variables. A derivative opens a new one in which some names carry infinitesimals."""

    __slots__ = ("machine", "memo", "names", "parent", "slots", "values")

    def __init__(self, machine: Machine, values: dict[Key, Any], parent: Frame | None, names: frozenset[str]) -> None:
        self.machine = machine
        self.slots = machine.slots
        self.values = values
        self.memo: dict[Any, Any] = {}
        self.parent = parent
        self.names = names


class Machine:
    """What all frames of one run share: bound indices, arguments of functions, the budget."""

    __slots__ = ("arguments", "bits", "functions", "left", "slots", "version")

    def __init__(self, slots: int, functions: Mapping[str, Smooth], budget: int) -> None:
        self.slots = [0] * slots  # a bound index, or the version of an argument
        self.arguments: list[Any] = [None] * slots
        self.version = 0
        self.bits = 0
        self.left = budget
        self.functions = functions

    def spend(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise BudgetExceeded("too many operations")

    def bind(self, slot: int, value: Any) -> None:
        self.version += 1
        self.slots[slot] = self.version
        self.arguments[slot] = value


@dataclass(frozen=True)
class Node:
    """A compiled expression: how to run it, the free and defined names and the slots it depends on, its size."""

    run: Run
    names: frozenset[str] = frozenset()
    slots: frozenset[int] = frozenset()
    cost: int = 1


NOTHING: frozenset[Any] = frozenset()


def node_of(
    run: Run, parts: Sequence[Node], names: frozenset[str] = NOTHING, without: frozenset[int] = NOTHING
) -> Node:
    """A node that is run on the values of its parts; it depends on what they depend on, and on ``names``."""
    slots: frozenset[int] = NOTHING
    for p in parts:
        names = names | p.names
        slots = slots | p.slots
    return Node(run, names, slots - without, 1 + sum(p.cost for p in parts))


def remembered(node: Node, at: Any) -> Node:
    """The same node, run once for each state of what it depends on."""
    run, names, slots, cost = node.run, node.names, tuple(sorted(node.slots)), node.cost

    def recall(fr: Frame) -> Any:
        while fr.parent is not None and names.isdisjoint(fr.names):
            fr = fr.parent
        state = fr.slots
        key = (at, *[state[s] for s in slots])
        memo = fr.memo
        if key in memo:
            return memo[key]
        fr.machine.spend(cost)
        out = rounded(run(fr))
        memo[key] = out
        return out

    return Node(recall, names, node.slots, 2)


def to_int(x: Any) -> int:
    x = real_part(x)
    if type(x) is not fmpq or x.q != 1:
        raise Undefined("an index that is not an integer")
    return int(x.p)
