"""Accuracy of choices that are there already: of a language model that was asked, or of a participant.

A score with what resampling adds: intervals, of the whole and of groups of triplets; its place below a ceiling.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from pyalign import _checks
from pyalign._dataclass import dataclass, field, replace
from pyalign._process import Progress, reporter
from pyalign.analysis.accuracy import GroupScore, Score, Scores, fraction_of_ceiling
from pyalign.analysis.answers import with_people
from pyalign.analysis.ceiling.ceiling_fraction import CeilingForScores
from pyalign.analysis.ceiling.leave_one_out import NamedCeiling, as_named_ceiling, people_of_ceiling, require_weighting
from pyalign.analysis.choices import Chosen, as_chosen, notes_on_chosen
from pyalign.analysis.model_choices import EachAnswer, ModelChoices, checked_base, outcomes_of_choices
from pyalign.analysis.notes import merged, notes_on_anchors, notes_on_score
from pyalign.analysis.outcomes import (
    CREDIT_UNIT, Outcomes, clusters_of, mean_of, notes_on_objects, uncertainty, values_of, weighted,
)
from pyalign.backends import HostBackend, get_host_backend
from pyalign.data import Aligned, Categories, Embeddings, Provenance, Triplets
from pyalign.data.answers import Subjects, checked_labels
from pyalign.data.missing import LEFT_OUT
from pyalign.documents import Estimate, ci_of
from pyalign.errors import InputError
from pyalign.stats.clustered import Dependence, with_weights
from pyalign.stats.degrees import effective_numbers, low_values, notes_on_few, without_interval
from pyalign.stats.pooling import common_covariance, partially_pooled
from pyalign.stats.resampling import AUTO, Clusters, Inference, IntervalsOver, Resampling, as_resampling, record_of
from pyalign.typing import (
    AnswersLike, BackendName, NamedChoices, Policy, SubjectsLike, Ties, TripletsLike, Weighting, WeightsLike,
)


@dataclass(eq=False)
class Asked:
    """What one call asks of each score, and how the triplets hang together: once for models in a row."""

    each: EachAnswer  # the triplets.
    ties: Ties
    nan_policy: Policy
    backend: BackendName
    plan: Resampling | None  # of intervals.
    ceiling: NamedCeiling | None
    progress: Progress
    inferring: bool = field(init=False)  # whether there will be intervals, or groups.
    _index: object = field(default=None, init=False)  # the triplets that the others are about
    _clustering: tuple[Clusters, Resampling | None, Dependence | None] | None = field(default=None, init=False)
    _of_index: tuple[object, CeilingForScores] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.inferring = self.plan is not None or self.each.groups is not None
        if self.ceiling is not None:
            require_weighting(self.ceiling, self.each.weighting)

    @property
    def host(self) -> HostBackend:
        """What computes what is not about rows."""
        return get_host_backend(self.backend)

    def recorded(
        self, inputs: Mapping[str, object], options: Mapping[str, Any], backend: str, seed: int | None = None
    ) -> Provenance:
        """The record of what was asked; seed: of what is drawn, where that is not the intervals alone."""
        if seed is None and self.plan is not None and not self.plan.closed:
            seed = self.plan.seed
        given = self.each.given
        every = [*inputs.items(), ("triplets", given), ("answers", given.answers), ("weights", given.weights)]
        return Provenance.now(every, options, backend, seed)

    def clustering(self, outcomes: Outcomes, aligned: Aligned) -> tuple[Clusters, Resampling | None, Dependence | None]:
        """The clusters of the triplets that `outcomes` kept, what intervals are over, and which triplets depend."""
        if outcomes.kept is None and self._clustering is not None and self._index is aligned.index:
            return self._clustering
        clusters, plan = clusters_of(outcomes, aligned, self.each.people, self.plan)
        clustering = clusters, plan, Dependence.of(clusters, plan) if plan is not None and plan.closed else None
        if outcomes.kept is None:
            self._index, self._clustering = aligned.index, clustering
        return clustering

    def with_intervals(self, outcomes: Outcomes, aligned: Aligned) -> Score:
        """The score of `outcomes` with the intervals of the plan, and with the scores of groups of triplets."""
        score = outcomes.score
        assert score.accuracy is not None and score.cross_entropy is not None
        clusters, plan, dependence = self.clustering(outcomes, aligned)
        values, units = values_of(outcomes)
        if plan is not None:
            errors = None
            if dependence is not None:
                errors = dependence.errors(with_weights(values, clusters.weights)).in_units(units)
            estimates = score.accuracy, score.cross_entropy
            ci, nats_ci = uncertainty(clusters, values, units, estimates, plan, self.progress, errors)
            numbers = effective_numbers(clusters, plan.by)
            single = () if errors is None else notes_on_objects(score.accuracy, errors, aligned)
            notes = (*score.notes, *notes_on_few(numbers), *single)
            inference = Inference.of(plan, **low_values(numbers), **({"seed": None} if plan.closed else {}))
            inference = replace(inference, over=None, method=None, level=None) if ci is None else inference
            score = replace(
                score, accuracy=Estimate(score.accuracy, ci), cross_entropy=Estimate(score.cross_entropy, nats_ci),
                notes=notes, inference=inference,
            )
            if errors is not None and clusters.weights is None:  # components are of answers that count the same
                score = replace(score, components=errors.components(0), cross_entropy_components=errors.components(1))
            if ci is None:
                why = without_interval(plan.by, numbers)
                score = replace(score, missing=("ci", "cross_entropy_ci"), notes=(*score.notes, why))
        if self.each.groups is not None:
            members = group_members(_labels_of(self.each.groups, self.each.people), aligned, outcomes.kept)
            scores = tuple(_group_scores(outcomes, values, units, clusters, members, self.plan))
            score = with_pooled_groups(replace(score, groups=scores), clusters, values, units, plan)
        return score

    def with_ceiling(self, score: Score, outcomes: Outcomes | None, aligned: Aligned) -> Score:
        """The score with its place between chance and the noise ceiling, and the interval of that where there are some.

        outcomes: of the triplets, where intervals are asked for.
        """
        if self.ceiling is None:
            return score
        accuracy = score.accuracy
        assert accuracy is not None
        (name, value), people = as_named_ceiling(self.ceiling), people_of_ceiling(self.ceiling)
        if people is not None and people.task != score.task:
            raise InputError(f"ceiling must be one of {score.task} triplets, as those scored; got task {people.task!r}")
        fraction = fraction_of_ceiling(accuracy, value, score.task)
        score = replace(score, ceiling=value, ceiling_name=name, fraction_of_ceiling=Estimate(fraction))
        if self.plan is None or outcomes is None:
            return score
        if score.ci is None:
            return replace(score, missing=(*score.missing, "fraction_of_ceiling_ci"))
        if self._of_index is None or self._of_index[0] is not aligned.index:
            self._of_index = aligned.index, CeilingForScores.of(self.ceiling, aligned.triplets, self.each.people)
        ceiling, covariance = self._of_index[1], 0.0
        if ceiling.parts is not None and outcomes.kept is None:
            clusters, plan, dependence = self.clustering(outcomes, aligned)
            assert plan is not None
            credits = outcomes.credits(score.ties) / CREDIT_UNIT
            covariance = ceiling.covariance(credits, dependence or Dependence.of(clusters, plan))
        interval = ceiling.interval(accuracy, score.ci, score.task, covariance)
        return replace(
            score, fraction_of_ceiling=Estimate(fraction, interval),
            notes=(*score.notes, *ceiling.note(score.ci, interval)),
            missing=score.missing if interval is not None else (*score.missing, "fraction_of_ceiling_ci"),
        )


@_checks.checked
def score_choices(
    choices: ArrayLike | NamedChoices, triplets: TripletsLike, *, choice_base: int | None = None,
    ties: Literal["fractional", "wrong"] = "fractional", nan_policy: Policy = "raise", unreadable: Policy = "raise",
    ci: IntervalsOver = AUTO, subjects: SubjectsLike | None = None,
    groups: ArrayLike | Categories | Literal["subjects"] | None = None, ceiling: NamedCeiling | None = None,
    backend: BackendName = "auto", weights: WeightsLike | None = None, answers: AnswersLike | None = None,
    weighting: Weighting = "answers", progress: Progress | None = None,
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
        >>> result = score_choices([2, 0, -1], triplets)
        >>> round(result.accuracy, 3), result.n_ties, result.cross_entropy
        (0.444, 1, None)
        >>> round(score_choices([[0.1, 0.1, 0.8], [0.3, 0.3, 0.4], [0.2, 0.6, 0.2]], triplets).cross_entropy, 3)
        0.916
    """
    progress = reporter(progress)
    checked_base(choice_base)
    plan = as_resampling(ci)
    get_host_backend(backend)  # raises
    answered, _ = with_people(triplets, answers, subjects, "score_choices", weights)
    each = EachAnswer.of(answered, weighting, subjects, groups)
    asked = Asked(each, ties, nan_policy, backend, plan, ceiling, progress)
    if isinstance(choices, Mapping) and not choices:
        raise InputError("choices must hold at least one model's; got an empty mapping")
    named: Mapping[Any, Any] = _checks.by_name(choices, "choices") if isinstance(choices, Mapping) else {None: choices}
    given = ModelChoices(named, choice_base, nan_policy, unreadable)
    results = scores_of_choices(given, asked)
    provenance = _provenance(asked, given, {name or "choices": result for name, result in named.items()})
    notes = merged(*(result.notes for result in results))
    return Scores(results, each.triplets.source, notes=notes, provenance=provenance)


