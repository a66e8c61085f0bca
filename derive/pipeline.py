"""The pipeline in one function: a note is read, each of its claims is judged, what fails is diagnosed.

``check`` keeps the note beside the results; results are plain data, so that they cross processes and print as JSON.
A claim that breaks the program is reported as undecided with the fault named; it costs no other claim its verdict.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from derive.calculus.judge import InternalError
from derive.calculus.verdict import Kind, Verdict, Witness
from derive.notes.document import KINDS, Place
from derive.notes.note import Claim, Note, NoteError, Relation
from derive.remarks import Remark, remarks
from derive.show.latex import latex, style_of

SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "build", "dist"})
SECONDS_A_CLAIM = 30.0
SECONDS_ALONE = 0.4  # that a note is judged by one process, before others are worth their start
REPORT_IT = "please report it with the note"
DISAGREES = "internal error: a proof and an evaluation disagree"


@dataclass(frozen=True)
class Result:
    """What was found about one claim, in plain data; the fields of the JSON report."""

    line: int
    column: int
    cell: int | None
    latex: str
    verdict: str
    expected: str
    reason: str = ""
    assumptions: tuple[str, ...] = ()
    witness: Witness | None = None
    repair: str | None = None
    rules: tuple[str, ...] = ()
    seconds: float = 0.0
    read: str = ""
    warnings: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    stated: str | None = None

    @property
    def settled(self) -> bool:
        """Proved, or refuted where the note denies it; what is not an equation has nothing to settle."""
        if self.verdict == Kind.NOT_CHECKED:
            return True
        return self.verdict == (Kind.PROVED if self.expected == "true" else Kind.REFUTED)


@dataclass(frozen=True)
class Fault:
    """Why a file could not be used at all."""

    line: int
    column: int
    message: str


@dataclass(frozen=True)
class Report:
    """A file with its results in the order of the source; ``note`` is absent when it could not be read.

    ``error`` beside results says that the judge disagreed with itself on one of them.
    """

    path: str
    results: tuple[Result, ...] = ()
    error: Fault | None = None
    seconds: float = 0.0
    note: Note | None = field(default=None, compare=False, repr=False)
    remarks: tuple[Remark, ...] = ()

    @property
    def status(self) -> int:
        """The exit status: 0 all settled, 1 something is not, 2 the file could not be used."""
        if self.error:
            return 2
        return 0 if all(result.settled for result in self.results) else 1

    def __bool__(self) -> bool:
        return self.status == 0

    @property
    def totals(self) -> dict[str, int]:
        return _count(self.results)

    def to_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "error": asdict(self.error) if self.error else None,
            "claims": [_result_json(result) for result in self.echoed.results],
            "warnings": [{**asdict(remark.place), "message": remark.message} for remark in self.remarks],
        }

    @property
    def echoed(self) -> Report:
        """The report with each claim said in full, as it was read."""
        if self.note is None:
            return self
        from derive.show.echo import echo

        full = {_key(claim.place, claim.latex): made.text for claim in self.note.claims if (made := echo(claim))}
        results = tuple(replace(result, read=full.get(_key(result, result.latex), "")) for result in self.results)
        return replace(self, results=results)

    def __rich__(self) -> Any:
        from derive.show.terminal import check_table

        return check_table(self)

    def __str__(self) -> str:
        counted = ", ".join(f"{count} {verdict}" for verdict, count in self.totals.items() if count)
        return f"{self.path}: {self.error.message if self.error else counted or 'no claims'}"


def _key(place: Place | Result, latex: str) -> tuple[int | None, int, int, str]:
    return place.cell, place.line, place.column, latex


def check(
    path: str | os.PathLike[str], text: str | bytes | None = None, fail_fast: bool = False, jobs: int = 1
) -> Report:
    """The note at ``path`` (or ``text`` in its place), read and judged, a long one by several processes."""
    started = time.perf_counter()
    try:
        note = load(path, text)
    except NoteError as error:
        fault = Fault(error.place.line, error.place.column, error.message)
        return Report(str(path), error=fault, seconds=time.perf_counter() - started)
    parallel = jobs > 1 and not fail_fast and _forks()
    results = with_troubles(note, shared_out(note, jobs) if parallel else judged(note, fail_fast=fail_fast))
    noticed = () if fail_fast else remarks(note, results)
    return Report(str(path), results, disagreement(results), time.perf_counter() - started, note, noticed)


def disagreement(results: Iterable[Result]) -> Fault | None:
    """The first claim on which the two roads disagree: then the file is not vouched for, whatever else was found."""
    found = next((r for r in results if r.reason.startswith(DISAGREES)), None)
    return None if found is None else Fault(found.line, found.column, found.reason)


def with_troubles(note: Note, results: Iterable[Result]) -> tuple[Result, ...]:
    """The results, and an unread one for each stretch of the source that is no math and no prose."""
    unread = (
        Result(place.line, place.column, place.cell, "", str(Kind.UNREAD), "true", trouble.message)
        for trouble in note.troubles
        for place in [trouble.place]
    )
    return tuple(sorted([*results, *unread], key=lambda r: (r.cell or 0, r.line, r.column)))


def load(path: str | os.PathLike[str], text: str | bytes | None = None) -> Note:
    """The note at ``path``; every way in which a file cannot be used is a ``NoteError``."""
    from derive.notes.reader import read_note

    if str(path) == "-":
        path = f"-{_kind_of(text or b'')}"
    try:
        return read_note(path, text)
    except OSError as error:
        raise NoteError(_os_message(error)) from None
    except (RecursionError, MemoryError):
        raise NoteError("the note is nested too deeply or too large to be read") from None
    except NoteError:
        raise
    except Exception as error:
        raise NoteError(f"internal error while reading: {type(error).__name__}: {error}; {REPORT_IT}") from error


def _kind_of(text: str | bytes) -> str:
    """The kind of a note that came without a name."""
    start = text[:100_000].decode("utf-8", "replace") if isinstance(text, bytes) else text[:100_000]
    if start.lstrip().startswith("{") and '"cells"' in start:
        return ".ipynb"
    return ".tex" if "\\documentclass" in start or "\\begin{document}" in start else ".md"


def _os_message(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file; expected a note: Markdown (.md), LaTeX (.tex) or a notebook (.ipynb)"
    return f"cannot be read: {error.strerror or error}"


def judged(note: Note, fail_fast: bool = False) -> Iterator[Result]:
    """The result of each claim."""
    for claim in note.claims:
        result = judge_claim(claim)
        yield result
        if fail_fast and not result.settled:
            return


def judge_claim(claim: Claim) -> Result:
    """One claim, judged within its budget; a fault of the program becomes an undecided verdict that names it."""
    started = time.perf_counter()
    try:
        with time_limit(SECONDS_A_CLAIM):
            verdict = decide(claim)
    except OutOfTime:
        verdict = Verdict(Kind.UNDECIDED, f"the budget of {SECONDS_A_CLAIM:.0f} s for one claim ran out")
    except (RecursionError, MemoryError):
        verdict = Verdict(Kind.UNDECIDED, "the claim is nested too deeply or too large to be judged")
    except InternalError as error:
        verdict = Verdict(Kind.UNDECIDED, f"{DISAGREES}: {error}; {REPORT_IT}")
    except ValueError as error:
        verdict = Verdict(Kind.UNREAD, str(error))
    except Exception as error:
        verdict = Verdict(Kind.UNDECIDED, f"internal error: {type(error).__name__}: {error}; {REPORT_IT}")
    seconds = time.perf_counter() - started
    try:
        return _result(claim, verdict, seconds)
    except Exception as error:
        told = f"internal error while writing it down: {type(error).__name__}; {REPORT_IT}"
        return _result(claim, Verdict(Kind.UNDECIDED, told), seconds)


def decide(claim: Claim) -> Verdict:
    """The verdict on a claim, with a repair where it is refuted."""
    from derive.calculus.judge import prove

    if claim.relation is Relation.OTHER:
        return Verdict(Kind.NOT_CHECKED, "not an equation")
    if claim.left is None or claim.right is None or claim.problem:
        return Verdict(Kind.UNREAD, claim.problem or "this could not be read")
    if claim.relation is Relation.APPROXIMATE:
        from derive.calculus.witness import within

        return within(claim.left, claim.right, claim.tolerance, claim.setting)
    verdict = prove(claim.left, claim.right, claim.setting)
    if claim.transposed and verdict.proved:
        return replace(
            verdict,
            kind=Kind.UNDECIDED,
            reason="equal up to transposition: one side is a row, the other a column",
            repair="transpose one side, or state the layout",
        )
    if verdict.refuted and claim.doubt is not None and prove(claim.left, claim.right, claim.doubt).proved:
        return Verdict(
            Kind.UNDECIDED,
            "it holds in the case of indices that was opened above and not without it: say here which is meant",
        )
    if verdict.refuted:
        meant = next((x.letter for x in claim.supposed if prove(x.left, x.right, x.setting).proved), None)
        if meant is not None:
            return Verdict(
                Kind.UNDECIDED,
                f"it holds if {meant} is the size of an axis of which the note gives none, and not without it: "
                "say over what the indices run",
            )
        from derive.repairs import repaired

        return repaired(claim, verdict)
    return verdict


class OutOfTime(BaseException):
    """Raised by the alarm; no handler for ordinary exceptions may swallow it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """An alarm, where there is one: on POSIX, in the main thread."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    waiting = True

    def ring(*_: object) -> None:
        if waiting:
            raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)  # again every second: what is raised in a destructor is lost
    try:
        yield
    finally:
        waiting = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _result(claim: Claim, verdict: Verdict, seconds: float) -> Result:
    style = style_of(claim.latex, claim.setting)
    return Result(
        line=claim.place.line,
        column=claim.place.column,
        cell=claim.place.cell,
        latex=claim.latex,
        verdict=str(verdict.kind),
        expected="true" if claim.expected else "false",
        reason=_reason(verdict, style),
        assumptions=verdict.assumptions,
        witness=verdict.witness,
        repair=verdict.repair,
        rules=verdict.rules,
        seconds=seconds,
        warnings=claim.warnings,
        conditions=tuple(dict.fromkeys(latex(condition, style) for condition in verdict.conditions)),
        stated=claim.reason,
    )


def _reason(verdict: Verdict, style: Any) -> str:
    """The reason, with what did not cancel where nothing could be decided."""
    if verdict.remained is None:
        return verdict.reason
    return f"{verdict.reason}; what remained: ${latex(verdict.remained, style)}$"


# ----- many files -----


def find_notes(path: str) -> list[str]:
    """The notes in a folder, in order, hidden folders left out; a path that is no folder stands for itself."""
    root = Path(path)
    if path == "-" or not root.is_dir():
        return [path]
    found = [
        str(file)
        for file in sorted(root.rglob("*"))
        if file.suffix.lower() in KINDS and file.is_file() and not _is_hidden(file.relative_to(root))
    ]
    if not found:
        raise NoteError(f"no notes in this folder; expected files that end in {', '.join(KINDS)}")
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in SKIPPED_FOLDERS for part in path.parts)


def check_all(
    paths: Sequence[str],
    jobs: int | None = None,
    fail_fast: bool = False,
    texts: dict[str, bytes] | None = None,
    echoed: bool = False,
) -> Iterator[Report]:
    """The reports of several files in their order; in parallel where that pays, without their notes then.

    ``echoed`` has each claim said in full; other processes have to do so before they let go of the note.
    """
    jobs = jobs or _cores()
    texts = texts or {}
    if len(paths) == 1:
        yield check(paths[0], texts.get(paths[0]), fail_fast, jobs)
        return
    if jobs > 1 and not fail_fast:
        with _context().Pool(min(jobs, len(paths))) as pool:
            yield from pool.imap(_check_light, [(path, texts.get(path), echoed) for path in paths])
        return
    for path in paths:
        report = check(path, texts.get(path), fail_fast)
        yield report
        if fail_fast and report.status:
            return


def _check_light(task: tuple[str, bytes | None, bool]) -> Report:
    path, text, echoed = task
    report = check(path, text)
    return replace(report.echoed if echoed else report, note=None)


def shared_out(note: Note, jobs: int) -> Iterator[Result]:
    """The results of a note; what is left of a long one is dealt out to processes that are forked then."""
    count = len(note.claims)
    stop = time.perf_counter() + SECONDS_ALONE
    done = 0
    for result in judged(note):
        yield result
        done += 1
        if time.perf_counter() > stop and count - done > jobs:
            break
    if done < count:
        with _context().Pool(jobs, initializer=_inherit, initargs=(note,)) as pool:
            yield from pool.imap(_judge_number, range(done, count))


_inherited: list[Note] = []


def _inherit(note: Note) -> None:
    _inherited[:] = [note]


def _judge_number(number: int) -> Result:
    return judge_claim(_inherited[0].claims[number])


def _forks() -> bool:
    """Whether processes need not import everything anew."""
    return bool(_context().get_start_method() == "fork")


def _context() -> Any:
    """Processes are forked where that is safe: they start at once and inherit what was imported."""
    fork = "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
    return multiprocessing.get_context("fork" if fork else "spawn")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ----- JSON -----


def _result_json(result: Result) -> dict[str, Any]:
    data = asdict(result)
    data["witness"] = _witness_json(result.witness)
    return data


def _witness_json(witness: Witness | None) -> dict[str, Any] | None:
    if witness is None:
        return None
    return {
        "sizes": dict(witness.sizes),
        "indices": dict(witness.indices),
        "values": dict(witness.values),
        "left": witness.left,
        "right": witness.right,
    }


def _count(results: Iterable[Result]) -> dict[str, int]:
    totals = {str(kind): 0 for kind in Kind}
    for result in results:
        totals[result.verdict] += 1
    return totals


def to_json(reports: Sequence[Report], seconds: float) -> dict[str, Any]:
    """The report of ``derive check --json``."""
    return {
        "version": 1,
        "files": [report.to_json() for report in reports],
        "totals": _count(result for report in reports for result in report.results),
        "seconds": seconds,
    }


Progress = Callable[[Report], None]
