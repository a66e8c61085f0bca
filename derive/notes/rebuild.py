"""Trees with some of their nodes changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from derive.notes.grammar import syntax as s


def rebuilt(node: Any, change: Callable[[Any], Any]) -> Any:
    """``change`` at every node, from the leaves up."""
    if isinstance(node, tuple):
        new = tuple(rebuilt(n, change) for n in node)
        return new if any(a is not b for a, b in zip(new, node, strict=True)) else node
    if not isinstance(node, s.Node | s.Binder):
        return node
    changed = {}
    for f in fields(node):
        old = getattr(node, f.name)
        if isinstance(old, s.Node | s.Binder | tuple):
            new = rebuilt(old, change)
            if new is not old:
                changed[f.name] = new
    return change(replace(node, **changed) if changed else node)
