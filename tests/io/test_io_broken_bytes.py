"""Text whose bytes are broken: every reader of text says in one line, which starts with the path, what is wrong."""

from __future__ import annotations

import gzip
import inspect

import pytest

import pyalign
import pyalign.io
from pyalign.errors import LONGEST
from pyalign.io.paths import TEXT

WHOLE = "".join(f"item{k},{k % 7},{k * k % 11},{k % 3}\n" for k in range(4000))
PACKED = gzip.compress(WHOLE.encode())
BROKEN = {
    "truncated": PACKED[: len(PACKED) // 2],
    "without its last bytes": PACKED[:-4],
    "of a wrong sum": PACKED[:-8] + bytes(byte ^ 0x55 for byte in PACKED[-8:-4]) + PACKED[-4:],
    "damaged": PACKED[:400] + b"\xff" * 40 + PACKED[440:],
    "no gzip": WHOLE.encode(),
    "packed latin-1": gzip.compress(WHOLE.replace("item3999", "\xe9").encode("latin-1")),
    "packed twice": gzip.compress(PACKED),
}
PLAIN = {
    "latin-1": WHOLE.replace("item3999", "\xe9").encode("latin-1"),
    "latin-1 at its start": b"\xe9" + WHOLE.encode(),
    "packed": PACKED,
}
REQUIRED = {"load_rdms": {"kind": "dissimilarity"}}


def readers():
    """The public functions that read a path, by name."""
    for name in {*pyalign.__all__, *pyalign.io.__all__}:
        function = getattr(pyalign.io if name in pyalign.io.__all__ else pyalign, name)
        is_reader = name.startswith(("load_", "read_")) and inspect.isfunction(function)
        if is_reader and "path" in inspect.signature(function).parameters:
            yield name, function


READERS = dict(sorted(readers()))


def test_there_are_readers_of_text():
    assert {"load_categories", "load_embeddings", "load_triplets", "load_metadata", "read_subjects"} <= READERS.keys()


@pytest.mark.parametrize("name", READERS)
def test_broken_bytes_are_one_line_with_the_path(name, tmp_path, message_of):
    for suffix in (*TEXT, ".json", ".toml"):
        path = tmp_path / f"x{suffix}"
        for what, content in (BROKEN if suffix.endswith(".gz") else PLAIN).items():
            path.write_bytes(content)
            said = message_of(READERS[name], path, **REQUIRED.get(name, {}))
            assert said.startswith(f"{path}: ") and len(said) <= LONGEST, what
