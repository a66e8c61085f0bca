r"""Routes: how a derivation is laid out, from a standing derivative to its closed form.

``auto`` takes the chain rule through the author's own names, and the derivative of a name by the
rule that suits its definition. ``quotient``, ``product``, ``log-derivative`` and ``cases`` fix the
latter. A derivative of a name that is needed on the way is a lemma: derived once, by itself, and
then used in one step; at the fine level its steps stand in the derivation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from derive.calculus.setting import Setting
from derive.steps import simplification as simple
from derive.steps.context import Chains, Context, Known, arguments, entry, kind
from derive.steps.core import (
    D,
    Expr,
    binds,
    canonical,
    children,
    distinct,
    everywhere,
    factors,
    free,
    fresh,
    match,
    mul,
    name_of,
    parts,
    piecewise,
    positions,
    put,
    rebuild,
    rebuild_raw,
    size,
    stands,
    total,
    unified,
    with_children,
)
from derive.steps.differentiation import (
    CHAIN,
    CONSTANT,
    CONSTANT_FACTOR,
    ENTRY,
    LINEARITY,
    SUM,
    Applied,
    differentiate,
    has_derivative,
)

ROUTES = ("auto", "log-derivative", "quotient", "product", "cases")
LEVELS = ("coarse", "normal", "fine")

MAX_STEPS = 120


@dataclass(frozen=True)
class Line:
    """An expression and the rule that gives it; ``undone`` is the rule that leads from it to the one before."""

    expr: Expr
    rule: str
    undone: str = ""


@dataclass
class Lemma:
    """The derivative of an entry with respect to an entry, over its own indices."""

    target: Expr
    lines: list[Line]
    route: str
    level: str
    setting: Setting | None = None

    @property
    def result(self) -> Expr:
        return self.lines[-1].expr if self.lines else self.target


@dataclass
class Work:
    """A derivation in the making."""

    expr: Expr
    context: Context
    route: str = "auto"
    level: str = "normal"
    lines: list[Line] = field(default_factory=list)
    used: list[Lemma] = field(default_factory=list)
    seen: set[Expr] = field(default_factory=set)
    applied: dict[Expr, Applied | None] = field(default_factory=dict)  # the rule at a standing derivative

    def step(self, rule: str, new: Expr | None) -> bool:
        """Note a step, if it is one."""
        if new is None or new == self.expr or len(self.lines) >= MAX_STEPS:
            return False
        new = distinct(unified(new))
        if new == self.expr or new in self.seen:
            return False
        self.expr = new
        self.seen.add(new)
        self.lines.append(Line(new, rule))
        return True


def derive_lines(target: Expr, context: Context, route: str, level: str) -> Work:
    """The lines of a derivation of target."""
    work = Work(target, context, route, level)
    open_route(work)
    for _ in range(MAX_STEPS):
        if not (derivative_step(work) or prime_step(work) or closing_step(work)):
            break
    work.lines = without_circles([Line(target, ""), *work.lines])[1:]
    return work


def without_circles(lines: list[Line]) -> list[Line]:
    """Lines that come back to where they were go on from there; what stands to be cancelled is no circle."""
    out: list[Line] = []
    seen: dict[Expr, int] = {}
    for line in lines:
        name = canonical(line.expr)
        if out and line.rule == "cancelling" and seen.get(name) == len(out) - 1:
            out.append(line)
        elif name in seen:
            out = out[: seen[name] + 1]
            seen = {e: k for e, k in seen.items() if k <= seen[name]}
        else:
            seen[name] = len(out)
            out.append(line)
    return out


# --- how a route begins -----------------------------------------------------------------------------------------


def open_route(work: Work) -> None:
    """The first lines, where the route lays them down: of the derivative of a quotient or a product."""
    target, context = work.expr, work.context
    if not isinstance(target, sp.Derivative) or len(target.args) != 2 or target.args[1][1] != 1:
        return
    if terminal(target, context) or any(kind(known.left) == kind(target) for known in context.given):
        return
    expr, variable = target.args[0], target.args[1][0]
    if way_through(expr, variable, context) is not None:
        return
    body = context.opened(expr)
    if body is None:
        body = expr
    route = suited(body, variable, context) if work.route == "auto" else work.route
    if route == "log-derivative" and loggable(body, variable, context):
        work.step("log-derivative trick", mul(expr, D(sp.log(expr), variable)))
        if body is not expr:
            work.step("definition", mul(expr, D(sp.log(body), variable)))
        work.step("logarithm of a quotient", mul(expr, D(simple.log_apart(body), variable)))
    elif route == "cases" and body is not expr:
        cases(work, body, variable)


def suited(body: Expr, variable: Expr, context: Context) -> str:
    """log-derivative for exponentials over their sum; otherwise as the body stands."""
    varying = [f for f in factors(body) if context.depends(f, str(name_of(variable)))]
    exponential = any(isinstance(f, sp.exp) for f in varying)
    sums = any(f.is_Pow and f.exp.is_negative and isinstance(f.base, sp.Sum) for f in varying)
    return "log-derivative" if exponential and sums else "auto"


def loggable(body: Expr, variable: Expr, context: Context) -> bool:
    """An exponential, or a product of several factors that vary: its logarithm is a sum."""
    if isinstance(body, sp.exp):
        return True
    varying = [f for f in factors(body) if context.depends(f, str(name_of(variable)))]
    return len(varying) > 1 and not any(f.is_negative for f in factors(body))


def cases(work: Work, body: Expr, variable: Expr) -> None:
    """The derivative for equal and for different indices, each by itself, and then in one."""
    context = work.context
    quiet = derive_lines(work.expr, replace_route(context), "auto", "normal")
    closed = quiet.expr
    work.step("definition", D(body, variable))
    while derivative_step(work):
        pass
    work.step("sifting", simple.sift(work.expr, context))
    if not work.step("case split", simple.case_split(work.expr, arguments(variable))):
        return
    closed_rows = []
    for value, condition in work.expr.args:
        inner = Work(value, context, work.route, work.level)
        while closing_step(inner):
            pass
        closed_rows.append((inner.expr, condition))
    work.step("folding back", piecewise(closed_rows))
    work.step("merging the cases", closed)


def replace_route(context: Context) -> Context:
    return replace(context, route="auto")


# --- differentiating --------------------------------------------------------------------------------------------


def derivative_step(work: Work) -> bool:
    """One rule of differentiation, wherever it applies."""
    if work.step("definition", everywhere(lambda e: hidden(e, work.context))(work.expr)):
        return True
    nodes = [e for e in positions(work.expr) if isinstance(e, sp.Derivative) and not terminal(e, work.context)]
    if any(given_step(work, node) for node in nodes):
        return True
    for node in nodes:
        inner = next((e for e in positions(node.args[0]) if open_derivative(e, work)), None)
        if inner is not None:
            return lemma_step(work, inner) or inner_step(work, inner)
    nodes.sort(key=lambda e: name_of(e.args[0]) != name_of(e.args[1][0]))
    for node in nodes:
        if lemma_step(work, node):
            return True
        applied = at(node, work)
        if applied is None:
            continue
        rule, _ = applied
        return work.step(rule, everywhere(partial(same_rule, work=work, rule=rule), where=stands)(work.expr))
    return False


def given_step(work: Work, node: Expr) -> bool:
    """A derivative that is known already, at its own indices."""
    for known in work.context.given:
        found = match(known.left, node, known.holes) if kind(known.left) == kind(node) else None
        if found is not None and place(work, node, put(known.right, found), known.rule):
            return True
    return False


def hidden(expr: Expr, context: Context) -> Expr | None:
    """A name that stands for a derivative, opened: ``J[i, j]`` is ``Derivative(s[i], z[j])``."""
    body = context.opened(expr)
    return body if body is not None and has_derivative(body) else None


def open_derivative(node: Expr, work: Work) -> bool:
    return isinstance(node, sp.Derivative) and not terminal(node, work.context)


def inner_step(work: Work, node: Expr) -> bool:
    """A derivative inside of a derivative is brought to its closed form first."""
    inner = derive_lines(node, work.context, work.route, work.level)
    return splice(work, node, Lemma(node, inner.lines, work.route, work.level), {})


def same_rule(expr: Expr, work: Work, rule: str) -> Expr | None:
    if not isinstance(expr, sp.Derivative) or terminal(expr, work.context):
        return None
    applied = at(expr, work)
    return applied[1] if applied is not None and applied[0] == rule else None


def terminal(node: Expr, context: Context) -> bool:
    """A derivative that stays: where the way is to stop, or of an unknown function by what it is given through."""
    if context.stops and kind(node) in context.stops:
        return True
    name = name_of(node.args[0])
    variable = str(name_of(node.args[1][0]))
    return name in context.setting.depends and variable in context.mentioned(str(name))


def at(node: Expr, work: Work) -> Applied | None:
    """The rule at one standing derivative, with the small ones that nobody writes down at this level."""
    if node not in work.applied:
        work.applied[node] = looked_up(node, work)
    return work.applied[node]


def looked_up(node: Expr, work: Work) -> Applied | None:
    expr, variable = node.args[0], node.args[1][0]
    context = work.context
    if node.args[1][1] != 1 or len(node.args) != 2:
        return "second derivative", nested(node)
    if isinstance(expr, sp.Derivative):
        return None
    chained = chain(expr, variable, context)
    if chained is not None:
        return CHAIN, chained
    if context.depends(expr, str(name_of(variable))) and name_of(expr) != name_of(variable):
        opened = context.opened(expr) if not isinstance(expr, AppliedUndef) or expr.args == (variable,) else None
        if opened is not None:
            return "definition", D(opened, variable)
    if isinstance(expr, sp.log) and worth_taking_apart(expr.args[0]):
        return "logarithm of a quotient", D(simple.log_apart(expr.args[0]), variable)
    whole = simple.stacked(expr) if counted_from_before(expr, variable, context) else None
    if whole is not None:
        return "stacking the bias", D(simple.fold_all(whole, context) or whole, variable)
    applied = differentiate(expr, variable, context, products=work.route == "product")
    if applied is None or work.level == "fine":
        return applied
    return fused(applied, work)


def counted_from_before(expr: Expr, variable: Expr, context: Context) -> bool:
    """Whether an index of variable begins before the range of a sum in expr: at the bias of w_{i0} + sum w_{il} y_l."""
    firsts = [context.first(index) for index in arguments(variable)]
    starts = [limit[1] for e in positions(expr) if isinstance(e, sp.Sum) for limit in parts(e)[1]]
    return expr.is_Add and any(f is not None and s.is_Integer and f < s for f in firsts for s in starts)


def worth_taking_apart(inside: Expr) -> bool:
    """The logarithm of this is simpler as a sum: an exponential loses its logarithm, a quotient its denominator."""
    return inside.is_Mul and any(isinstance(f, sp.exp) or (f.is_Pow and f.exp.is_negative) for f in inside.args)


def nested(node: Expr) -> Expr:
    """The second derivative is the derivative of the first."""
    expr = node.args[0]
    for variable, count in node.args[1:]:
        for _ in range(int(count)):
            expr = D(expr, variable)
    return expr


SILENT = frozenset((CONSTANT_FACTOR, SUM))


def fused(applied: Applied, work: Work) -> Applied:
    """Constant factors, sums and single terms pass by; an inner entry is a delta at once."""
    rule, new = applied
    standing = [e for e in positions(new) if isinstance(e, sp.Derivative)]
    if rule == LINEARITY:
        new = everywhere(lambda e: constant(e, work), where=stands)(new) or new
        standing = [e for e in positions(new) if isinstance(e, sp.Derivative)]
        if len(standing) > 1:
            return rule, new
    if rule in SILENT or rule == LINEARITY:
        inner = at(standing[0], work) if standing and not is_lemma(standing[0], work.context) else None
        if inner is None:
            return rule, new
        name = inner[0]
        return name, everywhere(partial(same_rule, work=work, rule=name), where=stands)(new) or new
    return rule, everywhere(lambda e: trivial(e, work), where=stands)(new) or new


def constant(node: Expr, work: Work) -> Expr | None:
    if not isinstance(node, sp.Derivative):
        return None
    applied = differentiate(node.args[0], node.args[1][0], work.context)
    return sp.S.Zero if applied is not None and applied[0] == CONSTANT else None


def trivial(node: Expr, work: Work) -> Expr | None:
    """The derivative of a constant, an entry, or a multiple of one."""
    if not isinstance(node, sp.Derivative) or terminal(node, work.context):
        return None
    expr, variable = node.args[0], node.args[1][0]
    if way_through(expr, variable, work.context) is not None or binds(expr):
        return None
    applied = differentiate(expr, variable, work.context)
    if applied is None:
        return None
    if applied[0] in (CONSTANT, ENTRY):
        return applied[1]
    if applied[0] in (CONSTANT_FACTOR, LINEARITY):
        new = everywhere(lambda e: trivial(e, work), where=stands)(applied[1]) or applied[1]
        return None if any(isinstance(e, sp.Derivative) for e in positions(new)) else new
    return None


# --- the chain rule through names -------------------------------------------------------------------------------


def way_through(expr: Expr, variable: Expr, context: Context) -> str | None:
    """The name through which the chain rule goes from expr to variable."""
    name = context.waypoint(expr, str(name_of(variable)))
    if name is None or name == name_of(expr) or name in context.closed or context.axes(name) is None:
        return None
    if context.chains is Chains.NONE or (name_of(expr) is None and context.chains is Chains.NAMED):
        return None
    return None if elementwise(expr, name, context) and not wanted(expr, name, context) else name


def wanted(expr: Expr, name: str, context: Context) -> bool:
    """Whether the derivative of expr by an entry of name is one to come to."""
    return any(isinstance(k, tuple) and k[:2] == (name_of(expr), name) for k in context.stops)


def elementwise(expr: Expr, name: str, context: Context) -> bool:
    """expr sees one entry of name only, and that directly: its chain rule is a single product."""
    body, seen = entries(expr, name, context)
    return len(seen) == 1 and all(free(e) <= free(body) | free(expr) for e in seen)


def entries(expr: Expr, name: str, context: Context) -> tuple[Expr, set[Expr]]:
    """What expr stands for, and the entries of name in it."""
    body = context.opened(expr)
    body = expr if body is None else body
    return body, {e for e in positions(body) if name_of(e) == name}


def chain(expr: Expr, variable: Expr, context: Context) -> Expr | None:
    r"""\partial L/\partial v = \sum_k \partial L/\partial u_k \partial u_k/\partial v"""
    name = way_through(expr, variable, context)
    if name is None:
        return None
    if elementwise(expr, name, context):
        (seen,) = entries(expr, name, context)[1]
        return mul(D(expr, seen), D(seen, variable))
    found = context.limits(name, expr, variable)
    if found is None:
        return None
    indices, ranges = found
    middle = entry(name, indices)
    return total(mul(D(expr, middle), D(middle, variable)), *reversed(ranges))


# --- lemmas -----------------------------------------------------------------------------------------------------


def is_lemma(node: Expr, context: Context) -> bool:
    """Is this the derivative of a name that has a definition, with respect to something else?"""
    expr, name = node.args[0], str(name_of(node.args[1][0]))
    return name_of(expr) != name and context.definition(expr) is not None and context.depends(expr, name)


def lemma_step(work: Work, node: Expr) -> bool:
    """The derivative of a name inside of a larger expression: derived by itself, then put in its place."""
    expr, variable = node.args[0], node.args[1][0]
    if (node == work.expr and not work.lines) or len(node.args) != 2 or node.args[1][1] != 1:
        return False
    name = name_of(expr)
    if name is None or name == name_of(variable) or isinstance(expr, AppliedUndef):
        return False
    if not work.context.depends(expr, str(name_of(variable))):
        return False
    if work.context.definition(expr) is None and name not in work.context.setting.depends:
        return False
    lemma = find_lemma(expr, variable, work)
    if lemma is None:
        return False
    formals = (*arguments(lemma.target.args[0]), *arguments(lemma.target.args[1][0]))
    values = dict(zip(formals, (*arguments(expr), *arguments(variable)), strict=True))
    if work.level == "fine":
        return splice(work, node, lemma, values)
    if lemma not in work.used:
        work.used.append(lemma)
    kind = "gradient" if not arguments(expr) else "Jacobian" if arguments(variable) else "derivative"
    return place(work, node, put(lemma.result, values), f"{kind} of {shown(name)}")


def shown(name: str) -> str:
    """A name in a reason, as math."""
    from derive.show.latex import name_latex

    return f"${name_latex(name)}$"


def prime_step(work: Work) -> bool:
    """f'(u) for a function that is defined: its derivative is a lemma in one variable."""
    for node in (e for e in sp.preorder_traversal(work.expr) if isinstance(e, sp.Subs)):
        name = function_name(node)
        definition = work.context.setting.definitions.get(name) if name else None
        if definition is None or not definition.is_function or len(definition.formals) != 1:
            continue
        lemma = function_lemma(str(name), int(node.expr.derivative_count), work)
        values = {definition.formals[0]: node.point[0]}
        if work.level == "fine":
            return splice(work, node, lemma, values)
        return place(work, node, put(lemma.result, values), f"derivative of {shown(str(name))}")
    return False


