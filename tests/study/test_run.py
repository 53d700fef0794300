"""Studies: what is run, what is not run again, what fails, and that documents don't tell how they came to be."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from small_study import documents, how

import pyalign
from pyalign.backends import native
from pyalign.data.names import OMIT
from pyalign.errors import InputError, MissingExtraError
from pyalign.journal import Journal
from pyalign.report.page import write as page
from pyalign.study.file import read_study
from pyalign.study.inputs import Inputs

ALL = ("ceiling", "score", "compare", "concepts", "cka", "probe (a)", "probe (b)", "failures", "report")


@pytest.fixture(autouse=True)
def plain_pages(request, monkeypatch):
    """Charts would take most of each run: pages have them only in tests that ask for `whole_pages`."""
    if "whole_pages" not in request.fixturenames:
        monkeypatch.setattr("pyalign.report.page.write.names_of_sections", lambda: ("study", "methods"))


@pytest.fixture
def whole_pages():
    """Asks for pages with all of their sections."""


def run(**options):
    return pyalign.run_study("small.toml", **options)


def made(study):
    return {name for name, what in how(study).items() if what == "made"}


def edit(old, new):
    text = Path("small.toml").read_text()
    assert old in text
    Path("small.toml").write_text(text.replace(old, new, 1))


def test_runs_every_step_and_puts_a_step_behind_what_it_needs(folder):
    study = run()
    assert tuple(step.name for step in study.steps) == ALL  # ceiling before score, which takes it
    assert {step.status for step in study.steps} == {"finished"}
    for step in study.steps[:-1]:
        document = pyalign.load_result(folder / "small" / step.document)
        assert document.command
    assert "<html" in (folder / "small" / "report.html").read_text()


def test_gives_what_the_functions_give(finished):
    found = pyalign.load_result("small/steps/score.json")
    names = [f"object-{k}" for k in range(24)]
    triplets = pyalign.load_triplets("t.csv", columns=("one", "two", "odd"), subject_column="subject", item_names=names)
    ceiling = pyalign.noise_ceiling(triplets)
    for one in found:
        x = pyalign.load_embeddings(f"{one.embeddings}.npy", names=names)
        alone = pyalign.score(x, triplets, ci="auto")
        assert (one.accuracy, tuple(one.ci)) == (alone.accuracy, tuple(alone.ci))
    assert pyalign.load_result("small/steps/ceiling.json").to_records() == ceiling.to_records()
    assert found.triplets == "t.csv" and [one.embeddings for one in found] == ["a", "b"]


def test_runs_nothing_twice(finished):
    before = documents("small")
    again = run()
    assert not made(again)
    assert documents("small") == before


def test_documents_are_the_same_wherever_and_with_any_number_of_threads(folder, tmp_path, whole_pages):
    threads = native.num_threads()
    try:
        native.set_num_threads(1)
        run(out="one")
        native.set_num_threads(2)
        run(out=tmp_path / "deep" / "two")
    finally:
        native.set_num_threads(threads)
    assert documents("one") == documents(tmp_path / "deep" / "two")
    assert str(folder) not in b"".join(documents("one").values()).decode("utf-8", "replace")


def test_documents_hold_no_durations(finished):

    def durations(value):
        if isinstance(value, dict):
            return [v for k, v in value.items() if "seconds" in k and v is not None] + durations([*value.values()])
        return [d for v in value for d in durations(v)] if isinstance(value, list) else []

    for path in Path("small/steps").glob("*.json"):
        document = json.loads(path.read_text())
        assert durations(document) == [], path
        assert document["provenance"]["time"] == "2023-11-14T22:13:20+00:00", path


OF_MODELS = {*ALL} - {"ceiling", "report"}
CHANGES = {  # what is changed -> the steps that are run again, besides the report
    "a model": (lambda: np.save("b.npy", np.load("b.npy") * 2 + 1), OF_MODELS - {"probe (a)"}),
    "categories": (lambda: Path("kinds.txt").write_text("x\ny\n" * 12), {"concepts"}),
    "an option": (lambda: edit("n_permutations = 5", "n_permutations = 6"), {"cka"}),
    "the option of a step of each model": (
        lambda: edit("iterations = 4", "iterations = 5"), {"probe (a)", "probe (b)"},
    ),
    "a name": (
        lambda: Path("names.txt").write_text(Path("names.txt").read_text().replace("object-3", "thing-3")),
        {*ALL} - {"report"},
    ),
    "one answer": (
        lambda: Path("t.csv").write_text(Path("t.csv").read_text().replace("p1", "p9")), {*ALL} - {"report", "cka"},
    ),
    "a comment": (lambda: edit("[steps.score]", "# a remark\n[steps.score]"), set()),
}


@pytest.mark.parametrize("what", CHANGES)
def test_runs_again_what_reads_what_has_changed_and_nothing_else(finished, what):
    change, expected = CHANGES[what]
    change()
    again = made(run())
    assert again - {"report"} == expected
    assert ("report" in again) == bool(expected)


def test_what_a_step_takes_of_another_counts_by_its_value(finished):
    edit('ceiling = "step:ceiling"', 'ceiling = "step:ceiling::upper"')
    assert made(run()) == {"score", "report"}


def test_runs_again_for_another_version(finished, monkeypatch):
    monkeypatch.setattr("pyalign.parts.__version__", "99")
    assert made(run()) == {*ALL}


@pytest.mark.parametrize("damage", [b"", b"{", None, "one letter"])
def test_makes_a_damaged_document_anew(finished, damage):
    path, whole = Path("small/steps/compare.json"), documents("small")
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes().replace(b"0", b"1", 1) if damage == "one letter" else damage)
    assert made(run()) == {"compare"}
    assert documents("small") == whole


@pytest.mark.parametrize("damage", ["", "[]", '{"unit": ', "other key"])
def test_a_unit_whose_record_was_edited_is_made_again(finished, damage):
    whole, record = documents("small"), Path("small/records/cka.json")
    key = json.loads(record.read_text())["key"]
    record.write_text(record.read_text().replace(key, key[::-1]) if damage == "other key" else damage)
    assert made(run(resume=True)) == {"cka"}
    assert documents("small") == whole


def test_a_step_alone_runs_with_what_it_needs(folder):
    study = run(only="score")
    assert made(study) == {"ceiling", "score", "report"}
    assert {step.status for step in study.steps if step.name not in made(study)} == {"to do"}
    assert "What is missing" in Path("small/report.html").read_text()
    assert made(run(only="probe")) == {"probe (a)", "probe (b)", "report"}
    assert how(run(only="report"))["score"] == "as it was"
    assert made(run()) == {"compare", "concepts", "cka", "failures", "report"}


def test_a_step_that_fails_is_named_and_the_others_run(folder):
    Path("kinds.txt").write_text("x\ny\n")
    study = run()
    assert {name for name, what in how(study).items() if what == "failed"} == {"concepts"}
    assert study.failed[0].reason == "categories must have a row for each of 24 rows of embeddings; got 2"
    assert not Path("small/steps/concepts.json").exists()
    assert "What is missing" in Path("small/report.html").read_text()
    written = pyalign.load_result("small/study.json")
    assert [step.name for step in written.failed] == ["concepts"]


def test_steps_that_need_a_step_that_fails_say_so(folder):
    edit('"subject"\n', '"subject"\nodd_column = "none"\n')
    reasons = {step.name: step.reason for step in run().failed}
    assert reasons["score"] == "needs ceiling, which has failed"
    assert "\n" not in "".join(filter(None, reasons.values()))


def test_a_missing_package_is_one_line_and_takes_nothing_else_along(folder, monkeypatch):
    def missing(*arguments, **options):
        raise MissingExtraError("write_report", "altair", "report")

    monkeypatch.setattr(page, "make_report", missing)
    study = run()
    assert [step.name for step in study.failed] == ["report"]
    assert "pip install altair" in study.failed[0].reason.replace("'", "")
    assert study.report is None


def test_a_report_of_other_results_goes_where_none_can_be_made(finished, monkeypatch):
    assert Path("small/report.html").exists()
    monkeypatch.setattr(page, "make_report", lambda *a, **k: (_ for _ in ()).throw(InputError("no")))
    edit("n_permutations = 5", "n_permutations = 6")
    assert how(run())["report"] == "failed"
    assert not Path("small/report.html").exists()


def test_resume_needs_something_to_resume(folder):
    with pytest.raises(InputError, match="small: there is nothing to resume"):
        run(resume=True)
    assert not Path("small").exists()
    run(only="cka")
    assert "cka" not in made(run(resume=True))


def test_writes_over_nothing_that_is_no_study_of_its_own(folder):
    Path("small").mkdir()
    Path("small/report.html").write_text("mine")
    with pytest.raises(InputError, match=r"small: holds report\.html, which no study has written there"):
        run()
    assert Path("small/report.html").read_text() == "mine"
    with pytest.raises(InputError, match=r"small: holds report\.html"):
        run(out="small", resume=False)
    Path("study.toml").write_text(Path("small.toml").read_text())
    with pytest.raises(InputError, match=r"holds study\.toml itself"):
        pyalign.run_study("study.toml", ".")


def test_the_manifest_tells_every_file_by_its_hash(finished):
    told = json.loads(Path("small/manifest.json").read_text())["files"]
    there = documents("small")
    assert told == {name: hashlib.sha256(there[name]).hexdigest() for name in there if name != "manifest.json"}
    assert there["study.toml"] == Path("small.toml").read_bytes()


def test_relative_paths_start_at_the_study_file(folder, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    study = pyalign.run_study(folder / "small.toml")
    assert not study.failed
    assert Path(study.folder) == folder / "small"


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(folder):
    def stop(name, state, detail):
        if name == "compare" and state == "running":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="finished: ceiling, score; go on with"):
        run(progress=stop)
    assert "score" not in made(run(resume=True))


def test_a_probe_goes_on_inside(folder, monkeypatch):
    def stop(name, state, detail):
        if name == "probe (a)" and detail.startswith("fold 2/"):
            raise KeyboardInterrupt

    run(out="whole")
    with pytest.raises(KeyboardInterrupt):
        run(progress=stop)
    assert Path("small/.parts/probe-a.json").exists()
    taken = []
    record = Journal.result
    monkeypatch.setattr(Journal, "result", lambda self, step, kind: taken.append(step) or record(self, step, kind))
    seen = []
    run(progress=lambda name, state, detail: seen.append(detail) if name == "probe (a)" else None)
    assert not any(detail.startswith("fold 1/2") for detail in seen)
    assert documents("small") == documents("whole")


def test_several_triplets_and_one_function_twice(folder):
    edit("[triplets]\nfile", "[triplets.people]\nfile")
    edit("[categories]", '[triplets.half]\nfile = "t.csv"\ncolumns = ["one", "two", "odd"]\n[categories]')
    with pytest.raises(InputError, match=r"step 'score': triplets must say which of \[triplets\] it takes: people"):
        run()
    text = Path("small.toml").read_text().partition("[steps")[0]
    steps = '[steps.first]\nfunction = "score"\ntriplets = "people"\n[steps.second]\nfunction = "score"\n'
    Path("small.toml").write_text(text + steps + 'triplets = "half"\nmodels = "a"\n')
    assert not run().failed
    assert len(pyalign.load_result("small/steps/first.json")) == 2
    assert len(pyalign.load_result("small/steps/second.json")) == 1
    assert "subjects" in (pyalign.load_result("small/steps/first.json")[0].ci.by or "")


def test_a_map_of_a_probe_serves_another_step(folder):
    edit(
        "[steps.failures]",
        '[steps.after]\nfunction = "concepts"\nmodels = ["a"]\ntransform = "step:probe::a"\n[steps.failures]',
    )
    assert not run().failed
    assert len(pyalign.load_result("small/steps/after.json").results) == 2


def test_an_input_that_is_saved_over_while_it_is_read_fails_the_step_and_leaves_no_document(folder):
    def spoil(name, state, detail):
        if name == "compare" and state == "running" and detail == "":
            np.load("a.npy", mmap_mode="r+")[...] = 1
            os.utime("a.npy", (1, 1))

    steps = {step.name: step for step in run(progress=spoil, only="compare").steps}
    assert steps["compare"].status == "failed"
    assert steps["compare"].reason == "a.npy: was changed while it was read; run the study again"
    assert not Path("small", "steps", "compare.json").exists()
    assert "compare" in made(run())


def test_another_file_under_the_name_changes_nothing_of_what_is_read(folder):
    def move(name, state, detail):
        if name == "compare" and state == "running":
            np.save("new.npy", np.load("a.npy"))
            Path("new.npy").replace("a.npy")

    assert not run(progress=move, only="compare").failed


def test_a_study_takes_a_described_data_set(folder):
    run(only="score")
    typed = pyalign.load_result("small/steps/score.json")
    Path("mine.toml").write_text(
        'names = "names.txt"\ncategories = "kinds.txt"\n[triplets]\nfile = "t.csv"\nsubject_column = "subject"\n'
    )
    edit('[triplets]\nfile = "t.csv"\nsubject_column = "subject"\n', '[triplets]\nfile = "mine.toml"\n')
    edit('file = "kinds.txt"', 'file = "mine.toml"')
    assert not run().failed
    described = pyalign.load_result("small/steps/score.json")
    assert [one.accuracy for one in described] == [one.accuracy for one in typed]
    assert [tuple(one.ci) for one in described] == [tuple(one.ci) for one in typed]
    assert not made(run())
    np.savetxt("kinds.txt", ["q"] * 24, fmt="%s")
    assert "concepts" in made(run())


def test_a_described_file_that_changes_while_a_study_reads_it_is_an_error(folder):
    Path("mine.toml").write_text('names = "names.txt"\ntriplets = "t.csv"\n')
    inputs = Inputs(read_study("small.toml"), lambda _: ("", ""))
    inputs.names("mine.toml")
    inputs.require_unchanged()
    os.utime("names.txt", ns=(1, 1))
    with pytest.raises(InputError, match=r"names\.txt: was changed while it was read"):
        inputs.require_unchanged()


def test_a_file_that_is_written_over_and_has_its_old_time_again_is_an_error(folder):
    inputs = Inputs(read_study("small.toml"), lambda _: ("", ""))
    inputs.place("a.npy")
    before = os.stat("a.npy")
    time.sleep(0.02)  # the clock of a file system moves on in steps of up to 10 ms
    np.load("a.npy", mmap_mode="r+")[...] = 1
    os.utime("a.npy", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = os.stat("a.npy")
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    with pytest.raises(InputError, match=r"a\.npy: was changed while it was read; run the study again"):
        inputs.require_unchanged()


def test_a_file_that_another_was_moved_over_is_read_on_as_it_was(folder):
    inputs = Inputs(read_study("small.toml"), lambda _: ("", ""))
    inputs.place("a.npy")
    os.replace("b.npy", "a.npy")
    inputs.require_unchanged()


def test_the_files_of_a_study_are_those_that_it_names(folder):
    assert read_study("small.toml").files == ("a.npy", "b.npy", "t.csv", "kinds.txt")


def test_cka_in_batches_of_models_that_are_large(folder):
    Path("small.toml").write_text(
        'names = "names.txt"\nmodels.a = "a.npy"\nmodels.b = "b.npy"\n[steps.cka]\nbatch_size = 10\nseed = 3\n'
    )
    assert not run().failed
    models = {name: np.load(f"{name}.npy") for name in ("a", "b")}
    real = pyalign.cka(models, batch_size=10, seed=3)
    found = pyalign.load_result("small/steps/cka.json")
    np.testing.assert_array_equal(found.results[0].matrix, real.results[0].matrix)
    assert found.batches == real.batches > 1


def test_a_step_needs_the_one_map_that_it_takes_and_no_other(folder):
    edit('b = { file = "b.npy" }', 'b = "missing.npy"')
    edit("[steps.failures]\nlimit = 5", '[steps.after]\nfunction = "score"\nmodels = "a"\ntransform = "step:probe::a"')
    became = how(run())
    assert became["probe (b)"] == "failed"  # its file is missing
    assert (became["probe (a)"], became["after"]) == ("made", "made")
    assert {step.name: step.reason for step in run(only="after").steps}["probe (b)"] is None  # nor is it run for it


def test_a_step_whose_map_could_not_be_made_says_which(folder):
    edit('b = { file = "b.npy" }', 'b = "missing.npy"')
    edit("[steps.failures]\nlimit = 5", '[steps.after]\nfunction = "score"\nmodels = "a"\ntransform = "step:probe::b"')
    assert {step.name: step.reason for step in run().failed}["after"] == "needs probe (b), which has failed"


def test_steps_whose_files_trade_names_are_made_anew(folder):
    """Names of files follow from the order where two names differ in a blank alone; documents stay with their step."""
    start = Path("small.toml").read_text().partition("[steps")[0]
    steps = ['[steps."a b"]\nfunction = "score"\nmodels = "a"\n', '[steps.a_b]\nfunction = "score"\nmodels = "b"\n']
    for order in (steps, steps[::-1]):
        Path("small.toml").write_text(start + "".join(order))
        found = {step.name: step.document for step in run().steps}
        for name, model in (("a b", "a"), ("a_b", "b")):
            assert [one.embeddings for one in pyalign.load_result(f"small/{found[name]}")] == [model]


# Ready matrices, and a measure for each model


def test_a_step_may_leave_out_objects_without_a_row(folder, whole_pages):
    names = [f"object-{k}" for k in range(24)]
    images = [f"{name}/{view}.jpg" for name in names[:18] for view in ("front", "back")]
    np.savez("some.npz", features=np.load("b.npy")[:18].repeat(2, axis=0), names=np.array(images))
    edit(
        'names = "names.txt"\n\n[models]\na = "a.npy"\nb = { file = "b.npy" }',
        '[models]\na = { file = "some.npz", per_object = "first" }',
    )
    edit('file = "t.csv"', 'file = "t.csv"\nitem_names = "names.txt"')
    edit("[steps.ceiling]\n[steps.compare]\n[steps.concepts]\n[steps.cka]\nn_permutations = 5\n", "[steps.ceiling]\n")
    reasons = {step.name: step.reason for step in run().steps}
    assert reasons["score"].endswith(OMIT)
    edit('ceiling = "step:ceiling"', 'ceiling = "step:ceiling"\nmissing = "omit"')
    edit("folds = 2", 'folds = 2\nmissing = "omit"')
    edit("limit = 5", 'limit = 5\nmissing = "omit"')
    study = run()
    assert {step.status for step in study.steps} == {"finished"}
    for step in study.steps[1:-1]:  # between the ceiling and the report
        coverage = pyalign.load_result(f"small/{step.document}").coverage
        assert coverage.of_objects == 24 and coverage.n_objects <= 18
    page = Path("small/report.html").read_text()
    assert "of_triplets" in page and "objects have no row" in page


def test_a_step_may_weigh_answers(folder):
    weights = np.random.default_rng(0).uniform(1, 3, 300).round(3)
    np.savetxt("w.txt", weights)
    edit("[steps.score]\n", '[steps.score]\nweights = "w.txt"\n')
    run(only="score")
    found = pyalign.load_result("small/steps/score.json")
    assert found[0].effective_answers == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    np.savetxt("w.txt", np.ones(300))
    assert "score" in made(run(only="score"))  # other weights are another step
    assert pyalign.load_result("small/steps/score.json")[0].effective_answers == pytest.approx(300)


@pytest.mark.suite("test")
def test_a_map_that_a_step_has_found_is_tried_on_all_sets_of_the_study(folder, whole_pages):
    rdm = 1 - np.corrcoef(np.load("a.npy"))
    np.save("rdm.npy", np.maximum(rdm, 0))
    edit("[categories]", '[human]\nfile = "rdm.npy"\nkind = "dissimilarity"\nnames = "names.txt"\n[categories]')
    edit("[steps.failures]", '[steps.transfer]\nmodels = ["a"]\nmaps = "step:probe::a"\nk = 3\n[steps.failures]')
    assert how(run())["transfer (a)"] == "made"
    found = pyalign.load_result("small/steps/transfer-a.json")
    assert {row.on for row in found.figures} == {"triplets", "human", ""} and found.embeddings == "a"
    inside = [row.figure for row in found.figures if row.within == "categories"]
    assert inside == ["accuracy", "rsa"]
    names = [f"object-{k}" for k in range(24)]
    alone = pyalign.transfer(
        pyalign.load_embeddings("a.npy", names=names), pyalign.load_transform("small/steps/probe-a.npz"),
        {"human": pyalign.load_rdms("rdm.npy", kind="dissimilarity", names=names)}, k=3,
    )
    (row,) = [row for row in found.figures if row.on == "human" and row.within is None]
    assert (row.before, row.after) == (alone[0].before, alone[0].after)
    assert 'id="transfer' in Path("small/report.html").read_text()
    assert how(run())["transfer (a)"] == "as it was"
    np.save("rdm.npy", np.maximum(rdm, 0) ** 2)
    assert made(run()) == {"transfer (a)", "report"}


def test_a_step_of_transfer_needs_a_map(folder, message_of):
    edit("[steps.failures]", "[steps.transfer]\n[steps.failures]")
    assert "step 'transfer': transfer needs maps; got none" in message_of(run)
    edit("[steps.transfer]", '[steps.transfer]\nmaps = "step:score"')
    assert "maps must be a file, or a step of" in message_of(run)
    edit('maps = "step:score"', "maps = 3")
    assert "maps must be a step or a file, or a table with their names; got 3" in message_of(run)
    edit("maps = 3", 'maps = "step:probe::a"\non = ["x"]')
    assert "on must be left out: no set of triplets or matrices has a name; got ['x']" in message_of(run)
    edit("[triplets]", "[triplets.things]")
    assert "on must be names of things; got ['x']" in message_of(run)


def test_several_maps_are_tried_on_the_sets_that_a_step_names(folder):
    """Of files and of steps, in one table; the matrix of other objects that has as many rows is left alone."""
    pyalign.write_transform("w.npz", pyalign.Transform(np.eye(5)[::-1].copy(), None, 0.0, 1.0))
    np.save("rdm.npy", np.maximum(1 - np.corrcoef(np.load("a.npy")), 0))
    edit("[triplets]", '[human.elsewhere]\nfile = "rdm.npy"\nkind = "dissimilarity"\n[triplets.things]')
    edit("[steps.failures]", '[steps.transfer]\nmodels = ["a"]\non = "things"\nk = 3\n'
         'maps = { turned = "w.npz", "penalty 0.05" = "step:probe::a" }\n[steps.failures]')
    assert how(run(only="transfer"))["transfer (a)"] == "made"
    found = pyalign.load_result("small/steps/transfer-a.json")
    assert found.maps == ("turned", "penalty 0.05") and {row.on for row in found.figures} == {"things", ""}
    np.save("rdm.npy", np.zeros((24, 24)))
    assert not made(run(only="transfer"))  # which is nothing to the step
    edit('on = "things"\n', "")
    assert "transfer (a)" in made(run(only="transfer"))
    sets = {row.on for row in pyalign.load_result("small/steps/transfer-a.json").left_out}
    assert "elsewhere" in sets
