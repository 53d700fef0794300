"""What commands read: embeddings with the names of their rows, triplets with what is known of them.

The files behind what a command reads: an input is one, a folder of them, or a data set that describes them.
Inputs that another program changes while a command reads them: one line, wherever the command is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from pyalign.backends import native
from pyalign.cli._command import paths, refuse_unused, without_effect
from pyalign.cli._options import (
    ClosedIntervals, JudgedRows, ManyAnswers, Mapped, People, RowNames, SomeTriplets, TripletLayout, Weighted,
)
from pyalign.data import ANCHORED, Embeddings, Subjects, Transform, Triplets, Weights, hash_early
from pyalign.data.align import align, asked_items
from pyalign.data.names import objects_of, rule_of
from pyalign.errors import InputError
from pyalign.io.answers import WEIGHT
from pyalign.io.folder import folder_files
from pyalign.io.paths import Spec, is_named, is_written_over
from pyalign.report.words import one_line
from pyalign.stats.resampling import AUTO, Resampling


def read_triplets(options: SomeTriplets, *, answered: str | None = None) -> Triplets:
    """The triplets that the options describe, with subjects and answers where these are given.

    Of a `.toml` that describes a data set, options come before what it says.

    answered: what needs the people's answers; raises where there are none.
    """
    from pyalign.io.triplets import load_triplets

    if options.task == ANCHORED and options.without_choices:
        raise InputError("--choice-column none applies only to --task odd-one-out")
    assert options.triplets is not None
    positions = is_named(options.triplets) or (options.choice_column is not None and not options.without_choices)
    if not positions and getattr(options, "model_choices", None) is None:
        more = " or --model-choices" if hasattr(options, "model_choices") else ""
        refuse_unused(options, ("choice_base",), f"positions of choices: add --choice-column{more}")
    triplets = load_triplets(
        options.triplets.path,
        key=options.triplets.key,
        subject_column=options.subject_column if isinstance(options, People) else None,
        item_names=None if options.item_names is None else names_of(options.item_names),
        weight_column=_own_weights(options),
        **{name: value for name, value in options.layout().items() if positions or name != "choice_base"},
    )
    if triplets.names is None and isinstance(options, RowNames):
        of_rows = options.names if options.per_object is None else None  # else rows are images, and numbers are objects
        if of_rows is not None:
            triplets = replace(triplets, names=names_of(of_rows), numbered=True)  # who names rows says their order
    hash_early(triplets)
    described = _with_weights(_with_answers(_with_subjects(triplets, options), options), options)
    if answered is not None and not described.answered:
        hint = ": give --answers" if isinstance(options, ManyAnswers) else ""
        raise InputError(f"{answered} needs human choices, which {said_by(options)} says are not recorded{hint}")
    return described


def said_by(options: SomeTriplets) -> str:
    """Who says that nobody recorded which item is odd, where that is so: the command line, or a description."""
    return "--choice-column none" if options.without_choices else str(options.triplets)


def _with_subjects(triplets: Triplets, options: TripletLayout) -> Triplets:
    if not isinstance(options, People) or options.subjects is None:
        return triplets
    subjects = labels_of(options.subjects, "subject", len(triplets))
    notes = _used("--subjects", options.subjects, options, triplets.subjects)
    notes += tuple(f"{options.subjects}: {note}" for note in subjects.notes())
    return replace(triplets, subjects=subjects, notes=(*triplets.notes, *notes))


def _used(flag: str, spec: Spec, options: TripletLayout, own: object) -> tuple[str, ...]:
    """A sentence where an option comes before what a data set says of itself."""
    triplets = options.triplets if isinstance(options, SomeTriplets) else None
    return () if own is None else (f"{triplets}: {flag} {spec} is used, not its own",)


def labels_of(spec: Spec, noun: str, t: int) -> Subjects:
    """A label for each of t triplets, from a file."""
    from pyalign.io.answers import read_subjects

    labels = read_subjects(spec.path, key=spec.key, noun=noun)
    if len(labels.codes) != t:
        rule = "one entry per triplet" if noun == "subject" else "one label per triplet"
        raise InputError(f"{spec}: {noun}s must have {rule} ({t}); got {len(labels.codes)}")
    return labels


def _with_answers(triplets: Triplets, options: TripletLayout) -> Triplets:
    """Counts and shares are by the position that items have in the file, whichever of them was called odd."""
    if not isinstance(options, ManyAnswers) or options.answers is None:
        return triplets
    spec = options.answers
    from pyalign.io.answers import read_answers

    notes = _used("--answers", spec, options, triplets.answers)
    try:
        answered = triplets.with_answers(read_answers(spec.path, key=spec.key, task=triplets.task))
    except InputError as error:
        raise error if str(error).startswith(spec.path) else InputError(f"{spec}: {error}") from error
    return replace(answered, notes=(*answered.notes, *notes))


def _with_weights(triplets: Triplets, options: TripletLayout) -> Triplets:
    if not isinstance(options, Weighted) or options.weights is None or _own_weights(options) is not None:
        return triplets
    spec, weights = options.weights, weights_of(options.weights)
    try:
        return triplets.with_weights(weights)
    except InputError as error:
        raise InputError(f"{spec}: {error}") from error


def _own_weights(options: Any) -> str | None:
    """The column of weights in the triplet file itself, where some of its rows may be left out."""
    spec: Spec | None = getattr(options, "weights", None)
    own = spec is not None and spec.path == options.triplets.path and (options.where or options.empty)
    return (spec.key or WEIGHT) if spec is not None and own else None


def weights_of(spec: Spec) -> Weights:
    """The weights in FILE or FILE::KEY."""
    from pyalign.io.answers import read_weights

    return read_weights(spec.path, key=spec.key)


def names_of(spec: Spec) -> tuple[str, ...]:
    """The names in FILE or FILE::KEY."""
    from pyalign.io.item_names import read_names

    return read_names(spec.path, key=spec.key)


def read_transform(spec: Spec | None) -> Transform | None:
    """The map in a file, where one is given."""
    from pyalign.io.transform import load_transform

    return None if spec is None else load_transform(spec)


def read_embeddings(spec: Spec, names: Spec | None = None, name_column: int | str | None = None) -> Embeddings:
    """The embeddings of FILE or FILE::KEY, with the names of their rows."""
    embeddings = _read(spec, names, name_column)
    hash_early(embeddings)
    return embeddings


def _read(spec: Spec, names: Spec | None, name_column: int | str | None) -> Embeddings:
    from pyalign.io.embeddings import load_embeddings

    of_rows = None if names is None else names_of(names)
    return load_embeddings(spec.path, key=spec.key, names=of_rows, name_column=name_column)


def read_models(
    options: Any, triplets: Triplets | None = None, items: tuple[str, ...] | None = None
) -> dict[str, Embeddings]:
    """The embeddings of a command by their specifications, which must differ; a row for each object where asked.

    items: the names of the objects, where it is not triplets that say them.
    """
    twice = [spec for spec in options.embeddings if options.embeddings.count(spec) > 1]
    if twice:
        raise InputError(f"--embeddings must differ; got {twice[0]} {options.embeddings.count(twice[0])} times")
    rows = {spec: _read(spec, options.names, options.name_column) for spec in options.embeddings}
    objects = items if triplets is None else asked_items(triplets)
    models = _of_objects({spec: in_described_order(x, options, triplets) for spec, x in rows.items()}, options, objects)
    if not isinstance(options, Mapped) or options.transform is None:
        return models
    return {spec: mapped(x, options.transform, triplets) for spec, x in models.items()}


def read_labeled(options: Any, triplets: Triplets | None = None) -> dict[str, Embeddings]:
    """The embeddings of a command as `read_models` gives them, by their labels where these are given."""
    labels = labeled(options.embeddings, options.labels)
    models = read_models(options, triplets)
    return models if labels is None else dict(zip(labels, models.values(), strict=True))


def in_described_order(x: Embeddings, options: Any, triplets: Triplets | None) -> Embeddings:
    """Rows without names under those of the objects, where a description names as many: it states their order too."""
    if triplets is None or options.per_object is not None:
        return x
    return as_described(x, options.triplets, triplets)


def as_described(x: Embeddings, spec: Spec, triplets: Triplets) -> Embeddings:
    """Likewise, where a row is always an object. spec: the file of the triplets."""
    if x.names is not None or triplets.names is None or not is_named(spec):
        return x
    from pyalign.datasets.dataset import described_names

    names = described_names(spec.path, triplets)
    return replace(x, names=names) if names is not None and len(names) == len(x) else x


def mapped(x: Embeddings, spec: Spec, triplets: Triplets | None = None) -> Embeddings:
    """Embeddings after the map of a file, with a note of what its fit has seen of the triplets or else the objects."""
    from pyalign.analysis.score import seen_by

    transform = read_transform(spec)
    assert transform is not None
    seen = seen_names(transform, x)
    if triplets is not None:
        with suppress(InputError):  # items without a row: the command says so, or leaves them out
            seen = seen_by(transform, align(x, triplets))[1]
    try:
        transformed: Embeddings = transform.apply(x)
    except InputError as error:
        raise InputError(f"{x.source}: --transform {spec}: {error}") from error
    trained = () if transform.trained is None else (f"it was fitted for --measure {transform.trained.measure}",)
    more = [note for note in (*seen, *trained) if note not in transform.notes]
    notes = tuple(f"{x.source} through {spec}: {note}" for note in more)
    return replace(transformed, notes=(*transformed.notes, *notes))


def seen_names(transform: Transform, x: Embeddings) -> tuple[str, ...]:
    """A sentence about how many of the objects the fit of the map has seen, by their names."""
    if transform.trained is None or transform.trained.names is None or x.names is None:
        return transform.notes or ("which of these objects its fit has seen can't be determined",)
    share = len({*transform.trained.names} & {*x.names}) / len(x.names)
    return (f"in-sample: its fit has seen {100 * share:.3g}% of these objects",) if share else ()


def read_model(options: Any, triplets: Triplets | None = None) -> Embeddings:
    """The embeddings of a command that takes one; a row for each object where asked."""
    x = _read(options.embeddings, options.names, options.name_column)
    described = {options.embeddings: in_described_order(x, options, triplets)}
    objects = None if triplets is None else asked_items(triplets)
    return _of_objects(described, options, objects)[options.embeddings]


def _of_objects(models: dict[str, Embeddings], options: Any, items: tuple[str, ...] | None) -> dict[str, Embeddings]:
    """Raises where no embeddings have names; those without, next to others with names, are taken as they are."""
    how, missing = options.per_object, options.missing if isinstance(options, JudgedRows) else "raise"
    nameless = [spec for spec, x in models.items() if x.names is None]
    if how is not None and nameless and len(nameless) == len(models):
        raise InputError(f"{nameless[0]}: --per-object {how} needs the names of the rows: --names FILE")
    by_object = {}
    for spec, x in models.items():
        objects = items or _items_of_others(x, models.values())
        by_object[spec] = x if how is None else per_object(x, spec, how, objects, missing)
        hash_early(by_object[spec])
    return by_object


def _items_of_others(x: Embeddings, models: Iterable[Embeddings]) -> tuple[str, ...] | None:
    """The objects of embeddings that have them by folders, where x has rows of all of them: bat1 is no image of bat."""
    by_folder = (objects_of(other.names) for other in models if other.names is not None)
    items = next((objects.names for objects in by_folder if objects.rule == "folders"), None)
    return items if items is not None and x.names is not None and rule_of(items, x.names) is not None else None


def per_object(x: Embeddings, spec: str, how: str, items: tuple[str, ...] | None, missing: str = "raise") -> Embeddings:
    """A row for each object, by the names of the items where these are known; what has no names is taken as it is."""
    if x.names is None:
        note = f"its rows have no names: --per-object {how} takes each for an object"
        return replace(x, notes=(*x.notes, f"{spec}: {note}"))
    try:
        of_objects, note = x.per_object(how, items, missing)
    except InputError as error:
        raise InputError(f"{spec}: {error}") from error
    return replace(of_objects, notes=(*of_objects.notes, f"{spec}: {note}"))


def one_model(command: str, spec: str, transform: Spec | None) -> InputError:
    """The error of a command that compares models and has one; a map makes no second one of it."""
    apply = f"; 'pyalign export {spec} --transform {transform} --out after.npy' writes it after the map"
    after = "" if transform is None else apply
    return InputError(f"{command} needs at least two models; got 1: {spec!r}{after}")


def labeled(specs: Sequence[str], labels: Sequence[str] | None) -> list[str] | None:
    """The labels of models, one each, all different; None where none are given."""
    if labels is None:
        return None
    if len(labels) != len(specs):
        raise InputError(f"--labels must name each of {len(specs)} models; got {len(labels)}")
    twice = [name for name in labels if list(labels).count(name) > 1]
    if twice:
        raise InputError(f"--labels must differ; got {twice[0]!r} twice")
    return list(labels)


def with_labels(results: tuple[Any, ...], labels: Sequence[str] | None) -> tuple[Any, ...]:
    """Results, embeddings by embeddings, with the labels of the command line next to the files' names."""
    if labels is None:
        return results
    called = dict(zip(dict.fromkeys(result.embeddings for result in results), labels, strict=True))
    return tuple(replace(result, label=called[result.embeddings]) for result in results)


