"""The registry: for each operation and size, how pyalign and each of its peers do it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

import pyalign
from benchmarks import (
    calibration_peers,
    cases,
    checks,
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
    resample_peers,
    rsa_peers,
)
from benchmarks.cases import MB, Case, answers, embeddings, similarities, triplets
from benchmarks.timing import Contender
from pyalign.backends import native
from pyalign.cli import COMMANDS

SUBJECT = "pyalign"
Builder = Callable[[Case], Contender]
LOOP_SLICE = 3000  # triplets on which the loop over triplets is timed
GATHER_SLICE = 400_000  # triplets on which the gathers of rows are timed
ONE_HOT_SLICE = 1024  # triplets on which the published one-hot products are timed
GATHER_STEP_SLICE = 50_000  # the same, where a backward pass keeps what was gathered
LOOP_RESAMPLES = 4  # resamples on which the loop over resamples is timed
CHOICE_SLICE = 128  # items with which the loop over all third items is timed
ROW_SLICE = 256  # rows with which scipy's cdist is timed
CHUNK, SMALL_CHUNK = 16_384, 1024  # triplets whose rows are gathered at a time: 100 MB and 6 MB of temporaries
FEWER, FEW, SOME, MANY = 3, 5, 9, 15
HUNDRED = 100  # models of the largest comparison


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


def decisions(make: Callable[..., peers.Decisions], **options: Any) -> Builder:
    """A contender of `odd_one_out_from`."""

    def build(case: Case) -> Contender:
        s, t = similarities(case), triplets(case)
        check = checks.same_decisions(lambda: pyalign.odd_one_out_from(s, t))
        return Contender(make(s, t, **options), check=check)

    return build


def _our_decisions(s: np.ndarray, t: np.ndarray, index: str | None = None) -> peers.Decisions:
    """With the case's own triplets, or with the same ones as integers of another type."""
    chosen = t if index is None else t.astype(index)
    return lambda: pyalign.odd_one_out_from(s, chosen)


def scores(make: Callable[..., peers.Scores], limit: int | None = None, **options: Any) -> Builder:
    """A contender of `score`; with a limit it is timed on that many triplets."""

    def build(case: Case) -> Contender:
        x, t = embeddings(case), triplets(case)[:limit]
        check = checks.same_means(_our_score(x, t), accuracy_alone=make is peers.human_alignment_score)
        return Contender(make(x, t, **options), share=len(t) / case.t, check=check)

    return build


def _our_score(x: np.ndarray, t: np.ndarray) -> peers.Scores:
    def score() -> peers.Means:
        result = pyalign.score(x, t)
        return result.accuracy, result.cross_entropy, result.mean_entropy

    return score


def _score_by_rows(x: np.ndarray, t: np.ndarray) -> peers.Scores:
    """Ours without buckets: each triplet from its three rows, as they come."""
    score = _our_score(x, t)

    def run() -> peers.Means:
        with patch.object(native, "use_buckets", lambda *_: False):
            return score()

    return run


def matrix(
    make: Callable[..., matrix_peers.Matrix],
    measure: str,
    as_similarity: Callable[[np.ndarray], np.ndarray] = np.asarray,
    **options: Any,
) -> Builder:
    """A contender of `similarity`; with `rows` it is timed on that many rows."""

    def build(case: Case) -> Contender:
        x, rows = embeddings(case), options.get("rows", case.n)
        check = checks.same_matrix(lambda: pyalign.similarity(x[:ROW_SLICE], x, measure=measure), as_similarity)
        return Contender(make(x, **options), share=rows / case.n, check=check)

    return build


def _our_matrix(measure: str) -> Callable[[np.ndarray], matrix_peers.Matrix]:
    return lambda x: lambda: pyalign.similarity(x, measure=measure)


def steps(
    make: Callable[..., loss_peers.Step],
    ours: Callable[..., loss_peers.Step],
    inputs: Callable[[Case], np.ndarray],
    limit: int | None = None,
    times: int = 1,
) -> Builder:
    """A contender of `triplet_loss` or `triplet_gradient`; with a limit it is timed on that many triplets.

    times: or on so many times the case's, all of them drawn anew; its figure is of one part of these.
    """

    def build(case: Case) -> Contender:
        values, t = inputs(case), triplets(replace(case, t=times * case.t))[:limit]
        return Contender(make(values, t), share=len(t) / case.t, check=checks.same_step(ours(values, t)))

    return build


