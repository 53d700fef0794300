"""A map before and after, on every set at hand: what it wins on one kind of data it can lose on another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field, replace
from pyalign._process import Progress, reporter
from pyalign.analysis.comparison.compare import compare
from pyalign.analysis.score import seen_by
from pyalign.backends import BACKENDS
from pyalign.concept.neighbor_lists import checked_k
from pyalign.data import Categories, Embeddings, Provenance, RDMs, Transform, Triplets, as_embeddings
from pyalign.data.align import align
from pyalign.data.judgments import as_rdms, is_rdms
from pyalign.data.triplets import as_triplet_data
from pyalign.datasets.dataset import DataSet
from pyalign.documents import Estimate, Interval
from pyalign.errors import InputError
from pyalign.map_transfer.transfer_result import ACCURACY, RSA, VOTES, LeftOut, NearestFigures, Transfer, TransferFigure
from pyalign.measures import get_measure
from pyalign.ops.similarity import match_rows
from pyalign.pairwise.rsa import rsa
from pyalign.stats.intervals import half_samples
from pyalign.stats.resampling import AUTO, IntervalsOver, Resampling, as_resampling, record_of
from pyalign.typing import BackendName, CategoriesLike, EmbeddingsLike, MeasureLike, Policy

BEFORE = "before the map"
WITHIN = "categories"
FEWEST = 3  # triplets, or pairs, within categories


@_checks.checked
def transfer(
    embeddings: EmbeddingsLike, maps: Transform | Mapping[str, Transform], on: Any, *,
    categories: CategoriesLike | None = None, k: int = 10, measure: MeasureLike | None = None, ci: IntervalsOver = AUTO,
    missing: Policy = "raise", backend: BackendName = "auto", progress: Progress | None = None,
) -> Transfer:
    """Compare embeddings before and after linear maps: agreement with people on several sets, and neighbors.

    Args:
        embeddings: (n, d) embeddings.
        maps: a `Transform`, or a mapping of names to several.
        on: triplets, `RDMs`, or a `DataSet`, of which triplets, judgments and categories are taken as far as it
            has them; or several, by name. An empty mapping leaves the figures without people.
        categories: of the objects, as `Categories.of` takes them; None: those of the first data set that has some.
            Within categories, only triplets of three objects, and pairs of two objects, that share one are counted.
        k: the number of neighbors.
        measure: of all figures; None: for triplets the cosine before, and after a map the measure that it was fitted
            for, if its file says so; Pearson's for similarity matrices; the cosine for neighbors.
        ci: what intervals are over, as in `pyalign.compare`; neighbors have intervals over objects. None: none.
        missing: "raise", or "omit" for triplets and pairs of items without a row.
        backend: see `pyalign.score`.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        A `Transfer`. Differences are paired: over the same triplets as `pyalign.compare`, over the same pairs as
        `pyalign.rsa`, over the same objects. Sets that don't fit the embeddings, and figures that a
        set can't give, are in `left_out` with the reason.

    Raises:
        InputError: a map for another number of features; sets of another type; k; no figure that can be computed.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(40, 4))
        >>> stretch = Transform(np.diag([2.0, 1.0, 1.0, 0.0]), None, 0.0, 1.0)
        >>> human = RDMs(np.corrcoef(x * [1, 1, 1, 0]), "similarity")
        >>> result = transfer(x, stretch, human, k=3)
        >>> [(row.figure, row.difference > 0) for row in result.figures]
        [('rsa', True), ('neighbors kept', False)]
    """
    progress = reporter(progress)
    x = as_embeddings(embeddings)
    if measure is not None:
        get_measure(measure)
    if not isinstance(maps, Transform | Mapping):
        raise InputError(f"maps must be a Transform, or map names to several; got {type(maps).__name__}")
    on = _by_name(on)
    named = {"map": maps} if isinstance(maps, Transform) else _checks.by_name(maps, "maps")
    for name, one in named.items():
        if not isinstance(one, Transform):
            raise InputError(f"maps must hold pyalign.Transform; got {type(one).__name__} for {name!r}")
        if name == BEFORE:
            raise InputError(f"maps must have other names than {BEFORE!r}")
    if not named:
        raise InputError("maps must be at least one; got none")
    mapped = {name: _mapped(x, one, name) for name, one in named.items()}
    sets = [part for name, given in _checks.by_name(on, "on").items() for part in _parts(name, given)]
    k, plan = checked_k(k, len(x)), as_resampling(ci)
    _checks.one_of(backend, ("auto", *BACKENDS), "backend")
    of_all = None if categories is None else Categories.of(categories)
    work = _Work({BEFORE: x, **mapped}, named, measure, plan, missing, backend, k, progress)
    for part in sets:
        work.of_set(part, of_all)
    work.of_neighbors(of_all or next((part.categories for part in sets if part.categories is not None), None))
    if not work.figures:
        raise InputError("; ".join(out.note for out in work.left_out))
    sources = [(name, one) for name, one in on.items() if not isinstance(one, DataSet)]
    options = {"k": k, "measure": None if measure is None else str(measure), "missing": missing, "ci": record_of(plan)}
    return Transfer(
        tuple(work.figures), tuple(work.left_out), tuple(named), tuple(map(str, work.measures.values())),
        str(measure or "pearson"), str(measure or "cosine"), k, len(x),
        None if plan is None else float(plan.confidence_level), 0 if plan is None else plan.seed, x.source,
        notes=tuple(dict.fromkeys((*_warnings(work.figures), *work.notes, *(out.note for out in work.left_out)))),
        provenance=Provenance.now([("embeddings", x), *sources], options, backend, None if plan is None else plan.seed),
    )


def _by_name(on: Any) -> dict[str, Any]:
    """The sets by their names; one by what it is."""
    if isinstance(on, DataSet):
        return {on.name: on}
    if not isinstance(on, Mapping):
        judged = isinstance(on, RDMs) or is_rdms(on)
        on = {"judgments": on} if judged else {"triplets": as_triplet_data(on)}
    return {name: as_rdms(given) if is_rdms(given) else given for name, given in on.items()}


def _mapped(x: Embeddings, transform: Transform, name: str) -> Embeddings:
    try:
        mapped: Embeddings = transform.apply(x)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    return mapped


@dataclass(frozen=True)
class _Set:
    """What one set has; what can't be read is a function that raises."""

    name: str
    triplets: Callable[[], Triplets] | None = None
    human: Callable[[], RDMs] | None = None
    categories: Categories | None = None


