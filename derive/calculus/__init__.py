"""The judge: decides whether two index expressions are equal for every dimension, index and value.

Everything else in this package may be clever and may be wrong; only this folder says "proved".
It imports nothing of ours outside itself.
"""
