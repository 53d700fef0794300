"""Charts of the gallery's scripts, kept as SVG: what sphinx-gallery calls a scraper."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import altair
from sphinx_gallery.scrapers import figure_rst

from pyalign.report.charts.save import rendered


def keep_charts(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any], **_: Any) -> str:
    """Writes each chart that a block of a script has made, and gives what shows them."""
    seen = block_vars.setdefault("pyalign_charts", set())
    paths = []
    for value in list(block_vars["example_globals"].values()):
        if isinstance(value, altair.TopLevelMixin) and id(value) not in seen:
            seen.add(id(value))
            paths.append(os.path.splitext(next(block_vars["image_path_iterator"]))[0] + ".svg")
            Path(paths[-1]).write_bytes(rendered(value, ".svg"))
    return figure_rst(paths, gallery_conf["src_dir"]) if paths else ""
