"""Which process imported pyalign: `pyalign/__init__.py` loads this at once, and everything else when it is used."""

import os

_imported_by = os.getpid()


def is_forked_child() -> bool:
    """Whether this process was forked since pyalign was imported.

    A fork copies no threads, but the state of libraries that had some: OpenMP would wait for them for ever.
    """
    return os.getpid() != _imported_by
