"""Representational similarity analysis: do a representation's similarities agree with people's?

Correlations of similarity matrices that are too large to be held: tile after tile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter, silent
from pyalign.backends import Array
from pyalign.data import Embeddings, Provenance, RDMs, as_embeddings, as_rdms
from pyalign.data.judgments import require_kind, require_symmetric
from pyalign.data.missing import judged_with_rows
from pyalign.data.similarities import named_models, one_or_several
from pyalign.errors import InputError
from pyalign.measures import get_measure, median_distance, with_sigma
from pyalign.ops.ranks import MOST, double_ranks
from pyalign.ops.similarity import similarity, with_exact_ends
from pyalign.pairwise.bootstrap import OVER, Correlated, Resampled, permuted_values, resample
from pyalign.pairwise.ceilings import INFLUENCES, POOLINGS
from pyalign.pairwise.closed_form import closed_form
from pyalign.pairwise.correlations import Correlation, get_correlation, rank_correlation, ratio
from pyalign.pairwise.rdms import rdms_of_study
from pyalign.pairwise.rsa_parts import (
    corrected, corrected_tests, pairs_of, results_of, undefined_notes, undefined_sums, weighted_rsa,
)
from pyalign.pairwise.rsa_result import Rsa, RsaPair, RsaResult, WeightedRsa
from pyalign.pairwise.study import (
    EXTREME, FEWEST, aligned_rows, as_dissimilarity, assumed_of, finite_rows, left_out, of_rounding, rdm_in_order,
    study_of,
)
from pyalign.stats.resampling import AUTO, BOOTSTRAP, CORRECTED, LEVEL, Inference, OverMatrices, Resampling, plan_of
from pyalign.typing import (
    BackendName, Correction, CorrelationName, EmbeddingsLike, JudgmentsLike, MatrixKind, MeasureLike, Models,
    NotNegative, Policy, Positive,
)

PARTIAL = ("spearman", "pearson")
METHODS = (CORRECTED, BOOTSTRAP)


@_checks.checked
def rsa(
    models: EmbeddingsLike | Models | None, human: JudgmentsLike, *, kind: MatrixKind | None = None,
    measure: MeasureLike | Sequence[MeasureLike] = "pearson",
    correlation: CorrelationName | Sequence[CorrelationName] = "spearman",
    matrix: Mapping[str, JudgmentsLike] | None = None, ci: OverMatrices = AUTO,
    n_permutations: Positive | None = None, pooling: str | None = None, partial: bool = False, weighted: bool = False,
    correction: Correction = "holm", nan_policy: Policy = "raise", missing: Policy = "raise", seed: NotNegative = 0,
    rdms: bool = False, backend: BackendName = "auto", progress: Progress | None = None,
) -> Rsa:
    """Correlate the similarity matrices of representations with those of participants.

    There are two quantities: `value` is the correlation with the participants' mean matrix, and `per_person` is the
    correlation with each participant's matrix, averaged over participants. The noise ceiling belongs to the second,
    which is tested against its lower bound and divided by it. Differences of models are those of either quantity.

    Args:
        models: (n, d) embeddings, or a mapping of names to them. Rows are matched with the judged objects by name,
            if both have names; otherwise row i is taken for object i. None: only `matrix`.
        human: `RDMs`, or an array: (n, n), condensed (m,), or one for each participant, (p, n, n) or (p, m); NaN
            is a pair that was not judged. Or an `RDMs` of rsatoolbox, one for each participant.
        kind: what `human` contains, "dissimilarity" or "similarity"; None: what it says itself, or its diagonal shows.
        measure: the measure of the similarity of rows, one or several; see `pyalign.similarity`. The dissimilarity is
            1 - s for cosine, pearson and rbf, and -s for distances and dot products.
        correlation: ``"spearman"``, ``"pearson"``, ``"kendall"``, ``"tau-a"``, ``"rho-a"`` or ``"cosine"``, or several.
        matrix: name -> dissimilarity matrix of a further model, such as categories; or an `RDMs` of rsatoolbox.
        ci: what intervals are over: "objects", "subjects" or "objects+subjects"; "auto": objects, and participants if
            there are matrices of several; or a `pyalign.Resampling` of these. None: no intervals. Its method is
            "corrected", the closed form of `pyalign.pairwise.closed_form` (for spearman, rho-a, pearson and cosine),
            which counts the noise of single pairs once; or "bootstrap", which is used if there is no closed form or if
            resamples are requested. Over objects and participants it is the dual bootstrap of
            `pyalign.pairwise.bootstrap`.
        n_permutations: the number of relabelings of the objects for p-values; None: no p-values.
        pooling: how participants are pooled for the noise ceiling: "ranks", "standardized", "unit" or "raw"; None: as
            the correlation requires.
        partial: whether to also report partial correlations, with the other models regressed out of the model and the
            human matrix; for spearman and pearson.
        weighted: whether to fit a non-negatively weighted sum of all models, cross-validated over objects.
        correction: how p-values of differences, and of tests against the ceiling, are corrected: "holm", or
            "benjamini-hochberg".
        nan_policy: "raise", or "omit" to leave out pairs with a row that has NaN.
        missing: "raise", or "omit" to leave out objects whose names have no row in some model.
        seed: the seed of the permutations, and of the folds of the weighted sum.
        rdms: whether the result keeps the matrices of participants (their mean) and models, for pictures; of more
            than 200 objects a sample.
        backend: the backend that computes similarities; see `pyalign.similarity`.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        An `Rsa`.

    Raises:
        InputError: kinds, shapes or names that do not match; a diagonal that shows another kind than is stated; fewer
            than three objects; an unknown option; intervals over participants without matrices of at least two; a
            correlation without a closed form.

    Source: Kriegeskorte, Mur and Bandettini, "Representational similarity analysis", 2008; Schuett et al., eLife 2023.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> rows = rng.normal(size=(12, 5))
        >>> people = 1 - np.corrcoef(rows) + 0.05 * np.abs(np.corrcoef(rng.normal(size=(12, 9))))
        >>> results = rsa(rows, people, kind="dissimilarity", n_permutations=99)
        >>> results[0].value > 0.9, results[0].p_value, results[0].n_pairs
        (True, 0.01, 66)
    """
    progress = reporter(progress)
    judged = require_kind(as_rdms(human, kind), "human")
    named, further = _models(models, matrix)
    measures: list[Any] = list(measure) if isinstance(measure, list | tuple) else [measure]
    coefficients: Any = correlation if isinstance(correlation, list | tuple) else [correlation]
    chosen = list(map(get_correlation, coefficients))
    _check(named, further, measures, chosen, judged, partial)
    plan = _plan(ci, chosen, judged)
    judged, coverage = judged_with_rows(named, further, judged, missing, FEWEST)
    if pooling is not None:
        _checks.one_of(pooling, tuple(POOLINGS), "pooling")
    provenance = Provenance.now([*named.items(), *further.items(), ("human", judged)], {
        "kind": judged.kind, "measure": [str(getattr(requested, "name", requested)) for requested in measures],
        "correlation": [coefficient.name for coefficient in chosen], "ci": None if plan is None else plan.by,
        "ci_method": _methods(chosen)[0] if plan is None else plan.method,
        "resamples": None if plan is None else plan.n_resamples, "permutations": n_permutations, "pooling": pooling,
        "partial": partial, "weighted": weighted, "correction": correction, "nan": nan_policy, "missing": missing,
    }, backend, seed)
    plain = plan is None and n_permutations is None and not (partial or weighted or rdms) and nan_policy == "raise"
    if plain and judged.n_people is None and judged.n >= FROM and {one.name for one in chosen} <= set(CORRELATIONS):
        in_parts = in_tiles(named, further, judged, measures, chosen, backend, progress)
        return replace(in_parts, correction=correction, inference=Inference(level=LEVEL, seed=seed), coverage=coverage,
                       provenance=provenance)
    study = study_of(named, further, judged, measures, nan_policy, backend)
    results, pairs, sums = list[RsaResult](), list[RsaPair](), list[WeightedRsa]()
    for coefficient in chosen:
        correlated = Correlated(study, coefficient)
        drawn = _drawn(correlated, plan, partial, pooling, progress)
        null = None if n_permutations is None else permuted_values(correlated, n_permutations, seed, progress)
        results += results_of(correlated, drawn, null, plan, pooling, partial)
        pairs += [] if drawn is None or plan is None else pairs_of(correlated, drawn, plan)
        sums += [weighted_rsa(correlated, seed, plan, correction, progress)] if weighted else []
    kept, few = rdms_of_study(study, judged.names, judged.kind) if rdms else (None, ())
    return Rsa(
        corrected_tests(results, correction), corrected(pairs, correction), judged.kind, judged.n_people,
        n_permutations, correction, judged.source, tuple(sums) if weighted else None, kept,
        inference=_inference(plan, drawn, seed), coverage=coverage, provenance=provenance,
        notes=(*study.notes, *undefined_notes(results, plan), *undefined_sums(sums), *few),
    )


def _models(models: Any, matrix: Any) -> tuple[dict[str, Embeddings], dict[str, RDMs]]:
    """Models by their rows and by their matrices, each by its name."""
    given = {} if models is None else one_or_several(models)
    rows = {name: as_embeddings(model, name) for name, model in given.items()}
    given = named_models({} if matrix is None else matrix, "matrix", "matrices")
    return rows, {name: require_kind(as_rdms(rdm, "dissimilarity", name), name) for name, rdm in given.items()}


def _check(
    models: Mapping[str, object], rdms: Mapping[str, RDMs], measures: Sequence[Any],
    chosen: Sequence[Correlation], judged: RDMs, partial: bool,
) -> None:
    if not models and not rdms:
        raise InputError("models must hold at least one model; got none")
    if not measures or not chosen:
        raise InputError("measure and correlation must be at least one each; got none")
    _checks.different(list(map(get_measure, measures)), measures, "measure")
    _checks.different(chosen, [correlation.name for correlation in chosen], "correlation")
    both = set(models) & set(rdms)
    if both:
        raise InputError(f"names in matrix must differ from those of embeddings; got {min(both)!r} twice")
    bare = [correlation.name for correlation in chosen if not correlation.centered]
    if bare and rdms and judged.kind == "similarity":
        raise InputError(f"correlation {bare[0]} compares values as they are: matrix holds dissimilarities, so human "
                         "must too; got similarities")
    if partial:
        wrong = [correlation.name for correlation in chosen if correlation.name not in PARTIAL]
        if wrong:
            raise InputError(f"partial correlations are of {' and '.join(PARTIAL)}; got {wrong[0]}")
        if len(models) * len(measures) + len(rdms) < 2:
            raise InputError("partial needs at least two models; got one")


def _drawn(
    correlated: Correlated, plan: Resampling | None, partial: bool, pooling: str | None, progress: Progress
) -> Resampled | None:
    """What intervals of one coefficient come from; None without a plan."""
    if plan is None:
        return None
    if plan.closed:
        return closed_form(correlated, plan.by, partial, pooling or correlated.correlation.pooling)
    return resample(correlated, plan.by, plan.drawn, plan.seed, partial, progress)


def _inference(plan: Resampling | None, drawn: Resampled | None, seed: int) -> Inference:
    """How intervals were found; the seed is that of permutations where no objects are drawn."""
    inference = Inference.of(plan, method=None if drawn is None else drawn.value.method)
    return replace(
        inference, level=inference.level or LEVEL, seed=seed if plan is None or plan.closed else inference.seed)


def _methods(chosen: Sequence[Correlation]) -> tuple[str, ...]:
    """How intervals of all these correlations can be found."""
    return METHODS if all(correlation.name in INFLUENCES for correlation in chosen) else (BOOTSTRAP,)


def _plan(ci: object, chosen: Sequence[Correlation], judged: RDMs) -> Resampling | None:
    """How intervals are found; raises where a closed form is asked for, or people are, and there are none."""
    without = [correlation.name for correlation in chosen if correlation.name not in INFLUENCES]
    if without and isinstance(ci, Resampling) and ci.method == CORRECTED:
        raise InputError(f"ci_method corrected is of {', '.join(INFLUENCES)}; got {without[0]}")
    plan = plan_of(ci, OVER, _methods(chosen))
    several = judged.n_people is not None and judged.n_people > 1
    if plan is not None and "subjects" in plan.by and not several:
        raise InputError(f"ci {plan.by} needs the matrices of at least two participants; human holds one")
    if plan is None or plan.by != AUTO:
        return plan
    return replace(plan, by="objects+subjects" if several else "objects")


FROM = 6000  # objects
TILE = 1 << 22  # pairs of a tile
CORRELATIONS = ("spearman", "rho-a", "pearson", "cosine")
Tiles = Callable[[int, int], np.ndarray]  # the pairs (i, j > i) of rows i in a range, row by row


def tiles_of_rows(x: Array, measure: MeasureLike, kind: str, backend: BackendName) -> Tiles:
    """The tiles of the similarities of rows, or of their dissimilarities."""
    chosen = get_measure(measure)
    if chosen.needs_sigma:
        chosen = with_sigma(chosen, median_distance(np.asarray(x)))  # one for all tiles

    def tile(first: int, last: int) -> np.ndarray:
        s = np.asarray(similarity(x[first:last], x[first:], measure=chosen, backend=backend))
        flat = with_exact_ends(np.concatenate([s[i, i + 1 :] for i in range(len(s))]), chosen)
        return flat if kind == "similarity" else as_dissimilarity(flat, chosen)

    return tile


def tiles_of_rdms(given: RDMs, name: str) -> Tiles:
    """The tiles of one matrix, whole or condensed, as it is in memory or in its file."""
    values, n = given.values, given.n
    if given.is_square:
        require_symmetric(values, name)

    def tile(first: int, last: int) -> np.ndarray:
        if given.is_square:
            pairs: np.ndarray = np.concatenate([values[i, i + 1 :] for i in range(first, last)])
        else:
            pairs = values.reshape(-1)[_start(n, first) : _start(n, last)]
        if np.isinf(pairs).any():
            raise InputError(f"{name} must be finite, or NaN where a pair was not judged; got infinity")
        return pairs

    return tile


def without_holes_of(human: Tiles, others: Sequence[Tiles]) -> Tiles:
    """The human pairs, NaN where one of other matrices has NaN too: those that all have are compared."""
    if not others:
        return human

    def tile(first: int, last: int) -> np.ndarray:
        missing = np.any([np.isnan(other(first, last)) for other in others], axis=0)
        pairs = human(first, last)
        return np.where(missing, np.nan, pairs) if missing.any() else pairs

    return tile


def _start(n: int, i: int) -> int:
    """How many pairs stand before those of row i."""
    return i * n - i * (i + 1) // 2


def _ranges(n: int) -> Iterator[tuple[int, int]]:
    first = 0
    while first < n - 1:
        last = min(n - 1, first + max(1, TILE // (n - first)))
        yield first, last
        first = last


def correlate_tiles(
    human: Tiles, model: Tiles, n: int, correlation: str, ranks: HumanRanks | None = None, progress: Progress = silent
) -> tuple[float, int]:
    """The correlation, and of how many pairs: those that were judged.

    Args:
        human, model: pairs of n objects; NaN in the first is a pair that was not judged.
        correlation: one of `CORRELATIONS`.
        ranks: of the human pairs, where they are known.
    """
    if correlation in ("spearman", "rho-a"):
        known = ranks or human_ranks(human, n, progress)
        own = _all_values(model, human, n, known.missing, progress)
        other = double_ranks(own)
        return rank_correlation(known.ranks, other, correlation), len(other)
    total, scales = Sums(), (Scale(), Scale())
    for done, (first, last) in enumerate(_ranges(n)):
        a, b = (np.asarray(tile(first, last), np.float64) for tile in (human, model))
        there = ~np.isnan(a)
        if not there.all():
            a, b = a[there], b[there]
        total = total.plus(Sums.of(scales[0].of(a), scales[1].of(b)))
        progress("tiles", done + 1, None)
    return total.cosine() if correlation == "cosine" else total.pearson(), total.count


@dataclass(frozen=True, eq=False)
class HumanRanks:
    """Doubled mean ranks int32 (m,) of the judged pairs, and whether some were not judged."""

    ranks: np.ndarray
    missing: bool


def human_ranks(human: Tiles, n: int, progress: Progress = silent) -> HumanRanks:
    """The ranks of the human pairs, which serve several models."""
    pairs = n * (n - 1) // 2
    if pairs >= MOST:
        raise InputError(f"human must be about at most 46,341 objects for ranks; got {n:,}")
    values = _all_values(human, human, n, True, progress)
    return HumanRanks(double_ranks(values), len(values) < pairs)


def _all_values(tiles: Tiles, human: Tiles, n: int, missing: bool, progress: Progress) -> np.ndarray:
    """(m,): the values of the pairs that were judged; float32 where that changes none."""
    out: np.ndarray = np.empty(n * (n - 1) // 2, np.float32)
    at = 0
    for done, (first, last) in enumerate(_ranges(n)):
        part = tiles(first, last)
        if missing:
            part = part[~np.isnan(human(first, last))]
        with np.errstate(over="ignore"):  # what float32 can't hold is not the same, and kept in float64
            narrow = part.astype(np.float32)
        if out.dtype == np.float32 and not (narrow == part).all():
            wide = np.empty(len(out))
            wide[:at] = out[:at]
            out = wide
        out[at : at + len(part)] = narrow if out.dtype == np.float32 else part
        at += len(part)
        progress("tiles", done + 1, None)
    return out[:at]


def _mean(values: np.ndarray) -> float:
    """The mean; of equal values exactly their value, so that differences from it are 0."""
    return float(values[0] if values.min() == values.max() else values.mean())


@dataclass
class Scale:
    """The power of two that values are divided by, where squares of the first tile's would not fit; 0: none."""

    exponent: int | None = None

    def of(self, values: np.ndarray) -> np.ndarray:
        """The values on that scale."""
        if self.exponent is None and values.any():
            exponent = math.frexp(float(np.abs(values).max()))[1]
            self.exponent = exponent if abs(exponent) > EXTREME else 0
        return np.ldexp(values, -self.exponent) if self.exponent else values


