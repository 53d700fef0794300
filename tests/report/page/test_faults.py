"""What a section can't make sense of is a line about the document; a mistake of the program itself is not hidden."""

from __future__ import annotations

import json

import pytest
from page_data import data_of

import pyalign
from pyalign.errors import InputError
from pyalign.report.page import write as pages
from pyalign.report.page.write import make_report, sections_of, write_report

pytest.importorskip("vl_convert", reason="vl-convert is not installed")


@pytest.fixture
def failing(monkeypatch):
    """failing(error): the section of differences raises it on documents with that seed."""

    def use(error, seed=99):
        real = pages.load

        def section(sources):
            if any(one.result.to_dict().get("seed") == seed for one in sources.documents):
                raise error
            return real("pyalign.report.page.sections.comparisons:differences")(sources)

        def load(name):
            return section if name.endswith(":differences") else real(name)

        section.__name__ = "differences"
        monkeypatch.setattr(pages, "load", load)

    return use


def test_a_section_that_refuses_one_document_has_the_others_and_names_it(failing, held, tmp_path):
    failing(InputError("what is this"))
    paths = []
    for seed in (1, 99):
        paths.append(tmp_path / f"{seed}.json")
        paths[-1].write_text(json.dumps({**held["compare"], "seed": seed}))
    made = make_report(paths, "report.html")
    assert "differences" in made.sections
    (spoken,) = made.notes
    assert spoken == f"{paths[1]}: differences: what is this"
    assert "Left out: " in made.html and str(paths[1]) in made.html


@pytest.mark.parametrize("kind", [LookupError, TypeError, ValueError, AttributeError, ZeroDivisionError, MemoryError])
def test_a_mistake_of_the_program_is_not_hidden(kind, failing, held):
    failing(kind("mistake"))
    with pytest.raises(kind, match="mistake"):
        make_report([{**held["compare"], "seed": 99}], "report.html")


def test_a_section_that_refuses_all_documents_is_left_out(failing, held):
    failing(InputError("nothing here"))
    made = make_report([{**held["compare"], "seed": 99}, held["cka"]], "report.html")
    assert "differences" not in made.sections and "methods" in made.sections
    assert made.notes == ("a result: differences: nothing here",)


def test_sound_documents_of_all_commands_have_no_fault(results):
    given = pages.Sources(pages.read_documents(list(results.values()))[0])
    sections, faults = sections_of(given)
    assert faults == []
    names = [one.name for one in sections]
    assert [n for n in names if n in ("leaderboard", "differences", "agreement", "recovery", "methods", "cite")] == [
        "leaderboard", "differences", "agreement", "recovery", "methods", "cite",
    ]


def test_files_left_out_stand_at_the_top_of_the_page_and_in_the_notes(documents, tmp_path):
    (documents / "bad.json").write_text("{")
    made = write_report(documents, tmp_path / "report.html")
    assert made.n_documents == 7 and len(made.notes) == 1 and made.notes[0].startswith(str(documents / "bad.json"))
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert html == made.html
    top = html.index('id="left-out"')
    assert top < html.index('id="leaderboard"') and str(documents / "bad.json") in html[top : top + 600]
    assert "accuracy-table" in data_of(html)


def test_a_page_that_could_not_be_made_leaves_the_old_one(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(pyalign.InputError):
        write_report([tmp_path / "gone.json"], path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_what_was_made_is_a_result_that_travels(results, tmp_path):
    import hashlib

    made = write_report([results["score"]], tmp_path / "report.html", title="Ours")
    document = json.loads(made.to_json())
    assert document["command"] == "report" and document["title"] == "Ours"
    assert document["outputs"] == {made.path: hashlib.sha256((tmp_path / "report.html").read_bytes()).hexdigest()}
    (tmp_path / "report.json").write_text(made.to_json())
    again = pyalign.load_result(tmp_path / "report.json")
    assert (again.sections, again.bytes) == (made.sections, made.bytes)
    assert "report.html" in str(made) and "leaderboard" in str(made)


def test_a_page_is_never_written_onto_a_result_or_under_another_kind_of_name(results, tmp_path):
    for name in ("score.json", "score.html"):
        (tmp_path / name).write_text(results["score"].to_json())
    with pytest.raises(pyalign.InputError, match=r"path must end in \.html or \.htm; got .*score\.json$"):
        write_report(tmp_path / "score.json", tmp_path / "score.json")
    with pytest.raises(pyalign.InputError, match=r"path must not be that of a result; got .*score\.html$"):
        write_report([tmp_path / "score.html"], tmp_path / "score.html")
    for name in ("score.json", "score.html"):
        assert (tmp_path / name).read_text() == results["score"].to_json()


@pytest.mark.parametrize("path", [None, 3, "report", "report.txt"])
def test_a_path_that_is_none_is_one_line(results, path):
    rule = r"end in \.html or \.htm" if isinstance(path, str) else "be text or an os.PathLike of text"
    with pytest.raises(pyalign.InputError, match=f"path must {rule}; got "):
        write_report(results["score"], path)


def test_a_title_is_text(results, tmp_path):
    with pytest.raises(pyalign.InputError, match="title must be text; got 3"):
        write_report(results["score"], tmp_path / "report.html", title=3)


def test_metadata_of_other_models_altogether_are_noted(results, tmp_path):
    made = write_report(results["score"], tmp_path / "report.html", metadata=[{"model": "bert", "family": "A"}])
    assert "No row of the metadata is of a model here: rows bert; models clip, vgg, " in made.notes[-1]
    some = write_report(results["score"], tmp_path / "report.html", metadata=[{"model": "clip", "family": "A"}])
    assert not [note for note in some.notes if "metadata" in note]