def function_name(node: Expr) -> str | None:
    """f of f'(u)."""
    inner = node.expr
    if isinstance(inner, sp.Derivative) and isinstance(inner.expr, AppliedUndef) and len(node.variables) == 1:
        return str(inner.expr.func.__name__)
    return None


def function_lemma(name: str, order: int, work: Work) -> Lemma:
    """The derivative of a defined function, over its own variable."""
    key = (name, "'" * order, work.route, work.level)
    if key not in work.context.lemmas:
        definition = work.context.setting.definitions[name]
        x = definition.formals[0]
        before = sp.Function(name)(x) if order == 1 else function_lemma(name, order - 1, work).result
        inner = derive_lines(D(before, x), work.context, work.route, work.level)
        work.context.lemmas[key] = Lemma(D(before, x), inner.lines, work.route, work.level)
    found: Lemma = work.context.lemmas[key]
    return found


def splice(work: Work, node: Expr, lemma: Lemma, values: dict[Expr, Expr]) -> bool:
    """The lemma's own lines, in the place of the derivative."""
    whole = work.expr
    for line in lemma.lines:
        work.step(line.rule, replaced(whole, node, put(line.expr, values)))
    return bool(lemma.lines)


def place(work: Work, node: Expr, value: Expr, rule: str) -> bool:
    """value for node; what then cancels is shown first, and cancelled in a step of its own."""
    value = distinct(value, bound_around(work.expr, node))
    plain = replaced(work.expr, node, value)
    raw = replaced(work.expr, node, value, rebuild_raw)
    if plain is None or raw is None:
        return False
    raw = flat(raw)
    if size(plain) + 1 < size(raw) and value not in (0, 1):
        work.lines.append(Line(raw, rule))
        return work.step("cancelling", plain)
    return work.step(rule, plain)


