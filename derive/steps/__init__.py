"""Proposing: derivations step by step. What stands here may be clever and may be wrong; only the judge says "proved"."""
