"""What this site has of its own.

Pages made from declarations, in docs/reference/, which git ignores; links into the rest of the repository; words in
backticks, which link where they name something public.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import commands
import functions
import measurements
from docutils import nodes
from sphinx.roles import XRefRole

from pyalign import __all__ as public
from pyalign.results import Result

# Files beside docs/ that are pages here.
PAGES = {
    "../README.md": "index.md", "../CONTRIBUTING.md": "contributing.md", "../CHANGELOG.md": "changelog.md",
    "../tools/README.md": "tools.md", "../benchmarks/README.md": "benchmarks.md",
}
PLACES = {"commands": commands, "functions": functions, "": measurements}


def write_pages(app: Any) -> None:
    """Pages whose text is as it was are left as they are, so that they are not built again."""
    root = Path(app.srcdir) / "reference"
    written = set()
    for place, module in PLACES.items():
        for name, text in module.pages().items():
            path = root / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            written.add(path)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
    drawn = {path.stem for path in (root.parents[1] / "examples").glob("plot_*.py")}
    left = [path for path in root.rglob("*.*") if path.is_file() and path not in written]
    left += [path for path in root.parent.glob("gallery/plot_*.*") if path.name.split(".")[0] not in drawn]
    for path in left:
        path.unlink()


def map_links(app: Any, name: str, source: list[str]) -> None:
    """Links to files of the repository lead to their pages."""
    for path, page in PAGES.items():
        source[0] = source[0].replace(f"]({path}", f"]({page}")


class Public(XRefRole):
    """Words in backticks of a docstring: a link where they are a name of `pyalign`, else code."""

    def run(self) -> Any:
        word = self.text.removesuffix("()")
        name = word.removeprefix("pyalign.")
        if name not in public:
            return [nodes.literal(self.rawtext, self.text)], []
        self.name, self.title, self.target, self.has_explicit_title = "py:obj", self.text, f"pyalign.{name}", True
        return super().run()


def keep_sentence(app: Any, what: str, name: str, object: Any, options: Any, lines: list[str]) -> None:
    """Of what is returned, and of properties, napoleon takes what stands before a colon for a type: here it is none."""
    first = [k + 1 for k, line in enumerate(lines[:-1]) if line.strip() in ("Returns:", "Yields:")]
    for k in first + [0] * (what in ("property", "attribute", "data")):
        lines[k] = re.sub(r"^( *)", r"\1: ", lines[k])


def trim_code(app: Any, doctree: Any) -> None:
    """The empty line that ends an example for doctest is not shown."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext()
        if block.rawsource == text:
            block.rawsource = text.rstrip()
            block.children = [nodes.Text(text.rstrip())]


def no_call(app: Any, what: str, name: str, object: Any, options: Any, arguments: str, returns: str) -> Any:
    """Results are made by functions: their attributes are listed, and how they are called is of no use."""
    return ("", None) if what == "class" and issubclass(object, Result) else None


def setup(app: Any) -> dict[str, Any]:
    app.connect("builder-inited", write_pages)
    app.connect("source-read", map_links)
    app.connect("autodoc-process-docstring", keep_sentence, priority=100)
    app.connect("autodoc-process-signature", no_call)
    app.connect("doctree-read", trim_code)
    app.add_role("public", Public())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
