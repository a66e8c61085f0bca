"""The command line, as a shell sees it: output, exit status, and never a traceback."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from derive.cli import FILES_WORTH_A_BAR, WATCH_SECONDS

ROOT = Path(__file__).parents[1]
SOFTMAX = ROOT / "derivations" / "softmax.md"
RIGHT = "Let $x \\in \\mathbb{R}$.\n\n$$(x + 1)^2 = x^2 + 2 x + 1$$\n"
SLIP = "Let $x \\in \\mathbb{R}$.\n\n$$(x + 1)^2 = x^2 + x + 1$$\n"


def derive(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [sys.executable, "-m", "derive.cli", *arguments],
        input=stdin,
        capture_output=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )
    out, err = run.stdout.decode("utf-8", "replace"), run.stderr.decode("utf-8", "replace")
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(run.args, run.returncode, out, err)


# ----- check -----


def test_a_true_claim(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_text(RIGHT)
    run = derive("check", str(tmp_path / "n.md"))
    assert run.returncode == 0
    assert "proved" in run.stdout


def test_a_false_claim_comes_with_numbers(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_text(SLIP)
    run = derive("check", str(tmp_path / "n.md"))
    assert run.returncode == 1
    assert "refuted" in run.stdout
    assert "left" in run.stdout and "right" in run.stdout


def test_standard_input() -> None:
    assert derive("check", "-", stdin=RIGHT.encode()).returncode == 0


def test_json_on_standard_output(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_text(SLIP)
    run = derive("check", "--json", str(tmp_path / "n.md"))
    data = json.loads(run.stdout)
    assert run.returncode == 1
    assert data["files"][0]["claims"][0]["line"] == 3


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(RIGHT)
    (tmp_path / "b.md").write_text(RIGHT)
    (tmp_path / "words.md").write_text("No claim at all.\n")
    run = derive("check", str(tmp_path))
    assert run.returncode == 0
    assert "3 files" in run.stdout


def test_several_files_with_a_fault_in_one(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(RIGHT)
    run = derive("check", str(tmp_path / "a.md"), str(tmp_path / "absent.md"))
    assert run.returncode == 2
    assert "proved" in run.stdout and "no such file" in run.stdout and "1 of them unusable" in run.stdout


def test_fail_fast_stops_at_the_first(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_text(SLIP + "\n$$x^2 = x$$\n\n$$x = x$$\n")
    assert len(claims_of(derive("check", "--json", str(tmp_path / "n.md")))) == 3
    assert len(claims_of(derive("check", "--json", "--fail-fast", str(tmp_path / "n.md")))) == 1


def claims_of(run: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [claim for file in json.loads(run.stdout)["files"] for claim in file["claims"]]


def test_jobs_do_not_change_the_report(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.md").write_text(SLIP)

    def report(jobs: str) -> list[dict[str, object]]:
        claims = claims_of(derive("check", "--json", "--jobs", jobs, str(tmp_path)))
        return [{key: value for key, value in claim.items() if key != "seconds"} for claim in claims]

    assert report("1") == report("2")
    assert all(claim["read"] for claim in report("2"))


def test_watch_checks_again_once_after_a_save(tmp_path: Path) -> None:
    note = tmp_path / "n.md"
    note.write_text(SLIP)
    command = [sys.executable, "-u", "-m", "derive.cli", "check", "--watch", str(note)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as run:
        assert run.stdout is not None
        try:
            first = _until_summary(run.stdout)
            note.write_text(RIGHT)
            second = _until_summary(run.stdout)
            time.sleep(3 * WATCH_SECONDS)
        finally:
            run.send_signal(signal.SIGINT)
        rest = run.stdout.read()
    assert "refuted" in first and "proved" in second
    assert rest.strip() == ""
    assert run.returncode == 130


def _until_summary(stream: IO[str]) -> str:
    """What is printed up to the line that counts the claims."""
    lines = []
    for line in stream:
        lines.append(line)
        if re.match(r"\d+ claims?:", line):
            break
    return "".join(lines)


def test_a_bar_shows_on_standard_error_while_many_notes_are_checked(tmp_path: Path) -> None:
    for number in range(FILES_WORTH_A_BAR):
        (tmp_path / f"{number}.md").write_text(RIGHT)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    command = [sys.executable, "-m", "derive.cli", "check", "--json", str(tmp_path)]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, cwd=ROOT, env=environment, check=False)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode("utf-8", "replace")
    os.close(ours)
    assert run.returncode == 0
    assert len(json.loads(run.stdout)["files"]) == FILES_WORTH_A_BAR
    assert "checking" in shown


def test_no_color_is_respected(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_text(SLIP)
    for extra, environment in ([], {"NO_COLOR": "1"}), (["--no-color"], {}):
        run = derive("check", *extra, str(tmp_path / "n.md"), FORCE_COLOR="1", **environment)
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", run.stdout)


def test_every_relation_of_the_source_is_reported(tmp_path: Path) -> None:
    """Read or not, each sign of a display that is no definition comes back, at its own line."""
    (tmp_path / "n.md").write_text(
        "Let $x \\in \\mathbb{R}$.\n\n$$\n\\begin{aligned}\nx + x &= 2 x \\\\\n&= \\foo{x} \\\\\n&= x \\cdot 2\n"
        "\\end{aligned}\n$$\n\n$$x^2 \\ge 0$$\n\nThen $x = x$ and $2 x = \\foo{x}$, so $3 x = x + 2 x$.\n"
    )
    claims = claims_of(derive("check", "--json", str(tmp_path / "n.md")))
    assert [claim["line"] for claim in claims] == [5, 6, 7, 11, 13, 13, 13]
    assert [claim["verdict"] for claim in claims] == [
        "proved", "unread", "unread", "not checked", "proved", "unread", "proved"
    ]  # fmt: skip


# ----- what cannot be used -----


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"   \n\n", "empty"),
        (b"Only words here.\n", "nothing is claimed"),
        (b"\x00\x01\x02\xff\xfe binary \x00", "not UTF-8 text"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00", "null byte"),
    ],
)
def test_one_clear_message(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "n.md"
    if content is not None:
        path.write_bytes(content)
    run = derive("check", str(path))
    assert run.returncode == 2
    shown = (run.stdout + run.stderr).strip()
    assert re.search(r"n\.md:1:\d+: error:", shown)
    assert message in " ".join(shown.split())


def test_an_empty_folder(tmp_path: Path) -> None:
    run = derive("check", str(tmp_path))
    assert run.returncode == 2
    assert "no notes in this folder" in run.stderr


def test_a_note_without_claims_may_be_allowed(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_text("Only words.\n")
    assert derive("check", "--no-claims-ok", str(tmp_path / "n.md")).returncode == 0


def test_an_unread_claim_is_pointed_at(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_text("Let $x \\in \\mathbb{R}$.\n\n$$x = \\frac{x}{$$\n")
    run = derive("check", str(tmp_path / "n.md"))
    assert run.returncode == 1
    assert "unread" in run.stdout
    assert "3 | $$x = \\frac{x}{$$" in run.stdout
    caret = next(line for line in run.stdout.splitlines() if line.strip().endswith("^"))
    below = next(line for line in run.stdout.splitlines() if "3 | $$" in line)
    assert below[caret.index("^")] == "{" and below[caret.index("^") - 1] == "}"


@pytest.mark.parametrize("command", [["show"], ["export"]])
def test_other_commands_say_it_too(command: list[str], tmp_path: Path) -> None:
    run = derive(*command, str(tmp_path / "absent.md"))
    assert run.returncode == 2
    assert "no such file" in run.stderr


def test_usage_errors_have_status_two() -> None:
    for arguments in ([], ["check"], ["frobnicate"], ["check", "--jobs", "0", "x.md"]):
        assert derive(*arguments).returncode == 2


@pytest.mark.parametrize("arguments", [["--help"], ["check"]])
def test_help_and_usage_errors_are_quick(arguments: list[str]) -> None:
    """Measured in time of the processor, so that a busy machine does not matter."""
    spent = []
    for _ in range(3):
        before = os.times()
        derive(*arguments)
        after = os.times()
        spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(spent) < 0.2


def test_output_that_cannot_hold_the_signs() -> None:
    slip = (ROOT / "tests/examples/slip.md").read_bytes()
    run = derive("check", "-", stdin=slip, PYTHONIOENCODING="ascii")
    assert run.returncode == 1
    assert "ds_i/dz_j = s_i (delta_ij - s_i)" in run.stdout
    assert "?" not in run.stdout


# ----- show, steps, explain, rules, export, kernels -----


def test_show_lays_the_note_out() -> None:
    run = derive("show", str(SOFTMAX))
    assert run.returncode == 0
    assert "∂sᵢ" in run.stdout and "✓" in run.stdout


def test_show_as_read_says_what_was_understood() -> None:
    run = derive("show", str(SOFTMAX), "--as-read")
    assert run.returncode == 0
    assert "definition" in run.stdout
    assert "for i = 1, …, N, j = 1, …, N" in run.stdout
    assert "Here L depends on z through s." in run.stdout


@pytest.mark.parametrize("route", ["log-derivative", "quotient", "product"])
def test_steps_end_in_the_closed_form(route: str) -> None:
    target = r"\frac{\partial s_i}{\partial z_j}"
    run = derive("steps", target, "--in", str(SOFTMAX), "--route", route, "--json")
    data = json.loads(run.stdout)
    assert run.returncode == 0
    assert data["result"] == r"s_i (\mathbb{1}\{i=j\} - s_j)"
    assert {step["verdict"] for step in data["steps"]} == {"proved"}
    assert set(data) >= {"target", "route", "steps", "result"}


def test_steps_of_the_loss() -> None:
    run = derive("steps", r"\frac{\partial L}{\partial z_j}", "--in", str(SOFTMAX), "--json")
    assert json.loads(run.stdout)["result"] == "s_j - y_j"


def test_steps_without_a_note() -> None:
    run = derive(
        "steps", r"\frac{\partial f}{\partial x_j}", "--let", r"x \in \mathbb{R}^N", "--let", r"f = \sum_{i=1}^N x_i^2"
    )
    assert run.returncode == 0
    assert "2 xⱼ" in run.stdout


def test_steps_of_what_cannot_be_read() -> None:
    run = derive("steps", r"\frac{x}{", "--in", str(SOFTMAX))
    assert run.returncode == 2
    assert run.stderr.startswith("derive: ")


def test_export_writes_a_document(tmp_path: Path) -> None:
    run = derive("export", str(SOFTMAX), "--to", "latex", "-o", str(tmp_path / "s.tex"))
    assert run.returncode == 0
    assert (tmp_path / "s.tex").read_text().startswith(r"\documentclass")


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    run = derive("export", str(SOFTMAX), "-o", str(tmp_path / "no" / "s.tex"))
    assert run.returncode == 2
    assert "cannot be written" in run.stderr


def test_kernels_are_written_and_checked(tmp_path: Path) -> None:
    target = tmp_path / "made.py"
    assert derive("kernels", str(SOFTMAX), "-o", str(target)).returncode == 0
    assert "def softmax(" in target.read_text()
    assert derive("kernels", str(SOFTMAX), "-o", str(target), "--check").returncode == 0
    target.write_text(target.read_text() + "# changed\n")
    assert derive("kernels", str(SOFTMAX), "-o", str(target), "--check").returncode == 1
