"""What a preset knows of a folder: its data sets, the models of each, and what files are called."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from pyalign._dataclass import dataclass, field
from pyalign.study.draft import Item

THINGS, CIFAR = "things", "cifar100"
# What names a data set in a path, what it is called, and the data set of pyalign, whose judgments or triplets stand
# in where the folder has none.
SETS = (
    (THINGS, r"things", "THINGS", "things"),
    (CIFAR, r"cifar[-_]?100", "CIFAR-100 coarse", "cifar100-coarse"),
    ("king", r"king(?:19|2019)?", "King et al. (2019)", "king19"),
    ("cichy", r"cichy(?:118|2019)?", "Cichy et al. (2019)", "cichy118"),
    ("peterson", r"peterson", "Peterson et al. (2018)", "peterson"),
    ("objects92", r"objects92|kriegeskorte(?:92)?", "Kriegeskorte et al. (2008), 92 photographs", "kriegeskorte92"),
)
TITLES = {name: title for name, _, title, _ in SETS}
# Peterson's sets of images and King's are of different objects each: a data set of its own for each that is named.
PARTS = {
    "peterson": ("animals", "automobiles", "fruits", "furniture", "vegetables", "various"),
    "king": ("set1", "set2"),
}
FEATURES = ("penultimate", "avgpool", "pooler", "visual")  # what is taken for a model where it has several layers
LOGITS, ANSWERED = "logits", "answered"  # a layer; triplets that many people answered
STEM = re.compile(r"(?P<model>.+?)[-_.](?P<layer>penultimate|logits)", re.IGNORECASE)  # of a file of one layer


@dataclass
class Objects:
    """A data set: what there is of the same objects."""

    name: str  # such as "things" or "peterson-fruits".
    n: int | None = None  # how many objects most embeddings have.
    # model -> layer -> its embeddings; "" for a model that has none.
    models: dict[str, dict[str, Item]] = field(default_factory=dict)
    # triplets, human, dimensions: tables of a study file, the best one first.
    triplets: list[dict[str, Any]] = field(default_factory=list)
    human: list[dict[str, Any]] = field(default_factory=list)
    dimensions: list[dict[str, Any]] = field(default_factory=list)
    # names, categories: files, or "".
    names: str = ""
    categories: str = ""

    @property
    def title(self) -> str:
        """What people call it."""
        name, _, part = self.name.partition("-")
        return f"{TITLES[name]}{f', {part}' if part else ''}"

    @property
    def of(self) -> str:
        """Behind what is said of its files; nothing of THINGS, which a path need not name."""
        return "" if self.name == THINGS else f" of {self.title}"

    def called(self, model: str, layer: str = "") -> str:
        """The name of a model in the study: those of THINGS have theirs, others that of their data set before it."""
        whole = f"{model}::{layer}" if layer else model
        return whole if self.name == THINGS else f"{self.name}/{whole}"


def set_of(spec: str) -> str:
    """The data set of a file, by what its path names last.

    Example:
        >>> set_of("king/clip.npy"), set_of("rdms/peterson_fruits.mat"), set_of("clip.npy"), set_of("baking.npy")
        ('king', 'peterson-fruits', 'things', 'things')
    """
    path = spec.partition("::")[0].lower()
    found = [
        (match.start(), name)
        for name, pattern, *_ in SETS
        for match in re.finditer(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])", path)
    ]
    name = max(found)[1] if found else THINGS
    words = re.split(r"[^a-z0-9]+", path)
    part = next((part for part in PARTS.get(name, ()) if part in words), "")
    return f"{name}-{part}" if part else name


def model_and_layer(spec: str) -> tuple[str, str]:
    """The model that embeddings are of, and their layer, "" where the name says none.

    Several arrays of one file, or of a folder of `pyalign extract`, are layers of one model. In files of several models
    they are called MODEL/LAYER.

    Example:
        >>> model_and_layer("a/clip.npy"), model_and_layer("a/vgg16::fc7"), model_and_layer("vgg16_logits.npy")
        (('clip', ''), ('vgg16', 'fc7'), ('vgg16', 'logits'))
        >>> model_and_layer("features.pkl::custom/clip_ViT-B/32/penultimate")
        ('custom-clip_ViT-B-32', 'penultimate')
    """
    path, _, key = spec.partition("::")
    stem = os.path.basename(path)
    for ending in (".gz", os.path.splitext(stem.removesuffix(".gz"))[1]):
        stem = stem.removesuffix(ending) if ending else stem
    model, _, layer = key.rpartition("/")
    if not model:
        match = None if key else STEM.fullmatch(stem)
        model, layer = (match["model"], match["layer"].lower()) if match else (stem, key)
    return _plain(model), _plain(layer)


def _plain(name: str) -> str:
    """A name that no part of a study takes for a path, a layer or several lines."""
    return "".join(sign if sign.isprintable() else "_" for sign in name.replace("/", "-").replace("::", "-"))


def main_layer(layers: Iterable[str]) -> str:
    """The layer that stands for a model: the one before its logits by name, else the last that is not logits.

    Example:
        >>> main_layer(["fc6", "fc7", "logits"]), main_layer(["penultimate", "logits"]), main_layer(["logits"])
        ('fc7', 'penultimate', 'logits')
    """
    names = [*layers]
    known = [name for name in names if name.lower() in FEATURES or not name]
    others = [name for name in names if name.lower() != LOGITS]
    return (known or others or names)[-1]


def logits_of(objects: Objects, model: str) -> str:
    """What the logits of a model are called, with its own name at the end, by which scores of both meet."""
    return f"{LOGITS}/{model}" if objects.name == THINGS else f"{objects.name}/{LOGITS}/{model}"
