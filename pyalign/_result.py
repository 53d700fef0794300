"""What functions that conclude something return: frozen results that print, travel as JSON and come back.

A result is a frozen dataclass on `Result`, written and read as `pyalign.documents` says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, Protocol, TypeVar, cast, overload

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field
from pyalign._registry import Kind, load, registered
from pyalign._version import __version__
from pyalign.data.missing import Coverage
from pyalign.data.provenance import Provenance, source_date, timeless
from pyalign.data.trials import chance_of
from pyalign.documents import as_document, csv_of, flat, from_document, require_letters, without_halves
from pyalign.errors import InputError
from pyalign.io.paths import PathLike

SCHEMA = 1  # of documents; raised when a key changes its meaning

Kept = TypeVar("Kept", bound="Result")
Row = TypeVar("Row")


class Views(Protocol):
    """What `pyalign.report` registers when it is imported: how results are shown."""

    def table_of(self, result: Any, width: int | None = None, verbose: bool = False) -> str:
        """See `Result.table`."""

    def html_of(self, result: Any) -> str:
        """The table with its notes, for a notebook."""

    def latex_of(self, result: Any, caption: str | None = None, label: str | None = None) -> str:
        """See `Result.to_latex`."""

    def one_line(self, text: str) -> str:
        """A text on one line, whatever it holds."""

    def picture_of(self, result: Any, chart: str | None = None, **looks: Any) -> Any:
        """See `Result.plot`."""

    def model_index_of(self, result: Any, dataset: str | None = None, name: str | None = None, task: str = "") -> str:
        """See `OnCards.to_model_index`."""


def views() -> Views:
    """How results are shown: `pyalign.report`, which is imported when the first one is."""
    return cast(Views, registered("views"))


def kinds() -> Mapping[str, Kind]:
    """The kinds of results, by the word that their documents carry under `command`: the rows of `pyalign/kinds.py`."""
    return cast("Mapping[str, Kind]", registered("kinds"))


def class_of(command: str) -> Any:
    """The class of the documents of a command, one of `kinds`."""
    return load(kinds()[command].result)


class OfTask:
    """What results about answers have in common: the chance level that follows from their task."""

    task: str

    @property
    def chance(self) -> float:
        """The accuracy of a model that knows nothing, a fraction."""
        return chance_of(self.task)


class OnCards:
    """What results about models on human judgments have in common: figures for the cards of the models."""

    def to_model_index(
        self, dataset: str | None = None, name: str | None = None, task: str = "feature-extraction"
    ) -> str:
        """YAML with the key `model-index`, for the metadata of a model card on the Hugging Face Hub.

        Args:
            dataset: what the judgments are called there; None: as their file is.
            name: of the model, where there is one; None: as its file is.
            task: a task of the Hub.
        """
        return views().model_index_of(self, dataset, name, task)


@dataclass(frozen=True)
class Result:
    """The base of results.

    Class attributes:
        command: under which its documents are known; "" for a part of another result.
        rows: the field whose elements are the rows of its table; "" where there is one row, the result itself.
        derived: properties that documents show in addition to the fields.
        along, among, filled: what holds of fields together; see `pyalign.documents.from_fields`.
    """

    command: ClassVar[str] = ""
    rows: ClassVar[str] = ""
    derived: ClassVar[tuple[str, ...]] = ()

    # what a reader should know before using it, a sentence each.
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    # names of fields that were asked for and don't exist: documents show them as null.
    missing: tuple[str, ...] = field(default=(), kw_only=True, repr=False, compare=False, metadata={"hidden": True})
    # how much of the judgments is about objects that have rows, with ``missing="omit"``; else None.
    coverage: Coverage | None = field(default=None, kw_only=True, repr=False)
    # version, inputs with hashes, options, backend, seed, time; None where it was not recorded.
    provenance: Provenance | None = field(default=None, kw_only=True, repr=False, compare=False)
    # SHA-256 of the files that a command has written with the document, by path; where one differs, it is of another
    # run, or the run was killed while it moved them to their places.
    outputs: Mapping[str, str] | None = field(default=None, kw_only=True, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """What a JSON document holds: strictly, without NaN."""
        head = {"command": self.command, "schema": SCHEMA, "version": __version__} if self.command else {}
        return {**head, **as_document(self._repeatable())}

    def _repeatable(self) -> Result:
        """The result as documents hold it: without durations under SOURCE_DATE_EPOCH, for the same bytes each time."""
        return self if source_date() is None else timeless(self)

    def to_json(self) -> str:
        """The document as text. `load_result` reads it back."""
        return without_halves(json.dumps(self.to_dict(), indent=2, allow_nan=False))

    def to_records(self) -> list[dict[str, Any]]:
        """The rows of the result, flat: an interval as two columns, nested values by dotted names."""
        document = as_document(self._repeatable())
        rows = document[self.rows] if self.rows else [document]
        return [dict(flat(row)) for row in rows]

    def _records_of(self, rows: str | None) -> list[dict[str, Any]]:
        """The rows of another table than that of `rows`, by the name of its field; None: that one."""
        if rows is None:
            return self.to_records()
        document = as_document(self._repeatable())
        tables = [
            name
            for name, value in document.items()
            if isinstance(value, list) and all(isinstance(row, dict) for row in value)
        ]
        return [dict(flat(row)) for row in document[_checks.one_of(rows, tables, "rows")]]

    def to_frame(self, rows: str | None = None) -> Any:
        """The rows as a DataFrame of pandas.

        Args:
            rows: a field with another table, such as "pairs" of a comparison: the differences with their intervals and
                p-values.

        Raises:
            InputError: the result has no such table.
            MissingExtraError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            from pyalign.errors import MissingExtraError

            raise MissingExtraError("to_frame", "pandas", "frames") from error
        return pandas.DataFrame.from_records(self._records_of(rows))

    def to_csv(self, escape: bool = False, rows: str | None = None) -> str:
        """The rows as text, separated by commas, under a header.

        Args:
            escape: put an apostrophe before names that begin with ``=``, ``+``, ``-``, ``@``, a tab or a carriage
                return, which a spreadsheet would run as formulas. Numbers stay as they are.
            rows: a field with another table; see `to_frame`.
        """
        return csv_of(self._records_of(rows), escape)

    def to_latex(self, caption: str | None = None, label: str | None = None) -> str:
        """The table in LaTeX, for the package booktabs: columns and figures as in the text, names escaped.

        Args:
            caption: plain text above it.
            label: for references, of letters, digits and ``:._-``.

        Raises:
            InputError: another label.
        """
        return views().latex_of(self, caption, label)

    def table(self, width: int | None = None, verbose: bool = False) -> str:
        """The table that the command prints; paths are shortened where it would be wider than `width`."""
        return views().table_of(self, width, verbose)

    def plot(self, chart: str | None = None, **looks: Any) -> Any:
        """A picture of the result: a chart of Altair, which a notebook shows; see `pyalign.plot`.

        Args:
            chart: which one, where there are several; default: that which says most.
            looks: of `pyalign.plot`, such as `style`, `width`, `sort`, `limit`, and `out`, a file to write.

        Raises:
            InputError: there is no picture of such a result.
            MissingExtraError: altair is not installed.
        """
        return views().picture_of(self, chart, **looks)

    def __str__(self) -> str:
        """The table, and under it the notes, one per line."""
        notes = (f"note: {views().one_line(note)}" for note in self.notes)
        return "\n".join([self.table(), *notes])

    def _repr_html_(self) -> str:
        return views().html_of(self)


