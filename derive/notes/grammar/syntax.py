"""The syntax tree of a formula: what LaTeX says before names have a meaning.

Only what the signs themselves decide is decided here. Whether ``f (x)`` is a value or a product,
``x^T`` a transpose or a power, ``p_{y}`` an entry or a name of its own, is left to the reader of
meaning; so factors stand in flat order with the signs between them. Every node has the span of
source characters that it was read from.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """``start`` and ``end`` are offsets into ``Formula.latex``."""

    start: int
    end: int


@dataclass(frozen=True)
class Number(Node):
    """A decimal numeral as written: ``2``, ``0.044715``."""

    text: str


@dataclass(frozen=True)
class Name(Node):
    r"""A letter or a word. ``text`` is the canonical name: dress that carries no meaning is taken off.

    ``z``, ``\sigma``, ``\hat z`` (accents are part of the name), ``J_{softmax}`` (roman word subscripts too),
    ``softmax`` for an operator name. ``dress`` is the font command that was taken off (``\mathbf``, ``\vec``,
    ``\mathbb``, ``\mathcal`` …), '' if none. ``word`` is true for roman words and operator names.
    """

    text: str
    dress: str = ""
    word: bool = False


@dataclass(frozen=True)
class Wildcard(Node):
    r"""``:`` or ``\cdot`` in the place of an index."""


@dataclass(frozen=True)
class Dots(Node):
    r"""``\dots``, ``\vdots``, ``\ddots``, ``\cdots``."""

    kind: str


@dataclass(frozen=True)
class Subscript(Node):
    r"""``base_{a, b}``: indices split at commas and at juxtaposition; each is a tree of its own (``i``, ``0``,
    ``i+1``, ``y_n``).

    Scripts nest in the order of the source: ``X^{-1}_{kl}`` is a Subscript of a Superscript, ``X_{kl}^{-1}`` the
    reverse.
    A sign alone is a Text: ``\mathbb{R}_+``, ``\mathbb{R}_{>0}``.
    """

    base: Node
    indices: tuple[Node, ...]


@dataclass(frozen=True)
class Superscript(Node):
    r"""``base^{exponent}``: a power, an index in parentheses (exponent is a Group), or ``^T``; decided by meaning."""

    base: Node
    exponent: Node


@dataclass(frozen=True)
class Transpose(Node):
    r"""``^\top``, ``^{\mathsf T}``, ``^\intercal``; ``inverse`` for ``^{-\top}``. A bare ``^T`` is a Superscript."""

    base: Node
    inverse: bool = False


@dataclass(frozen=True)
class Prime(Node):
    """``f'``, ``f''``."""

    base: Node
    count: int


@dataclass(frozen=True)
class Group(Node):
    """Parentheses, brackets or braces that were written: ``opening`` is ``(``, ``[`` or ``{``; several items if commas
    stand inside.

    ``opening`` is ``[)`` and the like for a half-open interval, '' for a list without brackets: ``i, j`` and ``1,
    \\dots, N``. ``bar`` items stand in front of a bar: ``p(x \\mid \\theta)``.
    """

    opening: str
    items: tuple[Node, ...]
    bar: int = 0


@dataclass(frozen=True)
class Bars(Node):
    r"""``|x|`` (``double`` false), ``\|x\|`` (true)."""

    body: Node
    double: bool


