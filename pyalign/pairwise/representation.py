"""The measures of similarity between representations, one row each: what is made of a model, and what is compared.

Each is 1 for a model with itself, and does not change when a model is turned, mirrored or scaled as a whole. Rows are
matched one by one. To add a measure, add a row; a new family is a module with `prepare`, `score` and `nulls`.
"""

from __future__ import annotations

import math

from pyalign._dataclass import dataclass, replace
from pyalign.errors import InputError, nearest
from pyalign.measures import MEASURES

LARGEST = 1.0  # of every measure: the score of a model with itself


@dataclass(frozen=True)
class RepresentationMeasure:
    """A measure of similarity between two representations (n, d) and (n, e) of the same n items."""

    name: str  # as given to ``measure=`` and ``--measure``.
    # ``"matrix"``: a symmetric matrix (n, n) of each model, compared by its cosine; ``"neighbours"``: who is near whom;
    # ``"subspace"``: singular values of a product of features.
    family: str
    # of ``matrix`` what stands in the matrix: ``"linear"``, ``"rbf"``, ``"rdm"`` (similarities), ``"ranks"`` (of
    # those). Of the others which of the family it is.
    kernel: str
    formula: str  # for people; `pyalign cka --help` shows it.
    source: str  # where it is from.
    # of ``matrix`` what is taken off: ``"double"`` (row and column means), ``"off-diagonal"`` (the same, then the
    # diagonal is left out), ``"unbiased"`` (U-centred), ``"mean"`` (the mean of all pairs).
    centring: str = ""
    # what may stand behind a colon: ``"bandwidth"``, ``"neighbours"``, ``"dimensions"``, ``"similarity"``; or "".
    parameter: str = ""
    # that parameter; for a bandwidth a factor of the median distance, unless `absolute`.
    value: float | int | str | None = None
    absolute: bool = False
    least: int = 2  # rows that it needs.
    symmetric: bool = True  # whether the order of the two makes no difference.
    biased: bool = False  # whether independent models of many features look alike.
    text: str = ""  # the parameter as it was given, or "".

    def __str__(self) -> str:
        return f"{self.name}:{self.text}" if self.text else self.name


_KORNBLITH = "Kornblith et al., ICML 2019"
_SONG = "Song et al., JMLR 2012; Szekely and Rizzo 2014"
_KRIEGESKORTE = "Kriegeskorte et al. 2008"
_HUH = "Huh et al., ICML 2024"
_ROWS = RepresentationMeasure

REPRESENTATION_MEASURES = {
    m.name: m
    for m in (
        _ROWS("linear-cka", "matrix", "linear", "cosine of H XX' H and H YY' H", _KORNBLITH, "double", biased=True),
        _ROWS("debiased-cka", "matrix", "linear", "the same of U-centred XX' and YY'", _SONG, "unbiased", least=4),
        _ROWS("lange-cka", "matrix", "linear", "as linear-cka, of pairs of different rows",
              "Lange et al. 2023", "off-diagonal"),
        _ROWS("rbf-cka", "matrix", "rbf", "linear-cka's of exp(-|x - y|^2 / 2 s^2)", _KORNBLITH, "double",
              "bandwidth", 1.0, biased=True),
        _ROWS("debiased-rbf-cka", "matrix", "rbf", "debiased-cka's of that", _SONG, "unbiased", "bandwidth", 1.0,
              least=4),
        _ROWS("rsa-pearson", "matrix", "rdm", "Pearson's r of similarities of pairs", _KRIEGESKORTE, "mean",
              "similarity", "pearson", least=3),
        _ROWS("rsa-spearman", "matrix", "ranks", "Spearman's rho of them", _KRIEGESKORTE, "mean", "similarity",
              "pearson", least=3),
        _ROWS("mutual-knn", "neighbours", "overlap", "share of k nearest neighbours in common", _HUH,
              parameter="neighbours", value=10),
        _ROWS("cknna", "neighbours", "kernel", "debiased CKA over neighbours in common", _HUH,
              parameter="neighbours", value=10, least=4, symmetric=False),
        _ROWS("procrustes", "subspace", "procrustes", "|X'Y|_* / (|X| |Y|), columns centred",
              "Williams et al., NeurIPS 2021"),
        _ROWS("cca", "subspace", "cca", "mean canonical correlation", "Hotelling 1936", biased=True),
        _ROWS("svcca", "subspace", "svcca", "cca of the largest principal components", "Raghu et al., NeurIPS 2017",
              parameter="dimensions", value=0.99, biased=True),
        _ROWS("pwcca", "subspace", "pwcca", "canonical correlations, weighted", "Morcos et al., NeurIPS 2018",
              symmetric=False, biased=True),
    )
}


def get_representation_measure(measure: str | RepresentationMeasure) -> RepresentationMeasure:
    """The measure of that name, with the parameter behind its colon.

    Raises:
        InputError: unknown name (the message proposes the nearest), or a parameter that is none.

    Example:
        >>> get_representation_measure("rbf-cka:0.5").value, get_representation_measure("svcca:20").value
        (0.5, 20)
        >>> get_representation_measure("rbf-cka:sigma=2").absolute
        True
    """
    if isinstance(measure, RepresentationMeasure):
        return measure
    if not isinstance(measure, str):
        raise InputError(f"measure must be one of {', '.join(REPRESENTATION_MEASURES)}; got {measure!r}")
    name, colon, text = measure.partition(":")
    if name not in REPRESENTATION_MEASURES:
        hint = "; separate measures by spaces" if "," in name else nearest(name, REPRESENTATION_MEASURES)
        raise InputError(f"measure must be one of {', '.join(REPRESENTATION_MEASURES)}; got {name!r}{hint}")
    registered = REPRESENTATION_MEASURES[name]
    if not colon:
        return registered
    if not registered.parameter:
        raise InputError(f"measure {name!r} takes no parameter; got {measure!r}")
    value, absolute = _PARAMETERS[registered.parameter](name, text)
    return replace(registered, value=value, absolute=absolute, text=text)


def _bandwidth(name: str, text: str) -> tuple[float, bool]:
    word, equals, number = text.partition("=")
    value = _number(number if equals else text)
    if not (math.isfinite(value) and value > 0) or (equals and word != "sigma"):
        rule = f"a positive factor of the median distance, or sigma=S; got {text!r}"
        raise InputError(f"bandwidth of {name} must be {rule}")
    return value, bool(equals)


def _neighbours(name: str, text: str) -> tuple[int, bool]:
    least = 2 if name == "cknna" else 1
    if not (text.isdecimal() and int(text) >= least):
        raise InputError(f"neighbours of {name} must be a whole number of at least {least}; got {text!r}")
    return int(text), False


def _dimensions(name: str, text: str) -> tuple[float | int, bool]:
    if text.isdecimal() and int(text) >= 1:
        return int(text), False
    value = _number(text)
    if not 0 < value < 1:
        raise InputError(f"dimensions of {name} must be a whole number, or a share of the variance; got {text!r}")
    return value, False


def _similarity(name: str, text: str) -> tuple[str, bool]:
    if text.partition(":")[0] not in MEASURES:
        raise InputError(f"similarity of {name} must be one of {', '.join(MEASURES)}; got {text!r}")
    return text, False


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


_PARAMETERS = {"bandwidth": _bandwidth, "neighbours": _neighbours, "dimensions": _dimensions, "similarity": _similarity}
