"""Options that several commands share: classes to inherit from."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, ClassVar

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends import BACKENDS
from pyalign.cli._command import OUTPUT, RUNNING, option, refuse_unused
from pyalign.cli._vocabulary import column, file_to_read
from pyalign.data import TASKS
from pyalign.data.names import HOW, MISSING
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.measures import MEASURES
from pyalign.stats.multiple import CORRECTIONS
from pyalign.stats.resampling import AUTO, BY, METHODS, Resampling, as_resampling
from pyalign.typing import BackendName, MeasureName, Policy, Task, Ties

FORMULAS = "\n".join(f"  {measure.name:<16} {measure.formula}" for measure in MEASURES.values())
TRIPLETS, PEOPLE, ANSWERS = "triplet file", "participants", "answers of many participants"
WEIGHTS = "weights of answers"
CATEGORIES = (
    "a label for each object, perhaps next to its name, or a table of 0s and 1s with a column for each category"
)
TRIPLET_FILE = "file of (t, 3) triplets (FILE::KEY picks one), or a .toml made by `pyalign describe --out`"
MODEL = f"model\nmeasures (larger is more similar; rbf:2.5 sets sigma):\n{FORMULAS}"
INTERVALS = "intervals"


# Kinds of words


def columns(text: str) -> tuple[int | str, ...]:
    """Three columns, separated by commas."""
    parts = tuple(column(part.strip()) for part in text.split(","))
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(f"expected three columns as I,J,K; got {text!r}")
    return parts


def condition(text: str) -> str:
    """COLUMN=VALUE."""
    if text.find("=") < 1:
        raise argparse.ArgumentTypeError(f"expected COLUMN=VALUE; got {text!r}")
    return text


def ending(*suffixes: str, devices: bool = True) -> Callable[[str], str]:
    """Makes a kind of files to write, whose names say what they hold; devices and pipes may have any name."""

    def file(text: str) -> str:
        if not text.endswith(suffixes) and not (devices and text.startswith("/dev/")):
            raise argparse.ArgumentTypeError(f"expected a name that ends in {' or '.join(suffixes)}; got {text!r}")
        return text

    return file


npy_file, npz_file, csv_file = map(ending, (".npy", ".npz", ".csv"))


def temperature(text: str) -> float | Spec:
    """A number, or FILE::MODEL/MODULE, which `read_temperature` reads."""
    if "::" in text:
        return file_to_read(text)
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number or FILE::MODEL/MODULE; got {text!r}") from error


def read_temperature(given: float | Spec | None, measures: tuple[str, ...]) -> float | None:
    """Checks --temperature, and reads it where it stands in a file of human_alignment: those belong to dot products."""
    if isinstance(given, Spec):
        wrong = [measure for measure in measures if measure != "dot"]
        if wrong:
            raise InputError(f"--temperature {given} belongs to --measure dot; got {wrong[0]}")
        if given.key is None:
            raise InputError(f"--temperature {given}: write FILE::MODEL/MODULE")
        from pyalign.integrations.human_alignment import find_temperature

        given = find_temperature(given.path, given.key).temperature
    return None if given is None else _checks.as_temperature(given)


# Groups of options


@dataclass(frozen=True)
class Models:
    """Several embeddings."""

    embeddings: tuple[Spec, ...] = option(
        "files of (n, d) embeddings, or folders written by `pyalign extract`; FILE::KEY picks an array", "--embeddings",
        required=True, nargs="+", positional=True, unless=("matrix", "model_choices", "pilot"),
    )
    labels: tuple[str, ...] | None = option("names of the models in tables (default: shortened file names)", nargs="+")


@dataclass(frozen=True)
class Model:
    """One file of embeddings."""

    embeddings: Spec = option(
        "file of (n, d) embeddings, or a folder written by `pyalign extract`; FILE::KEY picks an array", "--embeddings",
        required=True, positional=True,
    )


@dataclass(frozen=True)
class TripletLayout:
    """How a triplet file is laid out, and what its items are called."""

    task: Task | None = option(
        "the participants' task: which of three items is the odd one out (default), or which of two is more similar "
        "to an anchor", choices=TASKS, group=TRIPLETS,
    )
    choice_column: int | str | None = option(
        "column with the odd item or the chosen option, or with its position, a number from 0 or a header; none: "
        "choices were not recorded (default: the order of the columns says what was chosen)", group=TRIPLETS, rare=True,
    )
    choice_base: int | None = option(
        "whether positions of answers count from 0 or 1 (default: inferred from the range)", kind=int, choices=(0, 1),
        group=TRIPLETS, rare=True,
    )
    columns: tuple[int | str, ...] | None = option(
        "the three columns with the items, the odd one last, or anchor, chosen option, other option: 1,2,0 where the "
        "odd one is first, 2,0,1 where the anchor is last; numbers from 0 or headers", kind=columns, group=TRIPLETS,
        rare=True,
    )
    one_based: bool = option(default=False, group=TRIPLETS, rare=True)
    where: tuple[str, ...] | None = option(
        "keep only the rows of the triplet file with this value in this column; may be repeated, also for other "
        "values of one column", kind=condition, group=TRIPLETS, rare=True, many=True,
    )
    empty: Policy | None = option(
        "rows of the triplet file without their items, their answer or their participant: raise an error, or omit them "
        "(default: raise)", choices=MISSING, group=TRIPLETS, rare=True,
    )
    item_names: Spec | None = option(
        "name of the item that each number stands for, one per line; embeddings with names are then matched by name",
        group=TRIPLETS, rare=True,
    )

    @property
    def without_choices(self) -> bool:
        """Whether nobody recorded which item is odd."""
        return self.choice_column == "none"

    def layout(self) -> dict[str, Any]:
        """What is stated of the layout, as arguments of `load_triplets`."""
        stated = {
            "task": self.task, "odd_column": "none" if self.without_choices else None,
            "choice_column": None if self.without_choices else self.choice_column, "choice_base": self.choice_base,
            "columns": self.columns, "one_based": self.one_based or None,
            "where": self.where, "empty": self.empty,
        }
        return {name: value for name, value in stated.items() if value is not None}


@dataclass(frozen=True)
class SomeTriplets(TripletLayout):
    """A triplet file with its layout, for a command that can do without."""

    triplets: Spec | None = option(TRIPLET_FILE, "-t", "--triplets")


@dataclass(frozen=True)
class TripletFile(SomeTriplets):
    """A triplet file with its layout."""

    triplets: Spec = option(TRIPLET_FILE, "-t", "--triplets", required=True)


@dataclass(frozen=True)
class RowNames:
    """Names of the embeddings' rows, and what rows of one object become."""

    names: Spec | None = option(
        "names of the rows of the embeddings, one per line, if the files have none (or the same names, in the order "
        "to use)", rare=True,
    )
    name_column: int | str | None = option(
        "column with the names in a table of embeddings; a number from 0 or a header (default: the text column)",
        rare=True,
    )
    per_object: str | None = option(
        "combine several images of one object into one row: their mean, or the first; images are "
        "grouped by the items' names, otherwise by folder, otherwise by file name without its number", choices=HOW,
    )


