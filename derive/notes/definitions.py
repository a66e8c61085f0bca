"""Equations that introduce a name: whether one does, and what it defines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from derive.notes.declarations import unread
from derive.notes.document import Formula
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import dump, head_and_indices, is_number, letter, walk
from derive.notes.meaning.scope import Entity, Kind
from derive.notes.meaning.scope import Formula as Definition
from derive.notes.rebuild import rebuilt
from derive.notes.records import GivenRecord
from derive.notes.statements import DEFINES, Left, Mode, left_side

if TYPE_CHECKING:
    from derive.notes.collect import Collector


LOCAL_VALUES = frozenset({Mode.IF, Mode.FOR})  # of an index or a size, unless the name is new


def define(c: Collector, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
    left_node = chain.links[0].side
    left = left_side(left_node) if left_node is not None else None
    if left is not None and names_its_function(c, left, chain, mode):
        define(c, replace(chain, links=chain.links[1:]), formula, mode)
        return define(c, replace(chain, links=chain.links[:2]), formula, mode)
    if left is None and (squared(c, chain, formula, mode) or logged(c, chain, formula, mode)):
        return True
    if left is not None and is_named_argument(c, left, chain, mode):
        return True
    name = recurrent(c, chain) if mode is not Mode.DENY else None
    if name is not None:
        message = f"{name} is given through its own other values, and recurrences are not known here"
        c.recurrent.add(name)
        return lose(c, name, chain, formula, message)
    if left is not None and mode is not Mode.DENY and is_another_function(c, left):
        message = f"{left.name} is a function of other arguments so far, and a second meaning of it is not known here"
        return lose(c, left.name, chain, formula, message)
    if left is None or not definable(c, left, chain, mode):
        return False
    first = chain.links[1]
    c.note(GivenRecord(*c.here(c.at(formula, first.at)), kind="definition", latex=c.written(s.Chain(chain.links[:2]))))
    record = c.records[-1]
    assert isinstance(record, GivenRecord)
    entity = defined(c, left, first, formula)
    record.entities = (entity,)
    if first.problem is not None:
        entity.problem = f"the definition of {left.name} could not be read: {c.located(formula, first.problem)}"
    c.mentioned = [left.name]
    if first.side is not None:
        c.last = (first.side, first.latex.strip())
    if len(chain.links) > 2:
        c.claims(chain, formula, mode, 2)
    return True


def lose(c: Collector, name: str, chain: s.Chain, formula: Formula, message: str) -> bool:
    """The equation is unread, and so is all that is said of its name from here on."""
    unread(c, chain.links, formula, c.at(formula, chain.links[1].at), message)
    c.bind(Entity(name, Kind.TENSOR, problem=message))
    return True


def is_another_function(c: Collector, left: Left) -> bool:
    """``f(x) = …`` behind ``f(x, y) = …``"""
    entity = c.names.get(left.name)
    known = entity.formula.params if entity is not None and entity.formula is not None else ()
    return bool(known) and bool(left.params) and len(known) != len(left.params)


def recurrent(c: Collector, chain: s.Chain) -> str | None:
    r"""The new name in ``m_t = \beta m_{t-1} + g_t``, ``m_{t+1} = m_t + g_t``: entries through their neighbours."""
    left, body = chain.links[0].side, chain.links[1].side
    name, places = _places(left) if left is not None else (None, ())
    if name is None or body is None or name in c.names or len(places) != 1:
        return None
    others = [_places(n) for n in walk(body) if isinstance(n, s.Subscript)]
    at = {places[0], *(p for n, ps in others if n == name for p in ps)}
    return name if len(at) > 1 and len({letters for letters, _ in at}) == 1 and places[0][0] else None


def _places(node: s.Node) -> tuple[str | None, tuple[tuple[frozenset[str], str], ...]]:
    """A name and its indices, each by its letters and in full."""
    head, indices = head_and_indices(node)
    return letter(head), tuple(
        (frozenset(n.text for n in walk(i) if isinstance(n, s.Name)), dump(i)) for i in indices
    )


def names_its_function(c: Collector, left: Left, chain: s.Chain, mode: Mode) -> bool:
    r"""``r = \mathrm{RMS}(x) = …`` introduces the function, and then its value."""
    if len(chain.links) < 3 or chain.links[2].sign not in DEFINES or chain.links[1].side is None:
        return False
    inner = left_side(chain.links[1].side)
    if inner is None or not inner.params or inner.formals != left.formals or inner.name == left.name:
        return False
    if inner.name in c.names:
        return False
    rest = replace(chain, links=chain.links[1:])
    return definable(c, left, chain, mode) and definable(c, inner, rest, mode)


def squared(c: Collector, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
    r"""``\sigma^2 = …`` defines a new ``\sigma`` as the root."""
    first, second = chain.links[:2]
    if not (isinstance(first.side, s.Superscript) and is_number(first.side.exponent, "2")) or second.side is None:
        return False
    left = left_side(first.side.base)
    if left is None or left.params or not definable(c, left, chain, mode):
        return False
    known = c.names.get(left.name)
    if known is not None and (known.formula is None or mode is not Mode.LET):
        return False
    root = s.Root(second.side.start, second.side.end, second.side, None)
    named = replace(chain, links=(replace(first, side=first.side.base), replace(second, side=root)))
    done = define(c, named, formula, mode)
    c.last = (second.side, second.latex.strip())
    if done and len(chain.links) > 2:
        c.claims(chain, formula, mode, 2)
    return done


def logged(c: Collector, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
    r"""``\log L(\mu) = …`` defines a new ``L`` as the exponential."""
    first, second = chain.links[:2]
    call = first.side
    if not (isinstance(call, s.Call) and call.function in ("log", "ln") and len(call.arguments) == 1):
        return False
    left = left_side(call.arguments[0])
    if second.side is None or call.base is not None or call.power is not None or call.primes:
        return False
    if left is None or left.name in c.names or not definable(c, left, chain, mode):
        return False
    power = s.Call(second.side.start, second.side.end, "exp", (second.side,))
    named = replace(chain, links=(replace(first, side=call.arguments[0]), replace(second, side=power)))
    done = define(c, named, formula, mode)
    c.last = (second.side, second.latex.strip())
    if done and len(chain.links) > 2:
        c.claims(chain, formula, mode, 2)
    return done


def is_named_argument(c: Collector, left: Left, chain: s.Chain, mode: Mode) -> bool:
    """``L = L(Y)`` says what an unknown loss depends on."""
    right = left_side(_without_dots(chain.links[1].side)) if chain.links[1].side is not None else None
    if right is None or right.name != left.name or not right.params or right.formals or left.formals or left.params:
        return False
    if left.name in c.names or len(chain.links) != 2 or mode is Mode.DENY:
        return False
    c.unknown_function(left.name, list(right.params), c.written(chain))
    return True


def _without_dots(node: s.Node) -> s.Node:
    r"""``L(y_1, \dots, y_m)`` -> ``L(y)``"""
    group = node.factors[-1] if isinstance(node, s.Factors) else None
    if not isinstance(group, s.Group) or not any(isinstance(i, s.Dots) for i in group.items):
        return node
    members = [head_and_indices(i) for i in group.items if not isinstance(i, s.Dots)]
    if not all(indices for _, indices in members) or len({letter(head) for head, _ in members}) > 1:
        return node
    assert isinstance(node, s.Factors)
    return replace(node, factors=(*node.factors[:-1], replace(group, items=(members[0][0],))))


def defined(c: Collector, left: Left, first: s.Link, formula: Formula) -> Entity:
    body = first.side if first.side is not None else s.Number(0, 0, "0")
    left, body = of_members(c, left, body)
    own = Definition(body, left.formals, left.params, dict(left.rows), c.names, c.position, section=c.section)
    entity = c.names.get(left.name)
    fresh = (
        entity is None
        or entity.formula is not None
        or entity.kind in (Kind.INDEX, Kind.DIMENSION, Kind.LABEL, Kind.LABELS)
        or stale(c, entity)
        or (bool(left.params) and entity.formula is None and bool(entity.axes))  # a function beside a tensor
    )
    if fresh:
        entity = Entity(left.name, Kind.TENSOR)
    assert entity is not None
    entity.defined_at, entity.sentence = c.position, c.sentence_number
    entity.formula = own
    if left.params:
        entity.kind, entity.undecided = Kind.MAP, True
    if fresh:
        c.bind(entity)
    return entity


def rests_on(c: Collector, body: s.Node, entity: Entity) -> bool:
    """Whether what stands in a tree is defined through a name: then an equation for the name defines nothing."""
    seen: set[int] = set()
    queue = [c.names[n] for n in names_in(c, body) if n in c.names]
    while queue:
        other = queue.pop()
        if other is entity:
            return True
        if id(other) in seen or other.formula is None:
            continue
        seen.add(id(other))
        inner = {n.text for n in walk(other.formula.body) if isinstance(n, s.Name)} - set(other.formula.params)
        queue += [other.formula.names[n] for n in inner if n in other.formula.names]
    return False


def elsewhere(c: Collector, entity: Entity) -> bool:
    """Whether a name was introduced in a section beside this one, not above it."""
    return c.section[: len(entity.section)] != entity.section


def of_members(c: Collector, left: Left, body: s.Node) -> tuple[Left, s.Node]:
    r"""``h(x) = \theta^\top x`` beside a family of vectors ``x^{(i)}`` is a function of its members."""
    for param in left.params:
        entity = c.names.get(param)
        family = 1 if entity is None and c.inventory.is_vector_family(param) else 0
        if entity is not None and len(entity.axes or ()) > entity.family:
            family = entity.family
        if not family or left.rows.get(param):
            continue
        scripts = [head_and_indices(n) for n in walk(body) if isinstance(n, s.Subscript | s.Superscript)]
        if param not in names_in(c, body) or any(letter(head) == param and indices for head, indices in scripts):
            continue
        taken = names_in(c, body) | set(left.formals) | {x for row in left.rows.values() for x in row}
        letters = tuple(x for x in "ijklmnrstuvw" if x not in taken and is_free_letter(c, x))[:family]
        if len(letters) < family:
            continue

        def member(node: Any, param: str = param, letters: tuple[str, ...] = letters) -> Any:
            if not (isinstance(node, s.Name) and node.text == param):
                return node
            return s.Subscript(node.start, node.end, node, tuple(s.Name(node.start, node.end, x) for x in letters))

        left, body = replace(left, rows={**left.rows, param: letters}), rebuilt(body, member)
    return left, body


def is_free_letter(c: Collector, name: str) -> bool:
    entity = c.names.get(name)
    return entity is None or entity.kind is Kind.INDEX


def definable(c: Collector, left: Left, chain: s.Chain, mode: Mode) -> bool:
    body = chain.links[1].side
    entity = c.names.get(left.name)
    if mode in (Mode.DENY, Mode.AWAY) or (mode in LOCAL_VALUES and not is_new_quantity(c, left, body)):
        return False
    if left.name in c.recurrent:
        return False
    if left.name.endswith("'") and entity is None and may_be_derivative(c, left, mode):
        return False
    if body is not None and plus_minus_values(body) is not None:
        return False
    if body is not None and left.name in names_in(c, body) and not renewed(c, entity):
        return False
    if left.name == r"\delta" and len(left.formals) == 2 and isinstance(body, s.Number):
        return False  # a value of the delta where its indices are related in some way
    plain = not left.formals and not left.params
    if plain and left.name in c.inventory.letters and body is not None and is_index_node(c, body):
        return False
    if body is not None and entity is not None and entity.formula is None and rests_on(c, body, entity):
        return False
    sizes = [c.names[f] for f in left.formals if f in c.names and c.names[f].kind is Kind.DIMENSION]
    if any(not elsewhere(c, e) for e in sizes):
        return False
    if entity is None or (entity.kind is Kind.DIMENSION and not plain):
        return True
    if entity.kind is Kind.INDEX:
        return not plain or mode is Mode.LET
    again = mode is Mode.LET and entity.section != c.section and body is not None and not is_index_node(c, body)
    if entity.kind in (Kind.LABEL, Kind.LABELS) and again:
        return True
    if entity.kind in (Kind.DIMENSION, Kind.LABEL, Kind.LABELS) or entity.depends:
        return False
    if entity.formula is None and entity.axes is not None and len(left.formals) > len(entity.axes):
        return False
    if entity.formula is None:
        return mode is Mode.LET or (mode not in (Mode.ASSUME, Mode.SINCE) and id(entity) not in c.valued)
    return renewed(c, entity) or (mode is Mode.LET and entity.sentence != c.sentence_number)


def is_new_quantity(c: Collector, left: Left, body: s.Node | None) -> bool:
    r"""``For \ell = g^\top y``: a name that stands nowhere as an index, given by more than a value of one."""
    name = left.name
    free = name not in c.names and name not in c.inventory.letters and name not in c.inventory.limits
    return free and body is not None and not isinstance(body, s.Number) and letter(body) is None


def may_be_derivative(c: Collector, left: Left, mode: Mode) -> bool:
    """``f'(x)`` and the prime of what is defined: a name of its own only where the note introduces it as one."""
    plain = c.names.get(left.name.rstrip("'"))
    if left.params or plain is None:
        return bool(left.params)
    return plain.kind in (Kind.FUNCTION, Kind.MAP) or (plain.formula is not None and mode is not Mode.LET)


