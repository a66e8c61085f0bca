r"""The words of the formula language, as tables.

A formula is LaTeX math. What a sign is follows from the table that it stands in; what may stand
around it is the grammar in :mod:`derive.notes.grammar.expression`. To teach the language a new sign, add a row here.
"""

from __future__ import annotations

import re


def _words(text: str) -> set[str]:
    return set(_in_order(text))


def _in_order(text: str) -> list[str]:
    return text.split()


# ----- Relations: what stands between the sides of a chain. Canonical spelling on the right. -----

RELATIONS = {
    "=": "=",
    r"\eq": "=",
    ":=": ":=",
    r"\coloneqq": ":=",
    r"\coloneq": ":=",
    r"\triangleq": ":=",
    r"\doteq": ":=",
    r"\defeq": ":=",
    r"\colonequals": ":=",
    r"\eqdef": ":=",
    r"\stackrel{def}{=}": ":=",
    r"\equiv": r"\equiv",
    r"\ne": r"\ne",
    r"\neq": r"\ne",
    r"\not=": r"\ne",
    "<": "<",
    ">": ">",
    r"\lt": "<",
    r"\gt": ">",
    r"\le": r"\le",
    r"\leq": r"\le",
    r"\leqslant": r"\le",
    r"\leqq": r"\le",
    r"\ge": r"\ge",
    r"\geq": r"\ge",
    r"\geqslant": r"\ge",
    r"\geqq": r"\ge",
    r"\approx": r"\approx",
    r"\approxeq": r"\approx",
    r"\thickapprox": r"\approx",
    r"\in": r"\in",
    r"\notin": r"\notin",
    r"\not\in": r"\notin",
    r"\ni": r"\ni",
    r"\subset": r"\subset",
    r"\subseteq": r"\subseteq",
    r"\supset": r"\supset",
    r"\supseteq": r"\supseteq",
    r"\propto": r"\propto",
    r"\sim": r"\sim",
    r"\simeq": r"\simeq",
    r"\cong": r"\cong",
    r"\asymp": r"\asymp",
    r"\ll": r"\ll",
    r"\gg": r"\gg",
    r"\lesssim": r"\lesssim",
    r"\gtrsim": r"\gtrsim",
    r"\prec": r"\prec",
    r"\succ": r"\succ",
    r"\preceq": r"\preceq",
    r"\succeq": r"\succeq",
    r"\perp": r"\perp",
    r"\to": r"\to",
    r"\rightarrow": r"\to",
    r"\longrightarrow": r"\to",
    r"\mapsto": r"\mapsto",
    r"\longmapsto": r"\mapsto",
    r"\gets": r"\gets",
    r"\leftarrow": r"\gets",
    ":": ":",
    r"\colon": ":",
}

# Between statements: the next relation is a statement of its own.
ARROWS = {
    r"\Rightarrow": r"\implies",
    r"\implies": r"\implies",
    r"\Longrightarrow": r"\implies",
    r"\leadsto": r"\implies",
    r"\therefore": r"\implies",
    r"\iff": r"\iff",
    r"\Leftrightarrow": r"\iff",
    r"\Longleftrightarrow": r"\iff",
    r"\Leftarrow": r"\impliedby",
    r"\impliedby": r"\impliedby",
    r"\Longleftarrow": r"\impliedby",
    r"\because": "because",
}

# ----- Signs of sums and products -----

SIGNS = {"+": "+", "-": "-", r"\pm": "±", r"\mp": "∓"}

OPERATORS = {
    r"\cdot": r"\cdot",
    "*": r"\cdot",
    r"\cdotp": r"\cdot",
    r"\bullet": r"\cdot",
    r"\times": r"\times",
    "/": "/",
    r"\div": "/",
    r"\slash": "/",
    r"\odot": r"\odot",
    r"\circ": r"\circ",
    r"\otimes": r"\otimes",
    r"\oslash": r"\oslash",
}

