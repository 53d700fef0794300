"""Numbers and formats of docs/security.md are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pyalign.datasets import unpack
from pyalign.extraction import _formats, sources
from pyalign.io import _apart_desk, apart, bounds, folder, gz, image_files, image_rows, pickles, toml, write
from pyalign.io.formats import FORMATS
from pyalign.report.charts import save
from pyalign.report.page.write import _policy
from pyalign.study import claims, file

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
PAGE = " ".join(TEXT.split())
MB, GB = 1 << 20, 1 << 30
WORDS = {50: "fifty", 100: "hundred", 9: "nine"}


@pytest.mark.parametrize(
    "words, numbers",
    [
        ("after {} seconds of CPU time without progress ({} more", (_apart_desk.BUSY, GB // _apart_desk.SLOWEST)),
        ("or {} seconds without a word", (apart.SILENCE,)),
        ("twice the size of the data plus {} MB", (bounds.SMALL // MB,)),
        ("at most a {} times its size", (WORDS[bounds.MOST_EXPANSION],)),
        ("(text: {} times), or {} MB", (WORDS[gz.MOST_EXPANSION], bounds.SMALL // MB)),
        ("(text: {} MB)", (gz.SMALL // MB,)),
        ("Files of more than {} MB are refused if less than", (bounds.SMALL // MB,)),
        ("less than a {}th of them is on the disk", (WORDS[bounds.MOST_EXPANSION],)),
        ("a manifest (at most {} MB)", (folder.LARGEST // MB,)),
        ("| `dataset.toml`, `mine.toml` | at most {} MB", (toml.LARGEST // MB,)),
        ("at most {} folders deep", (unpack.DEEPEST,)),
        ("times the archive's size or {} MB, and {} members", (bounds.SMALL // MB, unpack.FEW)),
        ("at most {} instructions", (pickles.MOST_STEPS,)),
        ("some {} MB at once", (image_rows.PIECE // MB,)),
        ("image files by {} plugins", (WORDS[len(_formats.FORMATS)],)),
        ("with at most {} pixels", (_formats.MOST_PIXELS,)),
        ("and {} GiB of file", (image_files.LARGEST // GB,)),
        ("Its releases before {}, which", (sources.FIRST["sentence_transformers"][0],)),
        ("so is transformers before {}.{}.", sources.FIRST["transformers"]),
        ("for {} seconds at most", (write.PATIENCE,)),
        ("or {} seconds after its last change", (claims.DEAD,)),
        ("The file has at most {} MB, {} dots", (toml.LARGEST // MB, toml.MOST_DOTS)),
        ("lists nested {} deep", (toml.DEEPEST,)),
        ("at most {} models in all", (file.MOST_MODELS,)),
    ],
)  # fmt: skip
def test_a_limit_on_the_page_is_that_of_the_code(words, numbers):
    texts = [number if isinstance(number, str) else f"{number:,.0f}" for number in numbers]
    assert words.format(*texts) in PAGE


def test_the_table_has_every_format_with_the_process_that_reads_it():
    told = {}
    for row in TEXT.splitlines():
        if row.startswith("| `."):
            _, formats, how, _ = row.split("|")
            told |= dict.fromkeys(re.findall(r"`(\.\w+)`", formats), "in a separate process" in how)
    assert ".gz" in told
    wanted = {suffix: "apart" in reader.function for suffix, reader in FORMATS.items()}
    wanted = {suffix: apart for suffix, apart in wanted.items() if not suffix.endswith(".gz")}
    assert told == {**wanted, ".gz": False, ".mat": True}  # of version 7.3, in the last row


def test_pages_and_figures_load_nothing():
    for policy in (_policy(["x"]), Path(save.__file__).read_text(encoding="utf-8")):
        assert "default-src 'none'" in policy and "http" not in policy.partition("default-src")[2].partition(">")[0]
