"""Lists of models and of their layers."""

from __future__ import annotations

from pyalign.extraction.models import ModelLayers, ModelList
from pyalign.report.tables import one_line


def models_table(found: ModelList, width: int | None = None, verbose: bool = False) -> str:
    """The names, one a line."""
    return "\n".join(one_line(model.name) for model in found.models)


def layers_table(found: ModelLayers, width: int | None = None, verbose: bool = False) -> str:
    """A layer a line: its name, its shape for an item, what it is."""
    rows = [("layer", "shape", "what")] + [(one_line(one.name), one.shape, one_line(one.what)) for one in found.layers]
    first, second = (max(len(row[k]) for row in rows) for k in (0, 1))
    return "\n".join(f"{name:<{first}}  {shape:<{second}}  {what}".rstrip() for name, shape, what in rows)
