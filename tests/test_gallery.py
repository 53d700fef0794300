"""tools/gallery.py: the pages of real results are made, and hold the figures of docs/real-results.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from page_data import data_of
from support import load_from_tools

from pyalign import load_result

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "real-results.md"
NAMES = {
    "SPoSE, 66 dimensions": "SPoSE-66", "VICE, 42 dimensions": "VICE-42", "CLIP ViT-B/32, images": "CLIP ViT-B/32",
    "word2vec, names": "word2vec", "EfficientNet-Lite0, logits": "EfficientNet-Lite0 logits",
    "EfficientNet-Lite0, penultimate layer": "EfficientNet-Lite0", "all-MiniLM-L6-v2, names": "MiniLM-L6 names",
    "AlexNet, fc8": "AlexNet fc8", "AlexNet, fc7": "AlexNet fc7", "AlexNet, fc6": "AlexNet fc6",
    "EfficientNet-Lite1": "EfficientNet-Lite1", "EfficientNet-Lite0": "EfficientNet-Lite0",
    "EfficientNet-Lite2": "EfficientNet-Lite2",
}  # fmt: skip


@pytest.fixture(scope="module")
def gallery(data, tmp_path_factory):
    for package in ("altair", "torch", "timm", "PIL", "scipy", "sklearn"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    script = load_from_tools("gallery")
    folder = tmp_path_factory.mktemp("gallery")
    script.build(data, folder)
    return folder


def rows_of(title):
    """The rows of the table under a heading of the page: name -> numbers."""
    text = PAGE.read_text().split(f"## {title}")[1].split("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {
        row[0]: [float(one) for cell in row[1:] for one in re.findall(r"-?\d*\.\d+|\d+", cell)] for row in cells[1:]
    }


@pytest.mark.slow
def test_every_step_is_there(gallery):
    for name in ("things", "objects92"):
        study = load_result(gallery / name / "study.json")
        assert {step.status for step in study.steps} == {"finished"}, study
        assert (gallery / name / "report.html").stat().st_size < 2_500_000


@pytest.mark.slow
def test_the_accuracies_are_those_of_the_page(gallery):
    rows, steps = rows_of("Six representations"), gallery / "things" / "steps"
    ceiling = load_result(steps / "ceiling.json").ceilings.estimate.value
    found = {one.embeddings: one for one in load_result(steps / "score.json").results}
    assert len(rows) == 7
    for shown, told in rows.items():
        one = found[NAMES[shown]]
        position = (one.accuracy - 1 / 3) / (ceiling - 1 / 3)
        expected = [round(100 * value, 1) for value in (one.accuracy, *one.ci)] + [round(100 * position)]
        assert told == pytest.approx(expected, abs=0.051), shown
    page = data_of((gallery / "things" / "report.html").read_text())
    assert {one.accuracy for one in found.values()} <= set(_numbers(page))


@pytest.mark.slow
def test_the_correlations_are_those_of_the_page(gallery):
    rows = rows_of("Networks and 92 photographs")
    found = {one.embeddings: one for one in load_result(gallery / "objects92" / "steps" / "rsa.json").results}
    assert len(rows) == 6
    for shown, told in rows.items():
        one = found[NAMES[shown]]
        expected = (one.value, *one.ci, one.per_person.mean, *one.per_person.ci)
        assert told == pytest.approx(expected, abs=0.00051), shown


def _numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, float):
        yield value
