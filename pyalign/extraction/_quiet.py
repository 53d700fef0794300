"""Pillow's warnings and log, kept from the user while this thread decodes; other threads and other code keep theirs.

`warnings.catch_warnings` swaps a list that all threads share, so two threads that leave it in the wrong order undo each
other's filters. Here one filter stands in that list for good and matches in a thread that has asked for it alone.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class _State(threading.local):
    quiet = False


class _WhereQuiet(type):
    """The warnings that a filter is for: all in a quiet thread, none in others."""

    def __subclasscheck__(cls, category: type) -> bool:
        return _state.quiet


class _Anything(Warning, metaclass=_WhereQuiet):
    pass


class _Log(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not _state.quiet


_state, _log = _State(), _Log()
LOGGERS = ("PIL.TiffImagePlugin",)  # that say more than debugging lines


@contextmanager
def quiet() -> Iterator[None]:
    """While this is entered, what the thread warns of is dropped."""
    first = warnings.filters[:1]
    if not first or first[0][2] is not _Anything:  # another filter, such as "error", has come before it
        warnings.simplefilter("ignore", _Anything)
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_log)
    before, _state.quiet = _state.quiet, True
    try:
        yield
    finally:
        _state.quiet = before
