"""`pyalign datasets info`: source, licence, citation and layout of a data set."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.datasets import DATASETS
from pyalign.datasets.listing import dataset_info
from pyalign.progress import Progress


@dataclass(frozen=True)
class InfoOptions(_options.Output):
    """The options of `pyalign datasets info`."""

    name: str = option("see `pyalign datasets list`; or a folder with a dataset.toml, as ./mine", required=True,
                       metavar="NAME", words=DATASETS, positional=True)  # fmt: skip


def run(options: InfoOptions, progress: Progress) -> Outcome:
    """Tells."""
    return Outcome(dataset_info(options.name))


COMMAND = Command(InfoOptions, run, "pyalign datasets info things")
