"""What the library says, in the words of the command line: `nan_policy="omit"` becomes `--nan omit`.

Messages and notes of the library name a remedy as Python spells it: an argument with a value, such as
`columns=(0, 1, 2)`, with the function in front where it is another one than that which was called, such as
`load_triplets(..., item_names=names)`. Here, and nowhere else, they become the flags of the command that is run.

Names of files, labels and objects can look the same. What stands in quotes, or is a value of the command line, is data
and stays as it is; and of the rest only those values are replaced that the library proposes.

What the shell offers after a tab, by argcomplete.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from pyalign._dataclass import Field, dataclass
from pyalign.cli._command import Command, Option, declared, flag_of, make_parser

# What is no argument of the same name: as Python spells it, and as the command line does.
PHRASES = {
    'measure="precomputed"': "--kind similarity",
    'measure="precomputed_dissimilarity"': "--kind dissimilarity",
    'pyalign.score(matrix=x, kind="similarity")': "pyalign score --matrix FILE --kind similarity",
    'pyalign.score(matrix=x, kind="dissimilarity")': "pyalign score --matrix FILE --kind dissimilarity",
    "load_triplets(path)": "-t FILE",
    'load_triplets(..., odd_column="first")': "--columns 1,2,0",
    'load_triplets(..., anchor="last")': "--columns 2,0,1",
    'weight_column="weight"': "--weights FILE",
    "pyalign.list_models()": "pyalign models list",
    "pyalign.describe": "'pyalign describe FILE'",
    "rsa(..., rdms=True)": "'pyalign rsa --out DIR'",
    "(pyalign.calibrate)": "(pyalign calibrate)",
    "must be of pyalign.compare or pyalign.score": "must be of pyalign compare or pyalign score",
    "load_dataset(..., folder=path)": "'pyalign datasets fetch NAME --folder DIR'",
}
# Arguments that a message proposes with a number.
NUMBERED = ("choice_base", "choice_column", "subject_column", "name_column")
PLACEHOLDERS = ("names", "path", "folder", "column", "text", "matrices")  # stand for any value
_QUOTED = (  # as repr() quotes; a long message may end within
    r"""(?<!\w)'(?:[^'\\]|\\.)*(?:'(?!\w)|\.\.\.$)|(?<![\w=])"(?=[^"]*')(?:[^"\\]|\\.)*(?:"(?!\w)|\.\.\.$)"""
)
_DATA_SET = r'\b(?:(?P<remember>remember)|forget)_dataset\("(?P<set>[^"]*)"(?:, folder)?\)'
_VALUE = r""""[^"]*"|'[^']*'|\(\w+(?:, \w+)*\)|\w+"""
_SETTING = (  # function(..., argument=value), argument=value, or object.argument("value")
    rf"(?<![\w/.=-])(?:\w+\((?:\.\.\., )?(?P<inner>[a-z_]+)=(?P<held>{_VALUE})\)"
    rf"|(?P<argument>[a-z_]+)=(?P<value>{_VALUE})"
    r'|\w+\.(?P<method>[a-z_]+)\((?P<word>"\w+")\))(?!\w|/|=|\.\w)'
)
_REMEDY = "|".join([rf"(?<!\w)(?P<phrase>{'|'.join(map(re.escape, PHRASES))})(?!\w)", _DATA_SET, _SETTING])
_LIKE_PYTHON = re.compile(r"""[='"(]|\bpyalign\.""")


@dataclass(frozen=True)
class Wording:
    """The words of a command."""

    options: Any  # of the command that is run.

    def __call__(self, message: str) -> str:
        """A message or a note in these words; data, and what has no option in the command, stay as they are."""
        options = {field.name: (field, option) for field, option in declared(type(self.options))}

        def in_words(match: re.Match[str]) -> str:
            if match["phrase"]:
                return PHRASES[match[0]]
            if match["set"]:
                return f"'pyalign datasets fetch {match['set']} --folder {'DIR' if match['remember'] else 'none'}'"
            name = match["inner"] or match["argument"] or match["method"]
            value = match["held"] or match["value"] or match["word"]
            return (name in options and _setting(*options[name], value)) or match[0]

        values = sorted(filter(_LIKE_PYTHON.search, self._values()), key=len, reverse=True)
        data = "|".join([*(rf"(?<!\w){re.escape(value)}(?!\w)" for value in values), _QUOTED])
        return re.sub(f"{data}|{_REMEDY}", in_words, message)

    def _values(self) -> set[str]:
        """The words of the command line that are values; and of FILE::KEY the file."""
        values = [getattr(self.options, field.name) for field, _ in declared(type(self.options))]
        words = (word for value in values for word in (value if isinstance(value, tuple) else (value,)))
        texts = {word for word in words if isinstance(word, str)}
        return texts | {text.rpartition("::")[0] for text in texts if "::" in text}


def _setting(field: Field[Any], option: Option, value: str) -> str | None:
    """A flag with its value: a word without quotes, numbers with commas, or what stands for any value.

    None where this is no value that a message proposes.
    """
    flag = flag_of(field, option)
    if value == "True":
        return flag if field.default is False else None
    if value == "None":
        return f"{flag} none"
    if value.startswith("("):
        return f"{flag} {','.join(re.findall('[^ ,()]+', value))}"
    if value[0] in "'\"":
        return f"{flag} {value[1:-1]}" if not option.choices or value[1:-1] in option.choices else None
    if value.isdigit():
        return f"{flag} {value}" if field.name in NUMBERED else None
    return f"{flag} {option.metavar or 'VALUE'}" if value in PLACEHOLDERS else None


def complete(commands: Mapping[str, str], load: Callable[[str], Command[Any]]) -> None:
    """Answers the shell and exits; nothing where argcomplete is not installed."""
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(completion_parser(os.environ.get("COMP_LINE", ""), commands, load))


def completion_parser(
    line: str, commands: Mapping[str, str], load: Callable[[str], Command[Any]]
) -> argparse.ArgumentParser:
    """A parser of all commands by name; the options are those of the command on the line alone, which is loaded."""
    words = line.split()[1:]
    parser = argparse.ArgumentParser(prog="pyalign")
    first_words = parser.add_subparsers()
    pairs: dict[str, argparse._SubParsersAction[argparse.ArgumentParser]] = {}
    for name, what in commands.items():
        first, _, second = name.partition(" ")
        if second and first not in pairs:
            pairs[first] = first_words.add_parser(first).add_subparsers()
        is_on_line = name.split() == words[: 1 + bool(second)]
        own = [make_parser(name, what, load(name))] if is_on_line else []
        (pairs[first] if second else first_words).add_parser(second or first, parents=own, add_help=False)
    return parser
