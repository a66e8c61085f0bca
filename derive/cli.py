"""The command line. SymPy takes longer to import than a usage error should take to answer, so each command
imports what it needs when it runs."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from derive.pipeline import Report

EXIT_OK, EXIT_UNSETTLED, EXIT_UNUSABLE = 0, 1, 2
LEVELS = ("coarse", "normal", "fine")
ROUTES = ("auto", "quotient", "product", "log-derivative", "cases")
WATCH_SECONDS = 0.5
FILES_WORTH_A_BAR = 4
GARBAGE = 50_000  # objects made before cycles are looked for: what a command imports alone is a million of them

DESCRIPTION = "Prove handwritten derivations for every dimension, or show the numbers for which they fail."
EPILOG = """\
exit status: 0 every claim is settled (proved, or refuted where the note denies it);
             1 something is refuted, undecided or unread; 2 the input could not be used."""


class UsageError(Exception):
    """Something that the user can mend: one message on standard error, exit status 2."""


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    threshold = gc.get_threshold()
    gc.set_threshold(GARBAGE, *threshold[1:])
    try:
        return int(arguments.run(arguments))
    except UsageError as problem:
        print(f"derive: {problem}", file=sys.stderr)
        return EXIT_UNUSABLE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        print(
            f"derive: internal error: {type(error).__name__}: {error}; please report it with the note", file=sys.stderr
        )
        return EXIT_UNUSABLE
    finally:
        gc.set_threshold(*threshold)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="derive", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action=ShowVersion, nargs=0, help="show program's version number and exit")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    check = _command(commands, "check", run_check, "judge every claim of notes, or of all notes in a folder")
    check.add_argument(
        "paths", nargs="+", metavar="PATH", help="a note (.md, .tex, .ipynb), a folder, or - for standard input"
    )
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    check.add_argument("--fail-fast", action="store_true", help="stop at the first claim that is not settled")
    check.add_argument("--watch", action="store_true", help="check again whenever a note is saved")
    check.add_argument("--jobs", type=_positive, metavar="N", help="how many processes (default: one a core)")
    check.add_argument("--no-claims-ok", action="store_true", help="do not mind notes in which nothing is claimed")
    check.add_argument("--no-color", action="store_true", help="plain text")

    show = _command(commands, "show", run_show, "show a note step by step, mathematics laid out, verdicts beside it")
    show.add_argument("path", metavar="PATH")
    show.add_argument("--as-read", action="store_true", help="print each statement as it was understood")
    show.add_argument(
        "--level", choices=LEVELS[1:], default="normal", help="fine: expand each link in elementary steps"
    )
    show.add_argument("--no-color", action="store_true", help="plain text")

    steps = _command(commands, "steps", run_steps, "derive an expression step by step, each step judged")
    steps.add_argument("expression", metavar="EXPR", help=r"LaTeX, e.g. '\frac{\partial s_i}{\partial z_j}'")
    steps.add_argument("--in", dest="note", metavar="NOTE", help="the note whose definitions and assumptions hold")
    steps.add_argument(
        "--let", action="append", default=[], metavar="LATEX", help="a definition or declaration; may be repeated"
    )
    steps.add_argument("--assume", action="append", default=[], metavar="LATEX", help="an assumption; may be repeated")
    steps.add_argument("--wrt", metavar="LATEX", help="differentiate EXPR with respect to this")
    steps.add_argument(
        "--route", choices=(*ROUTES, "all"), default="auto", help="all: every route, and whether they meet"
    )
    steps.add_argument("--to", metavar="LATEX", help="the form in which to end")
    steps.add_argument("--level", choices=LEVELS, default="normal")
    steps.add_argument("--json", action="store_true", help="print the steps as JSON")
    steps.add_argument("--no-color", action="store_true", help="plain text")

    explain = _command(commands, "explain", run_explain, "expand one link of a note into elementary steps")
    explain.add_argument("place", metavar="NOTE:LINE", help="the line of the link's relation sign")
    explain.add_argument("--no-color", action="store_true", help="plain text")

    rules = _command(commands, "rules", run_rules, "list the rules that steps are made of")
    rules.add_argument("--no-color", action="store_true", help="plain text")

    export = _command(commands, "export", run_export, "write a note with its verdicts as a LaTeX document")
    export.add_argument("path", metavar="PATH")
    export.add_argument("--to", choices=("latex",), default="latex")
    export.add_argument("-o", dest="output", metavar="FILE", default="-", help="default: standard output")

    kernels = _command(commands, "kernels", run_kernels, "write NumPy functions for what notes ask to compile")
    kernels.add_argument("paths", nargs="+", metavar="PATH", help="a note that says: Compile $s_i$ as `f(z)`.")
    kernels.add_argument("-o", dest="output", metavar="FILE", required=True,
                         help="the Python module to write; it needs NumPy alone")
    kernels.add_argument("--check", action="store_true", help="write nothing; exit 1 when FILE is not current")
    return top


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + "."
    )
    made.set_defaults(run=run)
    return made


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a positive number is expected, not {text!r}")
    return int(text)


class ShowVersion(argparse.Action):
    """Looked up when it is asked for: that takes longer than to set up the rest."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"derive {_version()}")
        parser.exit()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("derive")
    except PackageNotFoundError:
        return "(not installed)"


