"""What a page is made of: every setting, version, hash and seed, the steps that are missing, and how to cite it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping

from pyalign._result import SCHEMA, Result
from pyalign._version import __version__
from pyalign.data.provenance import FILE
from pyalign.documents import as_document, by_key
from pyalign.extraction.extraction_result import Extraction
from pyalign.report.blocks import Code, Column, Fold, Rows, Section, Table, Text, filled
from pyalign.report.page.html import assets
from pyalign.report.page.sections._shared import Part, section_of
from pyalign.report.page.sources import Loaded, Sources

METHODS = (
    "What is needed to make these figures again: inputs with the SHA-256 of their values, settings, seeds, versions."
)
LONGEST = 300  # letters of one setting
APART = ("layers", "failures", "provenance", "notes")  # of an extraction, which are shown elsewhere
LAYERS = ("name", "what", "pooling", "shape", "dtype", "file", "sha256")
# What a document says of itself, in addition to its results.
SAID = (
    "measure", "temperature", "ties", "nan", "seed", "backend", "correction", "ci_by", "ci_method", "confidence",
    "resamples", "permutations", "n_triplets", "n_objects", "n_subjects", "n_dropped", "coverage", "triplets", "task",
    "split", "dimensions", "assign", "top", "min_triplets", "human", "kind", "pooling", "simulations", "refit", "folds",
)


def methods(sources: Sources) -> Section | None:
    """Documents, inputs, settings, manifests of extractions."""
    if not sources.documents:
        return None
    # Documents by what they are called: their file, or their command and number.
    called = [
        (document.path or f"{document.command} ({number})", document)
        for number, document in enumerate(sources.documents, start=1)
    ]
    extractions = (part for made in sources.results(Extraction) for part in _extraction(made))
    parts = [_documents(called), _inputs(called, sources), _settings(called), *extractions, _notes(called)]
    return section_of("methods", "Methods", METHODS, parts)


Called = list[tuple[str, Loaded]]


def _documents(called: Called) -> Table:
    column = Rows(called).column

    def seed(row: tuple[str, Loaded]) -> int | None:
        result = row[1].result
        drawn: int | None = None if result.provenance is None else result.provenance.seed
        return by_key(result).get("seed") if drawn is None else drawn

    columns = (
        column("Document", "0"),
        column("Command", "1.command", filter=True),
        column("pyalign", "1.version", named=True),
        column("Schema", lambda row: SCHEMA, "count"),
        column("Computed", "1.result.provenance.time"),
        column("Backend", "1.result.provenance.backend"),
        column("Seed", seed, "count", note="of what was drawn at random; missing where nothing was"),
    )
    caption = f"Documents on this page, which pyalign {__version__} made."
    return Table(columns, name="documents-table", caption=caption)


def _inputs(called: Called, sources: Sources) -> Table | None:
    """Each array once: what it is called, and the documents that it went into."""
    documents: dict[tuple[str, str, str, str, str | None], set[str]] = {}
    for name, document in called:
        provenance = document.result.provenance
        for array in () if provenance is None else provenance.inputs:
            shape = " x ".join(f"{axis:,}" for axis in array.shape)
            key = array.source or array.name, array.name, shape, array.dtype, array.sha256
            documents.setdefault(key, set()).add(name)
    if not documents:
        return None
    column = Rows(list(documents)).column
    hashed = "of type, shape and values: pyalign.data.fingerprint"
    hashed += "; of a described file, of its bytes" if any(key[1] == FILE for key in documents) else ""
    columns = (
        column("File or array", "0"),
        column("Input", lambda key: "embeddings" if key[0] == key[1] else key[1], filter=True),
        column("Model", lambda key: sources.labels.get(key[0])),
        column("Shape", lambda key: key[2] or None),
        column("Type", "3"),
        column("SHA-256", "4", note=hashed),
        column("Documents", lambda key: float(len(documents[key])), "count"),
    )
    return Table(filled(columns), name="inputs-table", caption="What the figures were computed from.")


def _settings(called: Called) -> Fold:
    """All settings as they were asked for and as they were, and the command line; a row each."""
    column = Rows([(name, *setting) for name, document in called for setting in _settings_of(document.result)]).column
    columns = (column("Setting", "1"), column("Value", "2"), column("Document", "0", filter=True))
    parts: list[Part] = [Table(columns, name="settings-table", caption="Every setting of every document.")]
    lines = [line for _, document in called if (line := command_line(document.result))]
    if lines:
        parts.append(Code("Command lines, by the options that were given", "\n".join(dict.fromkeys(lines))))
    return Fold("Settings", tuple(parts))


def _settings_of(result: Result) -> Iterator[tuple[str, str]]:
    stated = by_key(result) | {name: getattr(result, name) for name in result.derived}
    for name in SAID:
        value = as_document(stated.get(name))
        if value is not None:
            yield name, _text(value)
    options = {} if result.provenance is None else result.provenance.options
    for name, value in as_document(options).items():
        if name != "command_line":
            yield f"option {name}", _text(value)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def command_line(result: Result) -> str:
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
            values = list(map(str, value if isinstance(value, list | tuple) else [value]))
            words += [",".join(values)] if name == "columns" else values
    return shlex.join(words)


def _extraction(made: Extraction) -> Iterator[Fold]:
    """What the manifest of an extraction says."""
    manifest = made.to_dict()
    column = Rows([(name, _text(value)) for name, value in manifest.items() if name not in APART]).column
    columns = (column("Setting", "0"), column("Value", "1"))
    caption = f"Embeddings by {made.model}: {made.n_rows:,} of {made.n_items:,} items."
    settings = Table(columns, name="extraction-table", caption=caption)
    layers = Table(
        tuple(
            Column(name, tuple(None if row.get(name) is None else _text(row[name]) for row in manifest["layers"]))
            for name in LAYERS
        ),
        name="extraction-layers",
        caption="Layers, and the SHA-256 of their files.",
    )
    yield Fold(f"Extraction: {made.model}", (settings, layers))


def _notes(called: Called) -> Fold | None:
    """The notes of all documents, which sections may have shown already."""
    notes = dict.fromkeys(f"{name}: {note}" for name, document in called for note in document.result.notes)
    return Fold("Notes of the documents", tuple(Text((note,)) for note in notes)) if notes else None


def study(sources: Sources) -> Section | None:
    """The steps of a study, where some of them could not be done, or were not asked for."""
    steps = [step for document in sources.of("study") for step in document.result.steps]
    missing = [step for step in steps if step.status != "finished"]
    if not missing:
        return None
    names = ", ".join(step.name for step in missing)
    lead = f"{len(missing)} of {len(steps)} steps of the study are missing on this page: {names}."
    column = Rows(missing).column
    columns = (
        column("step", "name"),
        column("function", "function"),
        column("status", "status", filter=True),
        column("reason", "reason"),
    )
    table = Table(columns, name="study-missing", caption="Steps that are missing, and why")
    return Section("study", "What is missing", lead, (table,))


# How to cite: pyalign, and the papers behind what is on the page

CITE = "The toolkit, and the papers whose methods the sections of this page use."
PYALIGN = f"""@software{{pyalign,
  title   = {{pyalign: how well a representation agrees with human similarity judgments}},
  version = {{{__version__}}}
}}"""
# Of each entry of `assets/papers.bib`, what it is on, and the commands whose figures it stands behind.
PAPERS = (
    ("triplets, zero-shot and probed", ("score", "compare", "probe", "fit", "agreement")),
    ("calibration", ("calibrate",)),
    ("similarities between representations", ("cka", "layers")),
    ("representational similarity analysis", ("rsa",)),
    ("error consistency", ("consistency", "compare")),
    ("human dimensions of objects", ("concepts", "predict")),
)


def cite(sources: Sources) -> Section | None:
    """Entries for BibTeX: pyalign's, and those of papers behind what the documents hold."""
    if not sources.documents:
        return None
    papers = zip(PAPERS, assets(".bib").rstrip().split("\n\n"), strict=True)
    cited = [(what, entry) for (what, commands), entry in papers if sources.of(*commands)]
    topics = "; ".join(dict.fromkeys(what for what, _ in cited))
    parts = (
        Text((f"Behind this page stand papers on {topics}.",) if topics else ("Behind this page stands the toolkit.",)),
        Code("BibTeX", "\n\n".join((PYALIGN, *(entry for _, entry in cited)))),
        Text(("Data sets and models have papers of their own: pyalign datasets list NAME says which.",)),
    )
    return Section("cite", "How to cite", CITE, parts)
