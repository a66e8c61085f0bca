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

from collections.abc import Callable, Iterator
from typing import TypeVar

from derive.notes import vocabulary as words
from derive.notes.syntax import (
    Angle,
    Bars,
    Big,
    Binder,
    Call,
    Cases,
    Dots,
    Evaluated,
    Factors,
    Fraction,
    Group,
    Indicator,
    Matrix,
    Nabla,
    Name,
    Node,
    Number,
    Partial,
    Prime,
    Problem,
    Relation,
    Root,
    Subscript,
    Superscript,
    Terms,
    Text,
    Transpose,
    Wildcard,
)
from derive.notes.tokens import Token, clean, near

_T = TypeVar("_T")

MAX_DEPTH = 80  # brackets, scripts and operators inside of each other
LAYOUT = {"&", "row", "wide", "tag"}
_TRANSPOSES = {r"\top", r"\intercal"}
_FIRST_OF_OPERAND = {"letter", "greek", "accent", "dress", "word", "open", "{", "func"}
_ONES = {"1", "I", "Id", "\\chi", "\\delta"}


class Unreadable(Exception):
    """A stretch that is no formula of the language."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(at, message)


class Expressions:
    """Reads ranges of one formula's tokens; ``partner`` pairs its brackets."""

    def __init__(self, tokens: list[Token], partner: list[int], source: str) -> None:
        self.tokens, self.partner, self.source = tokens, partner, source
        self.pos = self.low = self.high = self.depth = 0
        self.dress = ""
        self.primaries: dict[str, Callable[[Token], Node]] = {
            "number": self._number,
            "letter": self._letter,
            "greek": self._letter,
            "word": self._word,
            "d": self._roman_d,
            "dress": self._dressed,
            "switch": self._switched,
            "accent": self._accented,
            "func": self._call,
            "big": self._big,
            "frac": self._fraction,
            "dots": self._dots,
            "open": self._bracket,
            "bar": self._bars,
            "{": self._braces,
            "begin": self._environment,
            "cmd": self._command,
            "transparent": self._transparent,
            "brace": self._brace,
            "text": self._text,
            "above": self._above,
        }

    # ----- walking -----

    def peek(self) -> Token | None:
        tokens, high = self.tokens, self.high
        while self.pos < high and tokens[self.pos].kind in LAYOUT:
            self.pos += 1
        return tokens[self.pos] if self.pos < high else None

    def kind(self) -> str:
        token = self.peek()
        return token.kind if token else ""

    def here(self) -> int:
        """Offset of the next token, or of the end of the range."""
        token = self.peek()
        if token:
            return token.start
        return self.tokens[self.high - 1].end if self.high and self.high <= len(self.tokens) else len(self.source)

    def behind(self) -> int:
        """Offset where the last token that was read ends."""
        return self.tokens[self.pos - 1].end if self.pos else 0

    def fail(self, expected: str) -> Unreadable:
        token = self.peek()
        return (
            self.fault(token, expected)
            if token
            else Unreadable(self.here(), f"the formula ends where {expected} was expected")
        )

    def fault(self, token: Token, expected: str) -> Unreadable:
        if token.kind == "unknown" and token.text.startswith("\\"):
            return Unreadable(token.start, f"unknown command {token.text}{near(token.text)}")
        if token.kind == "foreign":
            return Unreadable(token.start, f"{token.text} is not part of the language of notes")
        if token.kind == "missing":
            return Unreadable(token.start, f"{token.text} lacks its argument")
        if token.kind == "begin" and token.text not in words.ENVIRONMENTS:
            return Unreadable(
                token.start, f"unknown environment {token.text}{near(token.text, sorted(words.ENVIRONMENTS))}"
            )
        if token.kind in ("{", "open", "begin", "bar") and not self._paired(token):
            return Unreadable(token.start, f"{self.spelled(token)} is never closed")
        if token.kind in ("}", "close", "end"):
            return Unreadable(token.start, f"{self.spelled(token)} closes nothing")
        return Unreadable(token.start, f"found {self.spelled(token)} where {expected} was expected")

    def _paired(self, token: Token) -> bool:
        return self.tokens[self.pos] is token and self.partner[self.pos] >= 0

    def spelled(self, token: Token) -> str:
        text = " ".join(self.source[token.start : token.end].split())
        return text if len(text) <= 30 else text[:29] + "…"

    def top(self, low: int, high: int) -> Iterator[int]:
        """Positions from ``low`` to ``high`` that stand in no bracket."""
        i = low
        while i < high:
            yield i
            closing = self.partner[i]
            i = closing if i < closing < high and self.tokens[i].kind != "bar" else i + 1

    def split(self, low: int, high: int, kinds: set[str]) -> list[tuple[int, int]]:
        parts, start = [], low
        for i in self.top(low, high):
            if self.tokens[i].kind in kinds:
                parts.append((start, i))
                start = i + 1
        return [*parts, (start, high)]

    def inside(self, low: int, high: int, read: Callable[[], _T], what: str = "an operator or the end") -> _T:
        """What ``read`` makes of exactly the tokens from ``low`` to ``high``."""
        saved = self.pos, self.low, self.high
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.depth -= 1
            raise Unreadable(
                self.tokens[low].start if low < len(self.tokens) else 0, f"nested deeper than {MAX_DEPTH} levels"
            )
        try:
            self.pos, self.low, self.high = low, low, high
            result = read()
            if self.peek():
                raise self.fail(what)
            return result
        finally:
            self.pos, self.low, self.high = saved
            self.depth -= 1

    def expression(self, low: int, high: int) -> Node:
        return self.inside(low, high, self.terms)

    # ----- sides, lists, conditions -----

    def side(self, low: int, high: int) -> Node:
        """A side of a relation; several items with commas between them are a Group without brackets."""
        parts = [(a, b) for a, b in self.split(low, high, {","}) if any(t.kind not in LAYOUT for t in self.tokens[a:b])]
        if len(parts) <= 1:
            return self.expression(*(parts[0] if parts else (low, high)))
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
            else:
                found.append(self.expression(a, b))
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

    # ----- sums and products -----

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
            if token.kind == "bar" and self.partner[self.pos] < 0 and self._kind_at(self.pos + 1) == "_":
                if mode != "full":
                    break
                self._evaluate(signs, factors)
                continue
            if self._stops(token, mode):
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
            signs.append(sign)
            factors.append(self._signed() if sign else self.factor())
        if len(factors) == 1:
            return factors[0]
        return Factors(factors[0].start, factors[-1].end, tuple(signs), tuple(factors))

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
        return self._kind_at(self.pos + 1) in self.primaries

    def _kind_at(self, i: int) -> str:
        while i < self.high and self.tokens[i].kind in LAYOUT:
            i += 1
        return self.tokens[i].kind if i < self.high else ""

    def _stops(self, token: Token, mode: str) -> bool:
        """Whether the argument of a function or of a derivative ends in front of ``token``."""
        if mode in ("full", "body"):
            return False
        behind = self.pos + 1 if token.kind == "op" else self.pos
        if mode == "function":
            if token.kind == "op":
                if self._kind_at(behind) == "func" or self._derivative_at(behind):
                    return True
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
            return token.kind == "func" or self._derivative_at(self.pos)
        if self._derivative_at(behind):
            raise Unreadable(
                token.start,
                "ambiguous: does the derivative operator act on the derivative behind its factor? "
                "Put what it acts on in parentheses",
            )
        return False

    def _derivative_at(self, i: int) -> bool:
        if i >= self.high:
            return False
        token = self.tokens[i]
        if token.kind == "frac":
            first = i + 2 if self._kind_at(i + 1) == "{" else i + 1
            return first < self.high and (
                self.tokens[first].text == r"\partial" or self.tokens[first].kind == "d" or self._italic_derivative(i)
            )
        return token.kind == "cmd" and token.text in (r"\partial", r"\nabla")

    def _italic_derivative(self, i: int) -> bool:
        low, high = self._peek_argument(i + 1)
        below = self._peek_argument(high + 1)
        return self._is_total(low, high, top=True) and self._is_total(*below, top=False)

    def _peek_argument(self, i: int) -> tuple[int, int]:
        """The range of the argument at ``i``, without reading it."""
        if i < len(self.tokens) and self.tokens[i].kind == "{" and self.partner[i] > i:
            return i + 1, self.partner[i]
        return i, i

    def _evaluate(self, signs: list[str], factors: list[Node]) -> None:
        """``F(t)|_{t=0}``: the bar belongs to the last factor, with the name that is applied to it."""
        self.pos += 2
        low, high = self._argument_range("the condition of an evaluation")
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

    # ----- factors -----

    def factor(self) -> Node:
        token = self.peek()
        if token is None or token.kind not in self.primaries:
            raise self.fail("a factor")
        slashed = self._slashed()
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

    def scripts(self, node: Node) -> Node:
        seen: set[str] = set()
        while token := self.peek():
            if token.kind == "'":
                node = self._prime(node)
            elif (
                token.kind == "{"
                and self.partner[self.pos] == self.pos + 1
                and self._kind_at(self.pos + 2) in ("^", "_")
            ):
                self.pos += 2
                seen.clear()
            elif token.kind in ("^", "_"):
                if token.kind in seen:
                    raise Unreadable(
                        token.start,
                        f"double {'superscript' if token.kind == '^' else 'subscript'}; put the first one in braces",
                    )
                seen.add(token.kind)
                self.pos += 1
                node = self._superscript(node) if token.kind == "^" else self._subscript(node)
            else:
                break
        return self._indicator(node)

    def _prime(self, node: Node) -> Node:
        count = 0
        while self.kind() == "'":
            self.pos += 1
            count += 1
        if isinstance(node, Prime):
            return Prime(node.start, self.behind(), node.base, node.count + count)
        return Prime(node.start, self.behind(), node, count)

    def _argument_range(self, what: str) -> tuple[int, int]:
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
            low, high = self._argument_range(what)
            if low == high:
                raise Unreadable(token.start, f"found {{}} where {what} was expected")
            return self.expression(low, high)
        if token.kind == "number":
            return self._digit(token)
        if token.kind == "letter" or token.kind in ("greek", "word", "dots", "d"):
            return self.primary()
        if token.kind in ("frac", "dress", "accent", "cmd", "text", "transparent"):
            return self.primary()
        raise self.fail(what)

    def _digit(self, token: Token) -> Node:
        if len(token.text) == 1:
            return self._number(token)
        rest = Token("number", token.text[1:], token.start + 1, token.end)
        self.tokens[self.pos] = rest
        return Number(token.start, token.start + 1, token.text[0])

    # ----- scripts -----

    def _superscript(self, base: Node) -> Node:
        token = self.peek()
        if token is None:
            raise self.fail("an exponent")
        low, high = (
            (self.pos + 1, self.partner[self.pos]) if token.kind == "{" else (self.pos, self._behind_dressed(self.pos))
        )
        content = [t for t in self.tokens[low:high] if t.kind not in LAYOUT] if high > 0 else []
        kinds = [t.kind for t in content]
        special = self._transposed(base, content)
        if special is not None:
            self.pos = high + (token.kind == "{")
            return special(self.behind())
        if kinds and all(k == "'" for k in kinds):
            self._argument_range("a prime")
            return Prime(base.start, self.behind(), base, len(kinds))
        if word := self._script_word(content):
            self._argument_range("an exponent")
            return with_script(base, "^", word, self.behind())
        if kinds and all(k in ("sign", "rel") for k in kinds):
            self._argument_range("an exponent")
            text = Text(content[0].start, content[-1].end, "".join(t.text for t in content))
            return Superscript(base.start, self.behind(), base, text)
        exponent = self.argument("an exponent")
        return Superscript(base.start, self.behind(), base, exponent)

    def _behind_dressed(self, i: int) -> int:
        r"""Behind the one token at ``i``, or behind ``\mathsf{T}``."""
        if self.tokens[i].kind == "dress" and i + 1 < self.high:
            return self.partner[i + 1] + 1 if self.tokens[i + 1].kind == "{" and self.partner[i + 1] > 0 else i + 2
        return i + 1

    def _transposed(self, base: Node, content: list[Token]) -> Callable[[int], Node] | None:
        inverse = bool(content) and content[0].kind == "sign" and content[0].text == "-"
        rest = content[1:] if inverse else content
        text = "".join(t.extra.strip() if t.kind == "text" else t.text for t in rest if t.kind not in "{}")
        plain = len(rest) == 1 and rest[0].text in _TRANSPOSES
        roman = (
            text in (r"\mathsfT", r"\mathrmT", r"\mathitT")
            or (text == "T" and any(t.kind in ("word", "text") for t in rest))
            or (len(rest) == 2 and rest[0].kind == "switch" and rest[1].text == "T")
        )
        if not (plain or roman):
            return None
        return lambda end: Transpose(base.start, end, base, inverse)

    def _script_word(self, content: list[Token]) -> str:
        """Roman words, ``*`` and the like, which make a name of its own."""
        if len(content) == 1:
            token = content[0]
            if token.kind == "text":
                return clean(token.extra)
            if token.kind == "word" or (token.kind == "func"):
                return token.text
            if token.text in (r"\cdot", r"\ast", r"\star") and self.source[token.start : token.end] in (
                "*",
                r"\ast",
                r"\star",
            ):
                return "*"
            if token.text == r"\dagger":
                return r"\dagger"
        if len(content) in (2, 4) and content[0].kind in ("dress", "switch") and content[0].text == r"\mathrm":
            inner = [t for t in content[1:] if t.kind not in "{}"]
            if len(inner) == 1 and inner[0].kind in ("letter", "number"):
                return inner[0].text
        if content and all(t.kind in ("word", "text") for t in content):
            return " ".join(clean(t.extra) if t.kind == "text" else t.text for t in content)
        return ""

    def _subscript(self, base: Node) -> Node:
        token = self.peek()
        if token is None:
            raise self.fail("an index")
        braced = token.kind == "{"
        low, high = (self.pos + 1, self.partner[self.pos]) if braced else (self.pos, self.pos + 1)
        content = [t for t in self.tokens[low:high] if t.kind not in LAYOUT] if high > 0 else []
        if not braced and content and content[0].kind in ("text", "word", "func"):
            self.pos += 1
            return with_script(base, "_", self._script_word(content), self.behind())
        if not braced and content and content[0].kind == "op" and content[0].text == r"\cdot":
            self.pos += 1
            return Subscript(base.start, self.behind(), base, (Wildcard(content[0].start, content[0].end),))
        if not braced:
            if content and content[0].kind in ("rel", "sign"):
                self.pos += 1
                return Subscript(base.start, self.behind(), base, (_sign_text(content),))
            if content and content[0].kind == "dress" and (word := self._roman_letter()):
                return with_script(base, "_", word, self.behind())
            index = self.argument("an index")
            return Subscript(base.start, self.behind(), base, (index,))
        self._argument_range("an index")
        end = self.behind()
        if content and (
            (content[0].kind == "rel" and content[0].text != ":")
            or (content[0].kind == "sign" and len(content) == 1)
            or all(t.kind == "sign" for t in content)
        ):
            return Subscript(base.start, end, base, (_sign_text(content),))
        if _is_one(base) and content and content[0].kind == "open" and self.partner[low] == high - 1:
            low, high = low + 1, high - 1
        if self.has_relation(low, high):
            conditions = self.conditions(low, high)
            if _is_one(base):
                return Indicator(base.start, end, conditions)
            return Subscript(base.start, end, base, tuple(conditions))
        return self._indexed(base, low, high, end)

    def _roman_letter(self) -> str:
        r"""``x_\mathrm{o}``: a roman letter is a word."""
        token = self.tokens[self.pos]
        closing = self.partner[self.pos + 1] if self.pos + 1 < self.high else -1
        if (
            token.text == r"\mathrm"
            and closing == self.pos + 3
            and self.tokens[self.pos + 2].kind in ("letter", "number")
        ):
            self.pos += 4
            return self.tokens[self.pos - 2].text
        return ""

    def _indexed(self, base: Node, low: int, high: int, end: int) -> Node:
        indices: list[Node] = []
        for a, b in self.split(low, high, {",", ";"}):
            content = [t for t in self.tokens[a:b] if t.kind not in LAYOUT]
            if not content:
                raise Unreadable(self.tokens[low - 1].start, "an index is missing")
            if word := self._script_word(content):
                if word == "*":
                    indices.append(Wildcard(content[0].start, content[0].end))
                else:
                    base = with_script(base, "_", word, end)
            else:
                indices += self._index_items(a, b)
        return Subscript(base.start, end, base, tuple(indices)) if indices else base

    def _index_items(self, low: int, high: int) -> list[Node]:
        """Indices that stand side by side; a dot or a colon at an end is the whole axis."""
        while low < high and self.tokens[low].kind in LAYOUT:
            low += 1
        before: list[Node] = []
        after: list[Node] = []
        while low < high and self._is_wild(low):
            before.append(Wildcard(self.tokens[low].start, self.tokens[low].end))
            low += 1
        while low < high and self._is_wild(high - 1):
            after.insert(0, Wildcard(self.tokens[high - 1].start, self.tokens[high - 1].end))
            high -= 1
        if low == high:
            return before + after
        node = self.expression(low, high)
        flat = list(node.factors) if isinstance(node, Factors) and not any(node.signs) else [node]
        return before + flat + after

    def _is_wild(self, i: int) -> bool:
        token = self.tokens[i]
        return (token.kind == "op" and token.text == r"\cdot") or (token.kind == "rel" and token.text == ":")

    def _indicator(self, node: Node) -> Node:
        """``1\\{i=j\\}``, ``\\mathbf 1(i=j)``, ``I[x > 0]``."""
        token = self.peek()
        if (
            token
            and token.kind == "open"
            and token.text in ("(", "[", "{")
            and self.partner[self.pos] > 0
            and _is_one(node)
            and self.has_relation(self.pos + 1, self.partner[self.pos])
        ):
            low, high = self.pos + 1, self.partner[self.pos]
            self.pos = high + 1
            return self.scripts(Indicator(node.start, self.behind(), self.conditions(low, high)))
        return node

    # ----- names and numbers -----

    def _number(self, token: Token) -> Node:
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

    def _brace(self, token: Token) -> Node:
        r"""``\underbrace{x}_{words}`` is x."""
        self.pos += 1
        node = self.argument(f"the argument of {self.spelled(token)}")
        if self.kind() == words.BRACES[token.text]:
            self.pos += 1
            self._argument_range("an annotation")
        return node

    def _above(self, token: Token) -> Node:
        r"""``\underset{i}{\max} x`` is ``\max_i x``; what stands over a name is a note to it."""
        self.pos += 1
        low, high = self._argument_range("what stands above or below")
        at = self.pos
        inner = self._argument_range("the sign that it belongs to")
        first = self.tokens[inner[0]] if inner[0] < inner[1] else None
        if first is not None and inner[1] - inner[0] == 1 and first.kind in ("func", "big"):
            if first.kind == "func" and first.text not in ("max", "min"):
                return self._call_of(first, token.start)
            return self._big_of(first.text, token.start, self.inside(low, high, lambda: self._binders_of(low, high)))
        self.pos = at
        return self.argument("the sign that it belongs to")

    # ----- brackets -----

    def _braces(self, token: Token) -> Node:
        r"""TeX braces are not seen on paper, so they must not change the reading."""
        opening, closing = self.pos, self.partner[self.pos]
        if closing < 0:
            raise self.fault(token, "")
        self.pos = closing + 1
        over = [i for i in self.top(opening + 1, closing) if self.tokens[i].text == r"\over"]
        if over:
            return Fraction(
                token.start, self.behind(), self.expression(opening + 1, over[0]), self.expression(over[0] + 1, closing)
            )
        if opening + 1 == closing:
            if self.kind() in ("^", "_") or self.peek() is None:
                raise Unreadable(token.start, "an empty group {} where a factor was expected")
            return self.factor()
        node = self.expression(opening + 1, closing)
        alone = all(t.kind in LAYOUT for t in self.tokens[self.low : opening]) and self.peek() is None
        if isinstance(node, Terms) and not alone:
            raise Unreadable(token.start, "braces are not seen on paper: write parentheses around this sum")
        if isinstance(node, Factors) and self.kind() in ("^", "_", "'"):
            raise Unreadable(token.start, "braces are not seen on paper: write parentheses around this product")
        return node

    def _bracket(self, token: Token) -> Node:
        opening, closing = self.pos, self.partner[self.pos]
        if closing < 0:
            raise self.fault(token, "")
        closer = self.tokens[closing]
        self.pos = closing + 1
        end = self.behind()
        low, high = opening + 1, closing
        if token.text == "eval":
            return self._left_evaluated(token, low, high)
        if closer.text == "." and token.text == "{" and self.tokens[low].kind == "begin":
            return self._cases(self.tokens[low], low, self.partner[low])
        wanted = words.CLOSED_BY.get(token.text)
        if closer.text != wanted and not (token.text in "([])" and closer.text in "()[]"):
            raise Unreadable(token.start, f"{self.spelled(token)} is closed by {self.spelled(closer)}")
        if token.text == r"\langle":
            return self._angle(token, low, high, end)
        if token.text in ("|", r"\|"):
            return Bars(token.start, end, self.expression(low, high), token.text == r"\|")
        return self._group(token, closer, low, high, end)

    def _group(self, token: Token, closer: Token, low: int, high: int, end: int) -> Node:
        if token.text == "[" and closer.text == "]" and self.has_relation(low, high):
            return Indicator(token.start, end, self.conditions(low, high))
        inner = self.items(low, high)
        if len(inner) == 1 and isinstance(inner[0], Matrix) and token.text in "([":
            return inner[0]
        opening = token.text if closer.text == words.CLOSED_BY.get(token.text) else token.text + closer.text
        return Group(token.start, end, opening, inner)

    def _left_evaluated(self, token: Token, low: int, high: int) -> Node:
        body = self.expression(low, high)
        if self.kind() == "^":
            raise self.fail("_ and the condition of the evaluation")
        if self.kind() != "_":
            raise self.fail("_ and the condition of the evaluation")
        self.pos += 1
        conditions = self.conditions(*self._argument_range("the condition of an evaluation"))
        if self.kind() == "^":
            raise self.fail("no upper bound at an evaluation")
        return Evaluated(token.start, self.behind(), body, conditions)

    def _angle(self, token: Token, low: int, high: int, end: int) -> Node:
        parts = self.split(low, high, {","})
        if len(parts) != 2:
            raise Unreadable(token.start, f"an inner product takes two arguments, found {len(parts)}")
        return Angle(token.start, end, self.expression(*parts[0]), self.expression(*parts[1]))

    def _bars(self, token: Token) -> Node:
        opening, closing = self.pos, self.partner[self.pos]
        if closing < opening:
            raise Unreadable(token.start, f"{self.spelled(token)} is never closed")
        self.pos = closing + 1
        body = self.expression(opening + 1, closing)
        return Bars(token.start, self.behind(), body, token.text == r"\|")

    # ----- fractions, roots, commands -----

    def _fraction(self, token: Token) -> Node:
        self.pos += 1
        above = self._range_or_node("a numerator")
        below = self._range_or_node("a denominator")
        end = self.behind()
        if isinstance(above, tuple) and isinstance(below, tuple):
            derivative = self._derivative(token.start, end, above, below)
            if derivative is not None:
                return derivative
        numerator = self.expression(*above) if isinstance(above, tuple) else above
        denominator = self.expression(*below) if isinstance(below, tuple) else below
        return Fraction(token.start, end, numerator, denominator)

    def _range_or_node(self, what: str) -> tuple[int, int] | Node:
        if self.kind() == "{":
            at = self.here()
            low, high = self._argument_range(what)
            if low == high:
                raise Unreadable(at, f"found {{}} where {what} was expected")
            return low, high
        return self.argument(what)

    def _command(self, token: Token) -> Node:
        self.pos += 1
        if token.text == r"\sqrt":
            return self._root(token)
        if token.text == r"\partial":
            return self._partial(token)
        if token.text == r"\nabla":
            return self._nabla(token)
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

    # ----- functions -----

    def _call(self, token: Token) -> Node:
        self.pos += 1
        return self._call_of(token, token.start)

    def _call_of(self, token: Token, start: int) -> Node:
        if token.text in ("max", "min") and self.kind() == "_":
            return self._big_of(token.text, start, self._bounds())
        power = base = None
        primes = 0
        while kind := self.kind():
            if kind == "'":
                self.pos += 1
                primes += 1
            elif kind == "^" and power is None:
                self.pos += 1
                if self._kind_at(self.pos) == "'":
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
            low, high = self._argument_range("an argument")
            return self.items(low, high)
        return (self.product("function"),)

    # ----- sums, products, maxima -----

    def _big(self, token: Token) -> Node:
        self.pos += 1
        return self._big_of(token.text, token.start, self._bounds())

    def _big_of(self, kind: str, start: int, binders: tuple[Binder, ...]) -> Node:
        if kind in ("max", "min"):
            if self.kind() == "open" and self.partner[self.pos] > 0:
                body = self.scripts(self.primary())
            elif self.kind() == "{":
                body = self.primary()
            else:
                body = self.product("function")
        else:
            body = self.product("body")
        return Big(start, self.behind(), kind, binders, body)

    def _bounds(self) -> tuple[Binder, ...]:
        """What stands under and above the sign, in either order."""
        below: tuple[int, int] | None = None
        last: Node | None = None
        while self.kind() in ("_", "^"):
            mark = self.peek()
            assert mark is not None
            self.pos += 1
            if mark.kind == "_":
                if below is not None:
                    raise Unreadable(mark.start, "double subscript")
                below = self._bound_range()
            else:
                if last is not None:
                    raise Unreadable(mark.start, "double superscript")
                last = self.argument("the upper bound")
        if below is None:
            return ()
        low, high = below
        binders = self.inside(low, high, lambda: self._binders_of(low, high))
        return _with_last(binders, last)

    def _bound_range(self) -> tuple[int, int]:
        token = self.peek()
        if token is not None and token.kind == "number" and len(token.text) > 1:
            raise self.fail("an index name")
        return self._argument_range("an index")

    def _binders_of(self, low: int, high: int) -> tuple[Binder, ...]:
        self.pos = high
        content = [i for i in range(low, high) if self.tokens[i].kind not in LAYOUT]
        if content and self.tokens[content[0]].text == r"\substack" and self.partner[content[0] + 1] > 0:
            low, high = content[0] + 2, self.partner[content[0] + 1]
        binders: list[Binder] = []
        names: list[Node] = []
        for a, b in self.split(low, high, {",", ";", "row", "text"}):
            if all(t.kind in LAYOUT for t in self.tokens[a:b]):
                continue
            if self.has_relation(a, b):
                binders.append(self._bound(a, b, names))
                names = []
            elif binders and binders[-1].relation == "=" and self.tokens[a].kind == "dots":
                names = [Dots(self.tokens[a].start, self.tokens[a].end, self.tokens[a].text)]
            elif names and isinstance(names[-1], Dots):
                binders[-1] = _with_last((binders[-1],), self.expression(a, b))[0]
                names = []
            else:
                names += self._index_items(a, b)
        if names:
            binders.append(Binder(names[0].start, names[-1].end, tuple(names)))
        return tuple(binders)

    def _bound(self, low: int, high: int, names: list[Node]) -> Binder:
        pairs = self.relations(low, high)
        first = pairs[0]
        start = names[0].start if names else first.start
        if len(pairs) == 1:
            left = self._names(first.left)
            return Binder(start, first.end, (*names, *left), first.sign, first.right)
        if len(pairs) == 2 and {p.sign for p in pairs} <= {r"\le", "<"} and not names:
            lower = first.left if first.sign == r"\le" else _shifted(first.left, "+")
            upper = pairs[1].right if pairs[1].sign == r"\le" else _shifted(pairs[1].right, "-")
            return Binder(start, pairs[1].end, (first.right,), "=", lower, upper)
        raise Unreadable(first.start, "this range is not part of the language")

    def _names(self, node: Node) -> tuple[Node, ...]:
        return node.factors if isinstance(node, Factors) and not any(node.signs) else (node,)

    # ----- derivatives -----

    def _derivative(self, start: int, end: int, above: tuple[int, int], below: tuple[int, int]) -> Node | None:
        above, below = self._trim(*above), self._trim(*below)
        if above[0] >= above[1] or below[0] >= below[1]:
            return None
        sign = ""
        if self.tokens[above[0]].kind == "sign" and above[0] + 1 < above[1]:
            sign, above = self.tokens[above[0]].text, (above[0] + 1, above[1])
        top, bottom = self.tokens[above[0]], self.tokens[below[0]]
        if (
            top.text == r"\partial"
            and bottom.text == r"\partial"
            and self._kind_at_in(above[0] + 1, above[1]) != "_"
        ):
            total = False
        elif self._is_total(*above, top=True) and self._is_total(*below, top=False):
            total = True
        else:
            if (
                top.text == r"\partial"
                and not any(t.text == "/" for t in self.tokens[above[0] : above[1]])
                and self._kind_at_in(above[0] + 1, above[1]) != "_"
            ):
                raise Unreadable(bottom.start, r"\partial stands above the line but not below it")
            return None
        variables = self.inside(*below, lambda: self._variables(total))
        order, body_range = self._order(*above)
        count = sum(n for _, n in variables)
        of_square = order == 1 and len(variables) == 1 and count == 2  # \partial L / \partial \sigma^2
        if count != order and not of_square:
            raise Unreadable(top.start, f"the derivative is of order {order} above and of order {count} below the line")
        node: Node
        if body_range[0] < body_range[1]:
            body = self.expression(*body_range)
            if isinstance(body, Terms):
                raise Unreadable(body.start, "ambiguous: put the sum that is differentiated in parentheses")
            node = Partial(start, end, body, variables, order, total, top.kind == "d")
        else:
            body = self._operand("operator")
            node = Partial(start, self.behind(), body, variables, order, total, top.kind == "d")
        return Terms(start, node.end, (sign,), (node,)) if sign else node

    def _trim(self, low: int, high: int) -> tuple[int, int]:
        while low < high and self.tokens[low].kind in LAYOUT:
            low += 1
        while low < high and self.tokens[high - 1].kind in LAYOUT:
            high -= 1
        return low, high

    def _kind_at_in(self, i: int, high: int) -> str:
        return self.tokens[i].kind if i < high else ""

    def _is_total(self, low: int, high: int, top: bool) -> bool:
        """Whether the range reads ``d``, ``d^2``, ``d f``, ``d x_i``: a differential."""
        if low >= high:
            return False
        first, behind = self.tokens[low], self._kind_at_in(low + 1, high)
        if first.kind == "d":
            return True
        if first.kind != "letter" or first.text != "d":
            return False
        if top and behind == "^":
            low += 2 if self._kind_at_in(low + 2, high) != "{" else self.partner[low + 2] - low
            behind = self._kind_at_in(low + 1, high)
        return (top and behind == "") or behind in _FIRST_OF_OPERAND

    def _order(self, low: int, high: int) -> tuple[int, tuple[int, int]]:
        """The order on the numerator, and the range of what is differentiated."""

        def read() -> tuple[int, int]:
            self.pos += 1
            order = 1
            if self.kind() == "^":
                self.pos += 1
                order = self._count(self.argument("the order of the derivative"))
            at = self.pos
            self.pos = self.high
            return order, at

        order, at = self.inside(low, high, read)
        return order, self._trim(at, high)

    def _count(self, node: Node) -> int:
        if isinstance(node, Number) and node.text.isdigit() and 0 < int(node.text[:4]) <= 16 and len(node.text) <= 2:
            return int(node.text)
        raise Unreadable(node.start, "the order of a derivative is a small number")

    def _variables(self, total: bool) -> tuple[tuple[Node, int], ...]:
        variables: list[tuple[Node, int]] = []
        while self.peek():
            variables.append(self._variable(total))
        return tuple(variables)

    def _is_differential(self, token: Token | None, total: bool) -> bool:
        if token is None:
            return False
        if total:
            return token.kind == "d" or (token.kind == "letter" and token.text == "d")
        return token.text == r"\partial"

    def _variable(self, total: bool) -> tuple[Node, int]:
        if not self._is_differential(self.peek(), total):
            raise self.fail("d" if total else r"\partial")
        self.pos += 1
        signs, factors = [""], [self._plain_factor()]
        while (token := self.peek()) and not self._is_differential(token, total) and token.kind in self.primaries:
            signs.append("")
            factors.append(self._plain_factor())
        if len(factors) > 1:
            return Factors(factors[0].start, factors[-1].end, tuple(signs), tuple(factors)), 1
        return _with_count(factors[0])

    def _plain_factor(self) -> Node:
        """A factor in which a letter d is a letter."""
        return self.scripts(self.primary())

    def _operand(self, mode: str) -> Node:
        """What an operator acts on: the bracket directly behind it, or the product that follows."""
        token = self.peek()
        if token is None:
            raise self.fail("what is differentiated")
        if token.kind == "open" and token.text in ("(", "[", "{") and self.partner[self.pos] > 0:
            return self.scripts(self.primary())
        return self.product(mode)

    def _partial(self, token: Token) -> Node:
        r"""``\partial_{z_j} L`` and ``\partial L / \partial z_j``."""
        order = 0
        variables: tuple[Node, ...] | None = None
        while self.kind() in ("_", "^"):
            if self.kind() == "^":
                self.pos += 1
                order = self._count(self.argument("the order of the derivative"))
            else:
                self.pos += 1
                variables = self._variable_list()
        if variables is None:
            return self._slash_partial(token, order or 1)
        count = order or len(variables)
        if len(variables) == 1:
            pairs: tuple[tuple[Node, int], ...] = ((variables[0], count),)
        elif count == len(variables):
            pairs = tuple((v, 1) for v in variables)
        else:
            raise Unreadable(token.start, f"the derivative is of order {count} but names {len(variables)} variables")
        body = self._tight()
        return Partial(token.start, self.behind(), body, pairs, count)

    def _variable_list(self) -> tuple[Node, ...]:
        if self.kind() != "{":
            return (self.argument("a variable"),)
        low, high = self._argument_range("a variable")
        found: list[Node] = []
        for a, b in self.split(low, high, {",", ";"}):
            node = self.expression(a, b)
            applied = isinstance(node, Factors) and any(isinstance(f, Group) for f in node.factors)
            found += node.factors if isinstance(node, Factors) and not any(node.signs) and not applied else [node]
        return tuple(found)

    def _tight(self) -> Node:
        """The operand of a nabla: a name with what it is applied to, or else the product that follows."""
        token = self.peek()
        if token is None:
            raise self.fail("what is differentiated")
        if token.kind in ("letter", "greek", "word", "accent", "dress"):
            at = self.pos
            name = self.factor()
            factors: list[Node] = [name]
            while (
                (opener := self.peek())
                and opener.kind == "open"
                and opener.text in ("(", "[")
                and self.partner[self.pos] > 0
            ):
                factors.append(self.scripts(self.primary()))
            if not isinstance(name, Transpose) or len(factors) > 1:
                if len(factors) == 1:
                    return name
                return Factors(name.start, self.behind(), ("",) * len(factors), tuple(factors))
            self.pos = at
            if any(t.kind == "number" for t in self.tokens[at : at + 1]):
                return name
            return self._product_after(name, at)
        if token.kind == "cmd" and token.text in (r"\nabla", r"\partial"):
            return self.factor()
        if token.kind == "frac" and self._derivative_at(self.pos):
            return self.factor()
        return self._operand("operator")

    def _product_after(self, first: Node, at: int) -> Node:
        self.pos = at
        return self.product("operator")

    def _slash_partial(self, token: Token, order: int) -> Node:
        body = self.scripts(self.primary()) if self.peek() else None
        if body is None:
            raise self.fail("what is differentiated")
        factors = [body]
        while (
            (opener := self.peek())
            and not (opener.kind == "op" or opener.kind == "sign")
            and opener.kind in self.primaries
        ):
            factors.append(self.scripts(self.primary()))
        slash = self.peek()
        if not (slash and slash.kind == "op" and slash.text == "/" and self._text_at(self.pos + 1) == r"\partial"):
            raise self.fail(r"/ and \partial, as in \partial L / \partial z")
        self.pos += 1
        if len(factors) > 1:
            body = Factors(body.start, factors[-1].end, ("",) * len(factors), tuple(factors))
        variables: list[tuple[Node, int]] = []
        while self._is_differential(self.peek(), False) and sum(n for _, n in variables) < order:
            self.pos += 1
            variables.append(_with_count(self.scripts(self.primary())))
        if sum(n for _, n in variables) != order:
            raise Unreadable(token.start, "the order of the derivative above and below the slash differs")
        return Partial(token.start, self.behind(), body, tuple(variables), order)

    def _text_at(self, i: int) -> str:
        while i < self.high and self.tokens[i].kind in LAYOUT:
            i += 1
        return self.tokens[i].text if i < self.high else ""

    def _slashed(self) -> Node | None:
        """``dL/dz``: seen ahead by its letters, which stand close together."""
        tokens, i = self.tokens, self.pos
        first = tokens[i]
        if not (first.kind == "d" or (first.kind == "letter" and first.text == "d" and not self.dress)):
            return None
        slash = self._after_name(i + 1)
        if (
            slash < 0
            or slash + 2 >= self.high
            or tokens[slash].text != "/"
            or not self._is_differential(tokens[slash + 1], True)
        ):
            return None
        if (
            tokens[i + 1].start != first.end
            or tokens[slash + 2].start != tokens[slash + 1].end
            or self._after_name(slash + 2) < 0
        ):
            return None
        self.pos += 1
        body = self.scripts(self.primary())
        self.pos = slash + 2
        variable = self.scripts(self.primary())
        return Partial(first.start, self.behind(), body, ((variable, 1),), 1, True, first.kind == "d")

    def _after_name(self, i: int) -> int:
        """The position behind a name with its scripts, or -1 if none stands there."""
        if i >= self.high:
            return -1
        if self.tokens[i].kind in ("accent", "dress"):
            i += 1
            i = self.partner[i] if i < self.high and self.tokens[i].kind == "{" else i
        elif self.tokens[i].kind not in ("letter", "greek"):
            return -1
        i += 1
        while 0 < i < self.high and self.tokens[i].kind in ("_", "^", "'"):
            i += 1 if self.tokens[i].kind == "'" else 2
            if i - 1 < self.high and self.tokens[i - 1].kind == "{":
                i = self.partner[i - 1] + 1
        return i if 0 < i <= self.high else -1

    def _nabla(self, token: Token) -> Node:
        order = 1
        variables: tuple[Node, ...] = ()
        while self.kind() in ("_", "^"):
            mark = self.kind()
            self.pos += 1
            if mark == "^":
                order = self._count(self.argument("the order of the derivative"))
            else:
                variables = self._variable_list()
        if self.kind() in ("op", "", "rel"):
            raise self.fail(r"what \nabla is taken of")
        body = self._tight()
        return Nabla(token.start, self.behind(), body, variables, order)

    # ----- environments -----

    def _environment(self, token: Token) -> Node:
        opening, closing = self.pos, self.partner[self.pos]
        if closing < 0:
            raise self.fault(token, "")
        if token.text in words.CASES:
            self.pos = closing + 1
            return self._cases(token, opening, closing)
        if token.text in words.MATRICES:
            self.pos = closing + 1
            return self._matrix(token, opening, closing)
        if token.text in words.ROWS:
            self.pos = closing + 1
            return self.expression(opening + 1, closing)
        self.pos = opening
        raise self.fault(token, "")

    def _cases(self, token: Token, opening: int, closing: int) -> Node:
        rows = [self._case(a, b) for a, b in self.split(opening + 1, closing, {"row"}) if self._filled(a, b)]
        if not rows:
            raise Unreadable(token.start, "cases without a row")
        return Cases(token.start, self.tokens[closing].end, tuple(rows))

    def _filled(self, low: int, high: int) -> bool:
        return any(t.kind not in LAYOUT for t in self.tokens[low:high])

    def _case(self, low: int, high: int) -> tuple[Node, tuple[Relation, ...]]:
        cells = self.split(low, high, {"&"})
        if len(cells) == 1:
            cells = self._unaligned(low, high)
        value_low, value_high = self._trim(*cells[0])
        while value_high > value_low and self.tokens[value_high - 1].kind in (",", ";", "."):
            value_high -= 1
        value = self.expression(value_low, value_high)
        low, high = cells[1][0] if len(cells) > 1 else value_high, cells[-1][1]
        if len(cells) == 1 or not self._filled(low, high):
            return value, ()
        while high > low and self.tokens[high - 1].kind in (",", ";", "."):
            high -= 1
        texts = [self.tokens[i] for i in self.top(low, high) if self.tokens[i].kind == "text"]
        if any(words.OTHERWISE.match(t.extra) for t in texts) or self._reads_otherwise(low, high):
            return value, ()
        return value, self.conditions(low, high)

    def _reads_otherwise(self, low: int, high: int) -> bool:
        return bool(
            words.OTHERWISE.match("".join(t.text for t in self.tokens[low:high] if t.kind in ("word", "letter")))
        )

    def _unaligned(self, low: int, high: int) -> list[tuple[int, int]]:
        """``a \\text{ if } b``: a row without ``&`` parts at its first words, comma or wide space."""
        for i in self.top(low, high):
            if self.tokens[i].kind in ("text", "wide", ",") and i > low:
                return [(low, i), (i, high)]
        return [(low, high)]

    def _matrix(self, token: Token, opening: int, closing: int) -> Node:
        rows = []
        for a, b in self.split(opening + 1, closing, {"row"}):
            if self._filled(a, b) or any(t.kind == "&" for t in self.tokens[a:b]):
                rows.append(tuple(self._entry(token, c, d) for c, d in self.split(a, b, {"&"})))
        if not rows:
            raise Unreadable(token.start, f"an empty {token.text}")
        node = Matrix(token.start, self.tokens[closing].end, tuple(rows))
        if token.text in ("vmatrix", "Vmatrix"):
            return Bars(token.start, node.end, node, token.text == "Vmatrix")
        return node

    def _entry(self, token: Token, low: int, high: int) -> Node:
        low, high = self._trim(low, high)
        while high > low and self.tokens[high - 1].kind in (",", ";", "."):
            high -= 1
        if low == high:
            raise Unreadable(self.tokens[low].start, f"an entry of the {token.text} is empty")
        return self.expression(low, high)


