"""Checks of arguments: every public operation passes its arguments through here, once.

A message names the argument, the rule and what came.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial, wraps
from itertools import chain, repeat
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import numpy as np

from pyalign._process import free_memory
from pyalign.backends import Array, Backend, TripletCheck
from pyalign.errors import InputError, Remedy, nearest
from pyalign.measures import LONGEST_SQUARE, SHORTEST_SQUARE

INDEX_DTYPES = (np.int16, np.uint16, np.int32, np.int64)
SPARE = 256e6  # bytes that a large result may take in passing, next to itself
ASYMMETRY = 1e-5  # of the largest value of a matrix: what rounding may do to a symmetric one
Function = TypeVar("Function", bound=Callable[..., Any])
Rule = Callable[[Any, str], Any]  # gives the value as it is to be used, or raises; from it and the argument's name


def checked(function: Function) -> Function:
    """The function, whose arguments are checked by their annotations, as `rule_of` says, before it is called."""

    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        rules = _rules_of(function)
        for name in rules.keys() & named:
            named[name] = rules[name](named[name], name)
        pairs = zip(given, chain(positional, repeat("")), strict=False)
        return function(*(rules[name](value, name) if name in rules else value for value, name in pairs), **named)

    positional = function.__code__.co_varnames[: function.__code__.co_argcount]
    return cast(Function, call)


@cache  # with the first call, since annotations take time to read
def _rules_of(function: Callable[..., Any]) -> dict[str, Rule]:
    """The rules of arguments that have one; of backends, the function that looks them up knows which there are."""
    rules = {name: rule_of(hint) for name, hint in hints_of(function).items() if name != "backend"}
    return {name: rule for name, rule in rules.items() if rule is not None}


@cache
def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function by the names of its arguments; `object` for what can't be read."""
    scope = vars(sys.modules[function.__module__])
    return {name: _hint(text, scope) for name, text in function.__annotations__.items()}


def _hint(annotation: Any, scope: dict[str, Any]) -> Any:
    try:
        return eval(annotation, scope) if isinstance(annotation, str) else annotation
    except (NameError, TypeError):
        return object


