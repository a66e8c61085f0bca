"""Formulas laid out in Unicode for the terminal: the tree of a formula -> boxes.

The tree is the one that the reader parses, so a person's line is shown as it was written; an expression of the
engine goes through ``latex`` and the same parser. A formula that does not parse is shown as its source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from derive.notes.grammar import syntax as s
from derive.show import box
from derive.show.box import Box, beside, cells, enclosed, text
from derive.show.signs import (
    ACCENTS,
    BLACKBOARD,
    DOTS,
    GREEK,
    LETTERLIKE,
    PRODUCTS,
    RELATIONS,
    SUBSCRIPTS,
    SUPERSCRIPTS,
    TERM_SIGNS,
)

BIG = {"sum": "∑", "prod": "∏", "max": "max", "min": "min"}
MADE_SMALL = re.compile(r"\(\w([+−-]\w)?\)|(?!.*\(..|.+\().*")  # exponents, and indices in parentheses
UNICODE_SCRIPTS = frozenset([*SUBSCRIPTS.values(), *SUPERSCRIPTS.values(), *ACCENTS.values(), "′"])
MAX_DEPTH = 80


def pretty(latex: str, width: int = 100) -> Box:
    """A formula in LaTeX, laid out; its source where it does not parse."""
    from derive.notes.grammar.formula import parse_text

    try:
        chains = parse_text(latex)
    except RecursionError:
        return _source(latex)
    if _unread(chains):
        return _source(latex)
    return _Layout(latex).chains(chains, width)


def pretty_expr(expr: Any, width: int = 100) -> Box:
    """A SymPy expression, laid out."""
    from derive.show.latex import latex

    return pretty(latex(expr), width)


def linear(latex: str) -> str:
    """A formula in LaTeX on one line."""
    from derive.notes.grammar.formula import parse_text

    try:
        chains = parse_text(latex)
        if not _unread(chains):
            return _Layout(latex, line=True).chains(chains, 10**6).rows[0].strip()
    except RecursionError:
        pass
    return str(_source(latex))


INLINE_MATH = re.compile(r"(?<!\\)\$([^$]+)\$")


def words(prose: str) -> str:
    """Prose with its inline math on the line."""
    return INLINE_MATH.sub(lambda match: linear(match[1]), prose)


ENTRY = re.compile(r"\b([A-Za-z]\w*)\[([A-Za-z0-9, ]+)\]")


def sentence(words_of_ours: str) -> str:
    """A sentence of the tool: inline math on the line, ``z[i]`` as an entry."""
    parts = re.split(r"(\$[^$]+\$)", words_of_ours)
    return words("".join(p if p.startswith("$") else ENTRY.sub(r"$\1_{\2}$", p) for p in parts))


def statement(said: str) -> str:
    """A formula, or words with inline math, on the line."""
    return words(said) if "$" in said else linear(said)


def _unread(chains: Sequence[s.Chain]) -> bool:
    return any(link.problem for chain in chains for link in chain.links)


def _source(latex: str) -> Box:
    return text(re.sub(r"\s+", " ", latex).strip())


def name(content: str, dress: str = "", word: bool = False) -> str:
    r"""``\hat z`` is ẑ, ``\sigma`` is σ, ``J_{softmax}`` is J with a roman subscript, ``\mathbb{R}`` is ℝ."""
    if dress.endswith("mathbb") and content in BLACKBOARD:
        return BLACKBOARD[content]
    if match := re.fullmatch(r"\\(\w+)\s*\{?(.+?)\}?", content):
        command, rest = match.groups()
        if command in ACCENTS:
            inner = name(rest)
            return inner[:1] + ACCENTS[command] + inner[1:]
    for mark, table in (("_", SUBSCRIPTS), ("^", SUPERSCRIPTS)):
        if mark in content:
            stem, _, script = content.partition(mark)
            script = name(script.strip("{}"))
            small = _convert(script, table)
            return name(stem) + (small if small is not None else f"{mark}{script}")
    stem = content.lstrip("\\")
    primes = len(stem) - len(stem.rstrip("'"))
    return {**LETTERLIKE, **GREEK}.get(stem.rstrip("'"), stem.rstrip("'")) + "′" * primes


def _convert(content: str, table: Mapping[str, str]) -> str | None:
    return "".join(table[c] for c in content) if all(c in table for c in content) else None


# ----- layout -----


def _tight(left: s.Node, right: s.Node) -> bool:
    """Whether two factors that touch in the source are one thing: ``f(t)``, ``dV``."""
    return isinstance(right, s.Group) or (isinstance(left, s.Name) and left.text == "d")


@dataclass(frozen=True)
class _Layout:
    """``small`` inside of scripts, where fractions stay on the line; ``line`` where everything has to."""

    latex: str
    small: bool = False
    line: bool = False
    depth: int = 0

    def __call__(self, node: s.Node | None) -> Box:
        if node is None:
            return box.EMPTY
        if self.depth > MAX_DEPTH:
            return text(self.latex[node.start : node.end])
        method = METHODS.get(type(node))
        if method is None:
            return text(self.latex[node.start : node.end])
        return method(replace(self, depth=self.depth + 1), node)

    def script(self, node: s.Node) -> Box:
        return replace(self, small=True)(node)

    def chains(self, chains: Sequence[s.Chain], width: int) -> Box:
        parts: list[Box] = []
        for k, chain in enumerate(chains):
            if k:
                parts.append(text(",   "))
            if chain.words:
                parts.append(text(f"{chain.words} "))
            parts.extend(self.chain(chain))
        return box.wrapped(parts, width)

    def chain(self, chain: s.Chain) -> list[Box]:
        parts: list[Box] = []
        for link in chain.links:
            sign = text(f" {RELATIONS.get(link.sign, link.sign)} ") if link.sign else box.EMPTY
            sides = self.term_boxes(link.side) if isinstance(link.side, s.Terms) else [self(link.side)]
            parts.append(beside(sign, sides[0]))
            parts.extend(sides[1:])
        return parts

    def joined(self, nodes: Sequence[s.Node], separator: str = ", ") -> Box:
        parts: list[Box] = []
        for k, node in enumerate(nodes):
            parts += [text(separator)] if k else []
            parts.append(self(node))
        return beside(*parts)

    # leaves

    def number(self, node: s.Number) -> Box:
        return text(node.text)

    def name(self, node: s.Name) -> Box:
        return text(name(node.text, node.dress, node.word))

    def wildcard(self, node: s.Wildcard) -> Box:
        return text("·")

    def dots(self, node: s.Dots) -> Box:
        return text(DOTS.get(node.kind.lstrip("\\"), "…"))

    def words(self, node: s.Text) -> Box:
        return text(f" {node.text.strip()} ")

    # sums, products, fractions

    def term_boxes(self, node: s.Terms) -> list[Box]:
        parts: list[Box] = []
        for k, (sign, term) in enumerate(zip(node.signs, node.terms, strict=True)):
            shown = TERM_SIGNS.get(sign, sign)
            tight = self.small or k == 0
            lead = ("" if k == 0 and shown == "+" else shown) if tight else f" {shown} "
            parts.append(beside(text(lead), self(term)))
        return parts

    def terms(self, node: s.Terms) -> Box:
        return beside(*self.term_boxes(node))

    def factors(self, node: s.Factors) -> Box:
        parts: list[Box] = []
        before: s.Node | None = None
        for sign, factor in zip(node.signs, node.factors, strict=True):
            shown = self(factor)
            if before is not None and not (not sign and factor.start == before.end and _tight(before, factor)):
                parts.append(text(self.gap(sign, parts[-1], shown)))
            parts.append(shown)
            before = factor
        return beside(*parts)

    def gap(self, sign: str, left: Box, right: Box) -> str:
        if self.small and not sign:
            single = left.flat and right.flat and cells(left.rows[0].split(" ")[-1]) == 1
            return "" if single and not re.match(r"[a-z]{2}", right.rows[0]) else " "  # k log x
        if sign in ("", "/"):
            return sign or " "
        return f" {PRODUCTS.get(sign, sign)} "

    def fraction(self, node: s.Fraction) -> Box:
        if not self.small and not self.line:
            return box.fraction(self(node.numerator), self(node.denominator))
        return beside(self.compact(node.numerator, above=True), text("/"), self.compact(node.denominator))

    def compact(self, node: s.Node, above: bool = False) -> Box:
        """A part of a fraction on the line, in parentheses where it would be misread."""
        shown = self(node)
        several = isinstance(node, s.Terms) and len(node.terms) > 1
        several = several or isinstance(node, (s.Fraction, s.Partial, s.Big))
        several = several or (isinstance(node, s.Factors) and not above and not self.is_application(node))
        return enclosed(shown) if several and shown.width > 1 else shown

    def is_application(self, node: s.Factors) -> bool:
        """``f(t)``, with nothing in between."""
        if len(node.factors) != 2:
            return False
        return isinstance(node.factors[1], s.Group) and node.factors[0].end == node.factors[1].start

    def root(self, node: s.Root) -> Box:
        if self.line:
            return beside(text("√"), self.compact(node.body))
        return box.root(self(node.body), self.script(node.degree) if node.degree else None)

    # scripts

    def subscript(self, node: s.Subscript) -> Box:
        parts = [self.script(index) for index in node.indices]
        tight = all(part.flat and len(part.rows[0].rstrip("′")) == 1 for part in parts)
        sub = beside(*(b for k, part in enumerate(parts) for b in ([text("" if tight else ",")] if k else []) + [part]))
        return self.lowered(self(node.base), sub)

    def lowered(self, base: Box, sub: Box) -> Box:
        small = _convert(sub.rows[0], SUBSCRIPTS) if sub.flat else None
        if small is not None:
            return (
                beside(base, Box((small,)))
                if base.flat
                else beside(base, Box((*[" " * cells(small)] * (base.height - 1), small), base.baseline))
            )
        return self.marked(base, "_", sub) if self.line else box.scripts(base, sub, None)

    def marked(self, base: Box, sign: str, script: Box) -> Box:
        row = script.rows[0]
        plain = self.is_entry(script) or (sign == "_" and row.isalnum()) or re.fullmatch(r"\([^()]*\)", row)
        return beside(base, text(sign), script if plain or script.width == 1 else enclosed(script))

    def is_entry(self, script: Box) -> bool:
        """A letter with Unicode scripts."""
        return all(c in UNICODE_SCRIPTS for c in script.rows[0][1:])

    def superscript(self, node: s.Superscript) -> Box:
        return self.raised(self(node.base), self.script(node.exponent))

    def raised(self, base: Box, sup: Box) -> Box:
        small = _convert(sup.rows[0], SUPERSCRIPTS) if sup.flat and MADE_SMALL.fullmatch(sup.rows[0]) else None
        if small is not None:
            return (
                beside(base, Box((small,)))
                if base.flat
                else beside(base, Box((small, *[" " * cells(small)] * (base.height - 1)), base.baseline))
            )
        return self.marked(base, "^", sup) if self.line else box.scripts(base, None, sup)

    def transpose(self, node: s.Transpose) -> Box:
        return self.raised(self(node.base), text("-T" if node.inverse else "T"))

    def prime(self, node: s.Prime) -> Box:
        return beside(self(node.base), text("′" * node.count))

    # brackets

    def group(self, node: s.Group) -> Box:
        closing = {"(": ")", "[": "]", "{": "}"}.get(node.opening, "")
        if node.bar:
            given = beside(self.joined(node.items[: node.bar]), text(" | "), self.joined(node.items[node.bar :]))
            return enclosed(given, node.opening, closing)
        return enclosed(self.joined(node.items), node.opening if closing else "", closing)

    def bars(self, node: s.Bars) -> Box:
        sign = "‖" if node.double else "|"
        return enclosed(self(node.body), sign, sign)

    def angle(self, node: s.Angle) -> Box:
        return enclosed(beside(self(node.left), text(", "), self(node.right)), "⟨", "⟩")

    # functions and operators

    def call(self, node: s.Call) -> Box:
        head = text(node.function + "′" * node.primes)
        if node.base is not None:
            head = self.lowered(head, self.script(node.base))
        if node.power is not None:
            head = self.raised(head, self.script(node.power))
        body = self.joined(node.arguments)
        if self.written_bare(node):
            return beside(head, text(" "), body)
        return beside(head, enclosed(body))

    def written_bare(self, node: s.Call) -> bool:
        """Whether the argument stood without parentheses in the source."""
        if len(node.arguments) != 1:
            return False
        argument = node.arguments[0]
        if self.line and isinstance(argument, s.Fraction):
            return False
        return isinstance(argument, s.Group) or not re.search(
            r"[(\[]\s*$|\\\{\s*$|\\left\s*.\s*$", self.latex[node.start : argument.start]
        )

    def big(self, node: s.Big) -> Box:
        parts = [self.operator(node.kind, binder) for binder in node.binders] or [text(BIG.get(node.kind, node.kind))]
        return beside(*(b for part in parts for b in (part, text(" "))), self(node.body))

    def operator(self, kind: str, binder: s.Binder) -> Box:
        small = replace(self, small=True)
        below = small.joined(binder.indices, ",")
        if binder.first is not None:
            below = beside(below, text(RELATIONS.get(binder.relation, binder.relation)), small(binder.first))
        above = small(binder.last) if binder.last is not None else None
        sign = text(BIG.get(kind, kind))
        if self.line or (self.small and above is None):
            lowered = self.lowered(sign, below)
            return self.raised(lowered, above) if above else lowered
        return box.limits(sign, below, above)

    def partial(self, node: s.Partial) -> Box:
        d = "d" if node.total else "∂"
        head = self.raised(text(d), text(str(node.order))) if node.order > 1 else text(d)
        below: list[Box] = []
        for k, (variable, count) in enumerate(node.variables):
            shown = beside(text((" " if k else "") + d), self(variable))
            below.append(self.raised(shown, text(str(count))) if count > 1 else shown)
        inside = bool(node.variables) and node.body.start < node.variables[0][0].start
        above = beside(head, self(node.body)) if inside else head
        quotient = (
            box.fraction(above, beside(*below)) if not (self.small or self.line) else beside(above, text("/"), *below)
        )
        return quotient if inside else beside(quotient, text(" "), self(node.body))

    def nabla(self, node: s.Nabla) -> Box:
        head = text("∇")
        if node.order > 1:
            head = self.raised(head, text(str(node.order)))
        if node.variables:
            head = self.lowered(head, replace(self, small=True).joined(node.variables, ","))
        return beside(head, text(" "), self(node.body))

    def evaluated(self, node: s.Evaluated) -> Box:
        body = self(node.body)
        bar = Box(("│",) * max(body.height, 1), body.baseline)
        return beside(body, self.lowered(bar, self.conditions(node.conditions)))

    def conditions(self, conditions: Sequence[s.Relation]) -> Box:
        parts: list[Box] = []
        for k, condition in enumerate(conditions):
            parts += [text(", ")] if k else []
            parts.append(self(condition))
        return beside(*parts)

    def indicator(self, node: s.Indicator) -> Box:
        return beside(text("𝟙"), enclosed(self.conditions(node.conditions), "{", "}"))

    def relation(self, node: s.Relation) -> Box:
        sign = RELATIONS.get(node.sign, node.sign)
        return beside(self(node.left), text(sign if self.small else f" {sign} "), self(node.right))

    def cases(self, node: s.Cases) -> Box:
        rows = [
            [self(value), beside(text("if "), self.conditions(when)) if when else text("otherwise")]
            for value, when in node.rows
        ]
        if self.line:
            return enclosed(
                beside(
                    *(
                        b
                        for k, row in enumerate(rows)
                        for b in ([text("; ")] if k else []) + [row[0], text(" "), row[1]]
                    )
                ),
                "{",
                "}",
            )
        return enclosed(box.grid(rows, align="left"), "{", "")

    def matrix(self, node: s.Matrix) -> Box:
        rows = [[self(entry) for entry in row] for row in node.rows]
        if self.line:
            cut = (
                b
                for r, row in enumerate(rows)
                for c, cell in enumerate(row)
                for b in ([text("; " if c == 0 else " ")] if r or c else []) + [cell]
            )
            return enclosed(beside(*cut), "[", "]")
        return enclosed(box.grid(rows))


METHODS: dict[type, Callable[[_Layout, Any], Box]] = {
    s.Number: _Layout.number,
    s.Name: _Layout.name,
    s.Wildcard: _Layout.wildcard,
    s.Dots: _Layout.dots,
    s.Text: _Layout.words,
    s.Terms: _Layout.terms,
    s.Factors: _Layout.factors,
    s.Fraction: _Layout.fraction,
    s.Root: _Layout.root,
    s.Subscript: _Layout.subscript,
    s.Superscript: _Layout.superscript,
    s.Transpose: _Layout.transpose,
    s.Prime: _Layout.prime,
    s.Group: _Layout.group,
    s.Bars: _Layout.bars,
    s.Angle: _Layout.angle,
    s.Call: _Layout.call,
    s.Big: _Layout.big,
    s.Partial: _Layout.partial,
    s.Nabla: _Layout.nabla,
    s.Evaluated: _Layout.evaluated,
    s.Indicator: _Layout.indicator,
    s.Relation: _Layout.relation,
    s.Cases: _Layout.cases,
    s.Matrix: _Layout.matrix,
}