def _parts(name: str, given: Any) -> Iterator[_Set]:
    if isinstance(given, DataSet):
        categories = _categories_of(given)
        if "triplets" in given.parts:
            yield _Set(name, triplets=given.triplets, categories=categories)
        for key in given.parts.get("judgments", ()) or ((None,) if "judgments" in given.parts else ()):
            called = name if key is None else f"{name}::{key}"
            yield _Set(called, human=lambda key=key: given.judgments(key), categories=categories)  # type: ignore[misc]
        if not {"triplets", "judgments"} & {*given.parts}:
            raise InputError(f"on must hold sets with triplets or judgments; {name} has {', '.join(given.parts)}")
    elif isinstance(given, RDMs):
        yield _Set(name, human=lambda: as_rdms(given))
    else:
        yield _Set(name, triplets=lambda: as_triplet_data(given, name))


def _categories_of(given: DataSet) -> Categories | None:
    if "categories" not in given.parts:
        return None
    try:
        keys = given.parts["categories"]
        return given.categories(keys[0] if keys else None)
    except (InputError, OSError):
        return None


@dataclass(eq=False)
class _Work:
    """What the figures are computed from, and what has been found."""

    models: Mapping[str, Embeddings]  # the rows as they are, as `BEFORE`, and by each map.
    maps: Mapping[str, Transform]
    measure: MeasureLike | None
    plan: Resampling | None
    missing: Policy
    backend: BackendName
    k: int
    progress: Progress
    figures: list[TransferFigure] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def x(self) -> Embeddings:
        """The rows as they are."""
        return self.models[BEFORE]

    @property
    def measures(self) -> dict[str, Any]:
        """The measure of triplets of each model: that which was asked for, or of its map's fit."""
        own = {name: "cosine" if one.trained is None else one.trained.measure for name, one in self.maps.items()}
        return {name: self.measure or own.get(name, "cosine") for name in self.models}

    def of_set(self, part: _Set, of_all: Categories | None) -> None:
        """The figures of one set: over all of it, and within categories."""
        categories = part.categories if of_all is None else of_all
        figure = ACCURACY if part.triplets is not None else RSA
        try:
            of_triplets = part.triplets is not None
            given: Any = part.triplets() if part.triplets is not None else part.human and part.human()
            compute: Any = self._accuracies if of_triplets else self._correlations
            self.figures += compute(part.name, given, None)
        except (InputError, OSError) as error:
            self.left_out.append(LeftOut(part.name, figure, _reason(error)))
            return
        try:
            if categories is None:
                raise InputError("there are no categories of its objects")
            self.figures += compute(part.name, _within(given, categories, self.x), WITHIN)
        except InputError as error:
            self.left_out.append(LeftOut(part.name, f"{figure} within categories", _reason(error)))

    def _accuracies(self, name: str, triplets: Triplets, within: str | None) -> Iterator[TransferFigure]:
        comparison = compare(
            self.models, triplets, measure=self.measures, missing=self.missing, backend=self.backend, ci=self.plan,
            baseline=BEFORE, progress=self.progress,
        )
        of = {model.model: model for model in comparison.models}
        if within is None:
            self.notes += [f"{name}: {note}" for note in comparison.notes]
            for called, transform in self.maps.items():
                aligned = align(self.x, triplets) if self.missing == "raise" else None
                seen = () if aligned is None else seen_by(transform, aligned)[1]
                self.notes += [f"{name}, {called}: {note}" for note in seen]
        return iter([
            TransferFigure(
                pair.a, name, ACCURACY, within, None, comparison.n_triplets,
                Estimate(of[BEFORE].accuracy, of[BEFORE].ci), Estimate(of[pair.a].accuracy, of[pair.a].ci),
                pair.difference, pair.ci, pair.p_value,
            )
            for pair in comparison.pairs
        ])

    def _correlations(self, name: str, human: RDMs, within: str | None) -> Iterator[TransferFigure]:
        plan = self.plan
        correlated = rsa(
            self.models, human, measure=self.measure or "pearson", missing=self.missing, backend=self.backend,
            ci=None if plan is None else replace(plan, by=AUTO if human.n_people is None else plan.by),
            progress=self.progress,
        )
        of = {row.embeddings: row for row in correlated.results}
        if within is None:
            self.notes += [f"{name}: {note}" for note in correlated.notes]
            self.notes += [
                f"{name}, {of_map}: {note}" for of_map, one in self.maps.items() for note in _seen(one, human)
            ]
        pairs = {pair.b: pair for pair in correlated.pairs if pair.a == BEFORE}
        figures = []
        for called in self.maps:
            before, after, pair = of[BEFORE], of[called], pairs.get(called)
            if not np.isfinite(before.value):
                raise InputError("the correlation is not defined")
            if not np.isfinite(after.value):  # of this map, such as one that takes all rows to one point
                figure = RSA if within is None else f"{RSA} within {within}"
                self.left_out.append(LeftOut(name, f"{figure} after {called}", "the correlation is not defined"))
                continue
            ci = None if pair is None or pair.ci is None else _turned(pair.ci)
            figures.append(TransferFigure(
                called, name, RSA, within, None, after.n_pairs, Estimate(before.value, before.ci),
                Estimate(after.value, after.ci), after.value - before.value, ci, None if pair is None else pair.p_value,
            ))
        return iter(figures)

    def of_neighbors(self, categories: Categories | None) -> None:
        """Neighbors kept and k-NN accuracy of the rows by themselves."""
        members: np.ndarray | None = None
        labels: tuple[str, ...] = ()
        matched = match_rows(self.models)
        try:
            if categories is None:
                raise InputError("there are no categories of the objects")
            members, labels = categories.of_rows(matched.n, matched.names), categories.labels
        except InputError as error:
            self.left_out.append(LeftOut("", VOTES, _reason(error)))
        rows, plan = matched.take(), None
        seen = {name: self._kept_by(name, rows[BEFORE], matched.names) for name in self.maps}
        chosen = self._unseen(seen, matched.n)
        members = None if members is None else members[chosen]
        if self.plan is not None and len(chosen) // 2 > self.k:
            confidence = self.plan.confidence_level
            plan = half_samples(Resampling("objects", confidence_level=confidence, seed=self.plan.seed))
        elif self.plan is not None:
            self.notes.append(f"no intervals of neighbors: half of {matched.n:,} objects holds no {self.k} of each")
        order = np.argsort(np.argsort(matched.order)[chosen])
        nearest = NearestFigures(members, labels, self.k, self.measure or "cosine", plan, order, len(seen))
        for name, mask in seen.items():
            known = nearest.of(name, rows[BEFORE][chosen], rows[name][chosen])
            of_fit = None if mask is None else int(mask[chosen].sum())
            self.figures += [replace(figure, in_sample=of_fit) for figure in known]

    def _kept_by(self, name: str, rows: np.ndarray, names: tuple[str, ...] | None) -> np.ndarray | None:
        """The rows whose neighbors a map was fitted to keep; None where its file says nothing about that."""
        trained = self.maps[name].trained
        if trained is not None and trained.kept is not None:
            return trained.kept.shared(rows, names)
        self.notes.append(f"neighbors, {name}: the map does not say whose it was to keep: whether in-sample is unknown")
        return None

    def _unseen(self, seen: Mapping[str, np.ndarray | None], n: int) -> np.ndarray:
        """The numbers of the objects that no map was fitted to keep; of all n where those are too few."""
        masks = {name: mask for name, mask in seen.items() if mask is not None and mask.any()}
        rest = np.flatnonzero(~np.any([np.zeros(n, bool), *masks.values()], axis=0))
        enough = len(rest) // 2 > self.k
        done = f"these are left out, and figures are of {len(rest):,} others" if enough else "figures are too high"
        self.notes += [f"neighbors, {name}: the map was fitted to keep those of {mask.sum():,} of {n:,} objects, "
                       f"in-sample: {done}" for name, mask in masks.items()]
        return rest if enough or not masks else np.arange(n)


