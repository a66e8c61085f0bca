r"""A formula -> its statements, each a chain of relations.

A display is cut first and read afterwards, so that a side that cannot be read costs that side only and no relation
is lost:

    formula    row (``\\`` row)*                           rows inside of a bracket are layout
    row        statement (separator statement)*            separator: , ; \quad & \implies, or words such as "where"
    statement  side (relation side)*                       a chain; the sides are read by :mod:`.expression`

A row that begins with a relation goes on from the chain above it; one without a relation that begins with an
operator goes on from its last side. Commas keep together what belongs together: ``i, j = 1, \dots, N`` is one
statement whose sides are lists. ``\quad`` and ``&`` part statements only where a relation stands on both sides of
them, or a condition behind them. ``\text{…}``, ``\tag{…}`` and what stands over a relation sign become the link's
stated reason, unless the words connect ("and", "where", "if"): then a new statement begins, with these words before
it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace

from derive.notes.document import Formula, Place
from derive.notes.grammar import vocabulary as words
from derive.notes.grammar.cursor import LAYOUT, Unreadable
from derive.notes.grammar.expression import THIN, Expressions
from derive.notes.grammar.syntax import Chain, Link, Node, Problem
from derive.notes.grammar.tokens import Token, clean, match, tokenize


def parse(formula: Formula) -> tuple[Chain, ...]:
    """The chains of a formula, in order. Never raises: what cannot be read is a :class:`Problem` of its link."""
    chains = parse_text(formula.latex)
    if formula.problem is None:
        return chains
    return tuple(
        replace(chain, links=tuple(_unread(link, formula.problem) for link in chain.links)) for chain in chains
    )


def _unread(link: Link, message: str) -> Link:
    return replace(link, side=None, problem=Problem(link.at, message))


def parse_text(latex: str) -> tuple[Chain, ...]:
    tokens = _statements_only(tokenize(latex), latex)
    partner = match(tokens)
    tokens = _named_texts(tokens, partner)
    return _Cutter(tokens, partner, latex).chains()


def as_formula(latex: str) -> Formula:
    """A formula that stands alone, places counted from line 1."""
    places, line, column = [], 1, 1
    for char in latex:
        places.append(Place(line, column))
        line, column = (line + 1, 1) if char == "\n" else (line, column + 1)
    return Formula(latex, tuple(places), False)


# ----- layout that stands around statements -----


def _statements_only(tokens: list[Token], latex: str) -> list[Token]:
    """Takes off what only dresses statements: row environments, boxes around relations, words over a relation sign."""
    tokens = _relations_with_words(tokens, latex)
    partner = match(tokens)
    dropped: set[int] = set()
    inner = 0  # the end of the matrix, cases or script that we stand in
    for i, token in enumerate(tokens):
        closing = partner[i]
        if i < inner or closing < i:
            continue
        if token.kind == "begin" and token.text not in words.CASES | words.MATRICES:
            if token.text in words.ROWS:
                dropped |= {i, closing}
            else:
                dropped.add(closing)
        elif token.kind == "begin" and not _holds_system(tokens, partner, i):
            inner = closing
        elif token.kind == "begin":
            dropped |= {i, closing}
        elif token.kind == "{":
            if (
                closing == i + 1
                and not _is_script_or_argument(tokens, partner, i)
                and not _scripted(tokens, closing + 1)
            ):
                dropped |= {i, closing}
            elif _is_script_or_argument(tokens, partner, i) or not _holds_statement(tokens, partner, i):
                inner = closing
            else:
                dropped |= {i, closing} | ({i - 1} if i and tokens[i - 1].kind in ("transparent", "brace") else set())
        elif token.kind == "open" and tokens[closing].text == "." and not _has_relation_before(tokens, i):
            dropped |= {i, closing}
        elif token.kind in ("open",):
            inner = max(inner, closing) if tokens[closing].text == "." else inner
    return [t for i, t in enumerate(tokens) if i not in dropped] if dropped else tokens


def _has_relation_before(tokens: list[Token], i: int) -> bool:
    while i > 0 and tokens[i - 1].kind not in ("row", ";"):
        i -= 1
        if tokens[i].kind == "rel":
            return True
    return False


def _holds_system(tokens: list[Token], partner: list[int], i: int) -> bool:
    """An array that is a display of relations, not a matrix: it stands alone and its rows have relations."""
    if tokens[i].text != "array":
        return False
    alone = (i == 0 or tokens[i - 1].kind in ("row", "open")) and (
        partner[i] + 1 >= len(tokens) or tokens[partner[i] + 1].kind in ("close", "row", ".", ",")
    )
    return alone and not _has_relation_before(tokens, i) and any(t.kind == "rel" for t in tokens[i : partner[i]])


def _is_script_or_argument(tokens: list[Token], partner: list[int], i: int) -> bool:
    if i == 0:
        return False
    before = tokens[i - 1]
    if before.kind in ("^", "_", "frac", "dress", "accent", "func", "above", "xarrow") or before.text in (
        r"\sqrt",
        r"\substack",
    ):
        return True
    return before.kind == "}" and 0 < partner[i - 1] < i and tokens[partner[i - 1] - 1].kind in ("frac", "above")


def _scripted(tokens: list[Token], i: int) -> bool:
    return i < len(tokens) and tokens[i].kind in ("^", "_")


def _holds_statement(tokens: list[Token], partner: list[int], i: int) -> bool:
    k = i + 1
    while k < partner[i]:
        if tokens[k].kind in ("rel", "row", "&"):
            return True
        k = partner[k] if partner[k] > k and tokens[k].kind != "bar" else k + 1
    return False


def _relations_with_words(tokens: list[Token], latex: str) -> list[Token]:
    r"""``\overset{(1)}{=}`` is ``=`` with the reason (1)."""
    if not any(t.kind in ("above", "xarrow") for t in tokens):
        return tokens
    partner = match(tokens)
    found: list[Token] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        note = _argument(tokens, partner, i + 1) if token.kind in ("above", "xarrow") else None
        if token.kind == "xarrow" and note:
            found.append(Token("rel", token.text, token.start, tokens[note[1] - 1].end, _words_of(latex, tokens, note)))
            i = note[1]
            continue
        sign = _argument(tokens, partner, note[1]) if note else None
        inner = [t for t in tokens[sign[0] : sign[1]] if t.kind not in "{}"] if sign else []
        if note and sign and len(inner) == 1 and inner[0].kind in ("rel", "arrow"):
            reason = _words_of(latex, tokens, note)
            defines = reason.lower().strip(". ") in ("def", "defined", r"\triangle", r"\mathrm def", "△", r"\Delta")
            sign_text = ":=" if defines and inner[0].text == "=" else inner[0].text
            found.append(Token(inner[0].kind, sign_text, inner[0].start, inner[0].end, "" if defines else reason))
            i = sign[1]
            continue
        found.append(token)
        i += 1
    return found


def _argument(tokens: list[Token], partner: list[int], i: int) -> tuple[int, int] | None:
    if i >= len(tokens):
        return None
    if tokens[i].kind == "{":
        return (i, partner[i] + 1) if partner[i] > i else None
    return i, i + 1


def _words_of(latex: str, tokens: list[Token], span: tuple[int, int]) -> str:
    return clean(latex[tokens[span[0]].start : tokens[span[1] - 1].end])


def _named_texts(tokens: list[Token], partner: list[int]) -> list[Token]:
    r"""``\text{softmax}(z)``: a single word in the place of a name is a name."""
    for i, token in enumerate(tokens):
        if token.kind != "text" or (i and tokens[i - 1].kind in ("_", "^")):
            continue
        word = token.extra
        if not word.replace("-", "").isalnum() or word.lower() in words.CONNECTIVES or not word[0].isalpha():
            continue
        before = tokens[i - 1].kind if i else ""
        after = tokens[i + 1].kind if i + 1 < len(tokens) else ""
        wanted = (
            before in ("rel", "op", "sign", "frac")
            or after in ("_", "^", "'", "rel", "op")
            or (before == "{" and after == "}")
        )
        if words.OTHERWISE.match(word) or (before == "&" and after in ("", "row", "end")):
            continue
        if wanted or (after == "open" and token.end == tokens[i + 1].start):
            known = words.FUNCTIONS.get(word)
            inside_script = i > 1 and before == "{" and tokens[i - 2].kind in ("_", "^")
            if not inside_script:
                tokens[i] = Token("func" if known else "word", known or word, token.start, token.end, r"\mathrm")
    return tokens


# ----- cutting -----


@dataclass
class _Side:
    low: int
    high: int
    sign: str = ""
    at: int = 0
    reason: str = ""


@dataclass
class _Statement:
    words: str = ""
    sides: list[_Side] = field(default_factory=list)
    row: int = 0
    aligned: bool = False  # an & stands beside its first relation sign


@dataclass
class _Piece:
    low: int
    high: int
    before: str  # the separator in front: row , ; wide & words arrow
    words: str = ""
    signs: list[int] = field(default_factory=list)
    row: int = 0


_OPERATOR_KINDS = ("sign", "op")
_WEAK = (",", "wide", "&")


class _Cutter:
    def __init__(self, tokens: list[Token], partner: list[int], latex: str) -> None:
        self.tokens, self.partner, self.latex = tokens, partner, latex
        self.reader = Expressions(tokens, partner, latex)
        self.statements: list[_Statement] = []

    def chains(self) -> tuple[Chain, ...]:
        pieces = self._gathered(self._pieces())
        for piece in pieces:
            self._take(piece)
        self._give_reasons()
        return tuple(self._chain(s) for s in self.statements)

    # ----- pieces between separators -----

    def _pieces(self) -> list[_Piece]:
        pieces = [_Piece(0, 0, "row")]
        self.reasons: list[tuple[int, str]] = []
        row = 0
        for i in self.reader.top(0, len(self.tokens)):
            token = self.tokens[i]
            kind = token.kind
            if kind == "row":
                row += 1
            if kind in ("row", ",", ";", "wide", "&", "arrow"):
                pieces[-1].high = i
                pieces.append(_Piece(i + 1, i + 1, kind, words.ARROWS[token.text] if kind == "arrow" else "", row=row))
            elif kind == "text" and not (i and self.tokens[i - 1].kind in ("_", "^")):
                self._words(i, pieces, row)
            elif kind == "tag":
                if not words.EQUATION_NUMBER.match(token.extra):
                    self.reasons.append((i, token.extra))
            elif kind == "cmd" and token.text in (r"\forall", r"\land", r"\wedge"):
                pieces[-1].high = i
                pieces.append(_Piece(i + 1, i + 1, "words", "for all" if token.text == r"\forall" else "and", row=row))
            elif kind == "rel":
                pieces[-1].signs.append(i)
        pieces[-1].high = len(self.tokens)
        return [part for piece in pieces for part in self._condition_apart(piece)]

    def _condition_apart(self, piece: _Piece) -> list[_Piece]:
        r"""``= -s_i s_j \; (j \ne i)``: a relation in parentheses is no factor; an equation may be one argument."""
        high = piece.high
        while high > piece.low and self.tokens[high - 1].kind in (*LAYOUT, ".", ","):
            high -= 1
        opening = self.partner[high - 1] if high > piece.low and self.tokens[high - 1].kind == "close" else -1
        if opening <= piece.low or self.tokens[opening].text != "(" or not piece.signs or piece.signs[0] > opening:
            return [piece]
        inner = [self.tokens[i].text for i in self.reader.top(opening + 1, high - 1) if self.tokens[i].kind == "rel"]
        spaced = THIN.search(self.latex[self.tokens[opening - 1].end : self.tokens[opening].start]) is not None
        if not inner or not (spaced or all(sign == r"\ne" for sign in inner)):
            return [piece]
        end = piece.high
        piece.high = opening
        return [piece, _Piece(opening, end, "wide", row=piece.row)]

    def _words(self, i: int, pieces: list[_Piece], row: int) -> None:
        """A text at the top level: a connective begins a statement, other words are a reason, or stand in front."""
        token = self.tokens[i]
        said = clean(token.extra)
        first = said.lower().split(" ")[0].strip(",.;:") if said else ""
        ahead = i + 1
        while ahead < len(self.tokens) and self.tokens[ahead].kind in ("wide", "&"):
            ahead += 1
        last = ahead >= len(self.tokens) or self.tokens[ahead].kind in ("row", "tag", ".", ",", "text")
        piece = pieces[-1]
        begins = piece.low == i or all(t.kind in LAYOUT for t in self.tokens[piece.low : i])
        in_parentheses = token.extra.strip().startswith("(") or first in ("by", "using", "from")
        after_operator = i > 0 and self.tokens[i - 1].kind in ("rel", *_OPERATOR_KINDS)
        if after_operator and not last:
            return
        if after_operator and first not in words.CONNECTIVES:
            return
        if (not in_parentheses and first in words.CONNECTIVES and not last) or (
            begins and piece.before == "row" and not last and not in_parentheses
        ):
            pieces[-1].high = i
            pieces.append(_Piece(i + 1, i + 1, "words", said, row=row))
        else:
            if said and not words.EQUATION_NUMBER.match(said):
                self.reasons.append((i, said))
            pieces[-1].high = i
            pieces.append(_Piece(i + 1, i + 1, "wide", row=row))

    def _filled(self, piece: _Piece) -> bool:
        return any(t.kind not in LAYOUT and t.kind != "." for t in self.tokens[piece.low : piece.high])

    def _first(self, piece: _Piece) -> Token | None:
        return next((self.tokens[k] for k in range(piece.low, piece.high) if self.tokens[k].kind not in LAYOUT), None)

    def _last(self, low: int, high: int) -> Token | None:
        return next((self.tokens[k] for k in range(high - 1, low - 1, -1) if self.tokens[k].kind not in LAYOUT), None)

    # ----- pieces that belong together -----

    def _gathered(self, pieces: list[_Piece]) -> list[_Piece]:
        return self._lists(self._without_layout(pieces))

    def _without_layout(self, pieces: list[_Piece]) -> list[_Piece]:
        r"""Joins what ``\quad`` and ``&`` only move apart."""
        found: list[_Piece] = []
        for piece in self._relations_joined(self._nonempty(pieces)):
            if self._label(piece):
                continue
            if (
                found
                and piece.before in ("wide", "&")
                and piece.row == found[-1].row
                and self._is_layout(found[-1], piece)
            ):
                found[-1].high = piece.high
                found[-1].signs += piece.signs
            else:
                found.append(piece)
        return found

    def _nonempty(self, pieces: list[_Piece]) -> list[_Piece]:
        """Words go on to the next piece that has something in it, and so does the beginning of a row."""
        found: list[_Piece] = []
        words_before, row, comma = "", False, False
        for piece in pieces:
            row = row or piece.before == "row"
            if not self._filled(piece):
                words_before = piece.words or words_before
                comma = piece.before == "," or (comma and piece.before in ("wide", "&"))
                continue
            if comma and piece.before in ("wide", "&"):
                piece.before = ";"  # a comma and white space
            comma = False
            if words_before and not piece.words:
                piece.words, piece.before = words_before, "words"
            elif row and not piece.words and piece.before != "arrow":
                piece.before = "row"
            words_before, row = "", False
            found.append(piece)
        return found

    def _relations_joined(self, pieces: list[_Piece]) -> list[_Piece]:
        """``a & = b``: a piece that begins with a relation belongs to the piece before it."""
        found: list[_Piece] = []
        for piece in pieces:
            first = self._first(piece)
            if (
                found
                and piece.before in ("wide", "&")
                and first is not None
                and first.kind == "rel"
                and not piece.words
            ):
                found[-1].high = piece.high
                found[-1].signs += piece.signs
            else:
                found.append(piece)
        return found

    def _label(self, piece: _Piece) -> bool:
        """A parenthesis behind white space: an equation's number, words, or a condition."""
        if piece.before not in ("wide", "&", ","):
            return False
        low, high = self.reader.trim(piece.low, piece.high)
        if low >= high or self.tokens[low].kind != "open" or self.partner[low] not in (high - 1, high - 2):
            return False
        if self.partner[low] == high - 2 and self.tokens[high - 1].kind not in (".", ","):
            return False
        inner = self.tokens[low + 1 : self.partner[low]]
        said = clean(self.latex[self.tokens[low].start : self.tokens[self.partner[low]].end])
        if any(t.kind == "text" for t in inner):
            self.reasons.append((low, said))
            return True
        if words.EQUATION_NUMBER.match(said) and len(inner) == 1 and inner[0].kind == "number" and piece.before != ",":
            return True
        signs = [i for i in self.reader.top(low + 1, self.partner[low]) if self.tokens[i].kind == "rel"]
        if signs:
            piece.low, piece.high, piece.signs, piece.before, piece.words = (
                low + 1,
                self.partner[low],
                signs,
                "words",
                "if",
            )
        return False

    def _is_layout(self, before: _Piece, piece: _Piece) -> bool:
        last, first = self._last(before.low, before.high), self._first(piece)
        if last is None or first is None:
            return True
        if first.kind == "rel" or last.kind in ("rel", *_OPERATOR_KINDS):
            return True
        if first.kind in _OPERATOR_KINDS and not piece.signs:
            return True
        return not piece.signs or not before.signs

    def _lists(self, pieces: list[_Piece]) -> list[_Piece]:
        """Joins the items of ``i, j = 1, \\dots, N``: those in front of a relation and those behind it."""
        relation_ahead, dots_ahead = self._ahead(pieces)
        found: list[_Piece] = []
        for k, piece in enumerate(pieces):
            joined = found and piece.before == "," and not piece.words
            if (joined and not found[-1].signs and (not piece.signs or piece.row == found[-1].row)) or (
                joined
                and not piece.signs
                and (not relation_ahead[k] or dots_ahead[k] or self._continues_list(found[-1], piece))
            ):
                self._join(found[-1], piece)
            else:
                found.append(piece)
        return found

    def _ahead(self, pieces: list[_Piece]) -> tuple[list[bool], list[bool]]:
        """For each piece: whether a relation follows in its run of commas, and whether dots stand before it."""
        relation, dots = [False] * (len(pieces) + 1), [False] * (len(pieces) + 1)
        for k in reversed(range(len(pieces))):
            goes_on = k + 1 < len(pieces) and pieces[k + 1].before == "," and not pieces[k + 1].words
            relation[k] = bool(pieces[k].signs) or (goes_on and relation[k + 1])
            dots[k] = not pieces[k].signs and (self._has_dots(pieces[k]) or (goes_on and dots[k + 1]))
        return relation, dots

    def _join(self, piece: _Piece, more: _Piece) -> None:
        piece.high = more.high
        piece.signs += more.signs

    def _continues_list(self, before: _Piece, piece: _Piece) -> bool:
        """Whether an item ends the list in front of it, and does not begin the next: a number, or what follows dots."""
        last = self._last(before.low, before.high)
        return self._is_number(piece) or (last is not None and last.kind == "dots")

    def _has_dots(self, piece: _Piece) -> bool:
        first = self._first(piece)
        return first is not None and first.kind == "dots"

    def _is_number(self, piece: _Piece) -> bool:
        low, high = self.reader.trim(piece.low, piece.high)
        return high - low <= 2 and low < high and self.tokens[high - 1].kind == "number"

    # ----- statements -----

    def _take(self, piece: _Piece) -> None:
        low, high = self.reader.trim(piece.low, piece.high)
        while (high > low and self.tokens[high - 1].kind in (".", ",", ";")) or (
            high > low and self.tokens[high - 1].kind in LAYOUT
        ):
            high -= 1
        if low >= high:
            return
        if piece.words == "for all" and piece.signs and self.tokens[piece.signs[0]].text == ":":
            self._take(_Piece(low, piece.signs[0], piece.before, piece.words, [], piece.row))
            self._take(_Piece(piece.signs[0] + 1, high, ";", "", piece.signs[1:], piece.row))
            return
        if len(piece.signs) > 2 and self.tokens[piece.signs[1]].text == ":":  # i = j: what holds then
            self._take(_Piece(low, piece.signs[1], ";", piece.words or "if", piece.signs[:1], piece.row))
            self._take(_Piece(piece.signs[1] + 1, high, ";", "", piece.signs[2:], piece.row))
            return
        bounds = [low, *(i + 1 for i in piece.signs)]
        ends = [*piece.signs, high]
        sides = [_Side(a, b) for a, b in zip(bounds, ends, strict=True)]
        for side, sign in zip(sides[1:], piece.signs, strict=True):
            token = self.tokens[sign]
            side.sign, side.at, side.reason = token.text, token.start, token.extra
        if self._continues(piece, sides):
            return
        statement = _Statement(piece.words, sides, piece.row, self._is_aligned(piece))
        statement.sides[0].at = self.tokens[low].start if low < len(self.tokens) else 0
        self.statements.append(statement)

    def _is_aligned(self, piece: _Piece) -> bool:
        if not piece.signs:
            return False
        i = piece.signs[0]
        return any(self.tokens[k].kind == "&" for k in (i - 1, i + 1) if 0 <= k < len(self.tokens))

    def _continues(self, piece: _Piece, sides: list[_Side]) -> bool:
        """Whether a piece goes on from the statement before it; if so it is added there."""
        if piece.words or not self.statements or piece.before in (";", "arrow", "words"):
            return False
        last = self.statements[-1]
        lead = self._last(sides[0].low, sides[0].high)
        if piece.signs and lead is None:
            last.sides += sides[1:]
            return True
        if piece.before != "row":
            return False
        before = self._last(last.sides[-1].low, last.sides[-1].high)
        first = self.tokens[sides[0].low]
        open_end = before is None or before.kind in ("rel", *_OPERATOR_KINDS)
        moved = any(t.kind in ("&", "wide") for t in self.tokens[last.sides[-1].high : sides[0].low])
        goes_on = (first.kind in _OPERATOR_KINDS and (not piece.signs or (moved and last.aligned))) or (
            moved and last.aligned and not piece.signs
        )
        if open_end or goes_on:
            last.sides[-1].high = sides[0].high
            last.sides += sides[1:]
            return True
        return False

    # ----- reading the sides -----

    def _chain(self, statement: _Statement) -> Chain:
        return Chain(
            tuple(self._link(s, k) for k, s in enumerate(statement.sides)), statement.words, statement.row
        )

    def _give_reasons(self) -> None:
        """Words belong to the side that they stand behind."""
        sides = [side for statement in self.statements for side in statement.sides]
        lows = [side.low for side in sides]
        for i, said in self.reasons:
            k = bisect_right(lows, i) - 1
            if k >= 0:
                sides[k].reason = "; ".join(filter(None, [sides[k].reason, said]))

    def _link(self, side: _Side, k: int) -> Link:
        low, high = self.reader.trim(side.low, side.high)
        latex = self.latex[self.tokens[low].start : self.tokens[high - 1].end] if low < high else ""
        node, problem = self._read(low, high, side)
        return Link(side.sign, side.at, node, latex, side.reason or None, problem)

    def _read(self, low: int, high: int, side: _Side) -> tuple[Node | None, Problem | None]:
        if low >= high and not side.sign:
            return None, None  # the formula begins with a relation
        if low >= high:
            at = self.tokens[high].start if high < len(self.tokens) else len(self.latex)
            return None, Problem(at if not side.sign else side.at, "an expression was expected beside this sign")
        try:
            return self.reader.side(low, high), None
        except Unreadable as unreadable:
            return None, unreadable.problem
