"""What `pyalign models table` gives: rows of the table of models that comes along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.data.metadata import Metadata
from pyalign.errors import InputError
from pyalign.extraction.spelling import closest
from pyalign.io.model_table import ABOUT, COLUMNS, model_rows, row_of


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

    Raises:
        InputError: the same name twice, two names of one model, or a model that is not there; proposes the nearest.

    Example:
        >>> (model,) = describe_models(["clip_ViT-B/32"]).models
        >>> model.model, model.width, model.imagenet_zero_shot
        ('open_clip:ViT-B-32/openai', 768, 0.6332)
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
        found = [exact] if exact is not None else [row for row in rows if _has(row, name)]
        if not found:
            near = closest(name, list(dict.fromkeys(one for row in rows for one in _names(row))))
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise InputError(f"names must be of models in the table, or parts of such; got {name!r}{hint}")
        for row in found:
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
