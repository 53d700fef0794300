"""Accuracy of choices that are there already: of a language model that was asked, or of a participant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from pyalign import _checks
from pyalign.analysis.accuracy import NAN, Score, Scores
from pyalign.analysis.answers import EachAnswer, with_people
from pyalign.analysis.ceiling.ceiling_result import NamedCeiling, require_weighting
from pyalign.analysis.choices import UNREADABLE, Chosen, as_chosen, notes_on_chosen
from pyalign.analysis.model_choices import TIES, checked_base, outcomes_of_choices
from pyalign.analysis.notes import merged, notes_on_anchors, notes_on_score
from pyalign.analysis.outcomes import Outcomes, weighted
from pyalign.analysis.scored_intervals import Grouped, with_ceiling, with_intervals
from pyalign.backends import HostBackend, get_host_backend
from pyalign.data import Aligned, Categories, Embeddings, Provenance, Triplets
from pyalign.data.missing import LEFT_OUT
from pyalign.errors import InputError
from pyalign.progress import Progress, reporter
from pyalign.stats.resampling import AUTO, IntervalsOver, Resampling, as_resampling, record_of
from pyalign.typing import (
    AnswersLike,
    BackendName,
    NamedChoices,
    Policy,
    SubjectsLike,
    Ties,
    TripletsLike,
    Weighting,
    WeightsLike,
)


@dataclass(frozen=True)
class _Settings:
    """The options of one call, checked."""

    base: int | None
    ties: Ties
    nan_policy: Policy
    unreadable: Policy
    host: HostBackend
    plan: Resampling | None
    subjects: object
    groups: object
    ceiling: NamedCeiling | None
    progress: Progress
    grouped: Grouped
    each: EachAnswer


def score_choices(
    choices: ArrayLike | NamedChoices, triplets: TripletsLike, *, choice_base: int | None = None,
    ties: Literal["fractional", "wrong"] = "fractional",
    nan_policy: Policy = "raise",
    unreadable: Policy = "raise", ci: IntervalsOver = AUTO, subjects: SubjectsLike | None = None,
    groups: ArrayLike | Categories | Literal["subjects"] | None = None,
    ceiling: NamedCeiling | None = None, backend: BackendName = "auto", weights: WeightsLike | None = None,
    answers: AnswersLike | None = None, weighting: Weighting = "answers", progress: Progress | None = None,
) -> Scores:
    """Accuracy of a model's own choices on human triplets: of a language model's answers, or a participant's.

    Args:
        choices: (t,) positions in the file of the items called odd, -1 for an answer that names none, -2 for a triplet
            that was left out, which counts in `n_dropped`; or the names of these items, where the triplets have names,
            "-1" and "" likewise: blanks and underscores, case, a final period and an article (a, an, the) make no other
            name, which a note counts. Or (t, 3), the probability that each position is odd. Of anchored triplets the
            numbers 0 and 1 of the options, in their order in the file, their names, or (t, 2). NaN, an empty name, or a
            row of NaN: there is no answer. Or a mapping from names to such.
        triplets: (t, 3) integers >= 0, or names of items; the last column is the item that was chosen as odd.
        choice_base: from which positions, or options, count: 0 or 1. None: by their range, from 1 where the last
            position (3 of odd-one-out triplets, 2 of anchored ones) is among them and 0 is not, which a note says.
        ties: what an answer that names none counts, and probabilities that tie for the largest. ``"fractional"``: 1/m
            when the human's choice is among the m tied ones, and -1 is a tie of all; ``"wrong"``: nothing.
        nan_policy: ``"raise"``, or ``"omit"`` to leave out triplets without an answer.
        unreadable: ``"raise"``, or ``"omit"`` to leave out triplets whose answer is a text that names none of their
            items, or two of them; a note says how many.
        ci, subjects, groups, ceiling: see `pyalign.score`.
        backend: the backend that computes intervals; on the host.
        weights, answers, weighting: see `pyalign.score`.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        `Scores`, as `pyalign.score` gives them, whose measures and temperatures are None. Cross-entropy and entropy
        are those of probabilities; None without, and where the probability of some human's choice is 0.

    Raises:
        InputError: choices of another length, what is no position, a name that is not of its triplet, probabilities
            that sum to something else; triplets without people's answers; as `pyalign.score` for the rest.

    Example:
        >>> triplets = [[0, 1, 2], [2, 3, 0], [0, 2, 3]]
        >>> found = score_choices([2, 0, -1], triplets)
        >>> round(found.accuracy, 3), found.n_ties, found.cross_entropy
        (0.444, 1, None)
        >>> round(score_choices([[0.1, 0.1, 0.8], [0.3, 0.3, 0.4], [0.2, 0.6, 0.2]], triplets).cross_entropy, 3)
        0.916
    """
    progress = reporter(progress)
    _checks.one_of(ties, TIES, "ties of choices")
    _checks.one_of(nan_policy, NAN, "nan_policy")
    _checks.one_of(unreadable, UNREADABLE, "unreadable")
    checked_base(choice_base)
    plan, host = as_resampling(ci), get_host_backend(backend)
    each = EachAnswer.of(with_people(triplets, answers, subjects, "score_choices", weights)[0], weighting)
    require_weighting(ceiling, each.weighting)
    settings = _Settings(
        choice_base, ties, nan_policy, unreadable, host, plan, subjects, each.groups(groups), ceiling, progress,
        Grouped(plan), each,
    )
    aligned = _by_themselves(each.triplets, host)
    if isinstance(choices, Mapping) and not choices:
        raise InputError("choices must hold at least one model's; got an empty mapping")
    results: list[Score] = []
    named: Mapping[Any, Any] = _checks.by_name(choices, "choices") if isinstance(choices, Mapping) else {None: choices}
    for name, of_model in named.items():
        progress(name or "choices", len(results), len(named))
        try:
            results.append(_one(of_model, name, aligned, settings))
        except InputError as error:
            if name is None:
                raise
            raise InputError(f"{' with '.join(filter(None, (name, aligned.triplets.source)))}: {error}") from error
    provenance = _provenance(settings, {name or "choices": result for name, result in named.items()})
    notes = merged(*(result.notes for result in results))
    return Scores(tuple(results), aligned.triplets.source, notes=notes, provenance=provenance)


def _by_themselves(answered: Triplets, host: HostBackend) -> Aligned:
    """Triplets without rows that they are about; checked."""
    index = _checks.as_triplets(answered.values)
    n = int(index.max()) + 1 if answered.names is None else len(answered.names)
    _checks.require_valid(host.check_triplets(index, n), index, n)
    rows = Embeddings(np.empty((n, 0), np.float32), answered.names)
    return Aligned(rows.values, index, answered, answered.names, answered.notes, rows)


def _one(choices: object, name: str | None, aligned: Aligned, settings: _Settings) -> Score:
    each, read = settings.each, (settings.base, settings.host, settings.unreadable)
    of_rows = chosen = as_chosen(choices, each.given, *read)
    chosen.require_answers(settings.nan_policy)
    if each.rows is not None:
        of_rows = as_chosen(_checks.as_array(choices, "choices", "(t,)")[each.rows], each.triplets, *read)
    score, outcomes = _scored(of_rows, name, aligned, settings)
    if settings.ceiling is not None:
        score = with_ceiling(score, settings.ceiling, aligned, settings.grouped, outcomes, settings.subjects)
    assert score.accuracy is not None
    n = score.effective_answers or score.n_triplets
    notes = notes_on_score(score.accuracy, n, score.cross_entropy or 0.0, name, score.task, rows=False)
    notes += tuple(f"{name}: {note}" if name else note for note in notes_on_chosen(chosen, score.task))
    anchors = notes_on_anchors(np.asarray(aligned.index), score.task)
    provenance = _provenance(settings, {name or "choices": choices})
    score = each.of_triplets(score, np.where(chosen.present, chosen.odd, LEFT_OUT))
    return replace(score, notes=merged(aligned.notes, anchors, notes, score.notes), provenance=provenance)


def _scored(chosen: Chosen, name: str | None, aligned: Aligned, settings: _Settings) -> tuple[Score, Outcomes]:
    """The score with its intervals and groups, and the outcomes that it is computed from.

    What needs probabilities is computed of zeros where there are none, and taken out.
    """
    outcomes = outcomes_of_choices(
        chosen,
        ties=settings.ties,
        nan_policy=settings.nan_policy,
        backend=settings.host.name,
        task=aligned.triplets.task,
        name=name,
    )
    outcomes = weighted(outcomes, aligned.triplets.weights)
    score = outcomes.score
    if settings.plan is None and settings.groups is None:
        return score, outcomes
    finite = score.cross_entropy is not None
    outcomes = outcomes if finite else replace(outcomes, score=replace(score, cross_entropy=0.0))
    details: dict[str, Any] = {"subjects": settings.subjects, "groups": settings.groups}
    score = with_intervals(outcomes, aligned, settings.grouped, **details, progress=settings.progress)
    return (score if finite else _without_nats(score)), outcomes


def _without_nats(score: Score) -> Score:
    groups = score.groups
    if groups is not None:
        groups = tuple(replace(group, cross_entropy=None) for group in groups)
    missing = score.missing if score.cross_entropy_ci is None else (*score.missing, "cross_entropy_ci")
    return replace(
        score, cross_entropy=None, cross_entropy_ci=None, cross_entropy_components=None, groups=groups, missing=missing
    )


def _provenance(settings: _Settings, choices: Mapping[str, object]) -> Provenance:
    options: dict[str, Any] = {"choice_base": settings.base, "ties": settings.ties, "nan": settings.nan_policy}
    options |= {"unreadable": settings.unreadable, "ci": record_of(settings.plan)}
    options["weighting"] = settings.each.weighting
    seed = settings.plan.seed if settings.plan is not None and not settings.plan.closed else None
    given = settings.each.given
    inputs = [*choices.items(), ("triplets", given), ("answers", given.answers), ("weights", given.weights)]
    return Provenance.now(inputs, options, settings.host.name, seed)
