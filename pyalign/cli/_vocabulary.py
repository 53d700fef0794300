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
        ("--components", "", "text=NAME=VALUE", None, "variance components of an answer, NAME=VALUE"),
        ("--kind", "kind", "text", None, "whether larger values of a matrix mean more similar or more dissimilar"),
        ("--human", "human", "file=HUMAN", None, "human similarities: a matrix or a human embedding"),
        ("--other-embeddings", "other_embeddings", "file=Y", None, "embeddings of other items by the same model"),
        ("--transform", "transform", "file=W.npz", None, "a linear map to apply to the embeddings first"),
        ("--on", "", "file=SET", None, "the data sets on which maps are compared"),
        ("--dimensions", "dimensions", "file=D", None, "human dimensions: (n, k) non-negative numbers"),
        ("--dimension-labels", "dimension_labels", "file", None, "the labels of the dimensions"),
        ("--categories", "categories", "file", None, "the category or categories of each object"),
        ("--levels", "levels", "file", None, "fine and coarse categories, which define levels of abstraction"),
        ("--entropy", "entropy", "text", None, "whose choice the entropy is of, by which triplets are in bins"),
        ("--groups", "groups", "file", None, "a label for each triplet"),
        ("--preset", "", "text=PRESET", None, "a study that is known by name"),
        ("--metadata", "metadata", "file", None, "a table with a row for each model"),
        ("--ceiling", "ceiling", "number or file=C", None, "the noise ceiling that accuracies are compared with"),
        ("--weights", "weights", "file", None, "how much each answer counts"),
        ("--weighting", "weighting", "text", "answers", "what counts the same in means: answers, or triplets"),
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
        ("--baseline", "baseline", "text=MODEL", None, "the model that all others are compared with"),
        ("--choose-best", "choose_best", "switch", False, "estimate how well the best model does on unseen objects"),
        ("--partial", "partial", "switch", False, "report partial correlations, which control for the other models"),
        ("--weighted", "weighted", "switch", False, "fit a non-negative weighted sum of the models"),
        ("--refit", "refit", "text", "temperature", "what is fitted to simulated answers"),
        # Designs that are planned
        ("--difference", "difference", "number=FRACTION", None, "the smallest difference that would matter"),
        ("--power", "power", "number=P", 0.8, "how often a test is to find it"),
        ("--n-objects", "n_objects", "integer=N", None, "the numbers of objects to consider"),
        ("--n-subjects", "n_subjects", "integer=N", None, "the number of participants, or the numbers to consider"),
        ("--answers-per-subject", "answers_per_subject", "integer=N", None, "the number of answers by each of them"),
        ("--lists", "", "file=L", None, "the lists of trials that answers are to"),
        ("--shared", "shared", "number=P", 0.2, "the share of a participant's trials that others answer too"),
        ("--repeated", "repeated", "number=P", 0.05, "the share of a participant's trials that are asked again"),
        ("--prices", "prices", "number=PRICE", None, "the prices of an object, of a participant and of an answer"),
        # Fits
        ("--folds", "folds", "integer=K", None, "the number of folds of cross-validation"),
        ("--repeats", "repeats", "integer=R", None, "how often the data are split into folds"),
        ("--split", "split", "text", "objects", "what is held out"),
        ("--penalty", "penalty", "number=L", None, "the regularization penalty: one value, or several to choose from"),
        ("--shrinkage", "shrinkage", "number=L", None, "the penalty on the squared entries of an embedding"),
        ("--sparsity", "sparsity", "number=L", None, "the penalty on the sum of the entries of an embedding"),
        ("--n-dimensions", "n_dimensions", "integer or text=K", "auto", "the largest number of dimensions"),
        ("--signed", "signed", "switch", False, "let entries of an embedding be negative"),
        ("--seeds", "n_seeds", "integer=K", None, "the number of fits from other starts"),
        ("--halves", "halves", "switch", False, "compare the fits to two halves of the answers"),
        ("--against", "against", "file=EMB", None, "other embeddings on the same held-out answers"),
        ("--norm", "norm", "text", None, "the norm that is penalized"),
        ("--rank", "rank", "integer or text=R", None, "the rank of a linear map"),
        ("--standardize", "standardize", "text", None, "how features are scaled before a fit"),
        ("--local-weight", "local_weight", "number=A", None, "the weight of the local loss on other embeddings"),
        ("--lapses", "lapses", "switch", False, "also fit how often answers are guesses"),
        # Triplets that are made
        ("--count", "n_triplets", "integer=N", None, "the number of triplets"),
        ("--share", "share", "number=P", 0.5, "the share of triplets chosen because two models differ"),
        ("--scheme", "scheme", "text", "uniform", "which items form a triplet"),
        # Extraction and models
        ("--model", "model", "text=SOURCE:NAME", None, "the model, SOURCE:NAME"),
        ("--layer", "layers", "text=NAME", ("penultimate",), "the layer or layers"),
        ("--pool", "pool", "text", "auto", "how tokens or feature maps are pooled into one row"),
        ("--prompt", "prompt", "text=TEXT", None, "the template for each text"),
        ("--batch-size", "batch_size", "integer=B", None, "the batch size"),
        ("--precision", "precision", "text", "fp32", "the numerical precision of the model"),
        ("--shard", "shard", "integer=I/K", None, "part I of K of the items"),
        ("--merge", "", "file=DIR", None, "merge the parts"),
        ("--mixed", "mixed", "switch", False, "merge parts computed on different CPUs"),
        # Where it runs
        ("--backend", "backend", "text=NAME", "auto", "the compute backend"),
        ("--device", "device", "text=D", "auto", "the torch device"),
        ("--threads", "", "integer=K", None, "the number of threads"),
        ("--resume", "resume", "switch", False, "resume an interrupted run"),
        ("--jobs", "n_jobs", "integer=K", 1, "how many steps of a study run at once"),
        ("--die-with-parent", "", "switch", False, "end with the process that has started this one"),
        ("--shards", "shards", "integer=K", None, "in how many parts models are extracted"),
        ("--only", "only", "text", None, "run or show only one part"),
        ("--engine", "", "text=ENGINE", None, "what runs the units of a study"),
        ("--group", "", "number=MINUTES", 5.0, "how many minutes of units run in one process"),
        ("--gpu-options", "", "text=OPTIONS", None, "options of sbatch for units that want a device"),
        ("--cpu-options", "", "text=OPTIONS", None, "options of sbatch for all other units"),
        # Data sets
        ("--folder", "folder", "text=DIR", None, "where a data set is stored"),
        # What is shown and written
        ("--out", "out", "path=DIR", None, "the file or folder to write"),
        ("--json", "", "path", None, "write the result as a JSON document"),
        ("--csv", "csv", "path", None, "write the table"),
        ("--latex", "", "path", None, "write the table for LaTeX"),
        ("--choices", "keep", "path=OUT.npy", None, "write the choice of each triplet"),
        ("--probabilities", "keep", "path=OUT.npy", None, "write the choice probabilities of each triplet"),
        ("--save-index", "", "path=FILE", None, "write the search index"),
        ("--figures", "", "text=FORMAT", None, "the formats of figures"),
        ("--by", "by", "text=C", None, "what the rows of a table or figure are grouped by"),
        ("--sort", "sort", "text=S", None, "the order of rows"),
        ("--limit", "limit", "integer=K", None, "the maximum number of rows, objects or names to show"),
        ("--chart", "chart", "text=CHART", None, "which chart of a result, of dimensions or of embeddings"),
        ("--method", "method", "text=M", None, "the projection of objects onto a plane"),
        ("--style", "style", "text", "light", "the colors of a figure"),
        ("--width", "width", "text", "double", "the width of a figure"),
        ("--title", "title", "text=T", None, "the heading of a page"),
        ("--verbose", "", "switch", False, "show all columns of the table"),
        ("--quiet", "", "switch", False, "suppress notes and progress"),
    )
}

