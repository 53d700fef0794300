"""Notebooks of the gallery's scripts and of the two tutorials, into build/notebooks: python tools/notebooks.py [OUT].

Scripts and pages are the only source. jupytext divides them into cells; the first cell installs what they need, a cell
that makes a chart shows it, a script that a page links is written beside the notebook, and the outputs that a page
prints are left out, since running a notebook brings its own.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import jupytext
import nbformat

from pyalign.errors import DISTRIBUTION

ROOT = Path(__file__).resolve().parents[1]
SITE = "https://pyalign-kit.github.io/pyalign"
EXTRAS = {"tutorial-images": "extract,probe,report", "tutorial-things": "datasets,files,probe,report"}
OF_GALLERY = "files,probe,report"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
HEADER = "---\njupyter:\n  kernelspec: {display_name: Python 3, language: python, name: python3}\n---\n"
INSTALL = "# Once in each environment: installs pyalign.\n%pip install --quiet '{DISTRIBUTION}[{extras}]'"


def sources() -> list[Path]:
    return [*sorted((ROOT / "examples").glob("plot_*.py")), *(ROOT / "docs" / f"{name}.md" for name in sorted(EXTRAS))]


def notebook(path: Path) -> nbformat.NotebookNode:
    """The cells of a script or page, after one that installs pyalign."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        text = re.sub(r"^<!-- .*? -->\n", "", text, flags=re.M)
        text = re.sub(r"^```text\n.*?^```\n", "", text, flags=re.M | re.S)
        text = re.sub(r"^```sh$", "```bash", text, flags=re.M)
        text = HEADER + re.sub(r"\]\((?!http)([\w-]+)\.md", rf"]({SITE}/\1.html", text)
    else:  # the gallery's words are comments below # %%, and the first docstring
        text = re.sub(r'(?s)\A"""\n(.*?)\n=+\n(.*?)"""\n', lambda top: _markdown(f"# {top[1]}\n{top[2]}"), text)
        text = re.sub(r"(?m)^# %%\n((?:# ?.*\n)+)", lambda words: _markdown(re.sub("(?m)^# ?", "", words[1])), text)
    made = jupytext.reads(text, "md" if path.suffix == ".md" else "py:percent")
    for cell in made.cells:
        cell.source = cell.source.strip("\n")
        if cell.cell_type == "code" and re.search(r"(?m)^chart = ", cell.source):
            cell.source += "\nchart"
    install = INSTALL.format(DISTRIBUTION=DISTRIBUTION, extras=EXTRAS.get(path.stem, OF_GALLERY))
    linked = [] if path.suffix == ".py" else re.findall(r"\]\(\.\./(examples/[\w/-]+\.py)\)", text)
    files = [f"%%writefile {Path(name).name}\n{(ROOT / name).read_text(encoding='utf-8')}" for name in linked]
    made.cells[:0] = [nbformat.v4.new_code_cell(source) for source in (install, *files)]
    made.metadata = {"kernelspec": KERNEL}
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"  # the same bytes each time
    return made


def _markdown(words: str) -> str:
    comments = "".join(f"# {line}".rstrip() + "\n" for line in words.strip().splitlines())
    return f"# %% [markdown]\n{comments}\n# %%\n"


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for path in sources():
        nbformat.write(notebook(path), out / f"{path.stem}.ipynb")
        print(out / f"{path.stem}.ipynb")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "notebooks")
