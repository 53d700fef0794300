"""Agreement among people, reliability of probabilities, correlations of similarity matrices."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isnan, log10

import numpy as np

from pyalign.analysis.calibration.calibration_result import Calibrations
from pyalign.pairwise.rsa_result import Rsa
from pyalign.report.blocks import Column, Table
from pyalign.report.charts.rdm import matrix_names
from pyalign.report.charts.theme import known
from pyalign.report.page.parts_html import MANY, NONE
from pyalign.report.page.sections._shared import Drawn, Labels, Row, triplet_sets
from pyalign.report.page.sources import Sources
from pyalign.report.words import one_line


def _of_sets(sources: Sources, word: str) -> list[Calibrations]:
    """The calibrations of each set of triplets, by whichever result."""
    of_each = triplet_sets(sources).results(sources.of(word))
    return [Calibrations(tuple(row for one in results for row in one)) for results, _ in of_each]


def _pairs(result: Rsa, labels: Labels) -> Table:
    """The pairs of objects of the matrices that a result keeps."""
    rdms = result.rdms
    assert rdms is not None
    upper, names = np.triu_indices(len(rdms.objects), 1), matrix_names(result, rdms, labels)
    objects = (Column(header, tuple(one_line(rdms.objects[k]) for k in side), filter=True)
               for header, side in zip(("object", "other object"), upper, strict=True))
    values = (_pairs_column(name, matrix.values) for name, matrix in zip(names, rdms.matrices, strict=False))
    rounded = ", rounded; the document has all digits" if len(upper[0]) >= MANY else ""
    return Table((*objects, *values), caption=f"The {rdms.kind} of each pair{rounded}.")


def _pairs_column(name: str, values: Sequence[float]) -> Column:
    """The values of all pairs; many are rounded to the four digits or more of the largest that two bytes hold."""
    places = 4
    if len(values) >= MANY:
        largest = float(np.nanmax(np.abs(values), initial=0.0))
        places = max(0, floor(log10((-NONE - 1) / largest))) if largest else places
        values = np.round(values, places).tolist()
    return Column(name, tuple(map(known, values)), "number", places=places, named=True)


def _figures(result: Rsa) -> list[Drawn]:
    """Objects are drawn by multidimensional scaling where all pairs of them have values."""
    of_objects = [("rdm-figure", "rdm")]
    if (rdms := result.rdms) is not None and len(rdms.objects) >= 3:
        missing = any(isnan(value) for matrix in rdms.matrices for value in matrix.values)
        of_objects += [("mds-figure", "mds")] * (not missing)
    return [("rsa-figure", "rsa"), *of_objects]


agreement = Row(
    "agreement",
    "Agreement among people",
    "No model can predict people better than people allow. The noise ceiling says how far that is; where many people "
    "answered the same triplets, a model's probabilities are held against the shares of their answers.",
    figures=(("entropy-figure", "entropy"),),
)
reliability = Row(
    "reliability",
    "Reliability of probabilities",
    "How often a model's choice is people's, by the probability that the model gives to it, at the temperature "
    "that fits people's answers best.",
    figures=(("reliability-figure", "reliability"),),
    together=_of_sets,
)
rsa = Row(
    "rsa",
    "Representational similarity",
    "Do models and people find the same pairs of objects alike? Correlations of similarity matrices over all pairs.",
    figures=_figures,
    data={"rdm": _pairs},
)