def scores_of_choices(choices: ModelChoices, asked: Asked) -> tuple[Score, ...]:
    """The score of each model's choices on the triplets that are given; a single one may be called None."""
    results: list[Score] = []
    aligned = _by_themselves(asked.each.triplets, asked.host) if choices.choices else None
    for name, of_model in choices.choices.items():
        asked.progress(name or "choices", len(results), len(choices.choices))
        assert aligned is not None
        with _checks.may_omit_rows(None, name, aligned.triplets.source):
            results.append(_one(of_model, name, aligned, choices, asked))
    return tuple(results)


def _by_themselves(answered: Triplets, host: HostBackend) -> Aligned:
    """Triplets without rows that they are about; checked."""
    index = _checks.as_triplets(answered.values)
    n = int(index.max()) + 1 if answered.names is None else len(answered.names)
    _checks.require_valid(host.check_triplets(index, n), index, n)
    rows = Embeddings(np.empty((n, 0), np.float32), answered.names)
    return Aligned(rows.values, index, answered, answered.names, answered.notes, rows)


def _one(choices: object, name: str | None, aligned: Aligned, given: ModelChoices, asked: Asked) -> Score:
    each, read = asked.each, (given.base, asked.host, given.unreadable)
    of_rows = chosen = as_chosen(choices, each.given, *read)
    chosen.require_answers(given.nan_policy)
    if each.rows is not None:
        of_rows = as_chosen(_checks.as_array(choices, "choices", "(t,)")[each.rows], each.triplets, *read)
    score, outcomes = _scored(of_rows, name, aligned, asked)
    score = asked.with_ceiling(score, outcomes, aligned)
    assert score.accuracy is not None
    n = score.effective_answers or score.n_triplets
    notes = notes_on_score(score.accuracy, n, score.cross_entropy or 0.0, name, score.task, rows=False)
    notes += tuple(f"{name}: {note}" if name else note for note in notes_on_chosen(chosen, score.task))
    anchors = notes_on_anchors(np.asarray(aligned.index), score.task)
    provenance = _provenance(asked, given, {name or "choices": choices})
    score = each.of_triplets(score, np.where(chosen.present, chosen.odd, LEFT_OUT))
    return replace(score, notes=merged(aligned.notes, anchors, notes, score.notes), provenance=provenance)