# ----- check -----


def run_check(arguments: argparse.Namespace) -> int:
    if not arguments.watch:
        return _check_once(arguments)
    return _watch(arguments)


def _check_once(arguments: argparse.Namespace) -> int:
    from derive.pipeline import check_all, to_json

    started = time.perf_counter()
    paths, texts = _inputs(arguments.paths)
    reports: list[Report] = []
    out = None if arguments.json else _console(arguments)
    running = check_all(paths, arguments.jobs, arguments.fail_fast, texts, echoed=arguments.json)
    for report in _progress(running, len(paths)):
        report = _without_claims(report, arguments, texts)
        reports.append(report)
        if out is not None:
            _print_report(out, report, texts)
    seconds = time.perf_counter() - started
    if out is None:
        print(json.dumps(to_json(reports, seconds), ensure_ascii=True))
    elif len(reports) > 1:
        from derive.show.terminal import totals

        out.print(totals(reports, seconds))
    return max(report.status for report in reports)


def _inputs(paths: Sequence[str]) -> tuple[list[str], dict[str, bytes]]:
    """The notes to check, and the text of standard input if it is one of them."""
    from derive.notes.note import NoteError
    from derive.pipeline import find_notes

    found: list[str] = []
    for path in paths:
        try:
            found += [note for note in find_notes(path) if note not in found]
        except NoteError as error:
            raise UsageError(f"{path}: {error.message}") from None
    return found, {"-": sys.stdin.buffer.read()} if "-" in found else {}


def _progress(reports: Iterator[Report], count: int) -> Iterator[Report]:
    """The reports as they come, with a bar on standard error while a person waits for many."""
    if count < FILES_WORTH_A_BAR or not sys.stderr.isatty():
        yield from reports
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("checking", total=count)
        for report in reports:
            bar.advance(task)
            yield report


def _without_claims(report: Report, arguments: argparse.Namespace, texts: dict[str, bytes]) -> Report:
    """A note that was named and claims nothing is an error, for nothing was checked; in a folder it may stand."""
    from dataclasses import replace

    from derive.pipeline import Fault

    if report.error or report.results or arguments.no_claims_ok or report.path not in arguments.paths:
        return report
    empty = not _source_bytes(report.path, texts).strip()
    message = "the file is empty" if empty else "nothing is claimed here"
    return replace(
        report,
        error=Fault(
            1, 1, f"{message}; expected an equation in math, such as $a = b$, that is neither definition nor assumption"
        ),
    )


def _source_bytes(path: str, texts: dict[str, bytes]) -> bytes:
    if path in texts:
        return texts[path]
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _print_report(out: Any, report: Report, texts: dict[str, bytes]) -> None:
    from derive.show.terminal import check_table

    source = _source_bytes(report.path, texts).decode("utf-8", "replace").splitlines()
    table = check_table(report, [] if report.path.endswith(".ipynb") else source)
    out.print(table, soft_wrap=report.error is not None)


def _watch(arguments: argparse.Namespace) -> int:
    """Check, then again whenever one of the files has changed, until interrupted."""
    if "-" in arguments.paths:
        raise UsageError("--watch needs files, not standard input")
    seen: dict[str, int] = {}
    while True:
        now = _stamps(arguments.paths)
        if now != seen:
            seen = now
            _check_once(arguments)
        time.sleep(WATCH_SECONDS)


def _stamps(paths: Sequence[str]) -> dict[str, int]:
    found, _ = _inputs(paths)
    return {path: Path(path).stat().st_mtime_ns if Path(path).exists() else 0 for path in found}


def _console(arguments: argparse.Namespace) -> Any:
    from derive.show.terminal import console

    return console(no_color=arguments.no_color)


# ----- show, steps, explain, rules -----


def _load(path: str) -> Any:
    from derive.notes.note import NoteError
    from derive.pipeline import load

    text = sys.stdin.buffer.read() if path == "-" else None
    try:
        return load(path, text)
    except NoteError as error:
        raise UsageError(f"{path}:{error.place.line}:{error.place.column}: {error.message}") from None


