"""The built-in sample: 411 pictures of objects, real features of them, and triplets of Unicode's subgroups.

The triplets are category labels, not human judgments; docs/sample.md says how the sample was made.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from pyalign.io import write_files
from pyalign.io.paths import checked_path

FILES = (
    "embeddings.npy", "triplets.npy", "names.txt", "subgroups.txt", "images.tar", "NOTICE.txt", "provenance.json",
)


def write_sample(folder: str | os.PathLike[str]) -> list[Path]:
    """Copies the sample's files into `folder`, which is made if it isn't there.

    Returns:
        The paths written: embeddings (411, 1280) float16, triplets (28770, 3) int16, names, subgroups, an archive
        of pictures, notices.

    Raises:
        OSError: the folder can't be written.

    Example:
        >>> import tempfile
        >>> [path.name for path in write_sample(tempfile.mkdtemp())][:2]
        ['embeddings.npy', 'triplets.npy']
    """
    target = Path(checked_path(folder, "folder"))
    source = files("pyalign.datasets") / "sample"
    contents = {target / name: (source / name).read_bytes() for name in FILES}
    write_files(contents.items())
    return list(contents)
