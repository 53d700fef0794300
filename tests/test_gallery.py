"""tools/gallery.py: the pages of real results are made, and hold the figures of docs/real-results.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from page_data import OF_GALLERY, data_of
from support import load_from_tools

from pyalign import load_result

PAGE = Path(__file__).resolve().parents[1] / "docs" / "real-results.md"
NUMBER = re.compile(r"-?\d+\.\d+|\d+")
FIGURES = {
    "paper": {
        "accuracy-chart", "metadata-parameters", "metadata-dot-product", "probes-figure", "concepts-chart",
        "dimensions-chart", "entropy-chart", "entropy-figure", "choices-figure", "consistency-figure",
        "cka-figure", "rsa-figure", "rdm-figure", "mds-figure",
    },
    "layers": {"accuracy-chart", "depth-figure"},
}


@pytest.fixture(scope="module")
def gallery(data, tmp_path_factory):
    for package in ("altair", "torch", "timm", "PIL", "scipy", "sklearn"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    script = load_from_tools("gallery")
    folder = tmp_path_factory.mktemp("gallery")
    # Maps and other probes take minutes: the script has written them.
    script.build(data, folder, mapped=(), probed=script.PROBED[:1])
    return script, folder


@pytest.mark.slow
def test_every_step_is_there(gallery):
    _, folder = gallery
    for name, figures in FIGURES.items():
        study = load_result(folder / name / "study" / "study.json")
        assert {step.status for step in study.steps} == {"finished"}, study
        assert (folder / name / "study" / "report.html").stat().st_size < OF_GALLERY
        drawn = [*(folder / name / "study" / "figures").iterdir()]
        for suffix in (".svg", ".pdf"):
            assert figures <= {
                re.sub(r"(?<=metadata-)(\d-)+", "", path.stem) for path in drawn if path.suffix == suffix
            }


@pytest.mark.slow
def test_the_tables_are_those_of_the_page(gallery):
    """Words are the same, and numbers but for the last digit, which another processor may round otherwise."""
    script, folder = gallery
    text = PAGE.read_text()
    for name, made in script.tables(folder).items():
        written = text.partition(script.BEGIN.format(name))[2].partition(script.END)[0]
        written = re.sub(rf", ({script.PROBED[1]} from [\d.%]+ to [\d.%]+|probed not ranked \(2 models\))", "", written)
        assert NUMBER.sub("#", written) == NUMBER.sub("#", made)
        for one, other in zip(NUMBER.findall(written), NUMBER.findall(made), strict=True):
            digits = len(one.partition(".")[2])
            assert float(one) == pytest.approx(float(other), abs=1.01 * 10.0**-digits if digits else 1), (one, other)


@pytest.mark.slow
def test_the_page_has_the_numbers_of_the_documents(gallery):
    _, folder = gallery
    steps = folder / "paper" / "study" / "steps"
    shown = set(_numbers(data_of((folder / "paper" / "study" / "report.html").read_text())))
    models = load_result(steps / "accuracy.json").models
    assert {one.accuracy for one in (*models, *load_result(steps / "fitted.json").results)} <= shown
    assert {one.value for one in load_result(steps / "rsa-objects92.json").results} <= shown


def _numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, float):
        yield value
