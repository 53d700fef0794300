"""`pyalign extract`: embeddings of images or texts by the layers of a model, in a folder."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Literal

from pyalign.cli import _options
from pyalign.cli._command import OUTPUT, RUNNING, Command, Outcome, option
from pyalign.errors import InputError
from pyalign.extraction.encoder import PENULTIMATE, POOLINGS, PRECISIONS
from pyalign.io.paths import Spec
from pyalign.progress import Progress
from pyalign.typing import Policy

ITEMS, MODEL = "items", "model"


def shard(text: str) -> tuple[int, int]:
    """Part I of K."""
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts) <= 1 << 20):
        raise argparse.ArgumentTypeError(f"expected I/K, part I of K from 1; got {text!r}")
    return int(part), int(parts)


def pair(text: str) -> tuple[str, str]:
    """KEY=VALUE."""
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE; got {text!r}")
    return key, value


@dataclass(frozen=True)
class ExtractOptions(_options.Quiet):
    """The options of `pyalign extract`."""

    model: str | None = option(
        "SOURCE:NAME, see `pyalign models list` (default: efficientnet-lite:0, whose weights need no network)",
        metavar="SOURCE:NAME", group=MODEL,
    )  # fmt: skip
    checkpoint: Spec | None = option("file or folder with the model's weights", metavar="FILE", role="input",
                                    group=MODEL)  # fmt: skip
    layer: tuple[str, ...] = option(
        "penultimate (default: before the classifier), logits, or names of modules, see `pyalign models layers`",
        default=(PENULTIMATE,), nargs="+", metavar="NAME", group=MODEL,
    )  # fmt: skip
    pool: str = option(
        "how tokens or maps of named modules become a row (default: auto, the class token or else the mean)",
        default="auto", choices=POOLINGS, group=MODEL,
    )  # fmt: skip
    transform: Spec | None = option(
        "linear map for the rows of the one layer, such as one of gLocal", metavar="W.npz", role="input", group=MODEL
    )
    images: Spec | None = option(
        "folder (with those in it), list of paths (.txt, .csv), .tar, FILE.h5::KEY or FILE.parquet::COLUMN",
        metavar="DIR|LIST", role="input", group=ITEMS,
    )  # fmt: skip
    text: Spec | None = option("file of names or sentences, one a line, for models of language", metavar="FILE",
                              role="input", group=ITEMS)  # fmt: skip
    prompt: str | None = option("in which each text stands, at {}, such as \"a photo of a {}\"", metavar="TEXT",
                                group=ITEMS)  # fmt: skip
    unreadable: Policy = option(
        "an image or a text that can't be read: an error (default), or left out and listed",
        default="raise", choices=("raise", "omit"), group=ITEMS,
    )  # fmt: skip
    decoder: Literal["pil", "torchvision"] = option("what decodes images (default: pil)", default="pil", choices=("pil",
    "torchvision"),
                          group=ITEMS)  # fmt: skip
    background: str = option("behind transparent images (default: white)", default="white", metavar="COLOUR",
                             group=ITEMS)  # fmt: skip
    out: str = option("folder to write to, made where it is not there", required=True, metavar="DIR", role="folder",
                      group=OUTPUT)  # fmt: skip
    merge: tuple[str, ...] | None = option("put the folders of all parts of a --shard run together", nargs="+",
                                           metavar="DIR", group=OUTPUT)  # fmt: skip
    mixed: bool = option("let --merge take parts of other processors or numbers of threads, with a note", default=False,
                         group=OUTPUT)  # fmt: skip
    meta: tuple[tuple[str, str], ...] = option("what else the manifest should say", default=(), nargs="+", kind=pair,
                                               metavar="KEY=VALUE", group=OUTPUT)  # fmt: skip
    batch_size: int = option("items in a pass (default: 32)", default=32, kind=_options.count, metavar="B",
                             group=RUNNING)  # fmt: skip
    device: str = option("cpu, cuda, cuda:1, mps (default: a CUDA device where there is one)", default="auto",
                         metavar="D", group=RUNNING)  # fmt: skip
    precision: Literal["fp32", "bf16"] = option(
        "of products (default: fp32); bf16 is faster where the processor has "
        "it"
    , default="fp32",
                            choices=PRECISIONS, group=RUNNING)  # fmt: skip
    compile: bool = option(default=False, group=RUNNING)
    workers: int | None = option("threads that read and prepare (default: one a processor)", kind=_options.count,
                                 metavar="K", group=RUNNING)  # fmt: skip
    shard: tuple[int, int] | None = option("part I of K alone, from 1; --merge puts them together", kind=shard,
                                           metavar="I/K", group=RUNNING)  # fmt: skip
    model_threads: int | None = option(
        "threads that compute the model on the CPU; the last digits of rows depend on them (default: 2, whatever the "
        "environment says)", "--threads", kind=_options.count, metavar="K", group=RUNNING,
    )  # fmt: skip
    resume: bool = option("go on with what an interrupted run has left in --out", default=False, group=RUNNING)


def run(options: ExtractOptions, progress: Progress) -> Outcome:
    """Extracts into the folder, or merges parts."""
    if options.merge is not None:
        return _merge(options, progress)
    if options.mixed:
        raise InputError("--mixed serves --merge alone")
    if (options.images is None) == (options.text is None):
        raise InputError("--images or --text says what is embedded: give one of them")
    from pyalign.extraction.extract import extract
    from pyalign.extraction.sources import DEFAULT
    from pyalign.io.transform import load_transform

    found = extract(
        options.model or DEFAULT, options.images, options.layer, texts=options.text, pool=options.pool,
        out=options.out, checkpoint=options.checkpoint, batch_size=options.batch_size, device=options.device,
        precision=options.precision, compile=options.compile, workers=options.workers, shard=options.shard,
        resume=options.resume, unreadable=options.unreadable, decoder=options.decoder, background=options.background,
        prompt=options.prompt,
        transform=None if options.transform is None else load_transform(options.transform),
        meta=dict(options.meta), n_threads=options.model_threads, progress=_paced(progress),
    )  # fmt: skip
    return Outcome(found)


def _merge(options: ExtractOptions, progress: Progress) -> Outcome:
    from pyalign.extraction.merge import merge_extractions

    if options.images is not None or options.text is not None:
        raise InputError("--merge takes folders alone; got --images or --text too")
    assert options.merge is not None
    return Outcome(merge_extractions(options.merge, options.out, mixed=options.mixed, progress=progress))


def _paced(progress: Progress) -> Progress:
    """With items per second and the time that is left."""
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


COMMAND = Command(ExtractOptions, run, "pyalign extract --images photos --out photos-lite0")
