"""What a note has derived before: its earlier chains, to be used instead of deriving the same again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from derive.calculus.setting import Assumption, Setting
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
    """The derivatives that earlier chains give in closed form,
    in force where what they rest on is; the latest first."""
    found = []
    for chain in chains:
        nodes = [e for e in positions(chain.left) if isinstance(e, sp.Derivative)]
        if len(nodes) != 1 or not all(rests_on(there, setting) for there in chain.settings):
            continue
        (node,) = nodes
        scale = mul(chain.left, power(node, sp.S.NegativeOne))
        name = name_of(node.args[0])
        if not scale.is_number or name is None or has_derivative(chain.right):
            continue
        if name == name_of(node.args[1][0]):
            continue  # the derivative of an entry has a rule of its own
        holes = frozenset(s for s in free(node) if s in chain.settings[0].axes)
        found.append(Known(node, divide(chain.right, scale), holes, chain.label))
    return tuple(reversed(found))


def rests_on(there: Setting, here: Setting) -> bool:
    """Whether what holds there holds here, for any values of its indices."""
    return (
        all(here.definitions.get(name) == definition for name, definition in there.definitions.items())
        and {said(a) for a in there.assumptions} <= {said(a) for a in here.assumptions}
        and not any(a.fixed for a in there.assumptions)
        and all(here.shapes.get(name, axes) == axes for name, axes in there.shapes.items())
    )


def said(assumption: Assumption) -> sp.Basic:
    """What is assumed, whatever its own indices are called."""
    nodes = sp.preorder_traversal(assumption.relation)
    indices = (s for s in nodes if isinstance(s, sp.Symbol) and s.is_integer and not s.is_positive)
    own = dict.fromkeys(s for s in indices if s not in assumption.fixed)
    return assumption.relation.xreplace({s: sp.Symbol(f"_{k}", integer=True) for k, s in enumerate(own)})
