"""Models of a study: code that makes them, ready matrices, and what neighborhoods take with them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import pyalign
from pyalign.study.file import read_study

from .test_run import edit, made, plain_pages, run  # noqa: F401  fixtures


def test_neighbors_that_change_between_a_model_and_a_file(folder):
    Path("small.toml").write_text(
        'names = "names.txt"\nmodels.a = "a.npy"\n[steps.neighborhoods]\nbefore = "b.npy"\nk = 3\n'
    )
    assert not run().failed
    found = pyalign.load_result("small/steps/neighborhoods.json")
    real = pyalign.neighborhoods(np.load("a.npy"), before=np.load("b.npy"), k=3)
    assert (found[0].kept, found[0].kept_rbo) == (real[0].kept, real[0].kept_rbo)
    np.save("b.npy", np.load("a.npy"))
    assert "neighborhoods" in made(run())
    assert pyalign.load_result("small/steps/neighborhoods.json")[0].kept == 1


@pytest.mark.parametrize(
    ("sets", "options", "grouping", "labels"),
    [
        ("", "", "dimensions", ("p", "q", "r")),
        ('categories = "kinds.txt"', "", "categories", ("x", "y", "z")),
        ('categories = "kinds.txt"', 'categories = "none"', "dimensions", ("p", "q", "r")),
        ("", 'dimensions = "none"', None, ()),
        ("", 'human = "none"', "dimensions", ("p", "q", "r")),
    ],
)
def test_neighborhoods_take_the_dimensions_of_a_study_as_concepts_where_it_has_no_categories(
    folder, sets, options, grouping, labels
):
    human = np.abs(np.load("a.npy"))[:, :3]
    np.save("human.npy", human)
    Path("labels.txt").write_text("p\nq\nr\n")
    Path("small.toml").write_text(
        f'names = "names.txt"\ndimensions = {{ file = "human.npy", labels = "labels.txt", names = "names.txt" }}\n'
        f'{sets}\nmodels.a = "a.npy"\n[steps.neighborhoods]\nk = 3\nn_permutations = 9\n{options}\n'
    )
    assert not run().failed
    found = pyalign.load_result("small/steps/neighborhoods.json")
    assert found.grouping == grouping and found.human == (None if "human =" in options else "human.npy")
    assert tuple(row.concept for row in found[0].concepts or ()) == labels
    if grouping == "dimensions":
        for row, weights in zip(found[0].concepts, human.T, strict=True):
            assert [one.row for one in row.top] == [*np.argsort(-weights)[:10]]


def test_one_of_several_sets_of_dimensions_is_named_as_concepts_in_place_of_the_categories(folder):
    np.save("human.npy", np.abs(np.load("a.npy"))[:, :3])
    human = '{ file = "human.npy", names = "names.txt" }'
    text = f'names = "names.txt"\ncategories = "kinds.txt"\ndimensions.one = {human}\ndimensions.two = {human}\n'
    steps = 'models.a = "a.npy"\n[steps.neighborhoods]\nk = 3\nhuman = "none"\n'
    Path("small.toml").write_text(f'{text}{steps}dimensions = "two"\n')
    assert not run().failed
    assert pyalign.load_result("small/steps/neighborhoods.json").grouping == "dimensions"
    Path("small.toml").write_text(f"{text}{steps}")
    assert not run().failed
    assert pyalign.load_result("small/steps/neighborhoods.json").grouping == "categories"


CODE = """\
from pathlib import Path
from pyalign.extraction.sources import load_encoder
def net():
    Path({ran!r}).touch()
    return load_encoder("pixels:{side}")
