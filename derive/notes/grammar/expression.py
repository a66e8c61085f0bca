r"""One side of a relation: tokens -> tree, by recursive descent.

    terms      [sign] product (sign product)*             sign: + - \pm
    product    factor ([operator] factor)*                operator: \cdot \times / \odot \otimes …, or nothing
    factor     primary script*                            script: _{indices} ^{exponent} ' |_{condition}
    primary    number | name | bracket | \frac | \sqrt | big | function | derivative | environment | dots | text

What takes the factors behind it: ``\sum`` and ``\prod`` the rest of the product; a function or a derivative
operator the bracket directly behind it or else the product that follows; ``\nabla`` and ``\partial_x`` in front of
a name only that name. Where such a product has an explicit sign in it and two readings are possible, that is a
problem that names both.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from derive.notes.grammar.bounds import Bounds
from derive.notes.grammar.brackets import Brackets
from derive.notes.grammar.cursor import LAYOUT, MAX_DEPTH, Unreadable
from derive.notes.grammar.derivatives import Derivatives, is_applied
from derive.notes.grammar.scripts import Scripts
from derive.notes.grammar.syntax import (
    Call,
    Dots,
    Evaluated,
    Factors,
    Fraction,
    Group,
    Name,
    Node,
    Number,
    Prime,
    Relation,
    Root,
    Subscript,
    Superscript,
    Terms,
    Text,
    Transpose,
    Wildcard,
)
from derive.notes.grammar.tokens import Token, clean

THIN = re.compile(r"\\[,:;> ]")


class Expressions(Scripts, Brackets, Derivatives, Bounds):
    """Reads ranges of one formula's tokens."""

    def __init__(self, tokens: list[Token], partner: list[int], source: str) -> None:
        super().__init__(tokens, partner, source)
        self.primaries: dict[str, Callable[[Token], Node]] = {
            "number": self.number,
            "letter": self._letter,
            "greek": self._letter,
            "word": self._word,
            "d": self._roman_d,
            "dress": self._dressed,
            "switch": self._switched,
            "accent": self._accented,
            "func": self._call,
            "big": self.big,
            "frac": self._fraction,
            "dots": self._dots,
            "open": self.bracket,
            "bar": self.bars,
            "{": self.braces,
            "begin": self.environment,
            "cmd": self._command,
            "transparent": self._transparent,
            "brace": self.brace,
            "text": self._text,
            "above": self.above,
        }

    def expression(self, low: int, high: int) -> Node:
        return self.inside(low, high, self.terms)

    def side(self, low: int, high: int) -> Node:
        """A side of a relation; several items with commas between them are a Group without brackets."""
        parts = [(a, b) for a, b in self.split(low, high, {","}) if any(t.kind not in LAYOUT for t in self.tokens[a:b])]
        if len(parts) <= 1:
            return _listed(self.expression(*(parts[0] if parts else (low, high))))
        items = tuple(self.expression(a, b) for a, b in parts)
        return Group(items[0].start, items[-1].end, "", items)

    def items(self, low: int, high: int) -> tuple[Node, ...]:
        """What stands in a bracket: expressions or relations, with commas between them."""
        if all(t.kind in LAYOUT for t in self.tokens[low:high]):
            return ()
        found: list[Node] = []
        for a, b in self.split(low, high, {",", ";"}):
            if self.has_relation(a, b):
                found += self.relations(a, b)
            elif b - a == 1 and self.tokens[a].text == r"\cdot":
                found.append(Wildcard(self.tokens[a].start, self.tokens[a].end))
            else:
                item = _listed(self.expression(a, b))
                found += item.items if isinstance(item, Group) and item.opening == "" else [item]
        return tuple(found)

    def has_relation(self, low: int, high: int) -> bool:
        return any(self.tokens[i].kind == "rel" and self.tokens[i].text != ":" for i in self.top(low, high))

    def conditions(self, low: int, high: int) -> tuple[Relation, ...]:
        r"""Relations with commas, "and" or ``\land`` between them."""
        found: list[Relation] = []
        start = low
        ends = [i for i in self.top(low, high) if self._parts_conditions(self.tokens[i])]
        for end in [*ends, high]:
            while start < end and self.tokens[start].kind in LAYOUT:
                start += 1
            if start < end:
                found += self.relations(start, end)
            start = end + 1
        return tuple(found)

    def _parts_conditions(self, token: Token) -> bool:
        if token.kind == "text":
            word = clean(token.extra).lower().strip(" ,.;")
            if word in ("or",):
                raise Unreadable(token.start, "conditions with “or” are not part of the language")
            return True
        if token.kind == "cmd" and token.text in (r"\lor", r"\vee"):
            raise Unreadable(token.start, "conditions with “or” are not part of the language")
        return token.kind in (",", ";", "wide") or (token.kind == "cmd" and token.text in (r"\land", r"\wedge"))

    def relations(self, low: int, high: int) -> list[Relation]:
        """``a < b < c`` as its neighbouring pairs."""
        signs = [i for i in self.top(low, high) if self.tokens[i].kind == "rel" and self.tokens[i].text != ":"]
        if not signs:
            at = self.tokens[low].start if low < len(self.tokens) else len(self.source)
            raise Unreadable(at, "a condition needs a relation")
        bounds = [low, *(i + 1 for i in signs)]
        sides = [self.expression(a, b) for a, b in zip(bounds, [*signs, high], strict=True)]
        return [
            Relation(left.start, right.end, self.tokens[sign].text, left, right)
            for sign, left, right in zip(signs, sides, sides[1:], strict=False)
        ]

    def terms(self) -> Node:
        signs: list[str] = []
        terms: list[Node] = []
        start = self.here()
        while True:
            token = self.peek()
            if token and token.kind == "sign":
                signs.append(token.text)
                self.pos += 1
            elif terms:
                break
            else:
                signs.append("+")
            terms.append(self.product("full"))
        if len(terms) == 1 and signs[0] == "+":
            return terms[0]
        return Terms(start, self.behind(), tuple(signs), tuple(terms))

    def product(self, mode: str) -> Node:
        """Factors up to a sign, a relation or the end.

        ``mode``: full, body (of a sum), function (argument without a bracket), operator (of a derivative).
        """
        signs, factors = [""], [self._signed() if mode == "full" else self._first(mode)]
        while token := self.peek():
            sign = ""
            if token.kind == "bar" and self.partner[self.pos] < 0 and self.kind_at(self.pos + 1) == "_":
                if mode != "full":
                    break
                self._evaluate(signs, factors)
                continue
            if self._stops(token, mode, factors):
                break
            if token.kind == "op":
                sign = token.text
                self.pos += 1
            elif (
                token.kind not in self.primaries
                or (token.kind in ("open", "bar", "{", "begin") and self.partner[self.pos] < 0)
                or (token.kind == "bar" and self.partner[self.pos] < self.pos)
            ):
                break
            if mode == "function" and not sign and self._is_parted(signs, factors, token):
                break
            signs.append(sign)
            factors.append(self._signed() if sign else self.factor())
        if len(factors) == 1:
            return factors[0]
        return Factors(factors[0].start, factors[-1].end, tuple(signs), tuple(factors))

    def _is_parted(self, signs: list[str], factors: list[Node], token: Token) -> bool:
        r"""Whether ``\log p(x)`` ends in front of ``\, q(x)``: a space behind a name with its arguments."""
        if not is_applied(Factors(factors[0].start, factors[-1].end, tuple(signs), tuple(factors))):
            return False
        return self.scoring or THIN.search(self.source[factors[-1].end : token.start]) is not None

    def _first(self, mode: str) -> Node:
        """The body of a sum may begin with a sign; the argument of a function too: ``\\exp -x``."""
        return self._signed()

    def _signed(self) -> Node:
        token = self.peek()
        if token and token.kind == "sign" and self._next_is_operand():
            self.pos += 1
            factor = self.factor()
            return Terms(token.start, factor.end, (token.text,), (factor,))
        return self.factor()

    def _next_is_operand(self) -> bool:
        return self.kind_at(self.pos + 1) in self.primaries

    def _stops(self, token: Token, mode: str, factors: list[Node]) -> bool:
        """Whether the argument of a function or of a derivative ends in front of ``token``."""
        if mode in ("full", "body"):
            return False
        behind = self.pos + 1 if token.kind == "op" else self.pos
        if mode == "function":
            if token.kind == "op":
                if self.kind_at(behind) == "func" or self.derivative_at(behind):
                    return True
                if len(factors) == 1 and isinstance(factors[0], Number) and token.text in (r"\cdot", r"\times"):
                    return True  # \ln 2 \cdot x
                raise Unreadable(
                    token.start,
                    f"ambiguous: is {self.spelled(token)} inside of the function's argument or behind it? "
                    "Put the argument in parentheses",
                )
            if token.kind == "big":
                raise Unreadable(
                    token.start,
                    f"ambiguous: is {self.spelled(token)} inside of the function's argument or behind it? "
                    "Put the argument in parentheses",
                )
            return token.kind == "func" or self.derivative_at(self.pos)
        if self.derivative_at(behind):
            raise Unreadable(
                token.start,
                "ambiguous: does the derivative operator act on the derivative behind its factor? "
                "Put what it acts on in parentheses",
            )
        return False

    def derivative_at(self, i: int) -> bool:
        if i >= self.high:
            return False
        token = self.tokens[i]
        if token.kind == "frac":
            first = i + 2 if self.kind_at(i + 1) == "{" else i + 1
            return first < self.high and (
                self.tokens[first].text == r"\partial" or self.tokens[first].kind == "d" or self._italic_derivative(i)
            )
        return token.kind == "cmd" and token.text in (r"\partial", r"\nabla")

    def _italic_derivative(self, i: int) -> bool:
        low, high = self._peek_argument(i + 1)
        below = self._peek_argument(high + 1)
        return self.is_total(low, high, top=True) and self.is_total(*below, top=False)

    def _peek_argument(self, i: int) -> tuple[int, int]:
        """The range of the argument at ``i``, without reading it."""
        if i < len(self.tokens) and self.tokens[i].kind == "{" and self.partner[i] > i:
            return i + 1, self.partner[i]
        return i, i

    def _evaluate(self, signs: list[str], factors: list[Node]) -> None:
        """``F(t)|_{t=0}``: the bar belongs to the last factor, with the name that is applied to it."""
        self.pos += 2
        low, high = self.argument_range("the condition of an evaluation")
        conditions = self.conditions(low, high)
        take = 1
        while (
            take < len(factors)
            and isinstance(_core(factors[-take]), Group)
            and signs[-take] == ""
            and _is_name(factors[-take - 1])
        ):
            take += 1
        body = (
            factors[-1]
            if take == 1
            else Factors(
                factors[-take].start, factors[-1].end, ("", *signs[len(signs) - take + 1 :]), tuple(factors[-take:])
            )
        )
        del factors[-take:]
        factors.append(Evaluated(body.start, self.behind(), body, conditions))
        del signs[len(factors) :]

    def factor(self) -> Node:
        token = self.peek()
        if token is None or token.kind not in self.primaries:
            raise self.fail("a factor")
        slashed = self.slashed()
        if slashed is not None:
            return slashed
        node = self.primary()
        return self.scripts(node)

    def primary(self) -> Node:
        token = self.peek()
        if token is None or token.kind not in self.primaries:
            raise self.fail("a factor")
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                raise Unreadable(token.start, f"nested deeper than {MAX_DEPTH} levels")
            return self.primaries[token.kind](token)
        finally:
            self.depth -= 1

    def argument_range(self, what: str) -> tuple[int, int]:
        token = self.peek()
        if token is None:
            raise self.fail(what)
        at = self.pos
        if token.kind == "{":
            if self.partner[at] < 0:
                raise self.fault(token, what)
            self.pos = self.partner[at] + 1
            return at + 1, self.partner[at]
        self.pos += 1
        return at, at + 1

    def argument(self, what: str) -> Node:
        """``{…}``, or one token as TeX takes it: ``\\frac12`` is one half."""
        token = self.peek()
        if token is None:
            raise self.fail(what)
        if token.kind == "{":
            low, high = self.argument_range(what)
            if low == high:
                raise Unreadable(token.start, f"found {{}} where {what} was expected")
            return self.expression(low, high)
        if token.kind == "number":
            return self.digit(token)
        if token.kind == "letter" or token.kind in ("greek", "word", "dots", "d"):
            return self.primary()
        if token.kind in ("frac", "dress", "accent", "cmd", "text", "transparent"):
            return self.primary()
        raise self.fail(what)

    def number(self, token: Token) -> Node:
        self.pos += 1
        if self.dress:
            return Name(token.start, token.end, token.text, self.dress)
        return Number(token.start, token.end, token.text)

    def _letter(self, token: Token) -> Node:
        self.pos += 1
        return Name(token.start, token.end, token.text, self.dress)

    def _word(self, token: Token) -> Node:
        self.pos += 1
        return Name(token.start, token.end, token.text, token.extra, True)

    def _roman_d(self, token: Token) -> Node:
        self.pos += 1
        return Name(token.start, token.end, "d", r"\mathrm")

    def _text(self, token: Token) -> Node:
        self.pos += 1
        return Text(token.start, token.end, clean(token.extra))

    def _dots(self, token: Token) -> Node:
        self.pos += 1
        return Dots(token.start, token.end, token.text)

    def _dressed(self, token: Token) -> Node:
        self.pos += 1
        saved, self.dress = self.dress, self.dress or token.text
        try:
            node = self.argument(f"the argument of {self.spelled(token)}")
        finally:
            self.dress = saved
        return _spanned(node, token.start, self.behind())

    def _switched(self, token: Token) -> Node:
        r"""``{\bf x}``: a font up to the end of the group."""
        self.pos += 1
        saved, self.dress = self.dress, token.text
        try:
            return self.factor()
        finally:
            self.dress = saved

    def _accented(self, token: Token) -> Node:
        self.pos += 1
        node = self.argument(f"the argument of {self.spelled(token)}")
        named = _accent(node, token.text)
        if named is None:
            raise Unreadable(token.start, f"{self.spelled(token)} over something that is not a name")
        return _spanned(named, token.start, self.behind())

    def _transparent(self, token: Token) -> Node:
        self.pos += 1
        return self.argument(f"the argument of {self.spelled(token)}")

    def _fraction(self, token: Token) -> Node:
        self.pos += 1
        above = self._range_or_node("a numerator")
        below = self._range_or_node("a denominator")
        end = self.behind()
        if isinstance(above, tuple) and isinstance(below, tuple):
            derivative = self.derivative(token.start, end, above, below)
            if derivative is not None:
                return derivative
        numerator = self.expression(*above) if isinstance(above, tuple) else above
        denominator = self.expression(*below) if isinstance(below, tuple) else below
        return Fraction(token.start, end, numerator, denominator)

    def _range_or_node(self, what: str) -> tuple[int, int] | Node:
        if self.kind() == "{":
            at = self.here()
            low, high = self.argument_range(what)
            if low == high:
                raise Unreadable(at, f"found {{}} where {what} was expected")
            return low, high
        return self.argument(what)

    def _command(self, token: Token) -> Node:
        self.pos += 1
        if token.text == r"\sqrt":
            return self._root(token)
        if token.text == r"\partial":
            return self.partial(token)
        if token.text == r"\nabla":
            return self.nabla(token)
        self.pos -= 1
        raise Unreadable(token.start, f"{token.text} is not part of the language here")

    def _root(self, token: Token) -> Node:
        degree = None
        if self.kind() == "open" and self.tokens[self.pos].text == "[" and self.partner[self.pos] > 0:
            opening = self.pos
            self.pos = self.partner[opening] + 1
            degree = self.expression(opening + 1, self.partner[opening])
        if self.kind() == "open" and self.partner[self.pos] > 0:
            body = self.primary()
        else:
            body = self.argument(r"the argument of \sqrt")
        return Root(token.start, self.behind(), body, degree)

    def _call(self, token: Token) -> Node:
        self.pos += 1
        return self.call_of(token, token.start)

    def call_of(self, token: Token, start: int) -> Node:
        if token.text in ("max", "min") and self.kind() == "_":
            return self.big_of(token.text, start, self.bounds())
        power = base = None
        primes = 0
        while kind := self.kind():
            if kind == "'":
                self.pos += 1
                primes += 1
            elif kind == "^" and power is None:
                self.pos += 1
                if self.kind_at(self.pos) == "'":
                    self.pos += 1
                    primes += 1
                else:
                    power = self.argument("a power")
            elif kind == "_" and base is None and token.text in ("log",):
                self.pos += 1
                base = self.argument("the base of the logarithm")
            else:
                break
        if self.kind() == "_":
            raise self.fail(f"the argument of {token.text}")
        arguments = self._arguments(token)
        return Call(start, self.behind(), token.text, arguments, power, base, primes)

    def _arguments(self, token: Token) -> tuple[Node, ...]:
        opener = self.peek()
        if opener is None:
            raise Unreadable(token.start, f"{self.spelled(token)} has no argument")
        if opener.kind == "open" and opener.text in ("(", "[", "{") and self.partner[self.pos] > 0:
            low, high = self.pos + 1, self.partner[self.pos]
            if not self.has_relation(low, high):
                self.pos = high + 1
                return self.items(low, high)
        if opener.kind == "{" and self.partner[self.pos] > 0:
            low, high = self.argument_range("an argument")
            return self.items(low, high)
        return (self.product("function"),)


