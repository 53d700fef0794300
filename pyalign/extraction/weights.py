"""Files of weights: there, hashed, and in words of one line when they do not fit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from pyalign.errors import InputError, MissingExtraError

LONGEST = 300  # letters of a library's own words


def hash_file(spec: str, path: str) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        InputError: it is not there, or can't be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise InputError(f"{spec}: weights {path}: {error.strerror}") from error
    return digest.hexdigest()


@contextmanager
def one_line_errors(spec: str, what: str) -> Iterator[None]:
    """Whatever a library raises inside becomes one line; what is ours keeps its words."""
    try:
        yield
    except (InputError, MissingExtraError, MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        shown = words if len(words) <= LONGEST else f"{words[: LONGEST - 3]}..."
        raise InputError(f"{spec}: {what}: {shown}") from error