"""


@pytest.fixture
def coded(tmp_path, monkeypatch):
    """A study in a folder of its own whose model is made by code; code of the same names lies in the working folder."""
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("torch")
    study = tmp_path / "study"
    (study / "photos").mkdir(parents=True)
    for k in range(5):
        image.new("RGB", (4, 4), (40 * k, 9, 33)).save(study / "photos" / f"{k}.png")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder, ran, side in ((study, "right", 1), (elsewhere, "wrong", 2)):
        for name in ("net.py", "net_of_a_study.py"):
            (folder / name).write_text(CODE.format(ran=str(tmp_path / ran), side=side))
    monkeypatch.chdir(elsewhere)
    monkeypatch.delitem(sys.modules, "net_of_a_study", raising=False)

    def run(spec="module:net.py:net", **options):
        text = f"images = 'photos'\n[models]\nm = {{ extract = '{spec}' }}\n[steps.neighborhoods]\nk = 2\n"
        (study / "s.toml").write_text(text)
        return pyalign.run_study(study / "s.toml", **options)

    return run


@pytest.mark.parametrize("spec", ["module:net.py:net", "module:net_of_a_study:net"])
def test_code_that_a_study_names_is_that_of_its_own_folder(coded, tmp_path, spec):
    study = coded(spec)
    assert not study.failed
    assert (tmp_path / "right").exists() and not (tmp_path / "wrong").exists()
    manifest = json.loads(Path(study.folder, "models/m/manifest.json").read_text())
    assert manifest["layers"][0]["shape"] == [5, 3]


def test_a_study_says_which_code_it_runs(coded):
    (note,) = coded().notes
    assert note == "model 'm' runs the code of net.py in the folder of the study"
    (note,) = coded("module:net_of_a_study:net").notes
    assert note == "model 'm' runs the code of net_of_a_study in the folder of the study, or as it is installed"
    assert pyalign.load_result(Path("../study/s/study.json")).notes == (note,)


def test_an_extraction_is_made_anew_where_the_code_of_its_model_has_changed(coded, tmp_path):
    coded()
    assert "extract (m)" not in made(coded())
    path = tmp_path / "study/net.py"
    path.write_text(path.read_text().replace("pixels:1", "pixels:2"))
    assert "extract (m)" in made(coded())


def test_documents_name_what_a_model_is_made_of_as_the_study_does(coded, tmp_path):
    study = coded()
    told = [path.read_text() for path in Path(study.folder).rglob("*.json")]
    assert told and str(tmp_path) not in "".join(told)


def test_a_model_of_a_hub_is_not_taken_from_the_working_folder(coded):
    Path("facebook/dino").mkdir(parents=True)
    reasons = {step.name: step.reason for step in coded("transformers:facebook/dino").failed}
    assert "facebook/dino of the working directory is not taken for it" in reasons["extract (m)"]


MATRIX = """
names = "names.txt"
[models]
a = "a.npy"
m = { file = "m.npy", kind = "similarity" }
[triplets]
file = "t.csv"
subject_column = "subject"
[steps.score]
[steps.compare]
measure = { a = "pearson" }
[steps.permutation_test]
n_permutations = 5
[steps.cka]
models = ["a"]
[steps.neighborhoods]
k = 3
"""


def test_a_ready_matrix_is_a_model_of_the_steps_that_take_one(folder):
    x = np.load("a.npy")
    matrix = pyalign.similarity(x, measure="pearson")
    np.save("m.npy", matrix)
    Path("small.toml").write_text(MATRIX.replace('models = ["a"]\n', "").replace("[steps.cka]\n", ""))
    study = run()
    assert {step.status for step in study.steps} == {"finished"}
    found = pyalign.load_result("small/steps/score.json")
    assert [(one.embeddings, one.measure) for one in found] == [("a", "cosine"), ("m", "similarity matrix")]
    compared = pyalign.load_result("small/steps/compare.json")
    assert [one.measure for one in compared.models] == ["pearson", "similarity matrix"]
    assert compared.models[0].accuracy == compared.models[1].accuracy == found[1].accuracy
    assert [one.embeddings for one in pyalign.load_result("small/steps/neighborhoods.json").results] == ["a"]
    again = run()
    assert not made(again) - {"report"}
    np.save("m.npy", -matrix)
    assert {"score", "compare", "permutation_test (m)"} <= made(run())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('models = ["a"]', 'models = ["m"]', "step 'cka': cka takes embeddings; model 'm' is a matrix"),
        ('"similarity"', '"alike"', "model 'm': kind must be dissimilarity or similarity; got 'alike'"),
        ('"similarity"', '"similarity", per_object = "mean"', "model 'm': per_object applies only to "
         "embeddings; with kind it is a matrix"),
        ("[steps.score]", '[steps.score]\nmatrix = "m.npy"', "step 'score': score has no option 'matrix'"),
    ],
)
def test_a_mistake_about_a_matrix_is_found_before_anything_is_run(folder, message_of, old, new, expected):
    Path("small.toml").write_text(MATRIX)
    edit(old, new)
    assert expected in message_of(run)


def test_the_rows_of_all_models_mean_nothing_to_a_matrix(folder):
    Path("small.toml").write_text('per_object = "mean"' + MATRIX)
    models = read_study("small.toml").models
    assert models["m"].options == {"names": "names.txt", "kind": "similarity"}
    assert models["a"].options == {"names": "names.txt", "per_object": "mean"}
