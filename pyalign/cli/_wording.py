"""What the library says, in the words of the command line: `nan="omit"` becomes `--nan omit`.

Messages and notes of the library name a remedy as Python spells it: an argument with a value, such as
`columns=(0, 1, 2)`, with the function in front where it is another one than that which was called, such as
`load_triplets(..., item_names=names)`. Here, and nowhere else, they become the flags of the command that is run.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from pyalign.cli._command import Option, declared, flag_of

# What is no argument of the same name: as Python spells it, and as the command line does.
PHRASES = {
    "x looks like ": "this looks like ",
    "score_choices(..., choice_base=1)": "--model-choice-base 1",
    'measure="precomputed"': "--similarities",
    'measure="precomputed_dissimilarity"': "--dissimilarities",
    'pyalign.score(matrix=x, kind="similarity")': "pyalign score --matrix FILE --kind similarity",
    'pyalign.score(matrix=x, kind="dissimilarity")': "pyalign score --matrix FILE --kind dissimilarity",
    "load_triplets(path)": "-t FILE",
    "pyalign.list_models()": "pyalign models list",
    "load_dataset(..., folder=path)": "'pyalign datasets path NAME --folder DIR'",
}
_DATA_SET = re.compile(r'\b(remember|forget)_dataset\("([^"]*)"(?:, folder)?\)')
_VALUE = r'"[^"]*"|\([^()]*\)|-?[\w.]*\w'
_SETTING = re.compile(  # function(..., argument=value), argument=value, or object.argument("value")
    rf"(?<![\w/.=-])(?:\w+\((?:\.\.\., )?(?P<inner>[a-z_]+)=(?P<held>{_VALUE})\)"
    rf"|(?P<argument>[a-z_]+)=(?P<value>{_VALUE})"
    r'|\w+\.(?P<method>[a-z_]+)\((?P<word>"\w+")\))(?!\w|/|=|\.\w)'
)
_FUNCTION = re.compile(r"\bpyalign\.([a-z_]+)(?![\w.(])")
_X = re.compile(r"(^|: )x(?= must\b)|(\b(?:of|suits) )x(?=[ ;,]|$)")


@dataclass(frozen=True)
class Wording:
    """The words of a command.

    Attributes:
        options: of the command that is run.
        commands: the names of all.
    """

    options: Any
    commands: Container[str]

    def __call__(self, message: str) -> str:
        """A message or a note in these words; what has no option in the command stays as it is."""
        for spelling, words in PHRASES.items():
            message = message.replace(spelling, words)
        message = _DATA_SET.sub(_of_data_set, message)
        options = {one.name: (flag_of(one, told), told) for one, told in declared(type(self.options))}

        def flag(match: re.Match[str]) -> str:
            name = match["inner"] or match["argument"] or match["method"]
            value = match["held"] or match["value"] or match["word"]
            return _setting(*options[name], value) if name in options else match[0]

        def command(match: re.Match[str]) -> str:
            return f"pyalign {match[1]}" if match[1] in self.commands else match[0]

        message = _FUNCTION.sub(command, _SETTING.sub(flag, message))
        return _X.sub(r"\1\2embeddings", message) if "embeddings" in options and not self._is_x() else message

    def _is_x(self) -> bool:
        """Whether a file of embeddings is called x."""
        files = self.options.embeddings
        return "x" in ((files,) if isinstance(files, str) else files or ())


def _of_data_set(match: re.Match[str]) -> str:
    """What remembers or forgets the folder of a data set."""
    return f"'pyalign datasets path {match[2]} {'--folder DIR' if match[1] == 'remember' else '--forget'}'"


def _setting(flag: str, told: Option, value: str) -> str:
    """A flag with its value: a word without quotes, numbers with commas, or what stands for any value."""
    if value in ("True", "None"):
        return flag if value == "True" else f"{flag} none"
    if value.startswith("("):
        return f"{flag} {','.join(re.findall('[^ ,()]+', value))}"
    if value.startswith('"'):
        return f"{flag} {value[1:-1]}"
    return f"{flag} {value}" if value[-1].isdigit() else f"{flag} {told.metavar or 'VALUE'}"
