r"""Derivatives: ``\frac{\partial L}{\partial z_j}``, ``\partial_z L``, ``\partial L/\partial z``, ``\nabla_z L``."""

from __future__ import annotations

from derive.notes.grammar.cursor import Cursor, Unreadable
from derive.notes.grammar.syntax import (
    Call,
    Factors,
    Group,
    Nabla,
    Name,
    Node,
    Number,
    Partial,
    Prime,
    Subscript,
    Superscript,
    Terms,
    Transpose,
)
from derive.notes.grammar.tokens import Token

_FIRST_OF_OPERAND = {"letter", "greek", "accent", "dress", "word", "open", "{", "func"}


class Derivatives(Cursor):
    """What differentiates, by which variables, and what it takes."""

    def derivative(self, start: int, end: int, above: tuple[int, int], below: tuple[int, int]) -> Node | None:
        above, below = self.trim(*above), self.trim(*below)
        if above[0] >= above[1] or below[0] >= below[1]:
            return None
        sign = ""
        if self.tokens[above[0]].kind == "sign" and above[0] + 1 < above[1]:
            sign, above = self.tokens[above[0]].text, (above[0] + 1, above[1])
        top, bottom = self.tokens[above[0]], self.tokens[below[0]]
        if top.text == r"\partial" and bottom.text == r"\partial" and self.kind_at_in(above[0] + 1, above[1]) != "_":
            total = False
        elif self.is_total(*above, top=True) and self.is_total(*below, top=False):
            total = True
        else:
            if (
                top.text == r"\partial"
                and not any(t.text == "/" for t in self.tokens[above[0] : above[1]])
                and self.kind_at_in(above[0] + 1, above[1]) != "_"
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

    def is_total(self, low: int, high: int, top: bool) -> bool:
        """Whether the range reads ``d``, ``d^2``, ``d f``, ``d x_i``: a differential."""
        if low >= high:
            return False
        first, behind = self.tokens[low], self.kind_at_in(low + 1, high)
        if first.kind == "d":
            return True
        if first.kind != "letter" or first.text != "d":
            return False
        if top and behind == "^":
            low += 2 if self.kind_at_in(low + 2, high) != "{" else self.partner[low + 2] - low
            behind = self.kind_at_in(low + 1, high)
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
        return order, self.trim(at, high)

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
        """What an operator acts on: the bracket directly behind it, or the product that follows or begins with it."""
        token = self.peek()
        if token is None:
            raise self.fail("what is differentiated")
        if token.kind == "open" and token.text in ("(", "[", "{") and self.partner[self.pos] > 0:
            at = self.pos
            bracket = self.scripts(self.primary())
            if not is_transposed(bracket):
                return bracket
            self.pos = at
        return self.product(mode)

    def partial(self, token: Token) -> Node:
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
        low, high = self.argument_range("a variable")
        found: list[Node] = []
        for a, b in self.split(low, high, {",", ";"}):
            node = self.expression(a, b)
            applied = isinstance(node, Factors) and any(isinstance(f, Group) for f in node.factors)
            found += node.factors if isinstance(node, Factors) and not any(node.signs) and not applied else [node]
        return tuple(found)

    def _is_transpose_sign(self) -> bool:
        at = self.pos + 1 if self.kind() == "{" else self.pos
        return self.text_at(at) in (r"\top", r"\intercal") or (self.text_at(at) == "T" and bool(self.kind()))

    def _tight(self) -> Node:
        """The operand of a nabla: a name with what it is applied to, or else the product that follows."""
        token = self.peek()
        if token is None:
            raise self.fail("what is differentiated")
        if token.kind in ("letter", "greek", "word", "accent", "dress"):
            at = self.pos
            name = self.factor()
            factors: list[Node] = [name]
            opener = self.peek()
            if opener and opener.kind == "open" and opener.text in ("(", "[") and self.partner[self.pos] > 0:
                factors.append(self._argument_group())
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
        if token.kind == "frac" and self.derivative_at(self.pos):
            return self.factor()
        if token.kind == "func" and (score := self._score()) is not None:
            return score
        return self._operand("operator")

    def _score(self) -> Node | None:
        r"""``\nabla_\theta \log \pi(a) R`` is the gradient of ``\log \pi(a)``, times R; None for any other operand."""
        at = self.pos
        self.scoring = True
        try:
            node = self.factor()
        finally:
            self.scoring = False
        if isinstance(node, Call) and len(node.arguments) == 1 and is_applied(node.arguments[0]):
            return node
        self.pos = at
        return None

    def _argument_group(self) -> Node:
        r"""What a name is applied to: in ``\nabla f(x)^\top`` and ``\nabla f(x)_i`` the script is of the gradient."""
        at = self.pos
        group = self.scripts(self.primary())
        if not is_transposed(group) and not isinstance(group, Subscript):
            return group
        self.pos = at
        return self.primary()

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
        if not (slash and slash.kind == "op" and slash.text == "/" and self.text_at(self.pos + 1) == r"\partial"):
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

    def slashed(self) -> Node | None:
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

    def nabla(self, token: Token) -> Node:
        order = 1
        variables: tuple[Node, ...] = ()
        turned = False
        while self.kind() in ("_", "^"):
            mark = self.kind()
            self.pos += 1
            if mark == "^" and self._is_transpose_sign():
                self.argument("the mark of a transpose")
                turned = True
            elif mark == "^":
                order = self._count(self.argument("the order of the derivative"))
            else:
                variables = self._variable_list()
        if self.kind() in ("op", "", "rel"):
            raise self.fail(r"what \nabla is taken of")
        body = self._tight()
        return Nabla(token.start, self.behind(), body, variables, order, turned)


def is_applied(node: Node) -> bool:
    """A name with its arguments in parentheses."""
    if not (isinstance(node, Factors) and len(node.factors) == 2 and not node.signs[1]):
        return False
    name, group = node.factors
    while isinstance(name, Subscript | Superscript | Prime):
        name = name.base
    return isinstance(name, Name) and isinstance(group, Group) and group.opening == "("


def is_transposed(node: Node) -> bool:
    r"""``A^\top``, ``A^T``."""
    if isinstance(node, Superscript):
        return isinstance(node.exponent, Name) and node.exponent.text == "T"
    return isinstance(node, Transpose)


def _with_count(node: Node) -> tuple[Node, int]:
    """``x_i^2`` below the line is x_i twice; 1 is no power."""
    if isinstance(node, Superscript) and isinstance(node.exponent, Number) and node.exponent.text.isdigit():
        if node.exponent.text in ("0", "1"):
            return node, 1
        return node.base, int(node.exponent.text)
    if isinstance(node, Subscript):
        base, count = _with_count(node.base)
        return Subscript(node.start, node.end, base, node.indices), count
    return node, 1
