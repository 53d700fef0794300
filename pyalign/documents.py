"""Dataclasses as documents of JSON, and back: fields by name, `Interval` as [low, high], what does not exist as null.

A field that is None by default is left out while it is None. The rule that writes is the one that reads.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from pyalign._dataclass import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from pyalign.data.provenance import Input, Provenance
from pyalign.errors import InputError

LARGEST = (1 << 63) - 1  # the largest whole number in a document: an int64
INTERVALS = "intervals"  # the key under which the rest of each interval stands
NEAR = 30  # letters around a fault that a message shows
# What stands for itself in JSON, a backslash or a whole pair; and in a group half of a pair.
HALVES = re.compile(r"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(\\ud[89a-f][0-9a-f]{2})")
LAST = ("outputs", "notes", "provenance")  # in documents, and in no table
END = ("coverage", *LAST)  # what all results may have: after the figures
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet may run
Read = TypeVar("Read")


@dataclass(frozen=True)
class Interval:
    """An interval around an estimate. It unpacks as low, high.

    Example:
        >>> low, high = Interval(0.4, 0.6, error=0.05, by="objects")
        >>> low, high
        (0.4, 0.6)
    """

    # low, high: its ends, in the unit of the estimate. Both are NaN where they are not known; an infinite high end, of
    # an interval without an upper bound, is null in documents.
    low: float
    high: float
    error: float | None = None  # the standard error of the estimate, or None.
    by: str | None = None  # what it is over: "objects", "triplets", "subjects".
    method: str | None = None  # how it was computed.
    confidence: float = 0.95  # the confidence level, a fraction.

    def __iter__(self) -> Iterator[float]:
        return iter((self.low, self.high))

    def __getitem__(self, end: int) -> float:
        return (self.low, self.high)[end]

    def __len__(self) -> int:
        return 2


class Estimate(float):
    """A figure with its interval: a float in arithmetic, comparisons and texts, which a prompt shows with its ends.

    Documents have its value under the name of the field, and the interval under that name with ``_ci``.

    Example:
        >>> accuracy = Estimate(0.5, Interval(0.4, 0.6, error=0.05))
        >>> accuracy, accuracy.low, accuracy.error, round(2 * accuracy, 1), accuracy == 0.5
        (0.5 [0.4, 0.6], 0.4, 0.05, 1.0, True)
    """

    ci: Interval | None  # the interval; None where it was left out or is not known, and then so are the following.

    def __new__(cls, value: float, ci: Interval | None = None) -> Estimate:
        made = super().__new__(cls, value)
        made.ci = ci
        return made

    low = property(lambda self: self.ci and self.ci.low)
    high = property(lambda self: self.ci and self.ci.high)
    error = property(lambda self: self.ci and self.ci.error)

    def __repr__(self) -> str:
        ends = "" if self.ci is None else f" [{self.ci.low:.6g}, {self.ci.high:.6g}]"
        return f"{float(self)!r}{ends}"

    __str__ = float.__repr__


def _ci_key(field_: Field[Any]) -> str:
    return field_.metadata.get("ci") or f"{key_of(field_)}_ci"


def ci_of(value: Any) -> Interval | None:
    """The interval of a figure; None where it has none."""
    return value.ci if isinstance(value, Estimate) else None


class WithError:
    """What figures with an interval have in common: a standard error, in documents too."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    ci: Interval | None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the figure that `ci` is an interval of."""
        return None if self.ci is None else self.ci.error


class WithAccuracy(WithError):
    """What results with an accuracy have in common: the interval of that."""

    accuracy: Estimate | None

    @property
    def ci(self) -> Interval | None:  # type: ignore[override]
        """The interval of the accuracy; None where it was left out or is not known."""
        return ci_of(self.accuracy)


def hidden(**options: Any) -> Any:
    """A field of a result that no document holds, such as a large array."""
    return field(metadata={"hidden": True}, repr=False, **options)


