"""Documents of one question, such as of one model each, as one."""

from __future__ import annotations

from typing import Any

from pyalign.report.page.sources import Sources

# What differs between calls that ask the same of other models.
OF_A_CALL = ("version", "schema", "backend", "embeddings", "seconds", "n_dropped", "seed", "n_ties")


def pooled(given: Sources, command: str) -> list[dict[str, Any]]:
    """The documents of a command; those that say the same of all but their models have their `results` together.

    Results have the labels of the page. Of the same model the first one counts.

    Example:
        >>> from pyalign.report.page.sources import Loaded
        >>> one, other = ({"command": "hubs", "k": 3, "results": [{"embeddings": name}]} for name in ("a", "b"))
        >>> [len(found["results"]) for found in pooled(Sources((Loaded("1", one), Loaded("2", other))), "hubs")]
        [2]
    """
    held: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in given.of(command):
        document = one.document
        key = tuple(sorted(
            (name, repr(value)) for name, value in document.items()
            if name not in OF_A_CALL and not isinstance(value, dict | list)
        ))  # fmt: skip
        found = held.setdefault(key, {**document, "results": [], "differences": []})
        there = {(row["embeddings"], row.get("by"), row.get("measure")) for row in found["results"]}
        for row in document["results"]:
            if (row["embeddings"], row.get("by"), row.get("measure")) not in there:
                found["results"].append({**row, "label": given.label(str(row["embeddings"]))})
        found["differences"] += document.get("differences") or ()
    return list(held.values())