def unused_people(options: Any, what: str, option: str) -> tuple[str, ...]:
    """Notes where people are given who count in `what` only, for which `option` asks."""
    return without_effect(options, ("subjects", "subject_column"), f"only {what} count people ({option})")


def check_intervals(
    options: ClosedIntervals, n_permutations: int | None = None
) -> tuple[Resampling | None, tuple[str, ...]]:
    """What intervals are over, and notes on participants who do not count; raises before anything is read.

    n_permutations: of a test, whose estimate has a confidence too.
    """
    plan = options.resampling()
    if options.ci == "none" and n_permutations is None:
        refuse_unused(options, ("confidence_level",), "intervals, and --ci none omits them")
    if plan is not None and (plan.closed if plan.by == AUTO else "subjects" in plan.by):
        return plan, ()  # a bootstrap of "auto" draws objects or participants
    drawn = plan is not None and not plan.closed
    return plan, unused_people(options, "intervals over people", f"--ci {'subjects' if drawn else 'objects+subjects'}")


def files_of(spec: str) -> dict[str, str]:
    """The files that FILE, FILE::KEY or FOLDER::LAYER is read from, and how a message about each begins.

    Of a description, ``mine.toml``, they are that file and all files that it names.

    Example:
        >>> files_of("features.npz::fc7")
        {'features.npz': 'features.npz:'}
    """
    path = Spec(spec).path
    if is_named(path):
        from pyalign.datasets.dataset import described_files

        inside = [_files_at(file, shown) for file, shown in described_files(path).items()]
        return {file: shown for files in inside for file, shown in files.items()} or {path: f"{path}:"}
    return _files_at(path, path)