# ----- Brackets: opening -> (canonical opening) and closing -> canonical closing -----

OPENERS = {
    "(": "(",
    "[": "[",
    r"\{": "{",
    r"\lbrace": "{",
    r"\lparen": "(",
    r"\lbrack": "[",
    r"\langle": r"\langle",
    r"\lvert": "|",
    r"\lVert": r"\|",
    r"\llbracket": "[",
}
CLOSERS = {
    ")": ")",
    "]": "]",
    r"\}": "}",
    r"\rbrace": "}",
    r"\rparen": ")",
    r"\rbrack": "]",
    r"\rangle": r"\rangle",
    r"\rvert": "|",
    r"\rVert": r"\|",
    r"\rrbracket": "]",
}
BARS = {"|": "|", r"\vert": "|", r"\|": r"\|", r"\Vert": r"\|"}
CLOSED_BY = {"(": ")", "[": "]", "{": "}", r"\langle": r"\rangle", "|": "|", r"\|": r"\|"}

# ----- Names -----

GREEK = _words(
    r"\alpha \beta \gamma \delta \epsilon \varepsilon \zeta \eta \theta \vartheta \iota \kappa \varkappa \lambda "
    r"\mu \nu \xi "
    r"\omicron \pi \varpi \rho \varrho \sigma \varsigma \tau \upsilon \phi \varphi \chi \psi \omega "
    r"\Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma \Upsilon \Phi \Psi \Omega "
    r"\ell \hbar \imath \jmath \infty \emptyset \aleph \top \bot \intercal \dagger \Re \Im \wp"
)
NAME_ALIASES = {r"\varnothing": r"\emptyset", r"\lambdabar": r"\lambda"}

# A font that carries no meaning -> how it is named in ``Name.dress``.
DRESS = {
    r"\mathbf": r"\mathbf",
    r"\boldsymbol": r"\mathbf",
    r"\bm": r"\mathbf",
    r"\pmb": r"\mathbf",
    r"\bold": r"\mathbf",
    r"\mathbfit": r"\mathbf",
    r"\symbf": r"\mathbf",
    r"\mathbb": r"\mathbb",
    r"\mathbbm": r"\mathbb",
    r"\mathds": r"\mathbb",
    r"\Bbb": r"\mathbb",
    r"\mathcal": r"\mathcal",
    r"\mathscr": r"\mathscr",
    r"\mathfrak": r"\mathfrak",
    r"\mathrm": r"\mathrm",
    r"\mathsf": r"\mathsf",
    r"\mathit": r"\mathit",
    r"\mathtt": r"\mathtt",
    r"\mathnormal": r"\mathit",
    r"\mathup": r"\mathrm",
    r"\vec": r"\vec",
    r"\underline": r"\underline",
}
BOLD_LIKE = {r"\mathbf", r"\vec", r"\underline"}  # several letters under it are a product, not a word
SWITCHES = {r"\bf": r"\mathbf", r"\rm": r"\mathrm", r"\it": r"\mathit", r"\cal": r"\mathcal", r"\sf": r"\mathsf"}

# An accent is part of the name. Canonical spelling on the right.
ACCENTS = {
    r"\hat": r"\hat",
    r"\widehat": r"\hat",
    r"\tilde": r"\tilde",
    r"\widetilde": r"\tilde",
    r"\bar": r"\bar",
    r"\overline": r"\bar",
    r"\dot": r"\dot",
    r"\ddot": r"\ddot",
    r"\check": r"\check",
    r"\breve": r"\breve",
    r"\acute": r"\acute",
    r"\grave": r"\grave",
    r"\mathring": r"\mathring",
}

# ----- Functions that the language knows: spelling -> name of the Call -----

