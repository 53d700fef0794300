"""tools/notebooks.py: each notebook runs from its first line to its last, and shows what it makes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from support import load_from_tools

jupytext, nbclient, _ = (pytest.importorskip(name) for name in ("jupytext", "nbclient", "ipykernel"))
notebooks = load_from_tools("notebooks")
NAMES = {path.stem: path for path in notebooks.sources()}


def run(name, folder):
    """The notebook after a run, but for its first cell: the package that it installs is the one that is tested."""
    book = notebooks.notebook(NAMES[name])
    notebooks.nbformat.validate(book)
    assert book.cells.pop(0).source.splitlines()[-1].startswith(f"%pip install --quiet '{notebooks.DISTRIBUTION}[")
    where = {"metadata": {"path": str(folder)}}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    client = nbclient.NotebookClient(book, timeout=300, kernel_name="python3", resources=where)
    client.execute(env={**os.environ, "PATH": path})
    return book


def test_there_is_one_for_each_script_of_the_gallery_and_each_tutorial():
    assert len(NAMES) == 9 and {"plot_1_accuracy", "tutorial-images", "tutorial-things"} <= NAMES.keys()


def test_words_are_cells_of_text_and_the_page_is_not_repeated():
    book = notebooks.notebook(NAMES["plot_1_accuracy"])
    assert [cell.cell_type for cell in book.cells] == ["code", *["markdown", "code"] * 3]
    assert book.cells[1].source.startswith("# Accuracy") and book.cells[-1].source.endswith("\nchart")
    images = notebooks.notebook(NAMES["tutorial-images"])
    code = [cell.source for cell in images.cells[1:] if cell.cell_type == "code"]
    assert all(source.startswith("%%bash\n") or "import" in source for source in code)
    assert not any("<!--" in cell.source or "```text" in cell.source for cell in images.cells)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("plot_")])
def test_scripts_of_the_gallery_run_and_show_their_chart(name, tmp_path):
    pytest.importorskip("altair", reason="altair is not installed")
    book = run(name, tmp_path)
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("vega-embed" in output.get("data", {}).get("text/html", "") for output in outputs) == 1


@pytest.mark.slow
def test_the_tutorial_of_images_runs(tmp_path):
    pytest.importorskip("timm", reason="timm is not installed")
    run("tutorial-images", tmp_path)
    assert any(path.suffix == ".html" for path in tmp_path.rglob("*")), os.listdir(tmp_path)