def _files_at(path: str, shown: str) -> dict[str, str]:
    """A file, or those of a folder, which messages call `shown`."""
    if not os.path.isdir(path):
        return {path: f"{shown}:"}
    return {os.path.join(path, name): f"{shown}: {name}" for name in folder_files(path)}


@contextmanager
def unchanged(name: str, options: Any, also: Iterable[str] = ()) -> Iterator[Callable[[], None]]:
    """Gives what raises an InputError where an input has changed since; inside, SIGBUS ends the process with a line.

    A file that was deleted, or another moved to its place, changes nothing of what is read.

    also: other files that may be cut short, of which the command itself sees whether they change.
    """
    before = _inputs(options)

    def check() -> None:
        for path, (was, prefix) in before.items():
            if is_written_over(path, was):
                raise InputError(f"{prefix} was changed while it was read")

    mapped = {**_files(also), **before}
    cut = {path: _line(name, f"{prefix} was cut short while it was read") for path, (_, prefix) in mapped.items()}
    files = [(os.fsencode(path), was.st_size, cut[path]) for path, (was, _) in mapped.items()]
    with native.guarding(files, _line(name, "an input was cut short or could not be read: Bus error")):
        try:
            yield check
        except (InputError, OSError):
            check()  # the reason for the rest
            raise


def _inputs(options: Any) -> dict[str, tuple[os.stat_result, str]]:
    """The files that are read, as they are now, and how a message about each begins."""
    return _files(spec for specs in paths(options, "input").values() for spec in specs)


def _files(specs: Iterable[str]) -> dict[str, tuple[os.stat_result, str]]:
    files = {}
    for spec in specs:
        with suppress(OSError, InputError, ValueError):  # said when it is read
            for path, prefix in files_of(spec).items():
                with suppress(OSError):
                    there = os.stat(path)
                    if stat.S_ISREG(there.st_mode):
                        files[path] = there, prefix
    return files


def _line(name: str, message: str) -> bytes:
    return os.fsencode(f"pyalign {name}: error: {one_line(message)}\n")
