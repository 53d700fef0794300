"""What becomes of the same triplets with each of several models: a column of small whole numbers for each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.analysis.accuracy import Score, scored_part
from pyalign.analysis.choices import Chosen
from pyalign.analysis.model_choices import outcomes_of_choices
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes, triplet_outcomes, weighted
from pyalign.analysis.uncertainty import in_steps
from pyalign.backends import get_host_backend
from pyalign.data import ODD_ONE_OUT, Weights
from pyalign.errors import InputError
from pyalign.measures import Measure, get_measure
from pyalign.ops._dispatch import dispatch_of
from pyalign.ops._prepare import finite_mask
from pyalign.ops.triplets import placed
from pyalign.progress import Progress, silent
from pyalign.typing import BackendName, Policy

TOGETHER = 8  # models whose columns are written at a time: a line of cache, not a number, goes to each row
IN_MEMORY = 1 << 30  # bytes; a larger table lies in a temporary file, which the system may write out


@dataclass(frozen=True, eq=False)
class OutcomeTable:
    """The outcomes of m models on the t triplets that all of them can be scored on."""

    names: tuple[str, ...]  # the names of the models.
    scores: tuple[Score, ...]  # the score of each model on these triplets.
    kept: np.ndarray | None  # (.,) mask of these among those that were given, or None for all.
    credits: np.ndarray  # int8 (t, 1 + m): 1, then what the triplet counts with each model, in sixths.
    nats: np.ndarray  # int16 (t, 1 + m): 1, then its cross-entropy with each, in `steps`.
    steps: np.ndarray  # (m,) nats: 1 / 32,767 of the largest cross-entropy of each model.
    right: np.ndarray  # uint8 (m, t / 8 rounded up): a bit for each triplet that the model gets right without a tie.
    weights: np.ndarray | None = None  # float64 (t,), how much each triplet counts; None: all the same.

    @property
    def estimates(self) -> np.ndarray:
        """(2, m): accuracies, fractions; and cross-entropies, nats, NaN of choices without probabilities."""
        return np.array(
            [[score.accuracy for score in self.scores], [score.cross_entropy for score in self.scores]], float
        )

    def part(self, models: Sequence[int]) -> OutcomeTable:
        """Those of some models, on the same triplets."""
        columns = [0, *(1 + k for k in models)]
        return replace(
            self, names=tuple(self.names[k] for k in models), scores=tuple(self.scores[k] for k in models),
            credits=self.credits[:, columns], nats=self.nats[:, columns], steps=self.steps[list(models)],
            right=self.right[list(models)],
        )  # fmt: skip

    def tables(self) -> Iterator[np.ndarray]:
        """Credits and cross-entropies as `Dependence.errors` takes them: with the weights, where there are some."""
        for table in (self.credits, self.nats):
            if self.weights is None:
                yield table
                continue
            weighted_table = _ones((len(table), table.shape[1]), np.float64)
            np.multiply(table, self.weights[:, None], out=weighted_table)
            yield weighted_table

    def credit_means(self, rows: np.ndarray) -> np.ndarray:
        """(m,): the accuracy of each model on some triplets, a fraction."""
        credits = self.credits[rows, 1:]
        if self.weights is None:
            return credits.sum(axis=0, dtype=np.int64) / (CREDIT_UNIT * len(rows))
        weights = self.weights[rows]
        means: np.ndarray = weights @ credits / (CREDIT_UNIT * weights.sum())
        return means

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """What resamples add up: (2 m, t) int16, and its units (2 m,); credits and cross-entropies in turns."""
        rows = np.empty((2 * len(self.names), len(self.credits)), np.int16)
        rows[::2], rows[1::2] = self.credits[:, 1:].T, self.nats[:, 1:].T
        units = np.empty(len(rows))
        units[::2], units[1::2] = 1.0 / CREDIT_UNIT, self.steps
        return rows, units


def open_outcome_table(
    models: Mapping[str, object], index: Any, *, measure: str | Measure | Mapping[str, str | Measure],
    nan_policy: Policy,
    backend: BackendName, task: str = ODD_ONE_OUT, progress: Progress = silent, look: Callable[[Outcomes],
    None] | None = None,
    names: Sequence[str] | None = None, choices: Mapping[str, Chosen] | None = None,
    weights: Weights | None = None, **options: Any,
) -> OutcomeTable:  # fmt: skip
    """Scores each model; an error names the model that it is about.

    Args:
        models: name -> (n, d), rows of the same items in the same order.
        index: (t, 3) rows.
        measure: of all models, or a mapping from their names; one of `PRECOMPUTED` for a matrix (n, n).
        nan_policy, backend, options: see `pyalign.score`.
        task: of the triplets.
        look: is shown the outcomes of each model, which are not kept.
        names: of the rows.
        choices: of models that are known by these only, of the same triplets; they come after the others.
        weights: of all these triplets.
    """
    choices = choices or {}
    measures = {name: measure[name] if isinstance(measure, Mapping) else measure for name in models}
    matrices = {name for name, own_measure in measures.items() if get_measure(own_measure).precomputed}
    kept = common_triplets(models if nan_policy == "omit" else {}, index, backend, matrices, task, choices)
    if kept is not None:
        index = _checks.as_array(index, "triplets", "(t, 3)")[kept]
        weights = None if weights is None else weights.take(kept)
    every: dict[str, Any] = {**models, **{name: chosen.take(kept) for name, chosen in choices.items()}}
    t, m, scores = len(index), len(every), []
    credits, nats = _ones((t, 1 + m), np.int8), _ones((t, 1 + m), np.int16)
    steps, right = np.empty(m), np.empty((m, (t + 7) // 8), np.uint8)
    for first, batch in _batches(list(every.items()), TOGETHER):
        of_batch: list[tuple[np.ndarray, np.ndarray, float, np.ndarray]] = []
        for name, x in batch:
            progress(name, first + len(of_batch), m)
            if isinstance(x, Chosen):
                ties, host = options["ties"], get_host_backend(backend).name
                outcomes = outcomes_of_choices(x, ties=ties, nan_policy=nan_policy, backend=host, task=task, name=name)
            else:
                outcomes = _outcomes(
                    name,
                    x,
                    index,
                    names,
                    measure=measures[name],
                    nan_policy=nan_policy,
                    backend=backend,
                    task=task,
                    **options,
                )
            outcomes = weighted(outcomes, weights)
            scores.append(outcomes.score)
            if look is not None:
                look(outcomes)
            of_batch.append(_columns(outcomes))
        places = slice(1 + first, 1 + first + len(batch))
        credits[:, places] = np.stack([columns[0] for columns in of_batch]).T
        nats[:, places] = np.stack([columns[1] for columns in of_batch]).T
        steps[first : first + len(batch)] = [columns[2] for columns in of_batch]
        right[first : first + len(batch)] = [columns[3] for columns in of_batch]
    values = None if weights is None else weights.values
    return OutcomeTable(tuple(every), tuple(scores), kept, credits, nats, steps, right, values)


def _outcomes(name: str, x: object, index: object, names: Sequence[str] | None, **options: Any) -> Outcomes:
    try:
        with _checks.may_omit_rows(names):
            return triplet_outcomes(x, index, **options)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _columns(outcomes: Outcomes) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    nats, step = in_steps(outcomes.cross_entropy)
    return outcomes.credits(outcomes.score.ties).astype(np.int8), nats, step, np.packbits(outcomes.verdicts == 1)


def common_triplets(
    models: Mapping[str, object], index: Any, backend: BackendName, matrices: Collection[str] = (),
    task: str = ODD_ONE_OUT,
    choices: Mapping[str, Chosen] | None = None,
) -> np.ndarray | None:  # fmt: skip
    """(t,) mask of the triplets whose rows are finite in all models, and which all choices answer; None for all.

    matrices: the names of models that are similarities (n, n), of which the pairs must have a value.
    """
    if not models and not choices:
        return None
    host = _checks.as_triplets(index)
    kept = np.ones(len(host), bool)
    for name, x in models.items():
        if name in matrices:
            _, part = scored_part(placed(x, host, precomputed=True), True, task)
            kept &= True if part is None else part
            continue
        dispatch = dispatch_of(backend, x)
        finite = finite_mask(dispatch.backend, dispatch.rows(x))
        if not finite.all():
            invalid = dispatch.backend.check_triplets(dispatch.triplets(index), len(finite))
            _checks.require_valid(invalid, host, len(finite))
            kept &= finite[host].all(axis=1)
    for chosen in (choices or {}).values():
        kept &= chosen.present
    if not kept.any():
        rule = "that all of them answer" if choices else "whose rows are finite in all"
        raise InputError(f"models must share at least one triplet {rule}; got none")
    return None if kept.all() else kept


def _ones(shape: tuple[int, int], dtype: Any) -> np.ndarray:
    """An array whose first column is 1."""
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    if size <= IN_MEMORY:
        table = np.empty(shape, dtype)
    else:
        with tempfile.TemporaryFile() as file:  # it is gone with the last array that looks at it
            table = np.memmap(file, dtype, "w+", shape=shape)
    table[:, 0] = 1
    return table


def _batches(items: Sequence[Any], size: int) -> Iterator[tuple[int, Sequence[Any]]]:
    for first in range(0, len(items), size):
        yield first, items[first : first + size]
