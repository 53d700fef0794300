"""`pyalign describe`: what files and folders seem to be; and a description of the data set that they are."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

from pyalign.analysis.describe.array import Description
from pyalign.analysis.describe.dataset import describe_dataset
from pyalign.analysis.describe.file import FileDescription, FileDescriptions, describe_file
from pyalign.analysis.order import notes_on_order
from pyalign.cli import _concepts, _options
from pyalign.cli._command import OUTPUT, Command, Outcome, given_options, option, refuse_unused
from pyalign.cli._wording import Wording
from pyalign.data import KINDS
from pyalign.data.align import align, asked_items
from pyalign.datasets.described import Parts
from pyalign.datasets.description import FILES, checked_description, description_text, path_in
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
    )  # fmt: skip
    out: str | None = option(
        "describe the files as one data set, in a new .toml file in their folder, which every command"
        " accepts as -t", kind=toml_file,
        metavar="PATH.toml", role="output", group=OUTPUT,
    )  # fmt: skip
    categories: Spec | None = option("categories of the objects", metavar="FILE", role="input", group=SET)
    dimensions: Spec | None = option("embeddings or human dimensions", metavar="D", role="input", group=SET)
    dimension_labels: Spec | None = option(_concepts.LABELS, metavar="FILE", role="input", group=SET)
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
    files = dict.fromkeys((*options.files, *stated.values()))
    column = {} if options.subject_column is None else {"subject_column": options.subject_column}
    stated_layout = options.layout() | column
    described = tuple(
        _images(spec) if spec == options.images else _in_words(describe_file(spec, stated_layout), options)
        for spec in files
    )
    result = described[0] if len(described) == 1 else FileDescriptions(described)
    if options.out is None:
        return Outcome(result)
    draft = describe_dataset(described, stated, stated_layout, options.kind)
    document = _from(os.path.dirname(options.out) or ".", draft.document, options.out)
    order = _check(options.out, document)
    note = f"{options.out} describes {', '.join(document)}"
    return Outcome(result, {options.out: description_text(os.path.basename(options.out), document)},
                   notes=(*draft.notes, *order, note))  # fmt: skip


def _in_words(described: FileDescription, options: DescribeOptions) -> FileDescription:
    """The description with remedies as the command line spells them."""
    say = Wording(options)
    return replace(described, arrays=tuple(replace(x, remarks=tuple(map(say, x.remarks))) for x in described.arrays))


def _images(spec: Spec) -> FileDescription:
    """A folder, a list or an archive of images, which are not opened."""
    from pyalign.extraction.images import as_images

    names = as_images(spec).names
    return FileDescription(spec, (Description("images", (len(names),), "files", names=names[:3]),))


def _from(folder: str, document: Mapping[str, Any], about: str) -> dict[str, Any]:
    """The document with paths from its folder."""

    def moved(value: Any, key: str) -> Any:
        if isinstance(value, Mapping):
            return {name: moved(entry, name) for name, entry in value.items()}
        return path_in(folder, value, about) if key in FILES else value

    return {part: moved(value, "file") for part, value in document.items()}


def _check(path: str, document: Mapping[str, Any]) -> tuple[str, ...]:
    """Reads all parts; raises where they don't fit the description, or each other; what answers say of rows' order."""
    parts, read = Parts(path, checked_description(path, document)), dict[str, Any]()
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