def kinds_of(hint: Any) -> tuple[Any, ...]:
    """The types of which a value may be, by an annotation that joins them with `|`."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def rule_of(hint: Any) -> Rule | None:
    """The rule that an annotation states: a word of a `Literal`, True or False, or what it is `Annotated` with."""
    kinds = kinds_of(hint)
    kind, *others = (one for one in kinds if one is not NoneType)
    rule: Rule | None = flag if kind is bool else None
    if get_origin(kind) is Literal:
        rule = partial(_word, get_args(kind))
    elif get_origin(kind) is Annotated:
        rule = get_args(kind)[1]
    if rule is None or others:
        return None
    return rule if NoneType not in kinds else partial(_unless_none, rule)


def _word(allowed: tuple[str, ...], value: Any, name: str) -> str:
    return one_of(value, allowed, name)


def _unless_none(rule: Rule, value: Any, name: str) -> Any:
    return None if value is None else rule(value, name)


def as_rows(x: object, name: str = "embeddings") -> np.ndarray:
    """`x` as (n, d) float32 or float64 with contiguous rows; copied only where dtype or strides ask for it.

    float64 stays; float16, bfloat16 and small integers become float32; larger integers float64.
    """
    a = as_array(x, name, "(n, d)")
    require_rows(a.shape, name)
    a = a.astype(_row_dtype(a.dtype.newbyteorder("="), name), copy=False)
    usable = a.flags.aligned and a.strides[0] % a.itemsize == 0 and a.strides[0] >= 0 and a.strides[1] == a.itemsize
    return a if usable else np.array(a, order="C")


def require_rows(shape: tuple[int, ...], name: str) -> None:
    """Raises unless `shape` is (n, d) with n, d >= 1."""
    if len(shape) != 2:
        raise InputError(f"{name} must have shape (n, d); got {shape}")
    if 0 in shape:
        raise InputError(f"{name} must have at least one row and one feature; got shape {shape}")


def as_array(value: object, name: str, shape: str) -> np.ndarray:
    """`value` as an array; the message writes `shape` for the one that it should have.

    Masked values are refused: an array without its mask would take what is under it at face value.
    """
    if "numpy.ma" in sys.modules and isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise InputError(f"{name} must not hold masked values; got {int(np.ma.getmaskarray(value).sum())}")
    require_dense(value, name)
    try:
        if type(value).__module__.partition(".")[0] == "torch":
            value = _from_torch(value)
        return np.asarray(value)
    except ValueError as error:
        what = "rows of different lengths" if "inhomogeneous" in str(error) else f"{type(value).__name__}: {error}"
        raise InputError(f"{name} must have shape {shape}; got {what}") from error
    except (TypeError, RuntimeError) as error:
        raise InputError(f"{name} must be an array of numbers; got {type(value).__name__}: {error}") from error


def require_dense(value: Any, name: str) -> None:
    """Raises for a sparse matrix of scipy, one of torch or another without strides, a frame of polars."""
    if type(value).__module__.partition(".")[0] == "polars" and type(value).__name__.endswith("Frame"):
        raise InputError(f"{name} must be an array, or a DataFrame of pandas; got one of polars: to_pandas() makes one")
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        raise InputError(f"{name} must be a dense array; got {type(value).__name__}: give {name}.toarray()")
    layout = str(getattr(value, "layout", "torch.strided"))
    if layout != "torch.strided":
        raise InputError(f"{name} must be a dense array; got a tensor of {layout}: give {name}.to_dense()")


def _from_torch(tensor: Any) -> Any:
    """A tensor as numpy can take it: without its graph, on the CPU, bfloat16 as float32."""
    if not hasattr(tensor, "detach"):
        return tensor
    tensor = tensor.detach().cpu()
    return tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor


def _row_dtype(dtype: np.dtype, name: str) -> np.dtype:
    if dtype == np.float64:
        return np.dtype(np.float64)
    if dtype in (np.float16, np.float32, np.int8, np.uint8, np.int16, np.uint16, np.bool_) or dtype.name == "bfloat16":
        return np.dtype(np.float32)
    if dtype.kind in "iu":
        return np.dtype(np.float64)
    raise InputError(f"{name} must hold real numbers; got dtype {dtype}")


def result_dtype(x: Array) -> np.dtype:
    """The dtype of similarities of x, an array or a tensor: float64 for float64, else float32."""
    return np.dtype(np.float64 if str(x.dtype).endswith("float64") else np.float32)


def as_triplets(triplets: object) -> np.ndarray:
    """`triplets` as (t, 3) int16, uint16, int32 or int64, of any strides; other integers are converted.

    `pyalign.Triplets` of another task are refused: who knows what to do with them hands on their values.
    """
    task = getattr(triplets, "task", None)
    if task not in (None, "odd-one-out"):
        raise InputError(f"triplets must be odd-one-out ones here; got task {task!r}")
    a = as_array(triplets, "triplets", "(t, 3)")
    require_triplets(a.shape)
    if a.dtype.kind not in "iu":
        numbered = a.dtype.kind == "f" and bool(((np.floor(a) == a) | np.isnan(a)).all())
        remedy = ": give triplets.astype(int), of the rows without NaN" if numbered else _swapped(a.dtype)
        raise InputError(f"triplets must be integers; got dtype {a.dtype}{remedy}")
    if a.dtype == np.uint64 and int(a.max()) >= 2**63:
        raise InputError(f"triplets must lie in [0, n); got {int(a.max())}")
    native = a.dtype.newbyteorder("=")
    dtype = native if native in INDEX_DTYPES else np.dtype(np.int16 if a.itemsize == 1 else np.int64)
    a = a.astype(dtype, copy=False)
    whole = all(stride % a.itemsize == 0 for stride in a.strides)
    return a if a.flags.aligned and whole else np.array(a, order="C")


def require_triplets(shape: tuple[int, ...]) -> None:
    """Raises unless `shape` is (t, 3) with t >= 1."""
    require_three_columns(shape)
    if shape[0] == 0:
        raise InputError("triplets must not be empty; got shape (0, 3)")


def require_three_columns(shape: tuple[int, ...], dtype: object = None) -> None:
    """Raises unless `shape` is (t, 3); dtype: that of the array, which may say that it holds embeddings."""
    if len(shape) == 2 and shape[1] == 3:
        return
    swapped = _swapped(dtype)
    which = ": which three columns are the items, as in triplets[:, [0, 1, 2]]?" if len(shape) == 2 < shape[1] else ""
    raise InputError(f"triplets must have shape (t, 3); got {shape}{f' of {dtype}{swapped}' if swapped else which}")


def _swapped(dtype: object) -> str:
    """A question where an array in the place of triplets is of such a dtype as embeddings have."""
    return ": are embeddings and triplets swapped?" if "float" in str(dtype) else ""


def require_items(index: np.ndarray, n: int, of: str = "") -> None:
    """Raises where triplets (t, 3) hold what is none of n rows: an index would wrap around, or fail."""
    smallest, largest = (int(index.min()), int(index.max())) if len(index) else (0, -1)
    if smallest < 0 or largest >= n:
        wrong = int(((index < 0) | (index >= n)).any(axis=1).argmax())
        hint = "; is it 1-based?" if smallest >= 1 and largest == n else ""
        raise InputError(f"triplets must lie in [0, {n}){of}; row {wrong} is {index[wrong].tolist()}{hint}")


def require_valid(report: TripletCheck, triplets: Array, n: int, columns: int = 0) -> None:
    """Raises unless every triplet names three different items in [0, n); columns: of the embeddings of n rows."""
    if report.out_of_range >= 0:
        row = report.out_of_range
        hint = "; is it 1-based?" if report.smallest >= 1 and report.largest == n else ""
        if not hint and report.smallest >= 0 and n <= report.largest < columns:
            hint = f"; there are {n} rows of {columns} numbers: are the embeddings transposed?"
        items = triplets[row].tolist()
        raise InputError(f"triplets must lie in [0, {n}); row {row} is {items}{hint}")
    if report.repeated >= 0:
        items = triplets[report.repeated].tolist()
        raise InputError(f"triplets must name three different items; row {report.repeated} is {items}")


class NotFiniteError(InputError):
    """Rows hold NaN or infinity, by their numbers."""

    rows: np.ndarray

    def __init__(self, message: str) -> None:  # of one argument, as whoever unpickles it calls it
        super().__init__(message)


def require_finite(bad: np.ndarray, name: str = "embeddings") -> None:
    """Raises when the mask (n,) marks a row."""
    if bad.any():
        rows = np.flatnonzero(bad)
        hold = "rows holds" if len(rows) == 1 else "rows hold"
        message = f"{name} must be finite; {len(rows)} of {len(bad)} {hold} NaN or infinity, first row {rows[0]}"
        error = NotFiniteError(message)
        error.rows = rows
        raise error


@contextmanager
def may_omit_rows(names: Sequence[str] | None = None, *about: str | None) -> Iterator[None]:
    """Around what leaves out rows with NaN where it is asked to: an error about them says so, and what they are called.

    names: of the rows, where they have some. about: the name of one of several models, with which any error begins, and
        where the triplets are from; None where that is not known.
    """
    try:
        yield
    except InputError as error:
        begin, end = f"{' with '.join(filter(None, about))}: " if about and about[0] else "", ""
        if isinstance(error, NotFiniteError):
            more = f" and {len(error.rows) - 3:,} more" if len(error.rows) > 3 else ""
            called = "" if names is None else f": {', '.join(repr(str(names[row])) for row in error.rows[:3])}{more}"
            end = f'{called}; {Remedy("nan_policy", "omit")} leaves them out'
        if not begin + end:
            raise
        raise InputError(f"{begin}{error}{end}") from error


def not_finite(backend: Backend, x: Array, squares: np.ndarray) -> np.ndarray:
    """Mask (n,) of the rows of x that hold NaN or infinity, from |x|^2 in float64, which may overflow by itself."""
    bad = ~np.isfinite(squares)
    if result_dtype(x) == np.float64 and bad.any():
        bad[bad] = ~np.isfinite(backend.some_rows(x, bad)).all(axis=1)
    return bad


def require_finite_rows(backend: Backend, x: Array, squares: np.ndarray, name: str = "embeddings") -> None:
    """Raises where rows of x hold NaN or infinity, from |x|^2 of each; see `not_finite`."""
    require_finite(not_finite(backend, x, squares), name)


def require_digits(backend: Backend, arrays: Sequence[Array], longest: float, measure: str) -> None:
    """Raises when even the longest row, of |x|^2 = `longest`, is so short that products lose digits to underflow."""
    dtype = result_dtype(arrays[0]).name
    if longest >= SHORTEST_SQUARE[dtype]:
        return
    largest = max(float(backend.row_extremes(a).max()) for a in arrays)
    if largest > 0:
        raise InputError(
            f"embeddings must be scaled up for measure {measure!r}; rows differ by at most {2 * largest:.3g} in a "
            f"feature, whose square underflows {dtype}"
        )


def require_products(squares: np.ndarray, dtype: np.dtype, measure: str, name: str = "embeddings") -> None:
    """Raises when rows are so long that inner products or squared distances could overflow their dtype."""
    longest = float(squares.max())
    if longest > LONGEST_SQUARE[dtype.name]:
        row = int(squares.argmax())
        wider = " or pass float64" if dtype == np.float32 else ""
        raise InputError(
            f"{name} must be scaled down for measure {measure!r}{wider}; row {row} has length "
            f"{math.sqrt(longest):.3g}, whose square overflows {dtype.name}"
        )


def as_similarities(similarities: object) -> np.ndarray:
    """`similarities` as a square float32 or float64 matrix with contiguous rows."""
    a = as_array(similarities, "matrix", "(n, n)")
    require_square(a.shape)
    return as_rows(a, "matrix")


def require_square(shape: tuple[int, ...]) -> None:
    """Raises unless `shape` is (n, n)."""
    if len(shape) != 2 or shape[0] != shape[1]:
        raise InputError(f"matrix must have shape (n, n); got {shape}")


def is_symmetric(matrix: Array) -> bool:
    """Whether a square matrix, an array or a tensor, is its transpose, but for rounding."""
    asymmetry, most = apart_from_transpose(matrix)
    return not bool(asymmetry > most)  # NaN is reported elsewhere


def apart_from_transpose(matrix: Array) -> tuple[Any, Any]:
    """The largest difference of a square matrix, an array or a tensor, from its transpose, and what rounding may do."""
    return abs(matrix - matrix.T).max(), ASYMMETRY * abs(matrix).max()


def as_temperature(temperature: object, name: str = "temperature") -> float:
    """A number in [1e-30, 1e30], so that its inverse is one in float32."""
    value = math.nan if isinstance(temperature, bool | np.bool_) else plain_number(temperature)
    if not 1e-30 <= value <= 1e30:
        raise InputError(f"{name} must be a positive number (1e-30 to 1e30); got {temperature!r}")
    return value


def total_weight(answers: Array, t: int) -> float:
    """The sum of weights of answers, which must be (t, 3), finite, at least 0, and positive in sum."""
    if tuple(answers.shape) != (t, 3):
        raise InputError(f"answers must have shape ({t}, 3), a row for each triplet; got {tuple(answers.shape)}")
    smallest, total = float(answers.min()), float(answers.sum())
    if not (smallest >= 0 and 0 < total < math.inf):
        got = f"smallest {smallest:g}, sum {total:g}"
        raise InputError(f"answers must be finite, at least 0, and not all 0; got {got}")
    return total


def one_of(value: str, allowed: Sequence[str], name: str) -> str:
    """`value` when it is allowed; else an error with the nearest."""
    if isinstance(value, str) and value in allowed:
        return value
    near = nearest(value, allowed) if isinstance(value, str) else ""
    raise InputError(f"{name} must be one of {', '.join(allowed)}; got {value!r}{near}")


def flag(value: object, name: str) -> bool:
    """`value` as True or False, for which 1 and 0 may stand."""
    if isinstance(value, bool | np.bool_ | int) and value in (0, 1):
        return bool(value)
    raise InputError(f"{name} must be True or False; got {value!r}")


def flags(**values: object) -> None:
    """Raises unless all are True or False."""
    for name, value in values.items():
        flag(value, name)


def sequence(value: object, name: str, of: str) -> tuple[Any, ...]:
    """The elements of `value`, a list or the like, whose elements the message calls `of`."""
    several = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | type)
    if not several or (isinstance(value, np.ndarray) and value.ndim == 0):
        raise InputError(f"{name} must be a sequence of {of}; got {value!r}")
    return tuple(value)  # type: ignore[arg-type]


def names_of(value: object, name: str, of: str = "names") -> tuple[str, ...]:
    """The elements of `value`, names or numbers that stand for some, as text; the message calls them `of`."""
    elements = sequence(value, name, of)
    for element in elements:
        if not isinstance(element, str | np.generic | int | float):
            raise InputError(f"{name} must be a sequence of {of}; got one that is {type(element).__name__}")
    return tuple(map(str, elements))


def checked_notes(source: object, notes: object) -> tuple[str, ...]:
    """`notes` of data, which are sentences; raises also unless `source`, where they came from, is text or None."""
    text_or_none(source, "source")
    return names_of(notes, "notes", "sentences")


def text_or_none(value: object, name: str) -> None:
    """Raises unless `value` is text, or None."""
    if value is not None and not isinstance(value, str):
        raise InputError(f"{name} must be text or None; got {value!r}")


def different(values: Sequence[object], shown: Sequence[object], name: str) -> None:
    """Raises where a value comes twice; says how it was `shown`."""
    for k, value in enumerate(values):
        if value in values[:k]:
            raise InputError(f"{name} must differ; got {str(shown[k])!r} twice")


def whole_number(value: object, name: str, least: int, most: int = 2**31 - 1) -> int:
    """`value` as an int in [least, most]."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not least <= int(value) <= most:  # type: ignore[call-overload]
        raise InputError(f"{name} must be a whole number from {least:,} to {most:,}; got {value!r}")
    return int(value)  # type: ignore[call-overload]


