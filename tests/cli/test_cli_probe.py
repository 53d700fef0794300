"""`pyalign probe`, `pyalign export --transform` and `pyalign score --transform`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import BEST, NAMELESS, instead, interrupting, reals

import pyalign
from pyalign import cross_validate_probe, load_transform
from pyalign.backends import BACKENDS, backend_reasons
from pyalign.datasets.simulate import simulate
from pyalign.probing import cross_validate, fit
from pyalign.stats.splits import TripletKFold

pytest.importorskip("scipy")


@pytest.fixture
def people(folder):
    """Embeddings p.npy and the answers of people who see three of their features, a.npy."""
    x = reals(1, 60, 6)
    triplets = simulate(x[:, :3], 2400, measure="dot", seed=2).triplets
    np.save("p.npy", x)
    np.save("a.npy", triplets)
    return x, triplets


@pytest.fixture
def probe(command, people):
    def run(*options):
        once = () if {"none", "--repeats"} & {*options} else ("--repeats", "1")
        return command("probe", *instead(("--embeddings", "p.npy", "--triplets", "a.npy", *once), options))

    return run


def without_times(document):
    drop = {"seconds", "provenance", "embeddings", "triplets", "outputs"}
    if isinstance(document, dict):
        return {name: without_times(value) for name, value in document.items() if name not in drop}
    return [without_times(value) for value in document] if isinstance(document, list) else document


def test_figures_are_those_of_the_api_and_the_map_is_the_refit(probe, people):
    ran = probe("--json", "--out", "w.npz", "--seed", "3", "--folds", "2")
    assert ran.code == 0 and ran.err.endswith(NAMELESS)
    document, expected = json.loads(ran.out), cross_validate_probe(*people, folds=2, repeats=1, seed=3)
    figures = json.loads(expected.to_json())
    assert without_times(figures).items() <= without_times(document).items()
    assert document["embeddings"] == "p.npy" and document["version"] == pyalign.__version__
    np.testing.assert_array_equal(load_transform("w.npz").weights, expected.fit.transform.weights.astype(np.float32))


def test_the_table_has_three_columns_and_where_verbose_a_row_per_fold(probe, people):
    ran = probe("--verbose", "--repeats", "2", "--penalty", "0.1")
    header, row, *rest = ran.out.splitlines()
    assert " ".join(header.split()) == "folds zero-shot 95% interval probed 95% interval gain 95% interval"
    assert len(header) <= 80
    result = cross_validate_probe(*people, penalties=0.1, repeats=2)
    assert row.split()[0] == "6" and f"{100 * result.accuracy:.1f}%" in row and "held-out objects" in rest[0]
    assert [line.split()[0] for line in rest if line[:1].isdigit()][:6] == ["1", "2", "3", "4", "5", "6"]
    assert any(line.startswith("sd over splits, of means over 2 repeats: zero-shot ") for line in rest)
    assert len(probe("--penalty", "0.1").out.splitlines()) < len(ran.out.splitlines()) - 6


def test_options_reach_the_probe(probe):
    ran = probe("--json", "--standardize", "features", "--penalty", "0.1", "0.01", "--temperature", "2", "--split",
                "triplets")
    document = json.loads(ran.out)
    options = document["fit"]["options"]
    assert (options["standardize"], options["temperature"], document["split"]) == ("features", 2.0, "triplets")
    assert document["folds"][0]["penalties"] == pytest.approx([0.1, 0.01])


def test_over_subjects_with_a_file_of_them(probe, people):
    np.save("s.npy", np.arange(2400) % 7)
    assert json.loads(probe("--split", "subjects", "--subjects", "s.npy", "--json", "--penalty", "0.1").out)[
        "split"
    ] == ("subjects")


def test_people_are_read_as_by_other_commands(probe, people):
    """From a text file or from a column of the triplets: the same people, the same folds."""
    who = [f"p{k % 7}" for k in range(2400)]
    with open("s.txt", "w") as file:
        file.write("\n".join(["subject", *who]))
    with open("a.csv", "w") as file:
        rows = (f"{a},{b},{c},{name}" for (a, b, c), name in zip(people[1].tolist(), who, strict=True))
        file.write("\n".join(["image1,image2,image3,subject", *rows]))
    args = ("--split", "subjects", "--penalty", "0.1", "--json")
    folds = [
        without_times(json.loads(probe(*args, *options).out)["folds"])
        for options in (["--subjects", "s.txt"], ["--triplets", "a.csv", "--subject-column", "subject"])
    ]
    assert folds[0] == folds[1] and len(folds[0]) == 3


def test_soft_targets_and_weights_come_from_files(probe, people):
    x, triplets = people
    targets = np.random.default_rng(0).integers(0, 3, (2400, 3)) + np.array([0, 0, 2])
    np.save("targets.npy", targets)
    np.save("weights.npy", np.arange(2400) % 3)
    ran = probe("--answers", "targets.npy", "--weights", "weights.npy", "--penalty", "0.05", "--json")
    expected = cross_validate_probe(
        x, triplets, answers=targets, weights=np.arange(2400) % 3, penalties=[0.05], repeats=1
    )
    assert json.loads(ran.out)["accuracy"] == expected.accuracy


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0), None], ids=["first", "second", "any"])
def test_targets_are_by_the_positions_of_the_triplet_file(probe, people, command, order):
    """However the file says which item is odd, what its three columns were called goes with them."""
    triplets = people[1]
    targets = np.random.default_rng(0).integers(0, 3, (2400, 3)) + np.array([0, 0, 3])
    np.save("targets.npy", targets)
    args = ("--answers", "targets.npy", "--penalty", "0.05", "--folds", "2", "--split", "triplets", "--json")
    expected = json.loads(probe(*args).out)
    orders = np.array([order] * 2400) if order else np.random.default_rng(1).permuted([[0, 1, 2]] * 2400, axis=1)
    np.save("targets.npy", np.take_along_axis(targets, orders, axis=1))
    moved = np.take_along_axis(triplets, orders, axis=1)
    np.save("a.npy", np.column_stack([moved, np.argmax(orders == 2, axis=1)]))
    layout = ("--choice-column", "3", "--choice-base", "0")
    found = json.loads(probe(*args, *layout).out)
    for name in ("accuracy", "cross_entropy", "zero_shot_accuracy"):
        assert found[name] == pytest.approx(expected[name], abs=1e-5)


def test_targets_need_a_row_for_each_triplet(refused, people):
    np.save("targets.npy", np.ones((5, 3)))
    args = ("--embeddings", "p.npy", "--triplets", "a.npy", "--answers", "targets.npy")
    assert refused("probe", *args).startswith("targets.npy: answers must have shape (2400, 3), a row for each")


def test_score_with_a_transform_is_the_score_of_the_transformed_file(probe, command, people):
    probe("--out", "w.npz", "--penalty", "0.05")
    made = command("export", "--embeddings", "p.npy", "--transform", "w.npz", "--out", "z.npy")
    told = "note: z.npy does not say which triplets the map was fitted to; a .npz would\n"
    assert (made.code, made.err) == (0, told)
    np.testing.assert_array_equal(np.load("z.npy"), load_transform("w.npz").apply(people[0]))
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
    assert command("export", "--embeddings", "wide.npy", "--transform", path, "--out", "z.npy").code == 0
    with np.load(path) as file:
        expected = ((x - file["mean"]) / file["std"]) @ file["weights"] + file["bias"]
    np.testing.assert_allclose(np.load("z.npy"), expected, rtol=1e-3, atol=1e-4)


def test_other_images_keep_their_neighbors(probe, folder):
    np.save("images.npy", reals(7, 100, 6))
    args = ("--penalty", "0.01", "--other-embeddings", "images.npy")
    assert "of the 10 nearest neighbors of other embeddings the map keeps" in probe(*args).out
    document = json.loads(probe(*args, "--json").out)
    assert document["images"] == {"file": "images.npy", "alpha": 0.25, "tau": 0.1}
    assert document["local"]["neighbors"] == 10 and document["fit"]["options"]["norm"] == "identity"


@pytest.mark.parametrize("name", ["auto", *BACKENDS])
def test_every_backend_computes_the_probe_or_says_why_not(command, refused, folder, name):
    """Few objects and triplets: plain loops are among the backends."""
    x = reals(1, 18, 4)
    np.save("p.npy", x)
    np.save("a.npy", simulate(x[:, :2], 400, measure="dot", seed=2).triplets)
    args = ("probe", "--embeddings", "p.npy", "--triplets", "a.npy", "--penalty", "0.1", "--folds", "2", "--split",
            "triplets")
    reason = None if name == "auto" else backend_reasons()[name]
    if reason is not None:
        assert refused(*args, "--backend", name, "--out", "w.npz") == (
            f"p.npy with a.npy: no backend can take this input: {name}: {reason}"
        )
        return
    expected = json.loads(command(*args, "--json").out)
    ran = command(*args, "--backend", name, "--json")
    assert (ran.code, ran.err) == (0, NAMELESS)
    document = json.loads(ran.out)
    assert document["fit"]["backend"] == (BEST if name == "auto" else name)
    assert document["fit"]["objective"] == pytest.approx(expected["fit"]["objective"], abs=1e-3)
    assert document["accuracy"] == pytest.approx(expected["accuracy"], abs=0.01)


# Ctrl-C and --resume


@pytest.fixture
def cut(monkeypatch):
    """``cut("fold 2/3, inner 1/3")``: Ctrl-C there."""

    def at(stage):
        real = cross_validate.cross_validate_probe

        def interrupted(*args, progress, **options):
            def stop(text, done, total):
                progress(text, done, total)
                if text.startswith(f"{stage}:") and done == 3:
                    raise KeyboardInterrupt

            return real(*args, progress=stop, **options)

        monkeypatch.setattr(cross_validate, "cross_validate_probe", interrupted)

    return at


LEFT = "finished: {}; the best so far, of {}, is in w.partial.npz; go on with --resume"


def test_ctrl_c_leaves_the_best_map_and_the_finished_folds_and_resume_goes_on(probe, people, cut, folder, monkeypatch):
    whole = json.loads(probe("--json", "--out", "whole.npz").out)
    cut("fold 2/3, inner 1/3")
    ran = probe("--out", "w.npz")
    assert (ran.code, ran.out) == (130, "")
    assert ran.err == f"pyalign probe: interrupted; {LEFT.format('fold 1/3', 'fold 1/3')}\n"
    test = next(TripletKFold().folds(people[1])).test
    left = load_transform("w.partial.npz")
    found = pyalign.score(left.apply(people[0]), people[1][test], measure="dot")
    assert left.trained is not None and left.trained.n_triplets == len(people[1])  # all of them: it may have seen each
    assert found.accuracy == pytest.approx(whole["folds"][0]["accuracy"], abs=2 / len(test))
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    seen = []
    real = fit.choose_penalty
    monkeypatch.setattr(cross_validate, "choose_penalty", lambda *a, **o: seen.append(1) or real(*a, **o))
    document = json.loads(probe("--out", "w.npz", "--resume", "--json").out)
    assert len(seen) == 2
    assert without_times(document) == without_times(whole)
    np.testing.assert_array_equal(load_transform("w.npz").weights, load_transform("whole.npz").weights)
    assert sorted(path.name for path in folder.glob("w*")) == ["w.npz", "whole.npz"]


def test_an_output_of_a_finished_run_is_not_replaced_by_less(probe, cut, folder):
    probe("--out", "w.npz", "--json", "w.json")
    before = [(folder / name).read_bytes() for name in ("w.npz", "w.json")]
    cut("fold 1/3, inner 1/3")
    ran = probe("--out", "w.npz", "--json", "w.json", "--seed", "1")
    assert ran.err == ("pyalign probe: interrupted; the best so far, of fold 1/3, inner 1/3, is in w.partial.npz\n")
    assert [(folder / name).read_bytes() for name in ("w.npz", "w.json")] == before


def test_the_map_of_a_finished_fold_is_not_replaced_by_one_that_was_cut_off(probe, cut, folder, monkeypatch):
    cut("fold 2/3, inner 1/3")
    probe("--out", "w.npz")
    before = (folder / "w.partial.npz").read_bytes()
    for stage, done in (("fold 2/3, inner 2/3", 1), ("refit", 3)):
        monkeypatch.undo()
        monkeypatch.chdir(folder)
        cut(stage)
        ran = probe("--out", "w.npz", "--resume")
        journal = json.loads((folder / "w.journal.json").read_text())
        steps = list(journal["steps"])
        best = min(steps, key=lambda step: journal["steps"][step]["result"]["cross_entropy"])
        assert len(steps) == done and journal["best"]["stage"] == best
        assert ran.err == f"pyalign probe: interrupted; {LEFT.format(', '.join(steps), best)}\n"
        assert best != "fold 1/3" or (folder / "w.partial.npz").read_bytes() == before


def test_ctrl_c_between_the_fits_loses_nothing(probe, folder, monkeypatch):
    """In the scoring of the second fold, outside of L-BFGS."""
    monkeypatch.setattr(cross_validate, "fold_errors", interrupting(cross_validate.fold_errors, at=2))
    ran = probe("--out", "w.npz")
    assert ran.code == 130 and ran.err.endswith(f"; {LEFT.format('fold 1/3', 'fold 1/3')}\n")


def test_ctrl_c_among_other_embeddings_leaves_the_folds(probe, folder, monkeypatch):
    from pyalign.probing import local

    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "neighbor_overlap", stop)
    np.save("images.npy", reals(7, 20, 6))
    args = ("--penalty", "0.1", "--other-embeddings", "images.npy", "--split", "triplets", "--folds", "2")
    ran = probe(*args, "--out", "w.npz")
    assert ran.code == 130 and "interrupted; finished: fold 1/2, fold 2/2; the best so far, of fold " in ran.err


def test_ctrl_c_while_writing_says_where_things_are(probe, folder, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("pyalign.cli._outputs.write_outcome", stop)
    ran = probe("--out", "w.npz", "--penalty", "0.1", "--split", "triplets", "--folds", "2")
    assert ran.err == f"pyalign probe: interrupted; {LEFT.format('fold 1/2, fold 2/2', 'refit')}\n"


def test_ctrl_c_without_an_output_writes_nothing(probe, cut, folder):
    cut("fold 1/3, inner 1/3")
    ran = probe()
    assert ran.code == 130
    assert ran.err == "pyalign probe: interrupted; nothing was written\n"


def test_resume_refuses_another_run(probe, cut, refused, folder):
    cut("fold 2/3, inner 1/3")
    probe("--out", "w.npz")
    args = ("probe", "--embeddings", "p.npy", "--triplets", "a.npy", "--out", "w.npz", "--resume")
    other = "other data, other options or another version of pyalign; delete it, or run as before"
    other = f"--resume: w.journal.json: left by a run with {other}"
    for more in (("--seed", "9"), ("--backend", "numpy"), ("--standardize", "none"), ("--penalty", "0.1")):
        assert refused(*args, *more) == other
    np.save("a.npy", np.load("a.npy")[::-1])
    assert refused(*args) == other
    (folder / "w.journal.json").write_text("{}")
    assert refused(*args) == "--resume: w.journal.json: is no journal of an interrupted run"
    (folder / "w.journal.json").unlink()
    assert refused(*args).startswith("--resume: nothing to resume: there is no w.journal.json: ")


@pytest.mark.parametrize("key", ["accuracy", "inner_accuracy"])
def test_resume_refuses_folds_that_were_edited(probe, cut, refused, folder, key):
    cut("fold 2/3, inner 1/3")
    probe("--out", "w.npz")
    journal = json.loads((folder / "w.journal.json").read_text())
    for value in (float("nan"), "0.5", [], 7, -1.0, True):
        journal["steps"]["fold 1/3"][key] = value
        (folder / "w.journal.json").write_text(json.dumps(journal))
        message = refused("probe", "--embeddings", "p.npy", "--triplets", "a.npy", "--out", "w.npz", "--resume")
        assert message.startswith("--resume: w.journal.json: "), value
        assert "holds NaN" in message or "was edited or damaged" in message, value


# Documents


def strictly(text):
    """A JSON document without what only Python takes for JSON."""

    def refuse(word):
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


OPTIONS = [
    ["--penalty", "0.1"], ["--penalty", "100"], ["--penalty", "0.1", "0.01"], [],
    ["--standardize", "features", "--temperature", "2"], ["--split", "triplets", "--folds", "2", "--seed", "4"],
    ["--split", "subjects", "--subjects", "s.npy"], ["--answers", "counts.npy"], ["--answers", "shares.npy"],
    ["--answers", "counts.npy", "--weights", "weights.npy"],
    ["--other-embeddings", "i.npy", "--measure", "cosine"],
    ["--backend", "numpy"],
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(options))
def test_every_document_is_strict_and_is_read_back_as_the_same_result(probe, folder, options):
    rng = np.random.default_rng(0)
    np.save("i.npy", reals(7, 40, 6))
    np.save("s.npy", np.arange(2400) % 7)
    np.save("counts.npy", rng.integers(0, 3, (2400, 3)) + np.array([0, 0, 2]))
    np.save("shares.npy", rng.dirichlet([1, 1, 5], 2400))
    np.save("weights.npy", np.arange(2400) % 3)
    penalty = [] if "--penalty" in options else ["--penalty", "0.1"] if options else ["--penalty", "1", "0.1", "0.01"]
    ran = probe("--json", "d.json", "--out", "w.npz", *options, *penalty)
    assert ran.code == 0, ran.err
    document = strictly((folder / "d.json").read_text())
    found = pyalign.load_result("d.json")
    assert strictly(found.to_json()) == document
    assert found.folds and ran.out == found.table() + "\n"
    for name in ("accuracy_interval", "cross_entropy_interval"):
        assert len(document[name]) == 2 and (getattr(found, name).error > 0 or found.fit.norm == 0)
    assert document["folds"][0]["penalty"] == found.folds[0].penalty and document["interrupted"] is False


KEYS = {
    "": "version embeddings triplets options accuracy accuracy_interval cross_entropy cross_entropy_interval "
    "zero_shot_accuracy folds split seed fit fit_stage interrupted seconds",
    "fit": "penalty cross_entropy objective gap converged gradient_norm rank n_triplets n_iterations n_passes seconds "
    "interrupted backend options",
    "folds": "penalty accuracy cross_entropy accuracy_error cross_entropy_error zero_shot_accuracy n_train n_test "
    "rank gap converged at_edge n_passes seconds penalties inner_cross_entropy inner_accuracy",
    "options": "norm rank bias measure temperature standardize tolerance max_iterations smoothing seed",
}


def test_keys_that_programs_read_stay(probe):
    document = strictly(probe("--json", "--penalty", "0.1").out)
    parts = {"": document, "fit": document["fit"], "folds": document["folds"][0], "options": document["fit"]["options"]}
    for name, keys in KEYS.items():
        assert set(keys.split()) <= set(parts[name]), name


def test_the_map_records_what_it_was_fitted_to_and_what_it_had_on_held_out_objects(probe, people, command):
    document = strictly(probe("--json", "--penalty", "0.05", "--out", "w.npz").out)
    trained = load_transform("w.npz").trained
    assert (trained.measure, trained.temperature, trained.n_triplets) == ("dot", 1.0, 2400)
    assert trained.held_out == {
        "accuracy": document["accuracy"], "cross_entropy": document["cross_entropy"], "over": "objects", "folds": 3,
    }
    assert trained.provenance.options["penalty"] == 0.05 and trained.provenance.version == pyalign.__version__
    ran = command("score", "p.npy", "-t", "a.npy", "--transform", "w.npz", "--json")
    scored = json.loads(ran.out)["results"][0]
    assert scored["measure"] == "dot" and scored["in_sample"] == {"triplets": 1.0, "objects": 1.0}
    assert f"on held-out objects it had {100 * document['accuracy']:.2f}%" in ran.err


REFUSED = [
    (["--resume"], "--resume needs --out"),
    (["--penalty", "-1"], "--penalty must be positive; got -1"),
    (["--folds", "1"], "folds must be a whole number from 2"),
    (["--split", "subjects", "--subjects", "t.npy"], "subjects must be a filled 1-d array"),
    (["--split", "subjects"], "subjects must be given to split over subjects"),
    (["--split", "objects+subjects"], "subjects must be given to split over subjects"),
    (["--split", "none", "--penalty", "1", "--repeats", "2"], "--repeats 2 applies only to cross-validation"),
    (["--penalty", "0.1", "-2"], "--penalty must be positive; got -2"),
    (["--measure", "cosine"], "norm must be 'identity' with measure 'cosine'"),
    (["--out", "t.npy/w.npz"], "t.npy/w.npz: Not a directory"),
    (["--out", "w.npz", "--json", "w.journal.json"], "the journal next to --out, w.journal.json is the same file as"),
    (["--choice-column", "none"], "probe needs human choices, which --choice-column none says are"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=lambda v: str(v)[:20])
def test_refuses_in_one_line_and_writes_nothing(refused, people, options, message):
    assert message in refused("probe", "--embeddings", "p.npy", "--triplets", "a.npy", *options)


def test_transform_refuses_other_features_and_other_names(refused, folder, people):
    np.savez("w.npz", weights=np.eye(4), mean=np.array(0.0), std=np.array(1.0))
    message = refused("export", "--embeddings", "p.npy", "--transform", "w.npz", "--out", "z.npy")
    assert message == "p.npy: embeddings must have the 4 features of the transform; got shape (60, 6)"
    assert "is the same file as" in refused("export", "--embeddings", "p.npy", "--transform", "w.npz", "--out", "p.npy")


def test_transform_refuses_rows_that_are_not_finite_before_and_after(refused, folder, people):
    x = people[0].copy()
    x[7, 2] = np.nan
    np.save("p.npy", x)
    np.savez("w.npz", weights=np.eye(6), mean=np.array(0.0), std=np.array(1.0))
    args = ("export", "--embeddings", "p.npy", "--transform", "w.npz", "--out", "z.npy")
    assert refused(*args) == "p.npy: embeddings must be finite; 1 of 60 rows holds NaN or infinity, first row 7"
    x[7, 2] = 1e3
    np.save("p.npy", x.astype(np.float32))
    np.savez("w.npz", weights=1e37 * np.eye(6), mean=np.array(0.0), std=np.array(1.0))
    assert refused(*args) == "p.npy with w.npz: row 7 overflows float32 after the map"
