"""`pyalign datasets fetch`: a data set from where it is published."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.datasets import DATASETS
from pyalign.progress import Progress


@dataclass(frozen=True)
class FetchOptions(_options.Output):
    """The options of `pyalign datasets fetch`."""

    name: str = option("see `pyalign datasets list`", required=True, metavar="NAME", words=DATASETS, positional=True)
    folder: str | None = option("where to, which is remembered (default: PYALIGN_DATA, else the user's cache)",
                                metavar="DIR")  # fmt: skip
    mirror: str | None = option("address with a folder for each data set, as they lie here", metavar="URL")


def run(options: FetchOptions, progress: Progress) -> Outcome:
    """Fetches what is not here yet."""
    from pyalign.datasets.fetch import fetch_dataset

    return Outcome(fetch_dataset(options.name, options.folder, options.mirror, progress))


COMMAND = Command(FetchOptions, run, "pyalign datasets fetch things")
