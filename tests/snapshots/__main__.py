"""Writes the snapshots: what is shown of results as they are now. `git diff` says what has changed.

python -m tests.snapshots --write              the texts, of the committed documents
python -m tests.snapshots --write documents    computes the documents again before; one that differs from the committed
                                               one by rounding errors alone stays as it is
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))  # support.py and the examples of other tests


def main(arguments):
    if arguments not in (["--write"], ["--write", "documents"]):
        raise SystemExit(__doc__)
    if arguments[1:]:
        write_all_documents()
    write_all_texts()


def write_all_documents():
    from .examples import documents_of, real_results, sample_results, small_results
    from .files import write_documents

    data = Path(os.environ.get("PYALIGN_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not data.is_dir():
        raise SystemExit(f"documents of real data need the folder of real data; {data} is not there")
    found = {}
    for results in (small_results, sample_results):
        with tempfile.TemporaryDirectory() as folder:
            found |= documents_of(results(Path(folder)), folder)
    write_documents(found | documents_of(real_results(data), data))


def write_all_texts():
    from .files import TOGETHER, read_documents, write_shown
    from .shown import texts_of
    from .together import texts_together

    documents, shown = {}, defaultdict(dict)
    for kind, held in read_documents().items():
        documents |= held
        for name, one in held.items():
            for make in texts_of(name, one).values():
                shown[kind] |= {f"{name} / {title}": text for title, text in make().items()}
    for name, make in texts_together(documents).items():
        shown[TOGETHER] |= {f"{name} / {title}": text for title, text in make().items()}
    write_shown(shown)


main(sys.argv[1:])
