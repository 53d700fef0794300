"""Words that mean the same in each command, and settings that are said in study files and in Python only."""

from __future__ import annotations

import pytest

from pyalign.study.options import analyses, checked


def test_nothing_held_out_is_the_same_word_in_each_command(command):
    for words in (("calibrate", "x.npy"), ("probe", "x.npy", "--penalty", "1")):
        ran = command(*words, "-t", "no.npy", "--split", "none")
        assert (ran.code, ran.err.rpartition(": ")[2]) == (1, "No such file or directory\n")
    assert command("probe", "x.npy", "-t", "t.npy", "--folds", "none").code == 2


IN_STUDIES = {  # arguments of functions, as a study file has them, where the command has no option
    "score": {"ci": {"by": "objects", "method": "pigeonhole"}},
    "score_concepts": {"assign": "product", "top": 2},
    "error_consistency": {"assign": "product", "top": 2},
    "cross_validate_probe": {"bias": True, "smoothing": 0.1, "tolerance": 1e-3, "tau": 0.2, "batch_size": 8},
    "calibrate": {"bins": 5},
    "neighborhoods": {"rbo_p": 0.8, "human_measure": "dot"},
    "rsa": {"pooling": "ranks"},
    "recover": {"target": 0.8},
    "cka": {"confidence_level": 0.9},
}


@pytest.mark.parametrize("function", IN_STUDIES)
def test_rare_settings_can_be_said_in_a_study_file(function):
    assert checked(analyses()[function], IN_STUDIES[function]).keys() == IN_STUDIES[function].keys()