def run_show(arguments: argparse.Namespace) -> int:
    from derive.pipeline import judged
    from derive.show.terminal import show_note

    note = _load(arguments.path)
    out = _console(arguments)
    results = list(judged(note))
    fine = arguments.level == "fine"
    for part in show_note(note, results, out.width, as_read=arguments.as_read, fine=fine):
        out.print(part)
    return EXIT_OK if all(result.settled for result in results) else EXIT_UNSETTLED


def run_steps(arguments: argparse.Namespace) -> int:
    from derive.ask import Question, ask, form_asked
    from derive.notes.note import NoteError
    from derive.show.latex import spelled, style_of
    from derive.show.terminal import steps_view
    from derive.steps.derivation import StepError
    from derive.steps.engine import derivation

    source = _text(arguments.note) if arguments.note else ""
    question = Question(arguments.expression, arguments.let, arguments.assume, arguments.wrt, arguments.to)
    try:
        request, *end = ask(question, arguments.note or "question.md", source)
        target, to = request.target, end[0].target if end else None
        assert target is not None
        asked, wanted = form_asked(target, request.setting), form_asked(to, request.setting) if to else None
        routes = ROUTES[1:] if arguments.route == "all" else (arguments.route,)
        made = [
            derivation(target.expr, request.setting, route, arguments.level, wanted or (to.expr if to else None), asked)
            for route in routes
        ]
    except (NoteError, StepError, ValueError) as error:
        raise UsageError(str(error)) from None
    style = spelled(style_of(source + arguments.expression, request.setting), request.setting)
    meet = len({str(one.to_json(style)["result"]) for one in made}) == 1
    if arguments.json:
        several = {"routes": [one.to_json(style) for one in made], "meet": meet}
        print(json.dumps(made[0].to_json(style) if len(made) == 1 else several))
    else:
        out = _console(arguments)
        for one in made:
            if len(made) > 1:
                out.print(f"{one.route}:", style="bold")
            out.print(steps_view(one, out.width, style))
        if len(made) > 1:
            out.print("all routes end in the same form" if meet else "the routes end in different forms")
    return EXIT_OK if meet and all(one.proved for one in made) else EXIT_UNSETTLED


def _text(path: str) -> str:
    if path == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise UsageError(f"{path}: cannot be read: {reason}") from None


def run_explain(arguments: argparse.Namespace) -> int:
    from derive.pipeline import judge_claim
    from derive.show.terminal import explanation_view

    path, _, number = arguments.place.rpartition(":")
    if not path or not number.isdigit():
        raise UsageError(f"{arguments.place}: expected NOTE:LINE, such as softmax.md:12")
    note = _load(path)
    claims = [claim for claim in note.claims if claim.place.line == int(number)]
    if not claims:
        lines = ", ".join(str(line) for line in dict.fromkeys(claim.place.line for claim in note.claims))
        raise UsageError(f"{arguments.place}: no claim stands there; there are claims in lines {lines or 'none'}")
    out = _console(arguments)
    results = [judge_claim(claim) for claim in claims]
    for claim, result in zip(claims, results, strict=True):
        out.print(explanation_view(note, claim, result, out.width))
    return EXIT_OK if all(result.settled for result in results) else EXIT_UNSETTLED


def run_rules(arguments: argparse.Namespace) -> int:
    from derive.show.terminal import rules_view

    out = _console(arguments)
    out.print(rules_view(out.width))
    return EXIT_OK


# ----- export, kernels -----


def run_export(arguments: argparse.Namespace) -> int:
    from derive.pipeline import judged
    from derive.show.document import document

    note = _load(arguments.path)
    _write(arguments.output, document(note, list(judged(note))))
    return EXIT_OK


def run_kernels(arguments: argparse.Namespace) -> int:
    from derive.codegen import CompileError, compile_notes

    notes = [_load(path) for path in _inputs(arguments.paths)[0]]
    try:
        source = compile_notes(notes, ", ".join(Path(note.path).name for note in notes))
    except CompileError as error:
        raise UsageError(str(error)) from None
    if not arguments.check:
        _write(arguments.output, source)
        return EXIT_OK
    if _source_bytes(arguments.output, {}).decode("utf-8", "replace") == source:
        return EXIT_OK
    command = f"derive kernels {' '.join(arguments.paths)} -o {arguments.output}"
    print(f"{arguments.output} is not current; write it with: {command}")
    return EXIT_UNSETTLED


def _write(path: str, text: str) -> None:
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from None


if __name__ == "__main__":
    sys.exit(main())
