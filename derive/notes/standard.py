r"""Functions that a note knows by their usual names: "where ``\sigma`` is the sigmoid function", "the softplus ``f``".

Such a name, which stands in front of arguments and is given by no equation, gets the equation that is meant; "an
activation function" is any smooth one. Where words name none, ``\sigma`` is the logistic function in a note that speaks
of one, or of ``1 - \sigma(x)``. Where words say more, "with temperature 2", "the hard sigmoid", another function is
meant, which is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from derive.notes.document import Document
from derive.notes.grammar import syntax as s
from derive.notes.grammar.formula import parse_text
from derive.notes.grammar.trees import letter, walk

Parsed = dict[int, tuple[s.Chain, ...]]

LOGISTIC = r"(?:logistic|sigmoid(?:al)?)(?:\s+sigmoid)?(?:\s+function)?|logistic\s+function|inverse\s+logit|expit"
NORMAL = r"(?:standard\s+)?(?:normal|gaussian)"
KNOWN = {  # what is said -> what it is of t
    r"softplus": r"\log(1 + e^{t})",
    r"rectified\s+linear\s+unit|rectifier|relu": r"\max(0, t)",
    r"hyperbolic\s+tangent|tanh": r"\tanh(t)",
    r"swish|silu": r"\frac{t}{1 + e^{-t}}",
    rf"{NORMAL}\s+(?:density|pdf|probability\s+density(?:\s+function)?)": r"\frac{1}{\sqrt{2 \pi}} e^{-t^2 / 2}",
    rf"{NORMAL}\s+(?:cdf|cumulative\s+distribution(?:\s+function)?|distribution\s+function)":
        r"\frac{1}{2} (1 + \operatorname{erf}(t / \sqrt{2}))",
    r"softmax": r"\operatorname{softmax}(t)",
    r"logit": r"\log \frac{t}{1 - t}",
    LOGISTIC: r"\frac{1}{1 + e^{-t}}",
}
UNKNOWN = (
    r"(?:(?:some|any|arbitrary|differentiable|smooth|non-?linear|scalar|element-?wise|entry-?wise|activation)\s+)+"
    r"(?:activation|function|non-?linearity)|(?:activation|non-?linearity)"
)
SOME, ANY = "", "any"  # an activation function, of which other lines may tell; whatever function it is
ALL = re.compile(r"(?:any|arbitrary)\b", re.I)
ARTICLE = r"(?:(?:the|a|an|our|usual|standard|well-known|element-?wise|entry-?wise|familiar|so-called)\s+)*"
ROLE = r"(?:\s+(?:function|activation|nonlinearity|non-linearity|unit|operator|map))*"
SAID = "|".join([*KNOWN, UNKNOWN])
BEHIND = re.compile(
    rf"\s*(?:,\s*|is\s+|be\s+|are\s+|denotes?\s+|denoting\s+|denote\s+|stands?\s+for\s+|for\s+|means\s+|as\s+|=\s*|\(){ARTICLE}"
    rf"(?P<said>{SAID})(?![\w-]){ROLE}(?!\s+(?:of|loss|output|outputs|layer|layers|regression|classifier|derivatives?|gradients?|"
    r"slope|inverse|squared|approximation)\b)",
    re.I,
)
BEFORE = re.compile(
    rf"(?P<kind>[\w-]*\s*)(?<![\w-])(?P<said>{SAID}){ROLE}\s*"
    r"(?:,|:|\(|denoted(?:\s+by)?|written(?:\s+as)?|called)?\s*$",
    re.I,
)
VERB = re.compile(r"\s*(?:is|are|be|denotes?|stands?|means)\b", re.I)  # what follows says what the name is
FURTHER = (
    r"(?:with\s+(?:an?\s+|the\s+)?(?:mean|variance|standard\s+deviation|temperature|slope|leak|negative|gain|steepness|parameter|"
    r"scale|bias|base|cov\w*|rate|threshold)|scaled|shifted|times|clipped|squared|divided|multiplied|plus|minus|"
    r"approximation)\b"
)
MADE = re.compile(  # the name of what is made of the function
    r"\b(?:call|write|denote|define|let)\b[^.;:]*\b(?:inverse|derivative|gradient|logarithm|log|square|integral|"
    r"negative|reciprocal|half)\s+of\s+(?:the\s+|an?\s+)?$",
    re.I,
)
MORE = re.compile(rf"[\s,(]*{FURTHER}", re.I)
KIND = re.compile(
    r"(?:hard|leaky|log|logarithmic|scaled|shifted|parametric|inverse|squared|generali[sz]ed|modified|smoothed|clipped|"
    r"approximate|approximated|piecewise|double|half|steep|noisy|truncated|folded|skew|bounded|randomi[sz]ed)[\s-]+$",
    re.I,
)
ANOTHER = re.compile(
    rf"{KIND.pattern[:-1]}(?:sigmoid|logistic)|\b(?:sigmoid|logistic)(?:\s+function)?[\s,(]+{FURTHER}", re.I
)
GIVES = frozenset({"=", ":=", r"\equiv", ":", r"\in"})
BINARY = re.compile(r"\b(?:sigmoid|logistic)", re.I)


def with_standard(document: Document, parsed: Parsed) -> Parsed:
    """The chains, with an equation in front of the first use of each function that words name."""
    chains = [c for found in parsed.values() for c in found]
    wanted = applied(chains) - equated(chains)
    if not wanted:
        return parsed
    made = dict(parsed)
    said = {name: body for name, body in named(document, parsed) if name in wanted}
    spoken = any(map(BINARY.search, document.words)) and r"\sigma" not in said
    another = any(map(ANOTHER.search, document.words))
    if r"\sigma" in wanted and not said.get(r"\sigma") and (spoken or any(map(less_than_one, chains))) and not another:
        said[r"\sigma"] = KNOWN[LOGISTIC]
    for name, body in said.items():
        key = next(k for k, found in parsed.items() if name in applied(list(found)))
        made[key] = (*equation(name, body, chains), *made[key])
    return made


def less_than_one(chain: s.Chain) -> bool:
    r"""Whether ``1 - \sigma(…)`` stands in a chain."""
    sums = (n for link in chain.links if link.side for n in walk(link.side) if isinstance(n, s.Terms))
    for node in sums:
        signed = list(zip(node.signs, node.terms, strict=True))
        one = any(isinstance(t, s.Number) and t.text == "1" and sign == "+" for sign, t in signed)
        if one and any(sign == "-" and _is_sigma_at(t) for sign, t in signed):
            return True
    return False


def _is_sigma_at(node: s.Node) -> bool:
    if not isinstance(node, s.Factors) or len(node.factors) != 2:
        return False
    return letter(node.factors[0]) == r"\sigma" and isinstance(node.factors[1], s.Group)


def applied(chains: list[s.Chain]) -> set[str]:
    """Names that stand in front of parentheses, or of primes and parentheses, and nowhere else."""
    inside: dict[str, bool] = {}
    for chain in chains:
        for link in chain.links if len(chain.links) > 1 else ():
            for name, is_head in _uses(link.side):
                inside[name] = inside.get(name, True) and is_head
    return {name for name, always in inside.items() if always}


def _uses(side: s.Node | None) -> Iterator[tuple[str, bool]]:
    heads: set[int] = set()
    for node in walk(side) if side is not None else ():
        if isinstance(node, s.Factors):
            for first, group, sign in zip(node.factors, node.factors[1:], node.signs[1:], strict=False):
                while isinstance(first, s.Prime):
                    first = first.base
                while isinstance(group, s.Subscript | s.Superscript | s.Transpose):
                    group = group.base
                if isinstance(first, s.Name) and isinstance(group, s.Group) and group.opening == "(" and not sign:
                    heads.add(id(first))
        if isinstance(node, s.Name):
            yield node.text, id(node) in heads


def equated(chains: list[s.Chain]) -> set[str]:
    """Names whose values an equation gives, or a declaration."""
    sides = [c.links[0].side for c in chains if len(c.links) > 1 and c.links[1].sign in GIVES]
    return {name for side in sides if (name := function_in(side)) is not None}


def function_in(side: s.Node | None) -> str | None:
    r"""The name in ``\sigma``, ``\sigma(t)``, ``\sigma(z)_i``, ``\sigma(\cdot)``."""
    node: Any = side
    while isinstance(node, s.Subscript):
        node = node.base
    if isinstance(node, s.Factors) and len(node.factors) == 2 and not node.signs[1]:
        group: Any = node.factors[1]
        node = node.factors[0]
        while isinstance(group, s.Subscript):
            group = group.base
        if not isinstance(group, s.Group) or group.opening != "(":
            return None
        if not all(letter(i) is not None or isinstance(i, s.Dots) for i in group.items):
            return None
    return letter(node)


def named(document: Document, parsed: Parsed) -> Iterator[tuple[str, str]]:
    """Names that stand alone, and what words beside them say that they are."""
    for item in document.items:
        parts = ("", *item.parts, "")
        for before, part, behind in zip(parts, parts[1:], parts[2:], strict=False):
            if isinstance(part, str) or not (chains := parsed.get(id(part), ())):
                continue
            if len(chains) > 1 or len(chains[0].links) > 1 or (name := function_in(chains[0].links[0].side)) is None:
                continue
            if (said := said_of(before, behind)) is not None:
                unknown = ANY if ALL.match(said["said"]) else SOME
                yield name, next((KNOWN[k] for k in KNOWN if re.fullmatch(k, said["said"], re.I)), unknown)


def said_of(before: object, behind: object) -> re.Match[str] | None:
    """Words that name the function between two pieces of prose, unless they say more of it."""
    tail = behind if isinstance(behind, str) else ""
    if (said := BEHIND.match(tail)) is not None:
        return None if MORE.match(tail, said.end()) else said
    said = BEFORE.search(before) if isinstance(before, str) else None
    if said is None or KIND.fullmatch(said["kind"]) or VERB.match(tail) or MORE.match(tail):
        return None
    if isinstance(before, str) and MADE.search(before, 0, said.start("said")):
        return None
    return said


def equation(name: str, body: str, chains: list[s.Chain]) -> tuple[s.Chain, ...]:
    """``name(t) = body``, with a letter for t that the note does not use; without a body, any smooth function."""
    if body in (SOME, ANY):
        return parse_text(rf"{name} : \mathbb{{R}} \to \mathbb{{R}}")
    taken = {n.text for c in chains for link in c.links if link.side is not None for n in walk(link.side)
             if isinstance(n, s.Name)}
    t = next((c for c in "tuvxzsrqab" if c not in taken), "t")
    return parse_text(f"{name}({t}) = {re.sub(r'(?<![a-zA-Z])t(?![a-zA-Z])', t, body)}")
