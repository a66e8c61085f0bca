"""Boxes of characters with a baseline: how mathematics is laid out on a grid.

A box is a block of rows of one width; its baseline is the row that stands level with the text around it.
Everything larger is built from smaller boxes by the functions of this page.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass


def cells(text: str) -> int:
    """The width of a text on the grid: combining accents take no room."""
    return sum(
        0 if unicodedata.combining(c) or c == "\u20d7" else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _fit(text: str, width: int, align: str = "center") -> str:
    room = width - cells(text)
    left = {"left": 0, "right": room, "center": room // 2}[align]
    return " " * left + text + " " * (room - left)


@dataclass(frozen=True)
class Box:
    """Rows of equal width; ``baseline`` is the number of the row that aligns."""

    rows: tuple[str, ...]
    baseline: int = 0

    @property
    def width(self) -> int:
        return cells(self.rows[0]) if self.rows else 0

    @property
    def height(self) -> int:
        return len(self.rows)

    @property
    def below(self) -> int:
        return self.height - self.baseline - 1

    @property
    def flat(self) -> bool:
        return self.height == 1

    def __str__(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows)


def text(content: str) -> Box:
    return Box((content,))


EMPTY = text("")


def beside(*boxes: Box) -> Box:
    """Boxes side by side, level at their baselines."""
    boxes = tuple(box for box in boxes if box.width) or (EMPTY,)
    above = max(box.baseline for box in boxes)
    below = max(box.below for box in boxes)
    columns = [_pad(box, above - box.baseline, below - box.below) for box in boxes]
    return Box(tuple("".join(parts) for parts in zip(*columns, strict=True)), above)


def _pad(box: Box, above: int, below: int) -> list[str]:
    blank = " " * box.width
    return [blank] * above + list(box.rows) + [blank] * below


def stack(boxes: Sequence[Box], baseline: int, align: str = "center") -> Box:
    """Boxes on top of each other; ``baseline`` counts rows from the top."""
    width = max(box.width for box in boxes)
    return Box(tuple(_fit(row, width, align) for box in boxes for row in box.rows), baseline)


def fraction(above: Box, below: Box) -> Box:
    bar = text("─" * (max(above.width, below.width) + 2))
    return stack([above, bar, below], above.height)


def scripts(base: Box, sub: Box | None, sup: Box | None) -> Box:
    """``sub`` below and ``sup`` above the right edge of ``base``; one of them at least."""
    width = max(box.width for box in (sup, sub) if box)
    rows = [_fit(row, width, "left") for row in (sup.rows if sup else ())]
    rows += [" " * width] * base.height
    rows += [_fit(row, width, "left") for row in (sub.rows if sub else ())]
    return beside(base, Box(tuple(rows), (sup.height if sup else 0) + base.baseline))


def limits(operator: Box, below: Box | None, above: Box | None) -> Box:
    """A big operator with what stands under and over it."""
    parts = [box for box in (above, operator, below) if box]
    return stack(parts, (above.height if above else 0) + operator.baseline)


# ----- brackets: one row, or top, middle, bottom -----

TALL = {
    "(": ("⎛", "⎜", "⎝"),
    ")": ("⎞", "⎟", "⎠"),
    "[": ("⎡", "⎢", "⎣"),
    "]": ("⎤", "⎥", "⎦"),
    "|": ("│", "│", "│"),
    "‖": ("║", "║", "║"),
    "⟨": ("╱", "│", "╲"),
    "⟩": ("╲", "│", "╱"),
}
CURLY = {"{": ("⎧", "⎪", "⎨", "⎩"), "}": ("⎫", "⎪", "⎬", "⎭")}


def bracket(sign: str, height: int, baseline: int) -> Box:
    """One bracket of the given height."""
    if not sign:
        return EMPTY
    if height == 1:
        return text(sign)
    if sign in CURLY:
        return _curly(sign, max(height, 3), baseline)
    top, middle, bottom = TALL[sign]
    return Box((top, *[middle] * (height - 2), bottom), baseline)


def _curly(sign: str, height: int, baseline: int) -> Box:
    top, side, middle, bottom = CURLY[sign]
    rows = [top, *[side] * (height - 2), bottom]
    rows[height // 2] = middle
    return Box(tuple(rows), baseline)


def enclosed(body: Box, opening: str = "(", closing: str = ")") -> Box:
    if body.height == 2 and (opening in CURLY or closing in CURLY):
        body = Box((body.rows[0], " " * body.width, body.rows[1]), 1)
    return beside(bracket(opening, body.height, body.baseline), body, bracket(closing, body.height, body.baseline))


def root(body: Box, degree: Box | None = None) -> Box:
    """√ with a bar over its body."""
    if body.flat and body.width == 1 and degree is None:
        return text(f"√{body.rows[0]}")
    bar = "_" * body.width
    covered = Box((bar, *body.rows), body.baseline + 1)
    if body.flat:
        sign = Box((" ", "√"), 1)
    else:
        h = body.height
        rows = [" " * (h - k) + "╱" + " " * k for k in range(h)]
        rows[-1] = "╲" + rows[-1][1:]
        sign = Box((" " * (h + 1), *rows), body.baseline + 1)
    if degree is not None:
        sign = _attach_degree(sign, degree)
    return beside(sign, covered)


def _attach_degree(sign: Box, degree: Box) -> Box:
    rows = list(sign.rows)
    pad = " " * degree.width
    spot = sign.height - 2
    padded = [(degree.rows[-1] if k == spot else pad) + row for k, row in enumerate(rows)]
    return Box(tuple(padded), sign.baseline)


def grid(rows: Sequence[Sequence[Box]], gap: int = 3, align: str = "center") -> Box:
    """Boxes in rows and columns; the baseline is the middle."""
    columns = max(len(row) for row in rows)
    filled = [[*row, *[EMPTY] * (columns - len(row))] for row in rows]
    widths = [max(row[c].width for row in filled) for c in range(columns)]
    lines = [_grid_row(row, widths, gap, align) for row in filled]
    tall = any(not line.flat for line in lines)
    spaced: list[Box] = []
    for k, line in enumerate(lines):
        if k and tall:
            spaced.append(text(" " * line.width))
        spaced.append(line)
    height = sum(line.height for line in spaced)
    baseline = (height - 1) // 2
    if len(lines) == 1:
        baseline = lines[0].baseline
    return stack(spaced, baseline, "left")


def _grid_row(row: Sequence[Box], widths: Sequence[int], gap: int, align: str) -> Box:
    parts: list[Box] = []
    for k, (box, width) in enumerate(zip(row, widths, strict=True)):
        if k:
            parts.append(text(" " * gap))
        padded = Box(tuple(_fit(r, width, align) for r in box.rows), box.baseline)
        parts.append(padded)
    return beside(*parts)


def wrapped(parts: Sequence[Box], width: int, indent: int = 4) -> Box:
    """Boxes side by side, continued on further rows where they would pass ``width``."""
    rows: list[Box] = []
    line: list[Box] = []
    room = width
    for part in parts:
        if line and part.width > room:
            rows.append(beside(*line))
            line, room = [text(" " * indent)], width - indent
        line.append(part)
        room -= part.width
    rows.append(beside(*line))
    return rows[0] if len(rows) == 1 else stack(rows, rows[0].baseline, "left")
