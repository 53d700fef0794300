"""The registry: for each operation and size, how pyalign and each of its peers do it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks import (
    calibration_peers,
    cases,
    choice_peers,
    cka_peers,
    concept_peers,
    extract_peers,
    loss_peers,
    matrix_peers,
    neighbor_peers,
    neighborhood_peers,
    peers,
    predict_peers,
    probe_peers,
    processes,
    repeat_peers,
    rsa_peers,
)
from benchmarks.cases import MB, Case, embeddings, similarities
from benchmarks.contenders import (
    ROW_SLICE,
    Builder,
    choices,
    command,
    compare_many,
    corrected_errors,
    decisions,
    figures,
    matrix,
    numpy_resamples,
    our_decisions,
    our_matrix,
    our_product,
    our_product_with_itself,
    our_score,
    products,
    reads_of_rows,
    repeats,
    resamples,
    score_by_rows,
    score_with_intervals,
    scores,
    start_of,
    steps,
    temperatures,
)
from pyalign.cli import COMMANDS

SUBJECT = "pyalign"
LOOP_SLICE = 3000  # triplets on which the loop over triplets is timed
GATHER_SLICE = 400_000  # triplets on which the gathers of rows are timed
ONE_HOT_SLICE = 1024  # triplets on which the published one-hot products are timed
GATHER_STEP_SLICE = 50_000  # the same, where a backward pass keeps what was gathered
CHOICE_SLICE = 128  # items with which the loop over all third items is timed
CHUNK, SMALL_CHUNK = 16_384, 1024  # triplets whose rows are gathered at a time: 100 MB and 6 MB of temporaries
FEWER, FEW, SOME, MANY = 3, 5, 9, 15


@dataclass(frozen=True)
class Comparison:
    """One operation at one size, done by pyalign and by each of its peers.

    builders: how each contender is made from the case; the ratios are to the first, pyalign.
    rounds: how often each is measured in a full run.
    """

    op: str
    case: Case
    builders: dict[str, Builder]
    rounds: int
    unit: str = "s"


def _of_things(case: Case) -> Comparison:
    builders = {
        SUBJECT: decisions(our_decisions),
        "numpy": decisions(peers.numpy_decisions),
        "numpy take": decisions(peers.numpy_take_decisions),
        "torch": decisions(peers.torch_decisions),
        "numba": decisions(peers.numba_decisions),
        "numba branch-free": decisions(peers.numba_decisions, branches=False),
    }
    if case.index != "int32":
        builders["pyalign int32"] = decisions(our_decisions, index="int32")
    return Comparison("odd_one_out_from", case, builders, MANY)


def _of_large(case: Case) -> Comparison:
    builders = {
        SUBJECT: scores(our_score),
        "numpy": scores(peers.numpy_chunked_score, limit=GATHER_SLICE, chunk=CHUNK),
        "numpy small chunks": scores(peers.numpy_chunked_score, limit=GATHER_SLICE, chunk=SMALL_CHUNK),
    }
    return Comparison("score", case, builders, FEW)


def _of_many_rows(case: Case) -> Comparison:
    builders = {
        SUBJECT: scores(our_score),
        "pyalign by rows": scores(score_by_rows),
        "rows read": reads_of_rows,
        "numba": scores(peers.numba_score),
        "numpy small chunks": scores(peers.numpy_chunked_score, limit=GATHER_SLICE, chunk=SMALL_CHUNK),
    }
    return Comparison("score of many rows", case, builders, FEW)


def _memory(operation: str, case: Case, limit: float) -> Comparison:
    builders = {
        SUBJECT: figures(lambda case: processes.memory_growth(operation, case)),
        "limit": figures(lambda case: limit),
    }
    return Comparison(f"memory of {operation}", case, builders, 1, "MB")


SCORE = Comparison(
    "score", cases.THINGS,
    {
        SUBJECT: scores(our_score),
        "numpy": scores(peers.numpy_score),
        "numpy take": scores(peers.numpy_score, take=True),
        "torch": scores(peers.torch_score),
        "human_alignment": scores(peers.human_alignment_score, limit=LOOP_SLICE),
    },
    SOME,
)
COSINE = Comparison(
    "similarity cosine", cases.SQUARE,
    {
        SUBJECT: matrix(our_matrix("cosine"), "cosine"),
        "numpy product": matrix(matrix_peers.numpy_product, "cosine"),
        "torch": matrix(matrix_peers.torch_cosine, "cosine"),
        "scikit-learn": matrix(matrix_peers.sklearn_cosine, "cosine"),
        "numkong": matrix(matrix_peers.numkong_angles, "cosine", lambda angular: 1 - angular),
    },
    MANY,
)
DISTANCES = Comparison(
    "similarity neg_euclidean", cases.SQUARE,
    {
        SUBJECT: matrix(our_matrix("neg_euclidean"), "neg_euclidean"),
        "torch": matrix(matrix_peers.torch_distances, "neg_euclidean", np.negative),
        "scipy": matrix(matrix_peers.scipy_distances, "neg_euclidean", np.negative, rows=ROW_SLICE),
        "scikit-learn": matrix(matrix_peers.sklearn_distances, "neg_euclidean", np.negative),
        "numkong": matrix(matrix_peers.numkong_distances, "neg_euclidean", np.negative),
    },
    SOME,
)
# At most 1.05 of BLAS's time; of a matrix with itself, half of which is computed, at most 0.65 of that of the whole.
PRODUCTS = tuple(
    Comparison(op, case, {SUBJECT: products(ours), "numpy": products(matrix_peers.product_of_two)}, MANY)
    for op, ours in (("product", our_product), ("product with itself", our_product_with_itself))
    for case in cases.PRODUCTS
)
COMMAND = Comparison(
    "command pyalign score", cases.THINGS,
    {SUBJECT: command(processes.command_score, checked=True), "numpy": command(processes.bare_numpy)}, MANY,
)
STARTS = Comparison(
    "start of pyalign score", cases.START,
    {
        SUBJECT: command(lambda case: processes.command_help("score")),
        "python": command(lambda case: processes.bare_python("pass")),
        "numpy": command(lambda case: processes.bare_python("import numpy")),
        "pyalign --help": command(lambda case: processes.command_help()),
        **{f"pyalign {name}": start_of(name) for name in COMMANDS if name != "score"},
    },
    SOME,
)
FITS = Comparison(
    "fit_probe beside a busy process", cases.FIT,
    {
        SUBJECT: figures(lambda case: processes.fit_seconds(case, "import torch")),
        "without torch": figures(processes.fit_seconds),
        "threads that spin": figures(lambda case: processes.fit_seconds(case, "import torch", GOMP_SPINCOUNT="300000")),
    },
    SOME,
)
IMPORT = Comparison(
    "import", cases.START,
    {
        SUBJECT: figures(lambda case: processes.import_seconds("pyalign")),
        "numpy": figures(lambda case: processes.import_seconds("numpy")),
    },
    MANY,
)

RESAMPLES = Comparison("object resamples", cases.THINGS, {SUBJECT: resamples(), "numpy": numpy_resamples}, SOME)
ERRORS = Comparison(
    "corrected errors", cases.THINGS,
    {
        SUBJECT: corrected_errors(),
        "half a second": figures(lambda case: 0.5),
        "numpy": corrected_errors("numpy"),
        "pyalign 1,000 resamples": resamples(),
    },
    SOME,
)
HUNDRED_MODELS = Comparison(
    "compare, 100 models", cases.THINGS_NARROW, {SUBJECT: compare_many, "one minute": figures(lambda case: 60.0)}, FEW,
)
CONSISTENCY = Comparison(
    "consistency, 10 models", cases.THINGS_NARROW,
    {SUBJECT: concept_peers.our_consistency, "numpy": concept_peers.numpy_consistency}, FEW,
)
INTERVALS = Comparison(
    "score with intervals", cases.THINGS,
    {SUBJECT: score_with_intervals, "one second": figures(lambda case: 1.0), "pyalign score": scores(our_score)}, SOME,
)
MODELS = Comparison(
    "object resamples, 4 models", cases.THINGS, {SUBJECT: resamples(4), "pyalign 1 model": resamples(1)}, SOME
)
CALIBRATION = Comparison(
    "calibrate", cases.THINGS,
    {
        SUBJECT: temperatures(calibration_peers.our_temperature),
        "pyalign score": temperatures(calibration_peers.score_pass, fits=False),
        "scipy": temperatures(calibration_peers.scipy_temperature),
    },
    SOME,
)
LOSS = Comparison(
    "triplet_loss", cases.TRAINING,
    {
        SUBJECT: steps(loss_peers.our_loss, loss_peers.our_loss, embeddings),
        "torch": steps(loss_peers.torch_loss, loss_peers.our_loss, embeddings),
        "torch flat": steps(partial(loss_peers.torch_loss, flat=True), loss_peers.our_loss, embeddings),
        "torch rows": steps(loss_peers.torch_rows_loss, loss_peers.our_loss, embeddings, limit=GATHER_STEP_SLICE),
    },
    SOME,
)
GRADIENT = Comparison(
    "triplet_gradient", cases.TRAINING,
    {
        SUBJECT: steps(loss_peers.our_gradient, loss_peers.our_gradient, similarities),
        "torch": steps(loss_peers.torch_gradient, loss_peers.our_gradient, similarities),
        "torch flat": steps(partial(loss_peers.torch_gradient, flat=True), loss_peers.our_gradient, similarities),
        "pyalign of 4 M": steps(loss_peers.our_gradient, loss_peers.our_gradient, similarities, times=4),
    },
    SOME,
)
PLANNED = Comparison(
    "triplet_gradient, planned", cases.TRAINING,
    {
        SUBJECT: steps(loss_peers.our_planned_gradient, loss_peers.our_gradient, similarities),
        "torch": steps(loss_peers.torch_gradient, loss_peers.our_gradient, similarities),
        "torch planned": steps(loss_peers.torch_planned_gradient, loss_peers.our_gradient, similarities),
        "pyalign unplanned": steps(loss_peers.our_gradient, loss_peers.our_gradient, similarities),
        "pyalign of 4 M": steps(loss_peers.our_planned_gradient, loss_peers.our_gradient, similarities, times=4),
    },
    SOME,
)
PROBE = Comparison(
    "probe step", cases.TRAINING,
    {
        SUBJECT: steps(probe_peers.our_step, probe_peers.our_step, embeddings),
        "torch": steps(probe_peers.torch_gather_step, probe_peers.our_step, embeddings),
        "torch flat": steps(partial(probe_peers.torch_gather_step, flat=True), probe_peers.our_step, embeddings),
        "one-hot": steps(probe_peers.one_hot_step, probe_peers.our_step, embeddings, limit=ONE_HOT_SLICE),
    },
    SOME,
)


CONCEPTS = (
    Comparison(
        "concepts assignment", cases.THINGS,
        {SUBJECT: concept_peers.our_assignment, "published": concept_peers.published_assignment}, SOME,
    ),
    Comparison(
        "concepts, 1,000 resamples", cases.THINGS,
        {SUBJECT: concept_peers.our_concepts, "pyalign score, 1,000 resamples": concept_peers.whole_alone}, SOME,
    ),
)
RSA = (
    Comparison(
        "rsa spearman", cases.THINGS_PAIRS,
        {
            SUBJECT: rsa_peers.cpu_seconds(rsa_peers.our_correlation("spearman")),
            "scipy": rsa_peers.cpu_seconds(rsa_peers.scipy_correlation("spearman")),
            "rsatoolbox": rsa_peers.cpu_seconds(rsa_peers.rsatoolbox_correlation("spearman")),
        },
        SOME, "CPU s",
    ),
    Comparison(
        "rsa kendall", cases.THINGS_PAIRS,
        {
            SUBJECT: rsa_peers.cpu_seconds(rsa_peers.our_correlation("kendall")),
            "scipy": rsa_peers.cpu_seconds(rsa_peers.scipy_correlation("kendall")),
        },
        FEW, "CPU s",
    ),
    Comparison(
        "rsa dual bootstrap", cases.OBJECTS92,
        {
            SUBJECT: rsa_peers.cpu_seconds(rsa_peers.our_dual_bootstrap),
            "rsatoolbox": rsa_peers.cpu_seconds(
                rsa_peers.rsatoolbox_dual_bootstrap, rsa_peers.FEW / rsa_peers.RESAMPLES
            ),
        },
        FEW, "CPU s",
    ),
    Comparison(
        "rsa inference", cases.THINGS_PAIRS,
        {
            SUBJECT: rsa_peers.our_inference,
            "20 seconds": figures(lambda case: 20.0),
            "numpy loop": rsa_peers.numpy_inference,
        },
        FEW,
    ),
    _memory("rsa pearson", cases.MANY_OBJECTS, 1000), _memory("rsa spearman", cases.MANY_OBJECTS, 4000),
)

NEIGHBORS = (
    Comparison(
        "neighbors", cases.NEAREST,
        {
            SUBJECT: neighbor_peers.ours("native"),
            "pyalign by faiss": neighbor_peers.ours("faiss"),
            "faiss flat": neighbor_peers.faiss_flat,
            "numpy": neighbor_peers.numpy_blocks,
        },
        FEWER,
    ),
    _memory("neighbors", cases.NEAREST, 1000 + cases.NEAREST.n * neighbor_peers.K * 16 / MB),
)

NEIGHBORHOODS = Comparison(
    "neighbor agreement", cases.THINGS_PAIRS, {SUBJECT: neighborhood_peers.ours, "sets": neighborhood_peers.sets}, FEW
)


CHOICE = Comparison(
    "choice_similarity", cases.THINGS_SPOSE,
    {
        SUBJECT: choices(choice_peers.ours),
        "numba": choices(choice_peers.numba_loop, rows=CHOICE_SLICE),
        "pyalign float64": choices(choice_peers.ours_in_float64),
        "pyalign T = 0.01": choices(partial(choice_peers.ours, temperature=0.01), checked=False),
    },
    SOME,
)
REPEATS = Comparison(
    "find_repeats", cases.THINGS,
    {
        SUBJECT: repeats(repeat_peers.our_repeats),
        "numpy unique of rows": repeats(repeat_peers.numpy_rows),
        "numpy unique of keys": repeats(repeat_peers.numpy_keys),
    },
    FEW,
)


def _extractions(op: str, case: Case, *names: str) -> Comparison:
    """Contenders of `extract`, each in processes of its own."""
    builders = {
        SUBJECT if name == names[0] else name: figures(partial(extract_peers.seconds, name=name)) for name in names
    }
    return Comparison(op, case, builders, FEWER)


EXTRACTIONS = (
    _extractions("extract", cases.LITE0, "pyalign", "thingsvision", "timm loop"),
    _extractions("extract", cases.VIT, "pyalign", "thingsvision", "timm loop"),
    _extractions("extract, bf16", cases.VIT, "pyalign bf16", "pyalign fp32", "timm loop"),
)
HASHES = Comparison(
    "hashes of extract", cases.LITE0,
    {
        SUBJECT: figures(extract_peers.hashing_seconds),
        "extract": figures(partial(extract_peers.seconds, name="pyalign")),
    },
    FEWER,
)
EXTRACT_MEMORY = Comparison(
    "memory of extract", cases.MANY_IMAGES,
    {
        SUBJECT: figures(lambda case: extract_peers.peak_memory(case, case.n)),
        "limit": figures(lambda case: 2000.0),
        "pyalign of 1,000": figures(lambda case: extract_peers.peak_memory(case, 1000)),
    },
    1, "MB",
)

# Processor time; the second of each is by the clock.
CKA_NULL, CKA_PAIRS = (
    (
        Comparison(
            f"cka permutation{told}", cases.TWO_MODELS,
            {
                SUBJECT: figures(cka_peers.our_permutation(clock)),
                "calibrated-similarity, Gram": figures(cka_peers.their_permutation(cka_peers.gram_form, clock)),
                "calibrated-similarity, features": figures(cka_peers.their_permutation(cka_peers.feature_form, clock)),
            },
            FEW,
        ),
        Comparison(
            f"cka of all pairs{told}", cases.TWENTY_MODELS,
            {
                SUBJECT: figures(cka_peers.our_pairs(clock)),
                "loop over pairs": figures(cka_peers.loop_over_pairs(clock)),
            },
            FEWER,
        ),
    )
    for told, clock in (("", time.process_time), (", by the clock", time.perf_counter))
)
PREDICT = Comparison(
    "predict_dimensions", cases.THINGS_WIDE,
    {
        SUBJECT: predict_peers.our_predictions(),
        "RidgeCV loop": predict_peers.ridge_loop,
        "RidgeCV of all": predict_peers.ridge_of_all,
        "pyalign with intervals": predict_peers.our_predictions("objects"),
    },
    FEW,
)
CKA = (*CKA_NULL, *CKA_PAIRS)

THINGS_CASES = (cases.THINGS, cases.THINGS_INT16, cases.THINGS_INT64)
LARGE_CASES = (cases.LARGE, cases.LARGER)
TRIPLETS = (
    *(_of_things(case) for case in THINGS_CASES),
    # The decisions, a byte each, and less than the smallest copy of the triplets (28 MB).
    *(_memory("odd_one_out_from", case, case.t / MB + 16) for case in THINGS_CASES),
)
LARGE = (
    *(_of_large(case) for case in LARGE_CASES), *(_memory("score", case, 512) for case in LARGE_CASES),
    *(_of_many_rows(case) for case in cases.MANY_ROWS),
)


def _loss_of_many_rows(case: Case) -> Comparison:
    chunked = partial(loss_peers.torch_chunked_loss, chunk=CHUNK)
    builders = {
        SUBJECT: steps(loss_peers.our_loss, loss_peers.our_loss, embeddings),
        "torch chunks": steps(chunked, loss_peers.our_loss, embeddings, limit=GATHER_SLICE),
    }
    return Comparison("triplet_loss of many rows", case, builders, FEWER)


# The array (t, d) that is not needed, once.
LOSSES = (
    LOSS, *(_loss_of_many_rows(case) for case in cases.MANY_ROWS), GRADIENT, PLANNED,
    _memory("triplet_loss", cases.TRAINING, 4 * cases.TRAINING.t * cases.TRAINING.d / MB),
)
STATISTICS = (RESAMPLES, MODELS, ERRORS, INTERVALS, HUNDRED_MODELS, CONSISTENCY, CALIBRATION, REPEATS)
EXTRACT = (*EXTRACTIONS, HASHES, EXTRACT_MEMORY)
COMPARISONS = (
    *TRIPLETS, SCORE, *STATISTICS, *RSA, *CKA, *CONCEPTS, PREDICT, *NEIGHBORS, NEIGHBORHOODS, COSINE, DISTANCES,
    *PRODUCTS, CHOICE, *LARGE, *LOSSES, PROBE, *EXTRACT, FITS, COMMAND, STARTS, IMPORT,
)
