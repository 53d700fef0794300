"""All pictures that a result is enough for, as charts and as files: what commands write to --out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from pyalign import _checks
from pyalign.concept.concepts_result import Concepts
from pyalign.io.paths import PathLike, checked_path
from pyalign.io.write import write_files
from pyalign.report.charts import CHARTS, as_result, default_chart
from pyalign.report.charts.concepts import groupings
from pyalign.report.charts.save import rendered, suffix_of_picture
from pyalign.report.plot import plot

FORMATS = ("html", "svg")
MOST_CARDS = 100


def figures(
    result: Any, *, images: Any = None, dimensions: Any = None, dimension_labels: Sequence[str] | None = None,
    names: Sequence[str] | None = None, **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """name -> chart, for each picture of a result; of concepts one for each way of grouping.

    Args:
        result: a result, its document, or its `.json` file.
        images: of the objects, for galleries and cards.
        dimensions: (n, k), those of a result of `concepts`, which then has cards of them too.
        dimension_labels, names: of the k dimensions, of the n objects.
        options: looks, see `plot`.

    Raises:
        InputError: dimensions that are not those of the result; MissingExtraError: altair is not installed.
    """
    source = as_result(result)
    charts = dict[str, Any]()
    if (kind := default_chart(source)) is not None:
        pictures = {"images": images} if "images" in CHARTS[kind].takes else {}
        called = "concepts" if kind == "concepts-map" else kind  # of many models, in the same file
        ways: list[str | None] = [*groupings(source)] if called == "concepts" else [None]
        for by in ways:
            name = called if len(ways) == 1 else f"{called}-{by}"
            charts[name] = plot(source, kind, by=by if len(ways) > 1 else None, **pictures, **options)
    if dimensions is not None and isinstance(source, Concepts) and "dimensions" in groupings(source):
        charts["cards"] = plot(
            source, "cards", dimensions=dimensions, dimension_labels=dimension_labels, names=names, images=images,
            **{"limit": MOST_CARDS, **options},
        )  # fmt: skip
    return charts


def as_files(charts: Mapping[str, Any], formats: Sequence[str] = FORMATS) -> dict[str, bytes]:
    """file name -> bytes, of each chart in each format; raises InputError for another format."""
    formats = _checks.sequence(formats, "formats", "formats of pictures")
    for one in formats:
        suffix_of_picture(f"figure.{one}")
    return {f"{name}.{one}": rendered(chart, f".{one}") for name, chart in charts.items() for one in formats}


def figure_files(result: Any, formats: Sequence[str] = FORMATS, **options: Any) -> dict[str, bytes]:
    """file name -> bytes, for each picture of a result in each format.

    Args:
        result: a result, its document, or its `.json` file.
        formats: of "html", "svg", "png", "pdf".
        options: of `figures`.

    Raises:
        InputError: another format; MissingExtraError: altair or vl-convert is not installed.
    """
    return as_files(figures(result, **options), formats)


def write_figures(
    result: Any, folder: PathLike, formats: Sequence[str] = FORMATS, *, images: Any = None, **options: Any
) -> tuple[str, ...]:
    """Writes the pictures of a result into a folder, all of them or none, and gives their paths.

    The folder is made where there is none. For arguments and errors see `figure_files`.
    """
    checked_path(folder, "folder")
    files = figure_files(result, formats, images=images, **options)
    paths = {os.path.join(os.fspath(folder), name): content for name, content in files.items()}
    write_files(paths.items())
    return tuple(paths)
