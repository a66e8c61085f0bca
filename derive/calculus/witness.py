"""Where two sides differ, or where they were seen to agree.

A refutation is a point, from the smallest sizes on, where the rigorous enclosures of the two sides do not overlap;
it is then made simpler, so that a person can check it. What was proved is looked at in the same way, at several points.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp
from flint import fmpq

from derive.calculus.equations import Hopeless, Unsatisfied
from derive.calculus.frames import Point, Smooth
from derive.calculus.points import (
    CHECKING,
    GENERIC,
    MIXED,
    POSITIVE,
    PRECISIONS,
    SIMPLE,
    TINY,
    UNIT,
    WIDE,
    Budget,
    Problem,
    completed,
    overlap,
)
from derive.calculus.program import working_precision
from derive.calculus.series import BudgetExceeded, MeaningError, Undefined, ball
from derive.calculus.setting import Setting
from derive.calculus.verdict import Kind, Verdict, Witness


@dataclass(frozen=True)
class Agreement:
    """The outcome of evaluating what was proved: disagreements, points checked, and why none could be."""

    disagreements: tuple[Witness, ...] = ()
    checked: int = 0
    reason: str = ""

    @property
    def holds(self) -> bool:
        return self.checked > 0 and not self.disagreements


# --------------------------------------------------------------------------------------------------- searching


def find_witness(left: Any, right: Any, setting: Setting, budget: Budget | None = None) -> Witness | None:
    """A point where the two sides differ, found small and then made simpler; None if none was found."""
    left, right = sp.sympify(left), sp.sympify(right)
    try:
        problem = Problem(left, right, completed(left, right, setting), budget or Budget())
        found = _search(problem)
        return None if found is None else _presented(problem, *_shrunk(problem, found))
    except MeaningError:
        return None


def _search(problem: Problem) -> Point | None:
    """The first point that refutes, by growing size; where both sides look equal, the precision is raised."""
    left = problem.budget.points
    close: list[Point] = []
    for sizes in problem.sizes():
        rows = problem.indices(sizes)
        tries = max(3, min(6, 18 // max(1, len(rows)))) if sizes else 40
        seen = fails = 0
        for turn, at in itertools.product(range(tries), rows):
            if left <= 0 or problem.meter.spent > problem.budget.total:
                break
            left -= 1
            try:
                point = problem.point(sizes, at, GENERIC[(turn + seen) % len(GENERIC)])
                same, x, y = problem.compare(point)
            except Hopeless:
                break
            except (Unsatisfied, Undefined, BudgetExceeded):
                fails += 1
                if fails > 12 and not seen:
                    break
                continue
            if same is False:
                return point
            if same:
                seen += 1
                if not (type(x) is fmpq and type(y) is fmpq) and len(close) < 6 and turn == 0:
                    close.append(point)
    for point in close:
        if problem.meter.spent > 2 * problem.budget.total:
            break
        try:
            if problem.compare(point, PRECISIONS[1:])[0] is False:
                return point
        except (Undefined, BudgetExceeded):
            continue
    return None


def points(left: Any, right: Any, setting: Setting, count: int = 6) -> Iterator[Point]:
    """Small points of all kinds that meet the assumptions."""
    problem = Problem(sp.sympify(left), sp.sympify(right), completed(left, right, setting), Budget())
    yield from _some_points(problem, count)


LOOKED_AT = (MIXED, SIMPLE, POSITIVE, UNIT, WIDE)  # in turn; zeros and equal numbers are among them


def _some_points(problem: Problem, count: int) -> Iterator[Point]:
    made = failed = 0
    sizes = list(itertools.islice(problem.sizes(), 5))
    for turn in itertools.count():
        if made >= count or failed >= 3 * count or turn > 6 * count:
            return
        at_size = sizes[(turn + 1) % len(sizes)]
        rows = problem.indices(at_size)
        if not rows:
            failed += 1
            continue
        try:
            yield problem.point(at_size, rows[(turn * 7 + turn // 2) % len(rows)], LOOKED_AT[turn % len(LOOKED_AT)])
            made += 1
        except (Unsatisfied, Undefined, BudgetExceeded):
            failed += 1


def generic_points(problem: Problem) -> Iterator[tuple[Point, bool]]:
    """Points of sizes from 2 on, indices apart and together, where both sides are defined; do they look equal there?"""
    least = problem.inventory.sizes
    patterns = (lambda k: 2 + k % 2, lambda k: 2 + (k + 1) % 3, lambda k: 3 - (k // 2) % 2, lambda k: 2)
    sizes = [{n: max(p(k), least[n]) for k, n in enumerate(sorted(least))} for p in patterns]
    failed = 0
    for turn in range(24):
        if failed > 3:
            return
        at_size = sizes[turn % len(sizes)]
        rows = problem.indices(at_size)
        try:
            for at in rows[turn // 2 % max(1, len(rows)) :][:1] + rows[-1 - turn % max(1, len(rows)) :][:1]:
                point = problem.point(at_size, at, GENERIC[turn % 3])
                same = problem.compare(point)[0]
                if same is not None:
                    failed = 0
                    yield point, same
        except (Unsatisfied, MeaningError):
            failed += 1


SEVERAL = 3  # points that are looked at, whatever they cost


def agree(left: Any, right: Any, setting: Setting, count: int = 6) -> Agreement:
    """Evaluate both sides at several points, up to the first where they differ; at how many were both defined?"""
    return along((left, right), setting, count)[0]


def along(chain: Sequence[Any], setting: Setting, count: int = 6) -> tuple[Agreement, ...]:
    """The same for each two neighbours in a chain of expressions, all evaluated at the same points."""
    left, right, *beyond = map(sp.sympify, chain)
    try:
        whole = completed(left, sp.Tuple(right, *beyond), setting)
        return agreements(Problem(left, right, whole, Budget(), beyond), count)
    except MeaningError as found:
        return (Agreement(reason=f"it could not be evaluated: {found}"),) * (len(chain) - 1)


def agreements(problem: Problem, count: int) -> tuple[Agreement, ...]:
    """The same for a problem that is compiled already."""
    links = range(len(problem.program.nodes) - 1)
    apart: list[tuple[Witness, ...]] = [() for _ in links]
    checked = [0 for _ in links]
    made = 0
    before = problem.meter.spent
    for point in _some_points(problem, 4 * count):
        made += 1
        values = problem.values(point)
        for k, (x, y) in enumerate(itertools.pairwise(values)):
            if x is not None and y is not None and not apart[k]:
                checked[k] += 1
                apart[k] = () if overlap(x, y, CHECKING) else (_presented(problem, point, x, y),)
        dear = problem.meter.spent - before > problem.budget.total // 20
        if all(apart[k] or checked[k] >= (SEVERAL if dear else count) for k in links):
            break
    missing = (
        "no point was found at which both sides are defined"
        if made
        else "no numbers were found that meet the assumptions"
    )
    return tuple(Agreement(apart[k], checked[k], "" if checked[k] else missing) for k in links)


def within(left: Any, right: Any, tolerance: Any, setting: Setting) -> Verdict:
    """Whether |left - right| <= tolerance, decided by enclosures."""
    left, right = sp.sympify(left), sp.sympify(right)
    setting = completed(left, right, setting)
    bound = Fraction(int(sp.Rational(tolerance).p), int(sp.Rational(tolerance).q))
    limit = fmpq(bound.numerator, bound.denominator)
    shown = f"|left - right| <= {bound}"
    try:
        problem = Problem(left, right, setting, Budget())
        if problem.inventory.closed:
            candidates = [Point({}, at) for at in problem.indices({}, 10_000)]
        else:
            candidates = list(_some_points(problem, 12))
        settled = bool(candidates)
        for point in candidates:
            near, x, y = _near(problem, point, limit)
            if near is False:
                return Verdict(Kind.REFUTED, f"not {shown}", witness=_presented(problem, point, x, y))
            settled = settled and near is True
    except MeaningError as found:
        return Verdict(Kind.UNDECIDED, f"it could not be evaluated: {found}")
    if settled and problem.inventory.closed:
        return Verdict(Kind.PROVED, f"{shown} by rigorous enclosures", rules=("evaluation in ball arithmetic",))
    return Verdict(Kind.UNDECIDED, "an approximation is decided only where all names have numbers")


def _near(problem: Problem, point: Point, limit: fmpq) -> tuple[bool | None, Any, Any]:
    for precision in PRECISIONS:
        try:
            x, y = problem.program.values(problem.at_precision(point, precision), precision)
        except Undefined as undefined:
            if undefined.final:
                return None, None, None
            continue
        with working_precision(precision):
            d = abs(x - y)
        if d <= limit:
            return True, x, y
        if d > limit:
            return False, x, y
    return None, None, None


# --------------------------------------------------------------------------------------------------- simplifying


def _weight(point: Point) -> tuple[int, int]:
    """How simple the numbers are: few that are not 0, with small numerators and denominators, few minus signs."""
    total = nonzero = 0
    for v in point.values.values():
        if v != 0:
            nonzero += 1
            total += abs(v.numerator) + 3 * (v.denominator - 1) + (v < 0)
    return total, nonzero


def _shrunk(problem: Problem, found: Point) -> tuple[Point, Any, Any]:
    """A simpler point of the same size where the two sides still differ."""
    best = found
    spent = problem.meter.spent
    left = problem.budget.shrinking
    rows = [found.indices, *(r for r in problem.indices(found.sizes) if r != found.indices)][:4]
    for style, at in itertools.product((TINY, SIMPLE, SIMPLE), rows):
        left -= 1
        if problem.meter.spent > spent + problem.budget.total // 4:
            break
        try:
            point = problem.point(found.sizes, at, style)
            if _weight(point) < _weight(best) and problem.compare(point)[0] is False:
                best = point
        except (Unsatisfied, MeaningError):
            continue
    best = _simpler_entries(problem, best, left)
    _, x, y = problem.compare(best, PRECISIONS)
    return best, x, y


def _simpler_entries(problem: Problem, point: Point, left: int) -> Point:
    """Entry by entry: 0, 1, 2, -1 in its place, if the point still meets the assumptions and still refutes."""
    best = Point(point.sizes, point.indices, dict(point.values), point.functions)
    spent = problem.meter.spent
    for key in sorted(best.values):
        for value in (Fraction(0), Fraction(1), Fraction(2), Fraction(-1)):
            before = best.values[key]
            if before == value:
                break
            if left <= 0 or problem.meter.spent > spent + problem.budget.total // 2:
                return best
            left -= 1
            best.values[key] = value
            if _still(problem, best):
                break
            best.values[key] = before
    return best


def _still(problem: Problem, point: Point) -> bool:
    try:
        if not problem.labels_fit(point):
            return False
        problem.check(point)
        return problem.compare(point)[0] is False
    except (Unsatisfied, MeaningError):
        return False


# ---------------------------------------------------------------------------------------------------- presenting


def _presented(problem: Problem, point: Point, x: Any, y: Any) -> Witness:
    """The point for a person: vectors as ``(1, 0, 2)``, matrices by rows, the digits that tell both sides apart."""
    names = frozenset[str]().union(*(node.names for node in problem.program.nodes))
    shown: dict[str, str] = {}
    entries: dict[str, dict[tuple[int, ...], Any]] = {}
    full = problem.at_precision(point, 64)
    for (name, idx), v in full.values.items():
        if name in names or name.startswith("d"):
            entries.setdefault(name, {})[idx] = v
    for name in sorted(entries):
        if name in problem.inventory.functions:
            continue
        if name in names or any(name.startswith(f"d{loss}/d") for loss in problem.inventory.losses):
            shown[_spoken(name)] = _layout(entries[name])
    for name, f in sorted(point.functions.items()):
        shown[name] = _polynomial(f)
    left, right = _digits(x, y)
    return Witness(dict(point.sizes), dict(point.indices), shown, left, right)


def _spoken(name: str) -> str:
    return name.replace("/d", "/∂").replace("d", "∂", 1) if "/d" in name else name


def _text(v: Any) -> str:
    if isinstance(v, Fraction):
        return str(v)
    return str(v) if type(v) is fmpq else str(v.str(6, radius=False))


def _layout(entries: Mapping[tuple[int, ...], Any]) -> str:
    keys = sorted(entries)
    if keys == [()]:
        return _text(entries[()])
    if len(keys[0]) == 1:
        return "(" + ", ".join(_text(entries[k]) for k in keys) + ")"
    rows: dict[int, dict[tuple[int, ...], Any]] = {}
    for k in keys:
        rows.setdefault(k[0], {})[k[1:]] = entries[k]
    return "(" + ", ".join(_layout(rows[r]) for r in sorted(rows)) + ")"


def _polynomial(f: Smooth) -> str:
    terms = []
    for a, coefficients in enumerate(f.parts):
        u = "u" if len(f.parts) == 1 else f"u{a + 1}"
        for k, c in enumerate(coefficients):
            power = "" if k == 0 else (u if k == 1 else f"{u}^{k}")
            if c:
                terms.append(str(c) if not power else power if c == 1 else f"-{power}" if c == -1 else f"{c} {power}")
    if len(f.parts) > 1 and f.cross:
        terms.append(f"{f.cross} " + " ".join(f"u{a + 1}" for a in range(len(f.parts))))
    return " + ".join(terms).replace("+ -", "- ")


def _digits(x: Any, y: Any) -> tuple[str, str]:
    """Both values, short, with enough digits to tell them apart."""
    if x is None or y is None:
        return "", ""
    exact = [str(v) for v in (x, y) if type(v) is fmpq and (len(str(v)) <= 9)]
    if len(exact) == 2:
        return exact[0], exact[1]
    a = b = ""
    with working_precision(PRECISIONS[-1]):
        for digits in (4, 6, 9, 15, 25, 50, 120, 400, 1200):
            a, b = (ball(v).str(digits, radius=False) for v in (x, y))
            if a != b:
                break
    if len(exact) == 1 and max(len(a), len(b)) < 12:
        return (exact[0], b) if type(x) is fmpq and str(x) == exact[0] else (a, exact[0])
    return a, b