def temperatures(make: Callable[..., calibration_peers.Temperature], fits: bool = True) -> Builder:
    """A contender of `calibrate`; `fits`: its result is a temperature."""

    def build(case: Case) -> Contender:
        x, t = embeddings(case), answers(case)
        check = checks.same_temperature(calibration_peers.our_temperature(x, t)) if fits else None
        return Contender(make(x, t), check=check)

    return build


def resamples(models: int = 1) -> Builder:
    """A contender of `object resamples`: pyalign, for so many models at once."""

    def build(case: Case) -> Contender:
        return Contender(resample_peers.our_sums(triplets(case), case.n, models))

    return build


def corrected_errors(backend: str = "auto") -> Builder:
    """A contender of `corrected errors`: pyalign's closed form over objects, of one model, grouping included."""

    def build(case: Case) -> Contender:
        values, t = resample_peers.values(case.t, 1), triplets(case)
        check = checks.same_errors(resample_peers.our_errors(t, values))
        return Contender(resample_peers.our_errors(t, values, backend), check=check)

    return build


def score_with_intervals(case: Case) -> Contender:
    """The score with intervals over objects, in closed form."""
    x, t = embeddings(case), triplets(case)
    return Contender(lambda: pyalign.score(x, t, ci="objects"))


def compare_many(case: Case) -> Contender:
    """A hundred models, each the same rows with noise of its own."""
    rng, x, t = np.random.default_rng(cases.SEED), embeddings(case), triplets(case)
    models = {f"model {k}": x + rng.normal(size=x.shape).astype(np.float32) for k in range(HUNDRED)}
    return Contender(lambda: pyalign.compare(models, t))


def numpy_resamples(case: Case) -> Contender:
    """Timed on a few of the resamples."""
    t = triplets(case)
    check = checks.same_first_rows(resample_peers.our_sums(t, case.n))
    share = LOOP_RESAMPLES / resample_peers.RESAMPLES
    return Contender(resample_peers.numpy_sums(t, case.n, LOOP_RESAMPLES), share=share, check=check)


def figures(call: Callable[[Case], float]) -> Builder:
    """A contender whose call reports its figure."""
    return lambda case: Contender(lambda: call(case), reports=True)


def command(call: Callable[[Case], Any], checked: bool = False) -> Builder:
    """A whole process that is timed from outside."""

    def build(case: Case) -> Contender:
        check = checks.same_accuracy(_our_score(embeddings(case), triplets(case))) if checked else None
        return Contender(lambda: call(case), check=check)

    return build


def _start_of(name: str) -> Builder:
    return command(lambda case: processes.command_help(*name.split()))


def _of_things(case: Case) -> Comparison:
    builders = {
        SUBJECT: decisions(_our_decisions),
        "numpy": decisions(peers.numpy_decisions),
        "numpy take": decisions(peers.numpy_take_decisions),
        "torch": decisions(peers.torch_decisions),
        "numba": decisions(peers.numba_decisions),
        "numba branch-free": decisions(peers.numba_decisions, branches=False),
    }
    if case.index != "int32":
        builders["pyalign int32"] = decisions(_our_decisions, index="int32")
    return Comparison("odd_one_out_from", case, builders, MANY)


def _of_large(case: Case) -> Comparison:
    builders = {
        SUBJECT: scores(_our_score),
        "numpy": scores(peers.numpy_chunked_score, limit=GATHER_SLICE, chunk=CHUNK),
        "numpy small chunks": scores(peers.numpy_chunked_score, limit=GATHER_SLICE, chunk=SMALL_CHUNK),
    }
    return Comparison("score", case, builders, FEW)


