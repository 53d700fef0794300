"""What commands that fit maps keep next to --out while they run: a journal, and the best map so far."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyalign.cli._command import paths
from pyalign.cli._outputs import require_apart
from pyalign.errors import InputError
from pyalign.io.write import STREAMS
from pyalign.journal import Journal, sibling_path


def places(out: str | None) -> tuple[Path | None, Path | None]:
    """The paths of the journal and of the best map so far; None without an output file, as for a pipe or a device."""
    if out is None or out.startswith((*STREAMS, "/dev/")) or (os.path.exists(out) and not os.path.isfile(out)):
        return None, None
    return sibling_path(out, "journal").with_suffix(".json"), sibling_path(out, "partial")


def check(options: Any, resume: bool = False, out: str | None = None) -> None:
    """Raises where these would replace an input or an output, or where --resume finds no place.

    out: what they are next to; None: --out.
    """
    if resume and options.out is None:
        raise InputError("--resume needs --out: an interrupted run stores its finished parts next to it")
    names = ("the journal next to --out,", "the best map so far next to --out,")
    kept = [
        (name, str(place)) for name, place in zip(names, places(out or options.out), strict=True) if place is not None
    ]
    taken = [path for of_flag in paths(options, "input").values() for path in of_flag]
    outputs = [(flag, path) for flag, of_flag in paths(options, "output").items() for path in of_flag]
    require_apart(taken, [*outputs, *kept])


@contextmanager
def open_journal(
    out: str | None, resume: bool = False, as_bytes: Callable[[Any], bytes] | None = None
) -> Iterator[Journal]:
    """The journal of the command's run, to which Ctrl-C inside brings what there is (see `Journal.kept`).

    as_bytes: what is written of the best so far; None: its map.
    """
    path, best = places(out)
    try:
        resume = resume and path is not None
        journal = Journal.open(path, resume=resume, best_path=best, as_bytes=as_bytes or _map_bytes)
        with journal.kept():
            yield journal
    except InputError as error:
        if str(error).startswith((f"{path}: ", "nothing to resume")):
            raise InputError(f"--resume: {error}") from error
        raise


def _map_bytes(fit: Any) -> bytes:
    from pyalign.io.transform import transform_bytes

    return transform_bytes(fit.transform)
