"""Work counted in calls of Python functions: the same on every machine, unlike seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


class TooMuchWork(AssertionError):
    """More calls than were allowed."""


def calls(run: Callable[[], Any], most: int = 20_000_000) -> int:
    """How many Python functions ``run`` calls; raises TooMuchWork beyond ``most``, so that nothing hangs."""
    count = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        if event == "call":
            count += 1
            if count > most:
                raise TooMuchWork(f"more than {most} calls")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count
