"""`pyalign commands`: what each command is, takes and gives, for people and for programs that call them."""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any, get_type_hints

from pyalign import _registry
from pyalign._version import __version__
from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, declared, flags_of
from pyalign.cli._outputs import described
from pyalign.io.paths import Spec
from pyalign.kinds import KINDS, entries
from pyalign.progress import Progress

TYPES = {int: "integer", float: "number", bool: "switch", Spec: "file", str: "text"}


@dataclass(frozen=True)
class CommandsOptions(_options.Document):
    """The options of `pyalign commands`."""


def run(options: CommandsOptions, progress: Progress) -> Outcome:
    """Describes all commands: a table, or a JSON document of their declarations."""
    document = {"command": "commands", "schema": 1, "version": __version__, "commands": all_commands()}
    return described(options, document, "\n".join(f"{one.command:<22}{one.what}" for one in entries()))


def all_commands() -> list[dict[str, Any]]:
    """Each command as plain values: name, help, group, example, options, and the result that its document holds."""
    results = {kind.entry.command: (word, kind.result) for word, kind in KINDS.items() if kind.entry}
    load, found = _registry.registered("load_command"), []
    for one in entries():
        command: Command[Any] = load(one.command)
        found.append({
            "name": one.command, "help": one.what, "group": one.group, "example": command.example,
            "options": options_of(command),
            "result": _result(*results[one.command]) if one.command in results else None,
        })  # fmt: skip
    return found


def options_of(command: Command[Any]) -> list[dict[str, Any]]:
    """The options of a command: name in Python, flags, help, type, default, and what they may be."""
    hints = get_type_hints(command.options)
    return [
        {
            "name": one.name, "flags": list(flags_of(one, told)), "help": told.help,
            "type": _type(hints[one.name]), "many": told.nargs in ("+", "*"), "positional": told.positional,
            "required": one.default is MISSING, "default": _default(one), "choices": told.choices and [*told.choices],
            "role": told.role or None, "group": told.group.partition("\n")[0] or None, "rare": told.rare,
        }
        for one, told in declared(command.options)
    ]  # fmt: skip


def _type(hint: Any) -> str:
    """The word for a type, for `T`, `T | None` and tuples of them; the first that applies."""
    parts = [hint, *getattr(hint, "__args__", ())]
    parts += [inner for part in parts[1:] for inner in getattr(part, "__args__", ())]
    return next((TYPES[part] for part in parts if part in TYPES), "text")


def _default(one: Field[Any]) -> Any:
    return None if one.default is MISSING else [*one.default] if isinstance(one.default, tuple) else one.default


def _result(word: str, name: str) -> dict[str, Any]:
    """The kind that documents carry under `command`, and the fields that they have."""
    kind = _registry.load(name)
    assert is_dataclass(kind)
    shown = {one.name: str(one.type) for one in fields(kind) if not one.metadata.get("hidden")}
    return {"kind": word, "fields": shown}


COMMAND = Command(CommandsOptions, run, "pyalign commands --json")