def require_room(needed: float, name: str, what: str) -> None:
    """Raises where a result of so many bytes, with `SPARE` next to it while it is made, can't be held in memory."""
    free = free_memory()
    if needed > SPARE and needed + SPARE > free:
        sizes = f"{what} take {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB of memory are free"
        raise InputError(f"{name} must leave room for the result; {sizes}")


def index_number(value: object, least: int) -> int | None:
    """`value` as an int, where it is a whole number of any integer type and at least `least`; else None."""
    if isinstance(value, bool | np.bool_):
        return None
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
    return number if number >= least else None


def plain_number(value: object) -> float:
    """`value` as a float: NaN for what is no number, text of one included."""
    try:
        return math.nan if isinstance(value, str | bytes) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def by_name(mapping: Mapping[Any, Any], name: str) -> dict[str, Any]:
    """`mapping` with its names as text."""
    by_text: dict[str, Any] = {}
    for key, value in mapping.items():
        if str(key) in by_text:
            first = next(other for other in mapping if str(other) == str(key))
            raise InputError(f"{name} must have names that differ as text; got {first!r} and {key!r}")
        by_text[str(key)] = value
    return by_text


def real_number(value: object, name: str) -> float:
    """`value` as a float, which may be NaN."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be a number; got {value!r}") from error


def fraction(value: object, name: str) -> float:
    """`value` as a number strictly between 0 and 1."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not 0.0 < number < 1.0:
        raise InputError(f"{name} must lie between 0 and 1; got {value!r}")
    return number
