"""One name for each meaning: how many options there are, and what each name that was merged or dropped became."""

from __future__ import annotations

import pytest

from pyalign.cli._vocabulary import VOCABULARY
from pyalign.study.analyses import analyses
from pyalign.study.options import checked

MOST = 110
SCORE = ("score", "x.npy", "-t", "t.npy")
# What nobody needs on the command line, or another option says: words of a command, and the option that it had.
GONE = {
    ("concepts", "x.npy", "-t", "t.npy", "--dimensions", "d.npy"): ("--assign sum", "--top 2"),
    ("probe", "x.npy", "-t", "t.npy"): ("--bias", "--smoothing 1", "--tolerance 1", "--tau 1", "--batch-size 8"),
    ("calibrate", "x.npy", "-t", "t.npy"): (
        "--bins 5", "--held-out 0.5", "--human-temperature 1", "--human-measure dot",
    ),
    ("neighbors", "agreement", "x.npy", "--human", "h.npy"): ("--rbo-p 0.9", "--human-measure dot"),
    ("rsa", "x.npy", "--human", "h.npy"): ("--pooling ranks",),
    ("extract", "--images", "i", "--out", "o"): (
        "--background white", "--decoder pil", "--compile", "--meta a=b", "--workers 2",
    ),
    ("compare", "x.npy", "y.npy", "-t", "t.npy"): ("--margin 0.01",),
    ("recover", "x.npy", "y.npy", "-t", "t.npy"): ("--target 0.9",),
    SCORE: (
        "--ci-method bootstrap", "--odd-column first", "--anchor last", "--weight-column 3", "--csv-escape",
        "--model-index card.yaml",
    ),
    ("describe", "t.npy"): ("--write mine.toml",),
    ("export", "E::fc", "--out", "x.npy"): ("--spec m.json",),
    ("datasets", "path", "things"): ("--forget",),
    ("datasets", "fetch", "things"): ("--mirror http://x",),
    ("neighbors", "search", "x.npy"): ("--queries q.npy",),
    ("triplets", "simulate", "d"): ("--shape 9,9",),
    ("models", "layers", "timm:resnet50"): ("--modality texts",),
    ("cka", "x.npy", "y.npy"): ("--alpha 0.05", "--ci-method half-samples"),
    ("dimensions", "predict", "x.npy", "--dimensions", "d.npy"): ("--resamples 9",),
    ("plot", "r.json", "--out", "a.png"): ("--ppi 300", "--kind cards"),
    ("plan", "experiment", "--pilot", "p.json", "--difference", "0.1"): (
        "--price-object 2", "--price-subject 2", "--price-answer 2", "--object-balance 1", "--subject-balance 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("words, option", [(words, one) for words, options in GONE.items() for one in options])
def test_what_was_merged_or_dropped_is_a_usage_error(command, words, option):
    ran = command(*words, *option.split())
    assert ran.code == 2 and f"unrecognized arguments: {option.split()[0]}" in ran.err


def test_the_vocabulary_is_small_enough_to_be_learned():
    assert len(VOCABULARY) <= MOST


def test_nothing_held_out_is_the_same_word_in_each_command(command):
    for words in (("calibrate", "x.npy"), ("probe", "x.npy", "--penalty", "1")):
        ran = command(*words, "-t", "no.npy", "--split", "none")
        assert (ran.code, ran.err.rpartition(": ")[2]) == (1, "No such file or directory\n")
    assert command("probe", "x.npy", "-t", "t.npy", "--folds", "none").code == 2


IN_STUDIES = {  # arguments of functions, as a study file has them, where the command has no option any more
    "score": {"ci": {"by": "objects", "method": "pigeonhole"}},
    "score_concepts": {"assign": "product", "top": 2},
    "error_consistency": {"assign": "product", "top": 2},
    "cross_validate_probe": {"bias": True, "smoothing": 0.1, "tolerance": 1e-3, "tau": 0.2, "batch_size": 8},
    "calibrate": {"bins": 5, "held_out": 0.3},
    "compare_neighbors": {"rbo_p": 0.8, "human_measure": "dot"},
    "rsa": {"pooling": "ranks"},
    "recover": {"target": 0.8},
    "cka": {"alpha": 0.1},
}


@pytest.mark.parametrize("function", IN_STUDIES)
def test_what_commands_no_longer_take_can_be_said_in_a_study_file(function):
    assert checked(analyses()[function], IN_STUDIES[function]).keys() == IN_STUDIES[function].keys()
