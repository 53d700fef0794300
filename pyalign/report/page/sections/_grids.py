"""A value for each model and concept: as points, colours, tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pyalign.documents import Interval
from pyalign.report.blocks import Column, Rows, Table

FEW = 3  # models whose points are told apart at a glance
MOST_ROWS = 1000  # of differences, each in a row of its own


class Estimate(Protocol):
    """What a model has for a concept: a figure with an interval, or None."""

    @property
    def ci(self) -> Interval | None: ...


Model = TypeVar("Model")
Cell = TypeVar("Cell", bound=Estimate)


@dataclass(frozen=True)
class Grid(Generic[Cell]):
    """Figures by model and concept.

    Attributes:
        models: labels, the best first.
        means: of each model over all concepts, or None.
        concepts: labels, those with the largest mean first.
        cells: of each model, what it has for each concept; None where it has nothing.
        value: the figure of a cell.
        noun: what a concept is; `what`: what the figure is; form, places: of `Column`.
    """

    models: tuple[str, ...]
    means: tuple[float | None, ...]
    concepts: tuple[str, ...]
    cells: tuple[tuple[Cell | None, ...], ...]
    value: Callable[[Cell], float | None]
    what: str
    noun: str
    form: str = "percent"
    places: int = 1

    @property
    def values(self) -> tuple[tuple[float | None, ...], ...]:
        """Of each model, one for each concept."""
        return tuple(tuple(map(self.figure, of_model)) for of_model in self.cells)

    def figure(self, cell: Cell | None) -> float | None:
        """The figure of a cell that may be empty."""
        return None if cell is None else self.value(cell)


def grid(
    models: Sequence[Model], label: Callable[[Model], str], mean: Callable[[Model], float | None],
    cells: Callable[[Model], Sequence[Cell]], concept: Callable[[Cell], str], value: Callable[[Cell], float | None],
    *, what: str, noun: str, form: str = "percent", places: int = 1,
) -> Grid[Cell]:  # fmt: skip
    """The grid of models.

    Args:
        models: a result of each; `label`: what it is called; `mean`: its figure over all concepts.
        cells: what a model has, a cell for each concept; `concept`: which one; `value`: the figure.
        what, noun, form, places: see `Grid`.
    """
    order = sorted(models, key=lambda one: -_number(mean(one)))
    by_concept = [{concept(cell): cell for cell in cells(one)} for one in order]
    names = list(dict.fromkeys(name for of_model in by_concept for name in of_model))

    def over_models(name: str) -> float:
        return _mean([value(of_model[name]) for of_model in by_concept if name in of_model])

    names.sort(key=lambda name: -over_models(name))
    return Grid(
        tuple(map(label, order)), tuple(map(mean, order)), tuple(names),
        tuple(tuple(of_model.get(name) for name in names) for of_model in by_concept), value, what, noun, form, places,
    )  # fmt: skip


def _number(value: float | None) -> float:
    return -1e300 if value is None or value != value else value


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None and value == value]
    return sum(known) / len(known) if known else -1e300


def wide(of: Grid[Cell], name: str, caption: str, counts: Mapping[str, Callable[[Cell], int]] | None = None) -> Table:
    """A row for each concept, a column for each model; `counts`: header -> how many a cell of the first model is of."""
    columns = [Column(of.noun, of.concepts)]
    columns += [_figures(model, cells, of, named=True) for model, cells in zip(of.models, of.cells, strict=True)]
    columns += [_counts(header, of.cells[0], count) for header, count in (counts or {}).items()]
    return Table(tuple(columns), name=name, caption=caption, sort=(of.models[0], True))


def long(of: Grid[Cell], name: str, caption: str, counts: Mapping[str, Callable[[Cell], int]] | None = None) -> Table:
    """A row for each model and concept, to be chosen by either."""
    cells = [cell for of_model in of.cells for cell in of_model]
    columns = [
        Column("model", tuple(model for model in of.models for _ in of.concepts), filter=True),
        Column(of.noun, of.concepts * len(of.models), filter=True),
        _figures(of.what, cells, of),
        *(_counts(header, cells, count) for header, count in (counts or {}).items()),
    ]
    return Table(tuple(columns), name=name, caption=caption, sort=(of.what, True))


def _figures(header: str, cells: Sequence[Cell | None], of: Grid[Cell], named: bool = False) -> Column:
    return Rows(cells).column(
        header, of.figure, of.form, of.places, ci=lambda cell: None if cell is None else cell.ci, named=named
    )


def _counts(header: str, cells: Sequence[Cell | None], count: Callable[[Cell], int]) -> Column:
    return Rows(cells).column(header, lambda cell: None if cell is None else count(cell), "count")


def summary(of: Grid[Cell]) -> str:
    """Which concept is the best and which the worst, in mean over the models."""
    means = [_mean(column) for column in zip(*of.values, strict=True)]
    there = [k for k, mean in enumerate(means) if mean > -1e299]
    if not there:
        return f"There is no figure of any {of.noun}."
    best, worst = there[0], there[-1]
    over = "" if len(of.models) == 1 else f", in mean over {len(of.models)} models"
    return (
        f"Highest for {of.concepts[best]} ({_said(means[best], of)}), lowest for {of.concepts[worst]} "
        f"({_said(means[worst], of)}){over}."
    )


def _said(value: float, of: Grid[Cell]) -> str:
    return f"{100 * value:.{of.places}f} %" if of.form == "percent" else f"{value:.{of.places}f}"
