"""What commands say of files, data sets, models, extractions, pages and studies: lists, and facts of one thing."""

from __future__ import annotations

from math import isfinite
from typing import Any

from pyalign.analysis.describe.array import Description
from pyalign.analysis.describe.file import FileDescription, FileDescriptions
from pyalign.data.names import listing
from pyalign.datasets.dataset import DataSetInfo, DataSetList
from pyalign.datasets.fetch import Fetched
from pyalign.extraction.extraction_result import Extraction
from pyalign.extraction.models import ModelLayers, ModelList, ModelTable
from pyalign.report.blocks import Block, Column, Lines, Paragraph, Rows, foot, table
from pyalign.report.words import beginning, counted, one_line

MOST_SHOWN = 5  # items that could not be read


def datasets_view(listed: DataSetList, verbose: bool = False) -> list[Block]:
    """A data set a line: its name, whether it is here, what it is."""
    column = Rows(listed.datasets).column
    lines = [one_line(dataset.what) for dataset in listed.datasets]
    return [table(
        column("data set", "name", left=True),
        column("here", lambda d: "yes" if d.is_here else None, left=True),
        Column("what", tuple(lines), left=True, fit=lambda room: [beginning(line, room) for line in lines]),
    )]


def dataset_info_view(info: DataSetInfo, verbose: bool = False) -> list[Block]:
    """What is known, a heading a line, and the files that are expected."""
    parts = [f"{part} ({', '.join(keys)})" if keys else part for part, keys in info.parts.items()]
    facts = {
        "holds": ", ".join(parts), "kind": info.kind, "source": info.source, "license": info.license,
        "citation": info.citation, "folder": f"{info.folder}{'' if info.is_here else ' (not here)'}",
        "fetches": ", ".join(info.files) or None, "layout": info.checked,
    }
    return [
        Paragraph(f"{info.name}: {one_line(info.what)}"),
        Lines(("",)),
        *(Paragraph(f"{name:<10}{one_line(value)}", 10) for name, value in facts.items() if value is not None),
        *(Paragraph(f"  {one_line(file.name)}: {file.what}", 6) for file in info.layout),
    ]


def fetched_view(fetched: Fetched, verbose: bool = False) -> list[Block]:
    """The files with their checksums, and where they are."""
    column = Rows(fetched.files).column
    files = table(
        column("file", "file"),
        column("fetched", lambda f: "now" if f.is_new else "before"),
        column("compared with", "checked"),
        column("sha256", lambda f: f.sha256 if verbose else f.sha256[:12]),
    )
    return [files, Lines((one_line(fetched.folder),))]


def description_view(described: FileDescription, verbose: bool = False) -> list[Block]:
    """The arrays of a file, one after the other, each with the command line that reads it."""
    lines = [one_line(described.file)]
    if described.model:
        lines.append(f"  {'model':<15} {one_line(described.model)}")
    for array in described.arrays:
        lines += [array.key or "array"] if len(described.arrays) > 1 else []
        lines += [f"  {name:<15} {one_line(value)}" for name, value in _facts_of(array).items() if value]
        lines += [f"  note: {one_line(text)}" for text in array.remarks]
        lines += [f"  {'read it by':<15} {array.command}"] if array.command else []
    if described.left_out:
        lines.append(f"  and {described.left_out:,} more arrays")
    return [Lines(tuple(lines))]


def descriptions_view(described: FileDescriptions, verbose: bool = False) -> list[Block]:
    """The blocks that describe each file, file by file."""
    return [block for file in described.files for block in description_view(file, verbose)]


def _facts_of(array: Description) -> dict[str, str]:
    """What is known of an array; "" where it says nothing."""
    span = "none" if array.smallest is None or array.largest is None else f"{array.smallest:g} to {array.largest:g}"
    counts = {
        "duplicate rows": array.duplicate_rows,
        "repeated items": array.repeated_items,
        "NaN rows": array.nan_rows,
        "zero rows": array.zero_rows,
    }
    return {
        "seems": array.kind,
        "shape": " x ".join(f"{size:,}" for size in array.shape),
        "dtype": array.dtype,
        "range": span if array.dtype not in ("str", "unknown", "files") else "",
        "base": ("unclear" if array.base is None else str(array.base)) if array.kind == "triplets" else "",
        **{name: "" if count is None else f"{count:,}" for name, count in counts.items()},
        "first row": ", ".join(value if isinstance(value, str) else f"{value:g}" for value in array.first_row),
        "columns": listing(array.columns or (), 20),
        "names": f"{', '.join(array.names)}, ..." if array.names else "",
    }


