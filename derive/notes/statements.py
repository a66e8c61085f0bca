"""What a relation is: the words around it, and the shape of its left side.

A sentence is walked from left to right. Words set a mode ("Assume", "where", "then" …), in which the relations that
follow are declarations, definitions, assumptions or claims. Nothing here knows of shapes or of SymPy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import head_and_indices, letter

DEFINES = frozenset({"=", ":=", r"\equiv"})
DECLARES = frozenset({r"\in", ":"})


class Mode(StrEnum):
    PLAIN = "plain"  # nothing said: a new name is defined, everything else claimed
    LET = "let"
    ASSUME = "assume"
    SINCE = "since"  # assumed, until the main clause begins
    IF = "if"  # assumed for this sentence alone
    FOR = "for"  # the same, but only the formulas directly behind the word
    WITH = "with"
    AWAY = "away"  # the set where the relation holds is left out
    DENY = "deny"
    CLAIM = "claim"


ASSUMING = frozenset({Mode.ASSUME, Mode.SINCE, Mode.IF, Mode.FOR, Mode.WITH})
LOCAL = frozenset({Mode.IF, Mode.FOR})
BRIEF = frozenset({Mode.FOR, Mode.AWAY})  # ends with the formulas directly behind it
JOINING = re.compile(r"\s*(and|or)\s*")  # between formulas directly behind a word

OPPOSITE = {"=": r"\ne", r"\ne": "=", "<": r"\ge", ">": r"\le", r"\le": ">", r"\ge": "<"}

# -- words ----------------------------------------------------------------------------------------------------------
DENIAL = re.compile(r"^\W*(wrong|slip|not)\W*:|^\W*it is (false|not true|wrong) that\b|^\W*(wrong|slip)\W*$", re.I)
DENIES = re.compile(r"\b(wrong|false|slip)\b", re.I)
RIGHTED = re.compile(
    r"\b(but|instead|rather|in fact|actually|whereas|should (be|have been|read))\b|\b(right|correct(ed|ly)?)\b", re.I
)
CUES: tuple[tuple[re.Pattern[str], Mode], ...] = tuple(
    (re.compile(pattern, re.I), mode)
    for pattern, mode in (
        (r"\b(assum(e|es|ing)|suppos(e|es|ing)|under the (assumption|condition|constraint)s?)\b", Mode.ASSUME),
        (r"(^\W*|[,;:]\s*|\band\s+)(given)\b(?!\s+by)", Mode.SINCE),
        (r"\b(since|because|provided)\b", Mode.SINCE),
        (r"\b(if|when|whenever)\b(?! and only)", Mode.IF),
        (r"\bin\s+the\s+((special|particular)\s+)?case(\s+(of|that|where))?\s*$", Mode.IF),
        (r"(^\W*|[,;:(]\s*|\band\s+|\bis\s+|\bonly\s+)for\b(?![^$]*[,;:])", Mode.FOR),
        (r"\b(such that|subject to|s\. ?t\.|where|wherein)", Mode.WITH),
        (r"\bwith\b(?!\s+respect|\s+regard)", Mode.WITH),
        (r"\blet\b(?!\s*(us|['’]s)\b)|\b(define[sd]?|defining|denotes?|introduce)\b", Mode.LET),
        (r"\blet\s*(us|['’]s)\s+(put|set|write|call|consider|take|say)\b", Mode.LET),
        (r"(^\W*|\b(we|now|again|further)\s+|,\s*)(put|set|write|call|consider|take)\b", Mode.LET),
        (r"\b(away from|except|unless|other than|outside(?: of)?)\b", Mode.AWAY),
        (r"\b(otherwise|then|hence|thus|therefore|consequently|it follows|follows that|we (have|get|obtain|find|see)|"
         r"this (gives|yields|means)|which (gives|yields|means|is)|so (that )?we|one (has|gets|finds))\b", Mode.CLAIM),
        (r"\b(so|becomes?|gives|yields|equals|claim)\b", Mode.PLAIN),
    )
)  # fmt: skip
# In front of a relation that is spoken of and not said to hold: a condition, a case, an equation to be solved.
SPOKEN_OF = re.compile(
    r"\b(satisf(?:y|ies|ying)|solves?|solving|until|minimi[sz]es?|needs?|requires?|cases?|instead of|rather than|"
    r"assumption|condition|constraint|only|drops?|dropped|forgets?|forgot|like|whether|not|without|range|convention|"
    r"(?:hyper)?planes?|lines?|circle|sphere|ball|subspace|systems?|problem)\s*[:,]?\s*[\(\"“']?$",
    re.I,
)
# In front of one that is made use of: what speaks of derivatives or of what is defined is said to hold.
USED = re.compile(
    r"\b(using|uses?|used|use of|applying|from|of|by|into|via|between|than|about|on|(?<!arrive )(?<!arrives )at|in|the)"
    r"\s*[:,]?\s*[\(\"“']?$",
    re.I,
)


def mode_after(words: str, mode: Mode, opening: bool) -> Mode:
    """The mode behind these words, when it was ``mode`` in front of them."""
    if opening and DENIAL.search(words):
        return Mode.DENY
    if mode is Mode.DENY:
        turn = RIGHTED.search(words)
        return Mode.DENY if turn is None or DENIES.search(words, turn.end()) else Mode.CLAIM
    found = [(m.end(), new) for pattern, new in CUES for m in pattern.finditer(words)]
    for _, new in sorted(found, key=lambda pair: pair[0]):
        if new is Mode.PLAIN:
            # "Assume that the rows are one-hot, so …" goes on assuming; "Since …, so" does not
            mode = Mode.CLAIM if mode in ASSUMING - {Mode.ASSUME} else mode
        elif new in LOCAL and mode is Mode.ASSUME:
            pass
        elif new is Mode.WITH and mode in (Mode.ASSUME, Mode.LET):
            mode = mode if mode is Mode.ASSUME else Mode.WITH
        elif new is Mode.AWAY:
            mode = new
        else:
            mode = new
    return mode


# -- properties said in words ---------------------------------------------------------------------------------------
PROPERTIES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), name)
    for pattern, name in (
        (r"\bone[- ]hot\b", "one-hot"),
        (r"\bsymmetric\b(?! positive)", "symmetric"),
        (r"\b(skew[- ]?symmetric|anti[- ]?symmetric)\b", "skew"),
        (r"\borthogonal\b(?!\s+to)|\borthonormal\b", "orthogonal"),
        (
            r"(?<!true )(?<!false )\b(strictly )?positive\b(?=\s*($|[,.;:)]|(and|or|but|so|for|with|everywhere)\b|"
            r"((real|finite|fixed) )*(numbers?|reals?|scalars?|constants?|integers?|entr(y|ies)|components?|weights?|"
            r"vectors?|matri(x|ces)|functions?|parameters?|values?|quantit(y|ies)|diagonal)\b))",
            "positive",
        ),
        (r"\bnon-?negative\b", "nonnegative"),
        (r"\b(is|are|be|not|nowhere) (non-?zero|zero)\b|\bnon-?zero\b", "nonzero"),
        (
            r"\bsums? to (one|1)\b|\bon the simplex\b|\bprobability (vector|distribution)\b|\badds? up to (one|1)\b",
            "sum-one",
        ),
        (r"\b(has |of )?unit (norm|length)\b", "unit"),
        (r"\b(has |have |of )?(zero[- ]mean|mean zero)\b|\bcentred\b|\bcentered\b", "centred"),
        (r"\bdiagonal\b(?!\s+(of|entr|elements?|terms?|part|blocks?|case|and))", "diagonal"),
    )
)


UNLIKE = re.compile(r"\b(not|non|never|neither|nor|no longer|without|n't)\b[^,.;:]*$", re.I)


def properties(words: str) -> list[str]:
    """Properties that the words ascribe, and do not deny."""
    found = [
        name
        for pattern, name in PROPERTIES
        if any(not UNLIKE.search(words[: m.start()]) for m in pattern.finditer(words))
    ]
    return [n for n in found if not (n == "symmetric" and "skew" in found)]


TOGETHER = re.compile(r"\W*((be|are|both|all)\b\s*)+$", re.I)
OF_MATRICES = frozenset({"symmetric", "skew", "orthogonal", "diagonal"})


def shared_properties(words: str) -> list[str]:
    """Properties that stand directly behind a list of names: ``… and $R \\in …$ be symmetric``."""
    return [
        name
        for pattern, name in PROPERTIES
        if (found := pattern.search(words)) is not None and TOGETHER.match(words[: found.start()])
    ]


FUNCTION_OF = re.compile(
    r"^\W*(?:be|is|denotes?|as)?\s*(?:an?|any|some|the)?\s*(?:(?:smooth|differentiable|scalar|real|arbitrary|general|valued|any|loss|-)\s*)*"
    r"(?:function|loss|functional)\s+(?:of|in|on)\s*(?:the\s+\w+\s*)*$",
    re.I,
)


# -- left sides -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Left:
    r"""A left side that can be defined: ``s_i``, ``F(x)``, ``\sigma_k(x_{i:})``, ``x^{(n)}_j``."""

    name: str
    formals: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def left_side(node: s.Node) -> Left | None:
    if isinstance(node, s.Factors) and len(node.factors) == 2 and node.signs[1] == "":
        return _function_left(*node.factors)
    name = letter(node)
    if name is not None:
        return Left(name)
    head, indices = head_and_indices(node)
    name = letter(head)
    formals = tuple(letter(i) for i in indices)
    if name is None or not formals or None in formals or len(set(formals)) < len(formals):
        return None
    return Left(name, formals)  # type: ignore[arg-type]


def _function_left(head: s.Node, behind: s.Node) -> Left | None:
    group, after = head_and_indices(behind)
    if not isinstance(group, s.Group) or group.opening != "(" or not group.items:
        return None
    own = left_side(head) if not isinstance(head, s.Factors) else None
    formals = tuple(letter(i) for i in after)
    if own is None or own.params or None in formals:
        return None
    params: list[str] = []
    rows: dict[str, tuple[str, ...]] = {}
    for item in group.items:
        base, indices = head_and_indices(item)
        name = letter(base)
        fixed = tuple(letter(i) for i in indices if not isinstance(i, s.Wildcard))
        if name is None or None in fixed or (indices and len(fixed) == len(indices)):
            return None
        params.append(name)
        if fixed:
            rows[name] = fixed  # type: ignore[assignment]
    formals = own.formals + formals
    if len(set(params)) < len(params) or len(set(formals)) < len(formals):
        return None
    return Left(own.name, formals, tuple(params), rows)  # type: ignore[arg-type]


def bare_names(node: s.Node | None) -> list[s.Node]:
    """The items of a list without brackets, or the one thing that stands there."""
    if node is None:
        return []
    if isinstance(node, s.Group) and node.opening == "":
        return list(node.items)
    return [node]