def bound_around(whole: Expr, node: Expr) -> frozenset[str]:
    """The names of the indices in whose scope a part stands."""
    found: frozenset[str] = frozenset()
    for e in positions(whole):
        if binds(e) and any(inner == node for inner in positions(e)):
            found |= {limit[0].name for limit in parts(e)[1]}
    return found


def replaced(whole: Expr, node: Expr, value: Expr, build: Callable[..., Expr] = rebuild) -> Expr | None:
    return everywhere(lambda e: value if e == node else None, build)(whole)


def flat(expr: Expr) -> Expr:
    """Products in products as one product, nothing cancelled."""
    old = children(expr)
    if not old:
        return expr
    new = [flat(e) for e in old]
    if expr.is_Mul:
        args = [a for e in new for a in (e.args if e.is_Mul else (e,)) if a != 1]
        minus = sum(a == -1 for a in args) % 2
        args = [a for a in args if a != -1]
        return sp.Mul(*([sp.S.NegativeOne] * minus), *args, evaluate=False)
    return with_children(expr, new, rebuild_raw)


def find_lemma(expr: Expr, variable: Expr, work: Work) -> Lemma | None:
    """The lemma for the names of expr and variable, over indices of their own."""
    key = (name_of(expr), name_of(variable), len(arguments(variable)), work.route, work.level)
    if key in work.context.lemmas and work.context.lemmas[key] is None:
        return None  # it is being derived: its own derivation cannot use it
    if key not in work.context.lemmas:
        work.context.lemmas[key] = None
        taken = set(work.context.reserved)
        definition = work.context.setting.definitions.get(str(name_of(expr)))
        likes = definition.formals if definition else arguments(expr)
        mine = []
        for like in (*likes, *arguments(variable)):
            symbol = like if isinstance(like, sp.Symbol) else sp.Symbol("j", integer=True)
            mine.append(fresh(symbol, taken))
            taken.add(mine[-1].name)
        count = len(likes)
        one, two = entry(str(name_of(expr)), tuple(mine[:count])), entry(str(name_of(variable)), tuple(mine[count:]))
        setting = with_axes(work.context.setting, work.context, one, two)
        inner = derive_lines(D(one, two), replace(work.context, setting=setting), work.route, work.level)
        del work.context.lemmas[key]  # it stands behind those that it makes use of
        work.context.lemmas[key] = Lemma(D(one, two), inner.lines, work.route, work.level, setting)
    found: Lemma = work.context.lemmas[key]
    return found


