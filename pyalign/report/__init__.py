"""Views of results: tables, pictures and pages, and progress on a terminal. `pyalign._result` knows them by `Shown`."""

from __future__ import annotations

from typing import Any

from pyalign._registry import load, register

VIEWS = {
    "table_of": "pyalign.report.text:table_of",
    "html_of": "pyalign.report.text:html_of",
    "latex_of": "pyalign.report.text:latex_of",
    "one_line": "pyalign.report.words:one_line",
    "picture_of": "pyalign.report.plot:plot",
    "model_index_of": "pyalign.report.model_index:model_index_of",
}


class Shown:
    """How results are shown; see `pyalign._result.Views`. Each view is loaded when it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name not in VIEWS:
            raise AttributeError(name)
        return load(VIEWS[name])


register("views", Shown())
