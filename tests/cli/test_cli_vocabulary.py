"""Words that mean the same in each command, and settings that are said in study files and in Python only."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict

import pytest

import pyalign
from pyalign.cli.info import all_commands
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


# What an annotation, or the type of an option, may hold. A file on the command line is in Python what it holds.
HELD = {
    "number": r"\bint\b|\bfloat\b|AtLeast|NotNeg|Number|Positive|Fraction|Temperature|Ceiling|Penalties|Column|integer",
    "word": r"\bstr\b|Literal|Policy|Name\b|PathLike|Ties|Split|Correction|Task|Kind|Column|text",
    "switch": r"\bbool\b|switch",
    "data": r"Like|Array|Embeddings|Models|Transform|Images|Metadata|Categories|Choices|Mapping|Score",
    "measure": r"Measure",
    "intervals": r"^(?:Intervals)?Over|Resampling", "progress": r"Progress|Watch", "anything": r"\bAny\b|object|^file$",
}
# numpy calls an array to write into out too; where a fit starts is what it fits; an interval's words are a Resampling;
# the choices of a score are written to the file that is named.
SEVERAL = {"out": "data", "start": "data", "ci": "word", "measure": "word", "ceiling": "word", "choices": "data"}


def held(text):
    return {name for name, words in HELD.items() if re.search(words, text)} or {text}


def meanings():
    """name -> (where, what it may hold) of each argument of the public functions, and of each option by its name."""
    found = defaultdict(list)
    for function in filter(inspect.isfunction, (getattr(pyalign, name) for name in pyalign.__all__)):
        for name, one in inspect.signature(function).parameters.items():
            found[name].append((function.__name__, held(str(one.annotation)) | {SEVERAL.get(name, "anything")}))
    for command in all_commands():
        for one in command["options"]:
            found[one["name"]].append((command["name"], held(one["type"]) | {SEVERAL.get(one["name"], "")}))
    return found


def test_a_name_has_one_meaning_in_all_commands_and_signatures():
    wrong = {}
    for name, uses in meanings().items():
        known = [what - {"anything", ""} for _, what in uses if what - {"anything", ""}]
        if known and not set.intersection(*known):
            wrong[name] = uses
    assert not wrong


def test_a_default_is_one_where_the_question_is_the_same():
    """Of options, as the help says it; where a measure or a temperature differs, each command says its own."""
    said = defaultdict(set)
    for command in all_commands():
        for one in command["options"]:
            said[one["name"]].add(next(iter(re.findall(r"\(default: (.*?)\)(?:;|,|$| )", one["help"] or "")), None))
    for name in ("folds", "confidence_level", "seed", "k", "ties", "correction"):
        assert len(said[name]) == 1 and said[name] != {None}, (name, said[name])
    assert None not in said["measure"] and len(said["measure"]) > 1
    functions = [getattr(pyalign, name) for name in ("cross_validate_probe", "cross_validate_embedding", "recover",
                                                     "predict_dimensions")]
    assert {inspect.signature(one).parameters["folds"].default for one in functions} == {int(*said["folds"])}
