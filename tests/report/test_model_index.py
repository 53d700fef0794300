"""Figures for model cards: YAML that readers of YAML, and the Hub's own functions, read back as it was meant."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals

import pyalign
from pyalign.report.text import latex_text

yaml = pytest.importorskip("yaml")
X, TRIPLETS = reals(1, 30, 5), draw_triplets(2, 30, 600, np.int32)
WORDS = "no Yes on null ~ 1e5 1_000 0x1 12:30:00 2020-01-01 #c &x *x !x | > % @ ` - \u05e9".split(" ")


@pytest.mark.parametrize("word", [*WORDS, "- a", "a: b", "'", '"'])
def test_names_with_a_meaning_in_yaml_stay_text(word, tmp_path):
    name, figures = read(pyalign.score({word: X}, TRIPLETS), tmp_path, dataset=word)
    assert (name, figures[0].dataset_name, figures[0].dataset_type) == (word, word, word)


def read(result, tmp_path, **options):
    """Name and figures as huggingface_hub reads them from a card."""
    hub = pytest.importorskip("huggingface_hub")
    from huggingface_hub.repocard_data import model_index_to_eval_results

    card = tmp_path / "README.md"
    card.write_text(f"---\nlicense: mit\n{result.to_model_index(**options)}---\n# A model\n", encoding="utf-8")
    return model_index_to_eval_results(hub.metadata_load(card)["model-index"])


def test_the_hub_reads_scores(tmp_path):
    score = pyalign.score({"my <model> & co": X}, TRIPLETS, ci="objects")
    name, figures = read(score, tmp_path, dataset="things-odd-one-out")
    assert name == "my <model> & co"
    assert [(one.metric_type, one.metric_value) for one in figures] == [
        ("accuracy", score[0].accuracy), ("cross_entropy", score[0].cross_entropy),
    ]
    first = figures[0]
    assert (first.task_type, first.dataset_type, first.dataset_name) == (
        "feature-extraction", *["things-odd-one-out"] * 2)
    assert first.metric_args["interval"] == list(score[0].ci) and first.metric_args["over"] == "objects"
    assert first.metric_args["n_triplets"] == 600 and first.metric_args["measure"] == "cosine"


def test_several_models_and_measures_have_an_entry_for_each_model():
    scores = pyalign.score({"a": X, "b": X[:, :2]}, TRIPLETS, measure=["cosine", "dot"])
    index = yaml.safe_load(scores.to_model_index())["model-index"]
    assert [entry["name"] for entry in index] == ["a", "b"]
    assert [len(entry["results"][0]["metrics"]) for entry in index] == [4, 4]
    assert index[0]["results"][0]["dataset"]["name"] == "human-similarity-judgments"
    with pytest.raises(pyalign.InputError, match="name must be left out"):
        scores.to_model_index(name="c")
    assert yaml.safe_load(scores[0].to_model_index(name="c"))["model-index"][0]["name"] == "c"


def test_the_hub_reads_correlations(tmp_path):
    found = pyalign.rsa({"x": X}, np.corrcoef(X + reals(3, 30, 5)), kind="similarity", n_permutations=None)
    _, figures = read(found, tmp_path)
    assert (figures[0].metric_type, figures[0].metric_value) == ("spearmanr", found.results[0].value)


def test_what_has_no_figure_has_no_card():
    unanswered = pyalign.score(X, pyalign.Triplets(TRIPLETS, answered=False))
    with pytest.raises(pyalign.InputError, match="must have a figure"):
        unanswered.to_model_index()


# LaTeX


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b & 5% #1 $x {y}", r"a\_b \& 5\% \#1 \$x \{y\}"),
        (r"\input{x} ~ ^", r"\textbackslash{}input\{x\} \textasciitilde{} \textasciicircum{}"),
        ("-0.5 to -.2", "$-$0.5 to $-$.2"),
        ("vit-32, a-1 -", "vit-32, a-1 -"),
        ("a---b", "a-{}-{}-b"),
        ("\u00b1 \u00b2 \u03c1 \u2026", r"$\pm$ \textsuperscript{2} $\rho$ \ldots{}"),
        ("[1] *", "{[}1{]} {*}"),
        ("  indented", r"\quad indented"),
        ("line\nbreak \u202e", r"line\textbackslash{}nbreak \textbackslash{}u202e"),
        ("caf\u00e9 \u05e9", "caf\u00e9 \u05e9"),
    ],
)
def test_latex_shows_what_the_text_says(text, expected):
    assert latex_text(text) == expected


@given(st.text())
def test_no_text_breaks_a_row_or_a_group(text):
    found = latex_text(text)
    bare = found.replace(r"\\{", "").replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert "\n" not in found and r"\\" not in found
    assert all(found[k - 1] == "\\" for k, letter in enumerate(found) if letter in "&%#_")


@pytest.mark.parametrize("options", [{"caption": 3}, {"label": 3}])
def test_caption_and_label_are_text(options):
    with pytest.raises(pyalign.InputError, match=r"(caption|label) must be text; got 3"):
        pyalign.score({"a": X}, TRIPLETS).to_latex(**options)


def test_latex_has_caption_label_and_notes():
    found = pyalign.score({"a_b": X, "[c]": X[:, :2]}, TRIPLETS, ci="objects")
    latex = found.to_latex("Scores & more", "tab:scores")
    assert latex.startswith("% \\usepackage{booktabs}\n") and latex.endswith("\\end{table}\n")
    assert r"\caption{Scores \& more}" in latex and r"\label{tab:scores}" in latex
    assert r"a\_b & " in latex and "\n{[}c{]} & " in latex
    assert r"50.000 \%" not in latex and r"intervals (closed form) over objects" in latex
    assert all(line.startswith("% note: ") for line in latex.splitlines()[1 : 1 + len(found.notes)])
    with pytest.raises(pyalign.InputError, match="label must be"):
        found.to_latex(label="a}b")


def test_latex_says_where_pdflatex_has_no_letters():
    assert "lualatex" in pyalign.score({"שלום": X}, TRIPLETS).to_latex()
    assert "lualatex" not in pyalign.score({"a": X}, TRIPLETS).to_latex()
