"""Reading and writing data files: the only package of pyalign that opens them.

Embeddings come in as (n, d), triplets as (t, 3) with the odd item last. What a file does wrong is said in
one line that starts with its path (``pyalign.errors.InputError``); a missing file raises the system's
``OSError``.
Only numpy is imported here; a format's package is imported when a file of that format is read.
"""

from __future__ import annotations

from pyalign.io.answers import read_answers
from pyalign.io.categories import read_categories
from pyalign.io.contents import Content, contents
from pyalign.io.embeddings import load_embeddings
from pyalign.io.names import read_names
from pyalign.io.paths import split_key
from pyalign.io.subjects import read_subjects
from pyalign.io.transform import holds_transform, read_transform, write_transform
from pyalign.io.triplets import load_triplets
from pyalign.io.write import write_array, write_files, write_text

__all__ = [
    "Content",
    "contents",
    "holds_transform",
    "load_embeddings",
    "load_triplets",
    "read_answers",
    "read_categories",
    "read_names",
    "read_subjects",
    "read_transform",
    "split_key",
    "write_array",
    "write_files",
    "write_text",
    "write_transform",
]
