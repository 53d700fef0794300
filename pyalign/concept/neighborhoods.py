"""Do a model's nearest neighbours agree with those of people? Over all objects, and for each concept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pyalign import _checks
from pyalign.concept.halves import LEAST
from pyalign.concept.members import members_of
from pyalign.concept.neighbor_agreement import NeighborAgreement
from pyalign.concept.neighbor_lists import (
    Lists,
    SharedNeighbors,
    chance_of_rbo,
    checked_k,
    list_length,
    neighbor_lists,
)
from pyalign.concept.neighbor_study import Study, differences_of, result_of
from pyalign.data import Provenance, as_embeddings
from pyalign.data.categories import require_names
from pyalign.errors import InputError
from pyalign.measures import Measure
from pyalign.ops.rows import match_rows
from pyalign.progress import Progress, silent
from pyalign.stats.multiple import CORRECTIONS
from pyalign.stats.resampling import or_none

REFERENCE = "against"
RESAMPLES, PERMUTATIONS = 200, 999


def compare_neighbors(
    x: object,
    against: object,
    *,
    k: int = 10,
    measure: str | Measure = "cosine",
    against_measure: str | Measure = "cosine",
    categories: object = None,
    dimensions: object = None,
    dimension_labels: Sequence[str] | None = None,
    rbo_p: float = 0.9,
    ci: str | None = "objects",
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    permutations: int = PERMUTATIONS,
    correction: str = "holm",
    seed: int = 0,
    progress: Progress = silent,
) -> NeighborAgreement:
    """How many of each object's k nearest neighbours by a model are also its nearest by people.

    Args:
        x: (n, d) embeddings, or a mapping of names to them.
        against: (n, r) the reference, such as a human embedding (SPoSE, VICE). Rows are matched by name where both have
            names.
        k: neighbours, from 1 to n - 1; of equally near ones the lower row is nearer.
        measure, against_measure: see `pyalign.similarity`. Dot products are what SPoSE and VICE predict choices by;
            their nearest neighbours are often the same few objects with long rows (`pyalign.hubs`), so that cosines are
            the default of both.
        categories: concepts as `Categories`, labels (n,) or memberships (n, c): an object may have several.
        dimensions: concepts as (n, g) numbers of at least 0: an object belongs to the dimension with its largest
            weight.
        dimension_labels: what the g dimensions are called.
        rbo_p: persistence of the rank-biased overlap, a fraction: smaller counts the first ranks more.
        ci: "objects", or None (or "none") for no intervals.
        resamples: half-samples of the objects, of the intervals.
        confidence: of the intervals, a fraction.
        permutations: relabellings of a model's objects, for p-values; 0 for none.
        correction: of p-values over concepts and over differences: "holm" or "benjamini-hochberg".
        seed: of halves and relabellings, which are the same for all models.
        progress: called with a stage, how much of it is done, and of how much.

    Returns:
        A `NeighborAgreement`. Under relabelling the mean overlap is k / (n - 1) on average, exactly; p-values are
        (1 + the number of relabellings with at least as much) / (1 + permutations). Intervals are over other objects
        like these, as many: by half-samples (`pyalign.concept.halves`), with Student's t.

    Raises:
        InputError: other objects, a k that is out of range, concepts that do not fit, unknown options.

    Source: Webber, Moffat and Zobel 2010 (rank-biased overlap); Huh et al., "The platonic representation hypothesis",
    2024 (mutual nearest neighbours).

    Example:
        >>> import pyalign
        >>> rng = np.random.default_rng(0)
        >>> people = rng.random((60, 5))
        >>> near = people + 0.1 * rng.normal(size=(60, 5))
        >>> found = pyalign.compare_neighbors({"near": near, "other": rng.normal(size=(60, 5))}, people, k=5)
        >>> found.chance == 5 / 59, found[0].overlap > 0.5, found[0].p_value, found.differences[0].p_value < 0.05
        (True, True, 0.001, True)
    """
    models = _checks.by_name(x, "x") if isinstance(x, Mapping) else {"x": x}
    if not models or REFERENCE in models:
        raise InputError(f"x must hold at least one model, none called {REFERENCE!r}; got {list(models)}")
    ci = or_none(ci)
    _check(rbo_p, ci, resamples, confidence, permutations, correction, seed)
    matched = match_rows({REFERENCE: against, **models})
    k = checked_k(k, matched.n)
    require_names(categories, matched.row_names)
    concepts = members_of(categories, dimensions, dimension_labels, matched.n, matched.names)
    rows = matched.take()
    length = list_length(k, matched.n)
    by = {name: against_measure if name == REFERENCE else measure for name in rows}
    lists = {name: neighbor_lists(rows[name], length, by[name], k) for name in rows}
    human = lists[REFERENCE].rows
    shared = {name: SharedNeighbors(lists[name].rows, human, k, rbo_p) for name in models}
    study = Study(shared, concepts, matched.n, seed)
    enough = matched.n // 2 > k
    drawn = study.halved(resamples, progress) if ci is not None and enough else None
    null = study.nulls(permutations, progress) if permutations else None
    results = tuple(result_of(study, m, drawn, null, confidence, correction, matched.names) for m in range(len(models)))
    notes = [*matched.notes, *(() if concepts is None else concepts.notes), *notes_on_lists(rows, lists, k)]
    if ci is not None and not enough:
        notes.append(f"no intervals: half of {matched.n:,} objects holds no {k} neighbours of each")
    small = [] if concepts is None else [c.concept for c in results[0].concepts or () if c.n_objects < LEAST]
    if small and ci is not None:
        told = ", ".join(small[:5]) + (", ..." if len(small) > 5 else "")
        notes.append(f"concepts of fewer than {LEAST} objects, too few for intervals: {told}")
    options = {"k": k, "measure": str(measure), "against_measure": str(against_measure), "rbo_p": rbo_p, "ci": ci,
               "resamples": resamples, "permutations": permutations, "correction": correction}  # fmt: skip
    return NeighborAgreement(
        results, () if drawn is None else differences_of(study, drawn, confidence, correction), k, str(measure),
        str(against_measure), float(rbo_p), k / (matched.n - 1), chance_of_rbo(k, matched.n, rbo_p), matched.n,
        None if concepts is None else concepts.kind, None if drawn is None else resamples,
        None if drawn is None else float(confidence), permutations or None, correction, seed,
        as_embeddings(against, REFERENCE).source, matched.names, notes=tuple(dict.fromkeys(notes)),
        provenance=Provenance.now([*models.items(), (REFERENCE, against)], options, "auto", seed),
    )  # fmt: skip


def _check(
    rbo_p: float, ci: str | None, resamples: int, confidence: float, permutations: int, correction: str, seed: int
) -> None:
    _checks.fraction(rbo_p, "rbo_p")
    if ci is not None:
        _checks.one_of(ci, ("objects",), "ci")
    _checks.whole_number(resamples, "resamples", 2)
    _checks.fraction(confidence, "confidence")
    _checks.whole_number(permutations, "permutations", 0)
    _checks.one_of(correction, tuple(CORRECTIONS), "correction")
    _checks.whole_number(seed, "seed", 0)


def notes_on_lists(rows: Mapping[str, np.ndarray], lists: Mapping[str, Lists], k: int) -> list[str]:
    """Rows of zeros, by whose cosines all others are equally near, and ties for the last place in lists of k.

    Example:
        >>> notes_on_lists({"x": np.array([[0.0], [1.0]])}, {}, 1)
        ['1 row of x is zero throughout: cosines and products with it are 0, its neighbours by them the first rows']
    """
    notes = []
    for name, x in rows.items():
        zero = int((~x.any(axis=1)).sum())
        if zero:
            told, it, its = ("row of {} is", "it", "its") if zero == 1 else ("rows of {} are", "them", "their")
            why = f"cosines and products with {it} are 0, {its} neighbours by them the first rows"
            notes.append(f"{zero:,} {told.format(name)} zero throughout: {why}")
    for name, one in lists.items():
        if one.n_tied:
            whose = f"all objects of {name}" if one.n_tied == len(one.rows) else f"{one.n_tied:,} objects of {name}"
            notes.append(f"for {whose} others are as near as neighbour {k}, but for rounding: the first rows are taken")
    return notes
