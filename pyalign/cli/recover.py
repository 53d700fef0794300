"""`pyalign recover`: can these triplets tell these models apart, and how many would it take?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pyalign.cli import _idle, _inputs, _options
from pyalign.cli._command import Command, Outcome, option, refuse_unused
from pyalign.errors import InputError
from pyalign.measures import MEASURES, get_measure
from pyalign.progress import Progress
from pyalign.recovery.recover import REFITS, recover
from pyalign.typing import MeasureName

ANSWERING, FITTING = f"answers\n{_options.MODEL.partition(chr(10))[2]}", "fits"
SIMULATING = "simulations"


@dataclass(frozen=True)
class RecoverOptions(
    _options.Models, _options.TripletFile, _options.JudgedRows, _options.Mapped, _idle.People, _idle.Nan,
    _idle.Categories, _options.Running, _options.Output,
):
    """The options of `pyalign recover`."""

    measure: tuple[MeasureName, ...] | None = option(
        "similarity measure, one of those above for all models, or one for each (default: cosine)", nargs="+",
        metavar="M",
        group=ANSWERING, words=MEASURES,
    )
    temperature: tuple[float, ...] | None = option(
        "temperature at which models answer, one for all or one for each (default: the one that fits "
        "the human answers best)",
        nargs="+", kind=float, metavar="T", group=ANSWERING,
    )
    refit: Literal["temperature", "probe"] = option(
        "what is fitted to the simulated answers: a temperature, or a linear probe evaluated on "
        "held-out objects (default: temperature)", default="temperature", choices=REFITS, group=FITTING,
    )
    folds: int | None = option(
        "number of cross-validation folds of probes, over objects (default: 3)",
        kind=_options.count,
        metavar="K",
        group=FITTING,
    )
    penalties: tuple[float, ...] | None = option(
        "regularization penalty of probes: one value, used as it is, or several to choose from "
        "(default: depending on the data)", "--penalty", nargs="+",
        kind=float, metavar="L", group=FITTING,
    )
    n_simulations: int | None = option(
        "number of simulations of each model at each number of triplets (default: 100; 10 for probes)",
        kind=_options.count, metavar="S",
        group=SIMULATING,
    )
    sizes: tuple[int, ...] | None = option(
        "numbers of triplets to try, which may exceed those in the file (default: successive halves, "
        "and doubles until the target is reached)", "--count", nargs="+", kind=_options.count, metavar="N",
        group=SIMULATING,
    )
    confidence_level: float = option(
        "confidence level of the intervals (default: 0.95)", default=0.95, kind=float, metavar="P", group=SIMULATING
    )
    seed: int = option("random seed (default: 0)", default=0, kind=_options.seed, metavar="S", group=SIMULATING)


def run(options: RecoverOptions, progress: Progress) -> Outcome:
    """Reads, simulates, counts."""
    for measure in options.measure or ():
        get_measure(measure)
    if options.refit != "probe":
        refuse_unused(options, ("folds", "penalties"), "probes: add --refit probe")
    if len(options.embeddings) < 2:
        raise InputError("--embeddings must be at least two models to tell apart; got 1")
    labels = _inputs.labelled(options.embeddings, options.labels)
    for flag, values in (("--measure", options.measure), ("--temperature", options.temperature)):
        _check_number(flag, values, len(options.embeddings))
    answered = "recover without --temperature" if options.temperature is None else None
    triplets = _inputs.read_triplets(options, answered=answered)
    models = _inputs.read_models(options, triplets)
    if labels is not None:
        models = dict(zip(labels, models.values(), strict=True))
    recovery = recover(
        models, triplets, measure=_each(options.measure or ("cosine",), list(models)),
        temperature=None if options.temperature is None else _each(options.temperature, list(models)),
        refit=options.refit, n_simulations=options.n_simulations, sizes=options.sizes,
        confidence_level=options.confidence_level,
        folds=3 if options.folds is None else options.folds,
        penalties="auto" if options.penalties is None else options.penalties, seed=options.seed,
        missing=options.missing, backend=options.backend, progress=progress,
    )
    return Outcome(replace(recovery, triplets=options.triplets))


def _check_number(flag: str, values: Sequence[object] | None, models: int) -> None:
    if values is not None and len(values) not in (1, models):
        raise InputError(f"{flag} must be one for all, or one for each of {models} models; got {len(values)}")


def _each(values: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """A value for each model, by its name; `values` holds one for all or one for each."""
    return dict(zip(names, values if len(values) > 1 else [values[0]] * len(names), strict=True))


COMMAND = Command(RecoverOptions, run, "pyalign recover clip.npy vgg.npy -t triplets.npy", about=("triplets",))
