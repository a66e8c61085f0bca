"""Signs that a stream does not have, in the signs that it has: one for one in layouts, spelled out elsewhere."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Mapping

HANDLER = "derive.spelled"
SCRIPTS = {"<sub": "_", "<super": "^"}

SPELLED: Mapping[str, str] = {
    **dict.fromkeys("−–‐", "-"),
    **dict.fromkeys("─━", "-"),
    **dict.fromkeys("│┃⎜⎟⎢⎥⎪", "|"),
    **dict.fromkeys("⎛⎡⎝⎣⎠⎦⎞⎤", "|"),
    **dict.fromkeys("⎧⎨⎩", "{"),
    **dict.fromkeys("⎫⎬⎭", "}"),
    **dict.fromkeys("·⋅∙", "*"),
    "×": "x",
    "✓": "+",
    "✗": "x",
    "∂": "d",
    "∇": "grad ",
    "∑": "sum",
    "∏": "prod",
    "√": "sqrt",
    "∞": "inf",
    "∈": "in",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "≔": ":=",
    "→": "->",
    "⇒": "=>",
    "↦": "->",
    "…": "...",
    "⋯": "...",
    "⋮": ":",
    "⋱": "\\",
    "‖": "||",
    "⊤": "T",
    "ᵀ": "^T",
    "⊙": "(*)",
    "⊗": "(x)",
    "′": "'",
    "𝟙": "1",
    "“": '"',
    "”": '"',
}


def spelled(signs: str) -> str:
    r"""``δᵢⱼ`` is delta_ij, ``x²`` is x^2, ``ẑ`` is z; what has no spelling is a question mark."""
    said, script = "", ""
    for sign in signs:
        before, (script, base) = script, _script(sign)
        said += ("" if script == before else script) + base
    return said


def _script(sign: str) -> tuple[str, str]:
    """``_`` or ``^`` for a small letter, and the letter."""
    if sign in SPELLED:
        return "", SPELLED[sign]
    kind, _, codes = unicodedata.decomposition(sign).rpartition("> ")
    if kind in SCRIPTS:
        return SCRIPTS[kind], "".join(_plain(chr(int(code, 16))) for code in codes.split())
    return "", _plain(sign)


def _plain(sign: str) -> str:
    base = "".join(c for c in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(c))
    if base.isascii():
        return base or ""
    if base in SPELLED:
        return SPELLED[base]
    words = unicodedata.name(base[0], "").split()
    if words[:1] == ["GREEK"] and "LETTER" in words:
        letter = words[words.index("LETTER") + 1].replace("LAMDA", "LAMBDA")
        return letter.capitalize() if "CAPITAL" in words else letter.lower()
    return "?"


def _handle(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    said = spelled(error.object[error.start : error.end])
    return said.encode(error.encoding, "replace").decode(error.encoding), error.end


codecs.register_error(HANDLER, _handle)
