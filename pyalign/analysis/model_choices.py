"""What analyses of triplets share: models by rows and by recorded choices, triplets, answers; checked and read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign.analysis.accuracy import Score
from pyalign.analysis.answers import ODD_LAST, alike, codes_of_people, find_repeats, require_single
from pyalign.analysis.choices import Chosen, as_chosen, notes_on_chosen
from pyalign.analysis.notes import merged, notes_on_rows
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes, credits_of
from pyalign.backends import Array, HostBackend, get_host_backend
from pyalign.data import Aligned, Categories, Embeddings, Provenance, Triplets, as_embeddings
from pyalign.data.align import in_turn
from pyalign.data.answers import checked_labels
from pyalign.data.missing import LEFT_OUT, WithRows, present_of
from pyalign.data.similarities import as_models, named_models, several
from pyalign.data.triplets import answered_triplets
from pyalign.documents import Estimate
from pyalign.errors import InputError
from pyalign.ops._dispatch import dispatch_of
from pyalign.ops.similarity import notes_on_similarities
from pyalign.ops.triplets import checked_triplets
from pyalign.typing import BackendName, MeasureLike, Policy, Ties, Weighting

OPTIONS = np.array([[0, 1, 2], [0, 2, 1]])  # row p: the columns in the order that puts option p behind the anchor
MOST = 2**30  # answers in all, each of which becomes a row
TIES = ("fractional", "wrong")  # an answer that names none says nothing of how many alternatives tie


@dataclass(frozen=True, eq=False)
class ModelChoices:
    """The choices of several models, and how they are read."""

    choices: Mapping[str, Any]  # of each model by its name, as `pyalign.score_choices` takes them; may be empty.
    base: int | None  # from which positions count; None: by their range.
    nan_policy: Policy  # "raise", or "omit" to leave out triplets without an answer.
    unreadable: Policy  # "raise", or "omit" to leave out triplets whose answer names none of their items.

    @classmethod
    def of(
        cls, model_choices: object, models: Mapping[str, object], *, base: int | None, nan_policy: Policy,
        unreadable: Policy, ties: Ties = "fractional",
    ) -> ModelChoices:
        """Checks the arguments of a call. `models` are those that have embeddings and no choices.

        Example:
            >>> ModelChoices.of({"x": [0, 2]}, {"x": None}, base=None, nan_policy="raise", unreadable="raise")
            Traceback (most recent call last):
            pyalign.errors.InputError: model_choices must not have the name of a model; got 'x'
        """
        checked_base(base)
        choices = {} if model_choices is None else named_models(model_choices, "model_choices", "choices")
        twice = next((name for name in choices if name in models), None)
        if twice is not None:
            raise InputError(f"model_choices must not have the name of a model; got {twice!r}")
        if choices:
            _checks.one_of(ties, TIES, "ties of choices")
        return cls(choices, base, nan_policy, unreadable)

    def options(self) -> dict[str, Any]:
        """For the record of a call: what was said of choices, where there are any."""
        return {"choice_base": self.base, "unreadable": self.unreadable} if self.choices else {}

    def among(self, present: WithRows) -> ModelChoices:
        """The choices on the triplets that remain, from choices on all triplets."""
        return replace(self, choices={name: present.of(one, name) for name, one in self.choices.items()})

    def of_rows(self, rows: np.ndarray, t: int) -> ModelChoices:
        """The choices on the rows (k,) out of t triplets."""
        arrays = {name: _checks.as_array(one, name, "(t,)") for name, one in self.choices.items()}
        for name, one in arrays.items():
            if one.shape[:1] != (t,):
                raise InputError(f"{name}: choices must have one entry per triplet, {t:,}; got shape {one.shape}")
        return replace(self, choices={name: one[rows] for name, one in arrays.items()})

    def read(self, triplets: Triplets, host: HostBackend) -> dict[str, Chosen]:
        """What became of each triplet with each model."""
        chosen = {}
        for name, choices in self.choices.items():
            try:
                chosen[name] = as_chosen(choices, triplets, self.base, host, self.unreadable)
                chosen[name].require_answers(self.nan_policy)
            except InputError as error:
                raise InputError(f"{name}: {error}") from error
        return chosen


@dataclass(frozen=True, eq=False)
class EachAnswer:
    """Triplets with a row for each answer, so that a mean over rows is one over answers; or of triplets, by weights."""

    triplets: Triplets  # the rows.
    given: Triplets  # the triplets as they were given.
    # int64 (a,), the number of the given triplet that each row is an answer to; None: each has one answer.
    rows: np.ndarray | None
    weighting: str  # "answers" or "triplets".
    people: Any = None  # who gave each, as the call or the triplets name them; None: not known, or several each.
    groups: Any = None  # of the rows: labels (a,), a word or `Categories`, or None.

    @classmethod
    def of(cls, given: Triplets, weighting: Weighting, subjects: object = None, groups: Any = None) -> EachAnswer:
        """A row for each answer. Raises InputError for shares, and for too many answers.

        subjects: (t,) as the call names them. groups: (t,) labels of the given triplets, a word or `Categories`.

        Example:
            >>> result = EachAnswer.of(Triplets(np.array([[4, 5, 6]])).with_answers([[1, 0, 2]]), "answers")
            >>> np.asarray(result.triplets).tolist(), result.rows.tolist()
            ([[5, 6, 4], [4, 5, 6], [4, 5, 6]], [0, 0, 0])
        """
        expanded, rows, people = given, None, given.subjects if subjects is None else subjects
        if given.answers is not None:
            require_single(given, people)
            counts = given.answers.counts
            if counts.sum() > MOST:
                raise InputError(f"answers must be at most {MOST:,} in all; got {counts.sum():,}")
            rows, place = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), counts.shape[1])
            expanded = given.arranged(rows, (ODD_LAST if counts.shape[1] == 3 else OPTIONS)[place])
        if weighting == "triplets":
            expanded = alike(expanded, find_repeats(expanded.values, None, expanded.task))
        if rows is not None and groups is not None and not isinstance(groups, str | Categories):
            groups = checked_labels(groups, len(given), "groups", "biufUS")[rows]
        return cls(expanded, given, rows, weighting, people, groups)

    def first(self, array: np.ndarray) -> np.ndarray:
        """What rows (a, ...) have in common that are answers to one triplet, (t, ...)."""
        return array if self.rows is None else array[np.searchsorted(self.rows, np.arange(len(self.given)))]

    def of_triplets(self, score: Any, choices: np.ndarray | None) -> Any:
        """A score of the rows that counts triplets where it says so; choices (t,): -1 for a tie, -2 if left out."""
        if self.rows is None or choices is None:
            return replace(score, weighting=self.weighting)
        n_dropped, n_ties = (int((choices == what).sum()) for what in (LEFT_OUT, -1))
        counts = {"n_triplets": len(choices) - n_dropped, "n_dropped": n_dropped, "n_ties": n_ties}
        return replace(score, weighting=self.weighting, n_answers=score.n_triplets, **counts)


@dataclass(frozen=True, eq=False)
class Judged:
    """Models and the triplets that they are held against, checked once: the objects of what remains all have a row."""

    models: Any  # embeddings, or a mapping from names to several, as they were given.
    choices: ModelChoices  # of models that are known by these only, on all triplets.
    present: WithRows  # the triplets that remain.
    answers: Any  # of all triplets, as the call gives them, or None.
    subjects: Any  # (t,) who answered those that remain, as the call gives them; None: as the triplets do.

    @classmethod
    def of(
        cls, models: Any, model_choices: object, triplets: object, what: str | None, *, base: int | None,
        nan_policy: Policy, unreadable: Policy, missing: Policy, ties: Ties = "fractional", answers: object = None,
        subjects: object = None, weights: object = None, beside: Mapping[str, object] | None = None,
        rules: Iterable[Callable[[Triplets, Any], None]] = (),
    ) -> Judged:
        """Checks the arguments of a call of `what`, which needs answers; None: of one that does not.

        Args:
            beside: name -> what must have a row for each object as well, and is no model.
            rules: what else the triplets must be, such as `require_unweighted`.

        Example:
            >>> options = {"base": None, "nan_policy": "raise", "unreadable": "raise", "missing": "raise"}
            >>> Judged.of(None, None, [[0, 1, 2]], "calibrate", **options)
            Traceback (most recent call last):
            pyalign.errors.InputError: models or model_choices must be given; got neither
        """
        models = models if isinstance(models, Embeddings | dict) else several(models)
        named = models if isinstance(models, Mapping) else {}
        choices = ModelChoices.of(
            model_choices, named, base=base, nan_policy=nan_policy, unreadable=unreadable, ties=ties
        )
        if choices.choices and models is not None and not isinstance(models, Mapping):
            raise InputError("models must map names to embeddings where model_choices are given too")
        if models is None and not choices.choices:
            raise InputError("models or model_choices must be given; got neither")
        models = named if models is None else models
        given = answered_triplets(triplets, answers, what, weights)
        for rule in rules:
            rule(given, what)
        every = {**named, **(beside or {})} if isinstance(models, Mapping) else {"embeddings": models}
        rows = {str(name): x if isinstance(x, Embeddings) else as_embeddings(x, str(name)) for name, x in every.items()}
        present = present_of(rows, given, missing, subjects)
        left = None if subjects is None else present.of(subjects, "subjects")
        return cls(models, choices, present, answers, left)

    @property
    def triplets(self) -> Triplets:
        """The triplets that remain."""
        return self.present.triplets

    @property
    def people(self) -> Any:
        """(t,) who answered the triplets that remain, or None; raises where there are counts of answers too."""
        people = self.triplets.subjects if self.subjects is None else self.subjects
        require_single(self.triplets, people)
        return people

    @cached_property
    def codes(self) -> np.ndarray | None:
        """(t,) by number."""
        return codes_of_people(self.triplets, self.subjects)

    def each(self, weighting: Weighting, groups: Any) -> EachAnswer:
        """The answers that remain, one in each row; groups: of all triplets, as the call gives them."""
        groups = groups if groups is None or isinstance(groups, str) else self.present.of(groups, "groups")
        return EachAnswer.of(self.triplets, weighting, self.subjects, groups)

    @property
    def names(self) -> list[str]:
        """The names of all models, of which there are several or none."""
        return [*self.models, *self.choices.choices]

    def read(self, backend: BackendName) -> dict[str, Chosen]:
        """What became of each triplet that remains with each model that is known by its choices."""
        return self.choices.among(self.present).read(self.triplets, get_host_backend(backend))

    def results(
        self, kind: Any, measures: Sequence[Any], options: Mapping[str, Any], backend: BackendName, progress: Progress,
        begin: Callable[[Rows], Callable[[Any], Any]], of_choices: Callable[[str, Chosen], Any],
    ) -> Any:
        """The results of all models as one `kind` of `Several`.

        Args:
            options: what was asked for, for the record.
            begin: makes of the rows of one model a function of a measure.
            of_choices: makes the result of a model that is known by its choices.
        """
        kept = self.triplets
        data = {"triplets": kept, "answers": kept.answers if self.answers is None else self.answers}
        data |= {"subjects": self.codes, "weights": kept.weights}

        def recorded(result: Any, inputs: Mapping[str, Any], measure: Any) -> Any:
            made = Provenance.now({**inputs, **data}, {"measure": measure, **options}, backend)
            return replace(result, coverage=self.present.coverage, provenance=made)

        models = self.models if isinstance(self.models, Mapping) else {"embeddings": self.models}
        has_rows = bool(models) or not self.choices.choices
        begun = lru_cache(maxsize=1)(lambda aligned, name: begin(Rows.of(aligned, name, backend)))
        results: tuple[Any, ...] = ()
        for aligned, name, by in in_turn(as_models(self.models), kept, measures, progress) if has_rows else ():
            with _checks.may_omit_rows(aligned.names, name, aligned.triplets.source):
                result = begun(aligned, name)(by)
            results += (recorded(result, {name or "embeddings": aligned.embeddings}, str(by)),)
        for name, chosen in self.read(backend).items():
            progress(name, len(results), None)
            results += (recorded(of_choices(name, chosen), {name: self.choices.choices[name]}, None),)
        whole = kind(results, kept.source, notes=merged(*(result.notes for result in results)))
        return recorded(whole, {**models, **self.choices.choices}, [*map(str, measures)] if has_rows else None)

    def described(
        self, result: Any, notes: Iterable[Iterable[str]], options: Mapping[str, Any], backend: str,
        seed: int | None = None, **inputs: Any,
    ) -> Any:
        """The result of all models together, with notes and what is recorded; inputs: those besides the models."""
        every = [*self.models.items(), *self.choices.choices.items(), *inputs.items()]
        return replace(
            result, triplets=self.triplets.source, coverage=self.present.coverage, notes=merged(*notes),
            provenance=Provenance.now(every, options, backend, seed),
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one model where a backend computes, and the triplets of these rows; both are checked."""

    name: str | None  # of the model, or None.
    x: Array  # (n, d).
    index: np.ndarray  # (t, 3) rows of the triplets, on the host.
    aligned: Aligned  # the model as it came, with the triplets.
    notes: tuple[str, ...]  # about the rows.

    @classmethod
    def of(cls, aligned: Aligned, name: str | None, backend: BackendName) -> Rows:
        """Brings them to their place."""
        dispatch = dispatch_of(backend, aligned.x)
        x = dispatch.rows(aligned.x)
        index = dispatch.host(checked_triplets(dispatch, aligned.index, *map(int, x.shape)))
        notes = merged(aligned.notes, notes_on_rows(x, aligned, name or "embeddings"))
        return cls(name, x, index, aligned, notes)

    def notes_by(self, measure: MeasureLike) -> tuple[str, ...]:
        """The notes, with those on the similarities by a measure."""
        of_measure = notes_on_similarities(self.x, self.aligned.index, measure, self.name or "embeddings")
        return merged(self.notes, of_measure)


