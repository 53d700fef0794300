"""Where results go: checked before the work, written when all of it is done.

`--out DIR` of a result that has pictures: its document, its tables and its pictures, all of them or none.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyalign._dataclass import dataclass, replace
from pyalign.cli import _options
from pyalign.cli._command import OUTPUT, Outcome, Output, given_options, option, paths, refuse_unused
from pyalign.cli._inputs import files_of
from pyalign.cli._options import Document, Quiet
from pyalign.errors import InputError, MissingExtraError
from pyalign.io.paths import Spec
from pyalign.io.write import STREAMS, Files
from pyalign.journal import Journal, sibling_path

NONE = "none"
FORMATS = ("html", "svg", "png", "pdf")
MOST_NOTES = 2  # that are alike


@dataclass(frozen=True)
class Folder:
    """A folder for everything that a command finds, with pictures that need no images."""

    out: str | None = option("folder for the JSON document, its tables and its figures", role="folder", group=OUTPUT)
    figures: tuple[str, ...] | None = option(
        'formats of the figures in --out: html, svg, png, pdf, or none (default: html and svg, if the extra "report" '
        "is installed)", nargs="+", choices=(*FORMATS, NONE), metavar="FORMAT", group=OUTPUT,
    )


@dataclass(frozen=True)
class FolderWithImages(Folder):
    """A folder for everything that a command finds, with images of the objects in the pictures."""

    images: Spec | None = option(
        "images of the objects for the figures in --out, in files named after the objects: a folder, or any source "
        "that `pyalign extract` accepts", group=OUTPUT,
    )


def images_of(options: Folder) -> str | None:
    """The images of the objects that pictures are to show, where the command takes some."""
    return options.images if isinstance(options, FolderWithImages) else None


def check_folder(
    options: Any, tables: Iterable[str], pictures: Iterable[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong with --out, before the work. Gives the formats of pictures, and a note where none can be drawn.

    tables: names of the files that may be written; pictures: the same without suffix.
    """
    if options.out is None:
        named = ("images",) if options.figures == (NONE,) else ("figures", "images")  # --figures none is as it is
        refuse_unused(options, named, "the folder of results: add --out")
        return (), ()
    require_new_folder(options.out)
    formats, notes = _formats(options)
    names = [*tables, *(f"{name}.{suffix}" for name in pictures for suffix in formats)]
    if os.path.isdir(options.out):
        inputs = [path for of_flag in paths(options, "input").values() for path in of_flag]
        outputs = [(flag, path) for flag, of_flag in paths(options, "output").items() for path in of_flag]
        folder = images_of(options)
        images = [os.path.join(folder, name) for name in names] if folder else []
        inputs += [path for path in images if os.path.isfile(path)]
        require_other_files(inputs, [*outputs, *(("--out", os.path.join(options.out, name)) for name in names)])
    return formats, notes


