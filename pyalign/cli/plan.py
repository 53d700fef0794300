"""`pyalign plan ...`: what to ask people before they are asked."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli import _inputs, _options
from pyalign.cli._command import OUTPUT, Command, Outcome, option
from pyalign.datasets.chosen import ChosenTriplets, plan_triplets
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.measures import MEASURES
from pyalign.progress import Progress
from pyalign.typing import MeasureName

# pyalign plan triplets


@dataclass(frozen=True)
class TripletsOptions(_options.RowNames, _options.Document):
    """The options of `pyalign plan triplets`."""

    embeddings: tuple[Spec, ...] = option(
        "two files of (n, d) embeddings of the same objects, or folders written by `pyalign extract`; FILE::KEY "
        "picks an array", "--embeddings", required=True, nargs="+", metavar="EMB", role="input", positional=True,
    )  # fmt: skip
    n_triplets: int = option(
        "number of triplets to choose", "-n", "--count", required=True, kind=_options.count, metavar="N"
    )
    share: float = option(
        "fraction that is chosen because the models differ; the others are random (default: 0.5)", default=0.5,
        kind=float, metavar="P",
    )  # fmt: skip
    measure: tuple[MeasureName, ...] = option(
        "similarity measure of both (default: cosine), or one for each", default=("cosine",), nargs="+", metavar="M",
        words=MEASURES,
    )  # fmt: skip
    margin: float = option(
        "difference of accuracies to detect, for the number of answers that this takes (default: 0.05)",
        default=0.05, kind=float, metavar="FRACTION",
    )  # fmt: skip
    seed: int = option("random seed (default: 0)", default=0, kind=_options.seed, metavar="S")
    out: str = option(
        "write the triplets as a table to collect answers with: three items, probability, weight", required=True,
        kind=_options.csv_file, metavar="DESIGN.csv", role="output", group=OUTPUT,
    )  # fmt: skip
    csv_escape: bool = option(_options.CSV_ESCAPE, default=False, group=OUTPUT, rare=True)


def run_triplets(options: TripletsOptions, progress: Progress) -> Outcome:
    """Reads two models, chooses."""
    if len(options.embeddings) != 2:
        raise InputError(f"--embeddings must be two models; got {len(options.embeddings)}")
    if len(options.measure) > 2:
        raise InputError(f"--measure must be one, or one for each of two models; got {len(options.measure)}")
    a, b = _inputs.read_models(options).values()
    progress(f"choosing {options.n_triplets:,} triplets", 0, None)
    measure = options.measure[0] if len(options.measure) == 1 else (options.measure[0], options.measure[1])
    design = plan_triplets(
        a, b, options.n_triplets, share=options.share, measure=measure, margin=options.margin, seed=options.seed
    )
    return Outcome(design, {options.out: design.design(options.csv_escape)}, _summary(design, options.out))


def _summary(design: ChosenTriplets, path: str) -> str:
    """What was chosen, and what it saves."""
    of_each = f"{design.fewest:,} to {design.most:,} of each"
    differ = f"{design.n_differ / design.n_triplets:.1%} of them, and on {design.differ_share:.1%} of random triplets"
    random = f"is detected (80 % power at .05) with {design.n_random:,} answers\nto random triplets"
    return (
        f"{path}: {design.n_triplets:,} triplets of {design.n_objects:,} objects, {of_each}\n"
        f"the models differ on {differ}\na difference of {design.margin:g} {random}, "
        f"and with {design.n_needed:,} to triplets chosen so: {design.times_fewer:.2f} times fewer"
    )


TRIPLETS = Command(
    TripletsOptions, run_triplets, "pyalign plan triplets clip.npy vgg.npy -n 5000 --out design.csv",
    about=("embeddings",),
)  # fmt: skip