def _scored(chosen: Chosen, name: str | None, aligned: Aligned, asked: Asked) -> tuple[Score, Outcomes]:
    """The score with its intervals and groups, and the outcomes that it is computed from.

    What needs probabilities is computed of zeros where there are none, and taken out.
    """
    outcomes = weighted(outcomes_of_choices(
        chosen, ties=asked.ties, nan_policy=asked.nan_policy, backend=asked.host.name, task=aligned.triplets.task,
        name=name,
    ), aligned.triplets.weights)
    score = outcomes.score
    if not asked.inferring:
        return score, outcomes
    finite = score.cross_entropy is not None
    outcomes = outcomes if finite else replace(outcomes, score=replace(score, cross_entropy=Estimate(0.0)))
    score = asked.with_intervals(outcomes, aligned)
    return (score if finite else _without_nats(score)), outcomes


def _without_nats(score: Score) -> Score:
    groups = score.groups and tuple(replace(group, cross_entropy=None) for group in score.groups)
    missing = score.missing if ci_of(score.cross_entropy) is None else (*score.missing, "cross_entropy_ci")
    return replace(score, cross_entropy=None, cross_entropy_components=None, groups=groups, missing=missing)


def _provenance(asked: Asked, given: ModelChoices, choices: Mapping[str, object]) -> Provenance:
    options = {"choice_base": given.base, "ties": asked.ties, "nan": asked.nan_policy, "unreadable": given.unreadable,
               "ci": record_of(asked.plan), "weighting": asked.each.weighting}
    return asked.recorded(choices, options, asked.host.name)


PARTICIPANTS = "subjects"  # as groups: a group for each participant


