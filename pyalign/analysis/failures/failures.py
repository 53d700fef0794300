"""Where models fail: triplets that all of them get wrong, or one family of models and not another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter
from pyalign._result import OfTask, Result
from pyalign.analysis.accuracy import ChoiceModel
from pyalign.analysis.answers import inputs_of
from pyalign.analysis.choices import Chosen
from pyalign.analysis.comparison.paired_outcomes import named_outcomes
from pyalign.analysis.failures.groups import (
    CalledOdd, FailureGroup, ListedTriplet, ModelVerdicts, called_odd, called_odd_probabilities, group_failures,
    model_verdicts, probabilities_of_choices, verdicts_of_choices,
)
from pyalign.analysis.model_choices import Judged, notes_on_choices
from pyalign.analysis.notes import notes_on_rows
from pyalign.analysis.outcomes import triplet_outcomes
from pyalign.backends import get_host_backend
from pyalign.data import ANCHORED, ODD_ONE_OUT, AlignedModels, align_models, require_unweighted
from pyalign.data.similarities import named_models
from pyalign.documents import csv_text, from_fields, hidden, read_as
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.ops.similarity import notes_on_similarities
from pyalign.typing import (
    AnswersLike, BackendName, MeasureLike, Models, NamedChoices, NotNegative, Policy, SubjectsLike, Temperature, Ties,
    TripletsLike,
)

LISTED = 1000  # triplets of a group, where no other limit is asked for


@dataclass(frozen=True)
class Failures(OfTask, Result):
    """The triplets on which models fail."""

    command: ClassVar[str] = "failures"
    rows: ClassVar[str] = "groups"
    derived: ClassVar[tuple[str, ...]] = ("chance",)
    along: ClassVar = {"families": ("models",), "n_wrong": ("models",)}
    filled: ClassVar = ("n_triplets",)

    models: tuple[str, ...]  # the names of the models.
    families: tuple[str, ...] | None  # the family of each model, or None.
    n_triplets: int  # the number of triplets that every model answered.
    # the number of triplets left out because a row of some model has NaN or infinity (``nan_policy="omit"``), or
    # because a recorded choice of some model is missing.
    n_dropped: int
    n_undecided: int  # the number of triplets left out because participants tie for the odd one out (with counts).
    # the number of triplets that each model gets wrong. A tie that counts a fraction is neither right nor wrong.
    n_wrong: tuple[int, ...]
    # first the triplets that every model, or at least `at_least` models, get wrong; then, for every two families, those
    # that all models of one get right and all models of the other get wrong.
    groups: tuple[FailureGroup, ...]
    measure: str | None  # the similarity measure of the embeddings; None without embeddings.
    ties: str  # how tied triplets count.
    dtype: Literal["float16", "float32", "float64"]  # the dtype of the margins.
    names: Mapping[int, str] | None = hidden(default=None)  # the names of the listed items by their numbers, or None.
    triplets: str | None = None  # the source of the triplets, or None.
    task: str = ODD_ONE_OUT  # the task of the triplets, which determines `chance`.
    # the temperature of the choice probabilities of embeddings; None without embeddings, and for documents of earlier
    # versions.
    temperature: float | None = None
    # the least number of models that get a triplet of the first group wrong; None: all models.
    at_least: int | None = None

    def first(self, limit: int) -> Failures:
        """The result with at most so many triplets of each group, the clearest."""
        groups = tuple(group.first(limit) for group in self.groups)
        record = self.provenance and replace(self.provenance, options={**self.provenance.options, "limit": limit})
        listed = {item for group in groups for item in group.items.ravel().tolist()}
        names = None if self.names is None else {item: name for item, name in self.names.items() if item in listed}
        return replace(self, groups=groups, names=names or None, provenance=record)

    def columns(self) -> dict[str, np.ndarray]:
        """Every listed triplet as arrays, for any number of them.

        Returns:
            `group` (k,), `row` (k,), `items` (k, 3), `margins` (k, m), `human_share` (k,), `n_answers` (k,), `subject`
            (k,) where participants are known, `choices` (k, m) and `probabilities` (k, m, 3), as `FailureGroup` has
            them. Then `models` (m,); of the groups, which `group` counts from 0, `right`, `wrong` and `n`; and of the
            items, where they have names, `item_numbers` and `item_names`.
        """
        own = {"row": "rows", "items": "items", "margins": "margins", "human_share": "human_shares",
               "n_answers": "n_answers", "subject": "subjects", "choices": "choices", "probabilities": "probabilities"}
        filled = [group for group in self.groups if len(group.rows)] or self.groups[:1]
        parts = {name: [getattr(group, field) for group in filled] for name, field in own.items()}
        columns = {name: np.concatenate(some) for name, some in parts.items() if all(one is not None for one in some)}
        names = self.names or {}
        return {
            "group": np.repeat(np.arange(len(self.groups)), [len(group.rows) for group in self.groups]), **columns,
            "models": np.array(self.models), "right": np.array([group.right or "" for group in self.groups]),
            "wrong": np.array([self.who_fails(group) for group in self.groups]),
            "n": np.array([group.n for group in self.groups]),
            **({"item_numbers": np.array([*names]), "item_names": np.array([*names.values()])} if names else {}),
        }

    def who_fails(self, group: FailureGroup) -> str:
        """Says in words which models get the triplets of a group wrong."""
        every = "every model" if self.at_least is None else f"at least {self.at_least} models"
        return every if group.wrong is None else group.wrong

    def records(self, group: FailureGroup) -> Iterator[dict[str, Any]]:
        """A dict for each listed triplet: row, items, names, margins by model, human_share, n_answers, subject.

        And choices and probabilities by model; see `FailureGroup`.
        """
        return group.records(self.models, self.names)

    def to_dict(self) -> dict[str, Any]:
        """What a JSON document holds; of each group a dict for each listed triplet."""
        document = super().to_dict()
        for group, written in zip(self.groups, document["groups"], strict=True):
            written["triplets"] = list(self.records(group))
        return document

    def to_json(self) -> str:
        """The document as text, a line for each triplet: there may be a million of them."""
        document = super().to_dict()
        groups = document.pop("groups")
        tail = {name: document.pop(name) for name in ("notes", "provenance") if name in document}
        encode = json.JSONEncoder(allow_nan=False).encode
        parts = [json.dumps(document, indent=2, allow_nan=False)[:-2], ',\n  "groups": [']
        for k, (group, written) in enumerate(zip(self.groups, groups, strict=True)):
            lines = ",\n      ".join(map(encode, self.records(group)))
            parts += ["," * (k > 0), f'\n    {encode(written)[:-1]}, "triplets": [\n      {lines}\n    ]}}']
        rest = "," + json.dumps(tail, indent=2, allow_nan=False)[1:-2] if tail else ""
        return "".join([*parts, "\n  ]", rest, "\n}"])

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Failures:
        """Back from what `to_dict` gives."""
        result = from_fields(cls, document)
        hint = tuple[ListedTriplet, ...]
        listed = [read_as(hint, group.get("triplets"), "triplets") for group in document["groups"]]
        groups = tuple(group.listing(some, result.models, result.dtype)
                       for group, some in zip(result.groups, listed, strict=True))
        records = [record for some in listed for record in some]
        names = {item: name for one in records for item, name in zip(one.items, one.names or (), strict=False)}
        if names and any(record.names is None for record in records):
            raise InputError("'names' must be there for all triplets, or for none")
        return replace(result, groups=groups, names=names or None)

    def to_records(self) -> list[dict[str, Any]]:
        """A flat dict for each listed triplet: group, row, items, names, a margin for each model, share, answers."""
        header = self._header()
        return [dict(zip(header, cells, strict=True)) for cells in self._cells()]

    def to_csv(self, escape: bool = False, rows: str | None = None) -> str:
        """The same as text, separated by commas, under a header; `escape`, `rows`: see `Result.to_csv`."""
        return csv_text(self._header(), self._cells(), escape) if rows is None else super().to_csv(escape, rows)

    def _header(self) -> tuple[str, ...]:
        anchored = self.task == ANCHORED
        three = ("anchor_name", "chosen_name", "other_name") if anchored else ("name_1", "name_2", "odd_name")
        named = () if self.names is None else three
        who = ("subject",) if self._has_subjects() else ()
        margins = (f"margin {model}" for model in self.models)
        items = ("anchor", "chosen", "other") if anchored else ("item_1", "item_2", "odd_item")
        return ("right", "wrong", "row", *items, *named, *margins, "human_share", "n_answers", *who)

    def _cells(self) -> Iterator[list[Any]]:
        who = self._has_subjects()
        for group in self.groups:
            start = group.right, self.who_fails(group)
            for record in self.records(group):
                cells = [*start, record["row"], *record["items"], *(record["names"] or ()), *record["margins"].values()]
                yield [*cells, record["human_share"], record["n_answers"], *([record["subject"]] if who else ())]

    def _has_subjects(self) -> bool:
        return any(group.subjects is not None for group in self.groups)


@_checks.checked
def find_failures(
    models: Models | None, triplets: TripletsLike, *, model_choices: NamedChoices | None = None,
    choice_base: int | None = None, families: Sequence[str] | None = None, subjects: SubjectsLike | None = None,
    answers: AnswersLike | None = None, limit: NotNegative | None = LISTED, min_models: int | None = None,
    measure: MeasureLike = "cosine", temperature: Temperature = 1.0, ties: Ties = "fractional",
    nan_policy: Policy = "raise", unreadable: Policy = "raise", missing: Policy = "raise",
    backend: BackendName = "auto", progress: Progress | None = None,
) -> Failures:
    """Find the triplets that every model gets wrong, and those that one family of models gets right and another wrong.

    Args:
        models: a mapping of names to (n, d) embeddings of the same n items, where d may differ; or None. Embeddings
            with names are matched by name; all others must have their rows in the same order.
        triplets: (t, 3) integers in [0, n), or names; the last column is the odd one out, unless there are `answers`.
        model_choices: a mapping of names to recorded choices of a language model or a participant, in the form that
            `pyalign.score_choices` takes; in addition to the models, after which they are listed, or instead of them. A
            choice that names none of the items is a tie. Without probabilities there is no margin.
        choice_base, unreadable: see `pyalign.score_choices`.
        families: the family of each model, in the order of the models; at least two different ones.
        subjects: (t,) numbers or strings: the participant who gave each answer, to list with it; None: those of the
            triplets.
        answers: (t, 3) counts of how often each position was chosen as odd; None: those of the triplets. The item that
            was chosen most often is then the correct one, and triplets without a majority are left out.
        limit: the largest number of triplets to list in each group; None: all, best read by `Failures.columns`.
        min_models: the first group has the triplets that at least this many models get wrong, sorted by the number of
            these models; None: the triplets that all models get wrong.
        measure, temperature, ties, nan_policy, missing, backend: see `pyalign.score`; the temperature applies to the
            probabilities. Rows in the lists are always those among all triplets.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        A `Failures`: the groups of triplets, with margins, choices and probabilities of each model.

    Raises:
        InputError: as `pyalign.score`, with the model's name; no model, or models of different items; the wrong number
            of families, or a single one; subjects of another length; answers of another shape, or proportions.

    Example:
        >>> import pyalign
        >>> line = np.array([[0.0], [1.0], [5.0], [7.0]])
        >>> names = ["ant", "bee", "cat", "dog"]
        >>> models = {"line": pyalign.Embeddings(line, names), "flipped": -line[[0, 2, 1, 3]]}
        >>> asked = [[0, 1, 2], [2, 3, 0], [0, 3, 1]]
        >>> result = find_failures(models, asked, families=["a", "b"], measure="neg_euclidean")
        >>> [(group.right, group.wrong, group.rows.tolist()) for group in result.groups]
        [(None, None, [2]), ('a', 'b', [1, 0]), ('b', 'a', [])]
        >>> result.to_dict()["groups"][0]["triplets"][0]["margins"]
        {'line': -6.0, 'flipped': -5.0}
    """
    progress = reporter(progress)
    models = named_models({} if models is None else models)
    judged = Judged.of(
        models, model_choices, triplets, "failures", base=choice_base, nan_policy=nan_policy, unreadable=unreadable,
        missing=missing, ties=ties, answers=answers, subjects=subjects, rules=(require_unweighted,),
    )
    require_families(judged.names, families)
    if min_models is not None:
        _checks.whole_number(min_models, "min_models", 1, len(judged.names))
    given, people = judged.triplets, judged.people
    called = called_odd(given, people)
    aligned = align_models(models, given)
    index = called.arranged(aligned.index)
    how = ChoiceModel(measure, ties=ties, nan_policy=nan_policy, task=given.task)
    answered = judged.choices.among(judged.present).of_rows(called.rows, len(given))
    chosen = answered.read(called.answered(aligned.triplets), get_host_backend(backend))
    verdicts, used = _verdicts(aligned, index, how, backend, chosen, progress)
    sentences = [aligned.notes, *(
        notes for name, x in aligned.models.items()
        for notes in (notes_on_rows(x, aligned, name), notes_on_similarities(x, aligned.index, measure, name))
    ), notes_on_choices(chosen, given.task, "margin")]
    asked = _asked(verdicts, "answer" if chosen else "be finite in the rows of")
    items = called.arranged(aligned.triplets.values)
    groups = group_failures(verdicts, called, items, families, asked, limit, min_models)
    how = replace(how, temperature=temperature)
    groups = _with_probabilities(groups, called, index, aligned.models, chosen, how, backend)
    options = {"measure": str(get_measure(measure)) if models else None, "ties": ties, "nan": nan_policy,
               "missing": missing, "limit": limit, "at_least": min_models,
               "temperature": temperature if models else None, **judged.choices.options()}
    failures = Failures(
        models=tuple(judged.names), families=None if families is None else tuple(families),
        n_triplets=int(asked.sum()), n_dropped=int((~asked).sum()), n_undecided=called.n_undecided,
        n_wrong=tuple(int((model.wrong & asked).sum()) for model in verdicts),
        groups=tuple(replace(group, rows=judged.present.rows_among_all(group.rows)) for group in groups),
        measure=options["measure"], ties=ties, dtype=cast(Any, str(groups[0].margins.dtype)),
        names=_listed_names(groups, aligned.triplets.names), task=given.task, temperature=options["temperature"],
        at_least=min_models,
    )
    return cast(Failures, judged.described(failures, sentences, options, used, **inputs_of(given, people)))


def _asked(verdicts: Sequence[ModelVerdicts], rule: str) -> np.ndarray:
    """(t,): which triplets all models have decided; raises where there is none, by the rule that they must follow."""
    asked: np.ndarray = np.logical_and.reduce([model.asked for model in verdicts])
    if not asked.any():
        raise InputError(f"models must all {rule} at least one triplet; of {len(asked)} there is none")
    return asked


def _verdicts(
    aligned: AlignedModels, index: np.ndarray, how: ChoiceModel, backend: BackendName, choices: Mapping[str, Chosen],
    progress: Progress,
) -> tuple[list[ModelVerdicts], str]:
    """Those of each model, by rows and then by choices, and the backend that computed."""
    verdicts, used = list[ModelVerdicts](), get_host_backend(backend).name
    for name, x in aligned.models.items():
        progress(name, len(verdicts), len(aligned.models) + len(choices))
        outcomes = named_outcomes(name, x, index, aligned.names, how, backend)
        verdicts.append(model_verdicts(outcomes))
        used = outcomes.score.backend
    dtype = verdicts[0].margins.dtype if verdicts else np.dtype(np.float64)
    return [*verdicts, *(verdicts_of_choices(one, how.ties, how.task, dtype) for one in choices.values())], used


def _with_probabilities(
    groups: Sequence[FailureGroup], called: CalledOdd, index: np.ndarray, models: Mapping[str, Any],
    chosen: Mapping[str, Chosen], how: ChoiceModel, backend: BackendName,
) -> tuple[FailureGroup, ...]:
    """The groups with the probabilities of what they list: of all triplets, `index` (t, 3), they take much memory."""
    places = [np.searchsorted(called.rows, group.rows) for group in groups]
    rows = np.concatenate(places)
    positions = np.zeros((len(rows), len(models) + len(chosen), 3), np.float32)
    for k, x in enumerate(models.values()) if len(rows) else ():
        similarities = triplet_outcomes(x, index[rows], replace(how, temperature=1.0), backend).similarities
        positions[:, k] = called_odd_probabilities(similarities, how.temperature, how.task)
    for k, one in enumerate(chosen.values()):
        positions[:, len(models) + k] = probabilities_of_choices(one, rows, how.task)
    parts = np.split(positions, np.cumsum([len(one) for one in places])[:-1])
    return tuple(replace(group, probabilities=part) for group, part in zip(groups, parts, strict=True))


def require_families(models: Sequence[str], families: Sequence[str] | None) -> None:
    """Raises unless there is a model, and none or at least two families, one for each model."""
    if not models:
        raise InputError("models must be at least one; got none")
    if families is None:
        return
    families = _checks.names_of(families, "families")
    if len(families) != len(models):
        raise InputError(f"families must be one per model ({len(models)}); got {len(families)}")
    if len(set(families)) < 2:
        raise InputError(f"families must be at least two different ones; got only {families[0]!r}")


def _listed_names(groups: Sequence[FailureGroup], names: Sequence[str] | None) -> dict[int, str] | None:
    """The names of the items in the groups, by number."""
    if names is None:
        return None
    listed = np.unique(np.concatenate([group.items.ravel() for group in groups]))
    return {item: names[item] for item in listed.tolist()} or None
