"""What a note has derived before: its earlier chains, to be used instead of deriving the same again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from derive.calculus.setting import Setting
from derive.steps.context import Known
from derive.steps.core import Expr, divide, free, mul, name_of, positions, power
from derive.steps.differentiation import has_derivative


@dataclass(frozen=True)
class Chain:
    """A chain of equations: its first side, its last, the settings of its links, and how to refer to it."""

    left: Expr
    right: Expr
    settings: tuple[Setting, ...]
    label: str


def known_from(chains: Iterable[Chain], setting: Setting) -> tuple[Known, ...]:
    """The derivatives that earlier chains give in closed form, where all that they rest on is in force here, too."""
    found = []
    for chain in chains:
        nodes = [e for e in positions(chain.left) if isinstance(e, sp.Derivative)]
        if len(nodes) != 1 or not all(rests_on(there, setting) for there in chain.settings):
            continue
        (node,) = nodes
        scale = mul(chain.left, power(node, sp.S.NegativeOne))
        if not scale.is_number or name_of(node.args[0]) is None or has_derivative(chain.right):
            continue
        holes = frozenset(s for s in free(node) if s in chain.settings[0].axes)
        found.append(Known(node, divide(chain.right, scale), holes, chain.label))
    return tuple(found)


def rests_on(there: Setting, here: Setting) -> bool:
    """Whether what holds there holds here, for any values of its indices."""
    return (
        all(here.definitions.get(name) == definition for name, definition in there.definitions.items())
        and all(a in here.assumptions and not a.fixed for a in there.assumptions)
        and all(here.shapes.get(name, axes) == axes for name, axes in there.shapes.items())
    )
