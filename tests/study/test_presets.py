"""`study init --preset human-alignment`: a study of every figure of the paper that a folder is enough for."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import pyalign
from pyalign.cli import main
from pyalign.datasets.simulate import write_sample
from pyalign.errors import InputError
from pyalign.study.draft import main_layer
from pyalign.study.file import read_study
from pyalign.study.preset import draft_study

draft_preset = partial(draft_study, preset="human-alignment")
N, IMAGES, CATEGORY = 40, 118, 120  # objects of THINGS here; images of King's and Cichy's, of each of Peterson's
MODELS = "model,family,objective,data,parameters,imagenet_accuracy\n" + "".join(
    f"{name},{family},{objective},ImageNet-1k,{size}M,{accuracy} %\n"
    for name, family, objective, size, accuracy in (
        ("clip", "CLIP", "image-text", 151, 63.2), ("resnet", "ResNet", "supervised", 25, 76.1),
        ("vgg", "VGG", "supervised", 138, 71.6), ("alexnet", "AlexNet", "supervised", 61, 56.5),
        ("simclr", "ResNet", "self-supervised", 25, 69.1),
    )
)


def matrices(rng, people, n):
    """(people, n, n) distances of points, a little different for each of the people."""
    x = rng.normal(size=(people, n, 3)) * 0.3 + rng.normal(size=(n, 3))
    return np.sqrt(((x[:, :, None] - x[:, None]) ** 2).sum(axis=-1))


def write_folder(folder: Path) -> None:
    """A folder with what every figure takes: THINGS, CIFAR-100, matrices as King, Cichy and Peterson have them."""
    rng = np.random.default_rng(0)
    for name in ("things", "cifar100-coarse", "king", "cichy", "rdms", "peterson/fruits", "peterson/animals"):
        (folder / name).mkdir(parents=True)
    human = np.abs(rng.normal(size=(N, 6)))
    noise = {"clip": 0.4, "resnet": 0.8, "vgg": 1.2, "alexnet": 2.0, "simclr": 0.9}
    for name, s in noise.items():
        layers = {f"layer{k}": human + s * (1 + k / 4) * rng.normal(size=human.shape) for k in (1, 2, 10)}
        if name == "resnet":
            np.savez(folder / "things/resnet.npz", **layers)
        elif name in ("vgg", "alexnet"):
            np.save(folder / f"things/{name}_penultimate.npy", layers["layer1"])
            np.save(folder / f"things/{name}_logits.npy", layers["layer10"])
        else:
            np.save(folder / f"things/{name}.npy", layers["layer1"])
        if name in ("clip", "vgg", "resnet"):
            np.save(folder / f"king/{name}.npy", rng.normal(size=(IMAGES, 6)))
    for name in ("clip", "vgg"):
        np.save(folder / f"cichy/{name}.npy", rng.normal(size=(IMAGES, 6)))
    for part in ("fruits", "animals"):
        np.save(folder / f"peterson/{part}/clip.npy", rng.normal(size=(CATEGORY, 6)))
        similarity = 10 - matrices(rng, 1, CATEGORY)[0]
        np.fill_diagonal(similarity, 10)
        np.save(folder / f"peterson/{part}/ratings.npy", similarity)
    np.save(folder / "rdms/king_rdm.npy", matrices(rng, 3, IMAGES))
    np.save(folder / "cichy/rdms.npy", matrices(rng, 4, IMAGES))
    shown = np.stack([rng.permutation(N)[:3] for _ in range(150)]).repeat(4, axis=0)
    odd = pyalign.odd_one_out(human + 0.3 * rng.normal(size=human.shape), shown)
    answers = np.take_along_axis(shown, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
    flipped = rng.random(len(answers)) < 0.2
    answers[flipped] = answers[flipped][:, [2, 0, 1]]
    people = np.tile(np.arange(4), 150) + 10  # up to 3 they might be places
    np.save(folder / "things/triplets.npy", np.column_stack([answers, people]).astype(np.int16))
    np.save(folder / "things/spose_6d.npy", human)
    np.save(folder / "things/VICE 4d.npy", human[:, :4])
    (folder / "things/labels.txt").write_text("".join(f"dim-{k}\n" for k in "abcdef"))
    (folder / "things/unique_id.txt").write_text("".join(f"object-{k}\n" for k in range(N)))
    for name in ("clip", "resnet"):
        np.save(folder / f"cifar100-coarse/{name}.npy", rng.normal(size=(60, 5)))
    np.save(folder / "cifar100-coarse/triplets.npy", np.stack([rng.permutation(60)[:3] for _ in range(200)]))
    (folder / "models.csv").write_text(MODELS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder with everything, and its draft."""
    folder = tmp_path_factory.mktemp("whole")
    write_folder(folder)
    draft = draft_preset(folder)
    (folder / "study.toml").write_text(draft.text, encoding="utf-8")
    return folder, draft


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two models on some triplets, the working folder."""
    rng = np.random.default_rng(1)
    for name in ("clip", "vgg"):
        np.save(tmp_path / f"{name}.npy", rng.normal(size=(20, 4)))
    every = np.array(list(combinations(range(20), 3)))
    np.save(tmp_path / "triplets.npy", rng.permutation(every)[:90])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_figure_has_its_step(whole):
    folder, draft = whole
    study = read_study(folder / "study.toml")
    steps = {step.name: step for step in study.steps}
    matrices_of = [f"rsa-{name}" for name in ("king", "cichy", "peterson-fruits", "peterson-animals")]
    assert set(steps) >= {
        "ceiling", "accuracy", "dot", "fitted", "logits", "depth", "cifar100", "metadata", "probe", "concepts",
        "predict", "entropy", "agreement", "consistency", "failures", "cka", *matrices_of,
    }
    of_entropy = steps["entropy"].sets
    assert (of_entropy["dimensions"], of_entropy["triplets"]) == ("VICE 4d", "things")  # all of these, as in the paper
    assert {steps[name].sets["dimensions"] for name in ("concepts", "consistency", "predict")} == {"things"}
    assert {*study.missing} == {
        "transfer-cifar100-clip",
        "transfer-cifar100-resnet",
        "glocal-alexnet",
    }  # of another width, and no map here
    assert study.figures == ("svg", "pdf")
    mains = ("alexnet", "clip", "simclr", "resnet", "vgg")
    assert set(steps["accuracy"].models) == set(mains)
    assert steps["depth"].models == (
        "alexnet::penultimate", "alexnet::logits", "resnet::layer1", "resnet::layer2", "resnet::layer10",
        "vgg::penultimate", "vgg::logits",
    )
    others = steps["metadata"].options["others"]
    rsa = ("rsa-king", "rsa-cichy")  # those of Peterson have one model here, of which there is no scatter
    assert set(others.values()) == {f"step:{name}" for name in ("dot", "logits", "cifar100", "probe", "predict", *rsa)}
    assert all(steps[name].options["rdms"] for name in matrices_of)
    families = dict(zip(steps["concepts"].models, steps["concepts"].options["families"], strict=True))
    assert families["simclr"] == families["resnet"] == "ResNet" and families["clip"] == "CLIP"
    kinds = {name: study.sets["human"][name]["kind"] for name in study.sets["human"]}
    assert kinds == {"king": "dissimilarity", "cichy": "dissimilarity", "peterson-fruits": "similarity",
                     "peterson-animals": "similarity"}
    assert study.sets["dimensions"]["things"]["labels"] == "things/labels.txt"
    assert study.models["king/clip"].file == "king/clip.npy" and study.models["vgg"].file.endswith("penultimate.npy")
    assert any("says no order of its layers; taken as layer1, layer2, layer10" in line for line in draft.unknown)


def test_maps_of_several_penalties_and_of_gLocal_are_tried_on_every_set_of_a_model(whole):
    study = read_study(whole[0] / "study.toml")
    steps = {step.name: step for step in study.steps}
    of_clip = {name for name in steps if name.startswith("transfer-") and name.endswith("-clip")}
    sets = ("king", "cichy", "peterson-fruits", "peterson-animals")
    assert of_clip == {"transfer-clip", *(f"transfer-{name}-clip" for name in sets)}
    king = steps["transfer-king-clip"]
    assert (king.models, king.people) == (("king/clip",), ("king",))
    assert dict(king.options["maps"]) == {
        "probe, penalty 0.07": "step:probe::clip", "penalty 0.3": "step:stronger::clip", "gLocal": "step:local-clip",
    }
    assert steps["transfer-clip"].people == ("things",)
    assert steps["local-clip"].options["other_embeddings"] == "peterson/animals/clip.npy"  # the most of one width
    assert steps["local-simclr"].options["other_embeddings"] == "things/simclr.npy"  # there are no others
    options = steps["local-simclr"].options
    assert (options["batch_size"], options["n_batches"]) == (20, 1)  # of the 40 objects: the others show what it keeps
    assert "n_batches" not in steps["local-clip"].options
    assert "has 5 features, and the maps take 6" in study.missing["transfer-cifar100-clip"]


def test_a_preset_of_another_paper_is_another_file(whole, capsys):
    """That of gLocal: maps of each model with and without its neighbors, tried on every set of the same model."""
    folder, _ = whole
    assert main(["study", "init", "--preset", "glocal", str(folder), "--out", str(folder / "other.toml")]) == 0
    study = read_study(folder / "other.toml")
    steps = {step.name: step for step in study.steps}
    assert study.title.startswith("Improving neural network representations") and "probe" not in steps
    assert dict(steps["transfer-king-clip"].options["maps"]) == {"naive": "step:naive::clip",
                                                                 "gLocal": "step:local-clip"}
    assert {"rsa-king", "naive", "local-vgg", "transfer-vgg"} <= {*steps} and {*study.missing} == {"glocal-alexnet"}


def test_a_preset_that_is_not_there_is_one_line(folder, capsys):
    with pytest.raises(InputError, match="preset must be one of glocal, human-alignment; got 'mine'"):
        draft_preset(".", preset="mine")
    with pytest.raises(InputError, match="preset must be one of glocal, human-alignment; got 'draft'"):
        draft_preset(".", preset="draft")


def test_a_published_map_is_tried_where_it_is_on_this_machine_and_fits(folder, monkeypatch):
    monkeypatch.setenv("PYALIGN_DATA", str(folder / "data"))
    Path("clip.npy").rename("clip_RN50.npy")
    reason = draft_preset(".").missing["glocal-clip_RN50"]
    assert "is not on this machine; `pyalign transfer FILE --transform glocal:clip_RN50` fetches it" in reason
    Path("data/glocal").mkdir(parents=True)
    for width, there in ((4, True), (5, False)):
        pyalign.write_transform("data/glocal/clip_RN50.npz", pyalign.Transform(np.eye(width), None, 0.0, 1.0))
        draft = draft_preset(".")
        maps = next(step for step in draft.steps if step.name == "transfer-clip_RN50").options["maps"]
        assert ("glocal:clip_RN50" in maps.values()) == there
        reason = draft.missing.get("glocal-clip_RN50", "")
        assert ("takes 5 features, of visual; there are 4" in reason) != there
    Path("data/glocal/clip_RN50.npz").write_bytes(b"no map")
    reason = draft_preset(".").missing["glocal-clip_RN50"]
    assert reason.startswith("the published gLocal map of clip_RN50: ") and "\n" not in reason


def test_steps_of_models_whose_names_differ_in_a_sign_are_two(folder):
    for name in ("a:b", "a-b"):
        np.save(f"{name}.npy", np.load("clip.npy"))
    Path("study.toml").write_text(draft_preset(".").text)
    steps = {step.name: step for step in read_study("study.toml").steps}
    two = {steps[name].models: steps[name].options["maps"]["gLocal"] for name in ("transfer-a-b", "transfer-a-b 2")}
    assert two == {("a-b",): "step:local-a-b", ("a:b",): "step:local-a-b 2"}


def test_categories_of_another_data_set_count_within_it(folder):
    """Steps about THINGS, which has none here, take none; files of other sizes are left out."""
    Path("objects92").mkdir()
    np.save("objects92/clip.npy", np.random.default_rng(0).normal(size=(12, 4)))
    np.save("objects92/rdms.npy", matrices(np.random.default_rng(1), 2, 12))
    Path("objects92/kinds.txt").write_text("face\nhand\n" * 6)
    Path("study.toml").write_text(draft_preset(".").text)
    steps = {step.name: step for step in read_study("study.toml").steps}
    assert steps["transfer-objects92-clip"].sets["categories"] == "objects92"
    assert "categories" not in steps["transfer-clip"].sets and "categories" not in steps["consistency"].sets
    Path("objects92/kinds.txt").unlink()
    Path("objects92/kinds.tsv").write_text("face\thand\n" + "0\t1\n1\t0\n" * 5)
    lines = draft_preset(".").unknown
    assert "objects92/kinds.tsv: categories for 10 objects, where most embeddings of Kriegeskorte et al. (2008), " \
           "92 photographs have 12; left out" in lines


def test_what_is_not_there_is_a_line(folder, capsys):
    assert main(["study", "init", "--preset", "human-alignment", "."]) == 0
    told, study = capsys.readouterr().err, read_study("study.toml")
    lacking = {"ceiling", "depth", "logits", "cifar100", "rsa-king", "rsa-cichy", "rsa-peterson", "table-of-models",
               "concepts", "predict", "entropy", "agreement"}
    assert set(study.missing) == lacking
    for name, reason in study.missing.items():
        assert f"note: missing: {name}: {reason.partition(';')[0][:30]}" in told
    assert {"accuracy", "dot", "metadata", "probe", "consistency", "failures", "cka"} <= {s.name for s in study.steps}


def test_a_step_that_comes_takes_the_place_of_its_line(folder):
    text = draft_preset(".").text + "\n[steps.depth]\nfunction = 'compare'\nmodels = ['clip', 'vgg']\n"
    Path("study.toml").write_text(text)
    assert "depth" not in read_study("study.toml").missing


def test_an_existing_study_and_a_folder_that_is_missing_are_refused(folder, capsys):
    Path("study.toml").write_text("mine")
    assert main(["study", "init", "--preset", "human-alignment", "."]) == 1
    assert "study.toml is there already" in capsys.readouterr().err and Path("study.toml").read_text() == "mine"
    assert main(["study", "init", "--preset", "human-alignment", "nowhere", "--out", "s.toml"]) == 1
    told = capsys.readouterr().err
    assert "nowhere" in told and told.count("\n") == 1 and not Path("s.toml").exists()


@pytest.mark.parametrize("gone", ["triplets.npy", "*.npy"])
def test_nothing_that_can_be_scored_is_one_line(folder, gone):
    for path in folder.glob(gone):
        path.unlink()
    with pytest.raises(InputError, match="holds nothing that the preset can score: of one data set it needs"):
        draft_preset(folder)


def test_two_files_for_one_role_are_said(folder):
    Path("old").mkdir()
    shutil.copy("clip.npy", "old/clip.npy")
    np.save("more.npy", np.stack([np.random.default_rng(k).permutation(20)[:3] for k in range(200)]))
    Path("a.csv").write_text("model,family\nclip,A\n")
    Path("b.csv").write_text("model,family\nvgg,B\n")
    draft = draft_preset(".")
    assert draft.models["clip 2"] == {"file": "old/clip.npy"} and draft.metadata == "a.csv"
    assert {"old/clip.npy: clip is also in clip.npy; called clip 2 here", "b.csv: a.csv is taken already",
            "triplets.npy: triplets are taken from more.npy"} <= set(draft.unknown)
    assert '# or: file = "triplets.npy"' in draft.text


@pytest.mark.parametrize("name", ["a b", 'q"uote', "\u05d0", "<script>", "a=[b]", "#", "steps.x"])
def test_names_of_files_come_back_as_they_are(folder, name):
    Path("clip.npy").rename(f"{name}.npy")
    Path("study.toml").write_text(draft_preset(".").text, encoding="utf-8")
    study = read_study("study.toml")
    assert f"{name}.npy" in [model.file for model in study.models.values()]
    assert all(model.isprintable() for model in study.models)


def test_rows_of_one_s_own_come_before_the_table_that_comes_along(folder):
    Path("clip.npy").rename("clip_vit_b32.npy")
    Path("vgg.npy").rename("vgg16.npy")
    draft = draft_preset(".")
    assert any(line.startswith("the metadata of clip_vit_b32 (") for line in draft.recognized)
    Path("models.csv").write_text("model,family\nvgg16,mine\nclip_vit_b32,mine\n")
    np.save("spose.npy", np.abs(np.load("vgg16.npy")))
    own = draft_preset(".")
    assert own.metadata == "models.csv" and not any("come from the table" in line for line in own.recognized)
    assert "families" in own.missing  # a single one
    Path("models.csv").write_text("model,family\nvgg16,mine\n")
    families = {step.name: step for step in draft_preset(".").steps}["concepts"].options["families"]
    assert sorted(families) == ["CLIP", "mine"]


def test_matrices_of_other_objects_and_other_rows_are_left_out(folder):
    np.save("few.npy", np.ones((9, 2)) * np.arange(9)[:, None])
    np.save("rdm.npy", matrices(np.random.default_rng(0), 1, 12)[0])
    draft, most = draft_preset("."), "where most embeddings have 20; left out"
    assert any(line.startswith(f"rdm.npy: matrices of people for 12 objects, {most}") for line in draft.unknown)
    assert f"few.npy: embeddings for 9 objects, {most}" in draft.unknown and "few" not in draft.models


def test_images_of_objects_are_pooled_by_object(folder):
    """Rows with names of their own, which are those of images, become a row for each object."""
    Path("unique_id.txt").write_text("".join(f"object{k}\n" for k in range(20)))
    rows = np.load("vgg.npy")
    os.remove("vgg.npy")
    np.savez("vgg.npz", features=rows, names=np.array([f"object{k}/image.jpg" for k in range(20)]))
    np.savez("same.npz", features=rows, names=np.array([f"object{k}" for k in range(20)]))
    draft = draft_preset(".")
    options = {name: {key for key in entry if key != "file"} for name, entry in draft.models.items()}
    assert options == {"clip": {"names"}, "vgg": {"per_object"}, "same": set()}


def test_published_data_stand_in_where_they_are_on_this_machine(folder, data, monkeypatch):
    from pyalign.datasets import remember_dataset

    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.delenv("PYALIGN_DATA", raising=False)
    remember_dataset("kriegeskorte92", data / "objects92")
    Path("objects92").mkdir()
    np.save("objects92/clip.npy", np.random.default_rng(0).normal(size=(92, 4)))
    draft = draft_preset(".")
    assert draft.sets["human"]["objects92"] == [{"file": "dataset:kriegeskorte92"}]


@pytest.mark.parametrize(
    ("layers", "main"),
    [(["a"], "a"), (["fc6", "fc7"], "fc7"), (["logits", "visual", "late"], "visual"), (["", "logits"], "")],
)
def test_the_layer_that_stands_for_a_model(layers, main):
    assert main_layer(layers) == main


def short(draft) -> str:
    """A study whose probes and page take seconds: maps of one model are tried, on those of King and Peterson."""
    tried = ("local-clip", "local-lite0", "transfer-lite0", "king-clip", "s-clip")
    steps = [step for step in draft.steps
             if not step.name.startswith(("local-", "transfer-")) or step.name.endswith(tried)]
    text = replace(draft, steps=steps).text.replace("penalty = 0.3", "penalty = 0.03").replace('["svg", "pdf"]', "[]")
    return text.replace("penalties = 0.07", "penalties = 0.02\nmax_iterations = 5")


@pytest.mark.slow
def test_the_whole_study_runs_and_its_page_has_every_figure(whole, tmp_path):
    """Every step by its own data, matrices in the shapes of King, Cichy and Peterson among them."""
    folder, draft = whole
    (folder / "short.toml").write_text(short(draft))
    study = pyalign.run_study(folder / "short.toml", tmp_path / "out")
    assert not study.failed, study
    page = (tmp_path / "out" / "report.html").read_text()
    names = set(re.findall(r'id="([a-z0-9-]+)"', page))
    assert {re.sub(r"-\d$", "", name) for name in names} >= {
        "accuracy-chart", "depth-figure", "entropy-chart", "entropy-figure", "consistency-figure", "choices-figure",
        "cka-figure", "concepts-chart", "dimensions-chart", "probes-figure", "rsa-figure", "rdm-figure", "mds-figure",
    }
    assert "rdm-figure-4" in names  # King, Cichy, two of Peterson's
    assert "transfer-figure-3" in names
    of_metadata = " ".join(sorted(name for name in names if name.startswith("metadata-")))
    for column in ("imagenet-accuracy", "objective", "data", "parameters", "dot-product", "logits", "probed",
                   "cifar-100-coarse", "rsa-king", "rsa-cichy"):
        assert column in of_metadata, column
    steps = tmp_path / "out" / "steps"
    for on in ("king", "peterson-fruits"):
        found = pyalign.load_result(steps / f"transfer-{on}-clip-{on}_clip.json")
        assert len(found.maps) == 3 and {row.on for row in found.figures} == {on, ""}
        assert {row.before for row in found.figures if row.figure == "rsa"} == {
            pyalign.load_result(steps / f"rsa-{on}.json").results[0].value
        }
    metadata, king = pyalign.load_result(steps / "metadata.json"), pyalign.load_result(steps / "rsa-king.json")
    values = {row.embeddings.removeprefix("king/"): row.value for row in king.results}
    scores = {point.model: point.score("RSA, King et al. (2019)") for point in metadata.points}
    assert {model: score.value for model, score in scores.items() if score is not None} == values


@pytest.mark.slow
def test_the_preset_on_the_sample(tmp_path):
    """Pictures of the sample, its triplets and layers that are parts of its features."""
    write_sample(tmp_path)
    x = np.load(tmp_path / "embeddings.npy").astype(np.float32)
    (tmp_path / "embeddings.npy").unlink()
    (tmp_path / "images.tar").unlink()
    np.savez(tmp_path / "lite0.npz", early=x[:, :16], late=x[:, :64])
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).normal(size=(len(x), 8)))
    (tmp_path / "study.toml").write_text(short(draft_preset(tmp_path)))
    study = pyalign.run_study(tmp_path / "study.toml", tmp_path / "out")
    assert not study.failed, study
    assert {"depth", "accuracy", "probe (lite0)", "transfer-lite0 (lite0)", "concepts", "failures"} <= {
        step.name for step in study.steps
    }
    assert 'id="depth-figure' in (tmp_path / "out" / "report.html").read_text()