FUNCTIONS = {
    "exp": "exp",
    "log": "log",
    "ln": "ln",
    "lg": "lg",
    "sqrt": "sqrt",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "cot": "cot",
    "sec": "sec",
    "csc": "csc",
    "arcsin": "arcsin",
    "arccos": "arccos",
    "arctan": "arctan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "coth": "coth",
    "sech": "sech",
    "max": "max",
    "min": "min",
    "det": "det",
    "tr": "tr",
    "Tr": "tr",
    "trace": "tr",
    "Trace": "tr",
    "diag": "diag",
    "Diag": "diag",
    "relu": "relu",
    "ReLU": "relu",
    "RELU": "relu",
    "Relu": "relu",
    "sign": "sign",
    "sgn": "sign",
    "erf": "erf",
    "abs": "abs",
}
BARE_FUNCTIONS = (*FUNCTIONS, "sigmoid", "softmax", "softplus")
FUNCTION_COMMANDS = {
    rf"\{word}": FUNCTIONS[word]
    for word in _in_order("exp log ln lg sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth max min det")
} | {
    r"\tr": "tr",
    r"\Tr": "tr",
    r"\trace": "tr",
    r"\diag": "diag",
    r"\sign": "sign",
    r"\sgn": "sign",
    r"\erf": "erf",
    r"\relu": "relu",
    r"\ReLU": "relu",
    r"\sech": "sech",
}
BIG = {r"\sum": "sum", r"\prod": "prod", r"\Sigma_": "sum"}

# ----- Commands with a structure of their own -----

FRACTIONS = {r"\frac", r"\tfrac", r"\dfrac", r"\cfrac", r"\sfrac", r"\nicefrac", r"\flatfrac"}
DOTS = {
    r"\dots": r"\dots",
    r"\ldots": r"\dots",
    r"\dotsc": r"\dots",
    r"\dotso": r"\dots",
    r"\dotsm": r"\cdots",
    r"\dotsb": r"\cdots",
    r"\dotsi": r"\cdots",
    r"\cdots": r"\cdots",
    r"\vdots": r"\vdots",
    r"\ddots": r"\ddots",
    r"\hdots": r"\dots",
    r"\iddots": r"\ddots",
}
STRUCTURE = _words(
    r"\sqrt \partial \nabla \over \mid \land \wedge \lor \vee \forall \exists \prime \star \ast \substack "
    r"\setminus \cup \cap"
)

# Known to LaTeX, not to this language.
FOREIGN = _words(
    r"\int \oint \iint \lim \limsup \liminf \sup \inf \binom \dbinom \tbinom \choose \Pr \lfloor \rfloor \lceil \rceil "
    r"\bigcup \bigcap \coprod \bigoplus \bigotimes \oplus \ominus \gcd \ker \dim \deg \hom \bmod \pmod \mod "
    r"\sharp \flat "
    r"\lnot \neg \vdash \models \nabla_ \triangle \square \Box \Diamond \parallel"
)

# Set aside as layout: the argument counts, the command does not.
TRANSPARENT = _words(
    r"\boxed \fbox \cancel \bcancel \xcancel \smash \mathrel \mathbin \mathop \mathord \mathopen \mathclose \mathinner "
    r"\mathpunct \ensuremath \uline \bbox"
)
BRACES = {
    r"\underbrace": "_",
    r"\overbrace": "^",
    r"\underbracket": "_",
    r"\overbracket": "^",
}  # and which script annotates
ABOVE = {r"\overset", r"\stackrel", r"\underset"}
ARROWS_WITH_WORDS = {r"\xrightarrow": r"\to", r"\xleftarrow": r"\gets"}

