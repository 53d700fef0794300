"""What `pyalign models` tells: the models that sources know, and the layers of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction.encoder import Request, Weights
from pyalign.extraction.sources import SOURCES, known_to_all, list_models, load_encoder, require_packages
from pyalign.extraction.spelling import closest

OPEN = {  # sources that take more than they list
    "onnx": "onnx:FILE takes any file of ONNX",
    "random": "random:SEED:SOURCE:NAME draws the weights of a model at random",
    "sentence-transformers": "sentence-transformers: takes any other model of the hub, or a folder",
}


@dataclass(frozen=True)
class KnownModel:
    """A model that a source knows: its name, SOURCE:NAME, and what the source has."""

    name: str
    source: str


@dataclass(frozen=True)
class ModelList(Result):
    """Models by name."""

    command: ClassVar[str] = "models list"
    rows: ClassVar[str] = "models"

    models: tuple[KnownModel, ...]  # in the order of the sources, and in plain string order within one.
    # pattern, source: what was asked for; None for all.
    pattern: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class ListedLayer:
    """A layer that may be asked for: its name, what it is, and its shape for one item, before pooling."""

    name: str
    what: str
    shape: str


@dataclass(frozen=True)
class ModelLayers(Result):
    """The layers of a model."""

    command: ClassVar[str] = "models layers"
    rows: ClassVar[str] = "layers"

    model: str  # its name, SOURCE:NAME.
    modality: str  # "images" or "texts".
    layers: tuple[ListedLayer, ...]  # penultimate and logits first, then what is inside, in the order of the model.
    weights: Weights  # which it was made with: random ones, unless a file has them.
    preprocessing: Mapping[str, Any]  # what happens to an item before the model sees it.


def find_models(pattern: str | None = None, source: str | None = None) -> ModelList:
    """The models of `list_models`, and what it can't list.

    Raises:
        InputError: no such source, or no such model; proposes the nearest.
        MissingExtraError: a package of the one source is not installed.

    Example:
        >>> [model.name for model in find_models("pixels*").models]
        ['pixels:64']
    """
    names = list_models(pattern, source)
    if not names and pattern is not None:
        near = closest(pattern, known_to_all() if source is None else list_models(None, source))
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise InputError(f"pattern must be part of a model's name; got {pattern!r}{hint}")
    notes = []
    for name in SOURCES if source is None else (source,):
        if name in OPEN and pattern is None:
            notes.append(OPEN[name])
        try:
            require_packages(name)
        except MissingExtraError as error:
            notes.append(f"{name}: is left out: {error}")
    return ModelList(
        tuple(KnownModel(name, name.partition(":")[0]) for name in names), pattern, source, notes=tuple(notes)
    )


def model_layers(spec: str, checkpoint: str | None = None, modality: str = "images") -> ModelLayers:
    """The layers of a model, of which nothing is fetched: without a checkpoint it gets random weights.

    Raises:
        InputError: no such model, or a checkpoint that does not fit.
        MissingExtraError: a package of its source is not installed.

    Example:
        >>> [layer.shape for layer in model_layers("pixels:8").layers]
        ['192']
    """
    seed = 0 if checkpoint is None else None
    encoder = load_encoder(spec, Request(checkpoint, seed, "cpu", modality=modality))
    notes = encoder.notes
    if encoder.weights.origin.startswith("random"):
        notes = ("the model was made with random weights; names and shapes are those of the trained one", *notes)
    layers = tuple(ListedLayer(*row) for row in encoder.listed())
    return ModelLayers(
        encoder.spec, encoder.modality, layers, encoder.weights, dict(encoder.preprocessing), notes=notes
    )