# What an option is called elsewhere, or was called here -> what it may be; the first that the command has is meant.
OTHER_FLAGS = {
    f"--{word}": tuple(f"--{flag}" for flag in meant.split())
    for words, meant in (
        ("metric metrics distance", "measure"), ("similarity", "measure matrix"), ("rdm rdms", "human matrix"),
        ("similarities dissimilarities model-rdms", "matrix"), ("map maps", "transform"), ("device", "backend"),
        ("n-jobs workers model-threads", "threads"), ("bootstrap n-bootstrap ci-method", "resamples"),
        ("output save spec write predicted", "out json"), ("lambda strength strengths l2 penalties", "penalty"),
        ("alpha", "local-weight confidence"), ("counts targets", "answers"), ("target-embedding against", "human"),
        ("human-names", "item-names"), ("min-answers min-triplets at-least", "minimum"), ("top-objects", "limit"),
        ("sizes triplets", "count"), ("on-error unknown", "unreadable"), ("features items shape", "n-objects"),
        ("margin", "difference"), ("odd-column anchor", "columns"), ("weight-column", "weights"), ("data", "csv"),
        ("price-object price-subject price-answer", "prices"), ("model-choice-base", "choice-base"),
        ("queries", "query"), ("standardise", "standardize"), ("cmake-dir include-dir libs", "only"),
    )
    for word in words.split()
}

# By what an argument is called in Python, where one flag alone stands for it.
FLAGS = {
    argument: flag
    for flag, argument, *_ in VOCABULARY.values()
    if argument and sum(row.argument == argument for row in VOCABULARY.values()) == 1
}