@dataclass(frozen=True)
class JudgedRows(RowNames):
    """Names of the rows of items that people judged."""

    missing: Policy = option(
        "items without a row: raise an error, or omit all triplets and pairs that contain them (default: raise)",
        default="raise", choices=MISSING,
    )


@dataclass(frozen=True)
class Mapped:
    """A map before anything else is done with embeddings."""

    transform: Spec | None = option(
        "linear map to apply to the embeddings first, as written by `pyalign probe`; or glocal:MODEL, as gLocal has "
        "published it, such as glocal:clip_RN50",
    )


@dataclass(frozen=True)
class People:
    """Who gave the answers."""

    subjects: Spec | None = option(
        "participant who gave each answer: a file of t numbers or strings", group=PEOPLE, exclusive="people"
    )
    subject_column: int | str | None = option(
        "column of the triplet file that identifies the participant; a number from 0 or a header", group=PEOPLE,
        exclusive="people", rare=True,
    )


@dataclass(frozen=True)
class Weighted:
    """How much each answer counts."""

    weights: Spec | None = option(
        "how much each answer counts, 1 / the probability that its triplet was presented: a file of t positive "
        "numbers in the order of the triplet file, or a table with a column weight, which can be the triplet file; "
        "FILE::COLUMN picks another column", group=WEIGHTS, rare=True,
    )


@dataclass(frozen=True)
class ManyAnswers:
    """Counts or shares instead of single answers."""

    answers: Spec | None = option(
        "(t, 3) counts or proportions of participants who chose each item as the odd one out, in the order of the "
        "triplet file; (t, 2) for anchored triplets; FILE::KEY picks an array", group=ANSWERS, exclusive="answers",
    )


@dataclass(frozen=True)
class Nan:
    """What is done with rows of embeddings that hold NaN."""

    nan_policy: Policy = option(
        "rows with NaN: raise an error, or omit them (default: raise)", default="raise", choices=("raise", "omit"),
        rare=True,
    )


@dataclass(frozen=True)
class Choice(Nan):
    """How similarities become choices."""

    ties: Ties = option(
        "how ties are scored (default: fractional)", default="fractional",
        choices=("fractional", "wrong", "human_alignment"), group=MODEL, rare=True,
    )


@dataclass(frozen=True)
class Measures(Choice):
    """One measure or more."""

    measure: tuple[MeasureName, ...] | None = option(
        "similarity measure, one or more of those above (default: cosine)", nargs="+", group=MODEL, words=MEASURES
    )


@dataclass(frozen=True)
class Nearness:
    """One measure."""

    measure: MeasureName = option(
        "similarity measure, one of those above (default: cosine)", default="cosine", group=MODEL, words=MEASURES
    )


