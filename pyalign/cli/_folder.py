"""`--out DIR` of a result that has pictures: its document, its tables and its pictures, all of them or none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyalign.cli._command import OUTPUT, Output, given_options, option, paths, refuse_unused
from pyalign.cli._outputs import require_apart, require_new_folder
from pyalign.errors import InputError, MissingExtraError
from pyalign.io.paths import Spec

NONE = "none"
FORMATS = ("html", "svg", "png", "pdf")


@dataclass(frozen=True)
class Folder:
    """A folder for everything that a command finds, with pictures that need no images."""

    out: str | None = option(
        "folder for the JSON document, its tables and its figures", metavar="DIR", role="folder",
        group=OUTPUT,
    )
    figures: tuple[str, ...] | None = option(
        "formats of the figures in --out: html, svg, png, pdf, or none (default: html and svg, if the"
        ' extra "report" is installed)',
        nargs="+", choices=(*FORMATS, NONE), metavar="FORMAT", group=OUTPUT,
    )


@dataclass(frozen=True)
class FolderWithImages(Folder):
    """A folder for everything that a command finds, with images of the objects in the pictures."""

    images: Spec | None = option(
        "images of the objects for the figures in --out, in files named after the objects: a folder, "
        "or any source that `pyalign extract` accepts",
        metavar="DIR", role="input", group=OUTPUT,
    )


def images_of(options: Folder) -> str | None:
    """The images of the objects that pictures are to show, where the command takes some."""
    return options.images if isinstance(options, FolderWithImages) else None


def check_folder(
    options: Any, tables: Iterable[str], pictures: Iterable[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong with --out, before the work. Gives the formats of pictures, and a note where none can be drawn.

    tables: names of the files that may be written; pictures: the same without suffix.

    Raises:
        InputError, OSError: an input or another output would be replaced; no place; no images.
        MissingExtraError: pictures are asked for, and what draws them is not installed.
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
        require_apart(inputs, [*outputs, *(("--out", os.path.join(options.out, name)) for name in names)])
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