def csv_of(records: list[dict[str, Any]], escape: bool = False) -> str:
    """Records as text, separated by commas, under a header; `escape`: see `csv_text`.

    Example:
        >>> csv_of([{"a": 1}, {"a": 2, "b": "x"}])
        'a,b\\n1,\\n2,x\\n'
    """
    names = list(dict.fromkeys(name for record in records for name in record))
    return csv_text(names, ([record.get(name, "") for name in names] for record in records), escape)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]], escape: bool = False) -> str:
    """A header and rows as text, separated by commas.

    escape: put an apostrophe before text that begins as a formula of a spreadsheet does; numbers stay as they are.

    Example:
        >>> csv_text(["name", "margin"], [["=1+1", -0.5], ["-x", 2]], escape=True)
        "name,margin\\n'=1+1,-0.5\\n'-x,2\\n"
    """
    import csv

    lines: list[str] = []
    # Before Python 3.13 a carriage return stands in quotes only where it is part of the ends of lines.
    writer = csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n")
    for row in itertools.chain([header], rows):
        writer.writerow([_no_formula(cell) for cell in row] if escape else row)
    text = "".join(f"{line[:-2]}\n" for line in lines)
    return text.encode(errors="backslashreplace").decode()  # names of files that are no text, as in JSON


def _no_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULAS) else cell


