"""Output for streams that lack the signs of mathematics."""

from __future__ import annotations

import pytest

from derive.show.ascii import HANDLER


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("∂sᵢ/∂zⱼ = sᵢ (δᵢⱼ − sⱼ)", "ds_i/dz_j = s_i (delta_ij - s_j)"),
        ("Λ λ σ′", "Lambda lambda sigma'"),
        ("x² e^ẑₗ ∈ ℝᴺ", "x^2 e^z_l in R^N"),
        ("a ≤ b ≠ c → …", "a <= b != c -> ..."),
        ("⎛ ─── ⎞", "| --- |"),
        ("✓ proved, ✗ refuted", "+ proved, x refuted"),
        ("漢", "?"),
    ],
)
def test_signs_are_spelled_out(text: str, encoded: str) -> None:
    assert text.encode("ascii", HANDLER).decode() == encoded


def test_signs_that_a_stream_has_stay() -> None:
    assert "é ∂ ×".encode("latin-1", HANDLER).decode("latin-1") == "é d ×"
