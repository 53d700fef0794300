"""The built-in sample: real features of 411 pictures of objects, and triplets of Unicode's subgroups.

The triplets are category labels, not human judgments; docs/sample.md says how the sample was made.
"""

from __future__ import annotations

import os
import shutil
from importlib.resources import as_file, files
from pathlib import Path

FILES = ("embeddings.npy", "triplets.npy", "names.txt", "subgroups.txt", "NOTICE.txt", "provenance.json")


def write_sample(folder: str | os.PathLike[str]) -> list[Path]:
    """Copies the sample's files into `folder`, which is made if it isn't there.

    Returns:
        The paths written: embeddings (411, 1280) float16, triplets (28770, 3) int16, names, subgroups, notices.

    Raises:
        OSError: the folder can't be written.

    Example:
        >>> import tempfile
        >>> [path.name for path in write_sample(tempfile.mkdtemp())][:2]
        ['embeddings.npy', 'triplets.npy']
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    return [_copy(name, target / name) for name in FILES]


def _copy(name: str, target: Path) -> Path:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with as_file(files("pyalign.datasets") / "sample" / name) as source:
            shutil.copyfile(source, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target
