r"""Losses that a note knows by their gradients alone: "let ``\mathcal{L}`` be a scalar loss", "the gradient
``\frac{\partial L}{\partial y}`` from above".

Such a name stands nowhere but under derivatives. It is an unknown smooth function of what the note differentiates it
by, of the latest of these where one is made of another. Where no words say that it is any loss, it may be one whose
formula stands elsewhere: then only relations between its gradients are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import walk
from derive.notes.meaning.scope import Entity, Kind, reached
from derive.notes.meaning.shapes import ReadProblem

if TYPE_CHECKING:
    from derive.notes.inventory import Inventory

_KIND = r"(?:scalar|real|valued|differentiable|smooth|arbitrary|generic|final|downstream|overall|-)"
_LOSS = r"(?:loss|objective|cost|training loss|loss function|cost function|objective function)"
SAID_BEHIND = re.compile(
    rf"^\W*(?:be|is|denotes?)\s+(?:(?:some|any)\s+(?:{_KIND}\s*)*|an?\s+(?:{_KIND}\s*)+){_LOSS}\b(?!\s+(?:of|in|on)\b)",
    re.I,
)
SAID_BEFORE = re.compile(
    rf"\b(?:(?:some|any|arbitrary|downstream)\s+(?:{_KIND}\s*)*|an?\s+(?:{_KIND}\s*)+){_LOSS}\s*$", re.I
)


def known_by_gradient(chains: Iterable[s.Chain]) -> frozenset[str]:
    """Names that stand under derivatives and nowhere else, at least once on a right side."""
    bodies: dict[str, None] = {}
    elsewhere: set[str] = set()
    used: set[str] = set()
    for chain in chains:
        if len(chain.links) < 2 or chain.links[1].sign in (r"\in", ":"):
            elsewhere |= _declared(chain)
            continue
        for k, link in enumerate(chain.links):
            found, others = _occurrences(link.side)
            bodies |= found
            elsewhere |= others
            used |= found.keys() if k else set()
    return frozenset(name for name in bodies if name in used and name not in elsewhere)


def _declared(chain: s.Chain) -> set[str]:
    """Names that a declaration introduces; the shape of a derivative says nothing of the name under it."""
    if len(chain.links) < 2 or chain.links[0].side is None:
        return set()
    names = {n.text for n in walk(chain.links[0].side) if isinstance(n, s.Name)}
    return names - _occurrences(chain.links[0].side)[0].keys()


def _occurrences(side: s.Node | None) -> tuple[dict[str, None], set[str]]:
    """Names that are differentiated here, and those that stand otherwise."""
    bodies: dict[str, None] = {}
    inside: set[int] = set()
    nodes = list(walk(side)) if side is not None else []
    for node in nodes:
        if isinstance(node, s.Partial | s.Nabla) and node.variables and isinstance(node.body, s.Name):
            bodies[node.body.text] = None
            inside.add(id(node.body))
    return bodies, {n.text for n in nodes if isinstance(n, s.Name) and id(n) not in inside}


def said_to_be_any(before: str, behind: str) -> bool:
    """Whether prose around a name calls it some loss or other."""
    return SAID_BEHIND.match(behind) is not None or SAID_BEFORE.search(before) is not None


def loss(name: str, known: bool) -> Entity:
    """An unknown loss; ``known`` if words say that it is any."""
    return Entity(name, Kind.TENSOR, axes=(), declared=True, depends=("?",), implied=not known)


def fix_dependence(inventory: Inventory, entity: Entity) -> None:
    """The names that an unknown loss depends on: those that no other of them is made of."""
    entity.depends = latest(inventory, [n for n in inventory.arguments_of(entity.name) if n != entity.name])
    for name in entity.depends:
        known = [e for _, e in inventory.introduced.get(name, ()) if e.kind in (Kind.TENSOR, Kind.MAP)]
        entity.uses += known
        if not known:
            entity.problem = f"{entity.name} is not introduced: what its derivative is cannot be known"


def latest(inventory: Inventory, names: list[str]) -> tuple[str, ...]:
    """Those of some names that no other of them is made of."""
    return tuple(n for n in names if not any(leads_to(inventory, n, m) for m in names if m != n))


def leads_to(inventory: Inventory, name: str, later: str) -> bool:
    """Whether what one name stands for is defined through another: the loss knows that one through it."""
    queue = [e for _, e in inventory.introduced.get(later, ())]
    seen: set[int] = set()
    while queue:
        entity = queue.pop()
        if id(entity) in seen:
            continue
        seen.add(id(entity))
        if any(e.name == name for e in entity.uses):
            return True
        queue += entity.uses
    return False


def same_on_both_sides(left: Iterable[Entity], right: Iterable[Entity]) -> None:
    """Gradients of a loss of which nothing is said may be related to each other, and to nothing else."""
    one, other = reached(left), reached(right)
    for key in one.keys() ^ other.keys():
        entity = (one | other)[key]
        if entity.implied:
            raise ReadProblem(f"{entity.name} is not introduced: what its derivative is cannot be known")
