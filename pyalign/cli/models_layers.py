"""`pyalign models layers`: what may be asked for of a model."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.progress import Progress


@dataclass(frozen=True)
class LayersOptions(_options.Output):
    """The options of `pyalign models layers`."""

    model: str = option("SOURCE:NAME, see `pyalign models list`", required=True, metavar="SOURCE:NAME", positional=True)
    checkpoint: str | None = option(
        "file or folder with the model's weights (default: random ones, which have the same layers)", metavar="FILE",
        role="input",
    )  # fmt: skip
    text: bool = option("the layers for texts, of a model that takes images too", default=False)


def run(options: LayersOptions, progress: Progress) -> Outcome:
    """Makes the model, lists its layers."""
    from pyalign.extraction.models import model_layers

    return Outcome(model_layers(options.model, options.checkpoint, "texts" if options.text else "images"))


COMMAND = Command(LayersOptions, run, "pyalign models layers efficientnet-lite:0")
