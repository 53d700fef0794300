"""`pyalign describe`: what files and folders seem to be; and a description of the data set that they are."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

from pyalign.analysis.describe.array import Description
from pyalign.analysis.describe.dataset import describe
from pyalign.analysis.describe.file import FileDescription, FileDescriptions
from pyalign.analysis.notes import notes_on_order
from pyalign.cli import _options, _shared_options
from pyalign.cli._command import OUTPUT, Command, Outcome, given_options, option, refuse_unused
from pyalign.cli._wording import Wording
from pyalign.data import KINDS
from pyalign.data.align import align, asked_items
from pyalign.datasets.described import Parts, described_at
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.progress import Progress
from pyalign.typing import MatrixKind

SET = "data set (for --out), if a file was recognized wrongly"
ROLES = ("triplets", "item_names", "subjects", "answers", "categories", "dimensions", "dimension_labels", "images")


def toml_file(text: str) -> str:
    """A file to write as .toml, under a name that says so."""
    if not text.endswith(".toml") and not text.startswith("/dev/"):
        raise argparse.ArgumentTypeError(f"expected a name that ends in .toml; got {text!r}")
    return text


@dataclass(frozen=True)
class DescribeOptions(_options.SomeTriplets, _options.People, _options.ManyAnswers, _options.Output):
    """The options of `pyalign describe`."""

    files: tuple[Spec, ...] = option(
        "files of embeddings, triplets, answers or names, a linear map, images in a folder or a .tar,"
        " folders written by `pyalign extract`; FILE::KEY picks an array", required=True, nargs="+", metavar="FILE",
        role="input", positional=True,
    )
    out: str | None = option(
        "describe the files as one data set, in a new .toml file in their folder, which every command"
        " accepts as -t", kind=toml_file,
        metavar="PATH.toml", role="output", group=OUTPUT,
    )
    categories: Spec | None = option("categories of the objects", metavar="FILE", role="input", group=SET)
    dimensions: Spec | None = option("embeddings or human dimensions", metavar="D", role="input", group=SET)
    dimension_labels: Spec | None = option(_shared_options.LABELS, metavar="FILE", role="input", group=SET)
    images: Spec | None = option("images of the objects", metavar="DIR", role="input", group=SET)
    kind: MatrixKind | None = option(
        "whether larger values of a matrix mean more similar or more dissimilar", choices=KINDS, group=SET
    )


def run(options: DescribeOptions, progress: Progress) -> Outcome:
    """Reads, describes; and writes what the files are to one data set."""
    stated = {role: spec for role in ROLES if (spec := getattr(options, role)) is not None}
    if options.out is None:
        own = {field.name for field in fields(_options.Output)} | {"files", "where", "empty"}
        refuse_unused(options, set(given_options(options)) - own, "the description of a data set: add --out PATH.toml")
    elif os.path.lexists(options.out) and not options.out.startswith("/dev/"):
        raise InputError(f"--out {options.out} is there already and is not replaced: remove it, or write to another")
    layout = options.layout()
    layout |= {} if options.subject_column is None else {"subject_column": options.subject_column}
    files = dict.fromkeys((*options.files, *stated.values()))
    given = (_images(spec) if spec == options.images else spec for spec in files)
    described = describe(*given, kind=options.kind, **stated, **layout)
    shown = tuple(_in_words(file, options) for file in described.files)
    result = shown[0] if len(shown) == 1 else FileDescriptions(shown)
    if options.out is None:
        return Outcome(result)
    document, notes = described.draft()
    text, parts = described_at(options.out, document)
    note = f"{options.out} describes {', '.join(document)}"
    return Outcome(result, {options.out: text}, notes=(*notes, *_check(parts), note))


def _in_words(described: FileDescription, options: DescribeOptions) -> FileDescription:
    """The description with remedies as the command line spells them."""
    say = Wording(options)
    return replace(described, arrays=tuple(replace(x, remarks=tuple(map(say, x.remarks))) for x in described.arrays))


def _images(spec: Spec) -> FileDescription:
    """A folder, a list or an archive of images, which are not opened."""
    from pyalign.extraction.images import as_images

    names = as_images(spec).names
    return FileDescription(spec, (Description("images", (len(names),), "files", names=names[:3]),))


def _check(parts: Parts) -> tuple[str, ...]:
    """Reads all parts; raises where they don't fit the description, or each other; what answers say of rows' order."""
    read = dict[str, Any]()
    for part, keys in parts.keys().items():
        for key in keys or (None,):
            read[part] = parts.read(part, key, {})
            if part == "triplets":
                asked_items(read[part])
    x, triplets = read.get("embeddings"), read.get("triplets")
    if x is not None and triplets is not None:
        with suppress(InputError):  # of items without a row, which commands tell of
            return notes_on_order(align(x, triplets), x.source, confirm=True)
    return ()


COMMAND = Command(DescribeOptions, run, "pyalign describe answers.npy names.txt --out mine.toml", about=("files",))
