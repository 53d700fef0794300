"""Temperatures of human_alignment, which multiply, as ours, which divide."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import draw_triplets, reals

from pyalign import choice_probabilities, score
from pyalign.integrations.human_alignment import ModelTemperature, find_temperature, read_temperatures

DOCUMENT = {
    "clip_ViT-B/32": {"penultimate": {"module_name": "visual", "temperature": {"vice": 0.05, "js": 4}}},
    "vgg16": {
        "logits": {"module_name": "classifier.6", "temperature": 0.5},
        "penultimate": {"module_name": "classifier.3"},
        "early": {"temperature": None},
    },
}


@pytest.fixture
def file(tmp_path):
    """``file(document)``: its path."""

    def write(document):
        path = tmp_path / "model_dict.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return write


def test_numbers_and_objectives_are_read_and_modules_without_one_passed_over(file):
    assert read_temperatures(file(DOCUMENT)) == {
        ("clip_ViT-B/32", "penultimate", "vice"): ModelTemperature(20.0, 0.05),
        ("clip_ViT-B/32", "penultimate", "js"): ModelTemperature(0.25, 4.0),
        ("vgg16", "logits"): ModelTemperature(2.0, 0.5),
    }


def test_converted_they_give_the_probabilities_of_the_published_scorer(file):
    """softmax(dots * theirs), restated here."""
    found = find_temperature(file(DOCUMENT), "clip_ViT-B/32/penultimate/vice")
    x, triplets = reals(1, 20, 5, dtype=np.float64), draw_triplets(2, 20, 50)
    a, b, c = (x[items] for items in triplets.T)
    dots = np.stack([(b * c).sum(1), (a * c).sum(1), (a * b).sum(1)], axis=1)  # by odd position
    theirs = np.exp(dots * 0.05)
    theirs /= theirs.sum(axis=1, keepdims=True)
    ours = choice_probabilities(x, triplets, measure=found.measure, temperature=found.temperature)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    cross_entropy = score(x, triplets, measure="dot", temperature=found.temperature).cross_entropy
    assert cross_entropy == pytest.approx(-np.log(theirs[:, 2]).mean(), rel=1e-12)


def test_a_wrong_name_gets_the_nearest(message_of, file):
    message = message_of(find_temperature, file(DOCUMENT), "vgg16/logit")
    assert "'vgg16/logit'" in message and "did you mean 'vgg16/logits'?" in message


@pytest.mark.parametrize(
    "document,pieces",
    [
        ('{"a": ', ["not JSON", "line 1"]),
        ("[1, 2]", ["models to modules", "list"]),
        ({"a": 3}, ["'a'", "int"]),
        ({"a": {"m": 3}}, ["a/m", "int"]),
        ({"a": {"m": {"module_name": "x"}}}, ["no temperature"]),
        ({"a": {"m": {"temperature": 0}}}, ["positive", "a/m is 0"]),
        ({"a": {"m": {"temperature": {"js": -2}}}}, ["positive", "a/m/js is -2"]),
        ({"a": {"m": {"temperature": "1"}}}, ["positive", "a/m is '1'"]),
        ({"a": {"m": {"temperature": True}}}, ["positive", "a/m is True"]),
        ('{"a": {"m": {"temperature": NaN}}}', ["positive", "a/m is nan"]),
        (f'{{"a": {{"m": {{"temperature": {"9" * 400}}}}}}}', ["positive", "a/m is 9999"]),
        (f'{{"a": {"9" * 5000}}}', ["sound JSON", "digits"]),
        ("[" * 100_000, ["sound JSON", "recursion"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_other_files_are_refused_in_one_line_with_the_path(message_of, file, document, pieces):
    path = file(document)
    message = message_of(read_temperatures, path)
    assert message.startswith(str(path))
    assert all(piece in message for piece in pieces)


def test_bytes_that_are_no_text_and_a_missing_file(message_of, tmp_path):
    (tmp_path / "latin.json").write_bytes(b'{"\xe9": 1}')
    assert "UTF-8" in message_of(read_temperatures, tmp_path / "latin.json")
    with pytest.raises(FileNotFoundError):
        read_temperatures(tmp_path / "missing.json")
