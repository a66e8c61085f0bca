"""Proposing: derivations step by step. What stands here may be clever and may be wrong; only the judge proves."""

from derive.steps.derivation import Derivation, Step, StepError
from derive.steps.engine import derivation

__all__ = ["Derivation", "Step", "StepError", "derivation"]
