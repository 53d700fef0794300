"""`pyalign sample`: the built-in sample as files."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli._command import Command, Outcome, option
from pyalign.datasets.sample import write_sample
from pyalign.progress import Progress


@dataclass(frozen=True)
class SampleOptions:
    """The options of `pyalign sample`."""

    folder: str = option(
        "folder to write to; created if it does not exist", required=True, metavar="DIR", positional=True
    )


def run(options: SampleOptions, progress: Progress) -> Outcome:
    """Writes the sample and says where."""
    return Outcome(text="\n".join(map(str, write_sample(options.folder))))


COMMAND = Command(SampleOptions, run, "pyalign sample demo")
