"""`pyalign describe`: what files and folders seem to be; and a description of the data set that they are.

`pyalign datasets ...`: what is known of published data sets, where they are, and how they come here.
`pyalign sample`: the built-in sample as files.
"""

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
from pyalign.datasets import DATASETS
from pyalign.datasets.dataset import forget_dataset, load_dataset, remember_dataset
from pyalign.datasets.described import Parts, described_at
from pyalign.datasets.listing import dataset_info, list_datasets
from pyalign.datasets.sample import write_sample
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


def run_describe(options: DescribeOptions, progress: Progress) -> Outcome:
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


DESCRIBE = Command(
    DescribeOptions, run_describe, "pyalign describe answers.npy names.txt --out mine.toml", about=("files",)
)


# pyalign datasets list


@dataclass(frozen=True)
class ListOptions(_options.Output):
    """The options of `pyalign datasets list`."""


def run_list(options: ListOptions, progress: Progress) -> Outcome:
    """Lists."""
    return Outcome(list_datasets())


LIST = Command(ListOptions, run_list, "pyalign datasets list")


# pyalign datasets info


@dataclass(frozen=True)
class InfoOptions(_options.Output):
    """The options of `pyalign datasets info`."""

    name: str = option("name of a data set (see `pyalign datasets list`), or a folder with a dataset.toml, such as "
    "./mine", required=True,
                       metavar="NAME", words=DATASETS, positional=True)


def run_info(options: InfoOptions, progress: Progress) -> Outcome:
    """Tells."""
    return Outcome(dataset_info(options.name))


INFO = Command(InfoOptions, run_info, "pyalign datasets info things")


# pyalign datasets fetch


@dataclass(frozen=True)
class FetchOptions(_options.Output):
    """The options of `pyalign datasets fetch`."""

    name: str = option(
        "name of a data set (see `pyalign datasets list`)",
        required=True,
        metavar="NAME",
        words=DATASETS,
        positional=True,
    )
    folder: str | None = option(
        "folder to download to, which is remembered (default: PYALIGN_DATA, otherwise the user's cache)", metavar="DIR"
    )


def run_fetch(options: FetchOptions, progress: Progress) -> Outcome:
    """Fetches what is not here yet."""
    from pyalign.datasets.fetch import fetch_dataset

    return Outcome(fetch_dataset(options.name, options.folder, progress=progress))


FETCH = Command(FetchOptions, run_fetch, "pyalign datasets fetch things")


# pyalign datasets path


@dataclass(frozen=True)
class PathOptions:
    """The options of `pyalign datasets path`."""

    name: str = option("name of a data set (see `pyalign datasets list`); with --folder, also a new name for a folder "
    "with a dataset.toml",
                       required=True, metavar="NAME", words=DATASETS, positional=True)
    folder: str | None = option(
        "folder where the data set is already stored; it is checked for the required files, and remembered; none: the "
        "folder is forgotten",
        metavar="DIR",
    )


def run_path(options: PathOptions, progress: Progress) -> Outcome:
    """Says where; remembers where; or forgets it, and says so."""
    if options.folder == "none":
        folder = forget_dataset(options.name)
        gone = (
            f"nothing is remembered of {options.name}" if folder is None else f"forgotten: {options.name} in {folder}"
        )
        return Outcome(text=gone)
    if options.folder is not None:
        return Outcome(text=str(remember_dataset(options.name, options.folder).folder))
    return Outcome(text=str(load_dataset(options.name).folder))


PATH = Command(PathOptions, run_path, "pyalign datasets path things --folder data/things")


@dataclass(frozen=True)
class SampleOptions:
    """The options of `pyalign sample`."""

    folder: str = option(
        "folder to write to; created if it does not exist", required=True, metavar="DIR", positional=True
    )


def run_sample(options: SampleOptions, progress: Progress) -> Outcome:
    """Writes the sample and says where."""
    return Outcome(text="\n".join(map(str, write_sample(options.folder))))


SAMPLE = Command(SampleOptions, run_sample, "pyalign sample demo")