# Without meaning, dropped: no argument / one argument in braces / two.
IGNORED = _words(
    r"\, \; \: \! \> \/ \displaystyle \textstyle \scriptstyle \scriptscriptstyle \limits \nolimits \nonumber \notag "
    r"\big \Big \bigg \Bigg \bigl \Bigl \biggl \Biggl \bigr \Bigr \biggr \Biggr \bigm \Bigm \biggm \Biggm \middle "
    r"\thinspace \medspace \thickspace \negthinspace \negmedspace \negthickspace \enspace \strut \mathstrut \null "
    r"\relax "
    r"\hline \centering \noindent \allowbreak \nobreak \break \normalsize \small \large \allowdisplaybreaks \qed "
    r"\blacksquare "
    r"\left. \right. \protect \space \nobreakspace \hfill \hfil \par \footnotesize \Large \scriptsize \tiny "
    r"\unboldmath "
    r"\boldmath \thinmuskip \smallskip \medskip \bigskip \leavevmode \@ \- \ "
) | {"\\ ", "\\\n", "\\\t"}
IGNORED_WITH_ARGUMENT = _words(
    r"\label \hspace \vspace \mspace \phantom \hphantom \vphantom \color \ref \eqref \cite \citep \citet \href "
    r"\footnote "
    r"\require \hskip \kern \mkern \pagecolor \cline \toprule"
)
WIDE = {r"\quad", r"\qquad", r"\enskip", r"\hfill"}  # white space that parts statements

# ----- Words -----

TEXTS = _words(
    r"\text \textrm \textit \textbf \textsf \texttt \textnormal \mbox \hbox \intertext \shortintertext \textup "
    r"\emph \textsc"
)
TAGS = {r"\tag"}
OPERATOR_NAMES = {r"\operatorname", r"\operatornamewithlimits", r"\DeclareMathOperator"}
CONNECTIVES = _words(
    "and or where with when whenever if for so hence thus then therefore since because such given assuming assume "
    "suppose let subject while but also s.t. st i.e. provided unless iff define defining implies wherein "
    "putting setting"
)
OTHERWISE = re.compile(r"^\W*(otherwise|else|elsewhere|sonst)\b", re.IGNORECASE)
EQUATION_NUMBER = re.compile(r"^[(\[]?\s*[\w.\-]{0,3}\d[\w.\-]{0,3}[*'′]*\s*[)\]]?$|^[*†‡]+$")

# ----- Environments -----

ROWS = _words(
    r"align aligned alignat alignedat flalign gather gathered split multline multlined equation eqnarray "
    r"displaymath math subequations dmath dgroup xalignat"
)
CASES = {"cases", "dcases", "rcases", "drcases"}
MATRICES = _words(r"matrix pmatrix bmatrix Bmatrix smallmatrix psmallmatrix bsmallmatrix array vmatrix Vmatrix")
ENVIRONMENTS = ROWS | CASES | MATRICES
WITH_ARGUMENT = {"array", "alignat", "alignedat", "xalignat"}  # \begin{array}{ll}

# ----- Unicode, read as the LaTeX that it stands for -----