def with_axes(setting: Setting, context: Context, *entries: Expr) -> Setting:
    """The setting in which the indices of entries have the axes of their names."""
    own: dict[Expr, Any] = {}
    for e in entries:
        own |= dict(zip(arguments(e), context.axes(str(name_of(e))) or (), strict=False))
    return replace(setting, axes={**setting.axes, **{i: a for i, a in own.items() if isinstance(i, sp.Symbol)}})


# --- closing ----------------------------------------------------------------------------------------------------

Closing = tuple[str, Callable[[Expr, Context], Expr | None]]

CLOSING: tuple[Closing, ...] = (
    ("cancelling", lambda e, c: simple.cancelled(e)),
    ("different indices", simple.told_apart),
    ("equal indices", simple.told_equal),
    ("symmetry", simple.symmetric),
    ("sifting", simple.sift),
    ("factoring the cases", lambda e, c: simple.case_factors(e)),
    ("folding back", simple.fold_all),
    ("distributing the sum", lambda e, c: simple.expand_deltas(e)),
    ("taking constants out of the sum", lambda e, c: simple.pull(e)),
    ("distributing the sum", lambda e, c: simple.separate(e)),
    ("known", lambda e, c: None),
    ("exchanging the sums", simple.exchange),
    ("distributing the sum", simple.take_apart),
    ("splitting the fraction", lambda e, c: everywhere(lambda x: simple.split_fraction_here(x, c))(e)),
    ("multiplying out", simple.multiply_out),
    ("equal indices under the delta", simple.align),
    ("factoring", lambda e, c: simple.factored(e)),
)


