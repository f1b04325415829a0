"""TeX formulas as plain text, where that is possible without losing the sense."""

from __future__ import annotations

import re

__all__ = ["plain_formula"]

_MAX_CHARACTERS = 240

_SIGNS = {
    "times": "×", "cdot": "·", "pm": "±", "mp": "∓", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠",
    "neq": "≠", "approx": "≈", "equiv": "≡", "sim": "~", "propto": "∝", "infty": "∞", "to": "→", "rightarrow": "→",
    "leftarrow": "←", "Rightarrow": "⇒", "Leftrightarrow": "⇔", "leftrightarrow": "↔", "implies": "⇒", "iff": "⇔",
    "mapsto": "↦", "in": "∈", "notin": "∉", "subset": "⊂", "subseteq": "⊆", "cup": "∪", "cap": "∩", "emptyset": "∅",
    "forall": "∀", "exists": "∃", "neg": "¬", "lnot": "¬", "land": "∧", "wedge": "∧", "lor": "∨", "vee": "∨",
    "sum": "∑", "prod": "∏", "int": "∫", "partial": "∂", "nabla": "∇", "ldots": "…", "dots": "…", "cdots": "…",
    "circ": "°", "prime": "′", "div": "÷", "ast": "*", "star": "*", "therefore": "∴", "vdash": "⊢", "perp": "⊥",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "vartheta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ",
    "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ",
    "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "hbar": "ħ", "ell": "ℓ", "langle": "⟨", "rangle": "⟩", "mid": "|",
    "quad": " ", "qquad": " ", "left": "", "right": "", "big": "", "Big": "", "displaystyle": "", "textstyle": "",
    "scriptstyle": "", "limits": "", "nolimits": "", "ln": "ln", "log": "log", "exp": "exp", "sin": "sin",
    "cos": "cos", "tan": "tan", "lim": "lim", "max": "max", "min": "min", "det": "det", "mod": "mod",
}  # fmt: skip

_GROUP = r"\{([^{}]*)\}"
_WRAPPER = re.compile(
    r"\\(?:mathrm|mathbf|mathit|mathcal|mathbb|mathfrak|mathsf|text|textrm|textbf|textit|operatorname|rm|bf|it|ce|"
    r"overline|bar|hat|vec|tilde|boldsymbol|mbox)\s*" + _GROUP
)
_FRACTION = re.compile(r"\\[dt]?frac\s*" + _GROUP + r"\s*" + _GROUP)
_ROOT = re.compile(r"\\sqrt\s*" + _GROUP)
_RAISED = re.compile(r"([\^_])\s*" + _GROUP)
_COMMAND = re.compile(r"\\([A-Za-z]+)\s*")
_SPACING = re.compile(r"\\[,;:!> ]|~|&")
_COMPOUND = re.compile(r"[\s+\-−×·/=]")
_SPACES = re.compile(r"\s+")


def plain_formula(tex: str) -> str:
    """Render TeX as one line of text, such as `E = mc^2`; "" where the structure cannot be told in a line."""
    text = _SPACES.sub(" ", tex).strip()
    if not text or len(text) > _MAX_CHARACTERS or "\\begin" in text or "\\\\" in text:
        return ""
    text = _SPACING.sub(" ", text).replace("\\%", "%").replace("\\{", "(").replace("\\}", ")").replace("\\|", "‖")
    for _ in range(6):
        before = text
        text = _WRAPPER.sub(r"\1", text)
        text = _FRACTION.sub(lambda found: f"{_grouped(found[1])}/{_grouped(found[2])}", text)
        text = _ROOT.sub(lambda found: f"√{_grouped(found[1])}", text)
        text = _RAISED.sub(lambda found: found[1] + _grouped(found[2]), text)
        if text == before:
            break
    text = _COMMAND.sub(lambda found: _SIGNS.get(found[1], found[0]) + (" " if found[0][-1:] == " " else ""), text)
    text = text.replace("{", "").replace("}", "")
    return "" if "\\" in text else _SPACES.sub(" ", text).strip()


def _grouped(text: str) -> str:
    text = text.strip()
    return f"({text})" if _COMPOUND.search(text) else text