@dataclass(frozen=True)
class OneMeasure(Choice, Nearness):
    """One measure, and how similarities become choices."""


@dataclass(frozen=True)
class Temperature:
    """The option for the temperature of choice probabilities."""

    temperature: float | Spec | None = option(
        "temperature T in p = softmax(s / T) (default: 1); FILE::MODEL/MODULE reads a temperature published by "
        "human_alignment, for dot", kind=temperature, role="input", group=MODEL,
    )


GENERALIZE = {
    "objects": "other objects like these", "subjects": "other participants", "objects+subjects": "both",
    "triplets": "other triplets of the same objects",
}


def plan(options: Any, method: str | None = None) -> Resampling | None:
    """What the options of intervals ask for, as every function takes it."""
    given = {name: getattr(options, name, None) for name in ("n_resamples", "confidence_level", "seed")}
    asked = {argument: value for argument, value in given.items() if value is not None}
    return None if options.ci == "none" else Resampling(options.ci, method, **asked)


def refuse_without_intervals(options: Any, *names: str) -> None:
    """Raises where an option of intervals is given with --ci none."""
    if options.ci == "none":
        refuse_unused(options, names, "intervals, and --ci none omits them")


def over(*words: str, auto: str) -> Any:
    """The option `--ci` of a command whose intervals are over one of these; auto: what the data decide."""
    *first, last = (f"{GENERALIZE[word]} ({word})" for word in words)
    either = f"{', '.join(first)} or {last}" if first else last
    meaning = f"what intervals generalize to: {either}; auto (the default): {auto}; none: no intervals"
    return option(meaning, default=AUTO, choices=(AUTO, *words, "none"), metavar="OVER", group=INTERVALS)


def corrected(over: str, rare: bool = False) -> Any:
    """The option `--correction` of a command that tests several hypotheses."""
    meaning = f"correction of p-values {over} (default: holm); benjamini-hochberg controls the false discovery rate"
    return option(meaning, default="holm", choices=tuple(CORRECTIONS), group=INTERVALS, rare=rare)


@dataclass(frozen=True)
class ClosedIntervals:
    """Over what intervals are, where they are in closed form."""

    ci: str = over(*BY, auto="objects and participants if at least four of these are known, otherwise objects")
    confidence_level: float | None = option("confidence level of the intervals (default: 0.95)", group=INTERVALS)

    def resampling(self) -> Resampling | None:
        """The plan that the options ask for; None for no intervals."""
        return None if self.ci == "none" else as_resampling(plan(self, METHODS[bool(vars(self).get("n_resamples"))]))


@dataclass(frozen=True)
class Intervals(ClosedIntervals):
    """Over what intervals are: in closed form, or by a bootstrap."""

    n_resamples: int | None = option(
        "take bootstrap intervals, with B resamples (default: a closed form)", group=INTERVALS, rare=True
    )
    seed: int | None = option("random seed (default: 0)", group=INTERVALS, rare=True)

    def resampling(self) -> Resampling | None:
        """The plan that the options ask for; raises where they serve nothing."""
        refuse_without_intervals(self, "n_resamples")
        return super().resampling()


@dataclass(frozen=True)
class Threads:
    """How many threads the kernels use; results don't depend on them."""

    threads: int | None = option("number of threads (default: PYALIGN_NUM_THREADS, otherwise all cores)", group=RUNNING)


@dataclass(frozen=True)
class Running(Threads):
    """Where it runs."""

    backend: BackendName = option(
        f"compute backend: {', '.join(BACKENDS)} (default: the fastest available)", default="auto",
        choices=("auto", *BACKENDS), metavar="NAME", group=RUNNING,
    )


@dataclass(frozen=True)
class Quiet:
    """Whether notes and progress are shown."""

    quiet: bool = option(default=False, group=OUTPUT)


@dataclass(frozen=True)
class Document(Quiet):
    """The result as a document."""

    json: str | None = option(
        "write the result as a JSON document to PATH (.json), or to stdout", nargs="?", const="-", group=OUTPUT
    )


@dataclass(frozen=True)
class Output(Document):
    """What is printed and written.

    beside: fields of the result with further tables, which --csv writes next to the first.
    """

    beside: ClassVar[tuple[str, ...]] = ()

    csv: str | None = option("write the table as .csv", group=OUTPUT)
    latex: str | None = option("write the table as .tex, for the LaTeX package booktabs", group=OUTPUT, rare=True)
    verbose: bool = option(default=False, group=OUTPUT, rare=True)


# Groups of what nearly all commands have: data, where it runs, and output.
COMMON = (
    Models, Model, TripletLayout, SomeTriplets, TripletFile, RowNames, JudgedRows, Mapped, People, ManyAnswers,
    Weighted, Nan, Threads, Running, Quiet, Document, Output,
)
