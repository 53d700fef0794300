"""What is shown of several results together, or of more than results: pages, and charts with options."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from every_document import LABELS, METADATA, NAMES, inputs

import pyalign
from pyalign._result import read_result
from pyalign.study.maker import FAILED, MADE, REUSED, TO_DO

from .shown import drawn, page_of, specification_text, tables_of


def texts_together(documents):
    """title -> function that gives its texts, by titles of their own. `documents`: name -> document."""

    def of(prefix, *names):
        return [documents[f"{prefix}{name}"] for name in names]

    every = [one for name, one in documents.items() if name.startswith("every: ")]
    pictured = ("concepts", "neighbors", "neighbors after", "neighborhoods", "failures")
    return {
        "every kind": lambda: page_of(every, metadata=METADATA, title="All of them"),
        "with images": lambda: page_of(of("every: ", *pictured), images=_images()),
        "the sample": lambda: page_of(of("sample: ", "score", "compare", "calibrate", "probe")),
        "real data": lambda: page_of(of("real: ", "score", "compare", "agreement", "ceiling")),
        "files, of which some are damaged": lambda: _page_of_files(of("every: ", "score", "extract")),
        "a study that has just run": lambda: tables_of(_study(documents["every: study"])),
    } | {f"chart: {title}": lambda make=make: {"chart": make()} for title, make in _charts(of).items()}


def _page_of_files(documents):
    with tempfile.TemporaryDirectory() as folder:
        texts = [
            *map(json.dumps, documents),
            "{",
            json.dumps({"command": "score"}),
            json.dumps(documents[0] | {"results": 1}),
        ]
        for number, text in enumerate(texts):
            Path(folder, f"{number}.json").write_text(text)
        found = page_of([folder, Path(folder, "0.json"), Path(folder, "none.json")])
        return {title: text.replace(folder, "FOLDER") for title, text in found.items()}


def _study(document):
    """What no document holds: how each step came about, and how long that took."""
    found = read_result(document, "study")
    made, reused = (replace(found.steps[0], how=how, seconds=1.25) for how in (MADE, REUSED))
    failed = replace(made, name="cka", status=FAILED, reason="two lines\nof a reason")
    return replace(found, steps=(made, reused, failed, replace(failed, name="rsa", status=TO_DO)), folder="out")


def _images():
    from pyalign.extraction.images import as_images

    return as_images([np.full((8, 8, 3), 6 * k, np.uint8) for k in range(len(NAMES))], names=NAMES)


def _charts(of):
    """title -> function that gives the text of a chart."""
    human, models, answers, _ = inputs()
    kinds = pyalign.Categories.of([f"kind {k % 3}" for k in range(len(NAMES))], names=NAMES)
    named = pyalign.Embeddings(human, NAMES, "human.npy")
    scores, compared, ceiling = of("every: ", "score", "compare", "ceiling")
    concepts, found, after = of("every: ", "concepts", "neighbors", "neighbors after")

    def plotted(*arguments, **options):
        return specification_text(pyalign.plot(*arguments, **options).to_dict())

    return {
        "a comparison and a ceiling": lambda: drawn([compared, ceiling]),
        "scores and a ceiling, dark": lambda: drawn([scores, ceiling], style="dark", width="single"),
        "groups": lambda: drawn(of("", "score over objects"), "accuracy", by="groups"),
        "before and after of several probes": lambda: drawn(of("", "every: probe", "sample: probe"), "before-after"),
        "reliability of several results": lambda: drawn(of("", "every: calibrate", "sample: calibrate")),
        "reliability in bins of equal width": lambda: drawn(of("every: ", "calibrate"), by="equal-width"),
        "correlations of several results": lambda: drawn(of("", "every: rsa", "real: rsa")),
        "similarities by the second measure": lambda: drawn(of("every: ", "cka"), by="linear-cka", sort="name"),
        "concepts by categories": lambda: drawn([concepts], "concepts", by="categories", limit=2),
        "concepts in the order of the document": lambda: drawn([concepts], "concepts-map", sort="document"),
        "metadata by text": lambda: drawn(of("every: ", "metadata"), by="objective"),
        "two searches": lambda: plotted([found, after], categories=kinds),
        "a search with images": lambda: plotted(found, images=_images(), queries=["object 1"]),
        "cards with shares": lambda: plotted(dimensions=named, dimension_labels=LABELS, triplets=answers),
        "cards of a result": lambda: plotted(concepts, "cards", dimensions=named, dimension_labels=LABELS),
        "a map": lambda: plotted(embeddings=next(iter(models.values())), categories=kinds),
    }
