"""`pyalign info`: version, instruction set, threads, what can run here, which faiss, and where the C library is.

`pyalign commands`: the inputs and outputs of each command, for programs.
"""

from __future__ import annotations

import platform
from inspect import get_annotations
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

import pyalign
from pyalign import _registry
from pyalign._dataclass import MISSING, Field, dataclass, fields, is_dataclass
from pyalign._process import Progress
from pyalign._version import __version__
from pyalign.backends import backend_reasons, native, slow_because
from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, declared, flags_of, option
from pyalign.cli._options import COMMON
from pyalign.cli._outputs import described
from pyalign.errors import InputError, note_of_namesake, pip_install
from pyalign.io.paths import Spec
from pyalign.kinds import KINDS, entries
from pyalign.nearest.scan import EXTRAS, faiss_facts

FOLDER, LIBRARY = Path(pyalign.__file__).resolve().parent / "_c", "C library"


@dataclass(frozen=True)
class InfoOptions(_options.Document):
    """The options of `pyalign info`."""

    only: str | None = option(
        "show only the folder for CMAKE_PREFIX_PATH, the folder of pyalign.h, or the words that link a program",
        choices=("cmake-dir", "include-dir", "libs"), group=LIBRARY,
    )


def run_info(options: InfoOptions, progress: Progress) -> Outcome:
    """What this installation can do; or only what is asked for of its C library, one a line."""
    files = files_of_library()
    if options.only is not None:
        if not files:
            raise InputError(f"this installation has no C library: nothing was compiled for {FOLDER.parent}")
        name = options.only.replace("-", "_")
        return described(options, {name: files[name]}, files[name])
    facts = {**gather(), "c_library": files or None}
    return described(options, facts, _lines(facts))


def files_of_library() -> dict[str, str]:
    """What is needed to use the C library, by name; nothing where it is not there."""
    include, library = FOLDER / "include", FOLDER / "lib"
    if not (include / "pyalign.h").exists():
        return {}
    return {
        "cmake_dir": str(library / "cmake" / "pyalign"),
        "include_dir": str(include),
        "libs": f"-L{library} -lpyalign -Wl,-rpath,{library}",
    }


def _lines(facts: dict[str, Any]) -> str:
    instruction_sets = facts["instruction_sets"].items()
    sets = ", ".join(f"{isa}{'' if runs else ' (not on this CPU)'}" for isa, runs in instruction_sets)
    lines = [(name, facts[name]) for name in ("version", "python", "numpy", "processor")]
    lines += [("instruction set", f"{facts['instruction_set'] or 'none'} of {sets or 'none'}")]
    lines += [("threads", facts["threads"]), ("compiler", facts["compiler"] or "none")]
    for name, reason in facts["backends"].items():
        lines.append((f"backend {name}", "ready" if reason is None else f"cannot run: {reason}"))
    lines.append(("faiss", _faiss(facts["faiss"])))
    lines.append((LIBRARY, facts["c_library"]["libs"] if facts["c_library"] else "none"))
    lines += [("note", facts[name]) for name in ("speed", "note") if facts[name]]
    return "\n".join(f"{name:<18} {value}" for name, value in lines)


def _faiss(facts: dict[str, Any]) -> str:
    """The distributions, what the one that is there can do, and a word where there are several."""
    if facts["version"] is None:
        if "error" in facts:
            return f"cannot be imported: {facts['error']}"
        return "not installed: " + ", or ".join(pip_install(extra, name) for extra, name in EXTRAS.items())
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    parts = [packages or f"{facts['version']}, of no known distribution", f"{facts['gpus']} GPUs"]
    parts += [facts["options"]] if facts["options"] else []
    return "; ".join(parts) + (f"\n{'':<18} note: {facts['note']}" if facts["note"] else "")


def gather() -> dict[str, Any]:
    """The facts, as JSON could hold them."""
    reasons = backend_reasons()
    return {
        "version": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "processor": platform.machine(),
        "instruction_set": native.instruction_set(),
        "instruction_sets": native.instruction_sets(),
        "threads": native.num_threads(),
        "compiler": native.compiler(),
        "backends": reasons,
        "speed": None if reasons["native"] is None else slow_because(reasons["native"]),
        "faiss": faiss_facts(),
        "note": note_of_namesake(),
    }


INFO = Command(InfoOptions, run_info, "pyalign info --json")


TYPES = {int: "integer", float: "number", bool: "switch", Spec: "file", str: "text"}


@dataclass(frozen=True)
class CommandsOptions(_options.Document):
    """The options of `pyalign commands`."""


def run_commands(options: CommandsOptions, progress: Progress) -> Outcome:
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
            "name": entry.command, "help": entry.what, "group": entry.group, "rare": entry.rare,
            "example": command.example,
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
            "common": _declaring(command.options, field.name) in COMMON,
        }
        for field, option_ in declared(command.options)
    ]


def _declaring(options: type, name: str) -> type:
    """The class that declares an option as a command has it."""
    return next(one for one in options.__mro__ if name in get_annotations(one))


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


COMMANDS = Command(CommandsOptions, run_commands, "pyalign commands --json")
