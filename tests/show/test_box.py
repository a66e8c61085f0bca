"""Boxes stay rectangular and level."""

from __future__ import annotations

import pytest

from derive.show import box
from derive.show.box import Box, beside, cells, text

A, B = text("a"), text("bcd")
HALF = box.fraction(A, B)


def test_a_fraction_is_level_at_its_bar() -> None:
    assert str(beside(text("x = "), HALF)) == "      a\nx = ─────\n     bcd"


def test_scripts_stand_above_and_below() -> None:
    assert str(box.scripts(text("e"), None, text("x+y"))) == " x+y\ne"
    assert str(box.scripts(text("z"), text("ab"), text("2"))) == " 2\nz\n ab"


def test_limits_stand_over_and_under() -> None:
    assert str(beside(box.limits(text("∑"), text("l=1"), text("N")), text(" x"))) == " N\n ∑  x\nl=1"


def test_accents_take_no_room() -> None:
    assert cells("z\u0302") == 1


def test_tall_brackets_grow() -> None:
    assert str(box.enclosed(HALF)) == "⎛  a  ⎞\n⎜─────⎟\n⎝ bcd ⎠"


def test_a_root_covers_its_body() -> None:
    assert str(box.root(B)) == " ___\n√bcd"


def test_long_rows_go_on_below() -> None:
    assert box.wrapped([text("aaaa")] * 4, 10, indent=2).rows == ("aaaaaaaa  ", "  aaaaaaaa")


@pytest.mark.parametrize(
    "made",
    [
        HALF,
        box.root(HALF),
        box.root(A, text("3")),
        box.grid([[A, HALF], [B, A]]),
        box.enclosed(box.grid([[A], [B]], align="left"), "{", ""),
        box.enclosed(HALF, "‖", "‖"),
        beside(HALF, box.limits(text("max"), text("i"), None), HALF),
    ],
)
def test_every_row_has_the_same_width(made: Box) -> None:
    assert {cells(row) for row in made.rows} == {made.width}
    assert 0 <= made.baseline < made.height