def _core(node: Node) -> Node:
    while isinstance(node, Subscript | Superscript | Transpose | Prime):
        node = node.base
    return node


def _is_name(node: Node) -> bool:
    return isinstance(_core(node), Name | Group)


def _spanned(node: Node, start: int, end: int) -> Node:
    """The same node with its font or accent inside of the span."""
    if isinstance(node, Name):
        return Name(start, end, node.text, node.dress, node.word)
    return node


def _accent(node: Node, accent: str) -> Node | None:
    r"""``\hat{y}``; over ``y_i`` it is the hat of y."""
    if isinstance(node, Name):
        return Name(node.start, node.end, f"{accent} {node.text}", node.dress, node.word)
    if isinstance(node, Subscript):
        base = _accent(node.base, accent)
        return base and Subscript(node.start, node.end, base, node.indices)
    if isinstance(node, Superscript):
        base = _accent(node.base, accent)
        return base and Superscript(node.start, node.end, base, node.exponent)
    return None


def _listed(node: Node) -> Node:
    r"""``1 \dots N`` is ``1, \dots, N``."""
    if not (isinstance(node, Factors) and len(node.factors) == 3 and not any(node.signs)):
        return node
    first, dots, last = node.factors
    if isinstance(first, Number) and isinstance(dots, Dots) and not isinstance(last, Number):
        return Group(node.start, node.end, "", node.factors)
    return node
