"""The table of docs/transfer.md: a map that was fitted to THINGS, on the 92 photographs of Kriegeskorte et al.

    python tools/transfer92.py [--data ../shared/data] [--write]

The commands of the page in Python: photographs through EfficientNet-Lite0, a map of its penultimate layer that is
fitted to answers about THINGS, and both on the judgments of 16 people. It takes two minutes, and the extra `extract`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import pyalign
from pyalign.report.neighborhoods import figure_called, overall, unit_of
from pyalign.results import Transfer

PAGE = Path(__file__).resolve().parent.parent / "docs" / "transfer.md"
BEGIN, END = "<!-- made by: python tools/transfer92.py --write -->", "<!-- end -->"
MODEL, PENALTY = "efficientnet-lite:0", 0.0627  # the penalty that cross-validation chose, see docs/real-results.md


def transferred(data: Path) -> Transfer:
    """The map before and after, on the photographs."""
    things = data / "things"
    names = (things / "unique_id.txt").read_text().split()
    fitted = pyalign.fit_probe(
        pyalign.load_embeddings(things / "efficientnet_lite0_penultimate.npy", names=names),
        pyalign.load_triplets(things / "human_triplets_375429.npy", item_names=names), penalty=PENALTY,
    )
    with tempfile.TemporaryDirectory() as folder:
        os.symlink((data / "objects92").resolve(), Path(folder, "kriegeskorte92"))
        os.environ["PYALIGN_DATA"] = folder
        pyalign.extract(MODEL, images="dataset:kriegeskorte92", out=Path(folder, "photographs"))
        photographs = pyalign.load_embeddings(Path(folder, "photographs"), key="penultimate")
        people = pyalign.load_dataset("kriegeskorte92")
        return pyalign.transfer(photographs, fitted.transform, {"kriegeskorte92": people})


def rows(found: Transfer) -> list[str]:
    """The figures as rows of a table, those of single categories last."""

    def number(value: float) -> str:
        return f"{value:.3f}"

    lines = ["| figure | over | before | after | difference | 95% interval |", "|---|---|---|---|---|---|"]
    for row in [*overall(found), *(row for row in found.figures if row.category is not None)]:
        ci = "" if row.ci is None else f"{number(row.ci.low)} to {number(row.ci.high)}"
        cells = [figure_called(row), f"{row.n:,} {unit_of(row)}s", number(row.before), number(row.after),
                 f"{row.difference:+.3f}", ci]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Prints the table, or writes it into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    lines = rows(transferred(args.data))
    print("\n".join(lines))
    if args.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        text = "\n".join([f"{before}{BEGIN}", "", *lines, f"{END}{rest.partition(END)[2]}"])
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
