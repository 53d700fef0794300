"""stdout and stderr as a command finds them: closed, full, of another encoding, or with a reader that has gone."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import TextIO


def open_streams() -> None:
    """What a terminal's encoding lacks is escaped; a stream that was closed takes everything and keeps nothing."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _fill(number)
            setattr(sys, name, open(os.devnull, "r" if number == 0 else "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _fill(number: int) -> None:
    """Something stands under the number of a closed stream, or the next file that is opened would get its lines."""
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)


def drop(stream: TextIO) -> None:
    """What a stream could not take is dropped, or the interpreter would try again at its end and exit with 120."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(line: str) -> None:
    """A line on stderr, if that takes it."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        drop(sys.stderr)
