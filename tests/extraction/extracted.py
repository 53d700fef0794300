"""What tests of extractions share: the bytes of a folder, another processor, changing pictures, dying processes."""

from __future__ import annotations

import json
import os
import signal
import traceback
from pathlib import Path

import numpy as np
import pytest

OTHER = "ATEN_CPU_CAPABILITY=other"


def files(folder):
    """The bytes of a finished folder; of the manifest all but times and the name of the folder."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    document = json.loads(found.pop("manifest.json"))
    for key in ("seconds", "items_per_second"):
        document.pop(key)
    document["provenance"].pop("time")
    assert os.path.basename(document["provenance"]["options"].pop("out")) == folder.name
    return found, document


def repaint(folder, k, seed):
    """Another picture under the name of one, of the same size and the same time of change."""
    path = folder / f"{k:02}.bmp"
    before = path.stat() if path.exists() else None
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    pytest.importorskip("PIL.Image").fromarray(pixels).save(path)
    if before is not None:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size


def kill_at(point, torn=False):
    """Makes the call with that number among those that change the disk the last one of this process.

    torn: whether a part that is moved then has lost its end, as where the power fails before it is on the disk.
    """
    left = [point]

    def die_or(real, name):
        def counted(*args, **options):
            left[0] -= 1
            if left[0] < 0:
                if torn and name == "replace" and Path(args[1]).name.startswith("part-"):
                    os.truncate(args[0], os.path.getsize(args[0]) // 2)
                    real(*args)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        return counted

    for name in ("fsync", "replace", "unlink", "rmdir", "mkdir"):
        setattr(os, name, die_or(getattr(os, name), name))


def in_a_fork(action):
    """The signal that ended `action` in a process of its own, or 0."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return status & 0x7F