@dataclass(frozen=True)
class Sums:
    """Count, means, and sums of products of differences from them; and the sums of plain products."""

    count: int = 0
    mean_a: float = 0.0
    mean_b: float = 0.0
    aa: float = 0.0
    bb: float = 0.0
    ab: float = 0.0

    @classmethod
    def of(cls, a: np.ndarray, b: np.ndarray) -> Sums:
        """The sums of two lists of values."""
        if len(a) == 0:
            return cls()
        mean_a, mean_b = _mean(a), _mean(b)
        x, y = a - mean_a, b - mean_b
        products = (float(np.einsum("i,i->", left, right)) for left, right in ((x, x), (y, y), (x, y)))
        return cls(len(a), mean_a, mean_b, *products)

    def plus(self, more: Sums) -> Sums:
        """The sums of these lists followed by those of `more`; see Chan, Golub and LeVeque, 1979."""
        count = self.count + more.count
        if count == 0 or more.count == 0:
            return self
        da, db, weight = more.mean_a - self.mean_a, more.mean_b - self.mean_b, self.count * more.count / count
        return Sums(
            count, self.mean_a + da * more.count / count, self.mean_b + db * more.count / count,
            self.aa + more.aa + da * da * weight, self.bb + more.bb + db * db * weight,
            self.ab + more.ab + da * db * weight,
        )

    def pearson(self) -> float:
        """Pearson's correlation."""
        return ratio(self.ab, self.aa, self.bb)

    def cosine(self) -> float:
        """The cosine."""
        a, b = self.mean_a, self.mean_b
        return ratio(self.ab + self.count * a * b, self.aa + self.count * a * a, self.bb + self.count * b * b)


