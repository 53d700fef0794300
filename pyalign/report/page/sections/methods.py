"""Methods: every setting, version, hash and seed that the documents say."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from pyalign._version import __version__
from pyalign.data.provenance import Provenance
from pyalign.documents import as_document
from pyalign.extraction.result import Extraction
from pyalign.report.blocks import Code, Column, Fold, Rows, Section, Table, Text, filled, present
from pyalign.report.page.sections._shared import numbered
from pyalign.report.page.sources import Loaded, Sources
from pyalign.results import SCHEMA

LEAD = "What is needed to make these figures again: inputs with the SHA-256 of their values, settings, seeds, versions."
LONGEST = 300  # letters of one setting
APART = ("layers", "failures", "provenance", "notes")  # of an extraction, which are shown elsewhere
# What a document says of itself, besides its results.
SAID = (
    "measure", "temperature", "ties", "nan", "seed", "backend", "correction", "ci_by", "ci_method", "confidence",
    "resamples", "permutations", "n_triplets", "n_objects", "n_subjects", "n_dropped", "coverage",
    "triplets", "task", "split", "dimensions", "assign", "top", "min_triplets", "human", "kind", "pooling",
    "simulations", "refit", "folds",
)  # fmt: skip


def methods(sources: Sources) -> Section | None:
    """Documents, inputs, settings, manifests of extractions."""
    if not sources.documents:
        return None
    parts = [_documents(sources), _inputs(sources), _settings(sources), *_extractions(sources), _notes(sources)]
    return Section("methods", "Methods", LEAD, present(parts))


def _called(sources: Sources) -> tuple[str, ...]:
    """Of each result: its file, or its command and number."""
    return tuple(one.path or f"{one.command} ({number})" for number, one in enumerate(sources.documents, start=1))


def _documents(sources: Sources) -> Table:
    column = Rows([(one, one.result.provenance) for one in sources.documents]).column
    columns = (
        Column("Document", _called(sources)),
        column("Command", lambda row: row[0].command, filter=True),
        column("pyalign", lambda row: row[0].version, named=True),
        column("Schema", lambda row: SCHEMA, "count"),
        column("Computed", lambda row: row[1] and row[1].time),
        column("Backend", lambda row: row[1] and row[1].backend),
        column("Seed", lambda row: _seed(*row), "count",
               note="of what was drawn at random; missing where nothing was"),
    )  # fmt: skip
    caption = f"Documents on this page, which pyalign {__version__} made."
    return Table(columns, name="documents-table", caption=caption)


def _seed(one: Loaded, provenance: Provenance | None) -> int | None:
    if provenance is not None and provenance.seed is not None:
        return provenance.seed
    seed: int | None = getattr(one.result, "seed", None)
    return seed


def _inputs(sources: Sources) -> Table | None:
    """Each array once: what it is called, and the documents that it went into."""
    documents: dict[tuple[str, str, str, str, str | None], set[str]] = {}
    for name, one in zip(_called(sources), sources.documents, strict=True):
        provenance = one.result.provenance
        for array in () if provenance is None else provenance.inputs:
            shape = " x ".join(f"{axis:,}" for axis in array.shape)
            key = array.source or array.name, array.name, shape, array.dtype, array.sha256
            documents.setdefault(key, set()).add(name)
    if not documents:
        return None
    column = Rows(list(documents)).column
    columns = (
        column("File or array", lambda key: key[0]),
        column("Input", lambda key: "embeddings" if key[0] == key[1] else key[1], filter=True),
        column("Model", lambda key: sources.labels.get(key[0])),
        column("Shape", lambda key: key[2] or None),
        column("Type", lambda key: key[3]),
        column("SHA-256", lambda key: key[4], note="of type, shape and values: pyalign.data.fingerprint"),
        column("Documents", lambda key: float(len(documents[key])), "count"),
    )
    return Table(filled(columns), name="inputs-table", caption="What the figures were computed from.")


def _settings(sources: Sources) -> Fold:
    """All settings as they were asked for and as they were, and the command line; a row each."""
    settings = [
        (name, *setting)
        for name, one in zip(_called(sources), sources.documents, strict=True)
        for setting in _of(one.result)
    ]
    column = Rows(settings).column
    columns = (
        column("Setting", lambda row: row[1]),
        column("Value", lambda row: row[2]),
        column("Document", lambda row: row[0], filter=True),
    )
    parts: list[Any] = [Table(columns, name="settings-table", caption="Every setting of every document.")]
    lines = [line for one in sources.documents if (line := command_line(one.result))]
    if lines:
        parts.append(Code("Command lines, by the options that were given", "\n".join(dict.fromkeys(lines))))
    return Fold("Settings", tuple(parts))


def _of(result: Any) -> Iterator[tuple[str, str]]:
    stated = {one.name for one in fields(result) if not one.metadata.get("hidden")} | {*result.derived}
    for name in SAID:
        value = as_document(getattr(result, name)) if name in stated else None
        if value is not None:
            yield name, _text(value)
    options = {} if result.provenance is None else result.provenance.options
    for name, value in as_document(options).items():
        if name != "command_line":
            yield f"option {name}", _text(value)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def command_line(result: Any) -> str:
    """The command with the options that it was given, as far as the result says.

    Example:
        >>> import numpy as np, pyalign
        >>> from dataclasses import replace
        >>> options = {"command_line": {"embeddings": ["a b.npy"], "one_based": True, "triplets": "t.npy"}}
        >>> score = pyalign.score(np.eye(3), [[0, 1, 2]])
        >>> command_line(replace(score, provenance=replace(score.provenance, options=options)))
        "pyalign score --embeddings 'a b.npy' --one-based --triplets t.npy"
    """
    options = {} if result.provenance is None else result.provenance.options
    line = options.get("command_line") if isinstance(options, Mapping) else None
    if not isinstance(line, Mapping):
        return ""
    words = ["pyalign", *result.command.split()]
    for name, value in sorted(line.items()):
        words.append("--" + str(name).replace("_", "-"))
        if value is not True:
            values = value if isinstance(value, list | tuple) else [value]
            comma = name == "columns" and isinstance(value, list | tuple)
            words += [",".join(map(str, values))] if comma else map(str, values)
    return shlex.join(words)


def _extractions(sources: Sources) -> list[Any]:
    """A fold for each extraction: what its manifest says."""
    parts = []
    for number, made in enumerate(sources.results(Extraction)):
        manifest = made.to_dict()
        column = Rows([(name, _text(value)) for name, value in manifest.items() if name not in APART]).column
        settings = Table(
            (column("Setting", lambda row: row[0]), column("Value", lambda row: row[1])),
            name=numbered("extraction-table", number),
            caption=f"Embeddings by {made.model}: {made.n_rows:,} of {made.n_items:,} items.",
        )
        layers = Table(
            tuple(
                Column(name, tuple(None if row.get(name) is None else _text(row[name]) for row in manifest["layers"]))
                for name in ("name", "what", "pooling", "shape", "dtype", "file", "sha256")
            ),
            name=numbered("extraction-layers", number),
            caption="Layers, and the SHA-256 of their files.",
        )
        parts.append(Fold(f"Extraction: {made.model}", (settings, layers)))
    return parts


def _notes(sources: Sources) -> Fold | None:
    """The notes of all documents, which sections may have shown already."""
    rows = [
        (name, note) for name, one in zip(_called(sources), sources.documents, strict=True) for note in one.result.notes
    ]
    if not rows:
        return None
    return Fold("Notes of the documents", tuple(Text((f"{name}: {note}",)) for name, note in dict.fromkeys(rows)))
