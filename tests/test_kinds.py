"""A kind of result is one row: a toy is found everywhere where the kinds of pyalign are."""

from __future__ import annotations

import importlib
import re
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from support import run_python

import pyalign
from pyalign._registry import load
from pyalign.kinds import KINDS
from pyalign.report.charts import CHARTS, Chart, drawing
from pyalign.report.page.sections import module_of, names_of_sections
from pyalign.study.options import find_analysis

ROOT = Path(__file__).resolve().parents[1]

# The files that CONTRIBUTING.md asks for; the other three are rows.
TOY = {
    "pyalign/toy_sizes.py": '''
"""How many rows embeddings have."""

from dataclasses import dataclass
from typing import ClassVar

from pyalign._result import Result


@dataclass(frozen=True)
class Sizes(Result):
    """Rows by models."""

    command: ClassVar[str] = "sizes"

    models: dict[str, int]


def toy_sizes(x):
    return Sizes({name: len(rows) for name, rows in x.items()})
''',
    "pyalign/report/toy_sizes.py": """
from pyalign.report.blocks import Column, Table


def sizes_view(result, verbose=False):
    return [Table((Column("model", tuple(result.models)), Column("rows", tuple(result.models.values()), "count")))]
""",
    "pyalign/report/charts/sizes.py": """
from pyalign.report.charts.ranked import Panel, Row, ranked
from pyalign.report.charts.theme import finished, styled


@styled
def sizes_chart(result, look):
    rows = [Row(name, "rows", value, None, None) for name, value in result.models.items()]
    panel = Panel(rows, "rows", "d", {}, {}, "rows", "objects")
    return finished(ranked([panel], [*result.models], ["rows"], look), look, "Sizes of models", [])
""",
    "pyalign/report/page/sections/sizes.py": """
from pyalign.report.blocks import Section
from pyalign.report.toy_sizes import sizes_view
from pyalign.toy_sizes import Sizes


def sizes(sources):
    tables = [block for result in sources.results(Sizes) for block in sizes_view(result)]
    return Section("sizes", "Sizes", "How many rows each model has.", tuple(tables)) if tables else None
""",
    "pyalign/cli/sizes.py": '''
from dataclasses import dataclass

from pyalign.cli import _inputs, _options
from pyalign.cli._command import Command, Outcome
from pyalign.toy_sizes import toy_sizes


@dataclass(frozen=True)
class SizesOptions(_options.Model, _options.Output):
    """The options of `pyalign sizes`."""


def run(options, progress):
    return Outcome(toy_sizes({"x": _inputs.read_embeddings(options.embeddings)}))


SIZES = Command(SizesOptions, run, "pyalign sizes x.npy", about=("embeddings",))
''',
}
ROWS = """
import os, sys

os.chdir(sys.argv[1])
from pyalign._registry import Entry, Kind
from pyalign.kinds import KINDS, SCORE
from pyalign.report.charts import CHARTS, Chart
from pyalign.study.options import MODELS, Analysis

KINDS["sizes"] = Kind(
    "pyalign.toy_sizes:Sizes",
    "pyalign.report.toy_sizes:sizes_view",
    charts=("sizes",),
    sections=("sizes",),
    analyses=(Analysis("toy_sizes", {"x": MODELS}),),
    entry=Entry("sizes", "how many rows embeddings have", SCORE, "files"),
)
CHARTS["sizes"] = Chart(("result",))
import pyalign, pyalign.cli, pyalign.report, pyalign.report.page.sections
for package in (pyalign, pyalign.cli, pyalign.report, pyalign.report.charts, pyalign.report.page.sections):
    package.__path__ = [*package.__path__, "/".join([os.getcwd(), "toy", *package.__name__.split(".")])]
from pyalign.toy_sizes import toy_sizes
pyalign.toy_sizes = toy_sizes  # the row of __init__.pyi
import numpy as np
found = toy_sizes({"small": np.eye(3), "large": np.eye(700)})

def save(found):
    open("toy.json", "w").write(found.to_json())
    return "toy.json"
"""
SEEN = {
    "its view": ("print(found)", r"large +700"),
    "documents": ("print(pyalign.load_result(save(found)).models)", "'large': 700"),
    "plot": ("print(pyalign.plot(found).to_dict()['title'])", "Sizes of models"),
    "the page": (
        "print(pyalign.write_report([found], 'page.html').sections, open('page.html').read())",
        r"'sizes'[^$]*How many rows each model has",
    ),
    "a study": (
        "np.save('a.npy', np.eye(5))\n"
        "open('s.toml', 'w').write('[models]\\na = \"a.npy\"\\n\\n[steps.sizes]\\n')\n"
        "study = pyalign.run_study('s.toml', 'out')\n"
        "print([(one.name, one.status) for one in study.steps], open('out/report.html').read())",
        r"'sizes', 'finished'[^$]*How many rows each model has",
    ),
    "help": ("pyalign.cli.main(['--help'])", r"\n +sizes +how many rows"),
    "the command": ("np.save('a.npy', np.eye(5))\npyalign.cli.main(['sizes', 'a.npy'])", r"x +5"),
    "the reference": (
        f"sys.path.insert(0, {str(ROOT / 'docs' / '_ext')!r})\nimport commands\nprint(commands.pages()['sizes.md'])",
        "# pyalign sizes",
    ),
}


