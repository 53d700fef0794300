"""Every option of the command line: one name for each meaning, and one meaning for each name.

A new option is a row here. A command says what the option does there, and what differs from the row.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from pyalign.errors import InputError

if TYPE_CHECKING:
    from pyalign.io.paths import Spec

MOST = 1 << 38  # in threads, rows, columns or triplets


def file_to_read(text: str) -> Spec:
    """FILE or FILE::KEY."""
    from pyalign.io.paths import Spec

    try:
        return Spec(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def column(text: str) -> int | str:
    """A column by number or by header."""
    return int(text) if text.lstrip("-").isdecimal() else text


def count(text: str) -> int:
    """A positive whole number, up to what a system could hold in threads, rows or columns."""
    value = int(text) if text.isdecimal() and len(text) <= 12 else 0
    if not 1 <= value <= MOST:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {MOST:,}; got {text!r}")
    return value


def seed(text: str) -> int:
    """A whole number of at least 0."""
    if not (text.isdecimal() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0; got {text!r}")
    return int(text)


# By the type of an option: what makes its value of a word, what stands for that in the help, and the role of files.
TYPES: dict[str, tuple[Callable[[str], Any], str | None, str]] = {
    "file": (file_to_read, "FILE", "input"), "source": (file_to_read, "DIR", "input"), "path": (str, "PATH", "output"),
    "integer": (count, None, ""), "seed": (seed, None, ""), "number": (float, None, ""),
    "integer or text": (column, None, ""),
}


class OptionName(NamedTuple):
    """What an option is called and means.

    Attributes:
        flag: on the command line.
        argument: what the functions of pyalign call it; "" where none takes it, or one of another name.
        type: "file" (to read), "path" (to write), "source" (of images), "text", "integer", "seed" (an integer
            of at least 0), "number" or "switch"; two of them where either may stand.
        default: what most commands take where it is left out; None: nothing, or what the data say.
        meaning: a phrase.
        kind: makes a value of a word.
        value: stands for the value in the help; a row has it behind its type where it is not usual for that.
        role: "input" for a file to read, "output" for one to write.
    """

    flag: str
    argument: str
    type: str
    default: object
    meaning: str
    kind: Callable[[str], Any]
    value: str | None
    role: str


def _named(flag: str, argument: str, type: str, default: object, meaning: str) -> OptionName:
    type, _, shown = type.partition("=")
    kind, usual, role = TYPES.get(type, (str, None, ""))
    return OptionName(flag, argument, type, default, meaning, kind, shown or usual, role)


VOCABULARY = {
    row[0]: _named(*row)
    for row in (
        # What is read
        ("--embeddings", "embeddings", "file=EMB", None, "embeddings: (n, d) numbers, with a row for each item"),
        ("--triplets", "triplets", "file=T", None, "human triplets: (t, 3) items"),
        ("--answers", "answers", "file", None, "counts or proportions of participants who gave each answer"),
        ("--model-choices", "model_choices", "file", None, "choices of models or participants, without embeddings"),
        ("--matrix", "matrix", "file", None, "similarity or dissimilarity matrices (n, n), without embeddings"),
        ("--pilot", "pilot", "file=FILE.json", None, "a pilot: the JSON document of a score or of a comparison"),
        ("--kind", "kind", "text", None, "whether larger values of a matrix mean more similar or more dissimilar"),
        ("--human", "human", "file=HUMAN", None, "human similarities: a matrix or a human embedding"),
        ("--other-embeddings", "other_embeddings", "file=Y", None, "embeddings of other items by the same model"),
        ("--transform", "transform", "file=W.npz", None, "a linear map to apply to the embeddings first"),
        ("--on", "", "file=SET", None, "the data sets on which maps are compared"),
        ("--dimensions", "dimensions", "file=D", None, "human dimensions: (n, k) non-negative numbers"),
        ("--dimension-labels", "dimension_labels", "file", None, "the labels of the dimensions"),
        ("--categories", "categories", "file", None, "the category or categories of each object"),
        ("--levels", "levels", "file", None, "fine and coarse categories, which define levels of abstraction"),
        ("--groups", "groups", "file", None, "a label for each triplet"),
        ("--preset", "", "text=PRESET", None, "a study that is known by name"),
        ("--metadata", "metadata", "file", None, "a table with a row for each model"),
        ("--ceiling", "ceiling", "number or file=C", None, "the noise ceiling that accuracies are compared with"),
        ("--weights", "weights", "file", None, "how much each answer counts"),
        ("--images", "images", "source", None, "the images of the objects"),
        ("--text", "texts", "file", None, "names or sentences, one per line"),
        ("--query", "queries", "file or text=NAME|FILE", None, "names of rows, or a file of vectors, to search for"),
        ("--checkpoint", "checkpoint", "file", None, "the weights of a model"),
        # How triplets and names are read
        ("--task", "task", "text", None, "the participants' task"),
        ("--choice-column", "choice_column", "integer or text=K", None, "the column with the position of the answer"),
        ("--choice-base", "choice_base", "integer", None, "whether positions count from 0 or 1"),
        ("--columns", "columns", "text=I,J,K", None, "the three columns with the items"),
        ("--one-based", "one_based", "switch", False, "item numbers count from 1"),
        ("--where", "where", "text=COLUMN=VALUE", None, "the rows of a table of answers to keep; may be repeated"),
        ("--empty", "empty", "text", None, "how rows without items, an answer or a participant are handled"),
        ("--item-names", "item_names", "file", None, "the name of the item that each number in human data stands for"),
        ("--names", "names", "file", None, "the name of the item in each row of the embeddings"),
        ("--name-column", "name_column", "integer or text=K", None, "the column with these names, in a table"),
        ("--subjects", "subjects", "file", None, "the participant who gave each answer"),
        ("--subject-column", "subject_column", "integer or text=K", None, "the column that identifies the participant"),
        ("--per-object", "", "text", None, "how several images of one object are combined into one row"),
        ("--labels", "", "text=L", None, "the names of the models in tables"),
        ("--families", "families", "text=F", None, "the family of each model"),
        ("--missing", "missing", "text", "raise", "how items without a row are handled"),
        ("--nan", "nan_policy", "text", "raise", "how rows with NaN are handled"),
        ("--unreadable", "unreadable", "text", "raise", "how images or answers that can't be read are handled"),
        # Similarities and choices
        ("--measure", "measure", "text=M", None, "the measure of similarity"),
        ("--temperature", "temperature", "number=T", None, "the temperature T in p = softmax(similarity / T)"),
        ("--ties", "ties", "text", "fractional", "how ties are scored"),
        ("--correlation", "correlation", "text=C", None, "the correlation by which matrices are compared"),
        ("-k", "k", "integer=K", 10, "the number of neighbors"),
        ("--index", "index", "text or file=INDEX", "auto", "the index to search"),
        ("--threshold", "threshold", "number=S", None, "the minimum similarity of near-duplicates"),
        ("--minimum", "", "integer=K", None, "the minimum number of triplets, answers or models"),
        # Inference
        ("--ci", "ci", "text=OVER", "auto", "what intervals generalize to"),
        ("--confidence", "confidence_level", "number=P", 0.95, "the confidence level of the intervals"),
        ("--resamples", "n_resamples", "integer=B", None, "the number of bootstrap resamples"),
        ("--permutations", "n_permutations", "integer=K", None, "the number of random relabelings"),
        ("--simulations", "n_simulations", "integer=S", None, "the number of simulations"),
        ("--seed", "seed", "seed=S", 0, "the random seed"),
        ("--correction", "correction", "text", "holm", "the correction of p-values for multiple tests"),
        ("--baseline", "baseline", "file or text=MODEL", None, "the model, or the embeddings, to compare with"),
        ("--choose-best", "choose_best", "switch", False, "estimate how well the best model does on unseen objects"),
        # Designs that are planned
        ("--difference", "difference", "number=FRACTION", None, "the smallest difference that would matter"),
        ("--n-objects", "n_objects", "integer=N", None, "the numbers of objects to consider"),
        ("--n-subjects", "n_subjects", "integer=N", None, "the number of participants, or the numbers to consider"),
        ("--answers-per-subject", "answers_per_subject", "integer=N", None, "the number of answers by each of them"),
        ("--lists", "", "file=L", None, "the lists of trials that answers are to"),
        # Fits
        ("--folds", "folds", "integer=K", None, "the number of folds of cross-validation"),
        ("--repeats", "repeats", "integer=R", None, "how often the data are split into folds"),
        ("--split", "split", "text", "objects", "what is held out"),
        ("--penalty", "penalty", "number=L", None, "the regularization penalty: one value, or several to choose from"),
        ("--sparsity", "sparsity", "number=L", None, "the penalty on the sum of the entries of an embedding"),
        ("--n-dimensions", "n_dimensions", "integer or text=K", "auto", "the largest number of dimensions"),
        ("--standardize", "standardize", "text", None, "how features are scaled before a fit"),
        # Triplets that are made
        ("--count", "n_triplets", "integer=N", None, "the number of triplets"),
        # Extraction and models
        ("--model", "model", "text=SOURCE:NAME", None, "the model, SOURCE:NAME"),
        ("--layer", "layers", "text=NAME", ("penultimate",), "the layer or layers"),
        ("--pool", "pool", "text", "auto", "how tokens or feature maps are pooled into one row"),
        ("--prompt", "prompt", "text=TEXT", None, "the template for each text"),
        ("--batch-size", "batch_size", "integer=B", None, "the batch size"),
        ("--merge", "", "file=DIR", None, "merge the parts"),
        # Where it runs
        ("--backend", "backend", "text=NAME", "auto", "the compute backend"),
        ("--device", "device", "text=D", "auto", "the torch device"),
        ("--threads", "", "integer=K", None, "the number of threads"),
        ("--resume", "resume", "switch", False, "resume an interrupted run"),
        ("--jobs", "n_jobs", "integer=K", 1, "how many steps of a study run at once"),
        ("--shards", "shards", "integer=K", None, "in how many parts models are extracted, or which part I/K to make"),
        ("--only", "only", "text", None, "run or show only one part"),
        ("--engine", "", "text=ENGINE", None, "what runs the units of a study"),
        ("--sbatch", "", "text=KIND=OPTIONS", None, "options of sbatch for units of a kind: gpu or cpu"),
        # Data sets
        ("--folder", "folder", "text=DIR", None, "where a data set is stored"),
        # What is shown and written
        ("--out", "out", "path=DIR", None, "the file or folder to write"),
        ("--json", "", "path", None, "write the result as a JSON document"),
        ("--csv", "csv", "path", None, "write the table"),
        ("--latex", "", "path", None, "write the table for LaTeX"),
        ("--choices", "keep", "path=OUT.npy", None, "write the choice of each triplet"),
        ("--probabilities", "keep", "path=OUT.npy", None, "write the choice probabilities of each triplet"),
        ("--figures", "", "text=FORMAT", None, "the formats of figures"),
        ("--by", "by", "text=C", None, "what the rows of a table or figure are grouped by"),
        ("--limit", "limit", "integer=K", None, "the maximum number of rows, objects or names to show"),
        ("--chart", "chart", "text=CHART", None, "which chart of a result, of dimensions or of embeddings"),
        ("--verbose", "", "switch", False, "show all columns of the table"),
        ("--quiet", "", "switch", False, "suppress notes and progress"),
    )
}

# What an option is called elsewhere -> what it may be; the first that the command has is meant.
OTHER_FLAGS = {
    f"--{word}": tuple(f"--{flag}" for flag in meant.split())
    for words, meant in (
        ("metric metrics distance", "measure"), ("similarity", "measure matrix"), ("rdm rdms", "human matrix"),
        ("similarities dissimilarities", "matrix"), ("map maps", "transform"), ("device", "backend"),
        ("n-jobs workers", "threads"), ("bootstrap n-bootstrap", "resamples"), ("output save write", "out json"),
        ("counts targets", "answers"), ("lambda strength l2 shrinkage", "penalty"), ("alpha", "confidence"),
        ("against", "human baseline"), ("at-least", "minimum"), ("triplets", "count"), ("on-error", "unreadable"),
        ("features items", "n-objects"), ("margin", "difference"), ("odd-column", "columns"),
        ("weight-column", "weights"),
    )
    for word in words.split()
}

# Settings of experts that the command line does not have, without dashes -> what does.
INSTEAD = {
    "components": "pyalign.plan_experiment(Components(...)) in Python",
    "group": "pyalign.study.export.export_study(minutes=...) in Python",
} | {
    word.removeprefix("n_").replace("_", "-"): f"pyalign.{function}({word}=...) in Python"
    for function, words in (
        ("plot", "sort style width method"), ("write_report", "title"), ("merge_extractions", "mixed"),
        ("cross_validate_embedding", "halves n_seeds signed"), ("rsa", "partial weighted"), ("calibrate", "lapses"),
        ("cross_validate_probe", "norm rank local_weight"), ("score_concepts", "entropy"),
        ("plan_experiment", "prices power"), ("plan_triplets", "share shared repeated"), ("recover", "refit"),
        ("score", "weighting"), ("extract", "precision"), ("sample_triplets", "scheme"),
    )
    for word in words.split()
}

# By what an argument is called in Python, where one flag alone stands for it.
FLAGS = {
    argument: flag
    for flag, argument, *_ in VOCABULARY.values()
    if argument and sum(row.argument == argument for row in VOCABULARY.values()) == 1
}
