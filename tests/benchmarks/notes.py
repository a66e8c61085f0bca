"""What a person waits for: whole commands on whole notes, and reading against judging."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

NOTES = sorted((Path(__file__).parents[2] / "derivations").glob("*.md"))
REPEATS = 5


def seconds(*arguments: str) -> float:
    """The least wall time of a command, with compiled modules at hand as an installed program has them."""
    times = []
    with tempfile.TemporaryDirectory() as compiled:
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = compiled
        for _ in range(1 + REPEATS):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "derive.cli", *arguments], capture_output=True, check=False, env=environment
            )
            times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    from derive.pipeline import judged, load

    softmax = next(str(note) for note in NOTES if note.stem == "softmax")
    for arguments in (["--help"], ["check"], ["check", softmax], ["show", softmax]):
        print(f"  derive {' '.join(Path(a).name for a in arguments):24} {seconds(*arguments):6.2f} s")
    for note in NOTES:
        started = time.perf_counter()
        read = load(note)
        reading = time.perf_counter() - started
        if read.claims:
            each = [result.seconds * 1e3 for result in judged(read)]
            print(
                f"  {note.name:28} {len(each):4} claims: read {reading * 1e3:6.0f} ms, judged {sum(each):6.0f} ms,"
                f" a claim {median(each):5.1f} ms (median) {max(each):6.1f} ms (most)"
            )


if __name__ == "__main__":
    main()