def closing_step(work: Work) -> bool:
    """The first rule that applies, on the way to the closed form."""
    for name, rule in CLOSING:
        if name == "known":
            found = simple.use_known(work.expr, work.context)
            if found is not None and work.step(*found):
                return True
        elif work.step(name, rule(work.expr, work.context)):
            return True
    return False


# --- what is known of sums --------------------------------------------------------------------------------------


def assumed(setting: Setting) -> Iterator[Known]:
    """The equations among the assumptions, the longer side on the left."""
    for assumption in setting.assumptions:
        relation = assumption.relation
        if isinstance(relation, sp.Equality):
            left, right = sorted(relation.args, key=size, reverse=True)
            if isinstance(left, sp.Indexed | sp.Symbol) or size(left) == size(right):
                continue
            holes = frozenset(s for s in free(left) if s.is_integer and not s.is_positive) - assumption.fixed
            yield Known(left, right, holes, "sum to one" if right == 1 else "assumption")


def normalised(context: Context) -> Iterator[Known]:
    """The sums of defined entries over an axis that come out as a number: 1 for a softmax, 0 for centred values."""
    for name, definition in context.setting.definitions.items():
        axes = context.axes(name)
        if definition.is_function or not axes or isinstance(definition.body, sp.Piecewise):
            continue
        for formal, axis in zip(definition.formals, axes, strict=True):
            limit = sp.Tuple(formal, axis.first, axis.last)
            value = settled_sum(total(definition.body, limit), context)
            if value.is_number:
                holes = frozenset(definition.formals) - {formal}
                rule = {1: "sum to one", 0: "sum to zero"}.get(value, "known sum")
                yield Known(total(entry(name, definition.formals), limit), value, holes, rule)


def settled_sum(expr: Expr, context: Context) -> Expr:
    once = simple.settle(expr, context)
    return once if once.is_number else simple.settle(simple.spread_all(expr), context)


def prepare(setting: Setting, route: str) -> Context:
    """The context of a derivation: what is assumed, and what follows from the definitions at once."""
    context = Context(setting, route)
    context.known.extend(assumed(setting))
    for known in list(normalised(context)):
        context.known.append(known)
    return context
