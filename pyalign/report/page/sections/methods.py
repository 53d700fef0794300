"""Methods: every setting, version, hash and seed that the documents say."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from pyalign._version import __version__
from pyalign.report.blocks import Code, Column, Fold, Section, Table, Text, present
from pyalign.report.page.sections._rows import filled, nested, numbered, plain
from pyalign.report.page.sources import Loaded, Sources

LEAD = "What is needed to make these figures again: inputs with the SHA-256 of their values, settings, seeds, versions."
LONGEST = 300  # letters of one setting
# What a document says of itself, besides its results.
SAID = (
    "measure", "temperature", "ties", "nan", "seed", "backend", "correction", "ci_by", "ci_method", "confidence",
    "resamples", "permutations", "n_triplets", "n_objects", "n_subjects", "n_dropped", "coverage",
    "triplets", "task", "split", "dimensions", "assign", "top", "min_triplets", "human", "kind", "pooling",
    "simulations", "refit", "folds",
)  # fmt: skip


def methods(given: Sources) -> Section | None:
    """Documents, inputs, settings, manifests of extractions."""
    if not given.documents:
        return None
    parts = [_documents(given), _inputs(given), _settings(given), *_extractions(given), _notes(given)]
    return Section("methods", "Methods", LEAD, present(parts))


def _provenance(one: Loaded) -> Mapping[str, Any]:
    return nested(one.document, "provenance")


def _called(given: Sources) -> tuple[str, ...]:
    """Of each document: its file, or its command and number."""
    return tuple(one.path or f"{one.command} ({number})" for number, one in enumerate(given.documents, start=1))


def _documents(given: Sources) -> Table:
    held = [_provenance(one) for one in given.documents]
    columns = (
        Column("Document", _called(given)),
        Column("Command", tuple(one.command for one in given.documents), filter=True),
        Column("pyalign", tuple(str(one.document.get("version")) for one in given.documents), named=True),
        Column("Schema", tuple(plain(one.document.get("schema")) for one in given.documents), "count"),
        Column("Computed", tuple(plain(one.get("time")) for one in held)),
        Column("Backend", tuple(plain(one.get("backend")) for one in held)),
        Column("Seed", tuple(_seed(one, of) for one, of in zip(given.documents, held, strict=True)), "count",
               note="of what was drawn at random; missing where nothing was"),
    )  # fmt: skip
    return Table(columns, name="documents-table", caption=f"Documents on this page, which pyalign {__version__} made.")


def _seed(one: Loaded, provenance: Mapping[str, Any]) -> Any:
    seed = provenance.get("seed")
    return plain(one.document.get("seed") if seed is None else seed)


def _inputs(given: Sources) -> Table | None:
    """Each array once: what it is called, and the documents that it went into."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for name, one in zip(_called(given), given.documents, strict=True):
        for held in _provenance(one).get("inputs") or ():
            shape = " x ".join(f"{axis:,}" for axis in held.get("shape") or ())
            key = (
                held.get("source") or held.get("name"),
                held.get("name"),
                shape,
                held.get("dtype"),
                held.get("sha256"),
            )
            found.setdefault(key, []).append(name)
    if not found:
        return None
    keys = list(found)
    columns = (
        Column("File or array", tuple(key[0] for key in keys)),
        Column("Input", tuple("embeddings" if key[0] == key[1] else key[1] for key in keys), filter=True),
        Column("Model", tuple(given.labels.get(str(key[0])) for key in keys)),
        Column("Shape", tuple(key[2] or None for key in keys)),
        Column("Type", tuple(key[3] for key in keys)),
        Column("SHA-256", tuple(key[4] for key in keys), note="of type, shape and values: pyalign.data.fingerprint"),
        Column("Documents", tuple(float(len(set(found[key]))) for key in keys), "count"),
    )
    return Table(filled(columns), name="inputs-table", caption="What the figures were computed from.")


def _settings(given: Sources) -> Fold:
    """All settings as they were asked for and as they were, and the command line; a row each."""
    rows = [(name, *setting) for name, one in zip(_called(given), given.documents, strict=True) for setting in _of(one)]
    columns = (
        Column("Setting", tuple(row[1] for row in rows)),
        Column("Value", tuple(row[2] for row in rows)),
        Column("Document", tuple(row[0] for row in rows), filter=True),
    )
    parts: list[Any] = [Table(columns, name="settings-table", caption="Every setting of every document.")]
    lines = [line for one in given.documents if (line := command_line(one))]
    if lines:
        parts.append(Code("Command lines, by the options that were given", "\n".join(dict.fromkeys(lines))))
    return Fold("Settings", tuple(parts))


def _of(one: Loaded) -> Iterator[tuple[str, str]]:
    for name in SAID:
        if one.document.get(name) is not None:
            yield name, _text(one.document[name])
    options = _provenance(one).get("options")
    for name, value in (options or {}).items() if isinstance(options, Mapping) else ():
        if name != "command_line":
            yield f"option {name}", _text(value)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def command_line(one: Loaded) -> str:
    """The command with the options that it was given, as far as the document says.

    Example:
        >>> given = {"command_line": {"embeddings": ["a b.npy"], "one_based": True, "triplets": "t.npy"}}
        >>> command_line(Loaded("", {"command": "score", "provenance": {"options": given}}))
        "pyalign score --embeddings 'a b.npy' --one-based --triplets t.npy"
    """
    options = _provenance(one).get("options")
    line = options.get("command_line") if isinstance(options, Mapping) else None
    if not isinstance(line, Mapping):
        return ""
    words = ["pyalign", *one.command.split()]
    for name, value in sorted(line.items()):
        words.append("--" + str(name).replace("_", "-"))
        if value is not True:
            comma = name == "columns" and isinstance(value, list)
            words += [",".join(map(str, value))] if comma else map(str, value if isinstance(value, list) else [value])
    return shlex.join(words)


def _extractions(given: Sources) -> list[Any]:
    """A fold for each extraction: what its manifest says."""
    parts = []
    for number, one in enumerate(given.of("extract")):
        whole = one.document
        rows = [
            (name, _text(whole[name])) for name in whole if name not in ("layers", "failures", "provenance", "notes")
        ]
        layers = whole["layers"]
        told = Table((Column("Setting", tuple(row[0] for row in rows)),
                                             Column("Value", tuple(row[1] for row in rows))), name=numbered("extraction-table", number), caption=(f"Embeddings by {whole['model']}: {whole['n_rows']:,} of "
            f"{whole['n_items']:,} items."))  # fmt: skip
        held = Table(tuple(Column(key, tuple(_text(layer[key]) if layer.get(key) is not None else None for layer in layers))
                  for key in ("name", "what", "pooling", "shape", "dtype", "file", "sha256")), name=numbered("extraction-layers", number), caption="Layers, and the SHA-256 of their files.")  # fmt: skip
        parts.append(Fold(f"Extraction: {whole['model']}", (told, held)))
    return parts


def _notes(given: Sources) -> Fold | None:
    """The notes of all documents, which sections may have shown already."""
    rows = [(name, str(note)) for name, one in zip(_called(given), given.documents, strict=True)
            for note in one.document.get("notes") or ()]  # fmt: skip
    if not rows:
        return None
    return Fold("Notes of the documents", tuple(Text((f"{name}: {note}",)) for name, note in dict.fromkeys(rows)))
