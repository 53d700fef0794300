"""Views of results: tables, pictures and pages, and progress on a terminal. `pyalign.results` knows them by `Shown`."""

from __future__ import annotations

from typing import Any

from pyalign._registry import register


class Shown:
    """How results are shown; see `pyalign.results.Views`. Each view is loaded when it is asked for."""

    def table_of(self, result: Any, width: int | None = None, verbose: bool = False) -> str:
        from pyalign.report.views import table_of

        return table_of(result, width, verbose)

    def html_of(self, result: Any) -> str:
        from pyalign.report.markup import html_of

        return html_of(result)

    def latex_of(self, result: Any, caption: str | None = None, label: str | None = None) -> str:
        from pyalign.report.markup import latex_of

        return latex_of(result, caption, label)

    def one_line(self, text: str) -> str:
        from pyalign.report.words import one_line

        return one_line(text)

    def picture_of(self, result: Any, kind: str | None = None, **looks: Any) -> Any:
        from pyalign.report.plot import plot

        return plot(result, kind, **looks)

    def model_index_of(self, result: Any, dataset: str | None = None, name: str | None = None, task: str = "") -> str:
        from pyalign.report.model_index import model_index_of

        return model_index_of(result, dataset, name, task)


register("views", Shown())
