"""The signs of mathematics: their LaTeX commands and their characters, in tables."""

from __future__ import annotations

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "ϕ", "varphi": "φ", "chi": "χ", "psi": "ψ",
    "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ",
    "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ",
}  # fmt: skip
LETTERLIKE = {"partial": "∂", "nabla": "∇", "infty": "∞", "hbar": "ℏ", "sum": "∑", "prod": "∏", "surd": "√", "top": "⊤"}
ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303", "bar": "\u0304",
    "overline": "\u0304", "dot": "\u0307", "ddot": "\u0308", "check": "\u030c", "vec": "\u20d7", "mathring": "\u030a",
}  # fmt: skip
BLACKBOARD = {"R": "ℝ", "N": "ℕ", "Z": "ℤ", "Q": "ℚ", "C": "ℂ", "E": "𝔼", "P": "ℙ", "1": "𝟙"}
RELATIONS = {
    r"\ne": "≠", r"\neq": "≠", r"\le": "≤", r"\leq": "≤", r"\ge": "≥", r"\geq": "≥", r"\approx": "≈", r"\in": "∈",
    r"\to": "→", r"\propto": "∝", r"\sim": "~", ":=": "≔", r"\equiv": "≡", r"\implies": "⇒", r"\Rightarrow": "⇒",
    r"\iff": "⇔",
}  # fmt: skip
PRODUCTS = {r"\cdot": "·", r"\times": "×", "/": "/", r"\odot": "⊙", r"\otimes": "⊗", r"\circ": "∘"}
TERM_SIGNS = {"+": "+", "-": "−", "±": "±", r"\pm": "±", r"\mp": "∓"}
DOTS = {"vdots": "⋮", "ddots": "⋱", "cdots": "⋯"}

SUBSCRIPTS = dict(
    zip("0123456789aehijklmnoprstuvxβγρφχ+−-=()·′", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ₊₋₋₌₍₎·′", strict=True)
)
SUPERSCRIPTS = dict(
    zip(
        "0123456789abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδθφχ+−-=()",
        "⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᶿᵠᵡ⁺⁻⁻⁼⁽⁾",
        strict=True,
    )
)

# character -> command, for words that hold signs
COMMANDS = {
    **{
        sign: command
        for command, sign in [*RELATIONS.items(), *PRODUCTS.items()]
        if command.startswith("\\") and sign != "~"
    },
    **{sign: f"\\{command}" for command, sign in [*LETTERLIKE.items(), *GREEK.items()]},
    "−": "-",
    "±": r"\pm",
    "≔": r"\coloneqq",
}
