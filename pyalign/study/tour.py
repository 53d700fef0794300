"""`take_tour`: a study of the built-in sample, which needs no network, no download and no data of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pyalign.datasets.simulate import write_sample
from pyalign.errors import OUT, InputError, MissingExtraError
from pyalign.extraction.decode import pillow_image
from pyalign.io import write_files
from pyalign.io.paths import PathLike, bad, checked_path
from pyalign.study.maker import Study, Watch
from pyalign.study.run import run_study

DATA, FILE, RESULTS = "data", "tour.toml", "results"
PART = 64  # of the features of the sample that a smaller model has
IMAGES = 'images = "data/images.tar"  # of the objects: pictures in the report\n'
LOGITS = 'logits = "data/logits.npy"  # what the network makes of them: scores for 1,000 classes of ImageNet\n'
STUDY = """\
# The tour of pyalign: a study of the built-in sample. Change something here, and run it again:
#   pyalign study run {file}
# Only the steps that the change concerns are run again.
title = "A tour of pyalign: the built-in sample"
names = "data/names.txt"
{images}metadata = "data/models.csv"

[models]
features = "data/embeddings.npy"  # of EfficientNet-Lite0, before its classifier
{logits}few-features = "data/few.npy"  # {part} of these features
noise = "data/noise.npy"  # knows nothing: what chance looks like

[triplets]  # categories of Unicode, no human judgments: see docs/sample.md
file = "data/triplets.npy"

[categories]
file = "data/subgroups.txt"

[steps.score]
[steps.compare]
[steps.calibrate]
models = ["features", "few-features"]  # noise has no temperature: it agrees no better than chance
[steps.concepts]
[steps.consistency]
[steps.failures]
limit = 200
[steps.cka]
[steps.neighbors]
models = ["features"]
queries = ["tiger", "kiwi fruit", "violin", "sailboat"]
k = 5
[steps.neighborhoods]
models = ["features"]
[steps.embed]
folds = 2
penalties = [[5e-5, 0.0103]]
[steps.probe]
models = ["few-features"]
penalties = 0.003
max_iterations = 60
"""


def take_tour(out: PathLike, progress: Watch | None = None) -> tuple[Study, tuple[str, ...]]:
    """Writes the sample, models of it and a study of them into a folder, and runs that.

    Args:
        out: a folder that is empty, new, or of an earlier tour.
        progress: see `run_study`.

    Returns:
        What the study has come to, and notes: what is missing for want of a package.
    """
    place = Path(checked_path(out, "out"))
    if place.exists() and not place.is_dir():
        raise bad(place, f"is a file; take an empty or a new one, {OUT}")
    if place.is_dir() and not (place / FILE).exists() and any(place.iterdir()):
        raise bad(place, f"holds other files; take an empty or a new one, {OUT}")
    logits, notes = _models(place / DATA)
    images, more = _images()
    text = STUDY.format(file=place / FILE, images=images, logits=logits, part=PART)
    write_files([(place / FILE, text)])
    return run_study(place / FILE, place / RESULTS, progress=progress), (*notes, *more)


def _models(folder: Path) -> tuple[str, tuple[str, ...]]:
    """The sample's files, and models made of it; the line of the study about logits, where there are some."""
    write_sample(folder)
    x = np.load(folder / "embeddings.npy")
    rng = np.random.default_rng(0)
    files: list[tuple[PathLike, Any]] = [
        (folder / "few.npy", x[:, :PART].astype(np.float32)),
        (folder / "noise.npy", rng.standard_normal((len(x), PART), dtype=np.float32)),
    ]
    rows = ["model,family,objective,features", f"features,EfficientNet,ImageNet classes,{x.shape[1]}"]
    line, notes = "", tuple[str, ...]()
    try:
        logits = _logits(x)
        files.append((folder / "logits.npy", logits))
        rows.append(f"logits,EfficientNet,ImageNet classes,{logits.shape[1]}")
        line = LOGITS
    except (MissingExtraError, InputError) as error:
        notes = (f"one model less: {error}",)
    rows += [f"few-features,EfficientNet,ImageNet classes,{PART}", f"noise,none,none,{PART}"]
    write_files([*files, (folder / "models.csv", "\n".join(rows) + "\n")])
    return line, notes


def _images() -> tuple[str, tuple[str, ...]]:
    """The line of the study about pictures, where they can be decoded; else a note."""
    try:
        pillow_image()
        return IMAGES, ()
    except MissingExtraError as error:
        return "", (f"no pictures in the page: {error}",)


def _logits(x: np.ndarray) -> np.ndarray:
    """(n, 1000) float32: the shipped model's classifier on features (n, 1280) of its own."""
    from pyalign.extraction.encoder import Request
    from pyalign.extraction.sources import load_encoder

    encoder: Any = load_encoder("efficientnet-lite:0", Request(None, None, "cpu", "fp32", False, "images"))
    layer = encoder.module.get_classifier()
    weights, bias = (part.detach().numpy().astype(np.float64) for part in (layer.weight, layer.bias))
    logits: np.ndarray = (x.astype(np.float64) @ weights.T + bias).astype(np.float32)
    return logits
