"""`pyalign triplets sample`: triplets answered by embeddings, by similarities or by dissimilarities."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli import _inputs, _options
from pyalign.cli._command import Command, Outcome, Output, option, refuse_unused
from pyalign.data import Embeddings
from pyalign.datasets.triplets import DISSIMILARITY, PRECOMPUTED, SCHEMES, SampledTriplets, draw_triplets
from pyalign.errors import InputError
from pyalign.io.categories import load_categories
from pyalign.io.transform import read_transform
from pyalign.measures import MEASURES
from pyalign.progress import Progress

MEET, ODD = "which items meet", "which is odd"


@dataclass(frozen=True)
class SampleOptions(_options.Output):
    """The options of `pyalign triplets sample`."""

    embeddings: str | None = option(
        "file of (n, d) embeddings; FILE::KEY picks an array", "--embeddings", metavar="E", role="input",
        positional=True,
    )  # fmt: skip
    similarities: str | None = option(
        "file of (n, n) similarities instead, larger is more alike; FILE::KEY", metavar="S", role="input"
    )
    dissimilarities: str | None = option(
        "file of (n, n) dissimilarities (an RDM) instead, larger is less alike; FILE::KEY", metavar="D", role="input"
    )
    transform: str | None = option("linear map to apply to the embeddings first", metavar="W.npz", role="input")
    measure: str | None = option("similarity of embeddings (default: cosine)", metavar="M", words=MEASURES)
    triplets: int = option("how many triplets to draw", required=True, kind=_options.count, metavar="N")
    scheme: str = option(
        "any three (default), three of one category, or two of one and one of another", default="uniform",
        choices=SCHEMES, group=MEET,
    )  # fmt: skip
    categories: str | None = option(
        "a label per line, or a table of 0 and 1 with a column per category", metavar="FILE", role="input", group=MEET
    )
    temperature: float | None = option(
        "draw the odd one with p = softmax(s / T) (default: the item outside the most similar pair)", kind=float,
        metavar="T", group=ODD,
    )  # fmt: skip
    seed: int = option("seed (default: 0)", default=0, kind=_options.seed, metavar="S", group=ODD)
    out: str = option(
        "write the triplets, odd item last", required=True, kind=_options.npy_file, metavar="T.npy", role="output",
        group=_options.OUTPUT,
    )  # fmt: skip
    probabilities: str | None = option(
        "write p(item is odd), three per triplet; with --temperature", kind=_options.npy_file, metavar="P.npy",
        role="output", group=_options.OUTPUT,
    )  # fmt: skip


def run(options: SampleOptions, progress: Progress) -> Outcome:
    """Reads, draws."""
    if options.probabilities is not None and options.temperature is None:
        raise InputError(f"--probabilities {options.probabilities} needs --temperature T, by which p = softmax(s / T)")
    x, measure = _rows(options)
    progress(f"drawing {options.triplets:,} triplets", 0, None)
    drawn = draw_triplets(
        x, options.triplets, measure=measure, scheme=options.scheme, temperature=options.temperature,
        seed=options.seed, categories=None if options.categories is None else load_categories(options.categories),
        soft=options.probabilities is not None,
    )  # fmt: skip
    files: dict[str, Output] = {options.out: drawn.triplets}
    if options.probabilities is not None and drawn.probabilities is not None:
        files[options.probabilities] = drawn.probabilities
    return Outcome(drawn, files, f"{options.out}: {_told(drawn)}")


def _rows(options: SampleOptions) -> tuple[Embeddings, str]:
    """The embeddings, mapped where that is asked for, or the matrix; and the measure."""
    named = [name for name in ("embeddings", "similarities", "dissimilarities") if getattr(options, name) is not None]
    if len(named) != 1:
        told = " and ".join(f"--{name}" for name in named) or "none"
        raise InputError(f"--embeddings, --similarities or --dissimilarities must be given, one of them; got {told}")
    if options.embeddings is None:
        refuse_unused(options, ("transform", "measure"), "embeddings alone; a matrix has no use for it")
        measure = PRECOMPUTED if options.similarities is not None else DISSIMILARITY
        return _inputs.read_embeddings(getattr(options, named[0])), measure
    x = _inputs.read_embeddings(options.embeddings)
    return x if options.transform is None else read_transform(options.transform).apply(x), options.measure or "cosine"


def _told(drawn: SampledTriplets) -> str:
    again = [(drawn.n_tied, "ties"), (drawn.n_sharing, "with a category in common")]
    return f"{drawn.n_triplets:,} triplets" + "".join(f"; {n:,} drawn again ({why})" for n, why in again if n)


COMMAND = Command(
    SampleOptions, run, "pyalign triplets sample x.npy --triplets 10000 --out t.npy",
    about=("embeddings", "similarities", "dissimilarities"),
)  # fmt: skip
