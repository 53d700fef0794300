"""`pyalign transfer`: embeddings before and after maps, on every set at hand."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

from pyalign.cli import _inputs, _options, _shared_options
from pyalign.cli._command import Command, Outcome, option, refuse_unused
from pyalign.cli._shared_options import read_categories
from pyalign.data import KINDS, Embeddings
from pyalign.errors import InputError
from pyalign.io.paths import DATA_SET, Spec, is_named
from pyalign.map_transfer.transfer_result import LeftOut
from pyalign.measures import MEASURES, get_measure
from pyalign.progress import Progress
from pyalign.typing import MatrixKind, MeasureName


@dataclass(frozen=True)
class TransferOptions(
    _options.Model, _options.JudgedRows, _options.ClosedIntervals, _options.Running, _options.Output,
):
    """The options of `pyalign transfer`."""

    maps: tuple[Spec, ...] = option(
        "linear maps, as written by `pyalign probe`, or glocal:MODEL", "--map", required=True, nargs="+",
        metavar="W.npz", role="input",
    )
    on: tuple[Spec, ...] = option(
        "data sets (dataset:NAME, a .toml made by `pyalign describe --out`), and files of triplets or human "
        "matrices; none: only what needs no people",
        "--on", default=(), nargs="*", metavar="SET", role="input",
    )
    kind: MatrixKind | None = option(
        "whether larger values in files of matrices mean more similar or more dissimilar; known for data sets",
        choices=KINDS,
    )
    item_names: Spec | None = option(
        "name of the item that each number in files of triplets, or each row of matrices, stands for, one per line",
        metavar="FILE", role="input", rare=True,
    )
    categories: Spec | None = option(
        f"{_options.CATEGORIES} (default: those of the first data set that has some)", metavar="FILE", role="input",
    )
    k: int = option(
        "number of neighbours of each object (default: 10)", "-k", default=10, kind=_options.count, metavar="K"
    )
    measure: MeasureName | None = option(
        "similarity measure of all figures (default: for triplets cosine, and after a map its own; pearson for "
        "matrices; cosine for neighbours)", metavar="M", words=MEASURES, group=_options.MODEL,
    )
    seed: int = option(
        "random seed of the half-samples (default: 0)", default=0, kind=_options.seed, metavar="S",
        group=_options.INTERVALS,
    )


def run(options: TransferOptions, progress: Progress) -> Outcome:
    """Reads what there is, compares."""
    from pyalign.io.transform import load_transform
    from pyalign.map_transfer.run import transfer

    if options.measure is not None:
        get_measure(options.measure)
    for flag, specs in (("--map", options.maps), ("--on", options.on)):
        twice = next((spec for spec in specs if specs.count(spec) > 1), None)
        if twice is not None:
            raise InputError(f"{flag} must differ; got {twice} twice")
    if all(map(is_named, options.on)):
        refuse_unused(options, ("item_names", "kind"), "files of triplets or matrices: add --on FILE")
    x = _inputs.read_model(options)
    maps = {str(spec): load_transform(spec) for spec in options.maps}
    on, missing = dict[str, Any](), list[LeftOut]()
    for spec in options.on:
        try:
            on[spec.removeprefix(DATA_SET)] = _set(spec, options)
        except InputError as error:
            if not spec.startswith(DATA_SET):
                raise
            missing.append(LeftOut(spec.removeprefix(DATA_SET), "everything", str(error)))
    found = transfer(
        _ordered(x, on), maps, on, categories=read_categories(options.categories), k=options.k,
        measure=options.measure, ci=_options.plan(options), missing=options.missing, backend=options.backend,
        progress=progress,
    )
    notes = (*found.notes, *(out.note for out in missing))
    return Outcome(replace(found, embeddings=options.embeddings, left_out=(*missing, *found.left_out), notes=notes))


def _set(spec: Spec, options: TransferOptions) -> Any:
    """A data set, or the triplets or the matrices in a file, by what they seem to be."""
    if is_named(spec):
        from pyalign.datasets.dataset import load_dataset

        return load_dataset(spec.path.removeprefix(DATA_SET))
    from pyalign.analysis.describe.file import describe_file

    arrays = [array for array in describe_file(spec.path).arrays if spec.key in (None, array.key)]
    if any(array.kind in ("similarities", "dissimilarities") for array in arrays):
        return _shared_options.read_judgments(spec, options.kind, options.item_names)
    from pyalign.io.triplets import load_triplets

    names = None if options.item_names is None else _inputs.names_of(options.item_names)
    return load_triplets(spec.path, key=spec.key, item_names=names)


def _ordered(x: Embeddings, on: dict[str, Any]) -> Embeddings:
    """Rows without names under those of the objects of a data set with as many."""
    from pyalign.datasets.dataset import DataSet

    if x.names is not None:
        return x
    for one in on.values():
        known = not isinstance(one, DataSet) or "names" in one.parts
        names = (one.names() if isinstance(one, DataSet) else getattr(one, "names", None)) if known else None
        if names is not None and len(names) == len(x):
            note = f"{os.fspath(x.source or 'the embeddings')}: its rows have no names and are taken for the objects"
            return replace(
                x, names=tuple(names), notes=(*x.notes, f"{note} of the first set with as many, in its order")
            )
    return x


COMMAND = Command(
    TransferOptions, run, "pyalign transfer clip.npy --map map.npz --on dataset:things",
    about=("embeddings",),
)