_SMALL = _in_order(
    r"\alpha \beta \gamma \delta \varepsilon \zeta \eta \theta \iota \kappa \lambda \mu \nu \xi \omicron \pi \rho "
    r"\sigma \tau \upsilon \varphi \chi \psi \omega"
)
_LARGE = _in_order(r"\Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma \Upsilon \Phi \Psi \Omega")
_GREEK_LETTERS = dict(zip("αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ", _SMALL + _LARGE, strict=True))
UNICODE = {
    **{char: (command,) for char, command in _GREEK_LETTERS.items()},
    "ϵ": (r"\epsilon",),
    "ϕ": (r"\phi",),
    "ϑ": (r"\vartheta",),
    "ϱ": (r"\varrho",),
    "ς": (r"\varsigma",),
    "ℓ": (r"\ell",),
    "µ": (r"\mu",),
    "∆": (r"\Delta",),
    "Ω": (r"\Omega",),
    "∂": (r"\partial",),
    "∇": (r"\nabla",),
    "∑": (r"\sum",),
    "∏": (r"\prod",),
    "√": (r"\sqrt",),
    "∞": (r"\infty",),
    "≈": (r"\approx",),
    "≤": (r"\le",),
    "≥": (r"\ge",),
    "⩽": (r"\le",),
    "⩾": (r"\ge",),
    "≠": (r"\ne",),
    "≡": (r"\equiv",),
    "∈": (r"\in",),
    "∉": (r"\notin",),
    "∝": (r"\propto",),
    "∼": (r"\sim",),
    "≔": (":=",),
    "≜": (":=",),
    "⊂": (r"\subset",),
    "⊆": (r"\subseteq",),
    "→": (r"\to",),
    "⟶": (r"\to",),
    "↦": (r"\mapsto",),
    "⇒": (r"\implies",),
    "⟹": (r"\implies",),
    "⇔": (r"\iff",),
    "⟺": (r"\iff",),
    "∴": (r"\therefore",),
    "·": (r"\cdot",),
    "⋅": (r"\cdot",),
    "∙": (r"\cdot",),
    "×": (r"\times",),
    "⊙": (r"\odot",),
    "⊗": (r"\otimes",),
    "∘": (r"\circ",),
    "÷": ("/",),
    "∕": ("/",),
    "−": ("-",),
    "–": ("-",),
    "‐": ("-",),
    "±": (r"\pm",),
    "∓": (r"\mp",),
    "…": (r"\dots",),
    "⋯": (r"\cdots",),
    "⋮": (r"\vdots",),
    "⋱": (r"\ddots",),
    "⟨": (r"\langle",),
    "⟩": (r"\rangle",),
    "〈": (r"\langle",),
    "〉": (r"\rangle",),
    "‖": (r"\|",),
    "∥": (r"\|",),
    "∣": ("|",),
    "⟦": (r"\llbracket",),
    "⟧": (r"\rrbracket",),
    "ᵀ": ("^", r"\top"),
    "⊤": (r"\top",),
    "′": ("'",),
    "″": ("'", "'"),
    "‴": ("'", "'", "'"),
    "’": ("'",),
    "∀": (r"\forall",),
    "ℝ": (r"\mathbb", "R"),
    "ℕ": (r"\mathbb", "N"),
    "ℤ": (r"\mathbb", "Z"),
    "ℚ": (r"\mathbb", "Q"),
    "ℂ": (r"\mathbb", "C"),
    "𝔼": (r"\mathbb", "E"),
    "𝟙": (r"\mathbb", "1"),
    "𝟏": (r"\mathbf", "1"),
    "𝟎": (r"\mathbf", "0"),
    "ℒ": (r"\mathcal", "L"),
    "⁻": ("^", "{", "-", "}"),
    "∧": (r"\land",),
    "∨": (r"\lor",),
}
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ", "0123456789+-ni", strict=True))
SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ᵢⱼₖₗₘₙₓₜ", "0123456789+-ijklmnxt", strict=True))
COMBINING = {
    "\u0302": r"\hat",
    "\u0303": r"\tilde",
    "\u0304": r"\bar",
    "\u0305": r"\bar",
    "\u0307": r"\dot",
    "\u0308": r"\ddot",
    "\u20d7": r"\vec",
    "\u030c": r"\check",
}

KNOWN = sorted(
    {
        name
        for table in (
            RELATIONS,
            SIGNS,
            OPERATORS,
            OPENERS,
            CLOSERS,
            BARS,
            DRESS,
            SWITCHES,
            ACCENTS,
            FUNCTION_COMMANDS,
            DOTS,
            BRACES,
        )
        for name in table
        if name.startswith("\\") and name[1:].isalpha()
    }
    | {
        name
        for names in (ARROWS, GREEK, FRACTIONS, STRUCTURE, TRANSPARENT, ABOVE, WIDE, TEXTS, TAGS, OPERATOR_NAMES)
        for name in names
        if name[1:].isalpha()
    }
    | {r"\sum", r"\prod", r"\left", r"\right", r"\begin", r"\end", r"\textcolor"}
)
