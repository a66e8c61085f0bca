"""What the kernels are measured beside, where it is installed."""

from __future__ import annotations

try:
    from scipy import special
except ImportError:
    special = None
try:
    import torch
except ImportError:
    torch = None

__all__ = ["special", "torch"]
