"""`pyalign probe`, `pyalign transform` and `pyalign score --transform`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import interrupting, reals

import pyalign
from pyalign import cross_validate_probe, read_transform
from pyalign.backends import BACKENDS, backend_reasons
from pyalign.cli import probe as probe_command
from pyalign.datasets.simulate import simulate
from pyalign.probing import choose, cross_validate
from pyalign.probing.splits import folds_of

pytest.importorskip("scipy")


@pytest.fixture
def people(folder):
    """Embeddings p.npy and the answers of people who see three of their features, a.npy."""
    x = reals(1, 60, 6)
    triplets = simulate(x[:, :3], 6000, measure="dot", seed=2).triplets
    np.save("p.npy", x)
    np.save("a.npy", triplets)
    return x, triplets


@pytest.fixture
def probe(command, people):
    def run(*options):
        return command("probe", "--embeddings", "p.npy", "--triplets", "a.npy", *options)

    return run


def without_times(document):
    drop = {"seconds"}
    if isinstance(document, dict):
        return {name: without_times(value) for name, value in document.items() if name not in drop}
    return [without_times(value) for value in document] if isinstance(document, list) else document


def test_figures_are_those_of_the_api_and_the_map_is_the_refit(probe, people):
    ran = probe("--json", "--out", "w.npz", "--seed", "3", "--folds", "2")
    assert (ran.code, ran.err) == (0, "")
    document, expected = json.loads(ran.out), cross_validate_probe(*people, folds=2, seed=3)
    figures = json.loads(json.dumps(expected.to_dict()))
    assert without_times(figures).items() <= without_times(document).items()
    assert document["embeddings"] == "p.npy" and document["version"] == pyalign.__version__
    np.testing.assert_array_equal(read_transform("w.npz").weights, expected.fit.transform.weights.astype(np.float32))


def test_the_table_has_a_row_per_fold_and_the_mean(probe, people):
    ran = probe()
    header, *rows = ran.out.splitlines()
    assert header.split()[:4] == ["fold", "l2", "accuracy", "zero-shot"]
    assert [row.split()[0] for row in rows[:5]] == ["1", "2", "3", "mean", "all"]
    result = cross_validate_probe(*people)
    assert f"{100 * result.accuracy:.3f} %" in rows[3]
    assert "held-out objects" in rows[5]


def test_options_reach_the_probe(probe):
    ran = probe("--json", "--rank", "2", "--penalty", "frobenius", "--bias", "--standardize", "features", "--l2", "0.1",
                "0.01", "--tolerance", "1e-3", "--temperature", "2", "--split", "triplets")  # fmt: skip
    document = json.loads(ran.out)
    options = document["fit"]["options"]
    assert (options["rank"], options["penalty"], options["bias"], options["standardize"]) == (
        2, "frobenius", True, "features"
    )  # fmt: skip
    assert (options["tolerance"], options["temperature"], document["split"]) == (1e-3, 2.0, "triplets")
    assert document["folds"][0]["strengths"] == pytest.approx([0.1, 0.01]) and document["fit"]["rank"] <= 2


def test_over_subjects_with_a_file_of_them(probe, people):
    np.save("s.npy", np.arange(6000) % 7)
    assert json.loads(probe("--split", "subjects", "--subjects", "s.npy", "--json", "--l2", "0.1").out)["split"] == (
        "subjects"
    )


def test_people_are_read_as_by_other_commands(probe, people):
    """From a text file or from a column of the triplets: the same people, the same folds."""
    who = [f"p{k % 7}" for k in range(6000)]
    with open("s.txt", "w") as file:
        file.write("\n".join(["subject", *who]))
    with open("a.csv", "w") as file:
        rows = (f"{a},{b},{c},{name}" for (a, b, c), name in zip(people[1].tolist(), who, strict=True))
        file.write("\n".join(["image1,image2,image3,subject", *rows]))
    args = ("--split", "subjects", "--l2", "0.1", "--json")
    folds = [
        without_times(json.loads(probe(*args, *options).out)["folds"])
        for options in (["--subjects", "s.txt"], ["--triplets", "a.csv", "--subject-column", "subject"])
    ]
    assert folds[0] == folds[1] and len(folds[0]) == 3


def test_soft_targets_and_weights_come_from_files(probe, people):
    x, triplets = people
    targets = np.random.default_rng(0).integers(0, 3, (6000, 3)) + np.array([0, 0, 2])
    np.save("targets.npy", targets)
    np.save("weights.npy", np.arange(6000) % 3)
    ran = probe("--targets", "targets.npy", "--weights", "weights.npy", "--smoothing", "0.5", "--l2", "0.05", "--json")
    expected = cross_validate_probe(
        x, triplets, targets=targets, weights=np.arange(6000) % 3, smoothing=0.5, penalties=[0.05]
    )
    assert json.loads(ran.out)["accuracy"] == expected.accuracy


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0), None], ids=["first", "second", "any"])
def test_targets_are_by_the_positions_of_the_triplet_file(probe, people, command, order):
    """However the file says which item is odd, what its three columns were called goes with them."""
    triplets = people[1]
    targets = np.random.default_rng(0).integers(0, 3, (6000, 3)) + np.array([0, 0, 3])
    np.save("targets.npy", targets)
    args = ("--targets", "targets.npy", "--l2", "0.05", "--folds", "2", "--split", "triplets", "--json")
    expected = json.loads(probe(*args).out)
    orders = np.array([order] * 6000) if order else np.random.default_rng(1).permuted([[0, 1, 2]] * 6000, axis=1)
    np.save("targets.npy", np.take_along_axis(targets, orders, axis=1))
    moved = np.take_along_axis(triplets, orders, axis=1)
    np.save("a.npy", np.column_stack([moved, np.argmax(orders == 2, axis=1)]))
    layout = ("--choice-column", "3", "--choice-base", "0")
    if order == (2, 0, 1):
        np.save("a.npy", moved)
        layout = ("--odd-column", "first")
    found = json.loads(probe(*args, *layout).out)
    for name in ("accuracy", "cross_entropy", "zero_shot_accuracy"):
        assert found[name] == pytest.approx(expected[name], abs=1e-5)


def test_targets_need_a_row_for_each_triplet(refused, people):
    np.save("targets.npy", np.ones((5, 3)))
    args = ("--embeddings", "p.npy", "--triplets", "a.npy", "--targets", "targets.npy")
    assert refused("probe", *args).startswith("targets.npy: targets must have shape (6000, 3), a row for each")


def test_score_with_a_transform_is_the_score_of_the_transformed_file(probe, command, people):
    probe("--out", "w.npz", "--l2", "0.05")
    made = command("transform", "--embeddings", "p.npy", "--transform", "w.npz", "--out", "z.npy")
    assert (made.code, made.err) == (0, "")
    np.testing.assert_array_equal(np.load("z.npy"), read_transform("w.npz").apply(people[0]))
    rows = []
    for options in (["--embeddings", "p.npy", "--transform", "w.npz"], ["--embeddings", "z.npy"]):
        ran = command("score", *options, "--triplets", "a.npy", "--measure", "dot", "--json")
        rows.append(json.loads(ran.out)["results"][0])
    assert rows[0]["transform"] == "w.npz" and "transform" not in rows[1]
    assert (rows[0]["accuracy"], rows[0]["cross_entropy"]) == (rows[1]["accuracy"], rows[1]["cross_entropy"])
    assert rows[0]["accuracy"] > pyalign.score(*people).accuracy + 0.03


def test_the_published_transform_applies_to_embeddings_of_its_width(command, folder, data):
    x = reals(2, 9, 512)
    np.save("wide.npy", x)
    path = data / "glocal" / "resnet18_avgpool_transform.npz"
    assert command("transform", "--embeddings", "wide.npy", "--transform", path, "--out", "z.npy").code == 0
    with np.load(path) as file:
        expected = ((x - file["mean"]) / file["std"]) @ file["weights"] + file["bias"]
    np.testing.assert_allclose(np.load("z.npy"), expected, rtol=1e-3, atol=1e-4)


def test_other_images_keep_their_neighbours(probe, folder):
    np.save("images.npy", reals(7, 100, 6))
    args = ("--penalty", "identity", "--l2", "0.01", "--images", "images.npy", "--alpha")
    overlaps = [json.loads(probe(*args, alpha, "--json").out)["local"]["overlap"] for alpha in ("0", "0.9")]
    assert overlaps[0] < overlaps[1]
    assert "of the 10 nearest neighbours of other images the map keeps" in probe(*args, "0.9").out
    images = json.loads(probe(*args, "0.9", "--json").out)["images"]
    assert images == {"file": "images.npy", "alpha": 0.9, "tau": 0.1}


def test_the_published_recipe_trains_each_fold(probe, folder, monkeypatch):
    from pyalign.probing import recipe

    monkeypatch.setattr(recipe.RecipeSettings, "__init__", _few_epochs)
    document = json.loads(probe("--recipe", "muttenthaler2023", "--l2", "0.01", "--json", "--out", "w.npz").out)
    assert [len(fold["curve"]) for fold in document["folds"]] == [2, 2, 2]
    assert document["options"] == {
        "penalty": "frobenius", "rank": "full", "bias": False, "measure": "dot", "temperature": 1.0,
        "standardize": "global", "smoothing": 0.0, "seed": 0, "l2": 0.01, "start_deviation": 1e-3, "rate": 1e-3,
        "batch": 256, "clip": 1.0, "burn_in": 1, "patience": 1, "epochs": 2,
    }  # fmt: skip
    assert read_transform("w.npz").weights.shape == (6, 6)
    assert probe("--recipe", "muttenthaler2023").out.splitlines()[-1].startswith("by the triplets that ended")


def test_ctrl_c_in_the_recipe_keeps_the_map_of_a_finished_fold(probe, people, folder, monkeypatch):
    from pyalign.probing import recipe

    monkeypatch.setattr(recipe.RecipeSettings, "__init__", _few_epochs)
    real = recipe._epoch
    monkeypatch.setattr(recipe, "_epoch", interrupting(real, at=4))
    ran = probe("--recipe", "muttenthaler2023", "--out", "w.npz", "--json", "w.json")
    assert ran.err == (
        "pyalign probe: interrupted; 1 of 3 folds are finished; the map of fold 1/3 is in w.npz; "
        "the figures so far are in w.json\n"
    )
    monkeypatch.setattr(recipe, "_epoch", real)
    expected = recipe.cross_validate_recipe(*people)[0].transform.weights
    np.testing.assert_array_equal(read_transform("w.npz").weights, expected.astype(np.float32))
    monkeypatch.setattr(recipe, "_epoch", interrupting(real, at=4))
    assert probe("--recipe", "muttenthaler2023", "--json").err.endswith("folds are finished; nothing was written\n")


def _few_epochs(self):
    for name, value in {"start_deviation": 1e-3, "rate": 1e-3, "batch": 256, "clip": 1.0, "burn_in": 1, "patience": 1,
                        "epochs": 2}.items():  # fmt: skip
        object.__setattr__(self, name, value)


@pytest.mark.parametrize("name", ["auto", *BACKENDS])
def test_every_backend_computes_the_probe_or_says_why_not(command, refused, folder, name):
    """Few objects and triplets: plain loops are among the backends."""
    x = reals(1, 18, 4)
    np.save("p.npy", x)
    np.save("a.npy", simulate(x[:, :2], 400, measure="dot", seed=2).triplets)
    args = ("probe", "--embeddings", "p.npy", "--triplets", "a.npy", "--l2", "0.1", "--folds", "2", "--split",
            "triplets", "--tolerance", "1e-2")  # fmt: skip
    reason = None if name == "auto" else backend_reasons()[name]
    if reason is not None:
        assert refused(*args, "--backend", name, "--out", "w.npz") == (
            f"no backend can take this input: {name}: {reason}"
        )
        return
    expected = json.loads(command(*args, "--json").out)
    ran = command(*args, "--backend", name, "--json")
    assert (ran.code, ran.err) == (0, "")
    document = json.loads(ran.out)
    assert document["fit"]["backend"] == ("native" if name == "auto" else name)
    assert document["fit"]["objective"] == pytest.approx(expected["fit"]["objective"], abs=1e-3)
    assert document["accuracy"] == pytest.approx(expected["accuracy"], abs=0.01)


# Ctrl-C and --resume


@pytest.fixture
def cut(monkeypatch):
    """``cut("fold 2/3, inner 1/3")``: Ctrl-C there."""

    def at(stage):
        real = cross_validate.cross_validate_probe

        def interrupted(*args, report, **options):
            def stop(progress):
                if progress.stage == stage and progress.n_passes == 3:
                    raise KeyboardInterrupt

            return real(*args, report=stop, **options)

        monkeypatch.setattr(cross_validate, "cross_validate_probe", interrupted)

    return at


def test_ctrl_c_keeps_the_best_map_and_the_finished_folds_and_resume_goes_on(probe, people, cut, folder, monkeypatch):
    whole = json.loads(probe("--json").out)
    cut("fold 2/3, inner 1/3")
    ran = probe("--out", "w.npz")
    assert (ran.code, ran.out) == (130, "")
    n = whole["folds"][0]["n_train"]
    assert ran.err == (
        f"pyalign probe: interrupted; 1 of 3 folds are finished; the best map so far, of fold 1/3 ({n:,} triplets), "
        "is in w.npz; go on with --resume\n"
    )
    fold = next(folds_of(people[1], 60))
    z = read_transform("w.npz").apply(people[0])
    found = pyalign.score(z, people[1][fold.test], measure="dot")
    assert found.accuracy == pytest.approx(whole["folds"][0]["accuracy"], abs=2 / len(fold.test))
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    seen = []
    real = choose.choose_strength
    monkeypatch.setattr(cross_validate, "choose_strength", lambda *a, **o: seen.append(1) or real(*a, **o))
    document = json.loads(probe("--out", "w.npz", "--resume", "--json").out)
    assert len(seen) == 2
    assert without_times(document["folds"]) == without_times(whole["folds"])
    assert document["fit_stage"] == "refit"
    assert not (folder / "w.npz.folds.json").exists()


def test_a_map_of_a_finished_fold_is_not_replaced_by_one_that_was_cut_off(probe, cut, folder, monkeypatch):
    cut("fold 2/3, inner 1/3")
    probe("--out", "w.npz")
    before = (folder / "w.npz").read_bytes()
    for stage, done in (("fold 2/3, inner 2/3", 1), ("refit", 3)):
        monkeypatch.undo()
        monkeypatch.chdir(folder)
        cut(stage)
        ran = probe("--out", "w.npz", "--resume")
        assert f"{done} of 3 folds are finished; " in ran.err and ran.err.endswith("; go on with --resume\n")
        folds = json.loads((folder / "w.npz.folds.json").read_text())
        best = min(folds["folds"], key=lambda fold: fold["cross_entropy"])
        assert folds["mapped"] == f"fold {folds['folds'].index(best) + 1}/3"
        if folds["mapped"] == "fold 1/3":
            assert ran.err.endswith("; w.npz keeps the map of fold 1/3; go on with --resume\n")
            assert (folder / "w.npz").read_bytes() == before


def test_ctrl_c_between_the_fits_loses_nothing(probe, folder, monkeypatch):
    """In the scoring of the second fold, outside of L-BFGS."""
    monkeypatch.setattr(cross_validate, "held_out_score", interrupting(cross_validate.held_out_score, at=2))
    ran = probe("--out", "w.npz")
    assert ran.code == 130
    assert "; 1 of 3 folds are finished; the best map so far, of fold 1/3 (" in ran.err
    assert json.loads((folder / "w.npz.folds.json").read_text())["mapped"] == "fold 1/3"


def test_ctrl_c_among_other_images_leaves_the_map_of_all_triplets(probe, folder, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(probe_command, "_local", stop)
    np.save("images.npy", reals(7, 20, 6))
    args = ("--penalty", "identity", "--l2", "0.1", "--images", "images.npy", "--split", "triplets", "--folds", "2")
    ran = probe(*args, "--out", "w.npz")
    assert ran.code == 130
    assert "2 of 2 folds are finished; the best map so far, of refit (6,000 triplets), is in w.npz; go on" in ran.err


def test_ctrl_c_while_writing_says_where_the_folds_are(probe, folder, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(probe_command, "_write", stop)
    ran = probe("--out", "w.npz", "--l2", "0.1", "--split", "triplets", "--folds", "2")
    assert ran.err == ("pyalign probe: interrupted; finished folds are in w.npz.folds.json; go on with --resume\n")


def test_ctrl_c_without_an_output_writes_nothing(probe, cut, folder):
    cut("fold 1/3, inner 1/3")
    ran = probe()
    assert ran.code == 130
    assert ran.err == "pyalign probe: interrupted; 0 of 3 folds are finished; nothing was written\n"


def test_resume_refuses_another_run(probe, cut, refused, folder):
    cut("fold 2/3, inner 1/3")
    probe("--out", "w.npz")
    args = ("probe", "--embeddings", "p.npy", "--triplets", "a.npy", "--out", "w.npz", "--resume")
    assert "other data or other options" in refused(*args, "--seed", "9")
    assert "other data or other options" in refused(*args, "--backend", "numpy")
    (folder / "w.npz.folds.json").write_text("{}")
    assert "not what an interrupted run leaves" in refused(*args)
    (folder / "w.npz.folds.json").unlink()
    assert "--resume finds no w.npz.folds.json" in refused(*args)


def test_the_progress_line_says_where_it_is():
    at = choose.Progress("fold 2/3, inner 1/3", 0.0322, 24, 0.860454, 0.592)
    expected = "fold 2/3, inner 1/3: penalty 0.0322, pass 24, loss 0.86045, held-out 59.20 %"
    assert probe_command.progress_text(at) == expected


REFUSED = [
    (["--out", "w.npy"], "--out must end in .npz; got w.npy"),
    (["--resume"], "--resume needs --out"),
    (["--seed", "-1"], "--seed must not be negative"),
    (["--l2", "-1"], "--l2 must be positive; got -1"),
    (["--folds", "1"], "folds must be a whole number from 2"),
    (["--subjects", "t.npy"], "--subjects t.npy serves folds over people alone: add --split subjects"),
    (["--subject-column", "3"], "--subject-column 3 serves folds over people alone: add --split subjects"),
    (["--split", "subjects", "--subjects", "t.npy"], "subjects must be a filled 1-d array"),
    (["--split", "subjects"], "subjects must be given to split over subjects"),
    (["--recipe", "muttenthaler2023", "--l2", "1", "2"], "--recipe takes one --l2; got 2"),
    (["--recipe", "muttenthaler2023", "--split", "triplets"], "--recipe takes folds over objects"),
    (
        ["--recipe", "muttenthaler2023", "--backend", "torch"],
        "--recipe works on the host, without --backend; got torch",
    ),
    (["--alpha", "0.5"], "--alpha 0.5 serves other images alone: add --images"),
    (["--tau", "-1"], "--tau -1 serves other images alone: add --images"),
    (["--l2", "0.1", "-2"], "--l2 must be positive; got -2"),
    (["--measure", "cosine"], "penalty must be 'identity' with measure 'cosine'"),
    (["--out", "missing/w.npz"], "missing/w.npz: No such file or directory"),
    (["--out", "w.npz", "--json", "w.npz.folds.json"], "the folds beside --out, w.npz.folds.json is the same file as"),
    (["--odd-column", "none"], "probe without --targets needs the people's answers, which --odd-column none says are"),
]


REFUSED += [
    (
        ["--recipe", "muttenthaler2023", *options],
        f"{options[0]} must be left out with --recipe muttenthaler2023, which has {rest}",
    )
    for options, rest in (
        (["--penalty", "squared"], "its own, frobenius; got squared"),
        (["--rank", "2"], "its own, full; got 2"),
        (["--bias"], "its own, False; got True"),
        (["--measure", "cosine"], "its own, dot; got cosine"),
        (["--temperature", "2"], "its own, 1.0; got 2.0"),
        (["--standardize", "none"], "its own, global; got none"),
        (["--smoothing", "1"], "its own, 0.0; got 1.0"),
        (["--tolerance", "1e-4"], "no use for it; got 0.0001"),
        (["--images", "p.npy"], "no use for it; got p.npy"),
    )
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=lambda v: str(v)[:20])
def test_refuses_in_one_line_and_writes_nothing(refused, people, options, message):
    assert message in refused("probe", "--embeddings", "p.npy", "--triplets", "a.npy", *options)


def test_transform_refuses_other_features_and_other_names(refused, folder, people):
    np.savez("w.npz", weights=np.eye(4), mean=np.array(0.0), std=np.array(1.0))
    message = refused("transform", "--embeddings", "p.npy", "--transform", "w.npz", "--out", "z.npy")
    assert message == "p.npy with w.npz: x must have the 4 features of the transform; got shape (60, 6)"
    assert "is the same file as" in refused(
        "transform", "--embeddings", "p.npy", "--transform", "w.npz", "--out", "p.npy"
    )


def test_transform_refuses_rows_that_are_not_finite_before_and_after(refused, folder, people):
    x = people[0].copy()
    x[7, 2] = np.nan
    np.save("p.npy", x)
    np.savez("w.npz", weights=np.eye(6), mean=np.array(0.0), std=np.array(1.0))
    args = ("transform", "--embeddings", "p.npy", "--transform", "w.npz", "--out", "z.npy")
    assert refused(*args) == "p.npy: x must be finite; 1 of 60 rows holds NaN or infinity, first row 7"
    x[7, 2] = 1e3
    np.save("p.npy", x.astype(np.float32))
    np.savez("w.npz", weights=1e37 * np.eye(6), mean=np.array(0.0), std=np.array(1.0))
    assert refused(*args) == "p.npy with w.npz: row 7 overflows float32 after the map"
