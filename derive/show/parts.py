"""What every view of a note needs to know of its parts."""

from __future__ import annotations

import re

from derive.notes.note import Claim, Given, Note
from derive.show.latex import Style, style_of


def style_of_note(note: Note) -> Style:
    """How the note writes things, from its formulas."""
    formulas = (item.latex for item in note.items if isinstance(item, (Given, Claim)))
    return style_of(" ".join(formulas), note.setting)


def sign_of(claim: Claim) -> str:
    """The relation sign as it stands between the two sides."""
    between = claim.latex.removeprefix(claim.left_latex).removesuffix(claim.right_latex).replace("&", "").strip()
    return between if re.fullmatch(r"[=<>]|:=|\\[A-Za-z]+", between) else "="


def is_inline(item: Given, words: str) -> bool:
    """Whether a statement stands within the words before it, and so needs no line of its own."""
    return f"${item.latex}$" in words