# ----- small helpers on nodes -----


def _sign_text(content: list[Token]) -> Text:
    return Text(content[0].start, content[-1].end, "".join(t.text for t in content))


def _core(node: Node) -> Node:
    while isinstance(node, Subscript | Superscript | Transpose | Prime):
        node = node.base
    return node


def _is_name(node: Node) -> bool:
    return isinstance(_core(node), Name | Group)


def _is_one(node: Node) -> bool:
    if isinstance(node, Number):
        return node.text == "1"
    return isinstance(node, Name) and node.text in _ONES


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


def with_script(base: Node, mark: str, word: str, end: int) -> Node:
    r"""``w_{\text{out}}``: the word becomes part of the name."""
    if isinstance(base, Name):
        return Name(base.start, end, f"{base.text}{mark}{{{word}}}", base.dress, base.word)
    if isinstance(base, Subscript):
        return Subscript(base.start, end, with_script(base.base, mark, word, base.base.end), base.indices)
    if isinstance(base, Superscript):
        return Superscript(base.start, end, with_script(base.base, mark, word, base.base.end), base.exponent)
    if isinstance(base, Prime):
        return Prime(base.start, end, with_script(base.base, mark, word, base.base.end), base.count)
    text = Text(base.end, end, word)
    return Subscript(base.start, end, base, (text,)) if mark == "_" else Superscript(base.start, end, base, text)


def _with_count(node: Node) -> tuple[Node, int]:
    """``x_i^2`` below the line is x_i twice."""
    if isinstance(node, Superscript) and isinstance(node.exponent, Number) and node.exponent.text.isdigit():
        return node.base, int(node.exponent.text)
    if isinstance(node, Subscript):
        base, count = _with_count(node.base)
        return Subscript(node.start, node.end, base, node.indices), count
    return node, 1


def _with_last(binders: tuple[Binder, ...], last: Node | None) -> tuple[Binder, ...]:
    """The upper bound belongs to the last range that has a first value, or else to the names."""
    if last is None:
        return binders
    for k in reversed(range(len(binders))):
        b = binders[k]
        if b.relation in ("=", "") and b.last is None:
            return (*binders[:k], Binder(b.start, b.end, b.indices, b.relation, b.first, last), *binders[k + 1 :])
    raise Unreadable(last.start, "an upper bound without a range below")


def _shifted(node: Node, sign: str) -> Node:
    return Terms(node.start, node.end, ("+", sign), (node, Number(node.end, node.end, "1")))
