"""What the README shows is what happens."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from derive.cli import parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
BLOCKS = [(match[2], match[3]) for match in BLOCK.finditer(README)]
COMMANDS = [
    line.split("#")[0].strip()
    for kind, text in BLOCKS
    if kind == "sh"
    for line in text.splitlines()
    if line.startswith("derive ")
]
QUICK = re.compile(r"--watch|^derive check notes/")


def without_times(text: str) -> str:
    return "\n".join(
        line.rstrip() for line in re.sub(r"\d+\.\d\d s$", "", text.strip(), flags=re.MULTILINE).split("\n")
    )


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "derive.cli", *shlex.split(command)[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "81", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the notes that the README speaks of."""
    shutil.copy(ROOT / "tests/examples/slip.md", tmp_path / "slip.md")

    shutil.copy(ROOT / "derivations/softmax.md", tmp_path / "note.md")
    return tmp_path


def test_the_wrong_derivation_is_the_one_in_the_examples() -> None:
    assert ("markdown", (ROOT / "tests/examples/slip.md").read_text(encoding="utf-8")) in BLOCKS


def test_what_check_says_of_it(folder: Path) -> None:
    shown = next(text for kind, text in BLOCKS if kind == "text" and "slip.md" in text)
    done = run("derive check slip.md", folder)
    assert done.returncode == 1
    assert without_times(done.stdout) == without_times(shown)


def test_what_steps_says(folder: Path) -> None:
    (command,) = [line for line in COMMANDS if "--let" in line]
    shown = next(text for kind, text in BLOCKS if kind == "text" and "sifting" in text)
    done = run(command, folder)
    assert done.returncode == 0
    assert without_times(done.stdout) == without_times(shown)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command: str) -> None:
    parser().parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize("command", [line for line in COMMANDS if not QUICK.search(line) and ":12" not in line])
def test_commands_work(command: str, folder: Path) -> None:
    done = run(command, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_python_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """The examples run, and the comments beside them are true."""
    names: dict[str, object] = {}
    for source in [text for kind, text in BLOCKS if kind == "python"]:
        exec(compile(source, "README.md", "exec"), names)
        for line in source.splitlines():
            if line.rstrip().endswith("# True"):
                assert eval(line.split("#")[0], names) is True
    assert "∂" not in capsys.readouterr().err
    witness = eval("derive.prove(left, s[i] * (sp.KroneckerDelta(i, j) + s[j])).witness", names)
    comment = re.search(r"# N = 1, z = \(0\): (\S+) against (\S+)", README)
    assert comment is not None
    assert (witness.left, witness.right) == comment.groups()  # type: ignore[attr-defined]


def test_every_command_is_listed() -> None:
    shown = {line.split()[1] for line in COMMANDS}
    text = parser().format_help()
    assert shown == set(re.findall(r"^    (\w+) +\w", text, re.MULTILINE))


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_layout_is_there() -> None:
    block = README.split("## Layout")[1]
    for path in re.findall(r"^    (\S+/|\S+\.py) ", block, re.MULTILINE):
        assert (ROOT / path).exists(), path


def test_the_hook_runs_the_command() -> None:
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    assert "id: derive-check" in hook
    entry = re.search(r"entry: (.+)", hook)
    assert entry is not None
    parser().parse_args([*shlex.split(entry[1])[1:], "note.md"])