def _of_many_rows(case: Case) -> Comparison:
    builders = {
        SUBJECT: scores(_our_score),
        "pyalign by rows": scores(_score_by_rows),
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
    "score",
    cases.THINGS,
    {
        SUBJECT: scores(_our_score),
        "numpy": scores(peers.numpy_score),
        "numpy take": scores(peers.numpy_score, take=True),
        "torch": scores(peers.torch_score),
        "human_alignment": scores(peers.human_alignment_score, limit=LOOP_SLICE),
    },
    SOME,
)
COSINE = Comparison(
    "similarity cosine",
    cases.SQUARE,
    {
        SUBJECT: matrix(_our_matrix("cosine"), "cosine"),
        "numpy product": matrix(matrix_peers.numpy_product, "cosine"),
        "torch": matrix(matrix_peers.torch_cosine, "cosine"),
        "scikit-learn": matrix(matrix_peers.sklearn_cosine, "cosine"),
        "numkong": matrix(matrix_peers.numkong_angles, "cosine", lambda angular: 1 - angular),
    },
    MANY,
)
DISTANCES = Comparison(
    "similarity neg_euclidean",
    cases.SQUARE,
    {
        SUBJECT: matrix(_our_matrix("neg_euclidean"), "neg_euclidean"),
        "torch": matrix(matrix_peers.torch_distances, "neg_euclidean", np.negative),
        "scipy": matrix(matrix_peers.scipy_distances, "neg_euclidean", np.negative, rows=ROW_SLICE),
        "scikit-learn": matrix(matrix_peers.sklearn_distances, "neg_euclidean", np.negative),
        "numkong": matrix(matrix_peers.numkong_distances, "neg_euclidean", np.negative),
    },
    SOME,
)
COMMAND = Comparison(
    "command pyalign score",
    cases.THINGS,
    {SUBJECT: command(processes.command_score, checked=True), "numpy": command(processes.bare_numpy)},
    MANY,
)
STARTS = Comparison(
    "start of pyalign score",
    cases.START,
    {
        SUBJECT: command(lambda case: processes.command_help("score")),
        "python": command(lambda case: processes.bare_python("pass")),
        "numpy": command(lambda case: processes.bare_python("import numpy")),
        "pyalign --help": command(lambda case: processes.command_help()),
        **{f"pyalign {name}": _start_of(name) for name in COMMANDS if name != "score"},
    },
    SOME,
)
FITS = Comparison(
    "fit_probe beside a busy process",
    cases.FIT,
    {
        SUBJECT: figures(lambda case: processes.fit_seconds(case, "import torch")),
        "without torch": figures(processes.fit_seconds),
        "threads that spin": figures(lambda case: processes.fit_seconds(case, "import torch", GOMP_SPINCOUNT="300000")),
    },
    SOME,
)
IMPORT = Comparison(
    "import",
    cases.START,
    {
        SUBJECT: figures(lambda case: processes.import_seconds("pyalign")),
        "numpy": figures(lambda case: processes.import_seconds("numpy")),
    },
    MANY,
)

