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
    return described(options, document, "\n".join(f"{entry.command:<22}{entry.what}" for entry in entries()))


def all_commands() -> list[dict[str, Any]]:
    """Each command as plain values: name, help, group, example, options, and the result that its document holds."""
    results = {kind.entry.command: (word, kind.result) for word, kind in KINDS.items() if kind.entry}
    load, commands = _registry.registered("load_command"), []
    for entry in entries():
        command: Command[Any] = load(entry.command)
        commands.append({
            "name": entry.command, "help": entry.what, "group": entry.group, "example": command.example,
            "options": options_of(command),
            "result": _result(*results[entry.command]) if entry.command in results else None,
        })
    return commands


def options_of(command: Command[Any]) -> list[dict[str, Any]]:
    """The options of a command: name in Python, flags, help, type, default, and what they may be."""
    hints = get_type_hints(command.options)
    return [
        {
            "name": field.name, "flags": list(flags_of(field, option_)), "help": option_.help,
            "type": _type(hints[field.name]), "many": option_.many or option_.nargs not in (None, "?"),
            "positional": option_.positional, "required": field.default is MISSING, "default": _default(field),
            "choices": option_.choices and [*option_.choices], "role": option_.role or None,
            "group": option_.group.partition("\n")[0] or None, "rare": option_.rare,
        }
        for field, option_ in declared(command.options)
    ]


def _type(hint: Any) -> str:
    """The word for a type, for `T`, `T | None` and tuples of them; the first that applies."""
    parts = [hint, *getattr(hint, "__args__", ())]
    parts += [inner for part in parts[1:] for inner in getattr(part, "__args__", ())]
    return next((TYPES[part] for part in parts if part in TYPES), "text")


def _default(field: Field[Any]) -> Any:
    return None if field.default is MISSING else [*field.default] if isinstance(field.default, tuple) else field.default


def _result(word: str, name: str) -> dict[str, Any]:
    """The kind that documents carry under `command`, and the fields that they have."""
    kind = _registry.load(name)
    assert is_dataclass(kind)
    shown = {field.name: str(field.type) for field in fields(kind) if not field.metadata.get("hidden")}
    return {"kind": word, "fields": shown}


COMMAND = Command(CommandsOptions, run, "pyalign commands --json")
