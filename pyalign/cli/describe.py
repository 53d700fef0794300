"""`pyalign describe`: what a file or a folder seems to be."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.analysis.describe.file import describe_file
from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.io.paths import Spec
from pyalign.progress import Progress


@dataclass(frozen=True)
class DescribeOptions(_options.Output):
    """The options of `pyalign describe`."""

    file: Spec = option(
        "a file of embeddings, triplets, answers, names, a map, or a folder of `pyalign extract`; FILE::KEY picks an "
        "array",
        required=True, metavar="FILE", role="input", positional=True,
    )  # fmt: skip


def run(options: DescribeOptions, progress: Progress) -> Outcome:
    """Reads, describes."""
    return Outcome(describe_file(options.file))


COMMAND = Command(DescribeOptions, run, "pyalign describe triplets.npy", about=("file",))