def with_pooled_groups(
    score: Score, clusters: Clusters, values: np.ndarray, units: np.ndarray, plan: Resampling | None
) -> Score:
    """The score with what its groups are in one hierarchical model, where they have intervals in closed form."""
    groups = score.groups or ()
    over = {group.ci.by for group in groups if group.ci is not None}
    if plan is None or not plan.closed or len(over) != 1:
        return score
    assert score.accuracy is not None and score.cross_entropy is not None
    by = over.pop() or plan.by
    plan, whole = replace(plan, by=by), score.ci
    if whole is None or whole.by != by:  # of the same kind as the errors of groups
        whole, _ = uncertainty(clusters, values, units, (score.accuracy, score.cross_entropy), plan)
    sizes, errors = [group.n_triplets for group in groups], [group.standard_error for group in groups]
    common = common_covariance(None if whole is None else whole.error, values.shape[1], sizes, errors)
    pooled = partially_pooled([group.accuracy for group in groups], errors, sizes, plan, common)
    if pooled is None:
        return score
    return replace(
        score, group_spread=Estimate(pooled.spread, pooled.spread_ci),
        groups=tuple(
            group if own is None else replace(
                group, pooled=Estimate(own.accuracy, own.ci), p_lowest=own.p_lowest, p_highest=own.p_highest
            )
            for group, own in zip(groups, pooled.groups, strict=True)
        ),
    )


def _group_scores(
    outcomes: Outcomes, values: np.ndarray, units: np.ndarray, clusters: Clusters, groups: Mapping[str, np.ndarray],
    plan: Resampling | None,
) -> Iterator[GroupScore]:
    for name, members in groups.items():
        own, some = values[:, members], None if outcomes.weights is None else outcomes.weights[members]
        nats = mean_of(outcomes.cross_entropy[members], some)
        group = GroupScore(name, Estimate(mean_of(own[0], some) / CREDIT_UNIT), len(members), nats)
        if plan is not None:
            of_group = clusters.take(members)
            group = _with_interval(group, own, units, of_group, plan.over(of_group.subjects))
        yield group


def _with_interval(
    group: GroupScore, values: np.ndarray, units: np.ndarray, clusters: Clusters, plan: Resampling
) -> GroupScore:
    """A group without an interval where it is too small for one, or where a resample leaves none of it."""
    try:
        ci, _ = uncertainty(clusters, values, units, (group.accuracy, group.cross_entropy or 0.0), plan)
    except InputError:
        return group
    return replace(group, accuracy=Estimate(group.accuracy, ci))


def _labels_of(groups: object, people: object) -> object:
    """The labels of groups; of the word "subjects" the participants who answered."""
    if not isinstance(groups, str):
        return groups
    if groups != PARTICIPANTS:
        raise InputError(f"groups must be labels, Categories or the word {PARTICIPANTS!r}; got {groups!r}")
    if people is None:
        raise InputError("groups 'subjects' needs to know who answered each triplet: give subjects")
    return np.array(people.labels)[people.codes] if isinstance(people, Subjects) else people


def group_members(groups: object, aligned: Aligned, kept: np.ndarray | None) -> dict[str, np.ndarray]:
    """The scored triplets of each group, as indices among those that were kept.

    A triplet belongs to a category when the two objects do that people did not call odd: the pair is what the answer is
    about. Of `Categories`, a triplet may belong to several.
    """
    if isinstance(groups, Categories):
        return _by_category(groups, aligned, kept)
    labels = checked_labels(groups, len(aligned.index), "groups", "biufUS")
    labels = labels if kept is None else labels[kept]
    names, codes = np.unique(labels, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    return {str(name): members for name, members in zip(names, parts, strict=True)}


def _by_category(categories: Categories, aligned: Aligned, kept: np.ndarray | None) -> dict[str, np.ndarray]:
    members = categories.of_rows(len(aligned.x), aligned.names)
    index = _checks.as_array(aligned.index, "triplets", "(t, 3)")
    index = index if kept is None else index[kept]
    parts = zip(categories.labels, rows_of_categories(members, index), strict=True)
    groups = {label: rows for label, rows in parts if len(rows)}
    if not groups:
        raise InputError("categories must hold both objects of some human pair; no triplet's pair shares one")
    return groups


def rows_of_categories(members: np.ndarray, index: np.ndarray) -> Iterator[np.ndarray]:
    """The triplets (t, 3) of each category, by `members` (n, c): those whose first two objects it holds.

    Example:
        >>> tools = np.array([[True], [True], [False]])
        >>> [rows.tolist() for rows in rows_of_categories(tools, np.array([[0, 1, 2], [0, 2, 1]]))]
        [[0]]
    """
    for has in members.T:
        yield np.flatnonzero(has[index[:, 0]] & has[index[:, 1]])
