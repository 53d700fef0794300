"""The reference of the commands, written from their declarations when the site is built."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from pyalign import cli
from pyalign.cli._command import Command, Option, declared, flags_by_name, flags_of
from pyalign.cli._vocabulary import VOCABULARY
from pyalign.kinds import GROUPS, entries

INTRODUCTION = """# Commands

`pyalign COMMAND --help` says the same in a terminal. Results go to stdout, notes and progress to stderr. Bad input is
one line and exit code 1, wrong usage two lines and exit code 2. Where a command takes embeddings or triplets,
[a file](../../files.md), a key in one (`FILE::KEY`) or [a data set](../../datasets.md) (`dataset:NAME`) will do.
"""


OPTIONS = """# Options

Each option means the same in every command that has it. The page of a command says what it does there, and its default
where that is another one.

| option | what it is | type | default | commands |
| --- | --- | --- | --- | --- |
"""


def pages() -> dict[str, str]:
    """Markdown by file name: one page for each command, a table of them, and one of their options."""
    found = {"index.md": _index(), "options.md": _options()}
    for one in entries():
        found[f"{_stem(one.command)}.md"] = page_of(one.command, one.what, cli.load(one.command), one.page)
    return found


def page_of(name: str, what: str, command: Command[Any], page: str) -> str:
    """The page of one command: what it does, an example, its options under their headings."""
    parts = [f"# pyalign {name}", _sentence(what)]
    parts += [f"```sh\n{command.example}\n```", f"[What it computes, and why](../../{page}.md)"]
    parts += [_prose(command.epilog)] if command.epilog else []
    parts.append(f"```{{program}} pyalign {name}\n```")
    groups: dict[str, list[str]] = {"": []}
    flags = flags_by_name(command.options)
    for one, told in sorted(declared(command.options), key=lambda pair: _rank(*pair)):
        groups.setdefault(told.group, []).append(_option(one, told, flags))
    for heading, options in groups.items():
        if not options:
            continue
        title, _, description = heading.partition("\n")
        parts.append(f"## {title[:1].upper() + title[1:] or 'Options'}")
        parts += [f"```text\n{description}\n```"] if description else []
        parts += options
    return "\n\n".join(parts) + "\n"


def _index() -> str:
    parts = [INTRODUCTION]
    for group in GROUPS:
        rows = [
            f"| [`{one.command}`]({_stem(one.command)}.md) | {one.what} |" for one in entries() if one.group == group
        ]
        parts.append("\n".join([f"## {group}\n", "| command | what it does |", "| --- | --- |", *rows]))
    parts.append("[All options](options.md), and what each means.")
    stems = "\n".join(["options", *(_stem(one.command) for one in entries())])
    return "\n\n".join([*parts, f"```{{toctree}}\n:hidden:\n\n{stems}\n```"]) + "\n"


def _options() -> str:
    """A table of all options, by name, with the commands that have them."""
    commands: dict[str, list[str]] = {}
    for one in entries():
        for field, told in declared(cli.load(one.command).options):
            for flag in flags_of(field, told)[-1:]:
                commands.setdefault(flag, []).append(one.command)
    rows = []
    for flag, row in sorted(VOCABULARY.items()):
        default = " ".join(map(str, row.default)) if isinstance(row.default, tuple) else row.default
        shown = "" if row.default in (None, False, ()) else f"`{default}`"
        having = commands[flag]
        where = ", ".join(f"[{name}]({_stem(name)}.md)" for name in having[:3])
        more = f" and {len(having) - 3} more" if len(having) > 3 else ""
        rows.append(f"| `{flag}` | {_prose(row.meaning)} | {row.type} | {shown} | {where}{more} |")
    return OPTIONS + "\n".join(rows) + "\n"


def _rank(one: dataclasses.Field[Any], told: Option) -> int:
    """What must be given comes first, and what stands by itself before that; the rest as it is declared."""
    return 0 if told.positional else 1 if one.default is dataclasses.MISSING else 2


def _option(one: dataclasses.Field[Any], told: Option, flags: Mapping[str, str]) -> str:
    """A directive, which the index and links know; `flags` are those of the command's options, by name."""
    value = _value(one, told)
    spellings = [value] if told.positional else []
    spellings += [f"{flag} {value}".strip() for flag in flags_of(one, told)]
    return f"```{{option}} {', '.join(spellings)}\n{_sentence(_prose(told.help))}{_bound(one, told, flags)}\n```"


def _value(one: dataclasses.Field[Any], told: Option) -> str:
    """What stands behind a flag."""
    if one.default is False:
        return ""
    name = told.metavar or ("|".join(map(str, told.choices)) if told.choices else one.name.upper())
    if isinstance(told.nargs, int):
        return " ".join([name] * told.nargs)
    return {"+": f"{name} ...", "*": f"[{name} ...]", "?": f"[{name}]"}.get(told.nargs or "", name)


def _bound(one: dataclasses.Field[Any], told: Option, flags: Mapping[str, str]) -> str:
    """What the phrase does not say: whether it must be given, what it may be, what it is otherwise."""
    said = []
    if one.default is dataclasses.MISSING:
        others = [f"`{flags[name]}`" for name in told.unless if name in flags]
        said.append(f"Required, unless there is {' or '.join(others)}." if others else "Required.")
    if told.choices and told.metavar:
        said.append(f"One of {', '.join(f'`{word}`' for word in told.choices)}.")
    default = one.default
    if default not in (None, False, dataclasses.MISSING, ()) and "default" not in told.help:
        shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
        said.append(f"Default: `{shown}`.")
    return "".join(f" {sentence}" for sentence in said)


def _prose(text: str) -> str:
    """Help as Markdown: what the shell would take for itself is code, and no character means more than itself."""
    pieces = re.split(r"(`[^`]*`|(?<!\w)--[a-z][\w-]*)", text)
    return "".join(
        piece
        if piece.startswith("`")
        else f"`{piece}`"
        if piece.startswith("--")
        else re.sub(r"([*_<])", r"\\\1", piece)
        for piece in pieces
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ":")) else ".")


def _stem(name: str) -> str:
    return name.replace(" ", "-")