@dataclass(frozen=True)
class Angle(Node):
    r"""``\langle a, b \rangle``."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Terms(Node):
    """A sum of terms, each with its sign ``+``, ``-``, ``±``; the first sign is ``+`` if none stood there."""

    signs: tuple[str, ...]
    terms: tuple[Node, ...]


@dataclass(frozen=True)
class Factors(Node):
    r"""A product of factors in flat order; ``signs[k]`` stands before ``factors[k]``: ``''`` (juxtaposed), ``\cdot``,
    ``\times``, ``/``, ``\odot``, ``\otimes``; ``signs[0]`` is ``''``.
    """

    signs: tuple[str, ...]
    factors: tuple[Node, ...]


@dataclass(frozen=True)
class Fraction(Node):
    r"""``\frac{a}{b}`` that is no derivative."""

    numerator: Node
    denominator: Node


@dataclass(frozen=True)
class Root(Node):
    body: Node
    degree: Node | None


@dataclass(frozen=True)
class Call(Node):
    r"""A function that the language knows, with the argument that it takes: ``\log s_i``, ``\tanh^2(t)``, ``\log_2
    x``, ``\max(a, b)``, ``\operatorname{diag}(s)``.
    """

    function: str  # without backslash: log, exp, tanh, max, diag, tr, relu, sign, erf, det …
    arguments: tuple[Node, ...]
    power: Node | None = None
    base: Node | None = None
    primes: int = 0


@dataclass(frozen=True)
class Binder(Node):
    r"""What stands under ``\sum``: index names; then ``=`` a first and (above) a last value, or ``\ne`` (excluded), or
    ``\in``.
    """

    indices: tuple[Node, ...]
    relation: str = ""  # '', '=', '\ne', '\in', '<' or any other relation that was written
    first: Node | None = None  # first value, or the excluded index, or the set
    last: Node | None = None


@dataclass(frozen=True)
class Big(Node):
    r"""``\sum``, ``\prod``, ``\max_i``, ``\min_i`` with what they bind; ``kind`` is sum, prod, max or min.

    ``reaches`` if its body has terms that the sign alone would not bind.
    """

    kind: str
    binders: tuple[Binder, ...]
    body: Node
    reaches: bool = False


@dataclass(frozen=True)
class Partial(Node):
    r"""``\frac{\partial^3 f}{\partial x_i^2 \partial x_j}``, ``\frac{dL}{dz}``, ``\partial_{z_j} L``,
    ``\frac{\partial}{\partial z_j}(…)``.

    ``variables`` are the things in the denominator with how often each; ``order`` is the number written on the
    numerator.
    """

    body: Node
    variables: tuple[tuple[Node, int], ...]
    order: int
    total: bool = False
    roman: bool = False  # the d of a total derivative stands upright; an italic one might be a name


@dataclass(frozen=True)
class Nabla(Node):
    r"""``\nabla_z L``, ``\nabla^2_z L``, ``\nabla L``.

    In front of a name it takes that name, with what it is applied to: ``\nabla_z L \, x^\top`` is ``(\nabla_z L)
    x^\top``.
    In front of anything else (``\nabla_x x^\top A x``, ``\nabla_x \frac12 \|x\|^2``) the product that follows.
    """

    body: Node
    variables: tuple[Node, ...]
    order: int = 1
    turned: bool = False  # \nabla^\top: a row, so that \nabla_u \nabla_v^\top f is a matrix


@dataclass(frozen=True)
class Evaluated(Node):
    r"""``\left. body \right|_{t=0}``."""

    body: Node
    conditions: tuple[Relation, ...]


@dataclass(frozen=True)
class Indicator(Node):
    r"""``\mathbb{1}\{i=j\}``, ``\mathbb{1}_{i=j}``, ``\mathbf 1(i=j)``, ``[i=j]``, ``1\{i=j\}``."""

    conditions: tuple[Relation, ...]  # all of them hold


@dataclass(frozen=True)
class Cases(Node):
    """``rows`` of a value and its conditions; no conditions means otherwise."""

    rows: tuple[tuple[Node, tuple[Relation, ...]], ...]


@dataclass(frozen=True)
class Matrix(Node):
    """``pmatrix``, ``bmatrix``, ``array``: entries may be Dots."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True)
class Text(Node):
    r"""``\text{…}``: words inside of a formula."""

    text: str


@dataclass(frozen=True)
class Relation(Node):
    r"""``left sign right`` in canonical spelling: ``= \ne < > \le \ge \approx \in \to \propto \sim := \equiv
    \implies``.
    """

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Link:
    """One side of a chain. ``sign`` is the relation before it ('' for the first side); ``at`` is the offset of that
    sign.
    """

    sign: str
    at: int
    side: Node | None  # None before a leading sign: "&= …" goes on from the chain above
    latex: str
    reason: str | None = None
    problem: Problem | None = None


@dataclass(frozen=True)
class Chain:
    """``a = b = c``: its links in order. A formula holds one or more chains, split at ``,`` ``;`` ``\\quad``, rows and
    "and".

    A row that begins with a relation sign goes on from the chain before it and is part of that chain.
    ``words`` of a chain behind an arrow are ``\\implies``, ``\\impliedby`` or ``\\iff``; a condition in parentheses
    behind
    white space has ``if``; ``\\forall`` is ``for all``. The first side is None when a formula begins with a relation.
    """

    links: tuple[Link, ...]
    words: str = ""  # words that stood before it inside the formula: "where", "with", "if"
    row: int = 0


@dataclass(frozen=True)
class Problem:
    """Why a stretch of a formula could not be read: where in its LaTeX, what was found, what was expected."""

    at: int
    message: str
