"""`pyalign models list`: the models that installed sources know."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.extraction.sources import SOURCES
from pyalign.progress import Progress


@dataclass(frozen=True)
class ListOptions(_options.Output):
    """The options of `pyalign models list`."""

    pattern: str | None = option(
        "part of the name, or the whole with * and ?; letters of either case", metavar="PATTERN", positional=True
    )
    source: str | None = option(f"one of {', '.join(SOURCES)}", choices=tuple(SOURCES), metavar="S")


def run(options: ListOptions, progress: Progress) -> Outcome:
    """Lists."""
    from pyalign.extraction.models import find_models

    return Outcome(find_models(options.pattern, options.source))


COMMAND = Command(ListOptions, run, "pyalign models list resnet50 --source timm")