def checked_base(base: int | None) -> None:
    """Raises unless positions count from 0, from 1, or as their range says."""
    if base is not None and _checks.index_number(base, 0) not in (0, 1):
        raise InputError(f"choice_base must be 0 or 1; got {base!r}")


def outcomes_of_choices(
    chosen: Chosen, *, ties: Ties, nan_policy: Policy, backend: str, task: str, name: str | None = None
) -> Outcomes:
    """The outcomes of the triplets with an answer, without similarities.

    Where there are no probabilities, or that of what somebody chose is 0, the score has no cross-entropy, and the
    outcomes have 0.
    """
    kept = None if chosen.present.all() else chosen.present
    rows: Any = slice(None) if kept is None else kept
    verdicts = chosen.verdicts[rows]
    n = len(verdicts)
    nats = None if chosen.cross_entropy is None else chosen.cross_entropy[rows]
    finite = nats is not None and bool(np.isfinite(nats).all())
    score = Score(
        accuracy=Estimate(int(credits_of(verdicts, ties).sum(dtype=np.int64)) / (CREDIT_UNIT * n)),
        n_triplets=n,
        n_ties=int((np.abs(verdicts) > 1).sum()),
        n_dropped=len(chosen.present) - n,
        cross_entropy=Estimate(nats.mean()) if nats is not None and finite else None,
        mean_entropy=None if chosen.entropy is None else float(chosen.entropy[rows].mean()),
        measure=None,
        temperature=None,
        ties=ties,
        nan=nan_policy,
        backend=backend,
        embeddings=name,
        model_choices=chosen.kind,
        task=task,
    )
    nats = nats if nats is not None and finite else np.zeros(n)
    entropy = nats if chosen.entropy is None else chosen.entropy[rows]
    return Outcomes(score, kept, np.empty((n, 0)), verdicts, nats, entropy)


def notes_on_choices(chosen: Mapping[str, Chosen], task: str, lacking: str = "cross-entropy") -> Iterator[str]:
    """How the answers of each model were read, and which models have no probabilities and so lack these figures."""
    for name, one in chosen.items():
        yield from (f"{name}: {note}" for note in notes_on_chosen(one, task))
    bare = [name for name, one in chosen.items() if one.probabilities is None]
    if bare and lacking:
        yield f"choices without probabilities have no {lacking}: {', '.join(bare)}"
