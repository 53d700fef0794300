"""Inputs that another program changes while a command reads them: one line, wherever the command is.

Arrays of `.npy` files are mapped, not copied. One that is cut short makes the next read a SIGBUS, which the compiled
module answers; one that is written over reads as half of each, which is seen by its times and size.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pyalign.backends import native
from pyalign.cli._command import paths
from pyalign.cli._files import files_of
from pyalign.errors import InputError
from pyalign.io.paths import is_written_over
from pyalign.report.words import one_line


@contextmanager
def unchanged(name: str, options: Any, also: Iterable[str] = ()) -> Iterator[Callable[[], None]]:
    """Gives what raises an InputError where an input has changed since; inside, SIGBUS ends the process with a line.

    A file that was deleted, or another moved to its place, changes nothing of what is read.

    also: other files that may be cut short, of which the command itself sees whether they change.
    """
    before = _inputs(options)

    def check() -> None:
        for path, (was, prefix) in before.items():
            if is_written_over(path, was):
                raise InputError(f"{prefix} was changed while it was read")

    mapped = {**_files(also), **before}
    cut = {path: _line(name, f"{prefix} was cut short while it was read") for path, (_, prefix) in mapped.items()}
    files = [(os.fsencode(path), was.st_size, cut[path]) for path, (was, _) in mapped.items()]
    with native.guarding(files, _line(name, "an input was cut short or could not be read: Bus error")):
        try:
            yield check
        except (InputError, OSError):
            check()  # the reason for the rest
            raise


def _inputs(options: Any) -> dict[str, tuple[os.stat_result, str]]:
    """The files that are read, as they are now, and how a message about each begins."""
    return _files(spec for specs in paths(options, "input").values() for spec in specs)


def _files(specs: Iterable[str]) -> dict[str, tuple[os.stat_result, str]]:
    files = {}
    for spec in specs:
        with suppress(OSError, InputError, ValueError):  # said when it is read
            for path, prefix in files_of(spec).items():
                with suppress(OSError):
                    there = os.stat(path)
                    if stat.S_ISREG(there.st_mode):
                        files[path] = there, prefix
    return files


def _line(name: str, message: str) -> bytes:
    return os.fsencode(f"pyalign {name}: error: {one_line(message)}\n")
