"""`pyalign config`: where the C library of this installation is, for CMake and compilers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyalign
from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.cli._outputs import described
from pyalign.errors import InputError
from pyalign.progress import Progress

FOLDER = Path(pyalign.__file__).resolve().parent / "_c"


@dataclass(frozen=True)
class ConfigOptions(_options.Document):
    """The options of `pyalign config`."""

    cmake_dir: bool = option("show only this: the folder for CMAKE_PREFIX_PATH", default=False)
    include_dir: bool = option("show only this: the folder of pyalign.h", default=False)
    libs: bool = option("show only this: the words that link a program", default=False)


def run(options: ConfigOptions, progress: Progress) -> Outcome:
    """The folders of the C library, all of them or those that are asked for, one a line."""
    facts = gather()
    asked = [name for name in facts if getattr(options, name)]
    if asked:
        return described(options, {name: facts[name] for name in asked}, "\n".join(facts[name] for name in asked))
    return described(options, facts, "\n".join(f"{name.replace('_', '-'):<12} {facts[name]}" for name in facts))


def gather() -> dict[str, str]:
    """What is needed to use the library, by the names of the options."""
    include, library = FOLDER / "include", FOLDER / "lib"
    if not (include / "pyalign.h").exists():
        raise InputError(f"this installation has no C library: nothing was compiled for {FOLDER.parent}")
    return {
        "cmake_dir": str(library / "cmake" / "pyalign"),
        "include_dir": str(include),
        "libs": f"-L{library} -lpyalign -Wl,-rpath,{library}",
    }


COMMAND = Command(ConfigOptions, run, "pyalign config --cmake-dir")
