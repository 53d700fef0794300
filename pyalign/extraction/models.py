"""What `pyalign models list --metadata` gives: rows of the table of models that comes along.

What `pyalign models` tells: the models that sources know, and the layers of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.data.metadata import Metadata
from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction.encoder import Request, Weights
from pyalign.extraction.sources import SOURCES, known_to_all, list_models, load_encoder, require_packages
from pyalign.extraction.spelling import closest
from pyalign.io.item_names import ABOUT, COLUMNS, model_rows, row_of


@dataclass(frozen=True)
class DescribedModel:
    """What is known of a published model. None where no source of a figure was read."""

    model: str  # its name, SOURCE:NAME. "thingsvision" and "human_alignment" are sources that pyalign does not load.
    names: str | None  # what it is called elsewhere, separated by spaces.
    architecture: str | None  # as its library calls it.
    family: str | None  # models of one family are not independent of each other.
    objective: str | None  # what it was trained for.
    data: str | None  # what it was trained on.
    parameters: int | None  # how many, with the classifier if it has one, without a tower for texts.
    image_size: int | None  # the side of the images that it takes, in pixels.
    width: int | None  # the number of features of its penultimate layer.
    # top-1, a fraction: of its classifier, or of a linear probe of a model without one.
    imagenet_accuracy: float | None
    imagenet_zero_shot: float | None  # top-1, a fraction, by the names of the classes.
    training_source: str | None  # where the objective and the data were read.
    size_source: str | None  # which library gave parameters, image size and width.
    accuracy_source: str | None  # where the accuracies were read.


@dataclass(frozen=True)
class ModelTable(Result):
    """Rows of the table of models that comes along."""

    command: ClassVar[str] = "models table"
    rows: ClassVar[str] = "models"

    models: tuple[DescribedModel, ...]  # in the order in which they were asked for; else that of the table.


def describe_models(names: Sequence[str] = (), own: Metadata | None = None) -> ModelTable:
    """The rows of models.

    Args:
        names: as `SOURCE:NAME`, or as any of the libraries and papers call them; or parts of names, of which all models
            are listed; none: the whole table.
        own: a table of one's own, whose cells come before those of the table; a row of a model that the table does not
            have is added.
    """
    rows: list[dict[str, str]] = [dict(row) for row in model_rows()]
    notes: tuple[str, ...] = ()
    if own is not None:
        rows, notes = _overridden(rows, own)
    asked = _asked(names, rows) if names else rows
    return ModelTable(tuple(_described(row) for row in asked), notes=notes)


def _asked(names: Sequence[str], rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    chosen: dict[str, tuple[str, dict[str, str]]] = {}
    by_model = {row["model"]: row for row in rows}
    for name in names:
        known = row_of(name)
        exact = by_model.get(name if known is None else known["model"])
        matching = [exact] if exact is not None else [row for row in rows if _has(row, name)]
        if not matching:
            near = closest(name, list(dict.fromkeys(one for row in rows for one in _names(row))))
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise InputError(f"names must be of models in the table, or parts of such; got {name!r}{hint}")
        for row in matching:
            if exact is not None and row["model"] in chosen:
                first = chosen[row["model"]][0]
                raise InputError(f"names must be of different models; {first!r} and {name!r} are both {row['model']}")
            chosen.setdefault(row["model"], (name, row))
    return [row for _, row in chosen.values()]


def _names(row: Mapping[str, str]) -> list[str]:
    return [row["model"].partition(":")[2] or row["model"], *row["names"].split()]


def _has(row: Mapping[str, str], part: str) -> bool:
    return any(part.lower() in name.lower() for name in (row["model"], *row["names"].split()))


def _overridden(rows: list[dict[str, str]], own: Metadata) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """The rows with the cells of one's own, and the notes of that table."""
    by_model = {row["model"]: row for row in rows}
    source = own.source or "one's own table"
    for place, name in enumerate(own.models):
        known = row_of(name)
        row = by_model.setdefault(
            name if known is None else known["model"], {**dict.fromkeys(COLUMNS, ""), "model": name}
        )
        for column in ABOUT:
            value = own.value(place, column)
            if value is not None:
                row[column] = value if isinstance(value, str) else f"{value:.15g}"
                row[_source_of(column)] = source
    return list(by_model.values()), own.notes


def _source_of(column: str) -> str:
    if column.startswith("imagenet"):
        return "accuracy_source"
    return "size_source" if column in ("parameters", "image_size", "width") else "training_source"


def _described(row: Mapping[str, str]) -> DescribedModel:
    cells: dict[str, str | None] = {name: row[name] or None for name in COLUMNS}

    def number(name: str) -> float | None:
        try:
            return None if cells[name] is None else float(str(cells[name]))
        except ValueError:
            raise InputError(f"{name} of {row['model']} must be a number; got {cells[name]!r:.60}") from None

    whole = {name: None if number(name) is None else int(number(name) or 0) for name in ABOUT[3:6]}
    numbers = {name: number(name) for name in ABOUT[6:]}
    return DescribedModel(**{**cells, **whole, **numbers})  # type: ignore[arg-type]


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
    """The models of `list_models`, and what it can't list."""
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
    """The layers of a model, of which nothing is fetched: without a checkpoint it gets random weights."""
    seed = 0 if checkpoint is None else None
    encoder = load_encoder(spec, Request(checkpoint, seed, "cpu", modality=modality))
    notes = encoder.notes
    if encoder.weights.origin.startswith("random"):
        notes = ("the model was made with random weights; names and shapes are those of the trained one", *notes)
    layers = tuple(ListedLayer(*row) for row in encoder.listed())
    return ModelLayers(
        encoder.spec, encoder.modality, layers, encoder.weights, dict(encoder.preprocessing), notes=notes
    )