def names_in(c: Collector, tree: s.Node) -> set[str]:
    """The names that stand in a tree; of a primed name that the note introduces, only that."""
    aside = {id(n.base) for n in walk(tree) if isinstance(n, s.Prime) and letter(n) in c.names}
    norms = [n for n in walk(tree) if isinstance(n, s.Subscript) and isinstance(n.base, s.Bars)]
    aside |= {id(i) for n in norms for i in n.indices}  # the F of a Frobenius norm
    return {n.text for n in walk(tree) if isinstance(n, s.Name) and id(n) not in aside}


def renewed(c: Collector, entity: Entity | None) -> bool:
    return entity is not None and entity.formula is not None and stale(c, entity)


def is_index_node(c: Collector, node: s.Node) -> bool:
    name = letter(node)
    return isinstance(node, s.Number) or (name is not None and name in c.inventory.letters and name not in c.names)


def stale(c: Collector, entity: Entity, depth: int = 0) -> bool:
    """Whether what a name is defined through has been introduced again since."""
    formula = entity.formula
    if formula is None or depth > 20:
        return False
    for name in {n.text for n in walk(formula.body) if isinstance(n, s.Name)} - set(formula.formals):
        then, now = formula.names.get(name), c.names.get(name)
        if then is None or then is entity or then.kind is Kind.INDEX:
            continue
        if then is not now or stale(c, then, depth + 1):
            return True
    return False


def plus_minus_values(node: s.Node) -> s.Node | None:
    if isinstance(node, s.Terms) and len(node.terms) == 1 and node.signs[0] == "±":
        return node.terms[0]
    return None
