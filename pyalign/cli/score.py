"""`pyalign score`: odd-one-out accuracy of embeddings, or of ready matrices, on human triplets."""

from __future__ import annotations

from io import StringIO
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign.analysis.accuracy import Scores
from pyalign.analysis.score import score
from pyalign.cli import _inputs, _model_choices, _options, _shared_options
from pyalign.cli._command import OUTPUT, Command, Outcome, Output, flags_by_name, option
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.measures import get_measure
from pyalign.stats.resampling import AUTO

EXTRA = "additional scores"


@dataclass(frozen=True)
class ScoreOptions(
    _options.Models, _shared_options.Matrices, _options.TripletFile, _options.JudgedRows, _options.Measures,
    _options.Temperature, _model_choices.ModelChoices, _options.Intervals, _options.People, _options.ManyAnswers,
    _options.Weighted, _options.Running, _options.Output,
):
    """The options of `pyalign score`."""

    transform: Spec | None = option(
        "linear map to apply to the embeddings first, as written by `pyalign probe`; scores use the similarity "
        "measure stored with it",
    )
    groups: Spec | None = option(
        "file of t labels, or the word subjects for the participants; also shows the score of each group of triplets",
        group=EXTRA, exclusive="groups",
    )
    categories: Spec | None = option(
        f"{_options.CATEGORIES}; also shows the score on pairs of each category", group=EXTRA, exclusive="groups"
    )
    ceiling: float | Spec | None = option(
        "noise ceiling; also shows how far from chance to the ceiling each score is. A fraction, or "
        "FILE.json[::upper|lower|estimate] written by `pyalign ceiling --json` (default: estimate)",
        kind=_shared_options.ceiling, role="input", group=EXTRA,
    )
    n_permutations: int | None = option(
        "estimate the chance level by K random permutations of the rows (of a matrix, rows and columns together)",
        group=EXTRA,
    )
    choices: str | None = option(
        "write the position that the model chooses in each triplet: -1 for ties, -2 for omitted triplets",
        kind=_options.npy_file, group=OUTPUT,
    )
    probabilities: str | None = option(
        "write the choice probabilities: three for each triplet, or two if anchored", kind=_options.npy_file,
        group=OUTPUT, rare=True,
    )


def run(options: ScoreOptions, progress: Progress) -> Outcome:
    """Reads everything, scores everything."""
    for measure in options.measure or ():
        get_measure(measure)
    plan, notes = _inputs.check_intervals(options, options.n_permutations)
    notes += _model_choices.check(options)
    _shared_options.check(options)
    matrices = _shared_options.read(options)
    labels = _inputs.labeled(_model_choices.models_of(options, tuple(matrices)), options.labels)
    temperature = _options.read_temperature(options.temperature, options.measure or ("cosine",))
    triplets = _inputs.read_triplets(options)
    alone = not triplets.answered  # what the model says, which there is nothing to compare with
    if alone:
        _refuse_answers(options)
    ceiling = _shared_options.read_ceiling(options.ceiling, triplets.task)
    plan = None if alone else plan
    groups: Any = None
    if options.groups is not None and str(options.groups) == "subjects":
        groups = "subjects"
    elif options.groups is not None:
        labeled = _inputs.labels_of(options.groups, "group", len(triplets))
        groups = np.array(labeled.labels)[labeled.codes]
    elif options.categories is not None:
        groups = _shared_options.read_categories(options.categories)
    keep: list[Any] = [
        name for name in ("choices", "probabilities") if getattr(options, name) or (alone and name == "choices")
    ]
    models = {**(_inputs.read_models(options, triplets) if options.embeddings else {}), **matrices} or None
    results = score(
        models, triplets, measure=options.measure, temperature=temperature,
        ties=options.ties, nan_policy=options.nan_policy, missing=options.missing, backend=options.backend, ci=plan,
        groups=groups, ceiling=ceiling, n_permutations=options.n_permutations, seed=options.seed or 0,
        transform=_inputs.read_transform(options.transform), keep=keep,
        **({} if options.model_choices is None else _model_choices.arguments(options)), progress=progress,
    )
    results = replace(results, triplets=options.triplets, results=_inputs.with_labels(results.results, labels))
    text = _choices_as_text(results) if alone and not options.choices else None
    return Outcome(results, _arrays(options, results), text, notes=notes)


def _refuse_answers(options: ScoreOptions) -> None:
    """Raises where an option needs the people's answers."""
    names = ("model_choices", "ci", "groups", "categories", "ceiling", "n_permutations")
    named = [name for name in names if getattr(options, name) not in (None, "none", AUTO)]
    if named:
        raise InputError(
            f"{flags_by_name(ScoreOptions)[named[0]]} needs human choices, which {_inputs.said_by(options)} "
            f"says are not "
            "recorded"
        )


def _arrays(options: ScoreOptions, results: Scores) -> dict[str, Output]:
    """What to write where. Of one model (t,) and (t, 3); of several a leading axis, in the order of the table."""
    files: dict[str, Output] = {}
    for path, name in ((options.choices, "choices"), (options.probabilities, "probabilities")):
        if path is not None:
            arrays = [one for one in (getattr(row, name) for row in results) if one is not None]
            files[path] = arrays[0] if len(arrays) == 1 else np.stack(arrays)
    return files


def _choices_as_text(results: Scores) -> str:
    """A line per triplet, a column per result."""
    table = np.stack([one.choices for one in results if one.choices is not None], axis=1)
    out = StringIO()
    np.savetxt(out, table, fmt="%d", delimiter="\t")
    return out.getvalue().rstrip("\n")


SCORE = Command(
    ScoreOptions, run, "pyalign score clip.npy vgg.npy -t triplets.npy --measure cosine dot", about=("triplets",)
)
