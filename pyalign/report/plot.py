"""Pictures of a result, of dimensions or of embeddings: one, or all that a result is enough for; shown, or as files."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any, Literal

import numpy as np

from pyalign import _checks
from pyalign._result import kinds
from pyalign.concept.concepts_result import Concepts
from pyalign.concept.dimensions import assigned
from pyalign.data import Categories
from pyalign.data.align import align
from pyalign.data.embeddings import Embeddings, as_embeddings
from pyalign.data.names import listing
from pyalign.data.triplets import require_odd_one_out
from pyalign.documents import csv_of
from pyalign.errors import InputError
from pyalign.io.paths import PathLike, checked_path
from pyalign.io.write import write_files
from pyalign.pairwise.rdms import rdms_of_rows
from pyalign.report.charts import CHARTS, as_result, as_results
from pyalign.report.charts import chart as chart_of
from pyalign.report.charts import charts_of, default_chart, drawing, kind_of
from pyalign.report.charts.concepts import groupings
from pyalign.report.charts.rdm import MOST_OBJECTS
from pyalign.report.charts.save import rendered, suffix_of_picture
from pyalign.report.charts.theme import Drawn, rows_of
from pyalign.typing import CategoriesLike, EmbeddingsLike, TripletsLike

FORMATS = ("html", "svg")  # of files, where nobody asks for others
MOST_CARDS = 100
OPTIONS = ("queries", "by", "sort", "images", "method", "seed", "limit")  # of a chart, as `plot` has them


def plot(
    result: Any = None, chart: str | None = None, *, out: PathLike | None = None, images: Any = None,
    embeddings: EmbeddingsLike | None = None, dimensions: EmbeddingsLike | None = None,
    dimension_labels: Sequence[str] | None = None, triplets: TripletsLike | None = None,
    names: Sequence[str] | None = None, categories: CategoriesLike | None = None, method: str | None = None,
    seed: int | None = None, queries: Sequence[str] | None = None, by: str | None = None, sort: str | None = None,
    limit: int | None = None, style: Literal["light", "dark"] = "light", width: Literal["single", "double"] = "double",
    ppi: int = 200, csv: PathLike | None = None, csv_escape: bool = False, **unknown: Any,
) -> Any:
    """Plot a result, human dimensions, or embeddings.

    - "accuracy": accuracies of models with intervals, sorted; chance and the noise ceiling.
    - "differences": differences between models with intervals, those that can't be told apart in gray, and ranks.
    - "depth": accuracy over the layers of models, named MODEL::LAYER.
    - "ceiling": the noise ceiling and its bounds, with intervals.
    - "before-after": accuracy without and with a probe, held out; or before and after a transform.
    - "transfer": agreement with people on several sets, and neighbors, before and after a map.
    - "reliability": how often a choice is people's, by the probability that the model gives to it.
    - "entropy": how often people's answers differ from a model's choice, by the entropy of people's choice; a line for
      each model, or each family of models.
    - "rsa": correlations with people with intervals, and their noise ceiling.
    - "rdm": matrices of dissimilarities of objects, participants' and models' on one scale; of embeddings too.
    - "mds": objects on a plane, by multidimensional scaling of these matrices.
    - "cka": similarities of models (or layers) to each other as a matrix, ordered by clustering.
    - "consistency": kappa of the errors of every two models, or the share of equal choices, as a matrix.
    - "concepts": accuracy per concept with intervals, of one model or several, and the difference of two.
    - "concepts-map": the same of many models: concepts by models, as colors.
    - "dimensions": R^2 of each human dimension on held-out objects, with intervals.
    - "gallery": queries and their nearest neighbors, as images where there are some.
    - "cards": of human dimensions the eight objects that have most of each, and the share of choices that it explains.
    - "metadata": accuracy against a column of numbers with a line, or by the values of one of text.
    - "scores": two scores of each model against each other, of two results, such as accuracy and RSA.
    - "map": objects on a plane, by PCA, t-SNE or UMAP.

    Args:
        result: a result, its document, or its `.json` file; a list of them for accuracy (with a result of
            `noise_ceiling` among them), before-after, reliability, RSA and a gallery (of two searches for the same
            queries, such as before and after a transform), for scores two or more, such as of `rsa` and `compare`. For
            cards the result of `concepts` gives the shares.
        chart: one of these; default: what the result is of, else cards of dimensions, else a map of embeddings.
        out: a file to write, ``.html``, ``.svg``, ``.png`` or ``.pdf``; none of them needs a network, then or later.
        images: what `as_images` takes, such as a folder with files or folders named after objects.
        embeddings: (n, d), for a map, or for an RDM and its MDS by Pearson correlation.
        dimensions: (n, k) numbers of at least 0, for cards.
        dimension_labels: the labels of the k dimensions.
        triplets: (t, 3) answered triplets, for the shares of cards.
        names: the names of the rows of embeddings or dimensions that have none.
        categories: categories of the objects: colors of a map, frames of a gallery, the order of RDMs.
        method, seed: for a map: "pca" (None), "tsne" or "umap", and the seed of the latter two (None: 0).
        queries: the queries of a gallery to show.
        by: what is shown, where the result has several; default: the first. Of concepts "dimensions", "categories",
            "levels" or "entropy"; of accuracy "groups"; of reliability "equal-mass" or "equal-width" bins; of CKA the
            measure; of entropy "families" or "models"; of metadata the column; of RDMs "percentiles" or "values"; of
            consistency "kappa" or "same-choice".
        sort: the order of rows: "value", "difference", "name" or "document"; of matrices "cluster", "name" or
            "document", of RDMs also "category".
        limit: the largest number of rows, queries, cards, images or names.
        style: "light", for print, or "dark".
        width: "single" (85 mm) or "double" (174 mm).
        ppi: pixels per inch of a PNG.
        csv: a file to write the numbers of the picture to, as ``.csv``, a row for each mark.
        csv_escape: whether to put an apostrophe before names that a spreadsheet would run; see `Result.to_csv`.

    Returns:
        A chart of Altair; a notebook shows it.

    Raises:
        InputError: a kind that the input is not enough for, an unknown kind, or options of another kind.
        MissingExtraError: altair, vl-convert, Pillow or what a method needs is not installed.
        OSError: a file can't be read or written.

    Example:
        >>> picture = plot(embeddings=np.eye(4), names=["ant", "bee", "cup", "mug"])
        >>> picture.to_dict()["title"]["text"]
        ['PCA of the embeddings']
    """
    for name in unknown:
        _checks.one_of(name, tuple(signature(plot).parameters), "an option of plot")
    _checks.flag(csv_escape, "csv_escape")
    if out is not None:
        suffix_of_picture(checked_path(out, "out"))
    if csv is not None and not checked_path(csv, "csv").endswith(".csv"):
        raise InputError(f"csv must be a file that ends in .csv; got {os.fspath(csv)}")
    if limit is not None:
        _checks.whole_number(limit, "limit", 1, sys.maxsize)
    results = [] if result is None else as_results(result)
    kind = _kind(results, chart, embeddings, dimensions)
    arguments = {
        "embeddings": embeddings, "dimensions": dimensions, "dimension_labels": dimension_labels, "triplets": triplets,
        "names": names, "result": result, "categories": categories, "queries": queries, "by": by, "sort": sort,
        "images": images, "method": method, "seed": seed, "limit": limit,
    }
    given = {name: value for name, value in arguments.items() if value is not None}
    for name in sorted(given.keys() - {*CHARTS[kind].takes}):
        served = " or ".join(repr(other) for other, row in CHARTS.items() if name in row.takes)
        raise InputError(f"{name} applies only to figures of kind {served}; got kind {kind!r}")
    looks = {"style": style, "width": width, **{name: given[name] for name in OPTIONS if name in given}}
    if categories is not None:
        looks["categories"] = _named(categories, names)
    if kind == "cards":
        drawn = _cards(results, dimensions, dimension_labels, triplets, names, **looks)
    elif embeddings is not None:
        drawn = _of_embeddings(kind, as_embeddings(embeddings, "embeddings"), names, **looks)
    else:
        drawn = chart_of(results, kind, **looks)
    files = {} if out is None else {out: rendered(drawn, suffix_of_picture(out), ppi=ppi)}
    if csv is not None:
        files[csv] = csv_of(rows_of(drawn), csv_escape).encode()
    write_files(files.items())
    return drawn


def _kind(results: Sequence[Any], kind: str | None, embeddings: Any, dimensions: Any) -> str:
    """The chart that is asked for, or that what is given is enough for."""
    if kind is not None:
        _checks.one_of(kind, tuple(CHARTS), "chart")
    elif dimensions is not None:
        kind = "cards"
    elif embeddings is not None:
        kind = "map"
    elif results:
        kind = default_chart(results[0]) if len(results) == 1 else kind_of(results)
    first = results[0] if results else None
    need = {"cards": ("dimensions", dimensions), "map": ("embeddings", embeddings)}
    if kind in CHARTS and "embeddings" in CHARTS[kind].takes and first is None:
        need[kind] = ("a result or embeddings" if "result" in CHARTS[kind].takes else "embeddings", embeddings)
    if kind is None and first is not None:
        row = kinds().get(first.command)
        shown = "; `pyalign report` shows it on a page" if row is not None and row.sections else ""
        raise InputError(f"there is no picture of a result of {first.command!r}{shown}")
    what, value = need.get(kind or "", ("a result", first))
    if kind is None or value is None:
        of_kind, what = (f" of kind {kind!r}", what) if kind else ("", "a result, dimensions or embeddings")
        raise InputError(f"a picture{of_kind} needs {what}; got none")
    return kind


def _names(x: Any, names: Sequence[str] | None) -> tuple[str, ...]:
    """Names of rows: those that are given, those that the rows have, or numbers."""
    return tuple(names or x.names or map(str, range(len(x))))


def _named(categories: Any, names: Sequence[str] | None) -> Categories:
    """Categories with the names of their objects, where these are given apart."""
    of = Categories.of(categories)
    return of if of.names or names is None else Categories(of.members, of.labels, tuple(names))


def _of_embeddings(kind: str, x: Embeddings, names: Sequence[str] | None, **looks: Any) -> Any:
    """A map of rows, or the RDM of them."""
    called, label = _names(x, names), os.path.basename(x.source) if x.source else "the embeddings"
    if kind == "map":
        return drawing(kind)(x.values, called, label=label, **looks)
    return drawing(kind)(rdms_of_rows(x.values, called, label, looks.get("limit", MOST_OBJECTS)), **looks)


def _cards(
    results: Sequence[Any], dimensions: Any, labels: Sequence[str] | None, triplets: Any,
    names: Sequence[str] | None, **looks: Any,
) -> Any:
    """Cards of dimensions; the shares of choices are those of the triplets, or of a result of `concepts`."""
    from pyalign.report.charts.gallery import top_cards

    if len(results) > 1:
        raise InputError(f"a picture of kind 'cards' takes one result; got {len(results)}")
    concepts = as_result(results[0]) if results and triplets is None else None
    if concepts is not None and not isinstance(concepts, Concepts):
        raise InputError(f"cards take the shares of a result of 'concepts'; got one of {concepts.command!r}")
    x = as_embeddings(dimensions, "dimensions")
    called = _names(x, names)
    _checks.require_rows(x.shape, "dimensions")
    shares: list[float] | None = None
    if triplets is not None:
        shares, looks["n_triplets"] = _shares_of_triplets(replace(x, names=called), triplets)
    elif concepts is not None:
        shares, looks["n_triplets"] = _shares_of_result(concepts, x.shape[1])
        looks |= {"assign": concepts.assign or "sum", "top": concepts.top or 1}
    return drawing("cards")(top_cards(x, called, labels, shares), n_objects=len(x), **looks)


def _shares_of_triplets(x: Embeddings, triplets: Any) -> tuple[list[float], int]:
    """The share of choices for which each dimension carries most of the chosen pair; and of how many choices."""
    aligned = align(x, triplets, "dimensions")
    require_odd_one_out(aligned.triplets, "the share of choices")
    codes = assigned(aligned.index, x.values).codes[:, 0]
    counts = np.bincount(codes[codes >= 0], minlength=x.shape[1])
    return (counts / len(codes)).tolist(), len(codes)


def _shares_of_result(concepts: Concepts, k: int) -> tuple[list[float], int]:
    """The share of triplets that each dimension has; and of how many."""
    of_dimensions = next((scores for scores in concepts.results if scores.by == "dimensions"), None)
    if of_dimensions is None:
        raise InputError("cards take the shares of a result of dimensions; got one of categories or levels")
    counts = [concept.n_triplets for concept in of_dimensions.concepts]
    if len(counts) != k:
        raise InputError(f"the result must have a concept for each of {k} dimensions; got {len(counts)}")
    total = of_dimensions.n_triplets or sum(counts) or 1
    return [count / total for count in counts], total


def figures(
    result: Any, *, images: Any = None, dimensions: Any = None, dimension_labels: Sequence[str] | None = None,
    names: Sequence[str] | None = None, categories: Any = None, **options: Any,
) -> dict[str, Any]:
    """name -> chart, for each picture of a result; of concepts one for each way of grouping.

    Args:
        result: a result, its document, or its `.json` file; two searches in a list for a gallery of both.
        images: of the objects, for galleries and cards.
        dimensions: (n, k), those of a result of `concepts`, which then has cards of them too.
        dimension_labels, names: of the k dimensions, of the n objects.
        categories: of the objects, for the order of RDMs.
        options: looks, see `plot`.
    """
    results = as_results(result)
    source = results[0]
    charts = dict[str, Any]()
    if (kind := default_chart(source)) is not None:
        pictures = {"images": images} if "images" in CHARTS[kind].takes else {}
        called = "concepts" if kind == "concepts-map" else kind  # of many models, in the same file
        ways: list[str | None] = [None]
        if called == "concepts":
            ways = [by for by in groupings(source) if by != "entropy"]  # which has a picture of its own
        for by in ways:
            name = called if len(ways) == 1 else f"{called}-{by}"
            charts[name] = plot(results, kind, by=by if len(ways) > 1 else None, **pictures, **options)
    for kind in charts_of(source):
        if CHARTS[kind].needs:
            more = {"categories": categories, "images": images}
            taken = {name: value for name, value in more.items() if name in CHARTS[kind].takes}
            charts[kind] = plot(results, kind, **taken, **options)
    if dimensions is not None and isinstance(source, Concepts) and "dimensions" in groupings(source):
        charts["cards"] = plot(
            source, "cards", dimensions=dimensions, dimension_labels=dimension_labels, names=names, images=images,
            **{"limit": MOST_CARDS, **options},
        )
    return charts


def as_files(charts: Mapping[str, Drawn], formats: Sequence[str] = FORMATS) -> tuple[dict[str, bytes], str]:
    """file name -> bytes, of each chart in each format; and a line on those that could not be drawn, "" where all were.
    """
    formats = _checks.sequence(formats, "formats", "formats of pictures")
    for suffix in formats:
        suffix_of_picture(f"figure.{suffix}")
    files: dict[str, bytes] = {}
    lost: list[str] = []
    reason = ""
    for name, chart, suffix in ((name, charts[name], suffix) for name in charts for suffix in formats):
        try:
            if reason and suffix != "html":  # as it would end as the one before has
                raise ChildProcessError(reason)
            files[f"{name}.{suffix}"] = rendered(chart, f".{suffix}")
        except (ChildProcessError, MemoryError) as error:
            lost.append(f"{name}.{suffix}")
            reason = str(error) or "not enough memory"
    return files, f"{listing(lost)} could not be drawn: {reason}" if lost else ""