RESAMPLES = Comparison(
    "object resamples",
    cases.THINGS,
    {
        SUBJECT: resamples(),
        "numpy": numpy_resamples,
    },
    SOME,
)
ERRORS = Comparison(
    "corrected errors",
    cases.THINGS,
    {
        SUBJECT: corrected_errors(),
        "half a second": figures(lambda case: 0.5),
        "numpy": corrected_errors("numpy"),
        "pyalign 1,000 resamples": resamples(),
    },
    SOME,
)
HUNDRED_MODELS = Comparison(
    "compare, 100 models", cases.THINGS_NARROW,
    {SUBJECT: compare_many, "one minute": figures(lambda case: 60.0)}, FEW,
)  # fmt: skip
CONSISTENCY = Comparison(
    "consistency, 10 models", cases.THINGS_NARROW,
    {SUBJECT: concept_peers.our_consistency, "numpy": concept_peers.numpy_consistency}, FEW,
)  # fmt: skip
INTERVALS = Comparison(
    "score with intervals",
    cases.THINGS,
    {SUBJECT: score_with_intervals, "one second": figures(lambda case: 1.0), "pyalign score": scores(_our_score)},
    SOME,
)
MODELS = Comparison(
    "object resamples, 4 models", cases.THINGS, {SUBJECT: resamples(4), "pyalign 1 model": resamples(1)}, SOME
)
CALIBRATION = Comparison(
    "calibrate",
    cases.THINGS,
    {
        SUBJECT: temperatures(calibration_peers.our_temperature),
        "pyalign score": temperatures(calibration_peers.score_pass, fits=False),
        "scipy": temperatures(calibration_peers.scipy_temperature),
    },
    SOME,
)
LOSS = Comparison(
    "triplet_loss",
    cases.TRAINING,
    {
        SUBJECT: steps(loss_peers.our_loss, loss_peers.our_loss, embeddings),
        "torch": steps(loss_peers.torch_loss, loss_peers.our_loss, embeddings),
        "torch flat": steps(partial(loss_peers.torch_loss, flat=True), loss_peers.our_loss, embeddings),
        "torch rows": steps(loss_peers.torch_rows_loss, loss_peers.our_loss, embeddings, limit=GATHER_STEP_SLICE),
    },
    SOME,
)
GRADIENT = Comparison(
    "triplet_gradient",
    cases.TRAINING,
    {
        SUBJECT: steps(loss_peers.our_gradient, loss_peers.our_gradient, similarities),
        "torch": steps(loss_peers.torch_gradient, loss_peers.our_gradient, similarities),
        "torch flat": steps(partial(loss_peers.torch_gradient, flat=True), loss_peers.our_gradient, similarities),
        "pyalign of 4 M": steps(loss_peers.our_gradient, loss_peers.our_gradient, similarities, times=4),
    },
    SOME,
)
PLANNED = Comparison(
    "triplet_gradient, planned",
    cases.TRAINING,
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
    "probe step",
    cases.TRAINING,
    {
        SUBJECT: steps(probe_peers.our_step, probe_peers.our_step, embeddings),
        "torch": steps(probe_peers.torch_gather_step, probe_peers.our_step, embeddings),
        "torch flat": steps(partial(probe_peers.torch_gather_step, flat=True), probe_peers.our_step, embeddings),
        "one-hot": steps(probe_peers.one_hot_step, probe_peers.our_step, embeddings, limit=ONE_HOT_SLICE),
    },
    SOME,
)


def repeats(make: Callable[[np.ndarray], Callable[[], repeat_peers.Groups]]) -> Builder:
    """A contender of `find_repeats`."""

    def build(case: Case) -> Contender:
        t = triplets(case)
        return Contender(make(t), check=repeat_peers.same_groups(repeat_peers.our_repeats(t)))

    return build


CONCEPTS = (
    Comparison(
        "concepts assignment",
        cases.THINGS,
        {SUBJECT: concept_peers.our_assignment, "published": concept_peers.published_assignment},
        SOME,
    ),
    Comparison(
        "concepts, 1,000 resamples",
        cases.THINGS,
        {SUBJECT: concept_peers.our_concepts, "pyalign score, 1,000 resamples": concept_peers.whole_alone},
        SOME,
    ),
)
RSA = (
    Comparison(
        "rsa spearman",
        cases.THINGS_PAIRS,
        {
            SUBJECT: rsa_peers.cpu_seconds(rsa_peers.our_correlation("spearman")),
            "scipy": rsa_peers.cpu_seconds(rsa_peers.scipy_correlation("spearman")),
            "rsatoolbox": rsa_peers.cpu_seconds(rsa_peers.rsatoolbox_correlation("spearman")),
        },
        SOME,
        "CPU s",
    ),
    Comparison(
        "rsa kendall",
        cases.THINGS_PAIRS,
        {
            SUBJECT: rsa_peers.cpu_seconds(rsa_peers.our_correlation("kendall")),
            "scipy": rsa_peers.cpu_seconds(rsa_peers.scipy_correlation("kendall")),
        },
        FEW,
        "CPU s",
    ),
    Comparison(
        "rsa dual bootstrap",
        cases.OBJECTS92,
        {
            SUBJECT: rsa_peers.cpu_seconds(rsa_peers.our_dual_bootstrap),
            "rsatoolbox": rsa_peers.cpu_seconds(
                rsa_peers.rsatoolbox_dual_bootstrap, rsa_peers.FEW / rsa_peers.RESAMPLES
            ),
        },
        FEW,
        "CPU s",
    ),
    Comparison(
        "rsa inference",
        cases.THINGS_PAIRS,
        {
            SUBJECT: rsa_peers.our_inference,
            "20 seconds": figures(lambda case: 20.0),
            "numpy loop": rsa_peers.numpy_inference,
        },
        FEW,
    ),
    _memory("rsa pearson", cases.MANY_OBJECTS, 1000),
    _memory("rsa spearman", cases.MANY_OBJECTS, 4000),
)

