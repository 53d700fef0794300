"""`pyalign triplets ...`: triplets that embeddings answer, simulated ones, and the answers of an experiment, joined."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pyalign.cli import _inputs, _options, _shared_options
from pyalign.cli._command import OUTPUT, Command, Outcome, Output, option, refuse_unused
from pyalign.cli._outputs import require_apart, require_new_folder
from pyalign.data import Embeddings
from pyalign.data.judgments import KINDS
from pyalign.datasets.experiment_lists import collect_answers
from pyalign.datasets.simulate import Simulation, random_embeddings, simulate
from pyalign.datasets.triplets import DISSIMILARITY, PRECOMPUTED, SCHEMES, SampledTriplets, draw_triplets
from pyalign.errors import InputError
from pyalign.io.names import load_categories
from pyalign.io.paths import Spec
from pyalign.io.transform import load_transform
from pyalign.measures import MEASURES, get_measure
from pyalign.progress import Progress
from pyalign.typing import MatrixKind, MeasureName

MEET, ODD = "which items form a triplet", "which item is odd"
FEATURES = 768  # of random embeddings
WRITTEN = ("embeddings.npy", "triplets.npy", "expected.json")  # by a simulation

# pyalign triplets draw


@dataclass(frozen=True)
class DrawOptions(_options.Output):
    """The options of `pyalign triplets draw`."""

    embeddings: Spec | None = option(
        "file of (n, d) embeddings; FILE::KEY picks an array", "--embeddings", metavar="EMB", role="input",
        positional=True,
    )
    matrix: Spec | None = option(
        "file of (n, n) similarities or dissimilarities instead of embeddings; FILE::KEY picks an array",
        metavar="FILE",
        role="input",
    )
    kind: MatrixKind | None = option(
        "whether larger values in --matrix mean more similar or more dissimilar (default: what the diagonal shows)",
        choices=KINDS,
    )
    transform: Spec | None = option("linear map to apply to the embeddings first", metavar="W.npz", role="input")
    measure: MeasureName | None = option(
        "similarity measure of the embeddings (default: cosine)", metavar="M", words=MEASURES
    )
    n_triplets: int = option("number of triplets to sample", required=True, kind=_options.count, metavar="N")
    scheme: str = option(
        "which items form a triplet: any three (default), three of one category, or two of one "
        "category and one of another", default="uniform",
        choices=SCHEMES, group=MEET,
    )
    categories: Spec | None = option(
        "a label per line, or a table of 0s and 1s with a column for each category",
        metavar="FILE",
        role="input",
        group=MEET,
    )
    temperature: float | None = option(
        "sample the odd one out with p = softmax(s / T) (default: the item outside the most similar pair)", kind=float,
        metavar="T", group=ODD,
    )
    seed: int = option("random seed (default: 0)", default=0, kind=_options.seed, metavar="S", group=ODD)
    out: str = option(
        "write the triplets, with the odd item last", required=True, kind=_options.npy_file, metavar="T.npy",
        role="output",
        group=OUTPUT,
    )
    probabilities: str | None = option(
        "write the probability that each item is the odd one out, three per triplet; requires --temperature",
        kind=_options.npy_file, metavar="P.npy",
        role="output", group=OUTPUT,
    )


def run_draw(options: DrawOptions, progress: Progress) -> Outcome:
    """Reads, draws."""
    if options.probabilities is not None and options.temperature is None:
        raise InputError(f"--probabilities {options.probabilities} needs --temperature T, by which p = softmax(s / T)")
    x, measure = _rows(options)
    progress(f"drawing {options.n_triplets:,} triplets", 0, None)
    drawn = draw_triplets(
        x, options.n_triplets, measure=measure, scheme=options.scheme, temperature=options.temperature,
        seed=options.seed, categories=None if options.categories is None else load_categories(options.categories),
        soft=options.probabilities is not None,
    )
    files: dict[str, Output] = {options.out: drawn.triplets}
    if options.probabilities is not None and drawn.probabilities is not None:
        files[options.probabilities] = drawn.probabilities
    return Outcome(drawn, files, f"{options.out}: {_drawn_again(drawn)}")


def _rows(options: DrawOptions) -> tuple[Embeddings, str]:
    """The embeddings, mapped where that is asked for, or the matrix; and the measure."""
    if (options.embeddings is None) == (options.matrix is None):
        raise InputError(
            f"embeddings or --matrix must be given, one of them; got {'none' if options.matrix is None else 'both'}"
        )
    if options.matrix is not None:
        refuse_unused(options, ("transform", "measure"), "embeddings, not to --matrix")
        x = _inputs.read_embeddings(options.matrix)
        kind: str | None = options.kind
        if kind is None:
            judged = _shared_options.read_judgments(options.matrix, None, None)
            x, kind = replace(x, notes=(*x.notes, *judged.notes)), judged.kind
        return x, PRECOMPUTED if kind == KINDS[1] else DISSIMILARITY
    refuse_unused(options, ("kind",), "a matrix: add --matrix")
    assert options.embeddings is not None
    x = _inputs.read_embeddings(options.embeddings)
    return x if options.transform is None else load_transform(options.transform).apply(x), options.measure or "cosine"


def _drawn_again(drawn: SampledTriplets) -> str:
    again = [(drawn.n_tied, "ties"), (drawn.n_sharing, "with a category in common")]
    return f"{drawn.n_triplets:,} triplets" + "".join(f"; {n:,} drawn again ({why})" for n, why in again if n)


DRAW = Command(
    DrawOptions, run_draw, "pyalign triplets draw x.npy --count 10000 --out t.npy", about=("embeddings", "matrix"),
)


# pyalign triplets simulate


@dataclass(frozen=True)
class SimulateOptions:
    """The options of `pyalign triplets simulate`."""

    folder: str = option(
        "folder to write embeddings.npy, triplets.npy and expected.json to", required=True, metavar="DIR",
        positional=True,
    )
    embeddings: Spec | None = option(
        "embeddings to simulate participants with (default: random ones)", metavar="E", role="input"
    )
    n_objects: int = option(
        f"number of objects with random embeddings of {FEATURES} features (default: 1854)", default=1854,
        kind=_options.count, metavar="N",
    )
    n_triplets: int = option(
        "number of triplets (default: 4,700,000)", default=4_700_000, kind=_options.count, metavar="N"
    )
    measure: MeasureName = option("similarity measure (default: cosine)", default="cosine", metavar="M", words=MEASURES)
    temperature: float = option(
        "temperature T in p = softmax(s / T) (default: 0.1)", default=0.1, kind=float, metavar="T"
    )
    seed: int = option("random seed (default: 0)", default=0, kind=_options.seed, metavar="S")


def run_simulate(options: SimulateOptions, progress: Progress) -> Outcome:
    """Draws, and says what to expect."""
    get_measure(options.measure)
    require_new_folder(options.folder)
    folder = Path(options.folder)
    if options.embeddings is not None:
        written = [("the output", str(folder / name)) for name in WRITTEN if folder.is_dir()]
        require_apart([options.embeddings], written)
        x = np.asarray(_inputs.read_embeddings(options.embeddings).values)
    else:
        x = random_embeddings(options.n_objects, FEATURES, options.seed)
    drawn = simulate(x, options.n_triplets, measure=options.measure, temperature=options.temperature, seed=options.seed)

    def expected(outputs: Mapping[str, str]) -> str:
        names = {os.path.basename(path): digest for path, digest in outputs.items()}
        return replace(drawn, provenance=None, outputs=names).to_json() + "\n"  # the same bytes every time

    files: dict[str, Output] = {
        str(folder / WRITTEN[0]): x,
        str(folder / WRITTEN[1]): drawn.triplets,
        str(folder / WRITTEN[2]): expected,
    }
    return Outcome(drawn, files, f"{folder}: {len(x):,} x {x.shape[1]:,} embeddings, {_description(drawn)}")


def _description(drawn: Simulation) -> str:
    accuracy = f"accuracy {100 * drawn.expected_accuracy:.2f}% +- {100 * drawn.standard_error:.2f}%"
    return (
        f"{drawn.n_triplets:,} triplets\nexpected with measure {drawn.measure} at T = {drawn.temperature:g}: "
        f"{accuracy} (over other answers to these triplets), cross-entropy {drawn.expected_cross_entropy:.5f} nats"
    )


SIMULATE = Command(SimulateOptions, run_simulate, "pyalign triplets simulate big --n-objects 1854 --count 4700000")


# pyalign triplets collect


@dataclass(frozen=True)
class CollectOptions(_options.Quiet):
    """The options of `pyalign triplets collect`."""

    files: tuple[Spec, ...] = option(
        "answers of participants", required=True, nargs="+", metavar="FILE", role="input", positional=True
    )
    lists: Spec = option(
        "lists that were answered, as written by `pyalign plan triplets`", required=True, metavar="L", role="input"
    )
    out: str = option(
        "write all answers as one table", required=True, kind=_options.csv_file, metavar="T.csv", role="output"
    )


def run_collect(options: CollectOptions, progress: Progress) -> Outcome:
    """Reads, checks, joins."""
    table, (sentence, *notes) = collect_answers(options.lists, options.files)
    return Outcome(None, {options.out: table}, f"{options.out}: {sentence}", notes=tuple(notes))


EXAMPLE = "pyalign triplets collect answers-*.csv --lists lists.csv --out answers.csv"
COLLECT = Command(CollectOptions, run_collect, EXAMPLE, about=("lists", "files"))
