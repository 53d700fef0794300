"""`pyalign study init`: a commented study file from a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pyalign.cli._command import Command, Outcome, option
from pyalign.errors import InputError
from pyalign.progress import Progress
from pyalign.study.draft import draft_study


@dataclass(frozen=True)
class StudyInitOptions:
    """The options of `pyalign study init`."""

    folder: str = option(
        "with embeddings and, where there are some, triplets, names, matrices, dimensions, categories, images, a table "
        "of models", required=True, metavar="FOLDER", positional=True,
    )  # fmt: skip
    out: str | None = option(
        "file to write (default: study.toml in FOLDER)", metavar="STUDY.toml", role="output",
    )  # fmt: skip
    force: bool = option("write it also where it is there already", default=False)
    quiet: bool = option("no notes", default=False)


def run(options: StudyInitOptions, progress: Progress) -> Outcome:
    """Looks, writes, and says what was guessed."""
    out = os.path.join(options.folder, "study.toml") if options.out is None else options.out
    if not out.endswith(".toml"):
        raise InputError(f"--out must end in .toml; got {out}")
    if os.path.lexists(out) and not options.force:
        raise InputError(f"{out} is there already: --force replaces it")
    progress("looking into files", 0, None)
    draft = draft_study(options.folder, os.path.dirname(out) or ".")
    count = len(draft.models)
    told = [
        f"{out}: {count} {'model' if count == 1 else 'models'}; look through it, then",
        f"  pyalign study run {out}",
        "",
    ]
    notes = (*(f"not known: {one}" for one in draft.unknown),)
    return Outcome(None, {out: draft.text}, "\n".join([*told, *draft.told]), notes=notes)


COMMAND = Command(StudyInitOptions, run, "pyalign study init embeddings")