def picked(results: Sequence[Row], k: int | str) -> Row:
    """The result of that number, or the only one of the model of that name."""
    if not isinstance(k, str):
        return results[k]
    names = [str(getattr(result, "embeddings", None) or getattr(result, "model", None)) for result in results]
    _checks.one_of(k, tuple(dict.fromkeys(names)), "the name of a result")
    if names.count(k) > 1:
        raise InputError(f"{k!r} has {names.count(k)} results, such as one for each measure: take one by number")
    return results[names.index(k)]


@overload
def load_result(path: PathLike, result_type: None = ...) -> Any: ...
@overload
def load_result(path: PathLike, result_type: type[Kept]) -> Kept: ...
def load_result(path: PathLike, result_type: type[Kept] | None = None) -> Any:
    """Read the result in a JSON document, from `result.to_json()` or a command's `--json PATH`.

    Args:
        path: a `.json` file.
        result_type: the class that the result must be of, one of `pyalign.results`, for type checkers too. None: any.

    Returns:
        The same object, except for what documents do not contain: a map is stored in a file of its own.

    Raises:
        InputError: no document of pyalign, one of a newer version, one that is damaged, or a result of another class;
            one line with the path.
        OSError: missing or forbidden.

    Example:
        >>> import numpy as np, pathlib, tempfile, pyalign
        >>> score = pyalign.score(np.eye(3), [[0, 1, 2]], measure="dot")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "score.json")
        ...     _ = path.write_text(score.to_json())
        ...     pyalign.load_result(path, pyalign.results.Scores) == score
        True
    """
    from pyalign.io.documents import read_json
    from pyalign.io.paths import bad

    if result_type is not None and not (isinstance(result_type, type) and issubclass(result_type, Result)):
        raise InputError(f"result_type must be a class of pyalign.results; got {result_type!r:.60}")
    result = read_result(read_json(path), path)
    if result_type is not None and not isinstance(result, result_type):
        raise bad(path, f"holds {type(result).__name__}, where {result_type.__name__} is asked for")
    return result


def read_result(document: Any, path: Any) -> Any:
    """The result of a document that was read already; `path`: where from, for messages. See `load_result`."""
    from pyalign.io.paths import bad

    if not isinstance(document, dict) or not isinstance(document.get("command"), str):
        raise bad(path, "is no result of pyalign: it says no command")
    command, schema = document["command"], document.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        version = f"made by pyalign {document.get('version')!s:.20}; this version ({__version__}) reads {SCHEMA}"
        raise bad(path, f"is a result of {command!r:.60} with schema {schema!r:.20}, {version}")
    if command not in kinds():
        raise bad(path, f"is a result of {command!r:.60}, which is no command that this version ({__version__}) knows")
    try:
        require_letters(document)
        with np.errstate(over="ignore"):  # of numbers that float32 does not hold
            return from_document(class_of(command), document)
    except InputError as error:  # anything else is a defect of ours
        raise bad(path, f"is a damaged result of {command!r}: {error}") from error