@pytest.mark.parametrize("where", SEEN)
def test_a_kind_of_result_is_found_everywhere_by_its_row(tmp_path, where):
    if where in ("plot", "the page", "a study"):
        pytest.importorskip("altair", reason="altair is not installed")
    for path, text in TOY.items():
        place = tmp_path / "toy" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    code, shown = SEEN[where]
    done = run_python(f"{ROWS}\n{code}", arguments=[tmp_path])
    assert re.search(shown, done.stdout), done.stderr or done.stdout[:2000]


def test_contributing_names_the_files_of_that_toy():
    text = re.sub(r"\s+", " ", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    section = text.partition("## To add a kind of result")[2].partition("## ")[0]
    assert len(re.findall(r" \d\. ", section)) == len(TOY) + 3 == 8
    rows = ("pyalign/kinds.py", "pyalign/__init__.pyi", "pyalign/report/charts/__init__.py")
    assert all(path.replace("toy_", "") in section.replace("analysis/", "") for path in (*TOY, *rows))


def test_the_analysis_in_contributing_is_a_whole_one(monkeypatch, tmp_path):
    pytest.importorskip("altair", reason="altair is not installed")
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.S)
    assert code.count("\n") <= 60
    toy = ModuleType("pyalign.toy_margin")
    for name in (toy.__name__, "pyalign.report.charts.margin", "pyalign.report.page.sections.margins"):
        monkeypatch.setitem(sys.modules, name, toy)
    exec(code, vars(toy))
    monkeypatch.setitem(KINDS, "margin", toy.MARGIN)
    monkeypatch.setitem(CHARTS, "margin", Chart(("result",)))
    rng = np.random.default_rng(0)
    x, weights, people = rng.normal(size=(30, 4)), rng.random(600) + 0.5, np.arange(600) % 12
    index = np.stack([rng.permutation(30)[:3] for _ in range(600)])
    triplets = pyalign.Triplets(index, tuple(f"{k:02}" for k in range(30)))
    model = pyalign.Embeddings(x[:28], triplets.names[:28])  # two objects have no row
    options = {"measure": "dot", "subjects": people, "weights": weights, "missing": "omit"}
    found = toy.margin({"a": model}, triplets, **options)
    there = (index < 28).all(axis=1)
    s = x @ x.T
    i, j, k = index[there].T
    ahead = s[i, j] - np.maximum(s[i, k], s[j, k])
    assert found.only.mean == pytest.approx(np.average(ahead, weights=weights[there]))
    assert found.only.ci.by == "objects+subjects" and found.only.ci.low < found.only.mean < found.only.ci.high
    plain = toy.margin({"a": model}, triplets, measure="dot", ci="triplets", missing="omit").only
    assert plain.standard_error == pytest.approx(ahead.std(ddof=1) / len(ahead) ** 0.5, rel=1e-2)
    with pytest.raises(pyalign.InputError, match=r"^missing must be one of raise, omit; got 'drop'"):
        toy.margin({"a": model}, triplets, missing="drop")
    assert re.search(r"margin[^$]*\na +", str(found))
    assert "How far ahead" in str(pyalign.plot(found).to_dict()["title"])
    pyalign.write_report([found], tmp_path / "page.html")
    assert "How far ahead the pair is." in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", KINDS)
def test_what_a_row_names_is_there(word):
    kind = KINDS[word]
    assert load(kind.result).command == word and fields(load(kind.result))
    assert not kind.view or callable(load(kind.view))
    assert {*kind.charts} <= {*CHARTS}
    assert all(callable(load(f"pyalign.report.page.sections.{module_of(name)}:{name}")) for name in kind.sections)
    for one in kind.analyses:
        assert callable(one.call) and one.name in pyalign.__all__ and find_analysis(one.name) == one
    assert not kind.analyses or find_analysis(word) == kind.analyses[0]


def test_every_chart_has_a_function_and_every_section_a_row():
    pytest.importorskip("altair", reason="altair is not installed")
    assert all(callable(drawing(name)) for name in CHARTS)
    folder = Path(importlib.import_module("pyalign.report.page.sections").__file__).parent
    assert {path.stem for path in folder.glob("[a-z]*.py")} == {*map(module_of, names_of_sections())}