def in_tiles(
    models: Mapping[str, object], rdms: Mapping[str, RDMs], judged: RDMs, measures: Sequence[Any],
    chosen: Sequence[Correlation], backend: BackendName, progress: Progress,
) -> Rsa:
    """The results, values only, of matrices that are not held whole."""
    given, notes = aligned_rows({name: as_embeddings(x, name) for name, x in models.items()}, judged)
    rows, _ = finite_rows(given, judged.n, "raise")
    tiles = [(name, str(getattr(requested, "name", requested)),
              _named(name, tiles_of_rows(x, requested, judged.kind, backend)))
             for name, x in rows.items() for requested in measures]
    others = [(name, None, tiles_of_rdms(rdm_in_order(rdm, name, judged), name)) for name, rdm in rdms.items()]
    human = without_holes_of(tiles_of_rdms(judged, "human"), [tile for _, _, tile in others])
    sign = -1.0 if judged.kind == "similarity" else 1.0  # the matrices of models are dissimilarities
    ranked = any(correlation.pooling == "ranks" for correlation in chosen)
    ranks = human_ranks(human, judged.n, progress) if ranked else None
    results = []
    for correlation in chosen:
        for name, measure, tile in [*tiles, *others]:
            value, pairs = correlate_tiles(human, tile, judged.n, correlation.name, ranks, progress)
            value *= sign if measure is None else 1.0
            results.append(RsaResult(name, measure, correlation.name, value, None, None, None, None, judged.n, pairs,
                                     judged.n_pairs - pairs))
    of_pairs = (*assumed_of(rdms, judged), *left_out(judged.n_pairs - pairs, judged.n_pairs, bool(rdms)))
    notes = (*notes, *of_rounding(rows, measures), *of_pairs, *undefined_notes(results, None))
    return Rsa(tuple(results), (), judged.kind, None, None, "holm", judged.source, notes=notes)


def _named(name: str, tiles: Tiles) -> Tiles:
    """The tiles, whose errors say of which model they are."""

    def tile(first: int, last: int) -> np.ndarray:
        try:
            return tiles(first, last)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error

    return tile
