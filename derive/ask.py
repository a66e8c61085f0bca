r"""A question from outside of a note -> a target in the note's setting.

The question is written into the note, as a person would: what is let and assumed stands as sentences, the
expression as a "Derive" sentence at the end. So there is one way to read a formula, and it is the reader's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from derive.calculus.setting import Setting
from derive.notes.note import DeriveRequest, Note, NoteError, Target

if TYPE_CHECKING:
    from derive.steps.form import Form

END_OF_TEX = r"\end{document}"


@dataclass(frozen=True)
class Question:
    """``expression`` (differentiated by ``wrt``) and the form ``to`` in which to end, under more definitions."""

    expression: str
    let: Sequence[str] = ()
    assume: Sequence[str] = ()
    wrt: str | None = None
    to: str | None = None

    @property
    def target(self) -> str:
        return (
            rf"\frac{{\partial}}{{\partial {self.wrt}}} \left( {self.expression} \right)"
            if self.wrt
            else self.expression
        )

    def sentences(self) -> list[str]:
        asked = [self.target, *([self.to] if self.to else [])]
        return [
            *(f"Let ${line}$." for line in self.let),
            *(f"Assume ${line}$." for line in self.assume),
            *(f"Derive ${line}$." for line in asked),
        ]


def ask(question: Question, path: str = "question.md", source: str = "") -> list[DeriveRequest]:
    """The request for the target, and for the form in which to end if there is one."""
    from derive.notes.reader import read_note

    note: Note = read_note(path, appended(source, question.sentences(), path))
    wanted = 2 if question.to else 1
    requests = [item for item in note.items if isinstance(item, DeriveRequest)][-wanted:]
    for request in requests:
        if request.target is None:
            raise NoteError(f"{request.latex}: {request.problem or 'this could not be read'}")
    return requests


def form_asked(target: Target, setting: Setting) -> Form | None:
    """The vector or matrix that a target stands for as a whole, if it does."""
    if not target.axes:
        return None
    from derive.steps.form import Form

    return Form(target.latex, target.axes, setting, target.row, given=target.expr)


def appended(source: str, sentences: Sequence[str], path: str) -> str:
    """The note with more sentences at its end."""
    text = "\n\n".join(sentences)
    if path.endswith(".ipynb"):
        notebook = json.loads(source)
        notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": text})
        return json.dumps(notebook)
    if path.endswith(".tex") and END_OF_TEX in source:
        body, _, rest = source.rpartition(END_OF_TEX)
        return f"{body}\n\n{text}\n\n{END_OF_TEX}{rest}"
    return f"{source}\n\n{text}\n"