def _formats(options: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    requested = options.figures
    if requested == (NONE,):
        refuse_unused(options, ("images",), "figures, and --figures none omits them")
        return (), ()
    if requested is not None and NONE in requested:
        raise InputError(f"--figures none can't be combined with other formats; got {' '.join(requested)}")
    from pyalign.report.charts.save import require_drawing
    from pyalign.report.plot import FORMATS as usual

    try:
        require_drawing()
    except MissingExtraError as error:
        if requested is not None or images_of(options) is not None:
            raise
        return (), (f"no pictures in {options.out}: {error}",)
    folder = images_of(options)
    if folder is not None:
        from pyalign.extraction.decode import pillow_image
        from pyalign.extraction.images import as_images

        pillow_image()
        as_images(folder)
    return tuple(dict.fromkeys(requested or usual)), ()


def folder_files(
    result: Any, options: Any, tables: Mapping[str, str], formats: tuple[str, ...], *, drawn: Any = None,
    **of_pictures: Any,
) -> tuple[dict[str, Output], tuple[str, ...]]:
    """What --out holds, by path, the document last; and notes about the pictures, or why none could be drawn.

    tables: texts by name of the file; drawn: the result that pictures are of, where it is another; of_pictures:
    arguments of `figures`.
    """
    from pyalign.report.charts.theme import notes_of
    from pyalign.report.plot import as_files, figures

    charts = figures(result if drawn is None else drawn, images=images_of(options), **of_pictures) if formats else {}
    pictures, undrawn = as_files(charts, formats)
    whole = result
    if result.provenance is not None:
        recorded = {**result.provenance.options, "command_line": given_options(options)}
        whole = replace(result, provenance=replace(result.provenance, options=recorded))
    contents: dict[str, Output] = {**tables, **pictures}
    contents[f"{result.command}.json"] = lambda digests: replace(whole, outputs=digests).to_json() + "\n"
    notes = dict.fromkeys(note for chart in charts.values() for note in notes_of(chart))
    files = {os.path.join(options.out, name): content for name, content in contents.items()}
    return files, (*notes, *((f"{options.out}: {undrawn}",) if undrawn else ()))


def described(options: Document, facts: Any, text: str) -> Outcome:
    """What a command says that has no result: as text, or as JSON where --json asks for it."""
    if options.json is None:
        return Outcome(text=text)
    document = json.dumps(facts, indent=2)
    if options.json == "-":
        return Outcome(text=document)
    return Outcome(files={options.json: document + "\n"}, text=text)


def check_outputs(options: Any) -> None:
    """Raises when an output would replace an input or another output, is not what its name says, or has no place."""
    inputs = [path for of_flag in paths(options, "input").values() for path in of_flag]
    outputs = [(flag, path) for flag, of_flag in paths(options, "output").items() for path in of_flag]
    for flag, suffix in (("--json", ".json"), ("--csv", ".csv"), ("--latex", ".tex")):
        for name, path in outputs:
            if name == flag:
                _check_document(flag, path, suffix)
    if isinstance(options, _options.Output):
        outputs += [("--csv", path) for path in tables_beside(options).values()]
    require_other_files(inputs, outputs)


def tables_beside(options: _options.Output) -> dict[str, str]:
    """Further tables that --csv writes, and their files next to the first: FILE.csv and FILE-pairs.csv."""
    csv = options.csv or ""
    named = csv.endswith(".csv") and not csv.startswith(STREAMS)
    return {name: f"{csv[:-4]}-{name}.csv" for name in options.beside if named}


def _check_document(flag: str, path: str, suffix: str) -> None:
    """A document's name says what it is, so that an input that stands behind the flag is not taken for one."""
    if path.startswith(STREAMS) or (os.path.exists(path) and not os.path.isfile(path)):
        return
    if not path.endswith(suffix):
        raise InputError(
            f"{flag} PATH must end in {suffix}; got {path} (an input stands before {flag}, or after another)"
        )
    if suffix == ".json" and os.path.isfile(path) and not _is_json(path):
        raise InputError(f"{flag} {path} is there and holds no JSON document: it is not replaced")


def _is_json(path: str) -> bool:
    try:
        with open(path, encoding="utf-8") as handle:
            json.load(handle)
    except (ValueError, RecursionError):
        return os.path.getsize(path) == 0
    except OSError:
        return True  # said when it is written
    return True


def require_other_files(inputs: Iterable[str], outputs: Iterable[tuple[str, str]]) -> None:
    """Raises when an output would replace an input or another output, or has no place: before the work, not after."""
    taken: dict[str, str] = {}
    for spec in inputs:
        for path, prefix in files_of(spec).items():
            taken[os.path.realpath(path)] = spec if prefix == f"{path}:" else f"{os.path.basename(path)} of {spec}"
    outputs = list(outputs)
    for flag, path in outputs:
        place = os.path.realpath(path)
        if place in taken:
            raise InputError(f"{flag} {path} is the same file as {taken[place]}")
        taken[place] = f"{flag} {path}"
    for _, path in outputs:
        require_place(path)


def require_place(path: str) -> None:
    """Raises an OSError that names `path` unless a file can be written there, as far as can be seen beforehand."""
    if os.path.isdir(path):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if path.startswith(STREAMS) or (os.path.exists(path) and not os.path.isfile(path)):
        return  # a pipe, a device or what is open already is written into
    require_new_folder(os.path.dirname(os.path.realpath(path)), path)


def require_new_folder(path: str, output: str | None = None) -> None:
    """Raises an OSError unless `path` is a folder to write to, or one can be made there.

    output: what the error names, where it is not the folder itself.
    """
    place, number = os.path.realpath(path), 0
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        number = errno.ENOTDIR
    elif not os.access(place, os.W_OK | os.X_OK):
        number = errno.EACCES
    if number:
        raise OSError(number, os.strerror(number), path if output is None else output)


def write_outcome(outcome: Outcome, options: Any, check: Callable[[], None], in_words: Callable[[str], str]) -> None:
    """Files whole or not at all; then the table, or the document; notes on stderr unless --quiet.

    check: raises where the files should not appear after all; called when all of them are whole.
    in_words: a note in the words of the command line.
    """
    result, json_path = outcome.result, options.json if isinstance(options, Document) else None
    with Files() as pending:
        digests = _add(pending, outcome, options)
        document = ""
        if result is not None and json_path is not None:
            document = (replace(result, outputs=digests) if digests else result).to_json()
        if json_path is not None and document and json_path != "-":
            pending.add(json_path, document + "\n")  # last: where it is new, so are the others
        check()
        pending.commit()
    if document and json_path == "-":
        print(document)
    elif outcome.text is not None or result is not None:
        print(outcome.text if outcome.text is not None else _table(outcome, options))
    notes = (*outcome.notes, *(result.notes if result is not None else ()))
    if notes and not (isinstance(options, Quiet) and options.quiet):
        from pyalign.report.words import one_line

        sys.stdout.flush()
        for note in _few_of_each(notes) if isinstance(options, Document) else notes:
            print(f"note: {one_line(in_words(note))}", file=sys.stderr)


def _few_of_each(notes: Iterable[str]) -> Iterator[str]:
    """Of notes that are alike but for the model and for numbers, the first few and how many more there are."""
    alike: dict[str, list[str]] = {}
    for note in notes:
        alike.setdefault(re.sub(r"\d[\d.,]*", "0", note.partition(": ")[2]) or note, []).append(note)
    for same in alike.values():
        yield from same[:MOST_NOTES]
        if len(same) > MOST_NOTES:
            yield f"and {len(same) - MOST_NOTES} more like these; --json has all"


def _add(pending: Files, outcome: Outcome, options: Any) -> dict[str, str]:
    """All but the document; gives the SHA-256 of each, by path, where there is one to record them."""
    document = isinstance(options, Document) and options.json is not None
    wanted = document or any(map(callable, outcome.files.values()))
    files = dict(outcome.files)
    if isinstance(options, _options.Output) and outcome.result is not None:
        if options.csv:
            files[options.csv] = outcome.result.to_csv()
        for rows, path in tables_beside(options).items():
            files[path] = outcome.result.to_csv(rows=rows)
        if options.latex:
            files[options.latex] = outcome.result.to_latex()
    digests: dict[str, str] = {}
    for path, content in files.items():
        whole = content(_seen_from(os.path.dirname(path), digests)) if callable(content) else content
        digest = pending.add(path, whole, hashed=wanted)
        if digest is not None:
            digests[path] = digest
    return digests


def _table(outcome: Outcome, options: Any) -> str:
    from pyalign.report.words import terminal_width

    assert outcome.result is not None
    verbose = isinstance(options, _options.Output) and options.verbose
    return outcome.result.table(None if verbose else terminal_width(), verbose)


def _seen_from(folder: str, digests: dict[str, str]) -> dict[str, str]:
    """Digests by paths from the folder of a document, so that both can be moved together.

    Example:
        >>> _seen_from("out", {"out/a.csv": "51", "b.npy": "e0"})
        {'a.csv': '51', '../b.npy': 'e0'}
    """
    return {os.path.relpath(path, folder or "."): digest for path, digest in digests.items()}


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
    require_other_files(taken, [*outputs, *kept])


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