def _seen(transform: Transform, human: RDMs) -> Iterator[str]:
    """What of the judged objects the fit of a map has seen, by their names."""
    trained = transform.trained
    if trained is not None and trained.names is not None and human.names is not None:
        share = len({*trained.names} & {*human.names}) / len(human.names)
        if share:
            yield f"in-sample: the fit of the map has seen {100 * share:.3g}% of these objects"
    else:
        yield from transform.notes


def _turned(ci: Interval) -> Interval:
    """The interval of a difference taken the other way round."""
    return replace(ci, low=-ci.high, high=-ci.low)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())


def _within(given: Triplets | RDMs, categories: Categories, x: Embeddings) -> Triplets | RDMs:
    """The triplets, or the pairs, whose objects all share a category."""
    if isinstance(given, RDMs):
        members = categories.of_rows(given.n, given.names if given.names is not None else x.names)
        together = members.astype(np.int64) @ members.T.astype(np.int64) > 0
        kept = int(np.triu(together, 1).sum())
        if kept < FEWEST:
            raise InputError(f"{kept} of its pairs are of one category, and a correlation needs {FEWEST}")
        values = np.where(together, given.matrices(), np.nan)
        return replace(given, values=values)
    names = given.names if given.names is not None else x.names
    index = np.asarray(given.values)
    members = categories.of_rows(len(names) if names is not None else len(x), names)
    shared = (members[index[:, 0]] & members[index[:, 1]] & members[index[:, 2]]).any(axis=1)
    if int(shared.sum()) < FEWEST:
        raise InputError(f"{int(shared.sum())} of its triplets are of one category, and a comparison needs {FEWEST}")
    subset: Triplets = given[np.flatnonzero(shared)]
    return subset


def _warnings(figures: list[TransferFigure]) -> Iterator[str]:
    """Where a map gains over all of a set and loses within categories, or loses neighbors' categories."""
    within = {(row.map, row.on, row.figure): row for row in figures if row.within is not None}
    for row in figures:
        inside = within.get((row.map, row.on, row.figure))
        if row.within is None and inside is not None and inside.difference < 0 < row.difference:
            how = "more than its interval" if inside.ci is not None and inside.ci.high < 0 else "within its interval"
            yield f"{row.map} raises {row.figure} on {row.on} and lowers it within categories ({how})"
        if row.figure == VOTES and row.category is None and row.ci is not None and row.ci.high < 0:
            yield f"{row.map} lowers the k-NN accuracy of categories"
