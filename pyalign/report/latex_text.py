"""Text for LaTeX: what has a meaning there is escaped, signs that pdflatex lacks are spelled."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pyalign.report.tables import one_line

LETTERS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi . pi rho . sigma tau upsilon phi chi psi "
    "omega"
).split()
SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", '"': "''",
    "[": "{[}", "]": "{]}", "*": "{*}",  # behind the end of a row, [ and * would be its option
    "\u00a0": "~", "\u2009": r"\,", "\u202f": r"\,", "\u2026": r"\ldots{}", "\u2013": "--", "\u2014": "---",
    "\u2212": "$-$", "\u00b1": r"$\pm$", "\u00d7": r"$\times$", "\u00b7": r"$\cdot$", "\u00f7": r"$\div$",
    "\u2264": r"$\leq$", "\u2265": r"$\geq$", "\u2260": r"$\neq$", "\u2248": r"$\approx$", "\u221e": r"$\infty$",
    "\u2192": r"$\to$", "\u2190": r"$\leftarrow$", "\u221a": r"$\surd$", "\u00b0": r"\textdegree{}",
    "\u00b5": r"$\mu$", "\u00b9": r"\textsuperscript{1}", "\u00b2": r"\textsuperscript{2}",
    "\u00b3": r"\textsuperscript{3}",
}  # fmt: skip
SIGNS |= {chr(0x3B1 + k): rf"$\{name}$" for k, name in enumerate(LETTERS) if name != "."}
MINUS = re.compile(r"(?<![\w.)\]-])-(?=\.?\d)")  # before a number, not within a name
KNOWN = 0x24F  # letters up to here are in the fonts of LaTeX


def latex_text(text: str) -> str:
    r"""One line of text as LaTeX sets it; spaces before it become an indent.

    Example:
        >>> print(latex_text("R\u00b2 of vit_b32 & co: 50 %, -0.2"))
        R\textsuperscript{2} of vit\_b32 \& co: 50 \%, $-$0.2
    """
    plain = one_line(text)
    indent = r"\quad " if plain.startswith("  ") else ""
    plain = MINUS.sub("\u2212", plain.strip()).replace("--", "-\0-").replace("--", "-\0-")
    return indent + "".join(SIGNS.get(letter, letter) for letter in plain).replace("\0", "{}")


def holds_rare_letters(lines: Iterable[str]) -> bool:
    """Whether some letter is in none of the fonts that pdflatex takes by default."""
    return any(ord(letter) > KNOWN for line in lines for letter in line)
