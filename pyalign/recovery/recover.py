"""Model recovery: choices are simulated from each model, all models are fitted to them, and the best is selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter
from pyalign.analysis.notes import merged, notes_on_rows
from pyalign.data import Provenance, align_models, require_answers, require_one_answer_each, require_unweighted
from pyalign.data.align import named_rows
from pyalign.data.missing import with_rows
from pyalign.data.similarities import named_models
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.fitting.algebra import valid_triplets
from pyalign.measures import get_measure
from pyalign.ops.similarity import notes_on_similarities
from pyalign.probing.parameters import ProbeOptions, as_penalties
from pyalign.recovery.recovered import Counts, RateAtSize, RecoveredModel, Recovery, Simulations, along_sizes, needed
from pyalign.recovery.refits import ByProbe, ByTemperature, Pool
from pyalign.stats.intervals import share_interval
from pyalign.typing import (
    AtLeastTwo, BackendName, Fraction, MeasureLike, Models, NotNegative, Penalties, Policy, Positive, TripletsLike,
)

SIMULATIONS = {"temperature": 100, "probe": 10}
MOST = 2_000_000  # triplets that are drawn of themselves
DOUBLES, ENOUGH = 16, 100_000  # ... and no more than so many times the study, but for one that is small
SMALLEST = 2  # triplets, of a size


@dataclass(frozen=True)
class _Settings:
    """The options of one call, checked but for the names of models."""

    refit: str
    simulations: int
    n_triplets: tuple[int, ...] | None
    most: int | None
    target: float
    confidence: float
    folds: int
    penalties: object
    probe: ProbeOptions
    seed: int
    missing: Policy
    backend: BackendName
    progress: Progress


@_checks.checked
def recover(
    models: Models, triplets: TripletsLike, *, measure: MeasureLike | Mapping[str, MeasureLike] = "cosine",
    temperature: float | Mapping[str, float] | None = None, refit: Literal["temperature", "probe"] = "temperature",
    n_simulations: Positive | None = None, n_triplets: Sequence[int] | None = None,
    most_triplets: AtLeastTwo | None = None, target: Fraction = 0.95, confidence_level: Fraction = 0.95,
    folds: AtLeastTwo = 3, penalties: Penalties = "auto", probe: ProbeOptions | None = None,
    seed: NotNegative = 0, missing: Policy = "raise", backend: BackendName = "auto",
    progress: Progress | None = None,
) -> Recovery:
    """Estimate whether these triplets can distinguish these models, and how many triplets it would take.

    Choices are simulated from each model in turn, with ``p(pair) = softmax(s / temperature)``. All models are then
    fitted to these choices, and the best one is selected. The recovery rate is the proportion of simulations in which
    the selected model is the one that generated the choices.

    Args:
        models: at least two models, as a mapping of names to (n, d) embeddings of the same n items. Embeddings with
            names are matched by name; all others must have their rows in the same order.
        triplets: (t, 3) integers in [0, n), or names. The recorded choices are used only to fit the temperatures.
        measure: the similarity measure by which models choose and are compared, see `pyalign.similarity`; or a mapping
            of names to measures.
        temperature: the temperature at which choices are simulated, or a mapping of names to temperatures. None: for
            each model the temperature that fits the recorded choices best, so that simulated participants are as
            consistent as the real ones are under that model.
        refit: ``"temperature"``: a temperature is fitted to each model, and the model with the highest likelihood on
            the same triplets is selected; all models have one parameter. ``"probe"``: a linear map is fitted to each
            model, with dot products as similarities, and models are compared on triplets of held-out objects.
        n_simulations: the number of simulations for each model and number of triplets; None: 100 for temperatures, 10
            for probes.
        n_triplets: the numbers of triplets to try. Sizes up to t are random subsets, a new one for each simulation; for
            larger sizes, further triplets of the same objects are drawn at random. None: for temperatures t, repeated
            halves of t, and repeated doubles of t until the target is reached; for probes t, t / 2 and t / 4.
        most_triplets: the largest size that is tried if `n_triplets` is None; None: the larger of 16 t and 100,000, but
            at most 2,000,000.
        target: the recovery rate to reach, a fraction.
        confidence_level: the confidence level of the intervals, a fraction.
        folds: the number of folds over objects, for probes. Triplets with objects on both sides of a fold are left out.
        penalties: the penalties that probes choose from, see `pyalign.cross_validate_probe`. The penalty is chosen by
            inner folds for each pair of a generating and a fitted model, on choices simulated only for this purpose. A
            single number is used without a search.
        probe: the other options of the probes; None: the defaults.
        seed: the seed of all random draws; results do not depend on the number of threads.
        missing: see `pyalign.score`.
        backend: see `pyalign.similarity`; fits run on the host.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        A `Recovery`: the confusion matrix, the recovery rate with an interval over simulations, and the rate as a
        function of the number of triplets.

    Raises:
        InputError: as `pyalign.score`; fewer than two models, or models of different items; a model that agrees with
            participants no better than chance while `temperature` is None; counts or proportions of several answers;
            sizes below 2; folds without triplets on one side.
        MissingExtraError: scipy, which probes need, is not installed.

    Source: Avitan and Golan, "Model-behavior alignment under flexible evaluation: when the best-fitting model isn't the
    right one", NeurIPS 2025 (arXiv 2510.23321).

    Example:
        >>> from pyalign.datasets.simulate import random_embeddings, simulate
        >>> models = {"first": random_embeddings(40, 8), "second": random_embeddings(40, 8, seed=1)}
        >>> triplets = simulate(models["first"], 2000).triplets
        >>> recovery = recover(models, triplets, temperature=0.1, n_simulations=20)
        >>> recovery.confusion, recovery.n_needed < 200
        (((1.0, 0.0), (0.0, 1.0)), True)
    """
    progress = reporter(progress)
    models = named_models(models)
    if len(models) < 2:
        raise InputError(f"models must be at least two; got {len(models)}")
    as_penalties(penalties)
    if probe is not None and not isinstance(probe, ProbeOptions):
        raise InputError(f"probe must be a ProbeOptions; got {type(probe).__name__}")
    settings = _Settings(
        refit, n_simulations or SIMULATIONS[refit], _checked_sizes(n_triplets), most_triplets, target, confidence_level,
        folds, penalties, probe or ProbeOptions(), seed, missing, backend, progress,
    )
    measures = {name: get_measure(chosen) for name, chosen in _by_name(measure, models, "measure").items()}
    stated = None if temperature is None else _temperatures(temperature, models)
    present = with_rows(models, triplets, missing)
    aligned = align_models(models, present.triplets)
    require_one_answer_each(aligned.triplets, "recover")
    require_unweighted(aligned.triplets, "recover")
    if stated is None:
        require_answers(aligned.triplets, "recover without a temperature")
    progress("similarities", 0, None)
    rows, index = named_rows(replace(aligned, index=valid_triplets(aligned.index, aligned.n_items)))
    of_rows = {name: x[rows] for name, x in aligned.models.items()}
    pool = Pool(of_rows, index, measures, aligned.triplets.task, backend, settings.seed)
    temperatures = pool.fitted_temperatures() if stated is None else stated
    simulated = _simulations(pool, temperatures, settings)
    counts = along_sizes(simulated, _sizes(settings, pool.n_given), settings.target, _most(settings, pool.n_given))
    kept = Kept(settings.simulations, settings.target, settings.confidence, settings.seed)
    recovery = summarized(counts, pool, temperatures, kept)
    row_notes = [notes_on_rows(x, aligned, name) for name, x in aligned.models.items()]
    row_notes += [notes_on_similarities(x, aligned.index, measures[name], name) for name, x in aligned.models.items()]
    return replace(
        recovery,
        refit=refit,
        folds=settings.folds if refit == "probe" else None,
        temperatures="fitted" if stated is None else "given",
        triplets=aligned.triplets.source,
        coverage=present.coverage,
        notes=merged(aligned.notes, *row_notes, recovery.notes),
        provenance=_provenance(settings, pool, temperatures, {**models, "triplets": aligned.triplets}),
    )


def _checked_sizes(sizes: object) -> tuple[int, ...] | None:
    if sizes is None:
        return None
    numbers = _checks.sequence(sizes, "n_triplets", "numbers of triplets")
    if not numbers:
        raise InputError(f"n_triplets must be numbers of triplets; got {sizes!r}")
    return tuple(_checks.whole_number(size, "n_triplets", SMALLEST) for size in numbers)


def _by_name(values: Any, models: Mapping[str, object], what: str) -> dict[str, Any]:
    """A value for each model, from one value for all or from a mapping."""
    if not isinstance(values, Mapping):
        return dict.fromkeys(models, values)
    values = _checks.by_name(values, what)
    lacking = [name for name in models if name not in values]
    unknown = [name for name in values if name not in models]
    if lacking or unknown:
        problem = f"it lacks {lacking[0]!r}" if lacking else f"{unknown[0]!r} is no model"
        raise InputError(f"{what} must name each model; {problem}")
    return {name: values[name] for name in models}


def _temperatures(temperature: Any, models: Mapping[str, object]) -> tuple[float, ...]:
    return tuple(_checks.as_temperature(value) for value in _by_name(temperature, models, "temperature").values())


def _simulations(pool: Pool, temperatures: tuple[float, ...], settings: _Settings) -> Simulations:
    if settings.refit == "temperature":
        return Simulations(
            pool, temperatures, ByTemperature(pool), settings.simulations, settings.seed, settings.progress
        )
    probes = ByProbe(pool, settings.probe, settings.folds, settings.penalties, settings.seed, settings.progress)
    simulated = Simulations(pool, temperatures, probes, settings.simulations, settings.seed, settings.progress)
    probes.choose(simulated.answers(slice(0, pool.n_given), 0))
    return simulated


def _sizes(settings: _Settings, t: int) -> tuple[int, ...] | None:
    if settings.n_triplets is not None or settings.refit == "temperature":
        return settings.n_triplets
    return tuple(size for size in (t // 4, t // 2, t) if size >= SMALLEST)


def _most(settings: _Settings, t: int) -> int:
    return min(max(DOUBLES * t, ENOUGH), MOST) if settings.most is None else settings.most


def _provenance(
    settings: _Settings, pool: Pool, temperatures: tuple[float, ...], inputs: Mapping[str, object]
) -> Provenance:
    measures = [str(measure) for measure in pool.measures.values()]
    options: dict[str, Any] = {"measure": measures, "temperature": list(temperatures), "refit": settings.refit}
    options |= {"simulations": settings.simulations, "n_triplets": settings.n_triplets, "target": settings.target}
    options["missing"] = settings.missing
    if settings.refit == "probe":
        options |= {"folds": settings.folds, "penalties": settings.penalties, "probe": settings.probe.to_dict()}
    return Provenance.now(inputs, options, pool.host.name, settings.seed)


@dataclass(frozen=True)
class Kept:
    """The options that the result tells."""

    simulations: int
    target: float
    confidence: float
    seed: int

    def interval(self, rate: float, n: int) -> Interval:
        """The interval of a rate of n simulated data sets."""
        return share_interval(rate, n, self.confidence, "simulations")


def summarized(counts: Sequence[Counts], pool: Pool, temperatures: Sequence[float], kept: Kept) -> Recovery:
    """The result, of refits by temperatures that were fitted; counts: by sizes, ascending."""
    t, m = pool.n_given, len(temperatures)
    curve = tuple(
        RateAtSize(count.size, count.rate, kept.interval(count.rate, m * count.simulations), max(0, count.size - t))
        for count in counts
    )
    whole = next((count for count in counts if count.size == t), counts[-1])
    enough = needed([point.n_triplets for point in curve], [point.recovery_rate for point in curve], kept.target)
    return Recovery(
        models=tuple(pool.models),
        confusion=tuple(tuple(map(float, row)) for row in whole.chosen / whole.simulations),
        recovery_rate=whole.rate,
        ci=kept.interval(whole.rate, m * whole.simulations),
        n_triplets=whole.size,
        by_model=tuple(_of_model(k, whole, pool, temperatures, kept) for k in range(m)),
        curve=curve,
        target=kept.target,
        n_needed=None if enough is None else enough[0],
        n_needed_within=None if enough is None else enough[1],
        simulations=kept.simulations,
        n_ties=int(whole.ties.sum()),
        n_objects=len(pool.objects),
        refit="temperature",
        folds=None,
        temperatures="fitted",
        confidence=kept.confidence,
        seed=kept.seed,
        task=pool.task,
        notes=_notes(whole, tuple(pool.models)),
    )


def _of_model(k: int, counts: Counts, pool: Pool, temperatures: Sequence[float], kept: Kept) -> RecoveredModel:
    names, shares = tuple(pool.models), counts.chosen[k] / counts.simulations
    others = np.where(np.arange(len(names)) == k, 0.0, shares)
    other = int(others.argmax())
    rate, mistaken = float(shares[k]), float(others[other])
    return RecoveredModel(
        model=names[k],
        measure=str(pool.measures[names[k]]),
        temperature=float(temperatures[k]),
        recovery_rate=rate,
        ci=kept.interval(rate, counts.simulations),
        n_ties=int(counts.ties[k]),
        mistaken_for=names[other] if mistaken > 0 else None,
        mistaken_share=mistaken,
    )


def _notes(counts: Counts, names: Sequence[str]) -> tuple[str, ...]:
    """A note where models tie: no number of answers distinguishes such models."""
    ties, total = int(counts.ties.sum()), len(names) * counts.simulations
    if not ties:
        return ()
    tied = [name for name, number in zip(names, counts.ties, strict=True) if number]
    sentence = f"models tie for the best on {ties:,} of {total:,} simulated data sets (answered by {', '.join(tied)})"
    return (f"{sentence}: each then counts its share; once fitted, such models answer alike on these triplets",)
