"""Every option of the command line: one name for each meaning, and one meaning for each name.

A new option is a row here. A command says besides what the option does there, and may have a default of its own.
"""

from __future__ import annotations

from typing import NamedTuple


class OptionName(NamedTuple):
    """What an option is called and means.

    Attributes:
        flag: on the command line.
        argument: what the functions of pyalign call it; "" where none takes it, or one of another name.
        type: "file" (to read), "path" (to write), "source" (of images), "text", "integer", "number" or "switch"; two of
            them where either may stand.
        default: what most commands take where it is left out; None: nothing, or what the data say.
        meaning: a phrase.
    """

    flag: str
    argument: str
    type: str
    default: object
    meaning: str


VOCABULARY = {
    row[0]: OptionName(*row)
    for row in (
        # What is read
        ("--embeddings", "embeddings", "file", None, "representations: (n, d) numbers, a row for each item"),
        ("--triplets", "triplets", "file", None, "human answers: (t, 3) items of each triplet"),
        ("--answers", "answers", "file", None, "how many people gave each answer to a triplet, or which share"),
        ("--model-choices", "model_choices", "file", None, "answers of models or people, without embeddings"),
        ("--matrix", "matrix", "file", None, "similarities or dissimilarities (n, n), without embeddings"),
        ("--model-rdms", "model_rdms", "file", None, "dissimilarities (n, n) that are compared as models"),
        ("--kind", "kind", "text", None, "whether larger numbers of a matrix mean similar or dissimilar"),
        ("--human", "human", "file", None, "human similarities: a matrix, or a human embedding"),
        ("--human-measure", "human_measure", "text", None, "the measure of the human embedding's similarities"),
        ("--human-temperature", "", "number", 1.0, "the temperature of its choices"),
        ("--other-embeddings", "other_embeddings", "file", None, "the same model's embeddings of other items"),
        ("--transform", "transform", "file", None, "a linear map that the embeddings go through first"),
        ("--dimensions", "dimensions", "file", None, "human dimensions: (n, k) numbers of at least 0"),
        ("--dimension-labels", "dimension_labels", "file", None, "what the dimensions are called"),
        ("--categories", "categories", "file", None, "the category or categories of each object"),
        ("--levels", "levels", "file", None, "fine and coarse categories, for levels of abstraction"),
        ("--groups", "groups", "file", None, "a label for each triplet"),
        ("--metadata", "metadata", "file", None, "a table with a row for each model"),
        ("--ceiling", "ceiling", "number or file", None, "the noise ceiling that an accuracy is compared with"),
        ("--weights", "weights", "file", None, "a weight for each triplet"),
        ("--images", "images", "source", None, "the images of the objects"),
        ("--text", "texts", "file", None, "names or sentences, one a line"),
        ("--queries", "queries", "file", None, "vectors whose neighbours are looked for"),
        ("--query", "queries", "text", None, "names of rows whose neighbours are looked for, or shown"),
        ("--checkpoint", "checkpoint", "file", None, "a model's weights"),
        # How triplets and names are read
        ("--task", "task", "text", None, "what people were asked"),
        ("--odd-column", "odd_column", "text", None, "the column that holds the odd item"),
        ("--anchor", "anchor", "text", None, "the column that holds the anchor"),
        ("--choice-column", "choice_column", "integer or text", None, "the column that holds the answer's position"),
        ("--choice-base", "choice_base", "integer", None, "whether positions count from 0 or 1"),
        ("--columns", "columns", "text", None, "the three columns that hold the items"),
        ("--one-based", "one_based", "switch", False, "item numbers count from 1"),
        ("--item-names", "item_names", "file", None, "the item that each number of the human data stands for"),
        ("--names", "names", "file", None, "the item that each row of the embeddings stands for"),
        ("--name-column", "name_column", "integer or text", None, "the column of a table that holds these names"),
        ("--subjects", "subjects", "file", None, "who gave each answer"),
        ("--subject-column", "subject_column", "integer or text", None, "the column that says who"),
        ("--per-object", "", "text", None, "how several images of one object become one row"),
        ("--labels", "", "text", None, "what the models are called in tables"),
        ("--families", "families", "text", None, "the family of each model"),
        ("--missing", "missing", "text", "raise", "what is done with items that have no row"),
        ("--nan", "nan_policy", "text", "raise", "what is done with rows that hold NaN"),
        ("--unreadable", "unreadable", "text", "raise", "what is done with images or answers that can't be read"),
        # Similarities and choices
        ("--measure", "measure", "text", None, "the measure of similarity"),
        ("--temperature", "temperature", "number", None, "T in p = softmax(similarity / T)"),
        ("--ties", "ties", "text", "fractional", "what a tie counts"),
        ("--correlation", "correlation", "text", None, "how matrices are compared"),
        ("--pooling", "pooling", "text", None, "what of people is averaged for the noise ceiling"),
        ("-k", "k", "integer", 10, "how many neighbours count"),
        ("--index", "index", "text", "auto", "the index that is searched"),
        ("--threshold", "threshold", "number", None, "the similarity from which rows are near-duplicates"),
        ("--rbo-p", "rbo_p", "number", None, "persistence of the rank-biased overlap"),
        ("--assign", "assign", "text", None, "which dimension a triplet is about: by sum or product"),
        ("--top", "top", "integer", None, "to how many dimensions a triplet is assigned"),
        ("--minimum", "", "integer", None, "the fewest triplets, answers or models of what is shown"),
        # Inference
        ("--ci", "ci", "text", "auto", "what intervals are over"),
        ("--ci-method", "", "text", None, "how intervals are computed"),
        ("--confidence", "confidence_level", "number", 0.95, "the level of the intervals"),
        ("--resamples", "n_resamples", "integer", None, "the number of resamples of a bootstrap"),
        ("--permutations", "n_permutations", "integer", None, "the number of random relabellings"),
        ("--simulations", "n_simulations", "integer", None, "the number of simulated sets of answers"),
        ("--seed", "seed", "integer", 0, "of everything that is drawn at random"),
        ("--alpha", "alpha", "number", None, "the threshold of p"),
        ("--correction", "correction", "text", "holm", "of p-values for several tests"),
        ("--baseline", "baseline", "text", None, "the model that all others are compared with"),
        ("--margin", "margin", "number", None, "the smallest difference of accuracies that would matter"),
        ("--choose-best", "choose_best", "switch", False, "how well the best model does on unseen objects"),
        ("--partial", "partial", "switch", False, "correlate what the other models leave over"),
        ("--weighted", "weighted", "switch", False, "fit a weighted sum of the models"),
        ("--target", "target", "number", 0.95, "the recovery rate to reach"),
        ("--refit", "refit", "text", "temperature", "what is fitted to simulated answers"),
        # Fits
        ("--folds", "folds", "integer", None, "the number of folds of cross-validation"),
        ("--split", "split", "text", "objects", "what is held out"),
        ("--held-out", "held_out", "number", 0.5, "the fraction that is held out"),
        ("--penalty", "penalty", "number", None, "of a regularized fit: one, or several to choose from"),
        ("--norm", "norm", "text", None, "the norm that is penalized"),
        ("--rank", "rank", "integer or text", None, "the number of columns of a map"),
        ("--bias", "bias", "switch", False, "add a bias to a map"),
        ("--standardize", "standardize", "text", None, "how features are scaled before a fit"),
        ("--tolerance", "tolerance", "number", None, "how near to the optimum a fit ends, in nats"),
        ("--smoothing", "smoothing", "number", None, "pseudo-counts for each answer"),
        ("--local-weight", "local_weight", "number", None, "the share of the loss of other embeddings"),
        ("--tau", "tau", "number", None, "the temperature of that loss"),
        ("--recipe", "", "text", None, "a published way of fitting"),
        ("--bins", "bins", "integer", 10, "the number of bins of confidence"),
        # Triplets that are made
        ("--count", "n_triplets", "integer", None, "the number of triplets"),
        ("--shape", "", "integer", (1854, 768), "numbers of items and features"),
        ("--scheme", "scheme", "text", "uniform", "which items meet in a triplet"),
        # Extraction and models
        ("--model", "model", "text", None, "the model, SOURCE:NAME"),
        ("--layer", "layers", "text", ("penultimate",), "the layer or layers"),
        ("--modality", "modality", "text", "images", "what a model of both takes: images or texts"),
        ("--pool", "pool", "text", "auto", "how tokens or maps become a row"),
        ("--prompt", "prompt", "text", None, "the sentence in which each text stands"),
        ("--decoder", "decoder", "text", "pil", "what decodes images"),
        ("--background", "background", "text", "white", "the colour behind transparent images"),
        ("--batch-size", "batch_size", "integer", None, "how many items go through at once"),
        ("--precision", "precision", "text", "fp32", "the numbers of a model's products"),
        ("--compile", "compile", "switch", False, "let torch compile the model"),
        ("--shard", "shard", "integer", None, "part I of K of the items"),
        ("--merge", "", "text", None, "put the parts together"),
        ("--mixed", "mixed", "switch", False, "parts may be of different CPUs"),
        ("--meta", "meta", "text", (), "what else the manifest says"),
        # Where it runs
        ("--backend", "backend", "text", "auto", "what computes"),
        ("--device", "device", "text", "auto", "where torch computes"),
        ("--threads", "", "integer", None, "the number of threads that compute"),
        ("--workers", "workers", "integer", None, "the number of threads that read images"),
        ("--resume", "resume", "switch", False, "go on with an interrupted run"),
        ("--only", "only", "text", None, "one step of a study"),
        # Data sets
        ("--folder", "folder", "text", None, "where a data set is stored"),
        ("--forget", "", "switch", False, "remember a data set's folder no longer"),
        ("--mirror", "mirror", "text", None, "another address of the data sets"),
        # What is shown and written
        ("--out", "out", "path", None, "the file or folder to write"),
        ("--write", "", "path", None, "write the description of a data set"),
        ("--json", "", "path", None, "write the result as a JSON document"),
        ("--csv", "csv", "path", None, "write the table"),
        ("--csv-escape", "csv_escape", "switch", False, "make names safe for spreadsheets"),
        ("--latex", "", "path", None, "write the table for LaTeX"),
        ("--model-index", "", "path", None, "write the figures for a model card"),
        ("--choices", "keep", "path", None, "write the choice of each triplet"),
        ("--probabilities", "keep", "path", None, "write the choice probabilities of each triplet"),
        ("--save-index", "", "path", None, "write the index that is searched"),
        ("--spec", "", "path", None, "write what an extraction is of"),
        ("--figures", "", "text", None, "the formats of pictures"),
        ("--by", "by", "text", None, "what rows of a table or a picture are grouped by"),
        ("--sort", "sort", "text", None, "the order of rows"),
        ("--limit", "limit", "integer", None, "the most rows, objects or names that are shown"),
        ("--method", "method", "text", None, "how objects are put on a plane"),
        ("--style", "style", "text", "light", "the colours of a picture"),
        ("--width", "width", "text", "double", "the width of a picture"),
        ("--ppi", "ppi", "integer", None, "pixels per inch"),
        ("--title", "title", "text", None, "the heading of a page"),
        ("--verbose", "", "switch", False, "all columns of the table"),
        ("--quiet", "", "switch", False, "no notes, no progress"),
    )
}

# By what an argument is called in Python, where one flag alone stands for it.
FLAGS = {
    argument: flag
    for flag, argument, *_ in VOCABULARY.values()
    if argument and sum(row.argument == argument for row in VOCABULARY.values()) == 1
}
