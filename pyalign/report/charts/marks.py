"""Altair, and how marks read the rows of data: where they stand, and what tells models apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypedDict

from pyalign._registry import load
from pyalign.errors import MissingExtraError

SHAPES = ("circle", "triangle-up", "square", "diamond", "cross", "triangle-down", "triangle-left", "triangle-right")


class Drawn(Protocol):
    """A finished chart of Altair."""

    def to_dict(self, *, validate: bool = True) -> Any:
        """The specification of the chart, checked by the schema of Vega-Lite."""


class At(TypedDict, total=False):
    """The channels of Altair that say where marks stand."""

    x: Any
    y: Any
    yOffset: Any


class Look(TypedDict):
    """The channels of Altair that tell names apart."""

    color: Any
    shape: Any


class Spec(TypedDict, total=False):
    """What is read of a Vega-Lite specification, as a chart of Altair gives it by `to_dict`."""

    height: float | str | dict[str, float]
    vconcat: list[Spec]
    hconcat: list[Spec]
    layer: list[Spec]
    encoding: dict[str, dict[str, str]]
    data: dict[str, list[object]]
    datasets: dict[str, list[Any]]
    usermeta: dict[str, dict[str, Any]]
    description: str
    config: dict[str, str]


def module_for(what: str, module: str, package: str, extra: str = "report") -> Any:
    """A module that something needs, or the error that says what to install."""
    try:
        return load(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(what, package, extra) from error


class _Altair:
    """The module, which is imported when it is first used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # which those ask for who look what kind of object this is
            raise AttributeError(name)
        return getattr(module_for("a picture", "altair", "altair"), name)


alt = _Altair()


def chart_of(rows: Sequence[Any]) -> Any:
    """A chart with rows of data, before it has marks."""
    return alt.Chart(alt.InlineData(values=list(rows)))


def at_point(x: str = "x", y: str = "y") -> At:
    """The encoding of marks whose rows say in points where they stand, in these fields."""
    return {"x": alt.X(f"{x}:Q", scale=None, axis=None), "y": alt.Y(f"{y}:Q", scale=None, axis=None)}


def of_field(channel: Any, name: str) -> Any:
    """A channel with the scale and the axis of this one, for another field."""
    other = channel.copy()
    other.shorthand = f"{name}:Q"
    return other


def colours_and_shapes(
    field: str, names: Sequence[str], colours: Sequence[str], legend: Any, shapes: Sequence[str] = SHAPES
) -> Look:
    """The encoding that tells names apart by colour and by shape, for prints without colour; one legend for both."""
    scales = [alt.Scale(domain=list(names), range=list(of)[: len(names)]) for of in (colours, shapes)]
    return {
        "color": alt.Color(f"{field}:N", scale=scales[0], legend=legend),
        "shape": alt.Shape(f"{field}:N", scale=scales[1], legend=legend),
    }
