"""The judge: decides whether two index expressions are equal for every dimension, index and value.

Everything else in this package may be clever and may be wrong; only this folder says "proved".
It imports nothing of ours outside itself. To read it:

    language, setting, verdict          the data: SymPy's dialect, what is in force, the answers
    atoms, products, powers, sums,      the normal form: atoms, then the laws of products, of values,
    algebra                             of binders, and derivatives
    rewrites, ground, normal            assumptions as rewrites; the setting in the algebra; reading SymPy trees
    series, meaning                     the other road: values with rigorous bounds, at a point
    equations, points, witness          points at which all assumptions hold, and where two sides differ
    judge                               both roads together, the only maker of verdicts
    intake, readback                    plain SymPy in; what remained, out
"""