def as_document(value: Any) -> Any:  # noqa: C901
    """A value as json can write it; see the module."""
    kind = type(value)
    if value is None or kind in (str, int, bool):
        return value
    if kind in (list, tuple):
        return [as_document(element) for element in value]
    if isinstance(value, np.ndarray):
        return as_document(value.tolist())
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.generic):
        return as_document(value.item())
    if isinstance(value, Interval):
        return [as_document(value.low), as_document(value.high)]
    if isinstance(value, Provenance):
        return as_document(value.to_dict())
    if is_dataclass(value) and not isinstance(value, type):
        return _of_dataclass(value)
    if isinstance(value, Mapping):
        return {str(key): as_document(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_document(element) for element in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def require_letters(document: Any) -> None:
    """Raises unless a document can be written as JSON in UTF-8, strictly.

    Example:
        >>> require_letters({"name": "caf\\udce9"})
        Traceback (most recent call last):
        pyalign.errors.InputError: text must be Unicode; got half of a surrogate pair in 'caf\\udce9'
    """
    try:
        json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        start = error.object.rfind('"', 0, error.start) + 1
        near = error.object[max(start, error.start - NEAR) : error.end + NEAR].partition('"')[0]
        raise InputError(f"text must be Unicode; got half of a surrogate pair in {near!r}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"a document holds what JSON has; {error}") from error


def without_halves(text: str) -> str:
    """JSON in ASCII, in which half of a surrogate pair stands as it is written: names of files need not be UTF-8.

    Example:
        >>> without_halves(json.dumps("caf\\udce9"))
        '"caf\\\\\\\\udce9"'
    """
    return HALVES.sub(lambda match: match[0] if match[1] is None else "\\" + match[0], text) if "\\ud" in text else text


def _of_dataclass(value: Any) -> dict[str, Any]:
    document: dict[str, Any] = {}
    intervals: dict[str, Any] = {}
    missing = getattr(value, "missing", ())
    for name, read, key, may_be_absent, of, with_null in _shown(cast(Any, type(value))):
        content = read(value)
        unasked = content is None and may_be_absent and name not in missing
        if unasked or (name == "notes" and not content):
            continue
        document[key] = as_document(content)
        ci, of = (content, key) if isinstance(content, Interval) else (ci_of(content), of)
        if ci is not None or with_null or of in missing:
            document[of] = as_document(ci)
        if ci is not None:
            intervals[of] = {key: as_document(getattr(ci, key)) for key in ("error", "by", "method", "confidence")}
    for name in getattr(type(value), "derived", ()):
        derived = getattr(value, name)
        if derived is not None:
            document[name] = as_document(derived)
    if intervals:
        document[INTERVALS] = intervals
    for name in END:
        if name in document:
            document[name] = document.pop(name)
    return document


@lru_cache(maxsize=256)
def _shown(kind: type) -> tuple[tuple[str, Callable[[Any], Any], str, bool, str, bool], ...]:
    """The fields that documents show: the name of each, what reads it, its key, whether it is left out while None.

    Then the key of its figure's interval (``{"ci": "ci"}``), and whether it is null where there is none (``"null"``).
    """
    parts = dict(_parts(kind))
    shown = []
    for field_ in filter(_is_shown, fields(kind)):
        for part in fields(parts[field_.name]) if field_.name in parts else (None,):
            path, one = (field_.name, field_) if part is None else (f"{field_.name}.{part.name}", part)
            absent = one.default is None and key_of(one) not in field_.metadata.get("always", ())
            shown.append((path, attrgetter(path), key_of(one), absent, _ci_key(one), "null" in one.metadata))
    return tuple(shown)


def _parts(kind: type) -> list[tuple[str, type]]:
    """The fields whose own fields stand in documents among those of a class, and the classes of these."""
    return [(field_.name, get_type_hints(kind)[field_.name]) for field_ in fields(kind) if "always" in field_.metadata]


def key_of(field_: Field[Any]) -> str:
    """The key of a field in documents: its name, unless it says otherwise (``metadata={"key": "alpha"}``)."""
    key: str = field_.metadata.get("key", field_.name)
    return key


def by_key(value: Any) -> dict[str, Any]:
    """The fields of a dataclass as they are, by the keys that documents have for them."""
    return {key: read(value) for _, read, key, *_ in _shown(cast(Any, type(value)))}


def _is_shown(field_: Field[Any]) -> bool:
    return not field_.metadata.get("hidden") and not field_.name.startswith("_")


def from_document(kind: type[Read], document: Mapping[str, Any]) -> Read:
    """The dataclass of that kind from what `as_document` made of it; hidden fields are None."""
    reader = getattr(kind, "from_document", None)  # of results that are not read field by field
    return from_fields(kind, document) if reader is None else reader(document)


def from_fields(kind: type[Read], document: Mapping[str, Any]) -> Read:  # noqa: C901
    """The dataclass of that kind from a document, field by field.

    What a class says of its fields is checked, so that what is read can be shown. `along`: field -> those whose values
    it has one of its own for each of; of two a matrix, its rows along the first. `among`: dotted path of names -> paths
    of what must be one of these. `filled`: fields that must be neither empty nor 0.
    """
    values: dict[str, Any] = {}
    _require_mapping(document, kind.__name__)
    plan = _plan(cast(Any, kind))
    about = {} if plan.has_intervals else document.get(INTERVALS, {})
    _require_mapping(about, INTERVALS)
    for name, key, decode, required in plan.fields:
        if key in document and decode is not None:
            values[name] = decode(document[key], about.get(key), key)
        elif required and decode is not None:
            raise InputError(f"{key!r} is missing")
        elif required:
            values[name] = None
    values |= {name: from_fields(part, document) for name, part in plan.parts}
    values |= {name: Estimate(values[name], decode(document[key], about.get(key), key))
               for name, key, decode in plan.estimates if None not in (values.get(name), document.get(key))}
    if plan.has_missing:
        values["missing"] = tuple(name for name in plan.absent if name in document and document[name] is None)
    instance = kind(**values)
    for name, others in plan.along:
        _require_along(instance, name, others, getattr(instance, name))
    for name in plan.filled:
        if not getattr(instance, name):
            raise InputError(f"{name!r} must not be empty or 0; got {getattr(instance, name)!r}")
    for names, paths in plan.among:
        known = set(_values_at(instance, names))
        for path in paths:
            for value in _values_at(instance, path):
                if value is not None and value not in known:
                    raise InputError(f"{path!r} must be one of {names!r}; got {value!r:.60}")
    return instance


def _values_at(value: Any, path: str) -> Iterator[Any]:
    """What stands at a dotted path, in every element of the tuples on the way."""
    if isinstance(value, tuple):
        for element in value:
            yield from _values_at(element, path)
    elif not path:
        yield value
    elif value is not None:
        name, _, rest = path.partition(".")
        yield from _values_at(getattr(value, name), rest)


def read_as(hint: Any, value: Any, name: str) -> Any:
    """A value of a document as that type; raises InputError, with the name of the field, where it is of another."""
    return _decoder(hint)(value, None, name)


def _require_along(instance: Any, name: str, others: tuple[str, ...], value: Any) -> None:
    """Raises unless a field, where there is one, holds a value for each of the others, and those likewise."""
    if value is None or not others:
        return
    wanted = len(getattr(instance, others[0]))
    if len(value) != wanted:
        raise InputError(f"{name!r} must hold {wanted} values, one for each of {others[0]!r}; got {len(value)}")
    for row in value if len(others) > 1 else ():
        _require_along(instance, name, others[1:], row)


# How a value is read: (value, what else is said of it, the name of its field) -> what the field holds.
Decoder = Callable[[Any, Any, str], Any]


class _Plan(NamedTuple):
    """How a dataclass is read; found once, as a document may hold millions.

    fields: name, key, decoder, or None of what no document holds, and whether it has no default. parts: see
    `_parts`. estimates: of those, the name, the key of the interval, its decoder. absent: those of the fields that
    are shown, and None by default. has_missing: whether it tells which of them were asked for. has_intervals:
    whether it has a field of the name under which documents of others keep the rest of each interval. along: fields
    that must be as long as others, and those. filled, among: see `from_fields`.
    """

    fields: tuple[tuple[str, str, Decoder | None, bool], ...]
    parts: list[tuple[str, type]]
    estimates: list[tuple[str, str, Decoder]]
    absent: tuple[str, ...]
    has_missing: bool
    has_intervals: bool
    along: tuple[tuple[str, tuple[str, ...]], ...]
    filled: tuple[str, ...]
    among: tuple[tuple[str, tuple[str, ...]], ...]


@lru_cache(maxsize=256)
def _plan(kind: type) -> _Plan:
    hints = get_type_hints(kind)
    estimates = [(field_.name, _ci_key(field_), _decoder(Interval)) for field_ in fields(kind)
                 if Estimate in (hints[field_.name], *get_args(hints[field_.name]))]
    return _Plan(
        tuple((field_.name, key_of(field_), _decoder(hints[field_.name]) if _is_shown(field_) else None,
               field_.default is MISSING and field_.default_factory is MISSING)
              for field_ in fields(kind) if "always" not in field_.metadata),
        _parts(kind),
        estimates,
        (*(field_.name for field_ in fields(kind) if field_.default is None and _is_shown(field_)),
         *(key for _, key, _ in estimates)),
        "missing" in hints, INTERVALS in hints,
        tuple(getattr(kind, "along", {}).items()),
        tuple(getattr(kind, "filled", ())),
        tuple(getattr(kind, "among", {}).items()),
    )


def _decoder(hint: Any) -> Decoder:
    """What decodes values of a type, or of the first of several types that fits."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    may_be_none, nan = NoneType in options or hint is Any, {*options} & {float, Estimate}
    readers = [(_fitting(option), _reader(option)) for option in options if option is not NoneType]

    def decode(value: Any, more: Any, name: str) -> Any:
        if value is None and may_be_none:
            return None
        if value is None and nan:  # what is no number has no other form in JSON
            return next(iter(nan))(math.nan)
        for fits, read in readers:
            if fits(value):
                return value if read is None else read(value, more, name)
        raise InputError(f"{name!r} holds {value!r:.60}, which does not fit")

    return decode


def _reader(hint: Any) -> Decoder | None:
    """What decodes a value that fits the type; None: the value stays as it is."""
    origin, inside = get_origin(hint), get_args(hint)
    if hint is Interval:
        return _interval
    if hint is Provenance:
        return lambda value, more, name: _provenance(value)
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda value, more, name: from_document(hint, value)
    if origin is tuple:
        return _of_several(inside[0]) if inside[-1] is Ellipsis else _of_each(inside)
    if origin in (dict, Mapping):
        key, decode = inside[0], _decoder(inside[1])
        return lambda value, more, name: {key(text): decode(entry, None, name) for text, entry in value.items()}
    if hint is np.ndarray:
        return lambda value, more, name: np.array(value)
    return (lambda value, more, name: hint(value)) if hint in (float, Estimate) else None


def _of_several(hint: Any) -> Decoder:
    decode = _decoder(hint)
    return lambda value, more, name: tuple([decode(element, None, name) for element in value])


def _of_each(hints: tuple[Any, ...]) -> Decoder:
    decoders = tuple(map(_decoder, hints))

    def read(value: Any, more: Any, name: str) -> Any:
        if len(decoders) != len(value):
            raise InputError(f"{name!r} holds {len(value)} values in place of {len(decoders)}")
        return tuple([decode(element, None, name) for decode, element in zip(decoders, value, strict=True)])

    return read


def _fitting(hint: Any) -> Callable[[Any], bool]:
    """Whether a value of JSON may be of a type."""
    kind = float if hint is Estimate else get_origin(hint) or hint
    if kind is Any:
        return lambda value: True
    if kind is Literal:
        return lambda value: value in get_args(hint)
    if kind in (Interval, tuple, list, np.ndarray):
        return lambda value: isinstance(value, list)
    if kind in (dict, Mapping, Provenance) or is_dataclass(kind):
        return lambda value: isinstance(value, dict)
    if kind in (int, float):
        return lambda value: (
            not isinstance(value, bool) and abs(value) <= LARGEST if isinstance(value, int) else isinstance(value, kind)
        )
    return lambda value: isinstance(value, kind)


def _require_mapping(value: Any, name: str) -> None:
    if not isinstance(value, Mapping):
        raise InputError(f"{name!r} holds {value!r:.60}, which does not fit")


def _interval(ends: list[Any], more: Mapping[str, Any] | None, name: str) -> Interval:
    """The interval with these ends; `more` holds its error, method and confidence, which are not known without it."""
    more = {} if more is None else more
    _require_mapping(more, f"{INTERVALS}.{name}")
    if len(ends) != 2:
        raise InputError(f"{name!r} holds {len(ends)} values in place of the ends of an interval")
    decoders = {key: decode for key, _, decode, _ in _plan(Interval).fields if decode is not None}
    low, high = (decoders["low"](end, None, name) for end in ends)
    if low == low and high != high:  # infinity has no other form in JSON than what is not known
        high = math.inf
    rest = {key: decoders[key](value, None, f"{INTERVALS}.{name}.{key}") for key, value in more.items()
            if key in decoders and key not in ("low", "high")}
    return Interval(low, high, **rest)


def _provenance(value: Mapping[str, Any]) -> Provenance:
    inputs = _decoder(tuple[dict[str, Any], ...])(value.get("inputs", []), None, "inputs")
    read = from_fields(Provenance, {**value, "inputs": []})
    return replace(read, inputs=tuple(map(_input, inputs)))


def _input(value: Mapping[str, Any]) -> Input:
    sha256 = _decoder(str | None)(value.get("sha256"), None, "sha256")
    return replace(from_fields(Input, value), _hash=sha256)


def flat(document: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Names and plain values of a document, of two numbers under one name its ends."""
    for name, value in document.items():
        if name in (INTERVALS, *LAST):
            continue
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}.")
        elif isinstance(value, list):
            if len(value) == 2 and not any(isinstance(end, list | dict | str) for end in value):
                yield from ((f"{before}{name}_low", value[0]), (f"{before}{name}_high", value[1]))
        else:
            yield before + name, value


def flat_record(value: Any) -> dict[str, Any]:
    """A dataclass as a row of a table: an interval as two columns, nested values by dotted names, lists left out."""
    return dict(flat(as_document(value)))
