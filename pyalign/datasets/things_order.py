"""The three orders in which rows of THINGS come: by name, so that rows are matched and never counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyalign import _checks
from pyalign.data.names import match_names, require_different
from pyalign.errors import InputError

THINGS_ORDERS = ("sorted", "raw", "folders")


def things_order(order: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names of the objects in one of the orders in which files of THINGS have them.

    Give them to what has none, and everything else goes by name: ``Embeddings(values, things_order("raw", names))``,
    ``Triplets(numbers, things_order("raw", names), numbered=True)``.

    Args:
        order: "sorted", that of ``unique_id.txt``, of the published triplets and dimensions; "raw", that of
            ``sorted(name + ".jpg")``, in which 21 rows stand elsewhere; "folders", by upper-case names, in which 192
            do.
        names: the objects in the order of ``unique_id.txt``, as `load_dataset("things").names()` has them.

    Raises:
        InputError: another order; names that are not different.

    Example:
        >>> things_order("raw", ["hot_tub", "hot-air_balloon", "house"])
        ('hot-air_balloon', 'hot_tub', 'house')
        >>> things_order("folders", ["air_mattress", "airbag"])
        ('airbag', 'air_mattress')
    """
    _checks.one_of(order, THINGS_ORDERS, "order")
    objects = tuple(map(str, names))
    require_different(objects, "object")
    if order == "raw":
        return tuple(name.removesuffix(".jpg") for name in sorted(f"{name}.jpg" for name in objects))
    return tuple(sorted(objects, key=str.upper)) if order == "folders" else objects


def things_rows(have: str, want: str, names: Sequence[str]) -> np.ndarray:
    """int32 (n,): rows in one order out of rows in another, ``wanted = had[things_rows("raw", "sorted", names)]``.

    For numbers of items it is the other way round: what is number k in order `have` is number
    ``things_rows(want, have, names)[k]`` in order `want`.

    Raises:
        InputError: as `things_order`.

    Example:
        >>> things_rows("raw", "sorted", ["hot_tub", "hot-air_balloon", "house"])
        array([1, 0, 2], dtype=int32)
    """
    return match_names(things_order(want, names), things_order(have, names)).rows


def find_things_order(row_names: Sequence[str], names: Sequence[str]) -> str:
    """Recognizes by their names which of the orders rows are in.

    Raises:
        InputError: none of them.

    Example:
        >>> find_things_order(["airbag", "air_mattress"], ["air_mattress", "airbag"])
        'folders'
    """
    rows = tuple(map(str, row_names))
    for order in THINGS_ORDERS:
        if rows == things_order(order, names):
            return order
    raise InputError(f"rows must be in one of the orders {', '.join(THINGS_ORDERS)}; they are in another")