def extraction_view(made: Extraction, verbose: bool = False) -> list[Block]:
    """The layers with their shapes; the model, its weights and the items below; items that have no row."""
    column = Rows(made.layers).column
    has_files = any(layer.file is not None for layer in made.layers)
    items = f"{made.n_rows:,} {made.modality}" if not made.failures else f"{made.n_rows:,} of {made.n_items:,}"
    part = "" if made.shard is None else f", part {made.shard[0]} of {made.shard[1]}"
    shown = made.failures if verbose else made.failures[:MOST_SHOWN]
    lines = [f"left out: {one_line(failure.name)}: {one_line(failure.reason)}" for failure in shown]
    if len(made.failures) > len(shown):
        lines.append(f"left out: {len(made.failures) - len(shown):,} more, see manifest.json")
    return [
        table(
            column("layer", "name"),
            column("shape", lambda layer: " x ".join(f"{size:,}" for size in layer.shape)),
            column("what", "what", keep=2),
            column("pooling", "pooling", keep=3),
            column("file", "file", keep=4) if has_files else None,
        ),
        foot(
            f"{items} from {one_line(made.items or 'memory')}{part}, {made.order}",
            f"model {one_line(made.model)}, weights {one_line(made.weights.origin)}",
            f"{made.precision} on {made.device}",
            f"{made.items_per_second:,.0f} {made.modality}/s" if isfinite(made.items_per_second) else "",
        ),
        Lines(tuple(lines)),
    ]


def models_view(listed: ModelList, verbose: bool = False) -> list[Block]:
    """The names, one per line."""
    return [Lines(tuple(one_line(model.name) for model in listed.models))]


def model_layers_view(listed: ModelLayers, verbose: bool = False) -> list[Block]:
    """A layer a line: its name, its shape for an item, what it is."""
    column = Rows(listed.layers).column
    return [table(
        column("layer", "name", left=True),
        column("shape", "shape", left=True),
        column("what", "what", left=True),
    )]


def model_table_view(listed: ModelTable, verbose: bool = False) -> list[Block]:
    """A model a line; --verbose adds its data, its other names, and where each figure was read."""
    column = Rows(listed.models).column
    columns = [
        column("model", "model", left=True),
        column("family", "family", keep=5, left=True),
        column("objective", "objective", keep=3, left=True),
        column("size", lambda model: None if model.parameters is None else f"{model.parameters / 1e6:.1f}M", keep=4),
        column("width", "width", keep=2),
        column("ImageNet", "imagenet_accuracy", "percent"),
    ]
    if verbose:
        columns += [
            column("data", "data", left=True),
            column("zero-shot", "imagenet_zero_shot", "percent"),
            column("image", "image_size", "count"),
            column("names", "names", left=True),
            column("training source", "training_source", left=True),
            column("size source", "size_source", left=True),
            column("accuracy source", "accuracy_source", left=True),
        ]
    return [table(*columns)]


def page_view(made: Any, verbose: bool = False) -> list[Block]:
    """A line on a `ReportFile`: where it is, what it holds, how large it is."""
    size = f"{counted(made.n_documents, 'document')}, {made.bytes / 1e6:.2f} MB"
    return [Lines((f"wrote {one_line(made.path)}: {size}", f"sections: {', '.join(made.sections)}"))]


def study_view(study: Any, verbose: bool = False) -> list[Block]:
    """A line for each step of a `Study`, with its state and what there is to say of it; then where its files are."""
    rows = []
    for step in study.steps:
        state, more = step.status, one_line(step.reason or "")
        if step.status == "finished":
            time = "" if step.seconds is None or step.how == "as it was" else f"{step.seconds:.1f} s"
            state, more = step.how or step.status, "  ".join(filter(None, (step.document, time, more)))
        rows.append((one_line(step.name), state, more))
    names, states = (max(len(row[k]) for row in rows) for k in (0, 1))
    lines = [f"{name:<{names}}  {state:<{states}}  {more}".rstrip() for name, state, more in rows]
    if study.folder is not None:
        lines += ["", f"{study.folder}/{study.report or 'steps'}"]
    return [Lines(tuple(lines))]
