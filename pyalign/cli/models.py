"""`pyalign models ...`: the models that installed sources know, their layers, and what is known of published ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.extraction.models import ModelList, describe_models, find_models, model_layers
from pyalign.extraction.sources import SOURCES
from pyalign.io.metadata import load_metadata
from pyalign.io.paths import Spec
from pyalign.progress import Progress

# pyalign models list


@dataclass(frozen=True)
class ListOptions(_options.Output):
    """The options of `pyalign models list`."""

    pattern: str | None = option(
        "part of the name, or the whole with * and ?; letters of either case; after SOURCE: only of that source, "
        f"one of {', '.join(SOURCES)}", metavar="PATTERN", positional=True,
    )


def run_list(options: ListOptions, progress: Progress) -> Outcome:
    """Lists."""
    source, colon, _ = (options.pattern or "").partition(":")
    listed = find_models(options.pattern, source if colon and source in SOURCES else None)
    if options.pattern is None and not options.verbose:
        return Outcome(listed, text=_counts(listed))
    return Outcome(listed)


def _counts(listed: ModelList) -> str:
    """How many models each source has."""
    counts = Counter(model.source for model in listed.models)
    rows = [f"{source:<24}{count:>6,} model{'' if count == 1 else 's'}" for source, count in counts.items()]
    more = "part of a name lists those that have it, --verbose all: pyalign models list resnet50"
    return "\n".join([*rows, more])


LIST = Command(ListOptions, run_list, "pyalign models list timm:resnet50")


# pyalign models layers


@dataclass(frozen=True)
class LayersOptions(_options.Output):
    """The options of `pyalign models layers`."""

    model: str = option(
        "model, as SOURCE:NAME (see `pyalign models list`)", required=True, metavar="SOURCE:NAME", positional=True
    )
    checkpoint: Spec | None = option(
        "file or folder with the model's weights (default: random weights, which have the same layers)", metavar="FILE",
        role="input",
    )


def run_layers(options: LayersOptions, progress: Progress) -> Outcome:
    """Makes the model, lists its layers."""
    return Outcome(model_layers(options.model, options.checkpoint))


LAYERS = Command(LayersOptions, run_layers, "pyalign models layers efficientnet-lite:0")


# pyalign models table


@dataclass(frozen=True)
class TableOptions(_options.Output):
    """The options of `pyalign models table`."""

    models: tuple[str, ...] = option(
        "models, as SOURCE:NAME or as papers call them, or parts of names (default: all)", default=(), nargs="*",
        metavar="MODEL", positional=True,
    )
    metadata: Spec | None = option(
        "table of your own, whose cells come before those of the table here; its other models are added",
        metavar="FILE", role="input",
    )


def run_table(options: TableOptions, progress: Progress) -> Outcome:
    """Looks the models up."""
    own = None if options.metadata is None else load_metadata(options.metadata)
    return Outcome(describe_models(options.models, own))


TABLE = Command(TableOptions, run_table, "pyalign models table clip_ViT-B/32 resnet50 --csv models.csv")
