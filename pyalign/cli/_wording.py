"""Remedies that messages and notes of the library name, in the words of the command line: `--nan omit`.

Names of files, labels and objects can look the same. What stands in quotes, or is a value of the command line, is data
and stays as it is.

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
from pyalign.errors import Remedy

_QUOTED = (  # as repr() quotes; a long message may end within
    r"""(?<!\w)'(?:[^'\\]|\\.)*(?:'(?!\w)|\.\.\.$)|(?<![\w=])"(?=[^"]*')(?:[^"\\]|\\.)*(?:"(?!\w)|\.\.\.$)"""
)
_LIKE_PYTHON = re.compile(r"""[='"(]|\bpyalign\.""")


@dataclass(frozen=True)
class Wording:
    """The words of a command."""

    options: Any  # of the command that is run.

    def __call__(self, message: str) -> str:
        """A message or a note in these words; data, and what has no option in the command, stay as they are."""
        remedies = {text: remedy for text, remedy in Remedy.spelled.items() if text in message}
        if not remedies:
            return message
        options = {field.name: (field, option) for field, option in declared(type(self.options))}

        def in_words(match: re.Match[str]) -> str:
            remedy = remedies.get(match[0])
            if remedy is None:
                return match[0]
            option = options.get(remedy.argument)
            return remedy.shell or (option and _setting(*option, remedy)) or match[0]

        values = sorted(filter(_LIKE_PYTHON.search, self._values()), key=len, reverse=True)
        data = [*(rf"(?<!\w){re.escape(value)}(?!\w)" for value in values), _QUOTED]
        ours = [rf"(?<![\w/.=-]){re.escape(text)}(?![\w/=]|\.\w)" for text in sorted(remedies, key=len, reverse=True)]
        return re.sub("|".join([*data, *ours]), in_words, message)

    def _values(self) -> set[str]:
        """The words of the command line that are values; and of FILE::KEY the file."""
        values = [getattr(self.options, field.name) for field, _ in declared(type(self.options))]
        words = (word for value in values for word in (value if isinstance(value, tuple) else (value,)))
        texts = {word for word in words if isinstance(word, str)}
        return texts | {text.rpartition("::")[0] for text in texts if "::" in text}


def _setting(field: Field[Any], option: Option, remedy: Remedy) -> str:
    """The flag of a remedy with its value: a word without quotes, numbers with commas, or what stands for any value."""
    flag, value = flag_of(field, option), remedy.value
    if value is True and field.default is False:
        return flag
    if value is None:
        return f"{flag} {(option.metavar or 'VALUE') if remedy.like else 'none'}"
    return f"{flag} {','.join(map(str, value)) if isinstance(value, tuple) else value}"


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
