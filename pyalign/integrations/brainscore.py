"""Odd-one-out choices of embeddings as Brain-Score's task takes them, with the benchmark's score and its interval.

In the benchmark `Hebart2023-match` a trial is three stimulus ids, and the answer the id of the odd one. The third id of
each trial is the one that the participant chose.

>>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.1, 0.9], [0.0, 1.0]])
>>> odd_one_out_choices(x, [[0, 1, 2], [0, 2, 3]])
array([2, 0])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.analysis.score import score
from pyalign.data import Triplets, as_embeddings, as_triplet_data
from pyalign.documents import Interval
from pyalign.errors import InputError, MissingExtraError
from pyalign.ops.triplets import choice_probabilities, odd_one_out
from pyalign.stats.resampling import AUTO, IntervalsOver
from pyalign.typing import EmbeddingsLike, MeasureLike

HEBART2023_CEILING = 0.6767  # of the benchmark: how often participants agree on a triplet
TASKS = ("odd_one_out",)
SEED = 0  # of the choices in triplets that tie
TIED = 1e-9  # relative difference of probabilities that are equal but for rounding


@dataclass(frozen=True)
class BrainScore:
    """The choices of a model in the odd-one-out task of Brain-Score, and its score."""

    choices: np.ndarray  # (t,) stimulus ids of the odd items.
    stimulus_ids: np.ndarray  # (t, 3) the ids of each trial.
    score: float  # (raw - 1/3) / (ceiling - 1/3), bounded to 0 and 1 as in the benchmark.
    unbounded: float  # the same as it is.
    ci: Interval | None  # its interval, not bounded; the ceiling is treated as known. None where it was left out.
    raw: float  # the odd-one-out accuracy, a fraction. A tie counts 1/m of m tied items.
    ceiling: float  # the noise ceiling, a fraction.
    n_ties: int  # triplets in which pairs tie for the most similar.
    notes: tuple[str, ...]  # what a reader should know, a sentence each.

    def to_assembly(self) -> Any:
        """The choices as a `BehavioralAssembly` (1, t) of brainscore_core, with the dimensions of its own task.

        Raises:
            MissingExtraError: brainscore_core is not installed.
        """
        return _assembly(self.choices, self.stimulus_ids)


def odd_one_out_choices(embeddings: EmbeddingsLike, stimulus_ids: Any, *, measure: MeasureLike = "dot") -> np.ndarray:
    """The stimulus id of the odd item of each trial.

    Args:
        embeddings: (n, d) real numbers. Ids find their rows by the names of the embeddings. Without names, ids are the
            numbers of the rows, from 0.
        stimulus_ids: (t, 3), or (3 t,) with three consecutive ids for each trial, as Brain-Score has them: whole
            numbers or text.
        measure: the similarity measure. Brain-Score's own task takes ``"dot"``, or ``"cosine"``.

    Returns:
        (t,) ids, of the dtype that came. Where several pairs tie for the most similar, it is one of the items outside
        them at random, the same in each call. Brain-Score takes the last of these in the trial, which its benchmark
        counts as right.

    Raises:
        InputError: ids of another shape or type, or without a row; what `pyalign.odd_one_out` refuses.
    """
    ids, triplets = _trials(embeddings, stimulus_ids)
    return _chosen(embeddings, ids, triplets, measure)


def brain_score(
    embeddings: EmbeddingsLike, stimulus_ids: Any, *, measure: MeasureLike = "dot",
    ceiling: float = HEBART2023_CEILING, ci: IntervalsOver = AUTO,
) -> BrainScore:
    """Choices and score of a benchmark whose third stimulus of each trial is the participant's choice.

    Args:
        embeddings, stimulus_ids, measure: see `odd_one_out_choices`.
        ceiling: the noise ceiling, a fraction above 1/3.
        ci: what the interval is over, see `pyalign.score`: ``"objects"`` by default, since the trials share them. None
            for no interval.

    Returns:
        `BrainScore`.

    Raises:
        InputError: as `odd_one_out_choices`, or a ceiling that is no fraction above 1/3.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, trials = rng.normal(size=(30, 5)), np.stack([rng.permutation(30)[:3] for _ in range(500)])
        >>> result = brain_score(x, trials)
        >>> result.choices.shape, result.ci.low < result.unbounded < result.ci.high
        ((500,), True)
    """
    ids, triplets = _trials(embeddings, stimulus_ids)
    scored = score(embeddings, triplets, measure=measure, ceiling=ceiling, ci=ci)
    assert scored.fraction_of_ceiling is not None and scored.accuracy is not None and scored.ceiling is not None
    notes = scored.notes
    if scored.n_ties:
        ties = f"{scored.n_ties:,} triplets tie" if scored.n_ties > 1 else "1 triplet ties"
        rule = f"each choice is one of the tied items at random (seed {SEED}), and the score counts the fraction"
        notes = (*notes, f"{ties}: {rule}")
    return BrainScore(
        _chosen(embeddings, ids, triplets, measure), ids, min(max(scored.fraction_of_ceiling, 0.0), 1.0),
        scored.fraction_of_ceiling, scored.fraction_of_ceiling.ci, scored.accuracy, scored.ceiling, scored.n_ties,
        notes,
    )


class OddOneOutSubject:
    """Embeddings as a subject of Brain-Score's odd-one-out benchmarks, which call it as a `BrainModel`.

    Args:
        embeddings: (n, d) real numbers, see `odd_one_out_choices`.
        measure: the similarity measure.
        identifier: what the model is called.
        name_column: the column of the stimulus set that finds the rows: "stimulus_id", or "unique_id", by which rows
            that are named after the objects of THINGS match in any order.
        visual_degrees: what the images cover, for Brain-Score. At 8, those of the benchmark, it converts none.

    Example:
        >>> subject = OddOneOutSubject(np.eye(4), identifier="clip")
        >>> subject.start_task("odd_one_out")
        >>> subject.identifier, subject.visual_degrees()
        ('clip', 8)
    """

    def __init__(
        self, embeddings: EmbeddingsLike, *, measure: MeasureLike = "dot", identifier: str = "pyalign",
        name_column: str = "stimulus_id", visual_degrees: int = 8,
    ) -> None:
        self.embeddings = as_embeddings(embeddings)
        self.measure = measure
        self.identifier = identifier
        self.name_column = name_column
        self._visual_degrees = visual_degrees

    def visual_degrees(self) -> int:
        """The visual degrees that the images cover."""
        return self._visual_degrees

    def start_task(self, task: str) -> None:
        """Accept the odd-one-out task. Raises InputError for another one."""
        _checks.one_of(task, TASKS, "task")

    def look_at(self, stimuli: Any, number_of_trials: int = 1, require_variance: bool = False) -> Any:
        """The choices in trials of three consecutive stimuli.

        Args:
            stimuli: a `StimulusSet` of 3 t rows, or a mapping of columns, with "stimulus_id" and `name_column`.
            number_of_trials, require_variance: taken from Brain-Score and without effect: the choices never vary.

        Returns:
            `BehavioralAssembly` (1, t) of stimulus ids.

        Raises:
            InputError: a column is missing; as `odd_one_out_choices`.
            MissingExtraError: brainscore_core is not installed.
        """
        columns = list(getattr(stimuli, "columns", stimuli))
        for column in ("stimulus_id", self.name_column):
            if column not in columns:
                raise InputError(f"stimuli must have a column {column!r}; got {', '.join(map(str, columns))}")
        ids = _as_trials(np.asarray(stimuli["stimulus_id"]))
        _, triplets = _trials(self.embeddings, np.asarray(stimuli[self.name_column]))
        return _assembly(_chosen(self.embeddings, ids, triplets, self.measure), ids)


def _trials(embeddings: EmbeddingsLike, stimulus_ids: Any) -> tuple[np.ndarray, Triplets]:
    """The ids (t, 3), and the triplets of the rows that they stand for."""
    ids = _as_trials(stimulus_ids)
    by_name = ids.dtype.kind in "UO" or as_embeddings(embeddings).names is not None
    return ids, as_triplet_data(ids.astype(str) if by_name else ids)


def _as_trials(stimulus_ids: Any) -> np.ndarray:
    ids = _checks.as_array(stimulus_ids, "stimulus_ids", "(t, 3) or (3 t,)")
    shape = ids.shape
    if ids.ndim == 1 and len(ids) % 3 == 0:
        ids = ids.reshape(-1, 3)
    if ids.ndim != 2 or ids.shape[1] != 3:
        raise InputError(f"stimulus_ids must have shape (t, 3) or (3 t,); got {shape}")
    if ids.dtype.kind not in "iuUO":
        raise InputError(f"stimulus_ids must be whole numbers or text; got dtype {ids.dtype}")
    return ids


def _chosen(embeddings: EmbeddingsLike, ids: np.ndarray, triplets: Triplets, measure: MeasureLike) -> np.ndarray:
    """(t,) ids of the odd items; of a tie one of the tied ones at random."""
    odd = _checks.as_array(odd_one_out(embeddings, triplets, measure=measure), "choices", "(t,)").astype(np.int64)
    tied = np.flatnonzero(odd < 0)
    if len(tied):
        probabilities = choice_probabilities(embeddings, triplets[tied], measure=measure)
        probabilities = _checks.as_array(probabilities, "probabilities", "(t, 3)")
        candidates = probabilities >= probabilities.max(axis=1, keepdims=True) * (1 - TIED)
        drawn = np.random.default_rng(SEED).random(candidates.shape)
        odd[tied] = np.where(candidates, drawn, -1).argmax(axis=1)
    chosen: np.ndarray = ids[np.arange(len(ids)), odd]
    return chosen


def _assembly(choices: Sequence[Any] | np.ndarray, ids: np.ndarray) -> Any:
    try:
        from brainscore_core.supported_data_standards.brainio.assemblies import BehavioralAssembly
    except ImportError as error:
        raise MissingExtraError("an assembly", "brainscore-core", "brainscore") from error
    labels = ["|".join(map(str, trial)) for trial in ids.tolist()]
    coords = {"stimulus_id": ("presentation", labels)}
    return BehavioralAssembly([list(choices)], coords=coords, dims=["choice", "presentation"])