NEIGHBORS = (
    Comparison(
        "neighbors",
        cases.NEAREST,
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


def choices(make: Callable[..., choice_peers.Matrix], rows: int | None = None, checked: bool = True) -> Builder:
    """A contender of `choice_similarity`; with `rows` it is timed on that many items."""

    def build(case: Case) -> Contender:
        x = embeddings(case)
        check = choice_peers.same_probabilities(choice_peers.ours(x)) if checked else None
        if rows is None:
            return Contender(make(x), check=check)
        return Contender(make(x, rows), share=choice_peers.share_of(case.n, rows), check=check)

    return build


CHOICE = Comparison(
    "choice_similarity",
    cases.THINGS_SPOSE,
    {
        SUBJECT: choices(choice_peers.ours),
        "numba": choices(choice_peers.numba_loop, rows=CHOICE_SLICE),
        "pyalign float64": choices(choice_peers.ours_in_float64),
        "pyalign T = 0.01": choices(partial(choice_peers.ours, temperature=0.01), checked=False),
    },
    SOME,
)
REPEATS = Comparison(
    "find_repeats",
    cases.THINGS,
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
EXTRACT_MEMORY = Comparison(
    "memory of extract",
    cases.MANY_IMAGES,
    {
        SUBJECT: figures(lambda case: extract_peers.peak_memory(case, case.n)),
        "limit": figures(lambda case: 2000.0),
        "pyalign of 1,000": figures(lambda case: extract_peers.peak_memory(case, 1000)),
    },
    1,
    "MB",
)

# Processor time; the second of each is by the clock.
CKA_NULL, CKA_PAIRS = (
    (
        Comparison(
            f"cka permutation{told}",
            cases.TWO_MODELS,
            {
                SUBJECT: figures(cka_peers.our_permutation(clock)),
                "calibrated-similarity, Gram": figures(cka_peers.their_permutation(cka_peers.gram_form, clock)),
                "calibrated-similarity, features": figures(cka_peers.their_permutation(cka_peers.feature_form, clock)),
            },
            FEW,
        ),
        Comparison(
            f"cka of all pairs{told}",
            cases.TWENTY_MODELS,
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
    "predict_dimensions",
    cases.THINGS_WIDE,
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
    *(_of_large(case) for case in LARGE_CASES),
    *(_memory("score", case, 512) for case in LARGE_CASES),
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
    LOSS,
    *(_loss_of_many_rows(case) for case in cases.MANY_ROWS),
    GRADIENT,
    PLANNED,
    _memory("triplet_loss", cases.TRAINING, 4 * cases.TRAINING.t * cases.TRAINING.d / MB),
)
STATISTICS = (RESAMPLES, MODELS, ERRORS, INTERVALS, HUNDRED_MODELS, CONSISTENCY, CALIBRATION, REPEATS)
EXTRACT = (*EXTRACTIONS, EXTRACT_MEMORY)
COMPARISONS = (
    *TRIPLETS, SCORE, *STATISTICS, *RSA, *CKA, *CONCEPTS, PREDICT, *NEIGHBORS, NEIGHBORHOODS, COSINE, DISTANCES,
    CHOICE, *LARGE, *LOSSES, PROBE, *EXTRACT, FITS, COMMAND, STARTS, IMPORT,
)  # fmt: skip


def contenders_of(*comparisons: Comparison) -> list[tuple[Comparison, str]]:
    """(comparison, backend) of every contender: the parameters of a pytest benchmark."""
    return [(comparison, backend) for comparison in comparisons for backend in comparison.builders]


def label_of(parameter: object) -> str:
    """How pytest names a parameter."""
    return f"{parameter.op}, {parameter.case.name}" if isinstance(parameter, Comparison) else str(parameter)
